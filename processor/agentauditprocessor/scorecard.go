package agentauditprocessor

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/coverage"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Setting names what makes the library of a dialect send a field that it leaves out;
// "" where none is known.
func Setting(dialectName, field string) string { return dialect.Setting(dialectName, field) }

// scorecard counts the coverage of what passes, and puts it into the trail at an
// interval, as an event of the request that comes next: what could have been known
// is itself evidence.
type scorecard struct {
	interval time.Duration

	mu    sync.Mutex
	card  *coverage.Card
	since time.Time
}

func newScorecard(interval time.Duration) *scorecard {
	return &scorecard{interval: interval, card: coverage.NewCard()}
}

// add counts what the card of a request does. It returns the event of the interval
// that has ended, or nil.
func (s *scorecard) add(card *coverage.Card, now time.Time) *runs.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	s.card.Merge(card)
	if s.interval == 0 || now.Sub(s.since) < s.interval {
		return nil
	}
	n := strconv.FormatInt(s.card.Events(), 10)
	e := &runs.Event{Dialect: "agentaudit", Event: &semconv.Event{
		EventID: semconv.RecordEventID("coverage", s.since.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano)), EventType: semconv.TypeFinding,
		Timestamp: s.since, EndTimestamp: now, RecordedAt: now, SessionID: "agentaudit", AgentID: "agentaudit", StepNumber: semconv.Some(int64(1)),
		Rule: "coverage", Severity: "info", Message: "what the telemetry of " + n + " events held", Content: s.card.JSON(dialect.Setting),
		Source: []byte(`{"dialect":"agentaudit","signal":"internal"}`),
	}}
	s.card, s.since = coverage.NewCard(), now
	return e
}

// countCoverage reports the coverage of a request as metrics.
func (a *auditor) countCoverage(ctx context.Context, card *coverage.Card) {
	type point struct{ dialect, field, state string }
	counts := map[point]int64{} // an agent may have several rows of one
	card.Each(func(dialect, field, state string, n int64) { counts[point{dialect, field, state}] += n })
	for p, n := range counts {
		a.tb.AgentauditProcessorCoverage.Add(ctx, n, a.attrs.of("dialect", p.dialect, "field", p.field, "state", p.state))
	}
}

// attrSets are the attributes of measurements, each set made once. Only names that this
// processor gives may be among the values, so that there is a bound.
type attrSets struct{ sets sync.Map }

// of makes attributes of keys and values in turn, at most three.
func (s *attrSets) of(pairs ...string) metric.MeasurementOption {
	var key [3][2]string
	for i, s := range pairs {
		key[i/2][i%2] = s
	}
	if set, ok := s.sets.Load(key); ok {
		return set.(metric.MeasurementOption)
	}
	var list []attribute.KeyValue
	for _, pair := range key[:len(pairs)/2] {
		list = append(list, attribute.String(pair[0], pair[1]))
	}
	set := metric.WithAttributeSet(attribute.NewSet(list...))
	s.sets.Store(key, set)
	return set
}
