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

// one maps a request of one span to its one event.
func one(t *testing.T, scope, name string, a attrs, more ...func(ptrace.Span)) *semconv.Event {
	t.Helper()
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	s := span(td, scope, name, 1, 9, a)
	for _, f := range more {
		f(s)
	}
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Len(t, r.events(), 1)
	return r.events()[0]
}

func TestOpenTelemetryTool(t *testing.T) {
	e := one(t, "x", "execute_tool get_weather", attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "c1",
		"gen_ai.tool.call.arguments": `{"city":"Paris"}`, "gen_ai.tool.call.result": `"rain"`,
	})
	require.Equal(t, semconv.TypeToolCall, e.EventType)
	require.Equal(t, `{"city":"Paris"}`, text(e.ToolInput))
	require.Equal(t, `"rain"`, text(e.ToolOutput))
	require.Equal(t, "success", e.Outcome)
	require.Equal(t, "otel-genai", sourceOf(e)["dialect"])
}

func TestOpenTelemetryChoiceLog(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	rec := log(ld, "x", attrs{
		"index": 0, "finish_reason": "tool_calls",
		"message": map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": "c1", "type": "function", "function": map[string]any{"name": "get_weather", "arguments": `{"city":"Paris"}`}}}},
	}.plain(), attrs{"gen_ai.system": "openai"})
	rec.SetEventName("gen_ai.choice")
	rec.SetTraceID(pcommon.TraceID{1})
	rec.SetSpanID(pcommon.SpanID{5})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 5, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))

	events := r.events()
	require.Len(t, events, 2)
	call, message := events[0], events[1]
	require.Equal(t, semconv.TypeLLMCall, call.EventType)
	require.JSONEq(t, `[{"id":"c1","name":"get_weather","arguments":{"city":"Paris"}}]`, text(call.ToolCallsRequested))
	require.Equal(t, []string{"tool_calls"}, call.FinishReasons)
	require.Equal(t, semconv.TypeMessage, message.EventType)
	require.Equal(t, call.EventID, message.ParentEventID)
}

func TestSpanEventMessages(t *testing.T) {
	e := one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "m"}, func(s ptrace.Span) {
		ev := s.Events().AppendEmpty()
		ev.SetName("gen_ai.system.message")
		ev.Attributes().PutStr("content", "Answer in one short sentence.")
		ev = s.Events().AppendEmpty()
		ev.SetName("gen_ai.user.message")
		ev.Attributes().PutStr("gen_ai.event.content", `{"content":"hi"}`)
		ev = s.Events().AppendEmpty()
		ev.SetName("gen_ai.choice")
		ev.Attributes().PutStr("message", `{"role":"assistant","content":"hello"}`)
		ev.Attributes().PutStr("finish_reason", "stop")
	})
	require.Len(t, e.SystemPromptHash, 64)
	require.NotContains(t, text(e.InputMessages), "one short sentence")
	require.Contains(t, text(e.InputMessages), `"content":"hi"`)
	require.Equal(t, "hello", e.OutputText)
	require.Equal(t, "openai", e.Provider)
}

func TestOpenLLMetryIndexed(t *testing.T) {
	e := one(t, "opentelemetry.instrumentation.openai", "openai.chat", attrs{
		"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "You look up the weather.",
		"gen_ai.prompt.10.role": "user", "gen_ai.prompt.10.content": "and now?",
		"gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.tool_call_id": "c1", "gen_ai.prompt.2.content": "rain",
		"gen_ai.prompt.2000000000.role": "user", "gen_ai.prompt.2000000000.content": "far",
		"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "m",
		"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "dry",
	})
	require.Equal(t, "openai", e.Provider)
	require.Regexp(t, `"role":"system".*"role":"tool".*"id":"c1","result":"rain".*"role":"user".*and now\?`, text(e.InputMessages))
	require.NotContains(t, text(e.InputMessages), "far", "an index out of bounds is no place")
	require.Contains(t, text(e.Content), `"gen_ai.prompt.2000000000.content":"far"`)
	require.Equal(t, "dry", e.OutputText)
}

