package adversary

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestBundles: what somebody proves of a bucket that was attacked, and what the maker of a
// bundle does to it, says nothing that is not so.
func TestBundles(t *testing.T) {
	for _, r := range append([]*role{nobody}, roles...) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				w := draw(rt, r)
				a := &attacker{t: rt, w: w, b: w.b, r: r}
				if r != nobody {
					a = w.attack(rt, r)
				}
				if a == nil {
					return
				}
				var extra *keypair
				if r.key == other {
					extra = a.key
				}
				for range 2 {
					q := w.ask(rt, r, extra)
					p := w.askBundle(rt, q)
					p.make(a)
					if p.file == nil {
						continue
					}
					if r.copies && rapid.Bool().Draw(rt, "edited") {
						p.edit(a)
					}
					report := p.verify()
					if wrong := p.judge(a, report); wrong != "" {
						rt.Fatalf("%s\n%s%s%s%s", wrong, w, a, p, tellBundle(report))
					}
				}
			})
		})
	}
}

// bundleQuestion asks for the proof that a session is in a trail, or is not.
type bundleQuestion struct {
	*question
	o    evidence.Options
	file []byte
	why  string // there is none
}

func (w *world) askBundle(t *rapid.T, q *question) *bundleQuestion {
	o := evidence.Options{Keys: q.o.Keys, Logs: q.o.Logs, Clock: q.o.Clock, Checkpoints: append(q.o.Checkpoints, q.o.From...)}
	o.Session = "nobody"
	if w.sessions > 0 {
		kind := rapid.SampledFrom([]string{"s", "s", "s", "f"}).Draw(t, "of")
		o.Session = fmt.Sprint(kind, rapid.IntRange(1, w.sessions).Draw(t, "session"))
	}
	if rapid.Bool().Draw(t, "in time") {
		o.Since, o.Until = q.o.Since, q.o.Until
	}
	return &bundleQuestion{question: q, o: o}
}

func (p *bundleQuestion) String() string {
	return p.question.String() + fmt.Sprintf("to prove: session %s, between %v and %v %s\n", p.o.Session, p.o.Since, p.o.Until, p.why)
}

// make proves it of what the attacker left.
func (p *bundleQuestion) make(a *attacker) {
	var r ledger.Reader = a.b
	if a.r.copies {
		r = localCopy{a.b}
	}
	var file bytes.Buffer
	if _, err := evidence.Prove(ctx, r, p.o, &file); err != nil {
		p.why = err.Error()
		return
	}
	p.file = file.Bytes()
}

func (p *bundleQuestion) verify() *evidence.Report {
	r, err := evidence.Verify(bytes.NewReader(p.file), int64(len(p.file)),
		evidence.VerifyOptions{Keys: p.o.Keys, Checkpoints: p.o.Checkpoints, Clock: p.o.Clock})
	if err != nil {
		return &evidence.Report{Verdict: ledger.NoVerdict, Reason: err.Error()}
	}
	return r
}

func tellBundle(r *evidence.Report) string {
	text, _ := json.MarshalIndent(r, "", " ")
	return string(text)
}

// parts are the files of a bundle, by name.
func (p *bundleQuestion) parts() map[string][]byte {
	parts := map[string][]byte{}
	z, err := zip.NewReader(bytes.NewReader(p.file), int64(len(p.file)))
	if err != nil {
		return parts
	}
	for _, f := range z.File {
		if in, err := f.Open(); err == nil {
			parts[f.Name], _ = io.ReadAll(in)
		}
	}
	return parts
}

