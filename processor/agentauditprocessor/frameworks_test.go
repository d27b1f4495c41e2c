package agentauditprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Frameworks whose own tables are more than their recordings show.

func TestQuarkus(t *testing.T) {
	e := example(t, "io.quarkus.opentelemetry", "completion gpt-5", attrs{
		"gen_ai.request.model": "gpt-5", "gen_ai.prompt": "Be kind.\nRefund order 7.", "gen_ai.completion": "Done.", "gen_ai.usage.prompt_tokens": 12, "gen_ai.response.finish_reasons": "STOP",
	})
	require.Equal(t, semconv.TypeLLMCall, e.EventType)
	require.Empty(t, e.SystemPromptHash, "no mark parts the prompt from what a person said")
	require.Empty(t, e.InputMessages, "nor is it told who said it")
	require.Contains(t, text(e.Content), "Refund order 7.")
	require.Equal(t, "Done.", e.OutputText)

	td := ptrace.NewTraces()
	s := span(td, "io.quarkus.opentelemetry", "langchain4j.aiservices.Agent$Support.chat", 1, 0, nil)
	failed(s, "")
	events := mapSpans(t, td)
	require.NotEmpty(t, events, "a run that a guardrail stopped before anything else")
	for _, e := range events {
		require.Equal(t, "shop", e.AgentID, "a class is no agent")
	}
}

func TestSpringAI(t *testing.T) {
	e := example(t, "org.springframework.boot", "tool_call refund", attrs{
		"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai", "spring.ai.kind": "tool_call", "spring.ai.tool.definition.name": "refund",
		"spring.ai.tool.call.arguments": `{"order":7}`, "spring.ai.tool.call.result": `"done"`,
	})
	require.Equal(t, []string{"refund", `{"order":7}`, `"done"`}, []string{e.ToolName, text(e.ToolInput), text(e.ToolOutput)})

	logged := func(class, body string) []*semconv.Event {
		ld := plog.NewLogs()
		rec := log(ld, "org.springframework.ai.chat.client.observation."+class, nil, nil)
		rec.Body().SetStr(body)
		rec.SetTraceID(pcommon.TraceID{1})
		rec.SetSpanID(pcommon.SpanID{1})
		return mapLogs(t, ld)
	}
	events := logged("ChatClientPromptContentObservationHandler", "Chat Client Prompt Content:\n[\"system\":\"Be \"kind\".\", \"user\":\"Refund, please.\"]")
	require.Len(t, events, 1)
	require.Equal(t, hexSHA(`Be "kind".`), events[0].SystemPromptHash)
	require.Contains(t, text(events[0].InputMessages), "Refund, please.")
	require.NotContains(t, text(events[0].InputMessages)+text(events[0].Content), "kind")
	events = logged("ChatClientCompletionObservationHandler", "Chat Client Completion:\n[\"Done.\"]")
	require.Equal(t, "Done.", events[0].OutputText)
	require.Empty(t, logged("ChatModelPromptContentObservationHandler", "Chat Model Prompt Content:\n[\"Be kind.\", \"Refund.\"]"), "no roles: the chat client's log has them")
	require.Empty(t, logged("ChatClientCompletionObservationHandler", "Chat Client Completion:\n[]"))
}

func TestLogfireAgents(t *testing.T) {
	scope := "logfire.openai_agents"
	e := example(t, scope, "Function: {name}", attrs{"logfire.msg_template": "Function: {name}", "name": "refund", "input": `{"order":7}`, "output": "null"})
	require.Empty(t, e.Outcome, "it did not run")
	e = example(t, scope, "Handoff: {from_agent} → {to_agent}", attrs{"logfire.msg_template": "Handoff: {from_agent} → {to_agent}", "from_agent": "triage", "to_agent": "refunds"})
	require.Equal(t, semconv.TypeHandoff, e.EventType)
	require.Equal(t, []string{"triage", "refunds"}, []string{e.FromAgent, e.ToAgent})
	e = example(t, scope, "Guardrail", attrs{"logfire.msg_template": "Guardrail {name!r} {triggered=}", "name": "policy", "triggered": true})
	require.Equal(t, []string{"policy", "true"}, []string{e.GuardrailName, e.Verdict})
	e = example(t, scope, "Responses API", attrs{"logfire.msg_template": "Responses API with {gen_ai.request.model!r}", "gen_ai.request.model": "m", "usage": `{"input_tokens":12,"output_tokens":3}`, "error": `{"message":"no quota"}`})
	require.Equal(t, "no quota", e.Error)
	require.EqualValues(t, 12, e.InputTokens.Value)

	td := ptrace.NewTraces()
	span(td, scope, "Agent run", 1, 0, attrs{"logfire.msg_template": "Agent run: {name!r}", "name": "support", "logfire.span_type": "pending_span"})
	require.Empty(t, mapSpans(t, td))
}

