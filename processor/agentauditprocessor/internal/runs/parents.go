package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// parents links events to what triggered them: a tool call to the model call that
// asked for it, else anything to the event of the nearest span above that has one.
func (b *batch) parents() {
	for _, p := range b.out {
		n := p.n
		switch {
		case p == n.end:
			if n.start != nil {
				p.ev.ParentEventID = n.start.ev.EventID
			}
			continue
		case p.ev.ParentEventID != "":
			continue
		case n.asked != nil && n.asked.main != nil:
			p.ev.ParentEventID = n.asked.main.ev.EventID
			continue
		case n.d.Kind == dialect.Message && !n.d.Of.IsEmpty():
			p.ev.ParentEventID = semconv.SpanEventID(n.key.trace, n.d.Of, string(semconv.TypeLLMCall))
			continue
		}
		p.ev.ParentEventID = b.above(n)
		if p.ev.ParentEventID == p.ev.EventID {
			p.ev.ParentEventID = ""
		}
	}
}

func (b *batch) above(n *node) string {
	id := ""
	top := n
	n.above(func(p *node) bool {
		top = p
		id = p.eventID()
		return id == ""
	})
	if id != "" || top.pid.IsEmpty() || n.part == nil {
		return id
	}
	// Above what is in sight: spans that came in earlier requests.
	at := top.pid
	for range 64 {
		s, _, ok := n.part.Span(at)
		if !ok {
			return ""
		}
		if id := n.part.Run.EventID(s.Event); id != "" {
			return id
		}
		at = s.Parent
	}
	return ""
}

// eventID is the event that stands for a span as a parent.
func (n *node) eventID() string {
	switch {
	case n.start != nil:
		return n.start.ev.EventID
	case n.main != nil && !n.isStep():
		return n.main.ev.EventID
	}
	return ""
}