// edit changes a bundle: its parts, or what it says of them.
func (p *bundleQuestion) edit(a *attacker) {
	parts := p.parts()
	names := slices.Sorted(maps.Keys(parts))
	name := rapid.SampledFrom(names).Draw(a.t, "part")
	switch how := rapid.SampledFrom([]string{"drop", "swap", "say", "say", "forge", "deny"}).Draw(a.t, "edit"); how {
	case "drop":
		delete(parts, name)
	case "swap":
		with := rapid.SampledFrom(names).Draw(a.t, "with")
		parts[name], parts[with] = parts[with], parts[name]
	case "say":
		parts["bundle.json"] = a.retell(parts["bundle.json"])
	case "forge":
		if strings.HasPrefix(name, "lines/") {
			parts[name] = line(p.o.Session, rapid.IntRange(1, 9).Draw(a.t, "n"))
		}
	case "deny":
		parts["bundle.json"] = a.deny(parts["bundle.json"])
	}
	a.say("edits the bundle at %s", name)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		if f, err := z.Create(n); err == nil {
			_, _ = f.Write(parts[n])
		}
	}
	_ = z.Close()
	p.file = out.Bytes()
}

// retell changes one to three of the values of a JSON text: an element of a list goes or
// comes twice, a number is another, a text is another that stands there as well.
func (a *attacker) retell(text []byte) []byte {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return text
	}
	for range rapid.IntRange(1, 3).Draw(a.t, "changes") {
		var spots []func()
		var texts []string
		var walk func(v any, set func(any))
		walk = func(v any, set func(any)) {
			switch x := v.(type) {
			case map[string]any:
				for _, k := range slices.Sorted(maps.Keys(x)) {
					walk(x[k], func(with any) { x[k] = with })
				}
			case []any:
				for i := range x {
					walk(x[i], func(with any) { x[i] = with })
					spots = append(spots, func() { set(slices.Delete(slices.Clone(x), i, i+1)) },
						func() { set(slices.Insert(slices.Clone(x), i, x[i])) })
				}
			case float64:
				spots = append(spots, func() { set(x + 1) }, func() { set(x - 1) })
			case string:
				texts = append(texts, x)
				spots = append(spots, func() { set(rapid.SampledFrom(texts).Draw(a.t, "text")) })
			}
		}
		walk(v, func(any) {})
		rapid.SampledFrom(spots).Draw(a.t, "spot")()
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return out
}

