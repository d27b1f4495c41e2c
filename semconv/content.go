package semconv

// What is content is decided a field at a time, with a yes or a no: what people, models,
// tools and documents said, and what may quote it. Whoever may read everything but content
// learns who did what, when and with which outcome, and not what was said.

// contentFields hold, or may quote, what was said.
var contentFields = []string{
	"content", "alternates", "content_refs", "user_message", "tools_available", "final_output", "reason",
	"input_messages", "output_messages", "output_text", "reasoning", "tool_calls_requested", "error",
	"tool_description", "tool_input", "tool_output", "query", "documents", "approval_reason", "approved_input",
	"stack", "message",
}

// plainFields hold ids, names, numbers, times and words of fixed lists.
var plainFields = []string{
	"schema_version", "event_id", "event_type", "timestamp", "end_timestamp", "recorded_at", "sent_timestamp",
	"session_id", "run_id", "step_number", "parent_event_id", "agent_id", "agent_name", "agent_version",
	"agent_instance_id", "parent_agent_id", "user_id", "model_id", "response_model_id", "provider",
	"system_prompt_hash", "trace_id", "span_id", "parent_span_id", "source", "missing_fields", "derived_fields",
	"derived_from", "event_problems", "oversize", "layer_of", "content_state", "content_at", "masked_fields",
	"sender", "retention", "outcome", "from_agent", "to_agent", "operation", "tools_hash", "finish_reasons",
	"input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "latency_ms",
	"time_to_first_token_ms", "temperature", "top_p", "max_tokens", "seed", "response_id", "cost_usd", "tool_name",
	"tool_call_id", "tool_type", "tool_description_hash", "error_type", "execution_time_ms", "requires_approval",
	"approval_status", "approver_id", "mcp_server", "mcp_server_version", "mcp_session_id", "mcp_method",
	"data_source", "approval_source", "approval_at", "actor_id", "guardrail_name", "verdict", "score", "finding_id",
	"rule", "rules_sha256", "engine_version", "severity", "evidence", "exposed", "acted", "carrier", "read", "act",
	"erasure_id", "erasure_state", "erasure_object", "erasure_frames", "erasure_events", "erasure_request", "final_at",
}

var isContent = setOf(contentFields...)

// Content reports whether the field holds, or may quote, what was said.
func (f *Field) Content() bool { return isContent.has(fieldNames[f.Name]) }
