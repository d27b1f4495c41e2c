package adversary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// question is what an auditor asks of a trail, with what he holds.
type question struct {
	how   string // what is said of the keys
	o     ledger.VerifyOptions
	held  []written // the checkpoints given with it
	extra *keypair  // a key that the auditor trusts for other logs
	copy  bool
}

// Ways to give keys.
const (
	firstKeys   = "the first key of each log"
	firstNamed  = "the first key of each log, named for it"
	allKeys     = "all keys"
	allNamed    = "all keys, each named for its logs"
	pinnedKeys  = "all keys, named, the replaced ones pinned by digest"
	expiredKeys = "all keys, named, the newest with an end in time"
)

func (w *world) ask(t *rapid.T, r *role, extra *keypair) *question {
	q := &question{extra: extra}
	ways := []string{firstKeys, firstNamed, allKeys, allNamed, pinnedKeys, expiredKeys}
	if r != nil && r.key == expired {
		ways = []string{expiredKeys}
	}
	q.how = rapid.SampledFrom(ways).Draw(t, "keys")
	q.o.Keys = w.given(q.how, extra)
	q.o.Clock = func() time.Time { return w.now }
	q.o.Concurrency = 1
	levels := []ledger.Level{ledger.LevelEvents, ledger.LevelEvents, ledger.LevelObjects, ledger.LevelChain}
	q.o.Level = rapid.SampledFrom(levels).Draw(t, "level")
	if rapid.IntRange(0, 3).Draw(t, "one log") == 0 {
		q.o.Logs = []string{rapid.SampledFrom(w.logs).Draw(t, "log").name}
	}
	w.askWindow(t, q)
	w.askHeld(t, q)
	switch rapid.IntRange(0, 5).Draw(t, "at") {
	case 0:
		q.o.At = w.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "days ahead")) * day)
	case 1: // as of a time since which nothing expired
		q.o.At = w.now.Add(-time.Second)
		if q.o.At.Before(w.swept) {
			q.o.At = w.swept
		}
	}
	return q
}

// given are the keys as an auditor gives them.
func (w *world) given(how string, extra *keypair) (list []ledger.PublicKey) {
	add := func(k *keypair, span *ledger.Span) {
		given := k.public
		given.May = span
		if span != nil || !slices.ContainsFunc(list, func(p ledger.PublicKey) bool { return p.ID == k.id }) {
			list = append(list, given)
		}
	}
	for _, l := range w.logs {
		chain := l.chain()
		for i, k := range l.keys {
			span := &ledger.Span{Logs: []string{l.name}}
			switch how {
			case firstKeys, firstNamed:
				if i > 0 {
					continue
				}
			case pinnedKeys:
				if i == 0 {
					span.Genesis = chain[0].digest
				}
				if i < len(l.keys)-1 {
					span.LastSHA256 = lastOf(chain, k).digest
				}
			case expiredKeys:
				if i == len(l.keys)-1 {
					span.NotAfter = times(chain)[len(chain)-1].Add(time.Minute)
				}
			}
			if how == firstKeys || how == allKeys {
				span = nil
			}
			add(k, span)
		}
	}
	switch {
	case extra == nil:
	case how == firstKeys || how == allKeys:
		add(extra, nil)
	default:
		add(extra, &ledger.Span{Logs: []string{"gw-x"}})
	}
	return list
}

// lastOf is the last manifest of a chain that a key signed.
func lastOf(chain []*fact, k *keypair) *fact {
	for _, f := range slices.Backward(chain) {
		if f.by == k {
			return f
		}
	}
	return chain[0]
}

// askWindow bounds the time, at times that manifests have and around them.
func (w *world) askWindow(t *rapid.T, q *question) {
	kind := rapid.SampledFrom([]string{"whole", "whole", "whole", "since", "since", "until", "both"}).Draw(t, "window")
	if kind == "whole" {
		return
	}
	edge := func(label string) time.Time {
		l := rapid.SampledFrom(w.logs).Draw(t, label+" log")
		list := times(l.chain())
		at := list[rapid.IntRange(0, len(list)-1).Draw(t, label)]
		off := []time.Duration{0, time.Millisecond, -time.Millisecond, 20 * day, -20 * day}
		return at.Add(rapid.SampledFrom(off).Draw(t, label+" off"))
	}
	if kind != "until" {
		q.o.Since = edge("since")
	}
	if kind != "since" {
		q.o.Until = edge("until")
	}
}

// askHeld gives some of the checkpoints that the auditor kept, one perhaps to go on from.
func (w *world) askHeld(t *rapid.T, q *question) {
	for _, n := range w.kept {
		use := rapid.SampledFrom([]string{"no", "checkpoint", "from"}).Draw(t, "held")
		if use == "no" {
			continue
		}
		var all []ledger.PublicKey
		for _, k := range keys {
			all = append(all, k.public)
		}
		cp, err := ledger.ParseCheckpoint(n.text, all, nil)
		if err != nil {
			t.Fatalf("a writer's checkpoint cannot be read: %v", err)
		}
		q.held = append(q.held, n)
		if use == "from" && !slices.ContainsFunc(q.o.From, func(c *ledger.Checkpoint) bool { return c.Log == n.log }) {
			q.o.From = append(q.o.From, cp)
		} else {
			q.o.Checkpoints = append(q.o.Checkpoints, cp)
		}
	}
}

// from is the place behind which objects are looked at.
func (q *question) from(log string) int {
	for _, c := range q.o.From {
		if c.Log == log {
			return int(c.Size)
		}
	}
	return 0
}

func (q *question) whole() bool {
	return q.o.Since.IsZero() && q.o.Until.IsZero() && q.o.Logs == nil && len(q.o.From) == 0 && len(q.held) == 0
}

func (q *question) String() string {
	text := fmt.Sprintf("question: level %s, %s", q.o.Level, q.how)
	if q.extra != nil {
		text += ", and " + q.extra.name
	}
	if q.o.Logs != nil {
		text += ", log " + strings.Join(q.o.Logs, " ")
	}
	for name, at := range map[string]time.Time{"since": q.o.Since, "until": q.o.Until, "at": q.o.At} {
		if !at.IsZero() {
			text += ", " + name + " " + at.Format(time.RFC3339Nano)
		}
	}
	for _, c := range q.o.From {
		text += fmt.Sprintf(", from %d of %s", c.Size, c.Log)
	}
	for _, c := range q.o.Checkpoints {
		text += fmt.Sprintf(", checkpoint %d of %s", c.Size, c.Log)
	}
	return text + "\n"
}

// verify asks it of a store.
func (q *question) verify(b *bucket) *ledger.Report {
	var r ledger.Reader = b
	if q.copy {
		r = localCopy{b}
	}
	report, _ := ledger.Verify(ctx, r, q.o)
	return report
}

// tell is what a report says, for people.
func tell(r *ledger.Report) string {
	text := fmt.Sprintf("verdict: %s %s, %d events\n", r.Verdict, r.Reason, r.Events)
	for _, s := range r.Scope {
		text += "  " + s + "\n"
	}
	for _, f := range r.Findings {
		text += fmt.Sprintf("  %s %s %s %d %s: %s\n", f.Severity, f.Code, f.Log, f.Seq, f.Object, f.Message)
	}
	return text
}
