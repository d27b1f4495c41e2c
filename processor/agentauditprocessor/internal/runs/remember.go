package runs

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
)

// remember keeps for later requests what this one told.
func (b *batch) remember() {
	for _, p := range b.out {
		part := p.n.part
		if !p.n.isStep() {
			part.Events++
		}
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
	if n.main == nil && !n.isRun && !n.pid.IsEmpty() {
		n.part.PassKids(n.key.span, n.pid)
	}
	if n.start != nil && n.end != nil {
		n.part.AddFrame(memory.Frame{Start: n.start.ev.EventID, End: n.end.ev.EventID, Agent: n.d.AgentID})
	}
	if n.d.Kind == dialect.LLM {
		n.part.Came(n.key.span)
	}
}
