package dialect

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// claudeCode is Claude Code's log events and beta spans, which tell of the same
// facts: a record that comes second is a layer of the first.
var claudeCode = &Dialect{
	Name:  "claude-code",
	Title: "Claude Code",
	Match: func(r *record.Record) bool {
		if r.Log {
			return r.Scope == "com.anthropic.claude_code.events" || r.Body.Type() == pcommon.ValueTypeStr && strings.HasPrefix(r.Body.Str(), "claude_code.")
		}
		return strings.HasPrefix(r.Name, "claude_code.")
	},
	Kind: func(r *record.Record) Kind {
		name := strings.TrimPrefix(r.Name, "claude_code.")
		if r.Log {
			if n, ok := semconv.ParseInt(r.Text("num_blocking")); ok && n > 0 && strings.HasPrefix(name, "hook_execution") {
				return Intervention // a hook that stopped something; the others are not of note
			}
			return claudeLogs[name]
		}
		return claudeSpans[name]
	},
	Fields: []Source{
		{Field: "model_id", Keys: []string{"gen_ai.request.model", "model"}},
		{Field: "output_tokens", Keys: []string{"output_tokens"}},
		{Field: "cached_input_tokens", Keys: []string{"cache_read_tokens"}},
		{Field: "cost_usd", Keys: []string{"cost_usd"}},
		{Field: "time_to_first_token_ms", Keys: []string{"ttft_ms"}},
		{Field: "response_id", Keys: []string{"gen_ai.response.id", "request_id"}},
		{Field: "finish_reasons", Keys: []string{"gen_ai.response.finish_reasons", "stop_reason"}},
		{Field: SystemPrompt, Keys: []string{"system_prompt"}, As: asSystem},
		{Field: "user_message", Keys: []string{"prompt", "prompt_text", "user_prompt"}},
		{Field: "output_text", Keys: []string{"response", "response.model_output"}},
		{Field: "tool_name", Keys: []string{"tool_name", "gen_ai.tool.name"}},
		{Field: "tool_call_id", Keys: []string{"tool_use_id", "gen_ai.tool.call.id", "use_id"}},
		{Field: "tool_input", Keys: []string{"tool_input", "tool_parameters"}, As: asClaudeInput},
		{Field: "actor_id", Keys: []string{"decision_source"}},
		{Field: "error", Keys: []string{"error", "error_name"}},
		{Field: "error_type", Keys: []string{"error_type", "error_code", "status_code"}},
		{Field: "reason", Keys: []string{"trigger", "reason_type", "reason_code", "hook_name", "hook_event"}},
	},
	Finish: claudeFinish,
	Settings: map[string]string{
		"user_message":       "OTEL_LOG_USER_PROMPTS=1",
		"tool_input":         "OTEL_LOG_TOOL_DETAILS=1",
		"tool_output":        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 and OTEL_LOG_TOOL_CONTENT=1",
		"input_messages":     "OTEL_LOG_RAW_API_BODIES=1",
		"output_messages":    "OTEL_LOG_ASSISTANT_RESPONSES=1",
		"system_prompt_hash": "OTEL_LOG_RAW_API_BODIES=1, or detailed tracing",
		"user_id":            "OTEL_RESOURCE_ATTRIBUTES=enduser.id=…",
	},
	Ignore: []record.Ignored{{"span.type", "the event type"}, {"gen_ai.system", "always the same"}, {"gen_ai.operation.name", "the event type"}},
}

var claudeLogs = map[string]Kind{
	"user_prompt": Start, "api_request": LLM, "assistant_response": Message, "api_request_body": Message, "api_response_body": Message,
	"tool_decision": Approval, "tool_result": Tool, "api_error": Failure, "api_retries_exhausted": Failure, "internal_error": Failure,
	"api_refusal": LLM, "permission_mode_changed": Intervention, "safety_event": Intervention, "system_prompt": Other,
	// What an agent can do, and what it remembers, was changed.
	"mcp_server_connection": Intervention, "plugin_loaded": Intervention, "plugin_installed": Intervention, "skill_activated": Intervention,
	"managed_settings_resolved": Intervention, "auth": Intervention, "compaction": Intervention,
	"subagent_completed": Start,
}

var claudeSpans = map[string]Kind{
	"claude_code.interaction": Agent, "interaction": Agent, "llm_request": LLM, "tool": Tool, "tool.execution": Part, "tool.blocked_on_user": Approval,
}

