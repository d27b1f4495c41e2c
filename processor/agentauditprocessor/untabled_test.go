package agentauditprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// What no table knows is read by the words that vendors share, whatever their prefix and
// however they part their words, and says that no table read it.
func TestReadWithoutATable(t *testing.T) {
	call := one(t, "acme-sdk", "think", attrs{
		"acme.span.type": "LLM", "acme.sessionId": "s1", "acme.user_id": "u1", "acme.agent.name": "refunder", "acme.model": "m-1",
		"acme.input":        `{"type":"chat_messages","value":[{"role":"system","content":"Be kind."},{"role":"user","content":"Refund order 7."}]}`,
		"acme.output":       `[{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"name":"refund","arguments":"{\"order\":7}"}}]}]`,
		"acme.promptTokens": 12, "acme.completion_tokens": 3, "acme.mood": "calm",
	})
	require.Equal(t, semconv.TypeLLMCall, call.EventType)
	require.Contains(t, sourceOf(call)["dialect"], "untabled")
	require.Equal(t, []string{"s1", "u1", "refunder", "m-1"}, []string{call.SessionID, call.UserID, call.AgentID, call.ModelID})
	require.Equal(t, hexSHA("Be kind."), call.SystemPromptHash)
	require.NotContains(t, text(call.InputMessages)+text(call.Content), "Be kind.")
	require.JSONEq(t, `[{"id":"c1","name":"refund","arguments":{"order":7}}]`, text(call.ToolCallsRequested))
	require.EqualValues(t, 12, call.InputTokens.Value)
	require.EqualValues(t, 3, call.OutputTokens.Value)
	require.JSONEq(t, `{"acme.mood":"calm","acme.span.type":"LLM"}`, text(call.Content), "what has no field is kept")

	tool := one(t, "acme-sdk", "tool.execution:refund", attrs{
		"zeta.observation.type": "tool", "zeta.input": `{"args":[],"kwargs":{"order":7}}`, "zeta.output": `{"ok":true}`, "zeta.session.id": "s1",
	})
	require.Equal(t, semconv.TypeToolCall, tool.EventType)
	require.Equal(t, "refund", tool.ToolName)
	require.JSONEq(t, `{"order":7}`, text(tool.ToolInput))
	require.JSONEq(t, `{"ok":true}`, text(tool.ToolOutput))
	require.Equal(t, "success", tool.Outcome)

	by := one(t, "acme-sdk", "act", attrs{"acme.tool.name": "refund", "acme.tool.arguments": `{"order":7}`})
	require.Equal(t, semconv.TypeToolCall, by.EventType, "the keys say what it is, without a kind")
	require.Empty(t, by.Outcome, "nothing says how it ended")

	step := one(t, "acme-sdk", "think", attrs{"llm.mood": "calm"})
	require.Equal(t, semconv.TypeStep, step.EventType, "tells of nothing that has a type")

	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "tracer", "GET /", 1, 0, attrs{"span.kind": "server", "span.type": "web", "http.input": "x", "db.type": "sql"})
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	require.Empty(t, r.events(), "no telemetry of agents")
}

// Keys of a vendor beside those of the conventions are read only where their words can mean
// nothing else.
func TestVendorsKeysBesideTheConventions(t *testing.T) {
	tool := one(t, "x", "execute_tool refund", attrs{
		"gen_ai.operation.name": "execute_tool", "spring.ai.tool.definition.name": "refund", "spring.ai.tool.call.arguments": `{"order":7}`, "spring.ai.tool.call.result": "done", "spring.ai.tool.call.id": "c1",
	})
	require.Equal(t, []string{"refund", "c1", `{"order":7}`, `"done"`}, []string{tool.ToolName, tool.ToolCallID, text(tool.ToolInput), text(tool.ToolOutput)})
}

