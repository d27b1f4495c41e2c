package semconv

import (
	"encoding/json"
	"reflect"
	"time"
	"unsafe"
)

// Kind is the JSON shape of a field.
type Kind uint8

// The kinds of fields.
const (
	KindString  Kind = iota
	KindInt          // a whole number, 64 bits
	KindFloat        // a finite number
	KindBool         // true or false
	KindTime         // RFC 3339, UTC, nanoseconds
	KindAny          // any JSON value
	KindObject       // a JSON object
	KindArray        // a JSON array
	KindStrings      // an array of strings
)

// Field is one row of the schema.
type Field struct {
	Name  string      // the key in the line; the attribute key is "audit." and this
	Kind  Kind        // its JSON shape
	Types []EventType // the event types it belongs to; nil means every one
	Since string      // the schema version that brought it
	Doc   string

	v1    *was // what version 1 said of the field, where it said something else
	since int  // Since, by its place in versions

	// ref points at the field in an Event. Its dynamic type follows Kind: *string,
	// *Optional[int64], *Optional[float64], *Optional[bool], *time.Time,
	// *json.RawMessage or *[]string; event_type is a *EventType.
	ref func(*Event) any

	attr string // see Attr
	key  string // as it stands in a line, after a comma
	// offset and held say where an Event holds the field and as what; they are those of
	// what ref points at, which is slower to ask.
	offset uintptr
	held   held
	role   role
	// ofSpan and ofLog are set where a span, or a log record, holds the field itself, so
	// that it needs no attribute.
	ofSpan, ofLog bool
}

// was is what an earlier version said of a field: its published schema stays as it is.
type was struct {
	doc   string
	types []EventType
}

// held is the Go type of a field of an Event.
type held uint8

const (
	heldString held = iota // an EventType is one, too
	heldJSON
	heldStrings
	heldTime
	heldInt
	heldFloat
	heldBool
)

// role tells the fields apart that the encoder knows more of than their kind.
type role uint8

const (
	roleNone role = iota
	roleSchemaVersion
	roleEventID
	roleTimestamp
	roleEndTimestamp
	roleSessionID
	rolePromptHash
	roleContent
	roleTraceID
	roleSpanID
	roleParentSpanID
	roleMissing
)

var roles = map[string]role{
	"schema_version": roleSchemaVersion, "event_id": roleEventID, "timestamp": roleTimestamp, "end_timestamp": roleEndTimestamp,
	"session_id": roleSessionID, "system_prompt_hash": rolePromptHash, "content": roleContent, "trace_id": roleTraceID,
	"span_id": roleSpanID, "parent_span_id": roleParentSpanID, "missing_fields": roleMissing,
}

// in is the field of an event as the type that held names; T must be that.
func in[T any](e *Event, f *Field) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(e), f.offset)) //nolint:gosec // offset and held are those of ref, which init has asked
}

// Attr is the attribute key that carries the field on a span or log record.
func (f *Field) Attr() string { return f.attr }

// Fields is the schema: every field in the order in which a line holds them.
func Fields() []Field { return append([]Field(nil), fields...) }

// maxFields bounds the table, so that the encoder needs no allocation a record; a set of
// so many fields is two words.
const maxFields = 128

