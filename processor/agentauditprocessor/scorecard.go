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

// add counts the events of a request. It returns the event of the interval that has
// ended, or nil.
func (s *scorecard) add(events []*runs.Event, now time.Time) *runs.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	for _, e := range events {
		s.card.Add(e.Dialect, &e.Event)
	}
	if s.interval == 0 || now.Sub(s.since) < s.interval {
		return nil
	}
	n := strconv.FormatInt(s.card.Events(), 10)
	e := &runs.Event{Dialect: "agentaudit", Event: semconv.Event{
		EventID: semconv.RecordEventID("coverage", s.since.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano)), EventType: semconv.TypeFinding,
		Timestamp: s.since, EndTimestamp: now, RecordedAt: now, SessionID: "agentaudit", AgentID: "agentaudit", StepNumber: semconv.Some(int64(1)),
		Rule: "coverage", Severity: "info", Message: "what the telemetry of " + n + " events held", Content: s.card.JSON(dialect.Setting),
		Source: []byte(`{"dialect":"agentaudit","signal":"internal"}`),
	}}
	s.card, s.since = coverage.NewCard(), now
	return e
}

// countCoverage reports the coverage of a request as metrics.
func (a *auditor) countCoverage(ctx context.Context, events []*runs.Event) {
	type point struct{ dialect, field, state string }
	counts := map[point]int64{}
	for _, e := range events {
		if e.LayerOf != "" {
			continue
		}
		for _, fields := range [][]string{coverage.Wanted[""], coverage.Wanted[e.EventType]} {
			for _, f := range fields {
				counts[point{e.Dialect, f, coverage.State(&e.Event, f)}]++
			}
		}
	}
	for p, n := range counts {
		a.tb.AgentauditProcessorCoverage.Add(ctx, n, metric.WithAttributes(
			attribute.String("dialect", p.dialect), attribute.String("field", p.field), attribute.String("state", p.state)))
	}
}