// TestRefusals: a framework's word for a call that was not allowed is a refusal; a tool's own
// words are none.
func TestRefusals(t *testing.T) {
	for result, refused := range map[string]bool{
		`"Tool execution was not approved."`:                       true,
		`"The tool call was denied."`:                              true,
		`{"error":"This tool call is rejected."}`:                  true,
		`"User denied the tool call request"`:                      true,
		`"Action rejected: too much money"`:                        true,
		`"Your card was rejected."`:                                false,
		`{"status":"The tool call was denied."}`:                   false,
		`{"error":"Tool execution was not approved by the bank."}`: false,
	} {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		span(td, "x", "execute_tool refund", 1, 9, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.id": "c1", "gen_ai.tool.call.result": result})
		require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
		var outcome, decision string
		for _, e := range r.events() {
			switch e.EventType {
			case semconv.TypeToolCall:
				outcome = e.Outcome
			case semconv.TypeApproval:
				decision = e.ApprovalStatus
			}
		}
		require.Equal(t, refused, outcome == semconv.OutcomeDenied, result)
		require.Equal(t, refused, decision == semconv.ApprovalRejected, result)
	}
}

// TestMCPGo: the client's span of a call names no tool, and is no call of its own.
func TestMCPGo(t *testing.T) {
	scope := "github.com/mark3labs/mcp-go/otel"
	td := ptrace.NewTraces()
	span(td, scope, "mcp.tools/call", 1, 0, attrs{"mcp.method": "tools/call"})
	span(td, scope, "mcp.tools/call", 2, 1, attrs{"mcp.method": "tools/call", "mcp.tool.name": "refund"})
	span(td, scope, "tool.refund", 3, 2, attrs{"mcp.tool.name": "refund"})
	counted := 0
	for _, e := range mapSpans(t, td) {
		if e.EventType == semconv.TypeToolCall && e.LayerOf == "" {
			counted++
			require.Equal(t, "refund", e.ToolName)
			require.Empty(t, e.Outcome)
		}
	}
	require.Equal(t, 1, counted)
}

// TestLlamaIndexSteps: the steps of a workflow tell by the event that each gave.
func TestLlamaIndexSteps(t *testing.T) {
	scope := "opentelemetry.instrumentation.llamaindex"
	step := func(td ptrace.Traces, id byte, a attrs) {
		a["traceloop.span.kind"] = "task"
		span(td, scope, "BaseWorkflowAgent.task", id, 9, a)
	}
	td := ptrace.NewTraces()
	step(td, 1, attrs{"traceloop.entity.output": `{"input":[{"role":"user","blocks":[{"block_type":"text","text":"Refund order 7."}]}],"current_agent_name":"support"}`})
	step(td, 2, attrs{"tool.name": "refund", "tool.arguments": `{"order":7}`, "traceloop.entity.output": `{"tool_name":"refund","tool_id":"c1","tool_output":{"blocks":[],"tool_name":"refund","raw_output":{"ok":true},"is_error":false}}`})
	step(td, 3, attrs{"tool.name": "refund", "tool.arguments": `{"order":8}`, "traceloop.entity.output": `{"tool_name":"refund","tool_id":"c2","tool_output":{"blocks":[{"text":"no money"}],"tool_name":"refund","raw_output":null,"is_error":true}}`})
	root := span(td, scope, "FunctionAgent.workflow", 9, 0, attrs{"traceloop.span.kind": "workflow", "traceloop.entity.output": `{"result":{"response":{"role":"assistant","blocks":[{"block_type":"text","text":"Done."}]},"current_agent_name":"support"}}`})
	root.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	var tools []string
	for _, e := range mapSpans(t, td) {
		require.Equal(t, "support", e.AgentID)
		switch e.EventType {
		case semconv.TypeToolCall:
			tools = append(tools, e.ToolCallID+" "+e.Outcome+" "+text(e.ToolOutput))
		case semconv.TypeSessionStart:
			require.Equal(t, "Refund order 7.", e.UserMessage)
		case semconv.TypeSessionEnd:
			require.Equal(t, "Done.", e.FinalOutput)
		}
	}
	require.ElementsMatch(t, []string{`c1 success {"ok":true}`, `c2 error "no money"`}, tools)
}

// TestMirascope: a decorated function is a step, also one around a model call.
func TestMirascope(t *testing.T) {
	e := example(t, "mirascope.ops", "refund", attrs{"mirascope.ops.session.id": "s1", "mirascope.type": "trace", "mirascope.fn.qualname": "refund", "mirascope.trace.arg_values": `{"order":7}`, "mirascope.trace.output": `{"ok":true}`})
	require.Equal(t, semconv.TypeStep, e.EventType)
	require.Equal(t, "s1", e.SessionID)

	td := ptrace.NewTraces()
	span(td, "mirascope.ops", "support.call", 1, 9, attrs{"mirascope.type": "trace", "mirascope.response.model_id": "m", "mirascope.response.messages": `[]`})
	require.Equal(t, semconv.TypeStep, mapSpans(t, td)[0].EventType, "and no call of its own")
}

// TestFurtherShapes: where further instrumentations keep what the others keep elsewhere.
func TestFurtherShapes(t *testing.T) {
	e := one(t, "traceai_openai", "ChatCompletion", attrs{
		"gen_ai.provider.name": "openai", "gen_ai.span.kind": "LLM", "gen_ai.request.model": "m", "input.value": "Be kind.",
		"gen_ai.input.messages.0.message.role": "system", "gen_ai.input.messages.0.message.content": "Be kind.",
		"gen_ai.input.messages.1.message.role": "user", "gen_ai.input.messages.1.message.content": "Refund order 7.",
		"gen_ai.output.messages.0.message.role": "assistant", "gen_ai.output.messages.0.message.tool_calls.0.tool_call.id": "c1",
		"gen_ai.output.messages.0.message.tool_calls.0.tool_call.function.name": "refund", "gen_ai.output.messages.0.message.tool_calls.0.tool_call.function.arguments": `{"order":7}`,
	})
	require.Equal(t, hexSHA("Be kind."), e.SystemPromptHash)
	require.NotContains(t, text(e.InputMessages)+text(e.Content), "Be kind.")
	require.JSONEq(t, `[{"id":"c1","name":"refund","arguments":{"order":7}}]`, text(e.ToolCallsRequested))

	e = one(t, "mlflow.tracing.provider", "Completions", attrs{
		"mlflow.spanType": `"CHAT_MODEL"`, "model": `"gpt-5"`, "mlflow.llm.model": `"gpt-5-2026"`, "mlflow.chat.tokenUsage": `{"input_tokens":12,"output_tokens":3}`,
		"mlflow.spanInputs": `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`, "mlflow.spanOutputs": `{"id":"r1","choices":[{"message":{"role":"assistant","content":"hello"}}]}`,
	})
	require.Equal(t, []string{"gpt-5", "gpt-5-2026", "r1", "hello"}, []string{e.ModelID, e.ResponseModelID, e.ResponseID, e.OutputText})
	require.EqualValues(t, 3, e.OutputTokens.Value)

	e = one(t, "tanstack-ai", "execute_tool refund", attrs{"gen_ai.tool.name": "refund", "gen_ai.tool.call.arguments": `[{"role":"tool","content":"{\"order\":7}"}]`})
	require.JSONEq(t, `{"order":7}`, text(e.ToolInput))

	e = one(t, "openinference.instrumentation.google_genai", "GenerateContent", attrs{
		"openinference.span.kind": "LLM", "llm.model_name": "m", "message.tool_calls.0.tool_call.function.name": "refund", "message.tool_calls.0.tool_call.function.arguments": `{"order":7}`,
	})
	require.JSONEq(t, `[{"name":"refund","arguments":{"order":7}}]`, text(e.ToolCallsRequested), "the SDK called the tool itself")

	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "invoke_agent a", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Done."}]}]`})
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	require.Equal(t, "Done.", r.events()[1].FinalOutput, "what the agent's own span says it answered")

	ld := plog.NewLogs()
	rec := log(ld, "semantic_kernel.utils", nil, attrs{"event.name": "gen_ai.system.message"})
	rec.Body().SetStr(`{"role": "system", "content": "Be kind.", "name": "support"}`)
	rec.SetTraceID(pcommon.TraceID{1})
	rec.SetSpanID(pcommon.SpanID{5})
	r = newRig(t, nil)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), ld))
	require.Equal(t, hexSHA("Be kind."), r.events()[0].SystemPromptHash, "of the text, and not of the JSON around it")
}

