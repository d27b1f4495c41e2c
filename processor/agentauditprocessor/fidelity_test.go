package agentauditprocessor

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// all maps a request of one span.
func all(t *testing.T, scope, name string, a attrs, more ...func(ptrace.Span)) []*semconv.Event {
	t.Helper()
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	s := span(td, scope, name, 1, 0, a)
	for _, f := range more {
		f(s)
	}
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	return r.events()
}

func firstOf(t *testing.T, events []*semconv.Event, typ semconv.EventType) *semconv.Event {
	t.Helper()
	for _, e := range events {
		if e.EventType == typ {
			return e
		}
	}
	require.Fail(t, "no event", "%s", typ)
	return nil
}

// TestUnknownShapesAreKept: what is read and is of no shape that is known is a part as it is, or
// the one text in it.
func TestUnknownShapesAreKept(t *testing.T) {
	for in, want := range map[string]string{
		`{"query":"what is it"}`: `what is it`, `{"question":"what is it"}`: `what is it`, `{"args":["what is it"],"kwargs":{}}`: `what is it`, `{"prompt":"what is it"}`: `what is it`,
		`{"filters":{"year":"nineteen"}}`: `nineteen`, `{"items":[{"role":"user","content":["what is it"]}]}`: `what is it`, `[[[[[[[[[{"role":"user","content":"what is it"}]]]]]]]]]`: `what is it`,
	} {
		for key, a := range map[string]attrs{
			"langfuse.observation.input": {"langfuse.observation.type": "generation"}, "input.value": {"openinference.span.kind": "LLM"}, "mlflow.spanInputs": {"mlflow.spanType": `"CHAT_MODEL"`},
			"genkit:input": {"genkit:type": "action", "genkit:metadata:subtype": "model"}, "gen_ai.input.messages": {"gen_ai.operation.name": "chat"}, "lk.chat_ctx": {"lk.function_tool.name": "x", "gen_ai.operation.name": "chat"},
			"traceloop.entity.input": {"traceloop.span.kind": "workflow", "x": 1},
		} {
			a[key] = in
			for _, e := range all(t, "x", "llm_request", a) {
				if e.EventType == semconv.TypeLLMCall {
					require.Contains(t, text(e.InputMessages)+text(e.Content), want, "%s %s", key, in)
					require.NotContains(t, text(e.InputMessages), `"parts":[]`, "%s %s", key, in)
				}
			}
		}
	}
	for out, want := range map[string]string{`{"outputs":"Hi there"}`: "Hi there", `{"object":{"answer":"Hi there"}}`: "Hi there", `[{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi there"}]}}]}]`: "Hi there"} {
		e := one(t, "x", "c", attrs{"langfuse.observation.type": "generation", "langfuse.observation.output": out})
		require.Contains(t, text(e.OutputMessages), want, out)
		require.Equal(t, semconv.ContentPresent, e.ContentState)
	}
}

// TestFramesOfTheirOwn: what a run was asked and answered, in an application's own shapes.
func TestFramesOfTheirOwn(t *testing.T) {
	for in, want := range map[string]string{`{"question":"Q?"}`: "Q?", `{"query":"Q?"}`: "Q?", `{"args":["Q?"],"kwargs":{}}`: "Q?", `{"prompt":"Q?"}`: "Q?", `{"messages":[{"role":"user","content":"Q?"}]}`: "Q?", `Q?`: "Q?"} {
		for key, a := range map[string]attrs{
			"input.value": {"openinference.span.kind": "AGENT"}, "langfuse.observation.input": {"langfuse.observation.type": "agent"}, "traceloop.entity.input": {"traceloop.span.kind": "agent"}, "mlflow.spanInputs": {"mlflow.spanType": `"AGENT"`},
		} {
			a[key] = in
			require.Equal(t, want, firstOf(t, all(t, "x", "support", a), semconv.TypeSessionStart).UserMessage, "%s %s", key, in)
		}
	}
	for out, want := range map[string]string{`{"outputs":"A."}`: "A.", `{"answer":"A."}`: "A.", `{"response":"A."}`: "A.", `{"result":"A."}`: "A.", `{"messages":[{"role":"user","content":"Q?"},{"role":"assistant","content":"A."}]}`: "A.", `A.`: "A."} {
		for key, a := range map[string]attrs{
			"output.value": {"openinference.span.kind": "AGENT"}, "langfuse.observation.output": {"langfuse.observation.type": "agent"}, "traceloop.entity.output": {"traceloop.span.kind": "agent"}, "mlflow.spanOutputs": {"mlflow.spanType": `"AGENT"`},
		} {
			a[key] = out
			require.Equal(t, want, firstOf(t, all(t, "x", "support", a), semconv.TypeSessionEnd).FinalOutput, "%s %s", key, out)
		}
	}
}

