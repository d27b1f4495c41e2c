package adversary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// judge holds a verdict against the truth: "" where it is right, else what is wrong.
func (w *world) judge(a *attacker, q *question, r *ledger.Report) string {
	switch r.Verdict {
	case ledger.NotConfirmed:
		return w.accused(a, r)
	case ledger.Confirmed:
		return w.confirmed(a, q, r)
	}
	return ""
}

// accused judges NOT CONFIRMED: nobody makes a trail that without a key of it and without
// the means to remove.
func (w *world) accused(a *attacker, r *ledger.Report) string {
	if a.r.spoils() {
		return ""
	}
	for _, f := range r.Findings {
		if f.Severity == ledger.SeverityError && (a.r.key == "" || !a.owns(f.Log, r)) {
			return "NOT CONFIRMED through what the " + a.r.name + " did, who breaks no promise: " + f.Code
		}
	}
	return ""
}

// owns reports whether a log is the attacker's, by the report: a key that is not named
// begins any log that nobody else has.
func (a *attacker) owns(log string, r *ledger.Report) bool {
	return log == "gw-x" || slices.ContainsFunc(r.Logs, func(l ledger.LogReport) bool {
		return l.Log == log && slices.ContainsFunc(l.Keys, func(k ledger.KeySpan) bool { return k.KeyID == a.key.id })
	})
}

// confirmed judges CONFIRMED: nothing in the stated scope is missing, changed or forged,
// unless the role is listed as able to do that unseen.
func (w *world) confirmed(a *attacker, q *question, r *ledger.Report) string {
	for _, l := range r.Logs {
		truth := w.log(l.Log)
		if truth == nil {
			if a.key == nil {
				return "CONFIRMED over a log that no trusted key wrote: " + l.Log
			}
			continue
		}
		s := &scope{w: w, a: a, q: q, r: r, l: l, chain: truth.chain(), truth: truth}
		if wrong := s.judge(); wrong != "" {
			return l.Log + ": " + wrong
		}
	}
	if wrong := w.left(a, q, r); wrong != "" {
		return wrong
	}
	return met(q, r)
}

// left judges logs that the report does not speak of.
func (w *world) left(a *attacker, q *question, r *ledger.Report) string {
	for _, l := range w.logs {
		there := slices.ContainsFunc(r.Logs, func(have ledger.LogReport) bool { return have.Log == l.name })
		asked := slices.Contains(q.o.Logs, l.name)
		held := slices.ContainsFunc(q.held, func(n written) bool { return n.log == l.name })
		switch {
		case there || q.o.Logs != nil && !asked:
		case asked:
			return "CONFIRMED without the log that was asked for: " + l.name
		case held:
			return "CONFIRMED without a log of which a checkpoint is held: " + l.name
		case !a.r.takes() && !a.r.denies && len(w.grave) == 0:
			return "CONFIRMED without a log that is there: " + l.name
		}
	}
	return ""
}

// met judges whether what was asked for meets what the logs say.
func met(q *question, r *ledger.Report) string {
	if q.o.Since.IsZero() && q.o.Until.IsZero() {
		return ""
	}
	for _, l := range r.Logs {
		early := !q.o.Until.IsZero() && q.o.Until.Before(l.BeganAt)
		late := !q.o.Since.IsZero() && q.o.Since.After(l.WrittenAt)
		switch {
		case early && l.First > 0:
			return "CONFIRMED for a time before the oldest manifest that is there of " + l.Log
		case late && !l.Closed:
			return "CONFIRMED for a time of which nothing is known of " + l.Log
		case !early && !late:
			return ""
		}
	}
	return "CONFIRMED for a time of which no log says anything"
}

// scope is what a report says of one log, and what is true of it.
type scope struct {
	w     *world
	a     *attacker
	q     *question
	r     *ledger.Report
	l     ledger.LogReport
	truth *logTruth
	chain []*fact // as it was sealed
	path  []*fact // as the report has it: from the oldest manifest to the head
}

func (s *scope) judge() string {
	if wrong := s.walk(); wrong != "" {
		return wrong
	}
	for _, check := range []func() string{s.places, s.beginning, s.compared, s.rules, s.ordered, s.counted, s.objects} {
		if wrong := check(); wrong != "" {
			return wrong
		}
	}
	return ""
}

