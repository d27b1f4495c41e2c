package agentauditprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func ofType(events []*semconv.Event, typ semconv.EventType) (list []*semconv.Event) {
	for _, e := range events {
		if e.EventType == typ && e.LayerOf == "" {
			list = append(list, e)
		}
	}
	return list
}

const langchain = "@arizeai/openinference-instrumentation-langchain"

// paused is a run of LangGraph that stopped to ask, and the run that goes on after
// the decisions.
func paused(decisions string) (first, second ptrace.Traces) {
	first, second = ptrace.NewTraces(), ptrace.NewTraces()
	meta := `{"session_id":"sess-42","user_id":"u-17"}`
	span(first, langchain, "support", 1, 0, attrs{"openinference.span.kind": "CHAIN", "metadata": meta, "input.value": `{"messages":[{"role":"user","content":"refund"}]}`})
	span(first, langchain, "ChatOpenAI", 2, 1, attrs{
		"openinference.span.kind": "LLM", "llm.model_name": "m", "metadata": meta, "llm.output_messages.0.message.role": "assistant",
		"llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_2", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "issue_refund",
		"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": `{"amount":42.5}`,
	})
	ask := span(first, langchain, "HumanInTheLoopMiddleware.after_model", 3, 1, attrs{"openinference.span.kind": "CHAIN", "metadata": meta})
	ask.Status().SetCode(ptrace.StatusCodeError)
	ask.Status().SetMessage("[\n {\"id\":\"x\",\"value\":{\"actionRequests\":[{\"name\":\"issue_refund\",\"args\":{\"amount\":42.5},\"description\":\"requires approval\"}]}}\n]\n\nGraphInterrupt: [")
	root := span(second, langchain, "support", 11, 0, attrs{"openinference.span.kind": "CHAIN", "metadata": meta, "input.value": `{"lg_name":"Command","resume":{"decisions":[` + decisions + `]},"goto":[]}`})
	llm := span(second, langchain, "ChatOpenAI", 12, 11, attrs{"openinference.span.kind": "LLM", "llm.model_name": "m", "metadata": meta, "llm.output_messages.0.message.content": "done", "llm.output_messages.0.message.role": "assistant"})
	root.SetTraceID(pcommon.TraceID{2})
	llm.SetTraceID(pcommon.TraceID{2})
	return first, second
}

func TestLangGraphDecisions(t *testing.T) {
	for name, c := range map[string]struct {
		decision string
		status   string
		input    string
		reason   string
		denied   int
	}{
		"approve": {`{"type":"approve"}`, semconv.ApprovalApproved, `{"amount":42.5}`, "", 0},
		"reject":  {`{"type":"reject","message":"Refund not allowed."}`, semconv.ApprovalRejected, `{"amount":42.5}`, "Refund not allowed.", 1},
		"edit":    {`{"type":"edit","editedAction":{"name":"issue_refund","args":{"amount":10}}}`, semconv.ApprovalApproved, `{"amount":10}`, "", 0},
		"unknown": {`{"type":"ponder"}`, "", `{"amount":42.5}`, "", 0},
	} {
		for _, together := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, nil)
				first, second := paused(c.decision)
				if together {
					second.ResourceSpans().MoveAndAppendTo(first.ResourceSpans())
					require.NoError(t, r.traces.ConsumeTraces(context.Background(), first))
				} else {
					require.NoError(t, r.traces.ConsumeTraces(context.Background(), first))
					require.NoError(t, r.traces.ConsumeTraces(context.Background(), second))
				}
				events := r.events()
				asked := ofType(events, semconv.TypeApproval)
				require.Len(t, asked, 2)
				require.Equal(t, semconv.ApprovalPending, asked[0].ApprovalStatus)
				require.Equal(t, "call_2", asked[0].ToolCallID)
				require.Equal(t, ofType(events, semconv.TypeLLMCall)[0].EventID, asked[0].ParentEventID)
				require.Equal(t, c.status, asked[1].ApprovalStatus)
				require.Equal(t, asked[0].EventID, asked[1].ParentEventID)
				require.JSONEq(t, c.input, text(asked[1].ToolInput))
				require.Equal(t, c.reason, asked[1].ApprovalReason)
				tools := ofType(events, semconv.TypeToolCall)
				require.Len(t, tools, c.denied)
				for _, e := range tools {
					require.Equal(t, semconv.OutcomeDenied, e.Outcome)
					require.Equal(t, "issue_refund", e.ToolName)
				}
				for _, e := range events {
					require.Empty(t, e.Error, "an interrupt is no error")
					require.Equal(t, "sess-42", e.SessionID)
					require.Equal(t, "u-17", e.UserID)
				}
				starts, ends := ofType(events, semconv.TypeSessionStart), ofType(events, semconv.TypeSessionEnd)
				require.Len(t, starts, 2)
				require.Len(t, ends, 2)
				require.Equal(t, []string{semconv.OutcomeSuspended, semconv.OutcomeSuccess}, []string{ends[0].Outcome, ends[1].Outcome})
				require.Empty(t, ends[0].FinalOutput)
				require.Equal(t, []string{"", ends[0].EventID}, []string{starts[0].ParentEventID, starts[1].ParentEventID}, "it goes on")
			})
		}
	}
}

