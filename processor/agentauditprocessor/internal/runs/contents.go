package runs

import (
	"slices"
	"sync"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// contents gives each event what no field of it has of its record, and says what was
// captured. Of a record that gives several events, one has the rest; what completes
// another's event has its rest there.
func (b *batch) contents() {
	runs := b.gatherRests()
	ofRuns := b.partsOfRuns(runs)
	leaves := leavesPool.Get().(*jsontext.Leaves)
	for _, n := range b.nodes {
		if len(n.rest.events) == 0 {
			continue
		}
		leaves.Reset()
		for _, p := range n.rest.events {
			addLeaves(leaves, p.ev)
		}
		if all := ofRuns[n.part]; all != nil {
			all.Take(leaves)
		}
		if !n.isRun {
			leaves.AddWhole(n.d.Prompt) // whose hash the event states
			n.rest.write(n, leaves)
		}
	}
	leavesPool.Put(leaves)
	for _, n := range b.nodes {
		if runs && n.isRun && len(n.rest.events) > 0 {
			l := ofRuns[n.part] // what a run was asked and answered stands in the events of its calls
			l.AddWhole(n.d.Prompt)
			n.rest.write(n, l)
		}
	}
	for _, l := range ofRuns {
		leavesPool.Put(l)
	}
}

// gatherRests notes for each record the events that it gives, and with what completes an
// event its record. It reports whether there are runs that begin or end.
func (b *batch) gatherRests() (runs bool) {
	for _, p := range b.out {
		slices.Sort(p.ev.DerivedFields)
		p.ev.DerivedFrom = derivedFrom(p.n.d, p.ev.Event)
		if p == p.n.main {
			p.ev.ContentState = p.n.d.State(p.ev.Event)
		}
		p.n.rest.events = append(p.n.rest.events, p)
		runs = runs || p.n.isRun
	}
	for _, n := range b.nodes {
		if n.d == nil || len(n.rest.events) > 0 {
			continue
		}
		of := n.outermost()
		if n.d.Kind == dialect.Part {
			of = b.find(spanKey{n.key.trace, n.d.Of}, n.of)
		}
		if of != nil && of != n && len(of.rest.events) > 0 {
			of.rest.joined = append(of.rest.joined, n)
		}
	}
	return runs
}

var leavesPool = sync.Pool{New: func() any { return new(jsontext.Leaves) }}

// partsOfRuns has an empty set of leaves for each part in which a run begins or ends: that of
// the leaves of all its events.
func (b *batch) partsOfRuns(any bool) map[*memory.Part]*jsontext.Leaves {
	if !any {
		return nil
	}
	of := map[*memory.Part]*jsontext.Leaves{}
	for _, p := range b.out {
		if p.n.isRun && of[p.n.part] == nil {
			l := leavesPool.Get().(*jsontext.Leaves)
			l.Reset()
			of[p.n.part] = l
		}
	}
	return of
}

// rest is the events that a record gives, and the records that complete them.
type rest struct {
	events []*placed
	joined []*node
}

func (r *rest) write(n *node, leaves *jsontext.Leaves) {
	at := r.events[0]
	for _, p := range r.events {
		if p == n.main || p == n.start {
			at = p
		}
	}
	content := n.d.Rest(leaves)
	var list []byte
	for _, j := range r.joined {
		if left := j.d.Rest(leaves); left != nil {
			if list == nil {
				list = append(list, '[')
			}
			list = jsontext.AppendElement(list, string(left))
		}
	}
	if list != nil {
		content = appendMember(content, "joined", append(list, ']'))
	}
	switch {
	case content == nil:
	case len(at.ev.Content) == 0:
		at.ev.Content = content
	default: // what an approval says of itself
		at.ev.Content = appendMember(at.ev.Content, "record", content)
	}
}

// appendMember adds a member to an object, which may be empty.
func appendMember(object []byte, key string, raw []byte) []byte {
	if len(object) < 3 {
		object = []byte{'{'}
	} else {
		object = append(slices.Clone(object[:len(object)-1]), ',')
	}
	object = append(jsontext.AppendString(object, key), ':')
	return append(append(object, raw...), '}')
}

// contentFields are the fields of an event whose values come from its record.
var contentFields = func() (list []*semconv.Field) {
	for _, f := range semconv.Fields() {
		switch f.Name {
		case "schema_version", "event_type", "recorded_at", "content", "missing_fields", "derived_fields", "derived_from", "source", "sender", "content_state":
		default:
			list = append(list, semconv.FieldNamed(f.Name))
		}
	}
	return list
}()

// addLeaves takes in what the fields of an event say.
func addLeaves(l *jsontext.Leaves, e *Event) {
	for _, f := range contentFields {
		if !f.Has(e.Event) {
			continue
		}
		f.Leaves(e.Event, l)
	}
	l.AddJSON(e.Source)
}

// derivedFrom says of the fields that are from other events which these are.
func derivedFrom(d *dialect.Draft, e *semconv.Event) []byte {
	var out []byte
	for _, f := range e.DerivedFields {
		for _, from := range d.From {
			if from.Field != f || from.Event == e.EventID {
				continue
			}
			if out == nil {
				out = append(out, '{')
			} else {
				out = append(out, ',')
			}
			out = append(jsontext.AppendString(out, f), ':')
			out = jsontext.AppendString(out, from.Event)
			break
		}
	}
	if out == nil {
		return nil
	}
	return append(out, '}')
}