var fields = []Field{
	{
		Name: "schema_version", Kind: KindString, ref: func(e *Event) any { return &e.SchemaVersion },
		Doc: "The version of this schema, \"1.1\".",
		v1:  &was{doc: "The version of this schema, \"1\"."},
	},
	{
		Name: "event_id", Kind: KindString, ref: func(e *Event) any { return &e.EventID },
		Doc: "A function of the source record, so that a retry gives the same id: a UUID, or the plain form of one.",
		v1:  &was{doc: "A UUID that is a function of the source record, so that a retry gives the same id."},
	},
	{
		Name: "event_type", Kind: KindString, ref: func(e *Event) any { return &e.EventType },
		Doc: "What happened: one of the event types.",
	},
	{
		Name: "timestamp", Kind: KindTime, ref: func(e *Event) any { return &e.Timestamp },
		Doc: "When it began, by the agent's clock.",
	},
	{
		Name: "end_timestamp", Kind: KindTime, ref: func(e *Event) any { return &e.EndTimestamp },
		Doc: "When it ended, where it lasted.",
	},
	{
		Name: "recorded_at", Kind: KindTime, ref: func(e *Event) any { return &e.RecordedAt },
		Doc: "When this collector took it in.",
	},
	{
		Name: "sent_timestamp", Kind: KindString, Since: "1.1", ref: func(e *Event) any { return &e.SentTimestamp },
		Doc: "What was sent as the time, where it cannot be one.",
	},
	{
		Name: "session_id", Kind: KindString, ref: func(e *Event) any { return &e.SessionID },
		Doc: "The conversation or run; falls back to the trace id, and derived_fields says so.",
	},
	{
		Name: "run_id", Kind: KindString, ref: func(e *Event) any { return &e.RunID },
		Doc: "The trace id: one invocation within a session.",
	},
	{
		Name: "step_number", Kind: KindInt, ref: func(e *Event) any { return &e.StepNumber },
		Doc: "The order within the run.",
	},
	{
		Name: "parent_event_id", Kind: KindString, ref: func(e *Event) any { return &e.ParentEventID },
		Doc: "The event that triggered this one.",
	},
	{
		Name: "agent_id", Kind: KindString, ref: func(e *Event) any { return &e.AgentID },
		Doc: "Which agent.",
	},
	{
		Name: "agent_name", Kind: KindString, ref: func(e *Event) any { return &e.AgentName },
		Doc: "The agent's name.",
	},
	{
		Name: "agent_version", Kind: KindString, ref: func(e *Event) any { return &e.AgentVersion },
		Doc: "Which build of the agent.",
	},
	{
		Name: "agent_instance_id", Kind: KindString, Since: "1.1", ref: func(e *Event) any { return &e.AgentInstanceID },
		Doc: "An id drawn for one process or one run of the agent.",
	},
	{
		Name: "parent_agent_id", Kind: KindString, Since: "1.1", ref: func(e *Event) any { return &e.ParentAgentID },
		Doc: "The agent that this one works for.",
	},
	{
		Name: "user_id", Kind: KindString, ref: func(e *Event) any { return &e.UserID },
		Doc: "On whose behalf.",
	},
	{
		Name: "model_id", Kind: KindString, ref: func(e *Event) any { return &e.ModelID },
		Doc: "The model asked for.",
	},
	{
		Name: "response_model_id", Kind: KindString, ref: func(e *Event) any { return &e.ResponseModelID },
		Doc: "The model that answered.",
	},
	{
		Name: "provider", Kind: KindString, ref: func(e *Event) any { return &e.Provider },
		Doc: "Who serves the model.",
	},
	{
		Name: "system_prompt_hash", Kind: KindString, ref: func(e *Event) any { return &e.SystemPromptHash },
		Doc: "SHA-256 of the exact UTF-8 text of the system prompt, 64 hex digits; several parts are joined by one newline.",
	},
	{
		Name: "content", Kind: KindObject, ref: func(e *Event) any { return &e.Content },
		Doc: "Whatever the event holds that no other field names.",
	},
	{
		Name: "trace_id", Kind: KindString, ref: func(e *Event) any { return &e.TraceID },
		Doc: "The trace of the telemetry it came from, hex.",
	},
	{
		Name: "span_id", Kind: KindString, ref: func(e *Event) any { return &e.SpanID },
		Doc: "The span of the telemetry it came from, hex.",
	},
	{
		Name: "parent_span_id", Kind: KindString, ref: func(e *Event) any { return &e.ParentSpanID },
		Doc: "The parent of that span, hex.",
	},
	{
		Name: "source", Kind: KindObject, ref: func(e *Event) any { return &e.Source },
		Doc: "Where it came from: dialect, scope, scope_version, service, service_version, signal.",
	},
	{
		Name: "missing_fields", Kind: KindStrings, ref: func(e *Event) any { return &e.MissingFields },
		Doc: "Required fields that the source did not give.",
	},
	{
		Name: "derived_fields", Kind: KindStrings, ref: func(e *Event) any { return &e.DerivedFields },
		Doc: "Fields filled by a fallback rather than by the source.",
	},
	{
		Name: "derived_from", Kind: KindObject, Since: "1.1", ref: func(e *Event) any { return &e.DerivedFrom },
		Doc: "Field to the event it was taken from, of fields that another event's record gave.",
	},
	{
		Name: "event_problems", Kind: KindStrings, Since: "1.1", ref: func(e *Event) any { return &e.EventProblems },
		Doc: "What is wrong with the audit.* attributes that the application set.",
	},
	{
		Name: "oversize", Kind: KindObject, ref: func(e *Event) any { return &e.Oversize },
		Doc: "Per field that was cut: its full length in bytes and its SHA-256.",
	},
	{
		Name: "layer_of", Kind: KindString, ref: func(e *Event) any { return &e.LayerOf },
		Doc: "The event that tells the same fact from another instrumentation layer: this one is kept, and not counted.",
	},
	{
		Name: "alternates", Kind: KindObject, ref: func(e *Event) any { return &e.Alternates },
		Doc: "Field to second value, where two sources on one record disagree.",
	},
	{
		Name: "content_state", Kind: KindString, ref: func(e *Event) any { return &e.ContentState },
		Doc: "The first that holds of any part: truncated_at_source, withheld, by_reference, present, not_captured.",
		v1:  &was{doc: "present, withheld, truncated_at_source or not_captured."},
	},
	{
		Name: "content_refs", Kind: KindObject, Since: "1.1", ref: func(e *Event) any { return &e.ContentRefs },
		Doc: "Field to where its content lies, as the source says, where the state is by_reference.",
	},
	{
		Name: "content_at", Kind: KindObject, Since: "1.1", ref: func(e *Event) any { return &e.ContentAt },
		Doc: "Where content that is kept apart lies in the content object: frame, leaf, fields.",
	},
	{
		Name: "masked_fields", Kind: KindStrings, Since: "1.1", ref: func(e *Event) any { return &e.MaskedFields },
		Doc: "Fields in which a part was masked before sealing.",
	},
	{
		Name: "sender", Kind: KindObject, ref: func(e *Event) any { return &e.Sender },
		Doc: "Who authenticated to the receiver.",
	},
	{
		Name: "retention", Kind: KindString, ref: func(e *Event) any { return &e.Retention },
		Doc: "The retention class, where one is configured.",
	},
	{
		Name: "user_message", Kind: KindString, Types: []EventType{TypeSessionStart}, ref: func(e *Event) any { return &e.UserMessage },
		Doc: "What the user asked for.",
	},
	{
		Name: "tools_available", Kind: KindArray, Types: []EventType{TypeSessionStart, TypeLLMCall}, ref: func(e *Event) any { return &e.ToolsAvailable },
		Doc: "The tools the agent was offered.",
	},
	{
		Name: "final_output", Kind: KindString, Types: []EventType{TypeSessionEnd, TypeFinalOutput}, ref: func(e *Event) any { return &e.FinalOutput },
		Doc: "The answer of the run.",
	},
	{
		Name: "outcome", Kind: KindString, ref: func(e *Event) any { return &e.Outcome },
		Types: []EventType{TypeSessionEnd, TypeFinalOutput, TypeToolCall, TypeToolResult, TypeSessionTimeout},
		Doc:   "success, error or denied; of a run, and never of a tool call, also suspended or blocked.",
		v1: &was{
			doc:   "success, error or denied.",
			types: []EventType{TypeSessionEnd, TypeFinalOutput, TypeToolCall, TypeToolResult},
		},
	},
	{
		Name: "reason", Kind: KindString, ref: func(e *Event) any { return &e.Reason },
		Types: []EventType{
			TypeSessionTimeout, TypeIntervention, TypeGuardrail, TypeSessionEnd, TypeHandoff, TypeErasure,
		},
		Doc: "Why: for a timeout max_iterations, deadline or idle.",
		v1:  &was{types: []EventType{TypeSessionTimeout, TypeIntervention, TypeGuardrail}},
	},
	{
		Name: "from_agent", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeHandoff},
		ref:   func(e *Event) any { return &e.FromAgent },
		Doc:   "Who hands over.",
	},
	{
		Name: "to_agent", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeHandoff},
		ref:   func(e *Event) any { return &e.ToAgent },
		Doc:   "Who takes over.",
	},
	{
		Name: "operation", Kind: KindString, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.Operation },
		Doc: "The kind of model call: chat, text_completion, embeddings and the like.",
	},
	{
		Name: "input_messages", Kind: KindArray, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.InputMessages },
		Doc: "What was sent to the model, in the message shape of the OpenTelemetry GenAI conventions.",
	},
	{
		Name: "output_messages", Kind: KindArray, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.OutputMessages },
		Doc: "What the model answered, in the same shape.",
	},
	{
		Name: "output_text", Kind: KindString, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.OutputText },
		Doc: "The text parts of the answer.",
	},
	{
		Name: "reasoning", Kind: KindString, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.Reasoning },
		Doc: "The reasoning parts of the answer.",
	},
	{
		Name: "tool_calls_requested", Kind: KindArray, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.ToolCallsRequested },
		Doc: "The tool calls the model asked for: id, name, arguments.",
	},
	{
		Name: "tools_hash", Kind: KindString, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.ToolsHash },
		Doc: "SHA-256 of the compact JSON of tools_available, 64 hex digits.",
	},
	{
		Name: "finish_reasons", Kind: KindStrings, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.FinishReasons },
		Doc: "Why the model stopped, in the words of the source.",
	},
	{
		Name: "input_tokens", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.InputTokens },
		Doc: "Tokens sent, cached ones included.",
	},
	{
		Name: "output_tokens", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.OutputTokens },
		Doc: "Tokens received, reasoning included.",
	},
	{
		Name: "cached_input_tokens", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.CachedInputTokens },
		Doc: "Tokens of the input that were read from a cache.",
	},
	{
		Name: "reasoning_tokens", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.ReasoningTokens },
		Doc: "Tokens of the output that were reasoning.",
	},
	{
		Name: "latency_ms", Kind: KindFloat, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.LatencyMS },
		Doc: "How long the call took, in milliseconds.",
	},
	{
		Name: "time_to_first_token_ms", Kind: KindFloat, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.TimeToFirstTokenMS },
		Doc: "How long until the first token, in milliseconds.",
	},
	{
		Name: "temperature", Kind: KindFloat, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.Temperature },
		Doc: "Sampling temperature asked for.",
	},
	{
		Name: "top_p", Kind: KindFloat, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.TopP },
		Doc: "Nucleus sampling asked for.",
	},
	{
		Name: "max_tokens", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.MaxTokens },
		Doc: "Most tokens of output asked for.",
	},
	{
		Name: "seed", Kind: KindInt, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.Seed },
		Doc: "Sampling seed asked for.",
	},
	{
		Name: "response_id", Kind: KindString, Types: []EventType{TypeLLMCall, TypeMessage}, ref: func(e *Event) any { return &e.ResponseID },
		Doc: "The provider's id of the answer.",
	},
	{
		Name: "cost_usd", Kind: KindFloat, Types: []EventType{TypeLLMCall}, ref: func(e *Event) any { return &e.CostUSD },
		Doc: "What the call cost by the source's account, in US dollars.",
	},
	{
		Name: "error", Kind: KindString, ref: func(e *Event) any { return &e.Error },
		Types: []EventType{TypeLLMCall, TypeToolCall, TypeToolResult, TypeError, TypeSessionEnd, TypeSessionTimeout},
		Doc:   "What went wrong.",
		v1:    &was{types: []EventType{TypeLLMCall, TypeToolCall, TypeToolResult, TypeError}},
	},
	{
		Name: "tool_name", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval}, ref: func(e *Event) any { return &e.ToolName },
		Doc: "Which tool.",
	},
	{
		Name: "tool_call_id", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval}, ref: func(e *Event) any { return &e.ToolCallID },
		Doc: "The model's id of the call.",
	},
	{
		Name: "tool_type", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult}, ref: func(e *Event) any { return &e.ToolType },
		Doc: "function, extension, datastore or the source's own word.",
	},
	{
		Name: "tool_description", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult}, ref: func(e *Event) any { return &e.ToolDescription },
		Doc: "What the agent was told that the tool does.",
	},
	{
		Name: "tool_description_hash", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeToolCall, TypeToolResult},
		ref:   func(e *Event) any { return &e.ToolDescriptionHash },
		Doc:   "SHA-256 of the exact UTF-8 text of the description, 64 hex digits.",
	},
	{
		Name: "tool_input", Kind: KindAny, Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval}, ref: func(e *Event) any { return &e.ToolInput },
		Doc: "The parameters.",
	},
	{
		Name: "tool_output", Kind: KindAny, Types: []EventType{TypeToolCall, TypeToolResult}, ref: func(e *Event) any { return &e.ToolOutput },
		Doc: "The result.",
	},
	{
		Name: "error_type", Kind: KindString, ref: func(e *Event) any { return &e.ErrorType },
		Types: []EventType{TypeToolCall, TypeToolResult, TypeError, TypeSessionEnd, TypeSessionTimeout},
		Doc:   "The class of the error.",
		v1:    &was{types: []EventType{TypeToolCall, TypeToolResult, TypeError}},
	},
	{
		Name: "execution_time_ms", Kind: KindFloat, Types: []EventType{TypeToolCall, TypeToolResult}, ref: func(e *Event) any { return &e.ExecutionTimeMS },
		Doc: "How long the tool ran, in milliseconds.",
	},
	{
		Name: "requires_approval", Kind: KindBool, Types: []EventType{TypeToolCall, TypeToolResult}, ref: func(e *Event) any { return &e.RequiresApproval },
		Doc: "Whether the action needed an approval.",
	},
	{
		Name: "approval_status", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval}, ref: func(e *Event) any { return &e.ApprovalStatus },
		Doc: "approved, rejected or pending.",
	},
	{
		Name: "approver_id", Kind: KindString, Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval}, ref: func(e *Event) any { return &e.ApproverID },
		Doc: "Who or what decided.",
	},
	{
		Name: "mcp_server", Kind: KindString, ref: func(e *Event) any { return &e.MCPServer },
		Types: []EventType{TypeToolCall, TypeToolResult, TypeMCPRequest},
		Doc:   "The MCP server that ran the tool, or that asks.",
		v1:    &was{doc: "The MCP server that ran the tool.", types: []EventType{TypeToolCall, TypeToolResult}},
	},
	{
		Name: "mcp_server_version", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeToolCall, TypeToolResult, TypeMCPRequest},
		ref:   func(e *Event) any { return &e.MCPServerVersion },
		Doc:   "The version that the MCP server says it has.",
	},
	{
		Name: "mcp_session_id", Kind: KindString, ref: func(e *Event) any { return &e.MCPSessionID },
		Types: []EventType{TypeToolCall, TypeToolResult, TypeMCPRequest},
		Doc:   "The MCP session.",
		v1:    &was{types: []EventType{TypeToolCall, TypeToolResult}},
	},
	{
		Name: "mcp_method", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeMCPRequest},
		ref:   func(e *Event) any { return &e.MCPMethod },
		Doc:   "What the server asked of the agent: elicitation, sampling or roots.",
	},
	{
		Name: "query", Kind: KindString, Types: []EventType{TypeRetrieval}, ref: func(e *Event) any { return &e.Query },
		Doc: "What was looked for.",
	},
	{
		Name: "documents", Kind: KindArray, Types: []EventType{TypeRetrieval}, ref: func(e *Event) any { return &e.Documents },
		Doc: "What was found: id, score, content.",
	},
	{
		Name: "data_source", Kind: KindString, Types: []EventType{TypeRetrieval}, ref: func(e *Event) any { return &e.DataSource },
		Doc: "Where it was looked for.",
	},
	{
		Name: "approval_reason", Kind: KindString, Types: []EventType{TypeApproval}, ref: func(e *Event) any { return &e.ApprovalReason },
		Doc: "Why it was decided so.",
	},
	{
		Name: "approval_source", Kind: KindString, Types: []EventType{TypeApproval}, ref: func(e *Event) any { return &e.ApprovalSource },
		Doc: "human, config, hook, policy or agent.",
		v1:  &was{doc: "human, config, hook or policy."},
	},
	{
		Name: "approved_input", Kind: KindAny, Since: "1.1",
		Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval},
		ref:   func(e *Event) any { return &e.ApprovedInput },
		Doc:   "The parameters as they were approved, where that is said apart.",
	},
	{
		Name: "approval_at", Kind: KindTime, Since: "1.1",
		Types: []EventType{TypeToolCall, TypeToolResult, TypeApproval},
		ref:   func(e *Event) any { return &e.ApprovalAt },
		Doc:   "When it was decided.",
	},
	{
		Name: "actor_id", Kind: KindString, ref: func(e *Event) any { return &e.ActorID },
		Types: []EventType{TypeIntervention, TypeErasure},
		Doc:   "Who intervened, or ordered the erasure.",
		v1:    &was{doc: "Who intervened.", types: []EventType{TypeIntervention}},
	},
	{
		Name: "guardrail_name", Kind: KindString, Types: []EventType{TypeGuardrail}, ref: func(e *Event) any { return &e.GuardrailName },
		Doc: "Which check.",
	},
	{
		Name: "verdict", Kind: KindString, Types: []EventType{TypeGuardrail}, ref: func(e *Event) any { return &e.Verdict },
		Doc: "What the check said.",
	},
	{
		Name: "score", Kind: KindFloat, Types: []EventType{TypeGuardrail}, ref: func(e *Event) any { return &e.Score },
		Doc: "The check's score.",
	},
	{
		Name: "stack", Kind: KindString, Types: []EventType{TypeError}, ref: func(e *Event) any { return &e.Stack },
		Doc: "The stack trace.",
	},
	{
		Name: "finding_id", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.FindingID },
		Doc:   "A function of the rule and of what it is about: the same finding has the same id.",
	},
	{
		Name: "rule", Kind: KindString, Types: []EventType{TypeFinding}, ref: func(e *Event) any { return &e.Rule },
		Doc: "The rule that fired.",
	},
	{
		Name: "rules_sha256", Kind: KindString, Types: []EventType{TypeFinding}, ref: func(e *Event) any { return &e.RulesSHA256 },
		Doc: "Digest of the rules in force, 64 hex digits.",
	},
	{
		Name: "engine_version", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.EngineVersion },
		Doc:   "The version of the program that applied the rules.",
	},
	{
		Name: "severity", Kind: KindString, Types: []EventType{TypeFinding}, ref: func(e *Event) any { return &e.Severity },
		Doc: "How grave.",
	},
	{
		Name: "message", Kind: KindString, Types: []EventType{TypeFinding}, ref: func(e *Event) any { return &e.Message },
		Doc: "What was noticed.",
	},
	{
		Name: "evidence", Kind: KindStrings, Types: []EventType{TypeFinding}, ref: func(e *Event) any { return &e.Evidence },
		Doc: "The ids of the events it is about.",
	},
	{
		Name: "exposed", Kind: KindBool, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.Exposed },
		Doc:   "Whether the model was given what it is about.",
	},
	{
		Name: "acted", Kind: KindBool, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.Acted },
		Doc:   "Whether the agent acted on it.",
	},
	{
		Name: "carrier", Kind: KindStrings, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.Carrier },
		Doc:   "The ids of the events that brought it in.",
	},
	{
		Name: "read", Kind: KindStrings, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.Read },
		Doc:   "The ids of the events that gave it to the model.",
	},
	{
		Name: "act", Kind: KindStrings, Since: "1.1",
		Types: []EventType{TypeFinding},
		ref:   func(e *Event) any { return &e.Act },
		Doc:   "The ids of the events in which the agent acted on it.",
	},
	{
		Name: "erasure_id", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureID },
		Doc:   "The erasure: what is ordered and what is done have the same.",
	},
	{
		Name: "erasure_state", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureState },
		Doc:   "ordered or done.",
	},
	{
		Name: "erasure_object", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureObject },
		Doc:   "The key of the content object.",
	},
	{
		Name: "erasure_frames", Kind: KindArray, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureFrames },
		Doc:   "The numbers of the frames in it that are erased.",
	},
	{
		Name: "erasure_events", Kind: KindStrings, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureEvents },
		Doc:   "The ids of the events whose content it is.",
	},
	{
		Name: "erasure_request", Kind: KindString, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.ErasureRequest },
		Doc:   "The request that it answers, by the operator's number or name for it.",
	},
	{
		Name: "final_at", Kind: KindTime, Since: "1.1",
		Types: []EventType{TypeErasure},
		ref:   func(e *Event) any { return &e.FinalAt },
		Doc:   "From when on it is final: no backup of the keys is left.",
	},
}