// TestIndexedMessagesOfOthers: members of indexed messages that no table knows.
func TestIndexedMessagesOfOthers(t *testing.T) {
	e := one(t, "x", "c", attrs{"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "tool", "llm.input_messages.0.function.name": "refund", "llm.input_messages.0.function.arguments": `{"order":"seven"}`})
	require.Contains(t, text(e.InputMessages)+text(e.Content), "refund")
	require.Contains(t, text(e.InputMessages)+text(e.Content), "seven")
	e = one(t, "x", "c", attrs{"llm.request.type": "chat", "gen_ai.prompt.0.user": "Refund order seven."})
	require.Contains(t, text(e.InputMessages), "Refund order seven.")
}

// TestAnAgentsOwnAnswer: invoke_agent with its own messages.
func TestAnAgentsOwnAnswer(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 2, 1, attrs{"gen_ai.operation.name": "chat", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"a draft"}]}]`})
	span(td, "x", "invoke_agent support", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"the answer"}]}]`})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Equal(t, "the answer", firstOf(t, r.events(), semconv.TypeSessionEnd).FinalOutput)
}

// TestLimitsInWords: the text of the limit that stopped a run.
func TestLimitsInWords(t *testing.T) {
	events := all(t, "x", "invoke_agent support", attrs{"gen_ai.operation.name": "invoke_agent"}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("Max turns (1) exceeded")
		ev := s.Events().AppendEmpty()
		ev.SetName("exception")
		attrs{"exception.type": "MaxTurnsExceeded", "exception.message": "Max turns (1) exceeded", "exception.stacktrace": "at main"}.put(ev.Attributes())
	})
	e := firstOf(t, events, semconv.TypeSessionTimeout)
	require.Equal(t, []string{"max_iterations", "Max turns (1) exceeded", "MaxTurnsExceeded"}, []string{e.Reason, e.Error, e.ErrorType})
	require.Contains(t, text(firstOf(t, events, semconv.TypeSessionStart).Content), "at main")
}

// TestPartsOfOthers: parts in a vendor's own shape inside messages of the conventions.
func TestPartsOfOthers(t *testing.T) {
	for key, a := range map[string]attrs{"gen_ai.output.messages": {"gen_ai.operation.name": "chat"}, "gen_ai.completion": {"langsmith.span.kind": "llm"}, "langfuse.observation.output": {"langfuse.observation.type": "generation"}} {
		for _, out := range []string{
			`[{"role":"assistant","content":[{"toolUse":{"toolUseId":"c1","name":"f","input":{"n":1}}}]}]`,
			`[{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"n\":1}"},{"type":"reasoning","summary":[{"type":"summary_text","text":"why"}]}]`,
			`"[{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"n\\\":1}\"}]"`,
		} {
			a[key] = out
			e := one(t, "x", "c", a)
			require.JSONEq(t, `[{"id":"c1","name":"f","arguments":{"n":1}}]`, text(e.ToolCallsRequested), "%s %s", key, out)
		}
	}
}

