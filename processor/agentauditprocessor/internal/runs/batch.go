package runs

import (
	"cmp"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
)

// batch is the records of one export request while they become events.
type batch struct {
	sender memory.Sender
	now    time.Time
	view   *memory.View

	keepSteps bool // frameworks' own steps are events

	nodes  []*node
	bySpan map[spanKey]*node
	twins  map[twinKey]*node // spans whose id another resource's has
	parts  []*list           // the records of each resource of each run
	out    []*placed

	told  map[factKey]*placed // which event of the request told a fact
	waits map[*node]bool      // runs that stopped for what another run goes on with, or none yet
	last  map[*node]*node     // the last model call of each run
	asked map[*node]*node     // the first record of each run at the top that has what a user said
}

// list is the records of one resource in one run, in the order of their times once they
// were learnt from.
type list struct {
	part  *memory.Part
	nodes []*node
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

type twinKey struct {
	spanKey
	of memory.Resource
}

type factKey struct {
	of  *memory.Part
	key string
}

// node is a record of the request in its tree.
type node struct {
	d      *dialect.Draft // nil for a span of no dialect
	key    spanKey
	of     memory.Resource
	parent *node // in sight, else nil
	pid    pcommon.SpanID
	part   *memory.Part

	frame  *node // the nearest frame above, of the same resource; nil at the top
	isRun  bool  // a frame that is a run of its own
	joined *node // the frame or record that this one is part of
	asked  *node // the model call of another run that asked for this tool call
	waited *node // the record of the call from when it waited, in another run

	start, end, main *placed // the events it gives

	decided []memory.Ask // the requests that it was resumed with decisions on

	own  own
	rest rest
	id   string // see mainID
	loop int8   // of cutLoops: 1 on the way up, 2 fine
}

// placed is an event of the request with where it comes from.
type placed struct {
	n    *node
	ev   *Event
	rank int // order among events of the same time

	keyed bool
	facts []string // see keys
}

func newBatch(drafts []*dialect.Draft, others []Span) *batch {
	size := len(drafts) + len(others)
	b := &batch{
		bySpan: make(map[spanKey]*node, size), told: make(map[factKey]*placed, len(drafts)),
		nodes: make([]*node, 0, size), out: make([]*placed, 0, len(drafts)+len(drafts)/4),
	}
	nodes := make([]node, size)
	for i, s := range others {
		n := &nodes[i]
		n.key, n.pid, n.of = spanKey{s.Trace, s.ID}, s.Parent, s.Resource
		b.nodes = append(b.nodes, n)
		b.index(n)
	}
	for i, d := range drafts {
		n, r := &nodes[len(others)+i], d.Record
		n.d, n.key, n.pid, n.of = d, spanKey{r.TraceID, r.SpanID}, r.ParentID, resourceOf(r)
		b.nodes = append(b.nodes, n)
		if !r.Log {
			b.index(n)
		}
	}
	for _, n := range b.nodes {
		switch {
		case n.d != nil && n.d.Record.Log:
			if p := b.find(n.key, n.of); p != nil && p.of == n.of {
				n.parent = p
			}
		case !n.pid.IsEmpty():
			if p := b.find(spanKey{n.key.trace, n.pid}, n.of); p != n {
				n.parent = p
			}
		}
	}
	b.cutLoops()
	return b
}

// index lets a span be found by its id, the first of those that have it; those of other
// resources stay theirs.
func (b *batch) index(n *node) {
	first := b.bySpan[n.key]
	switch {
	case first == nil:
		b.bySpan[n.key] = n
	case first.of != n.of:
		if b.twins == nil {
			b.twins = map[twinKey]*node{}
		}
		if key := (twinKey{n.key, n.of}); b.twins[key] == nil {
			b.twins[key] = n
		}
	}
}

// find is the span of that id: the resource's own, else another's, else nil.
func (b *batch) find(key spanKey, of memory.Resource) *node {
	n := b.bySpan[key]
	if n != nil && n.of != of && b.twins != nil {
		return cmp.Or(b.twins[twinKey{key, of}], n)
	}
	return n
}

// cutLoops breaks chains of parents that lead back to where they began, which only
// broken or hostile telemetry has.
func (b *batch) cutLoops() {
	var path []*node
	for _, n := range b.nodes {
		path = path[:0]
		for x := n; x != nil && x.loop != 2; x = x.parent {
			if x.loop == 1 {
				x.parent = nil
				break
			}
			x.loop = 1
			path = append(path, x)
		}
		for _, x := range path {
			x.loop = 2
		}
	}
}

// isEvent reports whether the record gives an event of its own besides a frame's.
func (n *node) isEvent() bool {
	if n.d == nil || n.joined != nil || n.d.Skip {
		return false
	}
	switch n.d.Kind {
	case dialect.Other, dialect.Copy, dialect.Part, dialect.Agent, dialect.Chain:
		return false
	}
	return true
}

// isStep reports whether the record is kept as a step, which is nobody's cause.
func (n *node) isStep() bool { return n.d != nil && n.d.Kind == dialect.Step }

// maxClimb bounds how many spans are climbed through to what stands above one, so
// that the work for a span has a bound, however deep hostile telemetry nests.
const maxClimb = 256

// above calls f with each ancestor in sight, nearest first, until it returns false.
func (n *node) above(f func(*node) bool) {
	p := n.parent
	for range maxClimb {
		if p == nil || !f(p) {
			return
		}
		p = p.parent
	}
}

// depth is how many spans are above a span, in sight.
func (n *node) depth() (d int) {
	n.above(func(*node) bool { d++; return true })
	return d
}
