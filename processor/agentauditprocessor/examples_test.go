package agentauditprocessor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// The examples of dialects of which there is no recording: what their documents say
// that they send, and the fields that must come of it.

func mapSpans(t *testing.T, td ptrace.Traces) []*semconv.Event {
	t.Helper()
	seedTraces(t, td)
	r := newRig(t, nil)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	golden(t, r)
	return r.events()
}

// example is one, with its event held against the golden file of the test.
func example(t *testing.T, scope, name string, a attrs, more ...func(ptrace.Span)) *semconv.Event {
	t.Helper()
	td := ptrace.NewTraces()
	s := span(td, scope, name, 1, 9, a)
	for _, f := range more {
		f(s)
	}
	events := mapSpans(t, td)
	require.Len(t, events, 1)
	return events[0]
}

func mapLogs(t *testing.T, ld plog.Logs) []*semconv.Event {
	t.Helper()
	seedLogs(t, ld)
	r := newRig(t, nil)
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	golden(t, r)
	return r.events()
}

func TestPydanticAI(t *testing.T) {
	e := example(t, "pydantic-ai", "running tool", attrs{"gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "c1", "tool_arguments": `{"city":"Paris"}`, "tool_response": "rain", "logfire.msg": "running tool"})
	require.Equal(t, semconv.TypeToolCall, e.EventType)
	require.Equal(t, `{"city":"Paris"}`, text(e.ToolInput))
	require.Equal(t, `"rain"`, text(e.ToolOutput))
	require.Equal(t, "pydantic-ai", sourceOf(e)["dialect"])

	e = example(t, "pydantic-ai", "running tool", attrs{"gen_ai.tool.name": "rm", "gen_ai.tool.call.id": "c1", "pydantic_ai.tool.deferral.name": "ApprovalRequired"}, func(s ptrace.Span) { failed(s, "ApprovalRequired") })
	require.Equal(t, semconv.TypeApproval, e.EventType)
	require.Equal(t, semconv.ApprovalPending, e.ApprovalStatus)
	require.Equal(t, "rm", e.ToolName)
	require.Empty(t, e.Error)

	e = example(t, "pydantic-ai", "chat m", attrs{"gen_ai.request.model": "m", "events": `[{"event.name":"gen_ai.system.message","content":"Answer in one sentence."},{"event.name":"gen_ai.user.message","content":"hi"},{"event.name":"gen_ai.choice","index":0,"message":{"role":"assistant","content":"hello"}}]`})
	require.Equal(t, hexSHA("Answer in one sentence."), e.SystemPromptHash)
	require.Equal(t, "hello", e.OutputText)

	td := ptrace.NewTraces()
	span(td, "logfire", "chat m", 1, 0, attrs{"logfire.span_type": "pending_span", "gen_ai.request.model": "m"})
	require.Empty(t, mapSpans(t, td), "a copy sent at the start")
}

func TestStrands(t *testing.T) {
	e := example(t, "strands.telemetry.tracer", "execute_tool get_weather", attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.tool.status": "success"}, func(s ptrace.Span) {
		ev := s.Events().AppendEmpty()
		ev.SetName("gen_ai.tool.message")
		ev.Attributes().PutStr("role", "tool")
		ev.Attributes().PutStr("content", `{"city":"Paris"}`)
		ev.Attributes().PutStr("id", "c1")
		ev = s.Events().AppendEmpty()
		ev.SetName("gen_ai.choice")
		ev.Attributes().PutStr("message", `[{"text":"rain"}]`)
		ev.Attributes().PutStr("id", "c1")
	})
	require.Equal(t, `{"city":"Paris"}`, text(e.ToolInput), "the message is the input here")
	require.Equal(t, `"rain"`, text(e.ToolOutput))
	require.Equal(t, "c1", e.ToolCallID)

	e = example(t, "strands.telemetry.tracer", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.server.time_to_first_token": 120}, func(s ptrace.Span) {
		ev := s.Events().AppendEmpty()
		ev.SetName("gen_ai.user.message")
		ev.Attributes().PutStr("content", `[{"text":"hi"},{"toolResult":{"toolUseId":"c0","status":"success","content":[{"text":"dry"}]}}]`)
		ev = s.Events().AppendEmpty()
		ev.SetName("gen_ai.choice")
		ev.Attributes().PutStr("finish_reason", "tool_use")
		ev.Attributes().PutStr("message", `[{"toolUse":{"toolUseId":"c1","name":"get_weather","input":{"city":"Paris"}}}]`)
	})
	require.JSONEq(t, `[{"id":"c1","name":"get_weather","arguments":{"city":"Paris"}}]`, text(e.ToolCallsRequested))
	require.Contains(t, text(e.InputMessages), `"tool_call_response"`)
	require.Equal(t, semconv.Some(120.0), e.TimeToFirstTokenMS, "milliseconds, whatever the name says")

	ld := plog.NewLogs()
	rec := log(ld, "strands.telemetry.tracer", attrs{"input": map[string]any{"messages": []any{map[string]any{"role": "user", "content": map[string]any{"content": `[{"text":"hi"}]`}}}}}.plain(), nil)
	rec.SetTraceID(pcommon.TraceID{1})
	rec.SetSpanID(pcommon.SpanID{5})
	events := mapLogs(t, ld)
	require.Len(t, events, 1)
	require.JSONEq(t, `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`, text(events[0].InputMessages))
}