// walk goes back from the head that the report names to the oldest manifest.
func (s *scope) walk() string {
	at := s.l.HeadSHA
	for seq := int(s.l.Last); seq >= int(s.l.First); seq-- {
		f := s.w.facts[at]
		if f == nil || f.Seq != seq || f.Log != s.l.Log {
			return fmt.Sprintf("CONFIRMED over something at %d that nobody signed", seq)
		}
		s.path = append(s.path, f)
		at = f.Previous
	}
	slices.Reverse(s.path)
	return ""
}

// places judges each place of the log: sealed manifests that are not in the report's
// chain, and manifests in it that were not sealed.
func (s *scope) places() string {
	mine := map[int]*fact{}
	for _, f := range s.path {
		mine[f.Seq] = f
	}
	for _, f := range s.chain {
		have := mine[f.Seq]
		switch {
		case f.Seq < int(s.l.First) || have == f:
		case have == nil:
			what := cut
			if s.path[0].forged && !s.w.forged(s.path[0]) {
				what = swapped
			}
			if wrong := s.excused(what, f.Seq); wrong != "" && (what != swapped || !s.gone()) {
				return wrong
			}
		case s.a.key != nil && s.goneFrom(f.Seq):
			// Expired, with all that followed: who has the key may go on from there.
		case s.w.forged(have):
			what := rewrote
			if s.l.First == 0 && s.path[0] != s.chain[0] && allowed(took, s.a.r, s.q) {
				what = took
			}
			if wrong := s.excused(what, f.Seq); wrong != "" {
				return wrong
			}
		case !have.forged:
			return fmt.Sprintf("CONFIRMED with a manifest at %d that another writer's stands before", f.Seq)
		default:
			if wrong := s.excused(swapped, f.Seq); wrong != "" && !s.gone() {
				return fmt.Sprintf("another trail's manifest at %d: %s", f.Seq, wrong)
			}
		}
	}
	last := s.path[len(s.path)-1]
	if !last.forged || last.Seq < len(s.chain) {
		return ""
	}
	for _, what := range []string{appended, rewrote, took} {
		if s.w.forged(last) && allowed(what, s.a.r, s.q) {
			return ""
		}
	}
	if !s.w.forged(last) && (allowed(swapped, s.a.r, s.q) || s.gone()) {
		return ""
	}
	return fmt.Sprintf("CONFIRMED with a forged manifest at %d", last.Seq)
}

// forged reports whether a manifest was written by the attacker, and not replayed.
func (w *world) forged(f *fact) bool {
	return f.forged && f.Writer.Version != "elsewhere"
}

// excused judges a sealed manifest that is not in the report's chain: "" where the role
// can do that unseen, and nothing is left that knew of it.
func (s *scope) excused(what string, seq int) string {
	if at := times(s.path); what == cut && s.blind() && !s.q.o.Until.IsZero() && at[len(at)-1].After(s.q.o.Until) {
		return "" // behind the window nothing is said
	}
	if what == cut && s.trailing() && s.witness(seq) == "" {
		return ""
	}
	if !allowed(what, s.a.r, s.q) {
		return fmt.Sprintf("CONFIRMED without the sealed manifest %d", seq)
	}
	// What is left of another genesis could be of another trail.
	anew := s.path[0].Seq == 0 && s.path[0] != s.chain[0]
	if by := s.witness(seq); by != "" && (what != swapped && !anew || strings.HasPrefix(by, "a held")) {
		return fmt.Sprintf("CONFIRMED without the sealed manifest %d, of which %s knows", seq, by)
	}
	return ""
}

// blind reports whether something that follows the newest manifest of the report cannot be read.
func (s *scope) blind() bool {
	for seq := int(s.l.Last) + 1; seq <= len(s.chain)+2; seq++ {
		if slices.ContainsFunc(s.a.b.objs[manifestKey(s.l.Log, seq)], func(v *version) bool { return v.denied }) {
			return true
		}
	}
	return false
}

// trailing reports whether what followed the newest manifest of the report has expired, and
// with it what led on from there.
func (s *scope) trailing() bool {
	next := int(s.l.Last) + 1
	return next < len(s.chain) && !s.chain[next].until.After(s.w.now)
}