func TestOpenLLMetryTool(t *testing.T) {
	e := one(t, "traceloop.tracer", "get_weather.tool", attrs{
		"traceloop.span.kind": "tool", "traceloop.entity.name": "get_weather",
		"traceloop.entity.input": `{"inputs":{"city":"Paris"},"tags":[],"metadata":{},"kwargs":{},"input_str":"{'city': 'Paris'}"}`,
	})
	require.Equal(t, `{"city":"Paris"}`, text(e.ToolInput))
	require.Equal(t, "get_weather", e.ToolName)
}

func TestOpenInferenceWithheld(t *testing.T) {
	e := one(t, "openinference.instrumentation.openai", "ChatCompletion", attrs{
		"openinference.span.kind": "LLM", "llm.input_messages.1.message.role": "user", "llm.input_messages.1.message.content": "__REDACTED__",
		"llm.token_count.prompt": 12, "session.id": "s1", "llm.model_name": "m",
	})
	require.Equal(t, semconv.ContentWithheld, e.ContentState)
	require.NotContains(t, text(e.InputMessages), "REDACTED")
	require.Equal(t, "s1", e.SessionID)
	require.Equal(t, semconv.Some(int64(12)), e.InputTokens)
	require.Contains(t, e.DerivedFields, "model_id")
}

