package runs

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// remember keeps for later requests what this one told.
func (b *batch) remember() {
	for _, p := range b.out {
		part := p.n.part
		part.Events++
		for _, k := range p.keys() {
			p.tell(k)
		}
	}
	for key, p := range b.told {
		if !slices.Contains(p.keys(), key.key) { // of an answer
			p.tell(key.key)
		}
	}
	for _, n := range b.nodes {
		if n.d != nil && !n.d.Record.Log {
			n.remember()
		}
	}
}

func (p *placed) tell(key string) {
	p.n.part.Tell(key, p.ev.EventID, p.ev.EventType, p.n.d.ResponseID, p.n.d.Record.Log)
}

func (n *node) remember() {
	call := n.main != nil && n.d.Kind == dialect.LLM
	n.part.AddSpan(n.key.span, n.pid, n.eventID(), n.d.ResponseID, call, memory.Agent{ID: n.own.agentID, Name: n.own.agentName, From: n.eventID()})
	if call && n.parent == nil && !n.pid.IsEmpty() {
		n.part.AddKid(n.pid, n.main.ev.EventID, n.d.ResponseID)
	}
	if n.start != nil && n.end != nil {
		n.part.AddFrame(memory.Frame{Start: n.start.ev.EventID, End: n.end.ev.EventID, Agent: n.d.AgentID})
	}
	if n.d.Kind == dialect.LLM {
		n.part.Came(n.key.span)
	}
}

// contents gives each event what no field of it took, and says what was captured.
func (b *batch) contents() {
	for _, p := range b.out {
		n := p.n
		switch {
		case len(p.ev.Content) > 0:
		case p == n.main, p == n.start, p == n.end && n.start == nil:
			p.ev.Content = n.d.Leftover()
		}
		slices.Sort(p.ev.DerivedFields)
		p.ev.DerivedFrom = derivedFrom(n.d, p.ev.Event)
		if p == n.main {
			p.ev.ContentState = n.d.State(p.ev.Event)
		}
	}
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
