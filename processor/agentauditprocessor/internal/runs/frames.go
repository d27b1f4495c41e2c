package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// frames finds the spans that are agent runs. An agent's span is one; a step of a
// framework is one only where it is a root that has events below it. A run inside
// another is nested, unless the outer one does nothing else: then both are one run.
func (b *batch) frames() {
	f := &framer{known: map[*node]bool{}, busy: map[*node]bool{}, own: map[*node]bool{}, nested: map[*node][]*node{}}
	for _, n := range b.nodes {
		if n.d != nil {
			f.lookAbove(n)
		}
	}
	for _, n := range b.nodes {
		if n.d != nil && f.isFrame(n) {
			f.begin(n)
		}
	}
	f.fold()
	for _, n := range b.nodes {
		n.settle()
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

// framer is what frames knows of the spans of a request.
type framer struct {
	known  map[*node]bool    // whether a span is a frame
	busy   map[*node]bool    // has events below it
	own    map[*node]bool    // has events that are in no nested frame
	nested map[*node][]*node // frames directly below
}

func (f *framer) isFrame(n *node) bool {
	yes, ok := f.known[n]
	if !ok {
		may := n.d != nil && !n.d.Record.Log && n.joined == nil && !n.d.Skip
		yes = may && (n.d.Kind == dialect.Agent || n.d.Kind == dialect.Chain && n.isRoot())
		f.known[n] = yes
	}
	return yes
}

// lookAbove finds the frame that a record is in, and tells the spans above that they have an
// event below them.
func (f *framer) lookAbove(n *node) {
	event := n.isEvent() && !n.isStep()
	n.above(func(p *node) bool {
		if p.of != n.of {
			return true
		}
		if event {
			f.busy[p] = true
		}
		if n.frame == nil && f.isFrame(p) {
			n.frame = p
		}
		return true
	})
	if event && n.frame != nil {
		f.own[n.frame] = true
	}
}

// begin makes a run of a frame that something happened in.
func (f *framer) begin(n *node) {
	if n.d.Kind != dialect.Agent && !f.busy[n] && n.part.Events == 0 && n.d.Error == "" { // one that failed at once is told
		return
	}
	n.isRun = true
	if n.d.Frame != nil {
		n.d.Frame()
	}
	if n.d.Kind == dialect.Chain && n.d.AgentName == "" && n.d.AgentID == "" {
		// A graph or a workflow is all the agent there is, where its name is one.
		if n.d.AgentName = dialect.AgentOfSpan(n.d.Record.Name); n.d.AgentName != "" {
			n.d.Derive("agent_name")
		}
	}
	if n.frame != nil {
		f.nested[n.frame] = append(f.nested[n.frame], n)
	}
}

// fold joins a frame that is all that another one does to that one.
func (f *framer) fold() {
	for outer, list := range f.nested {
		if outer.isRun && len(list) == 1 && !f.own[outer] && !handsOver(outer.d.AgentID, list[0].d.AgentID) {
			list[0].joined = outer
		}
	}
}

// settle has the frame of a record be the run that it belongs to.
func (n *node) settle() {
	for range maxClimb {
		switch {
		case n.frame == nil || n.frame.joined == nil && n.frame.isRun:
			return
		case n.frame.joined != nil:
			n.frame = n.frame.outermost()
		default:
			n.frame = n.frame.frame
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
