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