// TestGraphInterruptOfPython: a tool, or a step, that stopped to ask a person did not run; what
// it asks stands in an exception as Python prints it.
func TestGraphInterruptOfPython(t *testing.T) {
	stopped := func(kind, message string) *semconv.Event {
		return one(t, "openinference.instrumentation.langchain", "issue_refund", attrs{"openinference.span.kind": kind, "session.id": "s1", "input.value": `{'order': 7}`}, func(s ptrace.Span) {
			s.Status().SetCode(ptrace.StatusCodeOk)
			ev := s.Events().AppendEmpty()
			ev.SetName("exception")
			ev.Attributes().PutStr("exception.type", "langgraph.errors.GraphInterrupt")
			ev.Attributes().PutStr("exception.message", message)
		})
	}
	e := stopped("CHAIN", `(Interrupt(value={'action_requests': [{'name': 'refund', 'args': {'order': 7}, 'description': "Really?"}]}, id='i1'),)`)
	require.Equal(t, []string{"approval", "pending", "refund", "Really?", ""}, []string{string(e.EventType), e.ApprovalStatus, e.ToolName, e.ApprovalReason, e.Error})
	require.JSONEq(t, `{"order":7}`, text(e.ToolInput))
	e = stopped("TOOL", `(Interrupt(value='Refund order 7?', id='i1'),)`)
	require.Equal(t, []string{"approval", "pending", "issue_refund", "Refund order 7?"}, []string{string(e.EventType), e.ApprovalStatus, e.ToolName, e.ApprovalReason})
	require.JSONEq(t, `{"order":7}`, text(e.ToolInput))
}