func claudeFinish(r *record.Record, e *Draft) {
	e.claudeIdentity(r)
	r.Use("event.sequence", "event.name")
	session, seq := e.SessionID, r.Text("event.sequence")
	took, hasTook := semconv.ParseFloat(r.Text("duration_ms"))

	switch e.Kind {
	case Start:
		if strings.HasSuffix(r.Name, "subagent_completed") {
			e.EventType = semconv.TypeSessionEnd
			e.AgentName = cmp.Or(r.TakeText("agent_type"), e.AgentName)
			break
		}
		e.Keys = append(e.Keys, "start/"+r.SpanID.String())
	case Agent:
		e.Keys = append(e.Keys, "start/"+r.SpanID.String())
	case LLM:
		e.claudeTokens(r)
		if r.Log && hasTook {
			e.lasted(took)
		}
		if r.Text("success") == "false" && e.Error == "" {
			e.Error = "the request failed"
		}
		e.claudeCallKeys(r, session, seq)
	case Message:
		e.claudeMessage(r, session, seq)
	case Tool:
		e.claudeMCP(r)
		e.claudeTool(r)
		if r.Log && hasTook {
			e.lasted(took)
		}
	case Part:
		e.Of = r.ParentID
		e.claudeOutcome(r)
	case Approval:
		e.claudeMCP(r)
		e.claudeDecision(r)
	case Intervention:
		e.claudeIntervention(r)
	}
	if strings.HasSuffix(r.Name, "api_refusal") {
		e.FinishReasons = []string{"refusal"}
	}
	if e.Kind == LLM || e.Kind == Tool {
		r.Use("duration_ms")
	}
}

func (e *Draft) claudeIntervention(r *record.Record) {
	name := strings.TrimPrefix(r.Name, "claude_code.")
	if strings.HasPrefix(name, "hook_execution") {
		e.ActorID = "hook"
	}
	if e.Reason == "" || name == "compaction" {
		e.Reason = strings.TrimSuffix(name+": "+e.Reason, ": ")
	}
}

// claudeIdentity reads whose event it is: user.id is an installation, not a person.
func (e *Draft) claudeIdentity(r *record.Record) {
	if id := cmp.Or(r.Text("enduser.id"), r.FromResource("user_id"), r.Text("user.email"), r.Text("user.account_uuid")); id != "" {
		if id != e.UserID {
			r.Keep("user.id")
		}
		e.UserID = id
		r.Use("enduser.id")
	}
	if e.AgentName == "" {
		e.AgentName = cmp.Or(r.Service, "claude-code")
	}
	if e.Provider == "" && e.Kind == LLM {
		e.Provider = "anthropic"
	}
}

// lasted moves the beginning of an event that is logged when it ends.
func (e *Draft) lasted(ms float64) {
	if ms <= 0 || ms > 1e9 {
		return
	}
	e.EndTimestamp = e.Timestamp
	e.Timestamp = e.Timestamp.Add(-time.Duration(ms * 1e6))
}

// claudeTokens counts the cache into the input, which Anthropic's own count leaves out.
func (e *Draft) claudeTokens(r *record.Record) {
	total, any := int64(0), false
	for _, key := range []string{"input_tokens", "cache_read_tokens", "cache_creation_tokens"} {
		if n, ok := semconv.ParseInt(r.Text(key)); ok {
			total += n
			any = true
		}
	}
	if any {
		e.InputTokens = semconv.Some(total)
		r.Use("input_tokens")
	}
}

// claudeCallKeys names the facts by which the log record and the span of one model
// call are known to be one: the request id, else the interaction it belongs to, the
// millisecond it ended in, and its tokens.
func (e *Draft) claudeCallKeys(r *record.Record, session, seq string) {
	if e.ResponseID != "" {
		e.Keys = append(e.Keys, "llm/"+e.ResponseID)
	}
	if r.Log && seq != "" {
		e.Keys = append(e.Keys, "seq/"+session+"/"+seq)
	}
	frame, end := r.ParentID, r.End
	if r.Log {
		frame, end = r.SpanID, r.Start
	}
	if frame.IsEmpty() || !e.OutputTokens.Valid {
		return
	}
	key := func(ms int64) string {
		return "llm/" + frame.String() + "/" + strconv.FormatInt(ms, 10) + "/" + strconv.FormatInt(e.InputTokens.Value, 10) + "/" + strconv.FormatInt(e.OutputTokens.Value, 10)
	}
	ms := end.UnixMilli()
	if r.Log {
		e.Keys = append(e.Keys, key(ms))
	} else {
		e.Keys = append(e.Keys, key(ms), key(ms-1), key(ms+1))
	}
}