// deny makes a bundle one of the absence of a session that is in its logs, and leaves out
// the manifests that name it.
func (a *attacker) deny(text []byte) []byte {
	var v map[string]any
	if a.w.sessions == 0 || json.Unmarshal(text, &v) != nil {
		return text
	}
	session := fmt.Sprint("s", rapid.IntRange(1, a.w.sessions).Draw(a.t, "denied"))
	v["claim"].(map[string]any)["kind"], v["claim"].(map[string]any)["session"] = evidence.Absence, session
	for _, l := range v["logs"].([]any) {
		l := l.(map[string]any)
		delete(l, "lines")
		if l["manifests"] == nil {
			continue
		}
		l["manifests"] = slices.DeleteFunc(l["manifests"].([]any), func(m any) bool {
			digest, _ := m.(map[string]any)["sha256"].(string)
			f := a.w.facts[digest]
			return f != nil && slices.ContainsFunc(f.Objects, func(o object) bool { return o.has(session) })
		})
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return out
}

// judge holds what a bundle is said to prove against the truth: "" where it is right.
func (p *bundleQuestion) judge(a *attacker, r *evidence.Report) string {
	switch {
	case r.Verdict == ledger.NotConfirmed && (a.r == nobody || !a.r.spoils()):
		return "NOT CONFIRMED, and nobody broke a promise"
	case r.Verdict != ledger.Confirmed:
		return ""
	case r.Claim.Kind == evidence.Presence:
		return p.present(a, r)
	}
	return p.absent(a, r)
}

// present judges the lines: each was sealed there, and says the session itself.
func (p *bundleQuestion) present(a *attacker, r *evidence.Report) string {
	parts := p.parts()
	var b struct {
		Logs []struct {
			Log   string
			Lines []struct {
				File, Object string
				Seq, Line    int
			}
		}
	}
	if err := json.Unmarshal(parts["bundle.json"], &b); err != nil {
		return "CONFIRMED what cannot be read: " + err.Error()
	}
	lines := 0
	for _, l := range b.Logs {
		for _, e := range l.Lines {
			lines++
			session := session(parts[e.File])
			if r.Claim.Session != "" && session != r.Claim.Session {
				return fmt.Sprintf("a line of session %q is told as one of %q", session, r.Claim.Session)
			}
			if !a.w.sealed(l.Log, e.Seq, e.Object, e.Line, parts[e.File]) && !p.forgeable(a, r, l.Log) {
				return fmt.Sprintf("%s line %d, which manifest %d of %s did not seal, is CONFIRMED", e.Object, e.Line, e.Seq, l.Log)
			}
		}
	}
	if lines != r.Lines {
		return fmt.Sprintf("%d lines, and %d are told of", lines, r.Lines)
	}
	return ""
}

// session is what a line says of its session.
func session(line []byte) string {
	var e struct {
		SessionID string `json:"session_id"`
	}
	_ = json.Unmarshal(line, &e)
	return e.SessionID
}

// sealed reports whether a log's writer sealed a line there.
func (w *world) sealed(log string, seq int, key string, n int, text []byte) bool {
	truth := w.log(log)
	if truth == nil || seq >= len(truth.chain()) {
		return false
	}
	return slices.ContainsFunc(truth.chain()[seq].Objects, func(o object) bool {
		return o.Key == key && n >= 1 && int64(n) <= o.Events && string(text) == string(line(session(text), n)) && o.has(session(text))
	})
}

// has reports whether an object is of a session: each is of one.
func (o *object) has(session string) bool {
	return slices.Contains(o.Sessions.Prefixes, digest([]byte(session))[:16])
}

// forgeable reports whether the role can seal what is believed, or the report says on which
// key all rests.
func (p *bundleQuestion) forgeable(a *attacker, r *evidence.Report, log string) bool {
	if a.key == nil {
		return false
	}
	if a.w.log(log) == nil {
		return true // a log of his own, by a key that the auditor gave
	}
	rests := func(c evidence.Condition) bool { return c.Log == log && c.KeyID == a.key.id }
	return slices.ContainsFunc(r.Conditions, rests) || a.r.key == current || a.r.key == expired ||
		allowed(took, a.r, p.question) || allowed(rewrote, a.r, p.question)
}

// absent judges that a session is in none of the logs, from the oldest manifest to the
// newest, in the time of the claim.
func (p *bundleQuestion) absent(a *attacker, r *evidence.Report) string {
	for _, l := range r.Logs {
		truth := a.w.log(l.Log)
		if truth == nil {
			continue
		}
		chain := truth.chain()
		at := times(chain)
		for i, f := range chain {
			in := (r.Claim.Since == nil || !at[i].Before(*r.Claim.Since)) && (r.Claim.Until == nil || !at[i].After(*r.Claim.Until))
			if !in || !slices.ContainsFunc(f.Objects, func(o object) bool { return o.has(r.Claim.Session) }) {
				continue
			}
			if !p.missed(a, r, l, f) {
				return fmt.Sprintf("session %s is said to be absent from %s, and is in manifest %d", r.Claim.Session, l.Log, f.Seq)
			}
		}
	}
	return ""
}

// missed reports whether that a manifest is not seen is what the claim leaves open, or what
// the role can do unseen.
func (p *bundleQuestion) missed(a *attacker, r *evidence.Report, l evidence.LogReport, f *fact) bool {
	held := slices.ContainsFunc(p.held, func(n written) bool { return n.log == l.Log && n.size > f.Seq })
	gone := !f.until.After(a.w.now)
	switch {
	case f.Seq < int(l.First):
		return gone || p.forgeable(a, r, l.Log) || !held && allowed(swapped, a.r, p.question)
	case f.Seq > int(l.Last):
		return gone || a.r.denies || !held && (allowed(cut, a.r, p.question) || allowed(swapped, a.r, p.question))
	}
	return p.forgeable(a, r, l.Log) || !held && allowed(swapped, a.r, p.question) || gone && strings.Contains(a.String(), "another trail's")
}
