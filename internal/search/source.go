package search

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Source gives the events in which something is looked for, as readers show them: verified, each
// once, in the one order.
type Source interface {
	// Events gives at least every event that the query finds; what else it gives is looked at.
	Events(ctx context.Context, q *Query) iter.Seq2[*trail.Event, error]
	// Covered is what was looked through, once the events were given.
	Covered() Coverage
}

// Coverage is what a search looked through.
type Coverage struct {
	Logs    []string
	Objects int // that were read
	Empty   int // of these, that gave no event: expired, or they do not hold
	Passed  int // that were passed over: all of their events are of other times
	Events  int // as shown: each once
}

// Around is how far outside of the time of a query events are read: what a run says of an event
// in that time may stand on an event before it or behind it.
const Around = 24 * time.Hour

// Trail is a trail as a source: all of it is read, but for objects of other times.
type Trail struct {
	Reader ledger.Reader
	Keys   []ledger.PublicKey
	Logs   []string // nil: all
	// Note is told what does not hold, and is not among the events.
	Note func(*ledger.Finding)

	covered Coverage
}

// Covered implements Source.
func (t *Trail) Covered() Coverage { return t.covered }

// Events implements Source.
func (t *Trail) Events(ctx context.Context, q *Query) iter.Seq2[*trail.Event, error] {
	return func(yield func(*trail.Event, error) bool) {
		t.covered = Coverage{}
		asked, gave := map[string]bool{}, map[string]bool{}
		o := ledger.ReadOptions{Keys: t.Keys, Logs: t.Logs, Objects: func(o *ledger.Object) bool {
			if !q.mayHold(o) {
				t.covered.Passed++
				return false
			}
			asked[o.Key] = true
			return true
		}}
		whole, err := trail.ReadWhole(ctx, t.Reader, o, t.Note)
		if err != nil {
			yield(nil, err)
			return
		}
		defer whole.Close()
		for at := range whole.Places() {
			gave[at.Object] = true
			if !slices.Contains(t.covered.Logs, at.Log) {
				t.covered.Logs = append(t.covered.Logs, at.Log)
			}
		}
		t.covered.Objects, t.covered.Empty = len(asked), len(asked)-len(gave)
		for e, err := range whole.All() {
			t.covered.Events++
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// mayHold reports whether events of the object may be of the time of the query, or of runs that
// have some.
func (q *Query) mayHold(o *ledger.Object) bool {
	return (q.Since.IsZero() || !o.MaxTimestamp.Before(q.Since.Add(-Around))) &&
		(q.Until.IsZero() || !o.MinTimestamp.After(q.Until.Add(Around)))
}
