package dialect

import (
	"cmp"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// geminiCLI is Gemini CLI and Qwen Code, which was forked from it: log events with
// the program's prefix, the OpenTelemetry details event twice a call, and spans.
var geminiCLI = &Dialect{
	Name:  "gemini-cli",
	Title: "Gemini CLI, Qwen Code",
	Match: func(r *record.Record) bool {
		return r.Scope == "gemini-cli" || r.Scope == "qwen-code" || r.Log && (strings.HasPrefix(r.Name, "gemini_cli.") || strings.HasPrefix(r.Name, "qwen-code.")) ||
			!r.Log && strings.HasPrefix(r.Name, "qwen-code.")
	},
	Kind: geminiKind,
	Fields: []Source{
		{Field: "model_id", Keys: []string{"gen_ai.request.model", "model", "model_name"}},
		{Field: "input_tokens", Keys: []string{"gen_ai.usage.input_tokens", "input_token_count", "input_tokens"}},
		{Field: "output_tokens", Keys: []string{"gen_ai.usage.output_tokens", "output_token_count", "output_tokens"}},
		{Field: "cached_input_tokens", Keys: []string{"cached_content_token_count", "cached_input_tokens"}},
		{Field: "reasoning_tokens", Keys: []string{"thoughts_token_count"}},
		{Field: "time_to_first_token_ms", Keys: []string{"ttft_ms"}},
		{Field: "finish_reasons", Keys: []string{"gen_ai.response.finish_reasons", "finish_reasons"}},
		{Field: "response_id", Keys: []string{"gen_ai.response.id", "response_id"}},
		{Field: SystemPrompt, Keys: []string{"gen_ai.system_instructions", "system_prompt"}, As: asSystem},
		{Field: "input_messages", Keys: []string{"gen_ai.input.messages", "request_text"}, As: asInput},
		{Field: "output_messages", Keys: []string{"gen_ai.output.messages", "response_text"}, As: asGeminiOutput},
		{Field: "tool_name", Keys: []string{"function_name", "gen_ai.tool.name", "tool.name"}},
		{Field: "tool_call_id", Keys: []string{"call_id", "gen_ai.tool.call.id", "gen_ai.tool.call_id", "tool.call_id"}},
		{Field: "tool_input", Keys: []string{"function_args", "gen_ai.tool.call.arguments", "tool_input"}, As: asClaudeInput},
		{Field: "tool_type", Keys: []string{"tool_type"}},
		{Field: "mcp_server", Keys: []string{"mcp_server_name"}},
		{Field: "error", Keys: []string{"error.message", "error"}},
		{Field: "error_type", Keys: []string{"error.type", "error_type", "tool.failure_kind"}},
		{Field: "reason", Keys: []string{"rationale", "to_mode"}},
		{Field: "verdict", Keys: []string{"verdict"}},
		{Field: "user_message", Keys: []string{"user_prompt"}},
	},
	Finish: geminiFinish,
	Settings: map[string]string{
		"user_message": "telemetry.logPrompts: true",
		"tool_input":   "telemetry.logPrompts: true",
		"tool_call_id": "telemetry.traces: true",
	},
	Ignore: []record.Ignored{{"total_token_count", "a sum of fields"}, {"http.status_code", "of the library itself"}, {"event.name", "the record's name"}},
}

func geminiKind(r *record.Record) Kind {
	name := strings.TrimPrefix(strings.TrimPrefix(r.Name, "gemini_cli."), "qwen-code.")
	if !r.Log {
		switch op := cmp.Or(r.Text("gen_ai.operation.name"), name); {
		case name == "tool.blocked_on_user":
			return Approval
		case name == "tool.execution":
			return Part
		case op == "llm_call", name == "llm_request":
			return LLM
		case op == "tool_call", op == "execute_tool", name == "tool":
			return Tool
		case name == "interaction":
			return Copy // a turn of the session that session.start began
		case op == "agent_call", op == "invoke_agent", name == "subagent":
			return Agent
		case r.Text("log.bridge") == "true":
			return Copy
		}
		return Other
	}
	switch name {
	case "config", "session.start":
		return Start
	case "session.end":
		return Start
	case "user_prompt", "api_request":
		return Message
	case "gen_ai.client.inference.operation.details":
		return Message // of the call that api_response tells of
	case "api_response", "api_error":
		return LLM
	case "tool_call":
		return Tool
	case "plan.approval_mode_switch":
		return Intervention
	case "conseca.verdict":
		return Guardrail
	}
	return Other
}

func geminiFinish(r *record.Record, e *Draft) {
	e.Reported = true
	took, hasTook := semconv.ParseFloat(r.Text("duration_ms"))
	if e.AgentName == "" {
		e.AgentName = r.Scope
	}
	switch e.Kind {
	case Start:
		if strings.HasSuffix(r.Name, "session.end") {
			e.EventType = semconv.TypeSessionEnd
		}
	case Message:
		if !r.SpanID.IsEmpty() {
			e.Of = r.SpanID
			e.Joins = append(e.Joins, "llm/"+r.SpanID.String())
		}
		e.Joins = append(e.Joins, e.geminiKeys(r.Start.UnixMilli())...)
		if prompt := r.TakeText("prompt"); prompt != "" {
			e.input(chat.Said("user", prompt))
		}
	case LLM:
		end := r.End
		if r.Log {
			end = r.Start
			if !r.SpanID.IsEmpty() {
				e.Keys = append(e.Keys, "llm/"+r.SpanID.String())
			}
			if hasTook {
				e.lasted(took)
			}
		}
		e.Keys = append(e.Keys, e.geminiKeys(end.UnixMilli())...)
		if e.Operation == "" || e.Operation == "llm_call" {
			e.Operation = "generate_content"
		}
		r.Use("duration_ms")
	case Tool:
		if r.Log && hasTook {
			e.lasted(took)
			r.Use("duration_ms")
		}
		e.geminiTool(r)
		e.Parts = !r.Log
	case Part:
		e.Of = r.ParentID
		e.claudeOutcome(r)
	case Approval:
		e.Of = r.ParentID
		e.qwenBlocked(r)
	}
}

// geminiKeys name a call where no span id does: its session, its tokens, and the
// millisecond in which it ended, or one beside it.
func (e *Draft) geminiKeys(ms int64) []string {
	if !e.OutputTokens.Valid {
		return nil
	}
	var keys []string
	for _, at := range []int64{ms, ms - 1, ms + 1} {
		keys = append(keys, "gemini/"+e.SessionID+"/"+strconv.FormatInt(e.InputTokens.Value, 10)+"/"+strconv.FormatInt(e.OutputTokens.Value, 10)+"/"+strconv.FormatInt(at, 10))
	}
	return keys
}

func (e *Draft) geminiTool(r *record.Record) {
	switch kind := r.Text("tool.failure_kind"); {
	case r.Text("success") == "true":
		e.Outcome = semconv.OutcomeSuccess
	case strings.HasSuffix(kind, "denied"), strings.HasSuffix(kind, "blocked"), e.ErrorType == "execution_denied", r.Text("decision") == "reject" && r.Text("success") != "true":
		e.Outcome = semconv.OutcomeDenied
		e.Error, e.ErrorType = "", ""
	case r.Text("success") == "false":
		e.Outcome = semconv.OutcomeError
		e.Error = cmp.Or(e.Error, "the tool failed")
	}
	word := r.Text("decision")
	if word == "" {
		return
	}
	a := chat.Answer{ID: e.ToolCallID, Name: e.ToolName}
	switch word {
	case "accept", "auto_accept", "modify":
		a.Approved = true
	case "reject":
		// Gemini logs "always, and save" so.
		a.Approved = r.Text("success") == "true"
	default:
		return
	}
	if word == "modify" {
		a.Reason = "modified"
	}
	// An acceptance proves no person: only an interactive session in which not
	// everything is allowed has one.
	switch mode := cmp.Or(r.Text("active_approval_mode"), r.Text("approval_mode")); {
	case r.Text("interactive") == "false", strings.EqualFold(mode, "yolo"), word == "auto_accept":
		a.By, a.Source = "policy", semconv.SourcePolicy
	case r.Text("interactive") == "true" && mode != "":
		a.By, a.Source = e.UserID, semconv.SourceHuman
	}
	e.Answers = append(e.Answers, a)
	r.Use("decision", "success")
}

// qwenBlocked reads a span of Qwen Code that waited for a decision.
func (e *Draft) qwenBlocked(r *record.Record) {
	e.Keys = append(e.Keys, "approval/"+r.SpanID.String())
	switch r.Text("decision") {
	case "proceed_once", "proceed_always", "auto_approved":
		e.ApprovalStatus = semconv.ApprovalApproved
	case "cancel", "aborted":
		e.ApprovalStatus = semconv.ApprovalRejected
	}
	switch r.Text("source") {
	case "cli", "ide":
		e.ApprovalSource, e.ApproverID = semconv.SourceHuman, e.UserID
	case "hook":
		e.ApprovalSource, e.ApproverID = semconv.SourceHook, "hook"
	case "auto", "system":
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "policy"
	}
	if e.ApprovalStatus != "" {
		r.Use("decision")
	}
}

// asGeminiOutput reads an answer; the details event gives it the role system.
func asGeminiOutput(e *Draft, v pcommon.Value) bool {
	out := record.JSON(v)
	raw := strings.ReplaceAll(out.Raw, `"role":"system"`, `"role":"assistant"`)
	e.output(chat.Read(jsontext.Read(raw), "assistant"))
	return len(e.OutputMessages) > 0
}