// witness names what is left that knew of a manifest: a checkpoint of more manifests
// that the auditor holds, or that is in the store, or that another log noted.
func (s *scope) witness(seq int) string {
	for _, n := range s.q.held {
		if n.log == s.l.Log && n.size > seq {
			return fmt.Sprintf("a held checkpoint of %d", n.size)
		}
	}
	for _, n := range s.truth.notes {
		if n.size > seq && s.believed(n.by, n.size) && s.there(checkpointKey(n.log, n.size), n.text) {
			return fmt.Sprintf("the stored checkpoint of %d", n.size)
		}
	}
	for _, of := range s.r.Logs {
		for f := s.w.facts[of.HeadSHA]; f != nil && f.Seq >= int(of.First); f = s.w.facts[f.Previous] {
			for _, h := range f.Heads {
				log, _, size, _ := readNote(h.Note)
				i := slices.IndexFunc(s.truth.notes, func(n written) bool { return string(n.text) == h.Note })
				if log == s.l.Log && size > seq && i >= 0 && s.believed(s.truth.notes[i].by, size) {
					return fmt.Sprintf("%s, by the note of %d in its manifest %d,", of.Log, size, f.Seq)
				}
			}
		}
	}
	return ""
}

// believed reports whether the auditor can know that a key signs the log at a size: by the
// chain that he sees, or since he named the key for it.
func (s *scope) believed(k *keypair, size int) bool {
	for i := range s.q.o.Keys {
		if given := &s.q.o.Keys[i]; given.ID == k.id && given.Names(s.l.Log) && given.May.NotAfter.IsZero() {
			return true
		}
	}
	for i, span := range s.l.Keys {
		if span.KeyID == k.id && (i == len(s.l.Keys)-1 || s.l.Keys[i+1].From >= int64(size)) && span.From <= int64(size) {
			return true
		}
	}
	return false
}

// gone reports whether nothing is left of the log, as it was sealed, by the keys that the
// auditor gave: what an unknown key signed says nothing to him.
func (s *scope) gone() bool {
	return !slices.ContainsFunc(s.chain, func(f *fact) bool {
		given := slices.ContainsFunc(s.q.o.Keys, func(k ledger.PublicKey) bool { return k.ID == f.by.id })
		return given && s.there(manifestKey(f.Log, f.Seq), f.body)
	})
}

// goneFrom reports whether a manifest and all behind it have expired and are gone.
func (s *scope) goneFrom(seq int) bool {
	return !slices.ContainsFunc(s.chain[seq:], func(f *fact) bool {
		return f.until.After(s.w.now) || s.there(manifestKey(f.Log, f.Seq), f.body)
	})
}

// there reports whether the auditor can read a content at a key.
func (s *scope) there(key string, body []byte) bool {
	return slices.ContainsFunc(s.a.b.objs[key], func(v *version) bool {
		return !v.marker && !v.denied && string(v.body) == string(body)
	})
}

// beginning judges what is before the oldest manifest of the report: it must have expired.
func (s *scope) beginning() string {
	for _, f := range s.chain[:min(len(s.chain), int(s.l.First))] {
		if s.path[0].forged && !s.w.forged(s.path[0]) {
			if wrong := s.excused(swapped, f.Seq); wrong != "" && !s.gone() {
				return wrong
			}
			continue
		}
		if !f.until.After(s.w.now) {
			continue
		}
		held := slices.ContainsFunc(s.q.held, func(n written) bool { return n.log == s.l.Log && n.size >= int(s.l.First) })
		if held && s.path[0].PastUntil == nil && s.a.r.takes() {
			continue // version 1 did not sign how long: the checkpoint is the beginning
		}
		// Who may write the log anew may lie about how long its past was locked: a checkpoint
		// tells what is in the past, not until when.
		if s.path[0].forged && s.excused(rewrote, int(s.l.First)) == "" {
			continue
		}
		return fmt.Sprintf("CONFIRMED from %d on, and %d is locked until %v", s.l.First, f.Seq, f.until)
	}
	return ""
}

// compared judges the checkpoints that the auditor holds: each is of a tree that is there.
func (s *scope) compared() string {
	for _, n := range s.q.held {
		if n.log != s.l.Log {
			continue
		}
		if n.size < int(s.l.First) || n.size > int(s.l.Last)+1 {
			return fmt.Sprintf("CONFIRMED, and a held checkpoint of %d was not compared", n.size)
		}
		if n.size-1 < len(s.chain) && n.size > int(s.l.First) && s.path[n.size-1-int(s.l.First)] != s.chain[n.size-1] {
			return fmt.Sprintf("CONFIRMED against a held checkpoint of %d", n.size)
		}
	}
	return ""
}

