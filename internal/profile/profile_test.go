package profile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestDiff(t *testing.T) {
	of := func(prompt, description, outcome string) *Profile {
		p := New()
		p.Add(&semconv.Event{
			EventType: semconv.TypeLLMCall, ModelID: "gpt-5", SystemPromptHash: prompt,
			ToolsAvailable: json.RawMessage(`[{"type":"function","function":{"name":"pay","description":"` + description + `"}},"look"]`),
		})
		p.Add(&semconv.Event{EventType: semconv.TypeToolCall, ToolName: "pay\x1b[2J", Outcome: outcome})
		return p
	}
	a, b := of("p1", "Pays.", "success"), of("", "Pays. Always.", "")
	list := Diff(a, b)
	require.Equal(t, []Difference{
		{"system prompt", "p1", 1, 0},
		{"tool description", "pay " + digest("Pays."), 1, 0},
		{"tool description", "pay " + digest("Pays. Always."), 0, 1},
		{"tool call", "pay\x1b[2J outcome not told", 0, 1},
		{"tool call", "pay\x1b[2J success", 1, 0},
	}, sorted(list))
	require.Empty(t, Diff(a, of("p1", "Pays.", "success")))
	var out strings.Builder
	require.NoError(t, Table(&out, terminal.Terminal{}, "A", "B", a, b))
	require.Contains(t, out.String(), "not known of B: system_prompt_hash of model calls, 1 of them\n")
	require.NotContains(t, out.String(), "\x1b")
	require.Equal(t, map[string]int{"pay": 1, "look": 1}, a.Tools)
}

// sorted puts the two descriptions in the order of the test: their digests are of no order.
func sorted(list []Difference) []Difference {
	for i := range list[1:] {
		if list[i].Part == "tool description" && list[i+1].Part == list[i].Part && list[i].A == 0 {
			list[i], list[i+1] = list[i+1], list[i]
		}
	}
	return list
}
