package evidence_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// fact is an event as it was truly sealed.
type fact struct {
	semconv.Event
	at time.Time // of the manifest
}

// of reports whether an event is told as of a session by what was truly sealed: by itself,
// or by another of its run, from its sender, that names the session.
func (f *fact) of(session string, truth []fact) bool {
	own := len(f.DerivedFields) == 0
	if own && f.SessionID == session || f.RunID == session {
		return true
	}
	return !own && slices.ContainsFunc(truth, func(o fact) bool {
		return len(o.DerivedFields) == 0 && o.SessionID == session && o.RunID == f.RunID && string(o.Sender) == string(f.Sender)
	})
}

// history seals a log of many kinds of things, and tells what it sealed.
func history(t testing.TB) (s *scene, genesis ledger.PublicKey, truth []fact) {
	s = newScene(t, ledgertest.NewSigner(t, "ed25519"))
	genesis = s.key
	s.commit(ledger.KindOpen)
	seal := func(events ...semconv.Event) {
		s.batch(events...)
		for _, e := range events {
			truth = append(truth, fact{e, s.now})
		}
	}
	inRun := func(e semconv.Event, run, sender string) semconv.Event {
		e.RunID = run
		return from(e, sender)
	}
	seal(inRun(event("a1", "ann"), "r1", "ann"), derived("a2", "r1", "r1", "ann"), derived("m1", "r1", "ann", "mallory"))
	seal(event("b1", "bob"), event("b2", "bob"))
	s.rotate(ledgertest.NewSigner(t, "ed25519"))
	seal(inRun(event("b3", "bob"), "r2", "bob"), derived("b4", "r2", "r2", "bob"), inRun(event("c1", "carol"), "r2", "carol"))
	s.commit(ledger.KindHeartbeat)
	seal(event("b1", "bob")) // told twice
	seal(derived("a3", "r1", "r1", "ann"), event("c2", "carol"))
	s.checkpoint(genesis)
	seal(event("d1", "dave"), derived("a9", "r9", "r9", "ann"))
	s.rotate(ledgertest.NewSigner(t, "ed25519"))
	seal(event("a4", "ann"))
	return s, genesis, truth
}

// TestEditedBundles: whatever somebody without a key does to the parts of bundles, one that
// is confirmed says nothing that is not so.
func TestEditedBundles(t *testing.T) {
	s, genesis, truth := history(t)
	began := truth[0].at
	hour := func(h int) time.Time { return began.Add(time.Duration(h) * time.Hour) }
	names := []string{"ann", "bob", "carol", "dave", "r1", "r2", "nobody"}
	var bundles [][]byte
	for _, o := range []evidence.Options{
		{Session: "ann"},
		{Session: "bob"},
		{Session: "carol"},
		{Session: "r1"},
		{Event: "b1"},
		{Event: "m1"},
		{Event: "a9"},
		{Event: "b4"},
		{Session: "nobody"},
		{Session: "ann", Since: hour(1), Until: hour(2)},
		{Session: "dave", Until: hour(3)},
		{Session: "bob", Since: hour(5)},
	} {
		o.Keys = []ledger.PublicKey{genesis}
		bundles = append(bundles, s.proven(o))
		requireVerdict(t, ledger.Confirmed, check(bundles[len(bundles)-1], trust(genesis)), "")
	}
	confirmed := 0
	rapid.Check(t, func(rt *rapid.T) {
		z := rapid.SampledFrom(bundles).Draw(rt, "bundle")
		other := unzip(t, rapid.SampledFrom(bundles).Draw(rt, "other"))
		lie := edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
			for range rapid.IntRange(1, 3).Draw(rt, "edits") {
				forge(rt, files, b, other, names, hour)
			}
		})
		r := check(lie, trust(genesis))
		if r.Verdict != ledger.Confirmed {
			return
		}
		confirmed++
		_ = edit(t, lie, func(files map[string][]byte, b *evidence.Bundle) {
			if wrong := untrue(files, b, r, truth); wrong != "" {
				rt.Fatalf("%s: %+v", wrong, r)
			}
		})
	})
	t.Log(confirmed, "of the edited bundles are confirmed")
}

