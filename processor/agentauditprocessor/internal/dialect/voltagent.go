package dialect

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// voltAgent is VoltAgent: span.type without a prefix, on spans of an agent or a workflow that
// entity.* names. A call of the AI SDK runs the whole loop of model and tools, so that one
// span may tell of several model calls. Source: VoltAgent/voltagent,
// packages/core/src/agent/open-telemetry/trace-context.ts.
var voltAgent = &Dialect{
	Name:  "voltagent",
	Title: "VoltAgent",
	Match: func(r *record.Record) bool {
		return !r.Log && (strings.HasPrefix(r.Scope, "@voltagent/") || r.HasPrefix("voltagent."))
	},
	Kind: func(r *record.Record) Kind {
		switch r.Text("span.type") {
		case "llm":
			return LLM
		case "tool":
			return Tool
		case "retriever":
			return Retrieval
		case "guardrail":
			return Guardrail
		case "agent":
			return Agent
		case "workflow":
			return Chain
		case "":
			if r.Text("entity.type") == "agent" {
				return Agent
			}
			return Chain
		}
		return Other
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"voltagent.conversation_id", "conversation.id", "conversationId"}},
		{Field: "user_id", Keys: []string{"user.id", "userId"}},
		{Field: "agent_id", Keys: []string{"entity.id"}},
		{Field: "agent_name", Keys: []string{"entity.name"}},
		{Field: "parent_agent_id", Keys: []string{"parent.agent.id", "agent.parent.id", "voltagent.parent_agent_id"}},
		{Field: "model_id", Keys: []string{"llm.model", "ai.model.name"}},
		{Field: "operation", Keys: []string{"llm.operation"}},
		{Field: "finish_reasons", Keys: []string{"llm.finish_reason", "ai.response.finish_reason"}},
		{Field: "input_tokens", Keys: []string{"llm.usage.prompt_tokens"}},
		{Field: "output_tokens", Keys: []string{"llm.usage.completion_tokens"}},
		{Field: "cached_input_tokens", Keys: []string{"llm.usage.cached_tokens"}},
		{Field: "reasoning_tokens", Keys: []string{"llm.usage.reasoning_tokens"}},
		{Field: "max_tokens", Keys: []string{"llm.max_output_tokens", "ai.model.max_tokens"}},
		{Field: "temperature", Keys: []string{"llm.temperature", "ai.model.temperature"}},
		{Field: "input_messages", Keys: []string{"llm.messages", "input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"llm.output", "output"}, As: asOutput},
		{Field: SystemPrompt, Keys: []string{"agent.instructions"}, As: asSystem},
		{Field: "tools_available", Keys: []string{"llm.tools"}, As: asNames},
		{Field: "tool_name", Keys: []string{"tool.name"}},
		{Field: "tool_call_id", Keys: []string{"tool.call.id"}, As: asCallID},
		{Field: "tool_description", Keys: []string{"tool.description"}},
		{Field: "tool_input", Keys: []string{"input"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"output"}, As: asResult},
		{Field: "query", Keys: []string{"input"}},
		{Field: "documents", Keys: []string{"output"}, As: asJSON("documents")},
	},
	Finish: func(r *record.Record, e *Draft) {
		if e.Kind == Agent || e.Kind == Chain {
			if v, ok := r.Take("input"); ok {
				e.UserMessage = userText(v)
				e.InputMessages = nil
			}
			if v, ok := r.Take("output"); ok {
				e.FinalOutput = answerText(v)
				e.OutputMessages, e.OutputText = nil, ""
			}
			if v, ok := r.Get("agent.messages"); ok { // decisions of people, among them
				asInput(e, v)
			}
			e.Requested = nil
		}
		e.fallbackModel()
	},
	Settings: map[string]string{
		"session_id": "conversationId of generateText / streamText",
		"user_id":    "userId of generateText / streamText",
	},
	Ignore: []record.Ignored{
		{"span.type", "the event type"},
		{"span.label", "the record's name"},
		{"operation.id", "the span's own ids and times"},
		{"voltagent.operation_id", "the span's own ids and times"},
		{"agent.messages.ui", "repeats other keys"},
	},
}

// asNames reads the names of the tools that were offered, parted by commas.
func asNames(e *Draft, v pcommon.Value) bool {
	if record.JSON(v).IsArray() {
		return asTools(e, v)
	}
	out := []byte{'['}
	for name := range strings.SplitSeq(v.AsString(), ",") {
		out = jsontext.AppendElement(out, record.JSONString(strings.TrimSpace(name)))
	}
	return e.SetJSON("tools_available", append(out, ']'))
}