func TestStrandsInterrupts(t *testing.T) {
	for name, c := range map[string][2]string{
		"yes": {`"y"`, semconv.ApprovalApproved}, "true": {`true`, semconv.ApprovalApproved}, "no": {`"No"`, semconv.ApprovalRejected}, "words": {`"only if it is cheap"`, ""},
	} {
		word, status := c[0], c[1]
		for shape, block := range map[string]string{
			"block": `{"interruptResponse":{"interruptId":"i1","response":` + word + `}}`, "part": `{"type":"interrupt_response","id":"i1","response":` + word + `}`,
		} {
			t.Run(name+"/"+shape, func(t *testing.T) {
				td := ptrace.NewTraces()
				s := span(td, "strands.telemetry.tracer", "chat", 1, 9, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
				ev := s.Events().AppendEmpty()
				ev.SetName("gen_ai.user.message")
				ev.Attributes().PutStr("content", "["+block+"]")
				decisions := ofType(mapSpans(t, td), semconv.TypeApproval)
				require.Len(t, decisions, 1)
				require.Equal(t, status, decisions[0].ApprovalStatus)
				require.Equal(t, semconv.SourceHuman, decisions[0].ApprovalSource)
				require.Equal(t, strings.Trim(word, `"`), decisions[0].ApprovalReason, "what was said")
			})
		}
	}
}

func TestADKConfirmations(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		status   []string
		denied   int
	}{
		"confirmed":     {`{"confirmed":true}`, []string{semconv.ApprovalApproved}, 0},
		"refused":       {`{"confirmed":false}`, []string{semconv.ApprovalRejected}, 1},
		"something new": {`{"confirmed":"perhaps"}`, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			span(td, "gcp.vertex.agent", "call_llm", 1, 9, attrs{
				"gcp.vertex.agent.llm_request": `{"model":"m","contents":[{"role":"model","parts":[{"function_call":{"id":"r1","name":"adk_request_confirmation","args":{"originalFunctionCall":{"name":"refund","id":"c1","args":{"amount":42}},"toolConfirmation":{"hint":"over the limit","confirmed":false}}}}]},{"role":"user","parts":[{"function_response":{"id":"r1","name":"adk_request_confirmation","response":` + c.response + `}}]}]}`,
			})
			events := mapSpans(t, td)
			var status []string
			for _, e := range ofType(events, semconv.TypeApproval) {
				require.Equal(t, "refund", e.ToolName)
				require.Equal(t, "c1", e.ToolCallID)
				require.Equal(t, semconv.SourceHuman, e.ApprovalSource)
				status = append(status, e.ApprovalStatus)
			}
			require.Equal(t, c.status, status)
			refused := ofType(events, semconv.TypeToolCall)
			require.Len(t, refused, c.denied)
			for _, e := range refused {
				require.Equal(t, semconv.OutcomeDenied, e.Outcome)
				require.JSONEq(t, `{"amount":42}`, text(e.ToolInput))
			}
		})
	}
	td := ptrace.NewTraces()
	span(td, "gcp.vertex.agent", "call_llm", 1, 9, attrs{
		"gcp.vertex.agent.llm_request":  `{"model":"m","contents":[]}`,
		"gcp.vertex.agent.llm_response": `{"content":{"role":"model","parts":[{"function_call":{"id":"r1","name":"adk_request_confirmation","args":{"originalFunctionCall":{"name":"refund","id":"c1","args":{"amount":42}},"toolConfirmation":{"hint":"over the limit"}}}}]}}`,
	})
	asked := ofType(mapSpans(t, td), semconv.TypeApproval)
	require.Len(t, asked, 1)
	require.Equal(t, semconv.ApprovalPending, asked[0].ApprovalStatus)
	require.Equal(t, "over the limit", asked[0].ApprovalReason)
	require.Equal(t, "c1", asked[0].ToolCallID)
}