// claudeMessage reads an answer or a body that was logged beside its api_request.
func (e *Draft) claudeMessage(r *record.Record, session, seq string) {
	if e.ResponseID != "" {
		e.Joins = append(e.Joins, "llm/"+e.ResponseID)
	}
	if n, ok := semconv.ParseInt(seq); ok && r.Name == "assistant_response" {
		e.Joins = append(e.Joins, "seq/"+session+"/"+strconv.FormatInt(n-1, 10))
	}
	if body, ok := r.Get("body"); ok && r.Text("body_truncated") != "true" {
		if r.Use("body"); strings.HasSuffix(r.Name, "request_body") {
			asInput(e, body)
		} else {
			asOutput(e, body)
		}
	}
	if e.OutputText != "" && len(e.OutputMessages) == 0 {
		e.OutputMessages = chat.Said("assistant", e.OutputText).JSON
	}
}

func (e *Draft) claudeTool(r *record.Record) {
	for i, ev := range r.Events.All() {
		if ev.Name() != "tool.output" {
			continue
		}
		r.ReadEvent(i, "output", "content")
		if v, ok := ev.Attributes().Get("output"); ok {
			asResult(e, v)
		} else if v, ok := ev.Attributes().Get("content"); ok {
			asResult(e, v)
		}
	}
	if len(e.ToolInput) == 0 {
		if s := r.TakeText("full_command"); s != "" {
			e.ToolInput = append(jsontext.AppendString([]byte(`{"command":`), s), '}')
		} else if s := r.TakeText("file_path"); s != "" {
			e.ToolInput = append(jsontext.AppendString([]byte(`{"file_path":`), s), '}')
		}
	}
	if r.Log {
		e.claudeOutcome(r)
		return
	}
	e.Parts = true
}

// claudeMCP names a tool of an MCP server as its span does: log events call all of them
// mcp_tool, and have the name among their parameters.
func (e *Draft) claudeMCP(r *record.Record) {
	if s := r.TakeText("anthropic.mcp.server.name"); s != "" {
		e.MCPServer = s
	}
	v, ok := r.Get("tool_parameters")
	if !ok {
		return
	}
	p := record.JSON(v)
	server, tool := jsontext.Get(p, "mcp_server_name").Str, jsontext.Get(p, "mcp_tool_name").Str
	if server == "" {
		return
	}
	e.MCPServer = server
	if e.ToolName == "mcp_tool" && tool != "" {
		e.ToolName = "mcp__" + server + "__" + tool
	}
	if jsontext.Get(jsontext.Parse(e.ToolInput), "mcp_server_name").Exists() {
		e.ToolInput = nil // which are not what the tool was called with
		r.Keep("tool_parameters")
	}
}

func (e *Draft) claudeOutcome(r *record.Record) {
	switch r.TakeText("success") {
	case "true":
		e.Outcome = semconv.OutcomeSuccess
	case "false":
		e.Outcome = semconv.OutcomeError
		e.Error = cmp.Or(e.Error, "the tool failed")
	}
}

// claudeDecision reads tool_decision and blocked_on_user. That a decision was
// accepted proves no person: only some sources are one, and none in a session that
// a program drives.
func (e *Draft) claudeDecision(r *record.Record) {
	if r.Log {
		e.Of = r.SpanID
		e.Keys = append(e.Keys, "approval/"+r.SpanID.String())
	} else {
		e.Of = r.ParentID
		e.Keys = append(e.Keys, "approval/"+r.SpanID.String())
	}
	switch r.Text("decision") {
	case "accept":
		e.ApprovalStatus = semconv.ApprovalApproved
	case "reject":
		e.ApprovalStatus = semconv.ApprovalRejected
	}
	source := r.Text("source")
	driven := strings.HasPrefix(r.Text("app.entrypoint"), "sdk") || r.Text("query_source") == "sdk" || r.Text("terminal.type") == "non-interactive"
	switch {
	case source == "config" && r.Text("classifier_verdict") != "":
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "classifier"
	case source == "config":
		e.ApprovalSource, e.ApproverID = semconv.SourceConfig, "config"
	case source == "hook":
		e.ApprovalSource, e.ApproverID = semconv.SourceHook, "hook"
	case source == "classifier":
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "classifier"
	case strings.HasPrefix(source, "user_") && !driven:
		e.ApprovalSource = semconv.SourceHuman
		if e.UserID != "" {
			e.ApproverID = e.UserID
			e.Derive("approver_id")
		}
	}
	if e.ApprovalStatus != "" {
		r.Use("decision")
	}
	if e.ApprovalSource != "" && source != "user_permanent" {
		r.Use("source")
	}
}

// asClaudeInput reads the input, which detailed tracing puts below a heading line.
func asClaudeInput(e *Draft, v pcommon.Value) bool {
	s := v.AsString()
	if strings.HasPrefix(s, "[TOOL INPUT") {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			v = pcommon.NewValueStr(rest)
		}
	}
	return asJSON("tool_input")(e, v)
}
