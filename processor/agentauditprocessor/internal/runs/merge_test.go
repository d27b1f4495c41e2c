package runs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A new field of the schema has to be thought of here.
func TestEveryFieldHasARule(t *testing.T) {
	for _, f := range semconv.Fields() {
		require.Contains(t, rules, f.Name)
		if r := rules[f.Name]; r.follows != "" {
			require.Contains(t, rules, r.follows)
		}
	}
	for name := range rules {
		require.NotNil(t, semconv.FieldNamed(name), name)
	}
}

func call(e semconv.Event) *dialect.Draft {
	e.EventType = semconv.TypeLLMCall
	return &dialect.Draft{Event: e, Kind: dialect.LLM}
}

// The outer one of two spans around a call has what only the inner one says, and keeps
// what it says itself.
func TestCompleteOnlyFills(t *testing.T) {
	outer := call(semconv.Event{ModelID: "gpt-5", InputTokens: semconv.Some(int64(3)), OutputText: "ours"})
	inner := call(semconv.Event{
		ModelID: "other", Provider: "openai", CostUSD: semconv.Some(0.5), Temperature: semconv.Some(1.0), TimeToFirstTokenMS: semconv.Some(9.0),
		InputTokens: semconv.Some(int64(4)), OutputText: "theirs", OutputMessages: []byte(`[{"role":"assistant"}]`), Reasoning: "why", UserID: "u", ToolName: "none of a call's",
	})
	complete(outer, inner)
	require.Equal(t, "gpt-5", outer.ModelID)
	require.EqualValues(t, 3, outer.InputTokens.Value)
	require.Equal(t, "ours", outer.OutputText)
	require.Equal(t, "why", outer.Reasoning, "which follows the messages")
	require.Equal(t, "openai", outer.Provider)
	require.Equal(t, "u", outer.UserID)
	require.Equal(t, []any{0.5, 1.0, 9.0}, []any{outer.CostUSD.Value, outer.Temperature.Value, outer.TimeToFirstTokenMS.Value})
	require.Empty(t, outer.ToolName)
}

// What was concluded of a tool call gives way to what the layer that ran it knows.
func TestCompleteOutcome(t *testing.T) {
	tool := func(outcome string, derived bool) *dialect.Draft {
		d := &dialect.Draft{Kind: dialect.Tool, Event: semconv.Event{EventType: semconv.TypeToolCall, Outcome: outcome}}
		if derived {
			d.Derive("outcome")
		}
		return d
	}
	for _, c := range []struct {
		d, from *dialect.Draft
		want    string
	}{
		{tool("", false), tool(semconv.OutcomeError, false), semconv.OutcomeError},
		{tool(semconv.OutcomeSuccess, true), tool(semconv.OutcomeError, false), semconv.OutcomeError},
		{tool(semconv.OutcomeSuccess, false), tool(semconv.OutcomeError, false), semconv.OutcomeSuccess},
		{tool(semconv.OutcomeError, false), tool(semconv.OutcomeSuccess, true), semconv.OutcomeError},
	} {
		complete(c.d, c.from)
		require.Equal(t, c.want, c.d.Outcome)
		require.False(t, c.d.Derived("outcome"))
	}
}

func TestJoinMessages(t *testing.T) {
	d, one, two := &semconv.Event{}, &semconv.Event{OutputMessages: []byte(`[{"a":1}]`), OutputText: "a", FinishReasons: []string{"x"}}, &semconv.Event{
		OutputMessages: []byte(`[{"b":2}]`), OutputText: "b", InputMessages: []byte(`[]`), FinishReasons: []string{"y"}, ModelID: "no message says it",
	}
	joinMessages(d, one)
	joinMessages(d, two)
	require.Equal(t, `[{"a":1},{"b":2}]`, string(d.OutputMessages))
	require.Equal(t, "a\nb", d.OutputText)
	require.Equal(t, []string{"x", "y"}, d.FinishReasons)
	require.Empty(t, d.ModelID)
	require.Equal(t, `[{"a":1}]`, string(one.OutputMessages), "which is another's")
}
