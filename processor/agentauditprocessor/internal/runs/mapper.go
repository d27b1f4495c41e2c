package runs

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Mapper makes events of drafts. It is safe for concurrent use.
type Mapper struct {
	store     *memory.Store
	keepSteps bool
}

// NewMapper makes a mapper that remembers at most maxRuns runs, each for ttl after
// its last record. With keepSteps the steps of frameworks, which repeat what other
// records tell, are events.
func NewMapper(maxRuns int, ttl time.Duration, keepSteps bool) *Mapper {
	return &Mapper{store: memory.New(maxRuns, ttl), keepSteps: keepSteps}
}

// Forget forgets what was not heard of for long enough. Map does so, too, for as long as
// requests come.
func (m *Mapper) Forget(now time.Time) { m.store.Expire(now) }

// Event is a finished event, which is the draft's own where there is one, with what the policies need to know beside it.
type Event struct {
	*semconv.Event
	Dialect string
	Prompt  string   // the system prompt in force, as text
	Secrets []string // system texts of its record
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
	Resource   memory.Resource
}

// Sender is who sent a request: see memory.Sender.
type Sender = memory.Sender

// Resource is what a span comes from: see memory.Resource.
type Resource = memory.Resource

// passes make the events of a request, in this order: see the table of the package.
var passes = []struct {
	name string
	run  func(*batch)
}{
	{"identify", (*batch).identify},
	{"join", (*batch).join},
	{"frame", (*batch).frames},
	{"inherit", (*batch).inherit},
	{"resume", (*batch).resume},
	{"pair", (*batch).pair},
	{"emit", (*batch).emit},
	{"layer", (*batch).layers},
	{"parent", (*batch).parents},
	{"step", (*batch).steps},
	{"remember", (*batch).remember},
	{"heard", (*batch).heard},
}

// Map turns the drafts of one export request into events, in the order of their
// runs' steps. evicted is how many runs were forgotten for it. What senders that
// authenticated told is kept apart: one cannot complete, or put a layer over, what
// another told under the same trace id.
func (m *Mapper) Map(sender Sender, drafts []*dialect.Draft, others []Span, now time.Time) (events []*Event, evicted int) {
	b := newBatch(drafts, others)
	b.now, b.sender, b.keepSteps = now, sender, m.keepSteps
	m.store.Expire(now)
	b.view = m.store.Open(sender, now, b.keys())
	for _, p := range passes {
		p.run(b)
	}
	evicted = b.view.Close()
	b.contents()
	events = idle(m.store.FellSilent(), len(b.out))
	for _, n := range b.out {
		events = append(events, n.ev)
	}
	for _, e := range events {
		e.RecordedAt = now
		if e.Timestamp.IsZero() { // what was sent cannot be a time
			e.Timestamp = now
			e.DerivedFields = append(slices.Clone(e.DerivedFields), "timestamp")
			slices.Sort(e.DerivedFields)
		}
	}
	return events, evicted
}