func TestMicrosoft(t *testing.T) {
	td := ptrace.NewTraces()
	span(td, "agent_framework", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.finish_reasons": `["stop"]`,
		"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"function_approval_request","id":"a1","function_call":{"call_id":"c1","name":"rm","arguments":"{}"}}]}]`,
	})
	events := mapSpans(t, td)
	require.Equal(t, []string{"stop"}, ofType(events, semconv.TypeLLMCall)[0].FinishReasons)
	asked := ofType(events, semconv.TypeApproval)
	require.Len(t, asked, 1)
	require.Equal(t, semconv.ApprovalPending, asked[0].ApprovalStatus)
	require.Equal(t, "rm", asked[0].ToolName)
	require.Equal(t, "c1", asked[0].ToolCallID)

	td = ptrace.NewTraces()
	span(td, "agent_framework", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
		"gen_ai.input.messages": `[{"role":"user","parts":[{"type":"function_approval_response","id":"a1","approved":false,"function_call":{"call_id":"c1","name":"rm","arguments":"{\"path\":\"/\"}"}}]}]`,
	})
	events = mapSpans(t, td)
	require.Equal(t, semconv.ApprovalRejected, ofType(events, semconv.TypeApproval)[0].ApprovalStatus)
	require.Equal(t, semconv.OutcomeDenied, ofType(events, semconv.TypeToolCall)[0].Outcome)
	require.JSONEq(t, `{"path":"/"}`, text(ofType(events, semconv.TypeToolCall)[0].ToolInput))

	e := example(t, "azure.ai.projects", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure.ai.agents", "gen_ai.request.temperature": "0.2", "gen_ai.thread.id": "t1"}, func(s ptrace.Span) {
		ev := s.Events().AppendEmpty()
		ev.SetName("gen_ai.input.messages")
		ev.Attributes().PutStr("gen_ai.event.content", `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`)
	})
	require.Contains(t, text(e.InputMessages), `"content":"hi"`)
	require.Equal(t, semconv.Some(0.2), e.Temperature)
	require.Equal(t, "t1", e.SessionID)
}