func TestVercelLegacyCountsTheInnerSpan(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "ai", "ai.streamText.doStream", 2, 1, attrs{
		"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m", "ai.prompt.tools": []any{`{"type":"function","name":"get_weather"}`},
		"ai.response.toolCalls": `[{"toolCallId":"c1","toolName":"get_weather","input":"{\"city\":\"Paris\"}"}]`,
	})
	span(td, "ai", "ai.streamText", 1, 0, attrs{"ai.operationId": "ai.streamText", "ai.model.id": "m"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	var types []semconv.EventType
	for _, e := range r.events() {
		types = append(types, e.EventType)
		if e.EventType == semconv.TypeLLMCall {
			require.JSONEq(t, `[{"id":"c1","name":"get_weather","arguments":{"city":"Paris"}}]`, text(e.ToolCallsRequested))
			require.JSONEq(t, `[{"type":"function","name":"get_weather"}]`, text(e.ToolsAvailable))
		}
	}
	require.ElementsMatch(t, []semconv.EventType{semconv.TypeSessionStart, semconv.TypeLLMCall, semconv.TypeSessionEnd}, types)
}

func TestVercelApprovalIsToldOnce(t *testing.T) {
	history := `[{"role":"tool","parts":[{"type":"tool_approval_response","approval_id":"a1","approved":false,"reason":"no"}]}]`
	r := newRig(t, nil)
	for id := byte(1); id < 4; id++ {
		td := ptrace.NewTraces()
		span(td, "gen_ai", "chat m", id, 9, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": history})
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	}
	var approvals []*semconv.Event
	for _, e := range r.events() {
		if e.EventType == semconv.TypeApproval {
			approvals = append(approvals, e)
		}
	}
	require.Len(t, approvals, 1, "the history repeats in every later call")
	require.Equal(t, semconv.ApprovalRejected, approvals[0].ApprovalStatus)
	require.Equal(t, "no", approvals[0].ApprovalReason)
	require.Contains(t, approvals[0].MissingFields, "approver_id")
}

func TestClaudeCodeRefusal(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	log(ld, "com.anthropic.claude_code.events", "claude_code.tool_decision", attrs{
		"event.name": "tool_decision", "session.id": "s1", "decision": "reject", "source": "user_reject", "tool_name": "Bash", "tool_use_id": "t1",
		"tool_parameters": `{"full_command":"rm -rf /"}`, "user.email": "ann@example.com",
	})
	log(ld, "com.anthropic.claude_code.events", "claude_code.tool_decision", attrs{
		"event.name": "tool_decision", "session.id": "s1", "decision": "perhaps", "source": "config", "tool_name": "Bash", "tool_use_id": "t2",
	})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	var denied, rejected, undecided int
	for _, e := range r.events() {
		switch {
		case e.EventType == semconv.TypeToolCall:
			denied++
			require.Equal(t, semconv.OutcomeDenied, e.Outcome)
			require.Equal(t, `{"full_command":"rm -rf /"}`, text(e.ToolInput))
		case e.ApprovalStatus == semconv.ApprovalRejected:
			rejected++
			require.Equal(t, "ann@example.com", e.ApproverID)
			require.Equal(t, semconv.SourceHuman, e.ApprovalSource)
		case e.ApprovalStatus == "":
			undecided++
			require.Contains(t, e.MissingFields, "approval_status", "an unknown decision is never an approval")
			require.Contains(t, text(e.Content), "perhaps")
		}
	}
	require.Equal(t, [3]int{1, 1, 1}, [3]int{denied, rejected, undecided})
}

// TestClaudeCodeRefusalWithAResult: older versions log a failed result after the
// refusal; the call is one.
func TestClaudeCodeRefusalWithAResult(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	const scope = "com.anthropic.claude_code.events"
	log(ld, scope, "claude_code.tool_decision", attrs{"event.name": "tool_decision", "session.id": "s1", "decision": "reject", "source": "config", "tool_name": "Bash", "tool_use_id": "t1"})
	log(ld, scope, "claude_code.tool_result", attrs{"event.name": "tool_result", "session.id": "s1", "tool_name": "Bash", "tool_use_id": "t1", "success": "false", "duration_ms": "1"})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	require.Len(t, ofType(r.events(), semconv.TypeToolCall), 1)
	require.Len(t, ofType(r.events(), semconv.TypeApproval), 1)
}

func TestClaudeCodeSystemPromptAndHooks(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	const scope = "com.anthropic.claude_code.events"
	for _, rec := range []plog.LogRecord{
		log(ld, scope, "claude_code.system_prompt", attrs{"event.name": "system_prompt", "session.id": "s1", "system_prompt": "You are Claude, and careful."}),
		log(ld, scope, "claude_code.api_request", attrs{"event.name": "api_request", "session.id": "s1", "model": "m", "input_tokens": "1", "output_tokens": "2", "request_id": "r1", "note": "You are Claude, and careful."}),
		log(ld, scope, "claude_code.hook_execution_complete", attrs{"event.name": "hook_execution_complete", "session.id": "s1", "hook_event": "PreToolUse", "num_blocking": "1"}),
		log(ld, scope, "claude_code.hook_execution_complete", attrs{"event.name": "hook_execution_complete", "session.id": "s1", "hook_event": "PreToolUse", "num_blocking": "0"}),
	} {
		rec.SetTraceID(pcommon.TraceID{1})
	}
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	calls := ofType(r.events(), semconv.TypeLLMCall)
	require.Len(t, calls, 1)
	require.Equal(t, hexSHA("You are Claude, and careful."), calls[0].SystemPromptHash)
	require.Contains(t, text(calls[0].Content), "careful", "another record's prompt takes nothing from this one")
	hooks := ofType(r.events(), semconv.TypeIntervention)
	require.Len(t, hooks, 1)
	require.Equal(t, "hook", hooks[0].ActorID)
	require.Equal(t, "PreToolUse", hooks[0].Reason)
}

func TestClaudeCodeChangesOfWhatAnAgentCanDo(t *testing.T) {
	for name, c := range map[string]struct {
		a      attrs
		reason string
		actor  string
		left   string
	}{
		"mcp_server_connection":   {attrs{"server_name": "jira", "status": "connected"}, "mcp_server_connection", "", "jira"},
		"plugin_installed":        {attrs{"plugin.name": "deploy"}, "plugin_installed", "", "deploy"},
		"compaction":              {attrs{"trigger": "auto", "pre_tokens": 180000, "post_tokens": 4000}, "compaction: auto", "", "180000"},
		"permission_mode_changed": {attrs{"trigger": "shift_tab", "from_mode": "default", "to_mode": "bypassPermissions"}, "shift_tab", "", "bypassPermissions"},
		"safety_event":            {attrs{"category": "sandbox_network", "decision": "sent_back", "decision_source": "sandbox", "reason_code": "egress"}, "egress", "sandbox", "sent_back"},
	} {
		t.Run(name, func(t *testing.T) {
			c.a["event.name"], c.a["session.id"] = name, "s1"
			ld := plog.NewLogs()
			log(ld, "com.anthropic.claude_code.events", "claude_code."+name, c.a)
			events := mapLogs(t, ld)
			require.Len(t, events, 1)
			require.Equal(t, semconv.TypeIntervention, events[0].EventType)
			require.Equal(t, c.reason, events[0].Reason)
			require.Equal(t, c.actor, events[0].ActorID)
			require.Contains(t, text(events[0].Content), c.left)
		})
	}
	ld := plog.NewLogs()
	log(ld, "com.anthropic.claude_code.events", "claude_code.subagent_completed", attrs{"event.name": "subagent_completed", "session.id": "s1", "agent_type": "Explore", "total_tokens": 12})
	events := mapLogs(t, ld)
	require.Equal(t, semconv.TypeSessionEnd, events[0].EventType)
	require.Equal(t, "Explore", events[0].AgentName)
}

func TestClaudeCodeHostIsNoHuman(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	log(ld, "com.anthropic.claude_code.events", "claude_code.tool_decision", attrs{
		"event.name": "tool_decision", "session.id": "s1", "decision": "accept", "source": "user_temporary", "tool_name": "Bash", "tool_use_id": "t1",
		"app.entrypoint": "sdk-ts", "user.email": "ann@example.com",
	})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	e := r.events()[0]
	require.Equal(t, semconv.ApprovalApproved, e.ApprovalStatus)
	require.Empty(t, e.ApprovalSource, "a program that answers for the user is no person")
	require.Empty(t, e.ApproverID)
}

func TestApplicationAttributesWin(t *testing.T) {
	e := one(t, "x", "execute_tool pay", attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay",
		semconv.AttrToolName: "payments.pay", semconv.AttrRequiresApproval: true, semconv.AttrApprovalStatus: "approved", semconv.AttrApproverID: "ann",
	})
	require.Equal(t, "payments.pay", e.ToolName)
	require.Equal(t, semconv.Some(true), e.RequiresApproval)
	require.Equal(t, "ann", e.ApproverID)
}

func TestApplicationEvent(t *testing.T) {
	e := one(t, "x", "review", attrs{semconv.AttrEventType: "approval", semconv.AttrApprovalStatus: "approved", semconv.AttrApproverID: "ann", semconv.AttrToolName: "pay"})
	require.Equal(t, semconv.TypeApproval, e.EventType)
	require.Equal(t, "ann", e.ApproverID)
	require.Empty(t, e.MissingFields)
}

func TestErrorOnACall(t *testing.T) {
	e := one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "InternalServerError"}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("500 mock failure")
	})
	require.Equal(t, "500 mock failure", e.Error)
	require.Equal(t, "InternalServerError", e.ErrorType)
}

