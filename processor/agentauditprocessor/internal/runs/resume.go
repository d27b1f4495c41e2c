package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
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
	asked := map[askedCall]*node{} // the run that asked and did not do it
	for _, n := range b.nodes {
		if n.d == nil || n.d.Kind != dialect.LLM || n.d.SessionID == n.d.RunID {
			continue
		}
		for _, c := range n.d.Requested {
			asked[askedCall{n.of, n.d.SessionID, c.Name, string(c.Arguments)}] = n
		}
	}
	if len(asked) == 0 {
		return
	}
	for _, l := range b.parts {
		first := earliest(l.nodes)
		if first == nil || first.d.Kind != dialect.Tool || first.frame == nil {
			continue
		}
		call := askedCall{first.of, first.d.SessionID, first.d.ToolName, string(first.d.ToolInput)}
		before := asked[call]
		if before == nil || before.part == first.part || before.frame == nil || !before.d.Timestamp.Before(first.d.Timestamp) {
			continue
		}
		if was := before.frame.top(); !b.wasRun(before.part, call) && was.d.FinalOutput == "" && was.d.Error == "" {
			first.frame.top().resume = was
			first.asked = before
		}
	}
}

// wasRun reports whether a call was run in a run.
func (b *batch) wasRun(part *memory.Part, call askedCall) bool {
	for _, l := range b.parts {
		if l.part != part {
			continue
		}
		for _, n := range l.nodes {
			if n.d.Kind == dialect.Tool && n.d.ToolName == call.name && string(n.d.ToolInput) == call.args {
				return true
			}
		}
	}
	return false
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