func TestLangSmith(t *testing.T) {
	e := example(t, "langsmith", "ChatOpenAI", attrs{
		"langsmith.span.kind": "llm", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.finish_reasons": "tool_calls",
		"gen_ai.prompt":                 `{"messages":[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","ToolMessage"],"kwargs":{"content":"rain","tool_call_id":"c1"}}]]}`,
		"langsmith.metadata.session_id": "s1", "langsmith.trace.session_id": "project", "langsmith.metadata.user_id": "u1",
	})
	require.JSONEq(t, `[{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","result":"rain"}]}]`, text(e.InputMessages))
	require.Equal(t, "s1", e.SessionID, "a project is no session")
	require.Equal(t, []string{"tool_calls"}, e.FinishReasons)

	e = example(t, "langsmith", "lookup_order", attrs{"langsmith.span.kind": "tool", "gen_ai.operation.name": "execute_tool", "langsmith.trace.name": "lookup_order", "gen_ai.prompt": `{"order_id":"A-1001"}`, "gen_ai.completion": `{"status":"delivered"}`})
	require.Equal(t, "lookup_order", e.ToolName)
	require.Equal(t, `{"order_id":"A-1001"}`, text(e.ToolInput))
	require.Equal(t, `{"status":"delivered"}`, text(e.ToolOutput))

	td := ptrace.NewTraces()
	span(td, "langsmith", "prompt", 1, 0, attrs{"langsmith.span.kind": "prompt", "gen_ai.operation.name": "chat"})
	require.Empty(t, mapSpans(t, td), "no model was called")
}

func TestCopilot(t *testing.T) {
	td := ptrace.NewTraces()
	failed(span(td, "github.copilot", "execute_tool bash", 1, 9, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "bash", "gen_ai.tool.call.id": "c1", "error.type": "denied", "github.copilot.tool.parameters.command": "rm -rf /"}), "denied")
	span(td, "github.copilot", "permission", 2, 1, attrs{"github.copilot.permission.kind": "shell", "github.copilot.permission.result": "denied-by-rules"})
	events := mapSpans(t, td)
	tool := ofType(events, semconv.TypeToolCall)[0]
	require.Equal(t, semconv.OutcomeDenied, tool.Outcome)
	require.Empty(t, tool.Error, "a refusal is no error")
	require.JSONEq(t, `{"command":"rm -rf /"}`, text(tool.ToolInput))
	a := ofType(events, semconv.TypeApproval)[0]
	require.Equal(t, semconv.ApprovalRejected, a.ApprovalStatus)
	require.Equal(t, semconv.SourcePolicy, a.ApprovalSource)
	require.Equal(t, tool.EventID, a.ParentEventID)

	e := example(t, "github.copilot", "permission", attrs{"github.copilot.permission.kind": "shell", "github.copilot.permission.result": "approved"})
	require.Equal(t, semconv.ApprovalApproved, e.ApprovalStatus)
	require.Empty(t, e.ApproverID, "the result does not say that a person approved")

	e = example(t, "vscode", "execute_hook", attrs{"gen_ai.operation.name": "execute_hook", "copilot_chat.hook_type": "PreToolUse", "github.copilot.hook.decision": "block"})
	require.Equal(t, semconv.TypeIntervention, e.EventType)
	require.Equal(t, "hook", e.ActorID)
	require.Equal(t, "PreToolUse", e.Reason)

	e = example(t, "github.copilot", "hook sessionEnd", attrs{"github.copilot.hook.type": "sessionEnd"})
	require.Equal(t, semconv.TypeSessionEnd, e.EventType)
}