// forge changes one thing.
func forge(rt *rapid.T, files map[string][]byte, b *evidence.Bundle, other map[string][]byte, names []string, hour func(int) time.Time) {
	l := &b.Logs[0]
	pick := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(rt, what) }
	at := func() *time.Time {
		if rapid.Bool().Draw(rt, "no time") {
			return nil
		}
		when := hour(pick(12, "hour") - 1)
		return &when
	}
	kinds := []string{"drop", "cut head", "cut tail", "byte", "session", "event", "kind", "time", "import", "format"}
	if len(l.Manifests) > 1 {
		kinds = append(kinds, "swap")
	}
	if len(l.Lines) > 0 {
		kinds = append(kinds, "repeat", "drop line", "place", "by", "swap lines", "import line")
	}
	if len(l.Manifests) == 0 {
		return
	}
	switch rapid.SampledFrom(kinds).Draw(rt, "edit") {
	case "drop":
		i := pick(len(l.Manifests), "manifest")
		l.Manifests = slices.Delete(l.Manifests, i, i+1)
	case "cut head":
		l.Manifests = l.Manifests[pick(len(l.Manifests), "from"):]
	case "cut tail":
		l.Manifests = l.Manifests[:1+pick(len(l.Manifests), "to")]
		last := l.Manifests[len(l.Manifests)-1]
		if m, err := ledger.ParseEnvelope(files[last.File]); err == nil && rapid.Bool().Draw(rt, "tree") {
			l.Tree = evidence.Tree{Size: m.Predicate.Seq, Root: m.Predicate.Tree.Root, File: last.File}
		}
	case "byte":
		list := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(f string) bool {
			return f == "bundle.json" || f == "VERIFY.md" || strings.HasPrefix(f, "keys/") || len(files[f]) == 0
		})
		f := rapid.SampledFrom(list).Draw(rt, "file")
		text := slices.Clone(files[f])
		text[pick(len(text), "byte")] ^= 1 << pick(8, "bit")
		files[f] = text
	case "session":
		b.Claim.Session, b.Claim.Event = rapid.SampledFrom(names).Draw(rt, "name"), ""
	case "event":
		b.Claim.Session, b.Claim.Event = "", rapid.SampledFrom([]string{"a1", "b1", "m1", "none"}).Draw(rt, "id")
	case "kind":
		b.Claim.Kind = rapid.SampledFrom([]string{evidence.Presence, evidence.Absence}).Draw(rt, "kind")
		if rapid.Bool().Draw(rt, "without lines") {
			l.Lines = nil
		}
	case "time":
		b.Claim.Since, b.Claim.Until = at(), at()
	case "swap":
		i, j := pick(len(l.Manifests), "a"), pick(len(l.Manifests), "b")
		l.Manifests[i], l.Manifests[j] = l.Manifests[j], l.Manifests[i]
	case "format":
		b.Format = "https://agentaudit.dev/evidence/v1"
	case "repeat":
		again := l.Lines[pick(len(l.Lines), "line")]
		if rapid.Bool().Draw(rt, "renamed") {
			files["lines/gw-0/x.json"], again.File = files[again.File], "lines/gw-0/x.json"
		}
		l.Lines = append(l.Lines, again)
	case "drop line":
		i := pick(len(l.Lines), "line")
		l.Lines = slices.Delete(l.Lines, i, i+1)
	case "place":
		line := &l.Lines[pick(len(l.Lines), "line")]
		line.Line, line.Seq = pick(4, "n"), int64(pick(12, "seq"))
	case "by":
		l.Lines[pick(len(l.Lines), "line")].EstablishedBy = l.Lines[pick(len(l.Lines), "by")].File
	case "swap lines":
		i, j := pick(len(l.Lines), "a"), pick(len(l.Lines), "b")
		l.Lines[i].File, l.Lines[j].File = l.Lines[j].File, l.Lines[i].File
	case "import":
		imported(rt, files, l, other, false)
	case "import line":
		imported(rt, files, l, other, true)
	}
}

// imported takes the manifests, and perhaps a line, of another bundle of the log, which is
// what a maker can have that chooses what to show.
func imported(rt *rapid.T, files map[string][]byte, l *evidence.Log, other map[string][]byte, line bool) {
	b, err := evidence.ParseBundle(other["bundle.json"])
	if err != nil {
		return
	}
	for _, m := range b.Logs[0].Manifests {
		if !slices.ContainsFunc(l.Manifests, func(o evidence.Manifest) bool { return o.Seq == m.Seq }) {
			l.Manifests = append(l.Manifests, m)
			files[m.File] = other[m.File]
		}
	}
	slices.SortFunc(l.Manifests, func(a, b evidence.Manifest) int { return int(a.Seq - b.Seq) })
	if lines := b.Logs[0].Lines; line && len(lines) > 0 {
		add := lines[rapid.IntRange(0, len(lines)-1).Draw(rt, "line")]
		text := other[add.File]
		add.File = fmt.Sprintf("lines/gw-0/i%d.json", len(l.Lines))
		files[add.File] = text
		if len(l.Lines) > 0 && rapid.Bool().Draw(rt, "established") {
			add.EstablishedBy = l.Lines[0].File
		}
		l.Lines = append(l.Lines, add)
	}
}

// untrue tells what a confirmed bundle says that is not so.
func untrue(files map[string][]byte, b *evidence.Bundle, r *evidence.Report, truth []fact) string {
	c := b.Claim
	if c.Kind == evidence.Absence {
		for _, f := range truth {
			// What is dated before the log's newest manifest, as the report says, and in the time.
			in := (c.Since == nil || !f.at.Before(*c.Since)) && (c.Until == nil || !f.at.After(*c.Until))
			if f.SessionID == c.Session && in && !f.at.After(r.Logs[0].LastAt) {
				return "event " + f.EventID + " is there"
			}
		}
		return ""
	}
	ids := map[string]bool{}
	seen := map[string]bool{}
	for _, l := range b.Logs[0].Lines {
		e, err := semconv.ParseLine(files[l.File])
		if err != nil {
			return "no event"
		}
		i := slices.IndexFunc(truth, func(f fact) bool { return f.EventID == e.EventID })
		at := fmt.Sprint(l.Object, l.Line)
		switch {
		case i < 0 || truth[i].SessionID != e.SessionID || truth[i].RunID != e.RunID:
			return "no such event was sealed"
		case seen[at]:
			return "a line counts twice"
		case c.Event != "" && e.EventID != c.Event, c.Event == "" && !truth[i].of(c.Session, truth):
			return "event " + e.EventID + " is not of it"
		}
		seen[at], ids[e.EventID] = true, true
	}
	if len(ids) == 0 || len(ids) != r.Events || len(seen) != r.Lines {
		return "miscounted"
	}
	return ""
}
