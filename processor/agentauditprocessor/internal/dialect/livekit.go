package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// liveKit is LiveKit's agents.
var liveKit = &Dialect{
	Name:  "livekit",
	Title: "LiveKit Agents",
	Match: func(r *record.Record) bool { return !r.Log && (r.Scope == "livekit-agents" || r.HasPrefix("lk.")) },
	Kind: func(r *record.Record) Kind {
		switch r.Name {
		case "llm_request", "llm_node":
			return LLM
		case "function_tool":
			return Tool
		case "agent_session", "agent_turn":
			return Chain
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: SystemPrompt, Keys: []string{"lk.instructions", "lk.pii.instructions"}, As: asSystem},
		{Field: "tool_name", Keys: []string{"lk.function_tool.name"}},
		{Field: "tool_call_id", Keys: []string{"lk.function_tool.id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"lk.function_tool.arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"lk.function_tool.output"}, As: asResult},
		{Field: "input_messages", Keys: []string{"lk.chat_ctx"}, As: asInput},
		{Field: "output_text", Keys: []string{"lk.response.text"}},
		{Field: "user_message", Keys: []string{"lk.user_input"}},
	},
}