// What the CLI says in events of the agent's span are events of their own: a denied
// access to the sandbox, a history that was cut, the end of the session.
func TestCopilotSpanEvents(t *testing.T) {
	td := ptrace.NewTraces()
	agent := span(td, "github.copilot", "invoke_agent copilot", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "copilot", "gen_ai.conversation.id": "k1"})
	for i, ev := range []struct {
		name string
		a    attrs
	}{
		{"github.copilot.sandbox.enforcement_state", attrs{"github.copilot.sandbox.enforced": true}},
		{"github.copilot.sandbox.access_denied", attrs{"github.copilot.sandbox.denial_class": "filesystem_read", "github.copilot.sandbox.policy_source": "repo", "github.copilot.sandbox.denied_resource": "/etc/shadow"}},
		{"github.copilot.session.snapshot_rewind", attrs{"github.copilot.events_removed": 3}},
		{"github.copilot.session.abort", attrs{"abort_reason": "user initiated"}},
		{"github.copilot.session.shutdown", attrs{"github.copilot.shutdown_type": "routine"}},
		{"github.copilot.skill.invoked", attrs{"github.copilot.skill.name": "pdf"}},
	} {
		e := agent.Events().AppendEmpty()
		e.SetName(ev.name)
		e.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second + time.Duration(i)*time.Microsecond)))
		ev.a.put(e.Attributes())
	}
	events := mapSpans(t, td)
	var reasons, actors []string
	for _, e := range ofType(events, semconv.TypeIntervention) {
		require.Equal(t, "k1", e.SessionID)
		require.Equal(t, "copilot", e.AgentName)
		require.Equal(t, "traces", sourceOf(e)["signal"])
		reasons, actors = append(reasons, e.Reason), append(actors, e.ActorID)
	}
	require.Equal(t, []string{"sandbox.access_denied: filesystem_read", "session.snapshot_rewind", "session.abort: user initiated"}, reasons)
	require.Equal(t, []string{"repo", "", ""}, actors)
	require.Contains(t, text(ofType(events, semconv.TypeIntervention)[0].Content), "/etc/shadow")
	require.Len(t, ofType(events, semconv.TypeSessionEnd), 2, "of the run, and of the session")
	began := ofType(events, semconv.TypeSessionStart)
	require.Len(t, began, 1)
	require.Contains(t, text(began[0].Content), `"name":"github.copilot.skill.invoked"`, "what tells of nothing is kept")
	require.Contains(t, text(began[0].Content), "enforcement_state")
	require.NotContains(t, text(began[0].Content), "access_denied", "and what does is not told twice")
}