// TestWrappedArguments: what a tool was called with, out of what its library puts around it.
func TestWrappedArguments(t *testing.T) {
	for in, want := range map[string]string{
		`{"kwargs":{"order":7}}`:                                          `{"order":7}`,
		`{"args":[],"kwargs":{"order":7}}`:                                `{"order":7}`,
		`{"args":[],"sanitize_inputs_outputs":true,"kwargs":{"order":7}}`: `{"order":7}`,
		`{"tool_name":"refund","arguments":{"order":7}}`:                  `{"order":7}`,
		`{"name":"refund","arguments":"{\"order\":7}"}`:                   `{"order":7}`,
		`{"input":{"order":7},"options":null}`:                            `{"order":7}`,
		`{'order': 7, 'note': None}`:                                      `{"order":7,"note":null}`,
		`{"name":"Ann","arguments":{"order":7}}`:                          `{"name":"Ann","arguments":{"order":7}}`, // its own
		`{"args":["-l"]}`:                                                 `{"args":["-l"]}`,
		`{"name":"Ann"}`:                                                  `{"name":"Ann"}`,
		`{"order":7}`:                                                     `{"order":7}`,
		`{}`:                                                              `{}`,
	} {
		e := one(t, "openinference.x", "refund", attrs{"openinference.span.kind": "TOOL", "tool.name": "refund", "input.value": in})
		require.JSONEq(t, want, text(e.ToolInput), in)
	}
}

// TestWhoseItIs: what a library draws at random, and what names a span, is no agent.
func TestWhoseItIs(t *testing.T) {
	const drawn = "7f0b9a52-93f5-4c2e-8f3f-0d7c5d1f5b11"
	for name, c := range map[string]struct {
		scope, span  string
		a            attrs
		id, instance string
	}{
		"a name beside a drawn id":  {"x", "invoke_agent support", attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support", "gen_ai.agent.id": drawn}, "support", drawn},
		"a drawn id alone":          {"x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.agent.id": drawn}, "shop", drawn},
		"AutoGen's":                 {"x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.id": "support_" + drawn + "/" + drawn}, "shop", "support_" + drawn + "/" + drawn},
		"an id of a platform":       {"Agent365Sdk", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.id": drawn}, drawn, ""},
		"an assistant of OpenAI's":  {"x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.id": "asst_abc"}, "asst_abc", ""},
		"a constant of a library's": {"x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.id": "agent", "gen_ai.agent.name": "OpenAI Agent"}, "shop", ""},
		"Agno's":                    {"openinference.instrumentation.agno", "support.run", attrs{"openinference.span.kind": "AGENT", "agno.agent.id": "support", "graph.node.id": "7726f31c0d9d6b6c"}, "support", ""},
		"a name in a span's":        {"openinference.instrumentation.smolagents", "support.run", attrs{"openinference.span.kind": "AGENT"}, "support", ""},
		"a class of a framework's":  {"openinference.instrumentation.x", "FunctionAgent.run", attrs{"openinference.span.kind": "AGENT"}, "shop", ""},
		"a call of a client's":      {"openinference.instrumentation.x", "ClaudeAgentSDK.query", attrs{"openinference.span.kind": "AGENT"}, "shop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			span(td, c.scope, c.span, 1, 0, c.a)
			require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
			require.NotEmpty(t, r.events())
			for _, e := range r.events() {
				require.Equal(t, c.id, e.AgentID)
				require.Equal(t, c.instance, e.AgentInstanceID)
			}
		})
	}
}

// TestPrintedByPython: an answer in the form in which Python prints its object is read; what
// was printed of something else is never the model's words.
func TestPrintedByPython(t *testing.T) {
	answer := func(text string) *semconv.Event {
		return one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":` + record.JSONString(text) + `}]}]`})
	}
	e := answer(`ResponseFunctionToolCall(arguments='{"order":7}', call_id='c1', name='refund', type='function_call', id='fc_1', status=None)`)
	require.JSONEq(t, `[{"id":"c1","name":"refund","arguments":{"order":7}}]`, text(e.ToolCallsRequested))
	require.Empty(t, e.OutputText)
	e = answer(`{'content': None, 'role': 'assistant', 'tool_calls': [{'id': 'c1', 'function': {'arguments': '{"order":7}', 'name': 'refund'}, 'type': 'function'}]}`)
	require.JSONEq(t, `[{"id":"c1","name":"refund","arguments":{"order":7}}]`, text(e.ToolCallsRequested))
	e = answer(`Order(id=7, buyer='Ann')`)
	require.Empty(t, e.OutputText)
	require.Contains(t, text(e.Content), "Order(id=7")
	require.Equal(t, "Price(s) vary.", answer("Price(s) vary.").OutputText)

	e = one(t, "litellm", "raw", attrs{"llm.openai.model": "m", "llm.openai.messages": `[{'role': 'system', 'content': 'Be kind.'}, {'role': 'user', 'content': "It's broken"}]`})
	require.Equal(t, hexSHA("Be kind."), e.SystemPromptHash)
	require.Contains(t, text(e.InputMessages), "It's broken")
	require.NotContains(t, text(e.InputMessages)+text(e.Content), "Be kind.")
}
