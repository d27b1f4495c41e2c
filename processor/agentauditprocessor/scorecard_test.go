package agentauditprocessor

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/coverage"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestScorecardIsSealed: at its interval the scorecard is an event like the others.
func TestScorecardIsSealed(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Coverage.Interval = time.Minute
	a, err := newAuditor(componenttest.NewNopTelemetrySettings(), cfg)
	require.NoError(t, err)
	defer a.shutdown()
	now := start
	a.now = func() time.Time { return now }
	consume := func(id byte) []*semconv.Event {
		td := ptrace.NewTraces()
		span(td, "ai", "ai.toolCall", id, 9, attrs{"ai.operationId": "ai.toolCall", "ai.toolCall.name": "pay"})
		out, err := a.processTraces(context.Background(), td)
		require.NoError(t, err)
		var events []*semconv.Event
		for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			require.NoError(t, err)
			e, err := semconv.ParseLine(line)
			require.NoError(t, err)
			events = append(events, e)
		}
		return events
	}
	require.Len(t, consume(1), 1)
	now = now.Add(61 * time.Second)
	events := consume(2)
	require.Len(t, events, 2)
	card := events[1]
	require.Equal(t, semconv.TypeFinding, card.EventType)
	require.Equal(t, "coverage", card.Rule)
	require.Empty(t, card.MissingFields)
	var content struct {
		Events int64
		Rows   []coverage.Row
	}
	require.NoError(t, json.Unmarshal(card.Content, &content))
	require.Equal(t, int64(2), content.Events)
	found := false
	for _, r := range content.Rows {
		if r.Field == "tool_input" {
			found = true
			require.Equal(t, int64(2), r.Missing)
			require.Equal(t, "recordInputs / recordOutputs: true", r.Setting, "what closes the gap")
		}
	}
	require.True(t, found)
	require.Len(t, consume(3), 1, "a new one begins")
}

func TestCoverageMetric(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "execute_tool pay", 1, 9, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	m, err := r.tel.GetMetric("otelcol_agentaudit_processor_coverage")
	require.NoError(t, err)
	states := map[string]string{}
	for _, p := range sumPoints(t, m) {
		f, _ := p.Attributes.Value("field")
		s, _ := p.Attributes.Value("state")
		states[f.AsString()] = s.AsString()
		d, _ := p.Attributes.Value(attribute.Key("dialect"))
		require.Equal(t, "otel-genai", d.AsString())
	}
	require.Equal(t, "present", states["tool_name"])
	require.Equal(t, "missing", states["tool_input"])
	require.Equal(t, "derived", states["agent_id"])
}