func TestUnknownKeysAreKept(t *testing.T) {
	e := one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.next.year": map[string]any{"a": 1}, "http.request.header.authorization": "Bearer x"})
	require.JSONEq(t, `{"gen_ai.next.year":{"a":1}}`, text(e.Content), "kept with their types, secrets apart")
}

// TestShape: telemetry of a vendor without a table is read by the form of its keys, marked so,
// and nothing of it is lost.
func TestShape(t *testing.T) {
	e := one(t, "acme", "answer", attrs{
		"acme.span.type": "llm", "acme.model": "m", "acme.session_id": "s1", "acme.user.id": "u1", "acme.usage": `{"prompt_tokens":3,"completion_tokens":1}`, "acme.colour": "red",
		"acme.input": `[{"role":"system","content":"Be kind."},{"role":"user","content":"Refund order 7."}]`, "acme.output": `{"role":"assistant","content":"Done."}`,
	})
	require.Equal(t, "untabled-shape", sourceOf(e)["dialect"])
	require.Equal(t, []any{semconv.TypeLLMCall, "m", "s1", "u1", "Done.", int64(3), int64(1)}, []any{e.EventType, e.ModelID, e.SessionID, e.UserID, e.OutputText, e.InputTokens.Value, e.OutputTokens.Value})
	require.Len(t, e.SystemPromptHash, 64)
	require.NotContains(t, text(e.InputMessages)+text(e.Content), "Be kind.")
	require.JSONEq(t, `{"acme.colour":"red","acme.span.type":"llm"}`, text(e.Content))

	e = one(t, "acme", "refund.tool", attrs{"acme.span.kind": "AcmeSpanKind.TOOL", "acme.input": `{"args":[],"kwargs":{"order":7}}`, "acme.output": `{"type":"json","value":{"ok":true}}`, "acme.tool.call_id": "c1"})
	require.Equal(t, []any{semconv.TypeToolCall, "refund", "c1", `{"order":7}`, `{"ok":true}`}, []any{e.EventType, e.ToolName, e.ToolCallID, text(e.ToolInput), text(e.ToolOutput)})

	e = one(t, "acme", "step", attrs{"acme.step.tool.input": `{"order":7}`, "acme.step.tool.output": "ok", "acme.tool.name": "refund"})
	require.Equal(t, []any{semconv.TypeToolCall, "refund", `{"order":7}`, `"ok"`}, []any{e.EventType, e.ToolName, text(e.ToolInput), text(e.ToolOutput)})

	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "acme", "support", 1, 0, attrs{"acme.span.type": "agent", "acme.input": `{"question":"Refund order 7."}`, "acme.output": `{"answer":"Done."}`, "metadata": `{"thread_id":"s1","user_id":"u1"}`})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Len(t, r.events(), 2)
	require.Equal(t, []string{"support", "Refund order 7.", "Done.", "s1", "u1"}, []string{r.events()[0].AgentID, r.events()[0].UserMessage, r.events()[1].FinalOutput, r.events()[1].SessionID, r.events()[1].UserID})

	for _, a := range []attrs{
		{"db.operation.type": "model", "db.input": "x"}, {"messaging.span.kind": "agent", "messaging.input": "x"}, {"acme.span.type": "chain"}, {"acme.span.type": "client", "acme.input": "x"}, {"acme.kind": "tool"},
	} {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		span(td, "acme", "x", 1, 9, a)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		require.Empty(t, r.events(), a)
	}
}