// fieldIndex finds a field by its attribute key, fieldNames by its name in a line.
// None of them has a character that is escaped. attrKeys are the attribute keys in the
// order of fields.
var fieldIndex, fieldNames, attrKeys = func() (attrs, names map[string]int, keys []string) {
	attrs, names = make(map[string]int, len(fields)), make(map[string]int, len(fields))
	e := &Event{}
	for i := range fields {
		f := &fields[i]
		f.attr, f.key = attrPrefix+f.Name, `,"`+f.Name+`":`
		attrs[f.attr], names[f.Name] = i, i
		keys = append(keys, f.attr)
		if f.Since == "" {
			f.Since = versions[0]
		}
		f.since = versionPlace(f.Since)
		f.role = roles[f.Name]
		switch f.role {
		case roleSchemaVersion, roleTimestamp, roleTraceID, roleSpanID:
			f.ofSpan, f.ofLog = true, true
		case roleParentSpanID, roleEndTimestamp:
			f.ofSpan = true
		}
		ref := f.ref(e)
		switch ref.(type) {
		case *string, *EventType:
			f.held = heldString
		case *json.RawMessage:
			f.held = heldJSON
		case *[]string:
			f.held = heldStrings
		case *time.Time:
			f.held = heldTime
		case *Optional[int64]:
			f.held = heldInt
		case *Optional[float64]:
			f.held = heldFloat
		case *Optional[bool]:
			f.held = heldBool
		default:
			panic("bad type of the field " + f.Name)
		}
		f.offset = reflect.ValueOf(ref).Pointer() - reflect.ValueOf(e).Pointer()
		if f.offset >= reflect.TypeOf(*e).Size() {
			panic("bad place of the field " + f.Name)
		}
	}
	return attrs, names, keys
}()

// fieldSet is a set of fields by their place.
type fieldSet [(maxFields + 63) / 64]uint64

func (s *fieldSet) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s *fieldSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func setOf(names ...string) (s fieldSet) {
	for _, n := range names {
		s.add(fieldNames[n])
	}
	return s
}

// Has reports whether the event holds the field.
func (f *Field) Has(e *Event) bool {
	switch f.held {
	case heldString:
		return *in[string](e, f) != ""
	case heldJSON:
		return len(*in[json.RawMessage](e, f)) > 0
	case heldStrings:
		return len(*in[[]string](e, f)) > 0
	case heldTime:
		return !in[time.Time](e, f).IsZero()
	case heldInt:
		return in[Optional[int64]](e, f).Valid
	case heldFloat:
		return in[Optional[float64]](e, f).Valid
	default:
		return in[Optional[bool]](e, f).Valid
	}
}

// FieldNamed is the field of that name, nil where there is none.
func FieldNamed(name string) *Field {
	i, ok := fieldNames[name]
	if !ok {
		return nil
	}
	return &fields[i]
}
