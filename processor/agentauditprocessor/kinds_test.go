package agentauditprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Kinds of keys and of values that were read wrongly in one dialect or another: each is read in
// all of them.

func chatCall(a attrs) attrs {
	out := attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
	for k, v := range a {
		out[k] = v
	}
	return out
}

// TestIdentityKeys: whose an event is, under whatever key.
func TestIdentityKeys(t *testing.T) {
	for name, c := range map[string]struct {
		scope         string
		a             attrs
		session, user string
	}{
		"metadata, OpenInference":          {"openinference.x", attrs{"openinference.span.kind": "LLM", "metadata": `{"user_id":"u1","thread_id":"t1"}`}, "t1", "u1"},
		"metadata, the conventions":        {"x", chatCall(attrs{"metadata": `{"user_id":"u1","session_id":"s1"}`}), "s1", "u1"},
		"thread_id":                        {"x", chatCall(attrs{"thread_id": "t1"}), "t1", ""},
		"Langfuse's metadata, trace":       {"x", attrs{"langfuse.observation.type": "generation", "langfuse.trace.metadata.langfuse_user_id": "u1", "langfuse.trace.metadata.langfuse_session_id": "s1"}, "s1", "u1"},
		"Langfuse's metadata, observation": {"x", attrs{"langfuse.observation.type": "generation", "langfuse.observation.metadata.langfuse_user_id": "u1", "langfuse.observation.metadata.langfuse_session_id": "s1"}, "s1", "u1"},
		"Spring":                           {"x", attrs{"gen_ai.operation.name": "chat", "gen_ai.system": "spring_ai", "spring.ai.chat.client.conversation.id": "s1"}, "s1", ""},
		"Laminar":                          {"x", attrs{"lmnr.span.type": "LLM", "lmnr.association.properties.session_id": "s1", "lmnr.association.properties.user_id": "u1"}, "s1", "u1"},
		"LangWatch":                        {"x", attrs{"langwatch.span.type": "llm", "langwatch.thread.id": "s1", "langwatch.user.id": "u1"}, "s1", "u1"},
		"OpenLLMetry":                      {"x", attrs{"traceloop.span.kind": "tool", "traceloop.entity.name": "f", "traceloop.association.properties.thread_id": "s1", "traceloop.association.properties.user_id": "u1"}, "s1", "u1"},
		"nobody":                           {"x", chatCall(attrs{"user.id": "unknown"}), "", ""},
		"withheld":                         {"x", chatCall(attrs{"session.id": "[Scrubbed due to 'session']", "user.id": "<REDACTED>"}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := one(t, c.scope, "chat", c.a)
			if c.session == "" {
				require.Contains(t, e.DerivedFields, "session_id", e.SessionID)
			} else {
				require.Equal(t, c.session, e.SessionID)
			}
			require.Equal(t, c.user, e.UserID)
		})
	}
}

// TestNumbers: counts and costs under whatever key, and however they are written.
func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		a                       attrs
		in, out, cached, reason int64
		cost                    float64
	}{
		"the conventions":        {chatCall(attrs{"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3}), 12, 3, 0, 0, 0},
		"cached, three ways":     {chatCall(attrs{"gen_ai.usage.cached_input_tokens": 5}), 0, 0, 5, 0, 0},
		"input_cached_tokens":    {chatCall(attrs{"gen_ai.usage.input_cached_tokens": 5}), 0, 0, 5, 0, 0},
		"cached_content":         {chatCall(attrs{"gen_ai.usage.cached_content_token_count": 5}), 0, 0, 5, 0, 0},
		"total cost":             {chatCall(attrs{"gen_ai.cost.total_cost": 0.005}), 0, 0, 0, 0, 0.005},
		"a cost with spaces":     {chatCall(attrs{"gen_ai.usage.cost": "  0.005 "}), 0, 0, 0, 0, 0.005},
		"Langfuse, input_tokens": {attrs{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"input_tokens":12,"output_tokens":3,"cached_input":5}`}, 12, 3, 5, 0, 0},
		"Langfuse, OpenAI":       {attrs{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}`}, 12, 3, 0, 0, 0},
		"Langfuse, disjoint":     {attrs{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"input":56,"output":13,"total":138,"input_cache_read":64,"output_reasoning":5}`}, 120, 18, 64, 5, 0},
		"Langfuse, cost":         {attrs{"langfuse.observation.type": "generation", "langfuse.observation.cost_details": `{"input":0.001,"output":0.004,"total":0.005}`}, 0, 0, 0, 0, 0.005},
		"MLflow":                 {attrs{"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.chat.tokenUsage": `{"input_tokens":12,"output_tokens":3,"total_tokens":15}`}, 12, 3, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := one(t, "x", "chat", c.a)
			require.Equal(t, semconv.TypeLLMCall, e.EventType)
			require.Equal(t, []int64{c.in, c.out, c.cached, c.reason}, []int64{e.InputTokens.Value, e.OutputTokens.Value, e.CachedInputTokens.Value, e.ReasoningTokens.Value})
			require.InDelta(t, c.cost, e.CostUSD.Value, 1e-9)
		})
	}
}

// TestStillWrapped: values out of what their libraries put around them.
func TestStillWrapped(t *testing.T) {
	root := func(in string) string {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		span(td, "openinference.instrumentation.langchain", "support", 1, 0, attrs{"openinference.span.kind": "AGENT", "input.value": in})
		require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
		return r.events()[0].UserMessage
	}
	require.Equal(t, "Refund.", root(`{"messages":[["user","Refund."]]}`), "LangGraph's tuples")
	require.Equal(t, "Refund.", root(`[["user","Refund."]]`))
	require.Equal(t, "Refund.", root(`{"messages":[{"role":"user","content":"Refund."}]}`))

	e := one(t, "openinference.instrumentation.dspy", "refund.__call__", attrs{"openinference.span.kind": "TOOL", "input.value": `{"kwargs":{"order":7}}`})
	require.Equal(t, "refund", e.ToolName)
	e = one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system": "OPEN_AI"})
	require.Equal(t, "openai", e.Provider)
	e = one(t, "x", "execute_tool", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mcp__shop__refund"})
	require.Equal(t, "shop", e.MCPServer)
	e = one(t, "openinference.x", "chat", attrs{"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.invocation_parameters.temperature": 0.5, "llm.invocation_parameters.max_tokens": 100})
	require.InDelta(t, 0.5, e.Temperature.Value, 1e-9)
	require.EqualValues(t, 100, e.MaxTokens.Value)
	e = one(t, "openinference.x", "chat", attrs{"openinference.span.kind": "LLM", "llm.model_name": "m", "output.value": `{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}]}`})
	require.Equal(t, []string{"stop"}, e.FinishReasons)
	td := ptrace.NewTraces()
	span(td, "openinference.instrumentation.langchain", "support", 1, 0, attrs{"openinference.span.kind": "AGENT", "output.value": `content='Done.' additional_kwargs={} response_metadata={} id='x'`})
	r := newRig(t, nil)
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	require.Equal(t, "Done.", r.events()[1].FinalOutput)
}
