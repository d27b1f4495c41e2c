package runs

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Mapper makes events of drafts. It is safe for concurrent use.
type Mapper struct {
	mu    sync.Mutex
	cache *cache
}

// NewMapper makes a mapper that remembers at most maxRuns runs, each for ttl after
// its last record.
func NewMapper(maxRuns int, ttl time.Duration) *Mapper {
	return &Mapper{cache: newCache(maxRuns, ttl)}
}

// Event is a finished event, which is the draft's own where there is one, with what the policies need to know beside it.
type Event struct {
	*semconv.Event
	Dialect string
	Prompt  string   // the system prompt in force, as text
	Secrets []string // system texts of the run that content may repeat
	Span    pcommon.SpanID
	// Sent is set where the event tells of a record of the request. From is the sender
	// that told of it, and Workload who the resource of its record says runs; both are
	// empty where the event tells of no record.
	Sent           bool
	From, Workload string
	// OversizeText is the full text of each field that was shortened, by its name.
	OversizeText map[string]string
}

// Span is a span of the request that no dialect recognised: it maps to nothing, and
// parents are climbed to through it.
type Span struct {
	Trace      pcommon.TraceID
	ID, Parent pcommon.SpanID
}

// Map turns the drafts of one export request into events, in the order of their
// runs' steps. evicted is how many runs were forgotten for it. What senders that
// authenticated told is kept apart: one cannot complete, or put a layer over, what
// another told under the same trace id.
func (m *Mapper) Map(sender string, drafts []*dialect.Draft, others []Span, now time.Time) (events []*Event, evicted int) {
	b := newBatch(drafts, others)
	b.now, b.sender = now, sender
	events, evicted = m.remembering(b)
	b.contents()
	for _, n := range b.out {
		events = append(events, n.ev)
	}
	for _, e := range events {
		e.RecordedAt = now
	}
	return events, evicted
}

// remembering does what needs what is remembered of runs, one request at a time. It returns
// the ends of sessions that fell silent.
func (m *Mapper) remembering(b *batch) (ends []*Event, evicted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cache.evicted = 0
	b.cache = m.cache
	m.cache.expire(b.now)
	b.runs()
	b.joinRecords()
	b.frames()
	b.resume()
	b.inherit()
	b.pairCalls()
	b.emit()
	b.layers()
	b.parents()
	b.steps()
	b.remember()
	b.heard()
	return slices.Grow(m.cache.idle(), len(b.out)), m.cache.evicted
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// node is a record of the request in its tree.
type node struct {
	d      *dialect.Draft // nil for a span of no dialect
	key    spanKey
	parent *node // in sight, else nil
	pid    pcommon.SpanID
	run    *run
	runKey string

	frame  *node // the nearest frame above; nil at the top
	isRun  bool  // a frame that is a run of its own
	joined *node // the frame or record that this one is part of
	resume *node // the run that this run goes on with
	asked  *node // the model call that asked for this tool call

	start, end, main *placed // the events it gives

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

type batch struct {
	sender  string
	cache   *cache
	now     time.Time
	goesOn  map[*node]bool  // runs that another run of the request goes on with
	last    map[*node]*node // the last model call of each run
	nodes   []*node
	bySpan  map[spanKey]*node
	byTrace map[string]*[]*node
	out     []*placed
	facts   map[factKey]*placed
}

type factKey struct{ run, key string }

func newBatch(drafts []*dialect.Draft, others []Span) *batch {
	size := len(drafts) + len(others)
	b := &batch{
		bySpan: make(map[spanKey]*node, size), byTrace: map[string]*[]*node{}, facts: make(map[factKey]*placed, len(drafts)),
		nodes: make([]*node, 0, size), out: make([]*placed, 0, len(drafts)+len(drafts)/4),
	}
	nodes := make([]node, size)
	for i, s := range others {
		n := &nodes[i]
		n.key, n.pid = spanKey{s.Trace, s.ID}, s.Parent
		b.nodes = append(b.nodes, n)
		b.bySpan[n.key] = n
	}
	for i, d := range drafts {
		n, r := &nodes[len(others)+i], d.Record
		n.d, n.key, n.pid = d, spanKey{r.TraceID, r.SpanID}, r.ParentID
		b.nodes = append(b.nodes, n)
		if !r.Log && b.bySpan[n.key] == nil {
			b.bySpan[n.key] = n
		}
	}
	for _, n := range b.nodes {
		switch {
		case n.d != nil && n.d.Record.Log:
			n.parent = b.bySpan[n.key]
		case !n.pid.IsEmpty():
			if p := b.bySpan[spanKey{n.key.trace, n.pid}]; p != n {
				n.parent = p
			}
		}
	}
	b.cutLoops()
	return b
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

// runs finds the run of each record: its trace, or its session where it has none.
func (b *batch) runs() {
	var last *node // the spans of a run mostly come together
	var list *[]*node
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		d := n.d
		again := last != nil && !n.key.trace.IsEmpty() && last.key.trace == n.key.trace
		switch {
		case again:
			n.runKey, n.run = last.runKey, last.run
			d.RunID, d.TraceID = last.d.RunID, last.d.TraceID
		case !n.key.trace.IsEmpty():
			n.runKey = string(n.key.trace[:])
			d.RunID = n.key.trace.String()
			d.TraceID = d.RunID
		case d.SessionID != "":
			n.runKey = "s/" + d.Record.Service + "/" + d.SessionID
		default:
			n.runKey = "r/" + d.Record.Service + "/" + d.Record.FromResource("session_id")
		}
		if !n.key.span.IsEmpty() {
			d.SpanID = n.key.span.String()
		}
		if !n.pid.IsEmpty() {
			d.ParentSpanID = n.pid.String()
		}
		if !again {
			if b.sender != "" {
				n.runKey += "@" + b.sender
			}
			n.run = b.cache.get(n.runKey, b.now)
			if list = b.byTrace[n.runKey]; list == nil {
				list = &[]*node{}
				b.byTrace[n.runKey] = list
			}
			last = n
		}
		*list = append(*list, n)
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

// steps orders the events of each run and numbers them on from the last request.
func (b *batch) steps() {
	slices.SortStableFunc(b.out, func(x, y *placed) int {
		return cmp.Or(x.ev.Timestamp.Compare(y.ev.Timestamp), cmp.Compare(x.rank, y.rank), x.ev.EndTimestamp.Compare(y.ev.EndTimestamp))
	})
	for _, p := range b.out {
		if !p.ev.StepNumber.Valid {
			p.n.run.step++
			p.ev.StepNumber = semconv.Some(p.n.run.step)
		}
	}
}
