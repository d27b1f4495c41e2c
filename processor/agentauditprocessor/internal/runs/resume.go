package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// askedCall is a call that a model of a resource asked for in a session. A run is gone on
// with only where all of it is the same.
type askedCall struct {
	of                  memory.Resource
	session, name, args string
}

// resume joins a run that goes on where another stopped to wait for a decision: it
// begins with a tool call that the other's model asked for and that was not run
// there. Frameworks tell of it as a second trace of the session.
func (b *batch) resume() {
	b.waits = map[*node]bool{}
	asked := map[askedCall]*node{} // the run that asked and did not do it
	for _, n := range b.nodes {
		if n.d == nil || n.d.Kind != dialect.LLM || n.d.SessionID == n.d.RunID {
			continue
		}
		for _, c := range n.d.Requested {
			asked[askedCall{n.of, n.d.SessionID, c.Name, string(c.Arguments)}] = n
		}
	}
	for _, l := range b.parts {
		first := earliest(l.nodes)
		if first == nil || first.d.Kind != dialect.Tool || first.part.Events > 0 {
			continue
		}
		call := askedCall{first.of, first.d.SessionID, first.d.ToolName, string(first.d.ToolInput)}
		before := asked[call]
		if before == nil || before.part == first.part || before.frame == nil || !before.d.Timestamp.Before(first.d.Timestamp) {
			b.resumeEarlier(first)
			continue
		}
		waited, ended := b.wasRun(before.part, call)
		if was := before.frame.top(); !ended && was.d.FinalOutput == "" && was.d.Error == "" {
			b.waits[was] = true
			first.part.Continues = was.spanEvent(semconv.TypeSessionEnd)
			first.asked, first.waited = before, waited
		}
	}
}

// resumeEarlier is the same where the other run came in an earlier request.
func (b *batch) resumeEarlier(first *node) {
	if first.d.SessionID == first.d.RunID || first.part.Continues != "" {
		return
	}
	b.session(first, false, func(s *memory.Session) {
		if a := s.TakeLeft(first.d.RunID, first.d.ToolName, first.d.ToolInput); a != nil {
			first.part.Continues = a.End
			first.d.ParentEventID, first.d.LayerOf = or(first.d.ParentEventID, a.Event), or(first.d.LayerOf, a.Tool)
		}
	})
}

// wasRun reports whether a call ended in a run, and its record where it did not.
func (b *batch) wasRun(part *memory.Part, call askedCall) (waited *node, ended bool) {
	for _, l := range b.parts {
		if l.part != part {
			continue
		}
		for _, n := range l.nodes {
			if n.d.Kind != dialect.Tool || n.d.ToolName != call.name || string(n.d.ToolInput) != call.args {
				continue
			}
			if n.d.Outcome != "" || n.d.Error != "" || len(n.d.ToolOutput) > 0 {
				return nil, true
			}
			waited = n
		}
	}
	return waited, false
}

// earliest is the event of a run that began first.
func earliest(list []*node) *node {
	var first *node
	for _, n := range list {
		if !n.isEvent() || n.isStep() || n.d.Record.Log {
			continue
		}
		if first == nil || n.d.Timestamp.Before(first.d.Timestamp) ||
			n.d.Timestamp.Equal(first.d.Timestamp) && n.d.EndTimestamp.Before(first.d.EndTimestamp) {
			first = n
		}
	}
	return first
}

// stops finds out whether a run has stopped for a person, as far as it is known: it asked
// and nothing answered in it.
func (b *batch) stops(n *node) bool {
	if !b.waits[n] && n.frame == nil {
		b.session(n, false, func(s *memory.Session) {
			if s.Waits(n.d.RunID) {
				b.waits[n] = true
			}
		})
	}
	return b.waits[n]
}

// leave remembers of a run that has ended for what it waits, so that the run that goes on
// with it is known.
func (b *batch) leave(n *node) {
	if n.frame != nil || n.d.SessionID == n.d.RunID {
		return
	}
	undone := n.part.Undone()
	if !b.waits[n] && len(undone) == 0 {
		return
	}
	b.session(n, true, func(s *memory.Session) {
		s.Ended(n.d.RunID, n.end.ev.EventID)
		for _, q := range undone {
			s.Leave(memory.Ask{Call: q.Call, Event: q.Event, Run: n.d.RunID, End: n.end.ev.EventID, Tool: q.Tool})
		}
	})
}
