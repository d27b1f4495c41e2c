package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
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
			if p.of != n.of {
				return true
			}
			if n.isEvent() && !n.isStep() {
				busy[p] = true
			}
			if n.frame == nil && isFrame(p) {
				n.frame = p
			}
			return true
		})
		if n.isEvent() && !n.isStep() && n.frame != nil {
			own[n.frame] = true
		}
	}
	for _, n := range b.nodes {
		if n.d == nil || !isFrame(n) {
			continue
		}
		if n.d.Kind == dialect.Agent || busy[n] || n.part.Events > 0 {
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
		if n.d != nil && n.d.Kind == dialect.Chain && !n.isRun && n.joined == nil {
			n.d.Glue = !b.keepSteps
			if b.keepSteps {
				n.d.Kind, n.d.EventType = dialect.Step, semconv.TypeStep
			}
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