func TestAgentsSDKRefusal(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	const scope = "@arizeai/openinference-instrumentation-openai-agents"
	span(td, scope, "support", 1, 0, attrs{"openinference.span.kind": "AGENT", "graph.node.id": "support"})
	span(td, scope, "response", 2, 1, attrs{
		"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.output_messages.0.message.role": "assistant",
		"llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_2", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "issue_refund",
		"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": `{"amount":42.5}`,
	})
	s := span(td, scope, "issue_refund", 3, 1, attrs{"openinference.span.kind": "TOOL", "tool.name": "issue_refund", "output.value": "Tool execution was not approved."})
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage(`Tool execution was not approved.: {"tool_name":"issue_refund","error":"Tool execution for call_2 was manually rejected by user."}`)
	span(td, scope, "handoff to billing", 4, 1, attrs{"openinference.span.kind": "TOOL", "input.value": "support", "output.value": "billing"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	tools := ofType(r.events(), semconv.TypeToolCall)
	require.Len(t, tools, 1, "a handoff is no tool")
	require.Equal(t, semconv.OutcomeDenied, tools[0].Outcome)
	require.Empty(t, tools[0].Error, "a refusal is no error")
	require.JSONEq(t, `{"amount":42.5}`, text(tools[0].ToolInput), "from the request")
	approvals := ofType(r.events(), semconv.TypeApproval)
	require.Len(t, approvals, 1)
	require.Equal(t, semconv.ApprovalRejected, approvals[0].ApprovalStatus)
	require.Equal(t, "call_2", approvals[0].ToolCallID)
}

func TestVercelRefusalInAResult(t *testing.T) {
	r := newRig(t, nil)
	history := `[{"role":"assistant","parts":[{"type":"tool_call","id":"call_2","name":"issue_refund","arguments":{"amount":42.5}},{"type":"tool-approval-request"}]},` +
		`{"role":"tool","parts":[{"type":"tool-approval-response"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"call_2","response":{"denied":true,"reason":"Refund not allowed."}}]}]`
	for id := byte(1); id < 3; id++ {
		td := ptrace.NewTraces()
		span(td, "gen_ai", "chat m", id, 9, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": history})
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	}
	approvals, tools := ofType(r.events(), semconv.TypeApproval), ofType(r.events(), semconv.TypeToolCall)
	require.Len(t, approvals, 1)
	require.Equal(t, semconv.ApprovalRejected, approvals[0].ApprovalStatus)
	require.Equal(t, "Refund not allowed.", approvals[0].ApprovalReason)
	require.Len(t, tools, 1)
	require.Equal(t, semconv.OutcomeDenied, tools[0].Outcome)
	require.Equal(t, "issue_refund", tools[0].ToolName)
	require.JSONEq(t, `{"amount":42.5}`, text(tools[0].ToolInput))
}

func failed(s ptrace.Span, message string) {
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage(message)
}

func TestErrorsAreToldOnce(t *testing.T) {
	t.Run("on the call that failed", func(t *testing.T) {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		failed(span(td, langchain, "support", 1, 0, attrs{"openinference.span.kind": "CHAIN"}), "500 mock failure")
		failed(span(td, langchain, "model_request", 2, 1, attrs{"openinference.span.kind": "CHAIN"}), "500 mock failure")
		failed(span(td, langchain, "ChatOpenAI", 3, 2, attrs{"openinference.span.kind": "LLM"}), "500 mock failure")
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		errors := 0
		for _, e := range r.events() {
			if e.Error != "" {
				errors++
				require.Equal(t, semconv.TypeLLMCall, e.EventType)
			}
		}
		require.Equal(t, 1, errors)
		require.Equal(t, semconv.OutcomeError, ofType(r.events(), semconv.TypeSessionEnd)[0].Outcome)
	})
	t.Run("of the run alone", func(t *testing.T) {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		failed(span(td, "x", "invoke_agent a", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "error.type": "ConfigError"}), "no such tool")
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		errors := ofType(r.events(), semconv.TypeError)
		require.Len(t, errors, 1)
		require.Equal(t, "no such tool", errors[0].Error)
		require.Equal(t, "ConfigError", errors[0].ErrorType)
	})
}

func TestLimits(t *testing.T) {
	for message, reason := range map[string]string{
		"Recursion limit of 2 reached without hitting a stop condition. You can increase the limit by setting the \"recursionLimit\" config key.": "max_iterations",
		`Error in agent run: {"error":"MaxTurnsExceededError: Max turns (1) exceeded"}`:                                                           "max_iterations",
		"context deadline exceeded": "deadline",
	} {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		failed(span(td, langchain, "support", 1, 0, attrs{"openinference.span.kind": "AGENT"}), message)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		ends := ofType(r.events(), semconv.TypeSessionTimeout)
		require.Len(t, ends, 1, message)
		require.Equal(t, reason, ends[0].Reason)
		require.Empty(t, ofType(r.events(), semconv.TypeSessionEnd))
		require.Empty(t, ofType(r.events(), semconv.TypeError))
	}
}

func TestThinkingInTheRawResponse(t *testing.T) {
	e := one(t, "@arizeai/openinference-instrumentation-anthropic", "Anthropic Messages", attrs{
		"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Let me check.",
		"output.value": `{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"Check the order first."},{"type":"text","text":"Let me check."}]}`,
		"input.value":  `{"model":"m","system":"You are a careful support agent.","messages":[{"role":"user","content":"hi"}]}`,
	})
	require.Equal(t, "Check the order first.", e.Reasoning)
	require.Equal(t, hexSHA("You are a careful support agent."), e.SystemPromptHash)
	require.Equal(t, "Let me check.", e.OutputText)
	require.Equal(t, "msg_1", e.ResponseID)
}

// TestStreamedDetails: OpenAI's instrumentation tells of a streamed answer item by
// item, in records of their own; the call is one.
func TestStreamedDetails(t *testing.T) {
	r := newRig(t, nil)
	for _, a := range []attrs{
		{"gen_ai.input.messages": `[{"role":"system","parts":[{"type":"text","content":"You are a careful agent."}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]`},
		{"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"reasoning","text":"Check first."}]}]`},
		{"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"tool_call","id":"fc_1","call_id":"call_1","name":"lookup_order","arguments":"{\"id\":1}"}]}]`},
	} {
		ld := plog.NewLogs()
		rec := log(ld, "@opentelemetry/instrumentation-openai", nil, a)
		rec.SetEventName("gen_ai.client.inference.operation.details")
		rec.SetTraceID(pcommon.TraceID{1})
		rec.SetSpanID(pcommon.SpanID{5})
		require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	}
	td := ptrace.NewTraces()
	span(td, "@opentelemetry/instrumentation-openai", "chat m", 5, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 12})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	calls := ofType(r.events(), semconv.TypeLLMCall)
	require.Len(t, calls, 1)
	require.Equal(t, "m", calls[0].ModelID)
	require.Equal(t, hexSHA("You are a careful agent."), calls[0].SystemPromptHash)
	require.JSONEq(t, `[{"id":"call_1","name":"lookup_order","arguments":{"id":1}}]`, text(calls[0].ToolCallsRequested))
	require.Equal(t, "Check first.", calls[0].Reasoning)
	require.Len(t, ofType(r.events(), semconv.TypeMessage), 3)
}

func TestWholeCallInALogAndASpan(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	rec := log(ld, "openlit", nil, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"yes"}]}]`})
	rec.SetEventName("gen_ai.client.inference.operation.details")
	rec.SetTraceID(pcommon.TraceID{1})
	rec.SetSpanID(pcommon.SpanID{5})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	td := ptrace.NewTraces()
	span(td, "openlit", "chat m", 5, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Len(t, ofType(r.events(), semconv.TypeLLMCall), 1, "counted once")
	require.Len(t, r.events(), 2, "and both kept")
}

func TestNestedAgentsAreNestedRuns(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	agent := func(name string, id, parent byte) {
		span(td, "x", "invoke_agent "+name, id, parent, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name})
	}
	agent("planner", 1, 0)
	span(td, "x", "chat m", 2, 1, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	agent("writer", 3, 1)
	span(td, "x", "chat m", 4, 3, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	starts := ofType(r.events(), semconv.TypeSessionStart)
	require.Len(t, starts, 2)
	require.Equal(t, starts[0].EventID, starts[1].ParentEventID)
	require.Len(t, ofType(r.events(), semconv.TypeSessionEnd), 2)
	for _, e := range ofType(r.events(), semconv.TypeLLMCall) {
		want := map[string]string{"0200000000000000": "planner", "0400000000000000": "writer"}[e.SpanID]
		require.Equal(t, want, e.AgentName)
	}
}

// LangGraph told of by LangSmith: the graph's output says what it stopped for, the input
// of the next run what was decided.
func TestLangSmithInterrupts(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "langsmith", "support", 1, 0, attrs{
		"langsmith.span.kind": "chain", "langsmith.metadata.thread_id": "th1", "gen_ai.prompt": `{"messages":[{"role":"user","content":"refund"}]}`,
		"gen_ai.completion": `{"messages":[],"__interrupt__":[{"value":{"action_requests":[{"name":"issue_refund","args":{"amount":42.5},"description":"over the limit"}],"review_configs":[]},"id":"i1"}]}`,
	})
	span(td, "langsmith", "ChatOpenAI", 2, 1, attrs{"langsmith.span.kind": "llm", "gen_ai.request.model": "m", "langsmith.metadata.thread_id": "th1"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	asked := ofType(r.events(), semconv.TypeApproval)
	require.Len(t, asked, 1)
	require.Equal(t, semconv.ApprovalPending, asked[0].ApprovalStatus)
	require.Equal(t, "issue_refund", asked[0].ToolName)
	require.Equal(t, "over the limit", asked[0].ApprovalReason)
	require.JSONEq(t, `{"amount":42.5}`, text(asked[0].ToolInput))

	td = ptrace.NewTraces()
	root := span(td, "langsmith", "support", 3, 0, attrs{"langsmith.span.kind": "chain", "langsmith.metadata.thread_id": "th1", "gen_ai.prompt": `{"resume":{"decisions":[{"type":"reject","message":"not allowed"}]}}`, "gen_ai.completion": `{"messages":[]}`})
	root.SetTraceID(pcommon.TraceID{2})
	llm := span(td, "langsmith", "ChatOpenAI", 4, 3, attrs{"langsmith.span.kind": "llm", "gen_ai.request.model": "m", "langsmith.metadata.thread_id": "th1"})
	llm.SetTraceID(pcommon.TraceID{2})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	var rejected *semconv.Event
	for _, e := range ofType(r.events(), semconv.TypeApproval) {
		if e.ApprovalStatus == semconv.ApprovalRejected {
			rejected = e
		}
	}
	require.NotNil(t, rejected)
	require.Equal(t, "issue_refund", rejected.ToolName)
	require.Equal(t, "not allowed", rejected.ApprovalReason)
	require.Equal(t, asked[0].EventID, rejected.ParentEventID)
	refused := ofType(r.events(), semconv.TypeToolCall)
	require.Len(t, refused, 1)
	require.Equal(t, semconv.OutcomeDenied, refused[0].Outcome)
}