// TestWhatIsNotThere: content that was dropped, uploaded elsewhere, or empty.
func TestWhatIsNotThere(t *testing.T) {
	e := one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.input.messages": `[{"role":"user","content":"hi"}]`}, func(s ptrace.Span) { s.SetDroppedAttributesCount(1) })
	require.Equal(t, semconv.ContentTruncatedAtSource, e.ContentState)
	e = one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.input.messages_ref": "s3://b/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.json", "gen_ai.output.messages_ref": "s3://b/out.json"})
	require.Equal(t, semconv.ContentByReference, e.ContentState)
	require.Contains(t, text(e.ContentRefs), "s3://b/out.json")
	require.Contains(t, text(e.ContentRefs), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	for _, out := range []any{"", "null", "[]"} {
		e = one(t, "x", "execute_tool f", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.arguments": `{"n":1}`, "gen_ai.tool.call.result": out})
		require.NotEmpty(t, e.ToolOutput, "%q", out)
	}
}

// TestUnindexedPrompts: gen_ai.prompt and gen_ai.completion without an index.
func TestUnindexedPrompts(t *testing.T) {
	for in, out := range map[string]string{`[{"role":"system","content":"Be secret."},{"role":"user","content":"Refund."}]`: `[{"role":"assistant","content":"Done."}]`, `Refund.`: `Done.`, `{"messages":[{"role":"user","content":"Refund."}]}`: `{"completion":"Done."}`} {
		e := one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.prompt": in, "gen_ai.completion": out})
		require.Contains(t, text(e.InputMessages), "Refund.", in)
		require.Equal(t, "Done.", e.OutputText)
		require.NotContains(t, text(e.InputMessages)+text(e.Content), "Be secret.")
	}
	e := one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "exception.type": "Boom", "exception.message": "it went boom", "exception.stacktrace": "at main"})
	require.Equal(t, []string{"it went boom", "error"}, []string{e.Error, e.Outcome})
	e = one(t, "x", "chat", attrs{"gen_ai.operation.name": "chat", "span.error.type": "Boom", "span.error.message": "it went boom"})
	require.Equal(t, "it went boom", e.Error)

	r := newRig(t, nil)
	ld := plog.NewLogs()
	log(ld, "x", "a model was called", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3})
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	require.Len(t, r.events(), 1)
	require.Equal(t, []any{semconv.TypeLLMCall, "m"}, []any{r.events()[0].EventType, r.events()[0].ModelID})
}

// TestNamesHideNothing: what an application calls things decides nothing.
func TestNamesHideNothing(t *testing.T) {
	chat := attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}
	for _, service := range []string{"codex-review-bot", "codex", "codex_cli_rs", "openrouter", "gemini-cli", "claude-code"} {
		r := newRig(t, nil)
		td := ptrace.NewTraces()
		span(td, "x", "chat m", 1, 9, chat)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", service)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		require.Len(t, r.events(), 1, service)
		require.Equal(t, semconv.TypeLLMCall, r.events()[0].EventType, service)
	}
	e := one(t, "x", "execute_tool (merged tools)", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "(merged tools)", "gen_ai.tool.call.arguments": `{"n":1}`, "gcp.vertex.agent.event_id": "1"})
	require.Equal(t, semconv.TypeToolCall, e.EventType)
	e = one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "logfire.span_type": "pending_span"})
	require.Equal(t, semconv.TypeLLMCall, e.EventType)
}

// TestCopiedTraceAttributes: Langfuse's SDK copies its trace's attributes onto every span of the
// process, whoever makes it.
func TestCopiedTraceAttributes(t *testing.T) {
	for _, copied := range []attrs{{}, {"langfuse.trace.name": "t"}, {"langfuse.trace.tags": "x", "langfuse.session.id": "s", "langfuse.user.id": "u"}, {"langfuse.trace.metadata.plan": "gold", "langfuse.environment": "prod"}} {
		with := func(a attrs) attrs {
			for k, v := range copied {
				a[k] = v
			}
			return a
		}
		e := one(t, "openinference.instrumentation.openai", "ChatCompletion", with(attrs{"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be secret."}))
		require.Equal(t, []any{semconv.TypeLLMCall, "m", 64}, []any{e.EventType, e.ModelID, len(e.SystemPromptHash)})
		e = one(t, "openinference.instrumentation.x", "refund", with(attrs{"openinference.span.kind": "TOOL", "tool.name": "refund", "input.value": `{"n":1}`}))
		require.Equal(t, []any{semconv.TypeToolCall, "refund", `{"n":1}`}, []any{e.EventType, e.ToolName, text(e.ToolInput)})
		require.Equal(t, "support", firstOf(t, all(t, "openinference.instrumentation.x", "support", with(attrs{"openinference.span.kind": "AGENT", "agent.name": "support"})), semconv.TypeSessionStart).AgentID)
		e = one(t, "opentelemetry.instrumentation.openai", "openai.chat", with(attrs{"llm.request.type": "chat", "gen_ai.request.model": "m", "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be secret."}))
		require.Equal(t, []any{semconv.TypeLLMCall, "m", 64}, []any{e.EventType, e.ModelID, len(e.SystemPromptHash)})
		require.NotContains(t, text(e.Content)+text(e.InputMessages), "Be secret.")
	}
}

