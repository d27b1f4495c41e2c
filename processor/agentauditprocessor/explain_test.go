package agentauditprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestExplain: which key gives which field is found by what is missing without it.
func TestExplain(t *testing.T) {
	td := ptrace.NewTraces()
	s := span(td, "x", "execute_tool refund", 1, 9, attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.arguments": `{"order":7}`, "gen_ai.tool.call.result": "done", "acme.mood": "calm",
		"session.id": "s1", "gen_ai.conversation.id": "s1",
	})
	s.Events().AppendEmpty().SetName("note")
	span(td, "x", "GET /", 2, 0, attrs{"http.method": "GET"})
	list := ExplainTraces(td, "")
	require.Len(t, list, 2)
	x := list[0]
	require.Equal(t, []string{"otel-genai", "tool_call", "span", "execute_tool refund"}, []string{x.Dialect, x.Type, x.Signal, x.Name})
	from := map[string][]string{}
	for _, f := range x.Fields {
		from[f.Field] = f.Keys
	}
	require.Equal(t, []string{"gen_ai.tool.name"}, from["tool_name"][:1])
	require.Equal(t, []string{"gen_ai.tool.call.arguments"}, from["tool_input"])
	require.Equal(t, []string{"gen_ai.tool.call.result"}, from["outcome"], "what came back says that it ran")
	require.Equal(t, []string{"session.id"}, from["session_id"], "told twice, taken once")
	require.Contains(t, x.Kept, "acme.mood")
	require.Contains(t, x.Kept, "event note")
	require.Empty(t, list[1].Dialect)
	require.Len(t, ExplainTraces(td, "02"), 1)
	require.Empty(t, ExplainTraces(td, "ff"))

	ld := plog.NewLogs()
	rec := log(ld, "x", "hi", attrs{"gen_ai.system": "openai"})
	rec.SetEventName("gen_ai.user.message")
	logs := ExplainLogs(ld, "")
	require.Len(t, logs, 1)
	require.Equal(t, []string{"message", "gen_ai.user.message"}, []string{logs[0].Type, logs[0].Name})
	for _, f := range logs[0].Fields {
		if f.Field == "input_messages" {
			require.Equal(t, []string{"body"}, f.Keys)
		}
	}
}