// TestCallsToldBelowTheCall: AgentOps tells of the calls that a model asked for in spans below
// it, which are no tool calls.
func TestCallsToldBelowTheCall(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "openai", "openai.chat.completion", 1, 9, attrs{"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Refund order 7.", "gen_ai.completion.0.role": "assistant", "gen_ai.request.model": "m"})
	span(td, "agentops.instrumentation.providers.openai.wrappers.chat", "tool_call.refund", 2, 1, attrs{"agentops.span.kind": "AgentOpsSpanKindValues.TOOL", "tool.name": "refund", "tool.parameters": `{"order":7}`, "tool.call.id": "c1"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	events := r.events()
	require.Len(t, events, 2)
	require.Equal(t, semconv.TypeLLMCall, events[0].EventType)
	require.JSONEq(t, `[{"id":"c1","name":"refund","arguments":{"order":7}}]`, text(events[0].ToolCallsRequested))
	require.Equal(t, semconv.TypeMessage, events[1].EventType)
	require.Equal(t, events[0].EventID, events[1].ParentEventID)
}

// TestHaystackDecisions: what a person decided on a call, as haystack/hooks/human_in_the_loop
// (deepset-ai/haystack) traces it.
func TestHaystackDecisions(t *testing.T) {
	const p = "haystack.agent.hook.human_in_the_loop.strategy"
	decided := func(decision, output string) *semconv.Event {
		return one(t, "app", p, attrs{
			"haystack.tool.name": "refund", "haystack.tool.call.id": "c1", p + ".type": "haystack.hooks.human_in_the_loop.strategies.BlockingConfirmationStrategy",
			p + ".input": `{"tool_name":"refund","tool_description":"Refunds.","tool_params":{"order":7},"tool_call_id":"c1"}`, p + ".decision": decision, p + ".output": output,
		})
	}
	e := decided("confirm", `{"tool_name":"refund","execute":true,"final_tool_params":{"order":7}}`)
	require.Equal(t, []any{semconv.TypeApproval, "approved", "refund", "c1", "human", `{"order":7}`}, []any{e.EventType, e.ApprovalStatus, e.ToolName, e.ToolCallID, e.ApprovalSource, text(e.ToolInput)})
	e = decided("reject", `{"tool_name":"refund","execute":false,"feedback":"too much money"}`)
	require.Equal(t, []any{"rejected", "refund", "too much money"}, []any{e.ApprovalStatus, e.ToolName, e.ApprovalReason})
	e = decided("modify", `{"tool_name":"refund","execute":true,"final_tool_params":{"order":8}}`)
	require.Equal(t, []any{"approved", `{"order":7}`, `{"order":8}`}, []any{e.ApprovalStatus, text(e.ToolInput), text(e.ApprovedInput)})
}

// TestResultsToldApart: ADK for Rust tells of what came back of a tool on the run, without an
// id. It completes the call that it is of; one that comes later is an event of its own.
func TestResultsToldApart(t *testing.T) {
	call := func(td ptrace.Traces) {
		span(td, adkRustScope, "call_llm", 2, 1, attrs{"gcp.vertex.agent.session_id": "s", "gcp.vertex.agent.llm_request": `{"model":"m","contents":[{"role":"user","parts":[{"text":"Refund order 7."}]}]}`, "gcp.vertex.agent.llm_response": `{"role":"model","parts":[{"name":"refund","args":{"order":7},"id":"c1"}]}`})
		s := span(td, adkRustScope, "execute_tool refund", 3, 1, attrs{"tool.name": "refund", "gcp.vertex.agent.session_id": "s"})
		ev := s.Events().AppendEmpty()
		ev.SetName("tool_call")
		attrs{"tool.name": "refund", "tool.args": `{"order":7}`}.put(ev.Attributes())
	}
	root := func(td ptrace.Traces) {
		s := span(td, adkRustScope, "agent.execute", 1, 0, attrs{"agent.name": "support", "gcp.vertex.agent.session_id": "s"})
		ev := s.Events().AppendEmpty()
		ev.SetName("tool_error")
		attrs{"tool.name": "refund", "error": "payment gateway down"}.put(ev.Attributes())
	}
	of := func(events []*semconv.Event, typ semconv.EventType) (found []*semconv.Event) {
		for _, e := range events {
			if e.EventType == typ {
				found = append(found, e)
			}
		}
		return found
	}
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	call(td)
	root(td)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Empty(t, of(r.events(), semconv.TypeToolResult))
	e := of(r.events(), semconv.TypeToolCall)[0]
	require.Equal(t, []string{"c1", `{"order":7}`, "payment gateway down", "error"}, []string{e.ToolCallID, text(e.ToolInput), e.Error, e.Outcome})
	require.NotEqual(t, "success", of(r.events(), semconv.TypeSessionEnd)[0].Outcome, "nothing says that the run was completed")

	r = newRig(t, nil)
	for _, f := range []func(ptrace.Traces){call, root} {
		td := ptrace.NewTraces()
		f(td)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	}
	require.Empty(t, of(r.events(), semconv.TypeToolCall)[0].Outcome)
	e = of(r.events(), semconv.TypeToolResult)[0]
	require.Equal(t, []string{"c1", "refund", "payment gateway down", "error"}, []string{e.ToolCallID, e.ToolName, e.Error, e.Outcome})
}

const adkRustScope = "adk-telemetry"

// TestAG2Decisions: what ag2/middleware/builtin/approval.py (ag2ai/ag2) asks a person, and the
// answer.
func TestAG2Decisions(t *testing.T) {
	const prompt = "Agent wants to call the tool:\n`refund`, {\"order\": 7}\nPlease approve or deny this request.\nY/N/Always?\n"
	asked := func(prompt, response string) *semconv.Event {
		return one(t, "ag2", "await_human_input support", attrs{"ag2.span.type": "human_input", "gen_ai.operation.name": "await_human_input", "ag2.human_input.prompt": prompt, "ag2.human_input.response": response})
	}
	e := asked(prompt, "always")
	require.Equal(t, []any{semconv.TypeApproval, "approved", "refund", `{"order":7}`, "human"}, []any{e.EventType, e.ApprovalStatus, e.ToolName, text(e.ToolInput), e.ApprovalSource})
	require.Equal(t, "rejected", asked(prompt, "n").ApprovalStatus)
	require.Equal(t, "rejected", asked(prompt, "no way").ApprovalStatus, "any other word is a refusal to AG2")
	e = asked("What is your name?", "Ann")
	require.Equal(t, semconv.TypeStep, e.EventType, "asked for something else")
	require.Contains(t, text(e.Content), "Ann")

	e = one(t, "ag2", "execute_tool refund", attrs{"ag2.span.type": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.result": "User denied the tool call request"})
	require.Equal(t, "denied", e.Outcome)
}

// TestClaudeMCPTools: log events name every tool of an MCP server mcp_tool.
func TestClaudeMCPTools(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	log(ld, "com.anthropic.claude_code.events", "claude_code.tool_result", attrs{"event.name": "tool_result", "session.id": "s", "tool_name": "mcp_tool", "tool_use_id": "t1", "success": "true", "tool_parameters": `{"mcp_server_name":"shop","mcp_tool_name":"refund"}`})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	e := r.events()[0]
	require.Equal(t, []string{"mcp__shop__refund", "shop", "", "success"}, []string{e.ToolName, e.MCPServer, text(e.ToolInput), e.Outcome})
}

// TestLangfuseUsage: parts that are told apart, and sums under providers' names.
func TestLangfuseUsage(t *testing.T) {
	for usage, want := range map[string][4]int64{
		`{"input":56,"output":13,"total":138,"input_cache_read":64,"output_reasoning":5}`:                                                                                 {120, 18, 64, 5},
		`{"completion_tokens":18,"prompt_tokens":120,"total_tokens":138,"completion_tokens_details":{"reasoning_tokens":5},"prompt_tokens_details":{"cached_tokens":64}}`: {120, 18, 64, 5},
		`{"input_tokens":120,"input_tokens_details":{"cached_tokens":64},"output_tokens":18,"output_tokens_details":{"reasoning_tokens":5}}`:                              {120, 18, 64, 5},
	} {
		e := one(t, "langfuse-sdk", "chat", attrs{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": usage})
		require.Equal(t, want, [4]int64{e.InputTokens.Value, e.OutputTokens.Value, e.CachedInputTokens.Value, e.ReasoningTokens.Value}, usage)
	}
}