// TestUnknownWords: kinds told in words, or by keys, that the conventions do not have.
func TestUnknownWords(t *testing.T) {
	for name, c := range map[string]struct {
		a    attrs
		want semconv.EventType
	}{
		"a task that is a chat":   {attrs{"traceloop.span.kind": "task", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, semconv.TypeLLMCall},
		"text_completions":        {attrs{"gen_ai.operation.name": "text_completions", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}, semconv.TypeLLMCall},
		"chat.completions":        {attrs{"gen_ai.operation.name": "chat.completions", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}, semconv.TypeLLMCall},
		"tool":                    {attrs{"gen_ai.operation.name": "tool", "gen_ai.tool.name": "refund"}, semconv.TypeToolCall},
		"guardrail_check":         {attrs{"gen_ai.operation.name": "guardrail_check", "gen_ai.guardrail.name": "pii", "gen_ai.guardrail.triggered": true}, semconv.TypeGuardrail},
		"call_tool":               {attrs{"traceloop.span.kind": "task", "traceloop.entity.name": "call_tool", "tool.name": "refund", "tool.arguments": `{"n":1}`}, semconv.TypeToolCall},
		"an agent with a tool":    {attrs{"openinference.span.kind": "AGENT", "tool.name": "refund", "tool.parameters": `{"n":1}`}, semconv.TypeToolCall},
		"operation.name only":     {attrs{"operation.name": "ai.generateText.doGenerate", "ai.model.id": "m"}, semconv.TypeLLMCall},
		"ai.toolCall alone":       {attrs{"ai.toolCall.name": "refund", "ai.toolCall.args": `{"n":1}`}, semconv.TypeToolCall},
		"llm.model_name alone":    {attrs{"llm.model_name": "m", "llm.token_count.prompt": 3}, semconv.TypeLLMCall},
		"a kind in small letters": {attrs{"openinference.span.kind": "llm", "llm.model_name": "m"}, semconv.TypeLLMCall},
	} {
		e := one(t, "x", "refund", c.a)
		require.Equal(t, c.want, e.EventType, name)
		if c.want == semconv.TypeToolCall {
			require.Equal(t, "refund", e.ToolName, name)
		}
	}
	events := all(t, "x", "support", attrs{"traceloop.span.kind": "workflow", "traceloop.entity.name": "support", "traceloop.entity.input": `{"args":["Q?"],"kwargs":{}}`}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("no model")
	})
	require.Equal(t, "Q?", firstOf(t, events, semconv.TypeSessionStart).UserMessage)
	require.NotEqual(t, "success", firstOf(t, events, semconv.TypeSessionEnd).Outcome)
	require.Equal(t, "no model", firstOf(t, events, semconv.TypeError).Error)
}

// TestWrongAuditAttributes: telemetry of the application's own that is wrong, or partial, is an
// event, and says what is wrong.
func TestWrongAuditAttributes(t *testing.T) {
	e := one(t, "shop", "pay", attrs{"audit.event_type": "Tool Call", "audit.tool_name": "pay", "audit.tool_input": `{"n":1}`})
	require.Equal(t, []any{semconv.TypeToolCall, "pay"}, []any{e.EventType, e.ToolName})
	require.Contains(t, strings.Join(e.EventProblems, " "), "Tool Call")
	e = one(t, "shop", "pay", attrs{"audit.event_type": "nonsense", "audit.tool_name": "pay"})
	require.Contains(t, strings.Join(e.EventProblems, " "), "nonsense")
	e = one(t, "shop", "pay", attrs{"audit.tool_name": "pay", "audit.tool_input": `{"n":1}`})
	require.Equal(t, []any{semconv.TypeToolCall, "pay", `{"n":1}`}, []any{e.EventType, e.ToolName, text(e.ToolInput)})
	e = one(t, "shop", "pay", attrs{"audit.requires_approval": true})
	require.Contains(t, text(e.Content), "audit.requires_approval")
	for word, want := range map[string]string{"yes": "approved", "APPROVED": "approved", "denied": "rejected", "perhaps": ""} {
		e = one(t, "shop", "decide", attrs{"audit.event_type": "approval", "audit.approval_status": word, "audit.tool_name": "pay", "audit.approver_id": "support", "gen_ai.agent.name": "support"})
		require.Equal(t, want, e.ApprovalStatus, word)
		require.Equal(t, "agent", e.ApprovalSource, "an agent that approves of itself is no person")
		if word != "APPROVED" {
			require.Contains(t, text(e.Content)+strings.Join(e.EventProblems, " "), word)
		}
	}
}

// TestUnknownLogEvents: events of a known program that no table names.
func TestUnknownLogEvents(t *testing.T) {
	for scope, name := range map[string]string{"com.anthropic.claude_code.events": "claude_code.subtask_invoked", "codex_otel": "codex.subtask_invoked", "gemini-cli": "gemini_cli.subtask_invoked"} {
		r := newRig(t, nil)
		ld := plog.NewLogs()
		log(ld, scope, name, attrs{"event.name": name, "session.id": "s", "subtask": "find the order"})
		require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
		require.Len(t, r.events(), 1, name)
		require.Contains(t, text(r.events()[0].Content), "find the order")
	}
}