// rules judges the chain of the report by what docs/ledger.md asks of version 2.
func (s *scope) rules() string {
	for i := 1; i < len(s.path); i++ {
		f, before := s.path[i], s.path[i-1]
		switch {
		case f.format < before.format:
			return fmt.Sprintf("CONFIRMED, and version %d follows version %d at %d", f.format, before.format, f.Seq)
		case f.format < 2 || before.format < 2:
			continue
		case f.Time.Before(*before.Time) || f.Time.Before(f.WrittenAt) ||
			!f.Time.Equal(*before.Time) && !f.Time.Equal(f.WrittenAt):
			return fmt.Sprintf("CONFIRMED, and the time of %d is not the later of its own and that before", f.Seq)
		case (f.PastUntil == nil) != (before.PastUntil == nil && before.Seq > 0):
			return fmt.Sprintf("CONFIRMED, and %d does not say how long the past is locked", f.Seq)
		case f.PastUntil == nil:
		case f.PastUntil.Before(before.Retention.Until), before.PastUntil != nil && f.PastUntil.Before(*before.PastUntil):
			return fmt.Sprintf("CONFIRMED, and %d says that the past is locked for less than it is", f.Seq)
		case f.Retention.Until.Before(*f.PastUntil):
			return fmt.Sprintf("CONFIRMED, and %d is locked for less than the past", f.Seq)
		}
	}
	seen := map[string]bool{}
	for _, k := range s.l.Keys {
		if seen[k.KeyID] {
			return "CONFIRMED, and a key that was replaced came back"
		}
		seen[k.KeyID] = true
	}
	return ""
}

// ordered judges a copy: which of two manifests at the newest place is the older only its
// maker says.
func (s *scope) ordered() string {
	head := s.path[len(s.path)-1]
	if !s.q.copy {
		return ""
	}
	for _, v := range s.a.b.objs[manifestKey(head.Log, head.Seq)] {
		payload, _ := unseal(v.body)
		f := s.w.facts[digest(payload)]
		if f == nil || v.denied || f == head || f.by != head.by || head.Seq == 0 {
			continue
		}
		// As an honest writer would have written it, in the time that the auditor trusts its key.
		if s.late(f) {
			continue
		}
		if f.format == 2 && f.honest && f.Previous == head.Previous && head.format == 2 {
			return fmt.Sprintf("CONFIRMED by the order of versions in a copy, at %d", head.Seq)
		}
	}
	return ""
}

// late reports whether a manifest is signed behind the end that the auditor gave its key.
func (s *scope) late(f *fact) bool {
	for i := range s.q.o.Keys {
		k := &s.q.o.Keys[i]
		if k.ID == f.by.id && k.May != nil && !k.May.NotAfter.IsZero() && f.Time != nil && f.Time.After(k.May.NotAfter) {
			return true
		}
	}
	return false
}

// inside are the manifests whose objects the question is about.
func (s *scope) inside() (list []*fact) {
	at := times(s.path)
	for i, f := range s.path {
		if f.Seq >= s.q.from(s.l.Log) && !at[i].Before(s.q.o.Since) && (s.q.o.Until.IsZero() || !at[i].After(s.q.o.Until)) {
			list = append(list, f)
		}
	}
	return list
}

func (s *scope) counted() string {
	n := int64(0)
	for _, f := range s.inside() {
		n += events(f)
	}
	if n != s.l.Events {
		return fmt.Sprintf("CONFIRMED over %d events, there are %d in its scope", s.l.Events, n)
	}
	return ""
}

// objects judges what the manifests in scope name, and their own locks.
func (s *scope) objects() string {
	if s.q.o.Level < ledger.LevelObjects {
		return ""
	}
	for _, f := range s.inside() {
		if f.forged {
			continue
		}
		until := f.until
		if f.format == 1 { // which promised no lock but those of its objects
			until = time.Time{}
		}
		for _, o := range f.Objects {
			if o.Retention.Until.After(until) {
				until = o.Retention.Until
			}
		}
		if wrong := s.locked(manifestKey(f.Log, f.Seq), f.digest, until); wrong != "" {
			return wrong
		}
		for _, o := range f.Objects {
			if wrong := s.locked(o.Key, o.SHA256, o.Retention.Until); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// locked judges a sealed object: it is there with its lock, or its time has come.
func (s *scope) locked(key, want string, until time.Time) string {
	until = until.Truncate(time.Second)
	if !until.After(s.w.now) {
		return ""
	}
	for _, v := range s.a.b.objs[key] {
		have := digest(v.body)
		if strings.HasPrefix(key, "manifests/") {
			if payload, st := unseal(v.body); st != nil {
				have = digest(payload)
			}
		}
		if v.marker || v.denied || have != want {
			continue
		}
		if !v.lock.Until.Before(until) {
			return ""
		}
		if s.a.r.copies {
			return "" // locks in a copy are its maker's word
		}
	}
	return "CONFIRMED, and " + key + " is not there with its lock"
}