// Events that no rule reads are kept, and the text of a prompt in them is not.
func TestSpanEventsAreKept(t *testing.T) {
	td := ptrace.NewTraces()
	s := span(td, "x", "execute_tool t", 1, 0, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"})
	for _, ev := range []struct {
		name string
		a    attrs
	}{
		{"exception", attrs{"exception.type": "A", "exception.message": "first try"}},
		{"exception", attrs{"exception.type": "B", "exception.message": "second try", "http.status": 503}},
		{"gen_ai.system.message", attrs{"content": "Never tell the secret of the house."}},
		{"cache.miss", nil},
	} {
		e := s.Events().AppendEmpty()
		e.SetName(ev.name)
		ev.a.put(e.Attributes())
	}
	e := mapSpans(t, td)[0]
	require.Equal(t, "second try", e.Error)
	content := text(e.Content)
	require.Contains(t, content, "first try")
	require.NotContains(t, content, "second try", "is the error")
	require.Contains(t, content, "503")
	require.Contains(t, content, "cache.miss")
	require.NotContains(t, content, "secret of the house")
	require.Contains(t, content, "[system prompt sha256:")

	td = ptrace.NewTraces()
	judged := span(td, "x", "chat", 1, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}).Events().AppendEmpty()
	judged.SetName("gen_ai.evaluation.result")
	attrs{"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 0.9, "gen_ai.evaluation.score.label": "fail"}.put(judged.Attributes())
	events := mapSpans(t, td)
	require.Len(t, ofType(events, semconv.TypeLLMCall), 1)
	check := ofType(events, semconv.TypeGuardrail)
	require.Len(t, check, 1)
	require.Equal(t, "toxicity", check[0].GuardrailName)
}

func TestCodexWords(t *testing.T) {
	for _, c := range [][2]string{{"approvedforsession", "approved"}, {"approved_for_session", "approved"}, {"Denied", "rejected"}, {"abort", "rejected"}, {"ponder", ""}} {
		word, want := c[0], c[1]
		ld := plog.NewLogs()
		rec := log(ld, "codex_otel.log_only", nil, attrs{"event.name": "codex.tool_decision", "event.timestamp": "2026-11-23T13:11:13.964Z", "conversation.id": "k1", "call_id": "c1", "tool_name": "exec_command", "decision": word, "source": "User"})
		rec.SetEventName("event otel/src/events/session_telemetry.rs:1225")
		rec.SetTimestamp(0)
		e := mapLogs(t, ld)
		require.Len(t, e, 1, "a denied call logs a result of its own")
		require.Equal(t, want, e[0].ApprovalStatus, word)
		require.Equal(t, semconv.SourceHuman, e[0].ApprovalSource)
		require.Equal(t, "2026-11-23T13:11:13.964Z", e[0].Timestamp.Format("2006-01-02T15:04:05.000Z"))
		require.Equal(t, "k1", e[0].SessionID)
	}
}

func TestGeminiAndQwenDecisions(t *testing.T) {
	for _, c := range []struct {
		a      attrs
		status string
		by     string
	}{
		{attrs{"event.name": "gemini_cli.tool_call", "decision": "reject", "success": true}, semconv.ApprovalApproved, ""},
		{attrs{"event.name": "gemini_cli.tool_call", "decision": "accept", "success": true, "interactive": false}, semconv.ApprovalApproved, semconv.SourcePolicy},
		{attrs{"event.name": "qwen-code.tool_call", "decision": "auto_accept", "success": true, "call_id": "call_1"}, semconv.ApprovalApproved, semconv.SourcePolicy},
		{attrs{"event.name": "gemini_cli.tool_call", "decision": "reject", "success": false}, semconv.ApprovalRejected, ""},
	} {
		ld := plog.NewLogs()
		c.a["function_name"], c.a["session.id"] = "write_file", "s1"
		c.a["function_args"] = "{\n  \"path\": \"/tmp/x\"\n}"
		log(ld, "x", "Tool call: write_file.", c.a)
		events := mapLogs(t, ld)
		a := ofType(events, semconv.TypeApproval)
		require.Len(t, a, 1)
		require.Equal(t, c.status, a[0].ApprovalStatus)
		require.Equal(t, c.by, a[0].ApprovalSource)
		tool := ofType(events, semconv.TypeToolCall)[0]
		require.JSONEq(t, `{"path":"/tmp/x"}`, text(tool.ToolInput))
		if c.status == semconv.ApprovalRejected {
			require.Equal(t, semconv.OutcomeDenied, tool.Outcome)
		}
	}
}

func TestOthers(t *testing.T) {
	e := example(t, "mlflow", "get_weather", attrs{"mlflow.spanType": `"TOOL"`, "mlflow.spanInputs": `{"city":"Paris"}`, "mlflow.spanOutputs": `"rain"`})
	require.Equal(t, "get_weather", e.ToolName)
	require.Equal(t, `{"city":"Paris"}`, text(e.ToolInput))

	e = example(t, "@flue/opentelemetry", "tool", attrs{"flue.tool.name": "get_weather", "flue.tool.call_id": "c1", "flue.tool.arguments": `{"city":"Paris"}`, "flue.tool.result": `"rain"`})
	require.Equal(t, "c1", e.ToolCallID)

	td := ptrace.NewTraces()
	span(td, "crewai.telemetry", "Crew Created", 1, 0, attrs{"crew_key": "x"})
	require.Empty(t, mapSpans(t, td), "counts of the product, not of the agent")

	e = example(t, "dapr", "AgentTool", attrs{"openinference.span.kind": "TOOL", "tool.name": "pay", "input.value": `{"tool_name":"pay","args":{"amount":1}}`, "workflow.instance_id": "w1", "gen_ai.operation.name": "execute_tool"})
	require.Equal(t, "w1", e.SessionID)
}

// TestMastra: a loop of two steps is two calls, of the generation's model; one call
// told as generation, step and inference is one.
func TestMastra(t *testing.T) {
	mastra := func(typ string, a attrs) attrs {
		a["mastra.span.type"] = typ
		return a
	}
	td := ptrace.NewTraces()
	span(td, "@mastra/otel", "invoke_agent weather", 1, 0, mastra("agent_run", attrs{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "weather", "gen_ai.agent.name": "Weather", "gen_ai.system_instructions": "Be brief.",
		"mastra.agent_run.input": `[{"role":"user","content":"Rain in Paris?"}]`, "mastra.agent_run.output": `{"text":"Yes."}`, "gen_ai.conversation.id": "thread-1",
	}))
	span(td, "@mastra/otel", "chat gpt-4o", 2, 1, mastra("model_generation", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 9,
		"gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"Rain in Paris?"}]}]`, "gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]`,
		"gen_ai.response.finish_reasons": `["stop"]`,
	}))
	span(td, "@mastra/otel", "step: 0", 3, 2, mastra("model_step", attrs{"gen_ai.operation.name": "model_step", "mastra.model_step.output": `{"text":"","toolCalls":[{"type":"tool-call","payload":{"toolCallId":"c1","toolName":"get_weather","args":{"city":"Paris"}}}]}`}))
	span(td, "@mastra/otel", "inference", 4, 3, mastra("model_inference", attrs{"gen_ai.operation.name": "model_inference"}))
	span(td, "@mastra/otel", "execute_tool get_weather", 5, 3, mastra("tool_call", attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": `{"city":"Paris"}`, "gen_ai.tool.call.result": `{"rain":true}`,
	}))
	span(td, "@mastra/otel", "step: 1", 6, 2, mastra("model_step", attrs{"gen_ai.operation.name": "model_step", "mastra.model_step.output": `{"text":"Yes."}`}))
	span(td, "@mastra/otel", "chunk: text", 7, 6, mastra("model_chunk", attrs{"gen_ai.operation.name": "model_chunk", "mastra.model_chunk.output": `{"text":"Y"}`}))
	events := mapSpans(t, td)
	var calls []*semconv.Event
	for _, e := range ofType(events, semconv.TypeLLMCall) {
		require.Equal(t, "thread-1", e.SessionID)
		require.Equal(t, hexSHA("Be brief."), e.SystemPromptHash)
		if e.LayerOf == "" {
			require.Equal(t, "gpt-4o", e.ModelID)
			calls = append(calls, e)
		}
	}
	require.Len(t, calls, 2)
	require.Contains(t, text(calls[0].ToolCallsRequested)+text(calls[1].ToolCallsRequested), `"get_weather"`)
	tools := ofType(events, semconv.TypeToolCall)
	require.Len(t, tools, 1)
	require.Equal(t, `{"rain":true}`, text(tools[0].ToolOutput))
	ends := ofType(events, semconv.TypeSessionEnd)
	require.Len(t, ends, 1)
	require.Equal(t, "Yes.", ends[0].FinalOutput)
	require.Equal(t, "Rain in Paris?", ends[0].UserMessage+ofType(events, semconv.TypeSessionStart)[0].UserMessage)

	td = ptrace.NewTraces()
	span(td, "@mastra/otel", "chat gpt-4o", 2, 0, mastra("model_generation", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}))
	span(td, "@mastra/otel", "step: 0", 3, 2, mastra("model_step", attrs{"gen_ai.operation.name": "model_step", "mastra.model_step.output": `{"text":"Hi."}`}))
	span(td, "@mastra/otel", "inference", 4, 3, mastra("model_inference", attrs{"gen_ai.operation.name": "model_inference"}))
	n := 0
	for _, e := range ofType(mapSpans(t, td), semconv.TypeLLMCall) {
		if e.LayerOf == "" {
			n++
			require.Equal(t, "Hi.", e.OutputText, "what a layer knows completes the call")
		}
	}
	require.Equal(t, 1, n)

	// Before 1.0.
	e := example(t, "@mastra/otel", "tool.execute pay", attrs{"mastra.span.type": "tool_call", "gen_ai.operation.name": "tool.execute", "gen_ai.tool.name": "pay", "gen_ai.tool.input": `{"to":"bob"}`, "gen_ai.tool.success": false, "input": `{"to":"bob"}`})
	require.Equal(t, `{"to":"bob"}`, text(e.ToolInput))
	require.Equal(t, semconv.OutcomeError, e.Outcome)
}

func TestMCP(t *testing.T) {
	td := ptrace.NewTraces()
	span(td, "x", "execute_tool get_weather", 1, 9, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "session.id": "s1"})
	s := span(td, "mcp", "tools/call get_weather", 2, 1, attrs{"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "mcp.session.id": "m1", "error.type": "tool_error"})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(1000 * 1000)))
	span(td, "mcp", "tools/list", 3, 1, attrs{"mcp.method.name": "tools/list"})
	events := mapSpans(t, td)
	tools := ofType(events, semconv.TypeToolCall)
	require.Len(t, tools, 1, "the client's span is a layer of the tool's")
	require.Len(t, events, 3)
	require.Len(t, ofType(events, semconv.TypeStep), 1, "what a server offers is asked for")
	require.Equal(t, "s1", tools[0].SessionID, "a transport session is no session")
	require.Equal(t, semconv.OutcomeError, tools[0].Outcome, "the layer that ran it knows")
	require.Equal(t, "m1", tools[0].MCPSessionID)
}

// TestQwenSession: the session's own records begin and end it; the spans of its turns
// do not begin it again.
func TestQwenSession(t *testing.T) {
	r := newRig(t, nil)
	ld := plog.NewLogs()
	for _, name := range []string{"session.start", "session.end"} {
		log(ld, "qwen-code", nil, attrs{"event.name": name, "session.id": "s1", "gen_ai.user.id": "ann"})
	}
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), ld))
	td := ptrace.NewTraces()
	span(td, "qwen-code", "qwen-code.interaction", 1, 0, attrs{"session.id": "s1"})
	span(td, "qwen-code", "qwen-code.llm_request", 2, 1, attrs{"session.id": "s1", "gen_ai.request.model": "m", "input_tokens": 12, "output_tokens": 3, "ttft_ms": 20})
	span(td, "qwen-code", "qwen-code.tool", 3, 1, attrs{"session.id": "s1", "tool.name": "shell", "tool.call_id": "c1", "success": false, "tool.failure_kind": "permission_denied"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	golden(t, r)
	events := r.events()
	require.Len(t, ofType(events, semconv.TypeSessionStart), 1)
	require.Len(t, ofType(events, semconv.TypeSessionEnd), 1)
	require.Len(t, ofType(events, semconv.TypeLLMCall), 1)
	tools := ofType(events, semconv.TypeToolCall)
	require.Len(t, tools, 1)
	require.Equal(t, semconv.OutcomeDenied, tools[0].Outcome)
	require.Equal(t, "ann", ofType(events, semconv.TypeSessionStart)[0].UserID)
}

// What Python prints of messages is not what the model said.
func TestPrintedMessagesAreNoAnswer(t *testing.T) {
	const printed = "ChatMessage(role=<MessageRole.SYSTEM: 'system'>, additional_kwargs={}, blocks=[TextBlock(block_type='text', text='Never refund more than 100 EUR.')])"
	td := ptrace.NewTraces()
	span(td, "openinference.instrumentation.llama_index", "chat", 1, 0, attrs{"openinference.span.kind": "LLM", "llm.model_name": "m", "output.value": printed})
	e := ofType(mapSpans(t, td), semconv.TypeLLMCall)[0]
	require.Empty(t, e.OutputText)
	require.Contains(t, text(e.Content), "[system prompt sha256:"+hexSHA("Never refund more than 100 EUR."))
}