// TestNobodysWords: a run does not answer with another agent's words, nor a record with what
// was promoted onto it.
func TestNobodysWords(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	s := span(td, "x", "invoke_agent triage", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "triage"})
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("boom")
	span(td, "x", "invoke_agent refunds", 2, 1, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "refunds"})
	span(td, "x", "chat m", 3, 2, attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.name": "refunds", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"refunded"}]}]`})
	span(td, "x", "chat m", 4, 1, attrs{"gen_ai.operation.name": "chat", "gen_ai.agent.name": "triage", "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"transfer_to_refunds","arguments":{}}]}]`})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	for _, e := range r.events() {
		if e.EventType == semconv.TypeSessionEnd && e.AgentID == "triage" {
			require.Empty(t, e.FinalOutput)
		}
		if e.EventType == semconv.TypeSessionEnd && e.AgentID == "refunds" {
			require.Equal(t, "refunded", e.FinalOutput)
		}
	}
	for name, a := range map[string]attrs{
		"a database": {"db.system": "redis", "db.statement": "GET x"}, "a database, newer": {"db.system.name": "redis", "db.query.text": "GET x"},
		"a request": {"http.request.method": "POST", "url.full": "https://x"}, "an older request": {"http.method": "POST", "http.url": "https://x"}, "a queue": {"messaging.system": "kafka"}, "a call": {"rpc.system": "grpc"},
	} {
		a["gen_ai.request.model"] = "m"
		for _, e := range all(t, "x", "GET", a) {
			require.NotEqual(t, semconv.TypeLLMCall, e.EventType, name)
		}
	}
	r = newRig(t, nil)
	td = ptrace.NewTraces()
	span(td, "openinference.instrumentation.langchain", "support", 1, 0, attrs{"openinference.span.kind": "AGENT", "agent.name": "support"})
	span(td, "openinference.instrumentation.langchain", "ChatOpenAI", 2, 1, attrs{"openinference.span.kind": "LLM", "graph.node.id": "llm_10", "llm.model_name": "m"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Equal(t, "support", firstOf(t, r.events(), semconv.TypeLLMCall).AgentID)

	events := all(t, "mastra", "agent run", attrs{"mastra.span.type": "agent_run", "mastra.agent_run.input": `[{"role":"user","content":"first"},{"role":"assistant","content":"yes"},{"role":"user","content":"second"}]`})
	require.Equal(t, "second", firstOf(t, events, semconv.TypeSessionStart).UserMessage)
}

// TestHowAToolEnded: what failed, by its result; what nothing says, not at all.
func TestHowAToolEnded(t *testing.T) {
	ok := func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeOk) }
	const lc = `"lc":1,"type":"constructor","id":["langchain","schema","messages","ToolMessage"]`
	for _, c := range [][2]string{
		{"error", `{"isError":true,"content":[{"type":"text","text":"no money"}]}`},
		{"error", `{"is_error":true,"content":"no money"}`},
		{"error", `{"status":"failure","message":"no money"}`},
		{"error", `{"status":"error","message":"no money"}`},
		{"error", `{` + lc + `,"kwargs":{"status":"error","content":"no money","tool_call_id":"c1"}}`},
		{"error", `{"type":"tool","data":{"content":"no money","status":"error","tool_call_id":"c1","name":"f"}}`},
		{"error", `{"content":"no money","type":"tool","name":"f","tool_call_id":"c1","status":"error"}`},
		{"success", `{"status":"delivered"}`},
		{"success", `{"content":"paid","type":"tool","name":"f","tool_call_id":"c1","status":"success"}`},
	} {
		want, out := c[0], c[1]
		for key, a := range map[string]attrs{"output.value": {"openinference.span.kind": "TOOL", "tool.name": "f"}, "gen_ai.tool.call.result": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}, "traceloop.entity.output": {"traceloop.span.kind": "tool", "traceloop.entity.name": "f"}} {
			a[key] = out
			require.Equal(t, want, one(t, "x", "f", a, ok).Outcome, "%s %s", key, out)
			require.Equal(t, want, one(t, "x", "f", a).Outcome, "%s %s, status unset", key, out)
		}
	}
	e := one(t, "x", "f", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.arguments": `{"n":1}`})
	require.Empty(t, e.Outcome)
	e = one(t, "x", "f", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.outcome": "error", "gen_ai.tool.call.result": "no money"})
	require.Equal(t, "error", e.Outcome)
	for _, refused := range []string{"The tool call was denied.", "Tool execution was not approved.", "Error: Tool call invocation was rejected by user.", `{"error":"This tool call is rejected."}`} {
		e = firstOf(t, all(t, "x", "f", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.result": refused}), semconv.TypeToolCall)
		require.Equal(t, "denied", e.Outcome, refused)
	}
	e = one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.message": "Rate limit exceeded"}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("Error")
	})
	require.Equal(t, "Rate limit exceeded", e.Error)
	e = one(t, "langfuse-sdk", "chat", attrs{"langfuse.observation.type": "generation", "langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "Rate limit exceeded"}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("Error")
	})
	require.Equal(t, "Rate limit exceeded", e.Error)
}

// TestRefusalsInMessages: a call that a person refused, and that has no record but the message
// that stands in the place of its result.
func TestRefusalsInMessages(t *testing.T) {
	for _, said := range []string{
		`{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","result":"The tool call was denied."}]}`,
		`{"role":"tool","tool_call_id":"c1","content":"Error: Tool call invocation was rejected by user."}`,
	} {
		events := all(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": `[{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"refund","arguments":"{\"order\":7}"}}]},` + said + `]`})
		e := firstOf(t, events, semconv.TypeApproval)
		require.Equal(t, []string{"rejected", "refund"}, []string{e.ApprovalStatus, e.ToolName}, said)
	}
}

// TestSystemPromptsInEveryPlace: none is told in clear, and its hash is that of its text.
func TestSystemPromptsInEveryPlace(t *testing.T) {
	messages := `[{"role":"system","content":"Be secret and kind."},{"role":"user","content":"hi"}]`
	for name, a := range map[string]attrs{
		"gen_ai.prompt":         {"gen_ai.operation.name": "chat", "gen_ai.prompt": messages},
		"gen_ai.prompt, object": {"gen_ai.operation.name": "chat", "gen_ai.prompt": `{"messages":` + messages + `}`},
		"lk.instructions":       {"lk.instructions": "Be secret and kind.", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
		"langfuse metadata":     {"langfuse.observation.type": "generation", "langfuse.observation.metadata.instructions": "Be secret and kind."},
		"one JSON string":       {"openinference.span.kind": "LLM", "llm.input_messages": messages},
		"under ADK":             {"gcp.vertex.agent.event_id": "1", "openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be secret and kind."},
		"flue":                  {"flue.turn.input": `{"systemPrompt":"Be secret and kind.","messages":[{"role":"user","content":"hi"}]}`},
		"langwatch":             {"langwatch.span.type": "llm", "langwatch.input": `{"type":"chat_messages","value":` + messages + `}`},
		"crewai":                {"openinference.span.kind": "CHAIN", "crew_agents": `[{"role":"support","backstory":"Be secret and kind."}]`, "input.value": "x"},
		"invocation parameters": {"openinference.span.kind": "LLM", "llm.invocation_parameters": `{"instructions":"Be secret and kind."}`},
	} {
		for _, e := range all(t, "x", "call_llm", a) {
			line := text(e.Content) + text(e.InputMessages) + e.UserMessage + text(e.ToolsAvailable)
			require.NotContains(t, line, "Be secret and kind.", name)
			if e.EventType == semconv.TypeLLMCall {
				require.Len(t, e.SystemPromptHash, 64, name)
			}
		}
	}
}

// TestAnswersOnARun: Agent Framework's run goes on with the decision among what it was asked.
func TestAnswersOnARun(t *testing.T) {
	for approved, want := range map[string]string{"true": "approved", "false": "rejected"} {
		events := all(t, "agent_framework", "invoke_agent support", attrs{
			"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support",
			"gen_ai.input.messages": `[{"role":"user","parts":[{"type":"function_approval_response","id":"a1","approved":` + approved + `,"function_call":{"call_id":"c1","name":"refund","arguments":"{\"order\":7}"}}]}]`,
		})
		e := firstOf(t, events, semconv.TypeApproval)
		require.Equal(t, []string{want, "refund", "c1"}, []string{e.ApprovalStatus, e.ToolName, e.ToolCallID})
		if approved == "false" {
			require.Equal(t, "denied", firstOf(t, events, semconv.TypeToolCall).Outcome)
		}
	}
}
