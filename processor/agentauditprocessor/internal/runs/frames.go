package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
)

// frames finds the spans that are agent runs. An agent's span is one; a step of a
// framework is one only where it is a root that has events below it. A run inside
// another is nested, unless the outer one does nothing else: then both are one run.
func (b *batch) frames() {
	known := map[*node]bool{}
	isFrame := func(n *node) (yes bool) {
		if yes, ok := known[n]; ok {
			return yes
		}
		defer func() { known[n] = yes }()
		if n.d == nil || n.d.Record.Log || n.joined != nil || n.d.Skip {
			return false
		}
		return n.d.Kind == dialect.Agent || n.d.Kind == dialect.Chain && n.isRoot()
	}
	busy := map[*node]bool{}      // has events below it
	own := map[*node]bool{}       // has events that are in no nested frame
	nested := map[*node][]*node{} // frames directly below
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		n.above(func(p *node) bool {
			if n.isEvent() {
				busy[p] = true
			}
			if n.frame == nil && isFrame(p) {
				n.frame = p
			}
			return true
		})
		if n.isEvent() && n.frame != nil {
			own[n.frame] = true
		}
	}
	for _, n := range b.nodes {
		if n.d == nil || !isFrame(n) {
			continue
		}
		if n.d.Kind == dialect.Agent || busy[n] || n.run.events > 0 {
			n.isRun = true
			if n.d.Frame != nil {
				n.d.Frame()
			}
			if n.d.Kind == dialect.Chain && n.d.AgentName == "" && n.d.AgentID == "" {
				n.d.AgentName = n.d.Record.Name // a graph or a workflow is all the agent there is
				n.d.Derive("agent_name")
			}
			if n.frame != nil {
				nested[n.frame] = append(nested[n.frame], n)
			}
		}
	}
	for outer, list := range nested {
		if outer.isRun && len(list) == 1 && !own[outer] && !handsOver(outer.d.AgentID, list[0].d.AgentID) {
			list[0].joined = outer
		}
	}
	// A record's frame is the run it belongs to.
	for _, n := range b.nodes {
		for range maxClimb {
			if n.frame == nil || n.frame.joined == nil && n.frame.isRun {
				break
			}
			if n.frame.joined != nil {
				n.frame = n.frame.outermost()
			} else {
				n.frame = n.frame.frame
			}
		}
	}
	for _, n := range b.nodes {
		if n.isRun && n.joined != nil {
			n.outermost().absorb(n)
			n.isRun = false
		}
	}
}

// handsOver reports whether two frames around each other are of two agents: one that
// does nothing but hand over to another is still another.
func handsOver(outer, inner string) bool { return outer != "" && inner != "" && outer != inner }

// outermost is the frame or record that a node is part of in the end. It shortens the
// way for the next time.
func (n *node) outermost() *node {
	out := n
	for out.joined != nil {
		out = out.joined
	}
	for n.joined != nil && n.joined != out {
		n.joined, n = out, n.joined
	}
	return out
}

// top is the frame at the top of those that a frame is nested in.
func (n *node) top() *node {
	for range maxClimb {
		if n.frame == nil {
			break
		}
		n = n.frame
	}
	return n
}

// isRoot reports whether nothing is above the record, as far as its run tells:
// neither a parent out of sight nor other GenAI telemetry.
func (n *node) isRoot() bool {
	top, alone := n, true
	n.above(func(p *node) bool {
		top = p
		alone = p.d == nil
		return alone
	})
	return alone && top.pid.IsEmpty()
}

// absorb takes what the inner span of a run knows into the outer one. The name of
// an agent counts for more than that of a workflow around it.
func (n *node) absorb(inner *node) {
	o, i := n.d, inner.d
	if i.AgentID != "" || o.Kind == dialect.Chain && i.AgentName != "" {
		o.AgentID, o.AgentName = i.AgentID, i.AgentName
	}
	fill(&o.AgentVersion, i.AgentVersion)
	fill(&o.SessionID, i.SessionID)
	fill(&o.UserID, i.UserID)
	fill(&o.UserMessage, i.UserMessage)
	fill(&o.FinalOutput, i.FinalOutput)
	fill(&o.Prompt, i.Prompt)
	fill(&o.Error, i.Error)
	fill(&o.ErrorType, i.ErrorType)
	fill(&o.Outcome, i.Outcome)
	fill(&o.EndedBy, i.EndedBy)
	o.Secrets = append(o.Secrets, i.Secrets...)
	if len(o.ToolsAvailable) == 0 {
		o.ToolsAvailable = i.ToolsAvailable
	}
	o.Decisions = append(o.Decisions, i.Decisions...)
}

func fill(p *string, v string) {
	if *p == "" {
		*p = v
	}
}

// resume joins a run that goes on where another stopped to wait for a decision: it
// begins with a tool call that the other's model asked for and that was not run
// there. Frameworks tell of it as a second trace.
func (b *batch) resume() {
	type call struct{ name, args string }
	asked := map[call]*node{} // by what was asked, the run that asked and did not do it
	for _, n := range b.nodes {
		if n.d == nil || n.d.Kind != dialect.LLM {
			continue
		}
		for _, c := range n.d.Requested {
			asked[call{c.Name, string(c.Arguments)}] = n
		}
	}
	if len(asked) == 0 {
		return
	}
	for _, list := range b.byTrace {
		first := earliest(*list)
		if first == nil || first.d.Kind != dialect.Tool || first.frame == nil {
			continue
		}
		top := first.frame.top()
		before := asked[call{first.d.ToolName, string(first.d.ToolInput)}]
		if before == nil || before.runKey == first.runKey || before.frame == nil || before.d.Record.Service != first.d.Record.Service ||
			!before.d.Timestamp.Before(first.d.Timestamp) {
			continue
		}
		done := false
		for _, n := range *b.byTrace[before.runKey] {
			done = done || n.d.Kind == dialect.Tool && n.d.ToolName == first.d.ToolName && string(n.d.ToolInput) == string(first.d.ToolInput)
		}
		was := before.frame.top()
		if !done && was.d.FinalOutput == "" && was.d.Error == "" {
			top.resume = was
			first.asked = before
		}
	}
}

// earliest is the event of a run that began first.
func earliest(list []*node) *node {
	var first *node
	for _, n := range list {
		if !n.isEvent() || n.d.Record.Log {
			continue
		}
		if first == nil || n.d.Timestamp.Before(first.d.Timestamp) ||
			n.d.Timestamp.Equal(first.d.Timestamp) && n.d.EndTimestamp.Before(first.d.EndTimestamp) {
			first = n
		}
	}
	return first
}
