package values_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/internal/values"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// session is what was sealed of a session, read again.
func session(t *testing.T, events ...*semconv.Event) *trail.Trail {
	t.Helper()
	for i, e := range events {
		e.SessionID, e.RunID, e.StepNumber = "s", "r", semconv.Some(int64(i+1))
		e.Timestamp = time.Date(2026, 11, 23, 10, 0, i, 0, time.UTC)
	}
	store, keys := trailtest.Seal(t, events)
	tr, err := trail.Read(context.Background(), store, keys, nil, "s")
	require.NoError(t, err)
	return tr
}

// TestTrace: a value is of who brought it in first, and in every call that it went out in.
func TestTrace(t *testing.T) {
	tr := session(
		t,
		&semconv.Event{EventID: "start", EventType: semconv.TypeSessionStart, UserMessage: "refund A-1001"},
		&semconv.Event{
			EventID: "model", EventType: semconv.TypeLLMCall, SystemPromptHash: strings.Repeat("a", 64), OutputText: "looking for A-1001",
			InputMessages: json.RawMessage(`[{"role":"user","parts":[{"type":"tool_call_response","id":"c","result":{"iban":"DE7"}}]}]`),
		},
		&semconv.Event{EventID: "look", EventType: semconv.TypeToolCall, ToolName: "look", ToolInput: json.RawMessage(`{"order":"A-1001"}`), ToolOutput: json.RawMessage(`{"total":[42.5]}`)},
		&semconv.Event{EventID: "docs", EventType: semconv.TypeRetrieval, Query: "limit for A-1001", Documents: json.RawMessage(`[{"content":"at most 100\u001b[2J"}]`)},
		&semconv.Event{EventID: "pay", EventType: semconv.TypeToolCall, ToolName: "pay", ToolInput: json.RawMessage(`{"order":"A-10012","amount":42.5}`)},
		&semconv.Event{EventID: "end", EventType: semconv.TypeSessionEnd, FinalOutput: "A-1001 is refunded"},
	)
	flow := values.Of(tr, map[string]string{strings.Repeat("a", 64): "Refund at most 100."})
	for value, c := range map[string]struct {
		first values.Source
		out   []string
	}{
		"A-1001":  {values.User, []string{"look order", "docs ", "end "}}, // not A-10012
		"42.5":    {values.Tool, []string{"pay amount"}},
		"100":     {values.System, nil},
		"DE7":     {values.Tool, nil}, // whoever is told to say what a tool gave
		"A-10012": {"", []string{"pay order"}},
		"looking": {values.Model, nil},
		"order":   {"", nil}, // a name of a member is no value
	} {
		trace := flow.Trace(value)
		if c.first == "" {
			require.Nil(t, trace.First, value)
		} else {
			require.NotNil(t, trace.First, value)
			require.Equal(t, c.first, trace.First.Source, value)
		}
		var out []string
		for _, x := range trace.Out {
			out = append(out, x.Event.EventID+" "+x.Path)
		}
		require.Equal(t, c.out, out, value)
	}
	var b strings.Builder
	require.NoError(t, flow.Table(&b, terminal.Terminal{Width: 60}, flow.Trace("100"), "100", false))
	require.Contains(t, b.String(), "100 first came in by the system: system_prompt_hash of ")
	require.Contains(t, b.String(), "not known: tool_output of 1 events was not captured")
	require.NotContains(t, b.String(), "\x1b")
}
