package coverage

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestCard(t *testing.T) {
	c := NewCard()
	tool := &semconv.Event{EventType: semconv.TypeToolCall, AgentID: "a", SessionID: "s", ToolName: "pay", ToolInput: []byte(`{}`), DerivedFields: []string{"agent_id"}, ContentState: semconv.ContentTruncatedAtSource}
	c.Add("codex", tool)
	hidden := *tool
	hidden.ToolInput, hidden.ContentState = nil, semconv.ContentWithheld
	c.Add("codex", &hidden)
	layer := *tool
	layer.LayerOf = "x"
	c.Add("codex", &layer)
	require.Equal(t, int64(2), c.Events(), "a layer is not counted")
	got := map[string]Row{}
	for _, r := range c.Rows(func(d, f string) string { return d + " " + f }) {
		got[r.Field] = r
	}
	require.Equal(t, Row{Agent: "a", Dialect: "codex", EventType: "tool_call", Field: "agent_id", Derived: 2, Setting: "codex agent_id"}, got["agent_id"])
	require.Equal(t, Row{Agent: "a", Dialect: "codex", EventType: "tool_call", Field: "tool_name", Present: 2}, got["tool_name"])
	require.Equal(t, int64(1), got["tool_input"].Cut)
	require.Equal(t, int64(1), got["tool_input"].Withheld)
	require.Equal(t, int64(2), got["user_id"].Missing)
	require.True(t, json.Valid(c.JSON(nil)))
}

func TestCardIsBounded(t *testing.T) {
	c := NewCard()
	for i := range maxRows {
		c.Add("d", &semconv.Event{EventType: semconv.TypeMessage, AgentID: fmt.Sprint(i)})
	}
	require.Len(t, c.Rows(nil), maxRows)
	require.Positive(t, c.Dropped)
}

// TestAdvice: a setting is named where a field is missing or was derived, and not where what
// came of the same agent shows that it is made.
func TestAdvice(t *testing.T) {
	c := NewCard()
	c.Add("d", &semconv.Event{EventType: semconv.TypeLLMCall, AgentID: "a", SessionID: "s", InputMessages: []byte(`[]`), DerivedFields: []string{"session_id"}})
	c.Add("d", &semconv.Event{EventType: semconv.TypeToolCall, AgentID: "a", SessionID: "s", ToolName: "pay", DerivedFields: []string{"session_id"}})
	settings := map[string]string{"input_messages": "CONTENT=true", "tool_input": "CONTENT=true", "session_id": "set session.id", "user_id": "set user.id"}
	for _, r := range c.Rows(func(_, f string) string { return settings[f] }) {
		want := ""
		if r.Field == "session_id" || r.Field == "user_id" {
			want = settings[r.Field]
		}
		require.Equal(t, want, r.Setting, "%s %s", r.EventType, r.Field)
	}
}

// TestNoTable: whose telemetry was read without a table can be asked for.
func TestNoTable(t *testing.T) {
	c, other := NewCard(), NewCard()
	for range 2 {
		other.Add("untabled-shape", &semconv.Event{EventType: semconv.TypeLLMCall, AgentID: "a", Source: []byte(`{"scope":"acme","scope_version":"1"}`)})
	}
	other.Add("codex", &semconv.Event{EventType: semconv.TypeLLMCall, AgentID: "a", Source: []byte(`{"scope":"codex"}`)})
	c.Merge(other)
	require.Contains(t, string(c.JSON(nil)), `"no_table":[{"scope":"acme","version":"1","events":2}]`)
	for i := range maxScopes + 1 {
		c.Add("untabled", &semconv.Event{EventType: semconv.TypeStep, AgentID: "a", Source: []byte(fmt.Sprintf(`{"scope":"s%d"}`, i))})
	}
	require.Positive(t, c.Dropped)
}
