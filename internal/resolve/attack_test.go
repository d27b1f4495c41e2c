package resolve

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A sender can tell as many events of one span, with one id, of as many services and users as he
// likes: what is shown of them grows with their number, and so does the time (minutes, where
// each of them is looked at for each).
func TestWorkGrowsWithEvents(t *testing.T) {
	const n = 50_000
	for name, event := range map[string]func(i int, e *semconv.Event){
		"one span":                func(_ int, e *semconv.Event) { e.SpanID, e.ParentSpanID = "s", "p" },
		"one span, many services": func(i int, e *semconv.Event) { e.SpanID, e.Source = "s", fmt.Appendf(nil, `{"service":"s-%d"}`, i) },
		"below one span": func(i int, e *semconv.Event) {
			if e.SpanID = "s"; i%2 == 0 {
				e.SpanID, e.ParentSpanID = fmt.Sprint("s-", i), "s"
			}
		},
		"one span of who says": func(i int, e *semconv.Event) {
			if e.SpanID = "s"; i%2 == 0 {
				e.Source, e.ModelID, e.AgentID, e.UserID = []byte(`{"service":"other"}`), "m", "a", "ann"
			}
		},
		"one id": func(_ int, e *semconv.Event) { e.EventID = "same" },
		"many agent runs": func(i int, e *semconv.Event) {
			if i%2 == 0 {
				e.EventType, e.AgentName, e.DerivedFields = semconv.TypeSessionStart, fmt.Sprint("a-", i), []string{"agent_name", "agent_id"}
				e.AgentID = e.AgentName
			}
		},
		"many users": func(i int, e *semconv.Event) {
			if i%2 == 0 {
				e.UserID = fmt.Sprint("u-", i)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			list := make([]Outline, n)
			var e semconv.Event
			for i := range list {
				e = semconv.Event{EventID: fmt.Sprint("e-", i), EventType: semconv.TypeToolCall, RunID: "r"}
				event(i, &e)
				list[i] = NewOutline(&e, fmt.Appendf(nil, `{"event_id":%q,"message":"%d"}`, e.EventID, i))
			}
			shown := Show(list)
			require.Len(t, shown, n)
			v := View{Resolution: &shown[n-1].Resolution, Event: &e, Line: []byte(`{}`)}
			require.Less(t, len(v.AppendResolved(nil)), 2000)
		})
	}
}
