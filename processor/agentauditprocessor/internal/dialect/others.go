package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// mlflow is MLflow's tracing: the type, inputs and outputs of a span, quoted as JSON.
var mlflow = &Dialect{
	Name:  "mlflow",
	Title: "MLflow",
	Match: func(r *record.Record) bool { return !r.Log && r.HasPrefix("mlflow.span") },
	Kind: func(r *record.Record) Kind {
		switch strings.ToUpper(strings.Trim(r.Text("mlflow.spanType"), `"`)) {
		case "LLM", "CHAT_MODEL", "EMBEDDING":
			return LLM
		case "TOOL":
			return Tool
		case "AGENT":
			return Agent
		case "RETRIEVER":
			return Retrieval
		}
		return Chain
	},
	Fields: []Source{
		{Field: "input_messages", Keys: []string{"mlflow.spanInputs"}, As: asInput},
		{Field: "output_messages", Keys: []string{"mlflow.spanOutputs"}, As: asOutput},
		{Field: "tool_input", Keys: []string{"mlflow.spanInputs"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"mlflow.spanOutputs"}, As: asResult},
		{Field: "query", Keys: []string{"mlflow.spanInputs"}},
		{Field: "documents", Keys: []string{"mlflow.spanOutputs"}, As: asJSON("documents")},
	},
	Finish: framesFinish("mlflow.spanInputs", "mlflow.spanOutputs"),
	Ignore: []string{"mlflow.spanType"},
}

// flue is Flue's exporter.
var flue = &Dialect{
	Name:  "flue",
	Title: "Flue",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Scope == "@flue/opentelemetry" || r.HasPrefix("flue."))
	},
	Kind: func(r *record.Record) Kind {
		switch {
		case r.HasPrefix("flue.tool."):
			return Tool
		case r.HasPrefix("flue.turn."):
			return LLM
		case r.HasPrefix("flue.task."):
			return Agent
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "tool_name", Keys: []string{"flue.tool.name"}},
		{Field: "tool_call_id", Keys: []string{"flue.tool.call_id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"flue.tool.arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"flue.tool.result"}, As: asResult},
		{Field: "input_messages", Keys: []string{"flue.turn.input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"flue.turn.output"}, As: asOutput},
	},
	Finish: framesFinish("flue.task.input", "flue.task.output"),
}

// openRouter is OpenRouter's broadcast: whole prompts and completions as JSON.
var openRouter = &Dialect{
	Name:  "openrouter",
	Title: "OpenRouter",
	Match: func(r *record.Record) bool { return !r.Log && r.Service == "openrouter" },
	Kind:  otelKind,
	Fields: []Source{
		{Field: "input_messages", Keys: []string{"gen_ai.input.messages", "gen_ai.prompt"}, As: asInput},
		{Field: "output_messages", Keys: []string{"gen_ai.output.messages", "gen_ai.completion"}, As: asOutput},
	},
}

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
		{Field: "tool_name", Keys: []string{"lk.function_tool.name"}},
		{Field: "tool_call_id", Keys: []string{"lk.function_tool.id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"lk.function_tool.arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"lk.function_tool.output"}, As: asResult},
		{Field: "input_messages", Keys: []string{"lk.chat_ctx"}, As: asInput},
		{Field: "output_text", Keys: []string{"lk.response.text"}},
		{Field: "user_message", Keys: []string{"lk.user_input"}},
	},
}

// framesFinish reads what a frame was asked and what it answered, and names tools
// after their spans.
func framesFinish(in, out string) func(*record.Record, *Draft) {
	return func(r *record.Record, e *Draft) {
		switch e.Kind {
		case Tool:
			if e.ToolName == "" {
				e.ToolName = r.Name
			}
		case Agent, Chain:
			if v, ok := r.Take(in); ok {
				e.UserMessage = userText(v)
			}
			if v, ok := r.Take(out); ok {
				e.FinalOutput = answerText(v)
			}
			e.Requested = nil
		case LLM:
			if e.Operation == "" {
				e.Set("operation", pcommon.NewValueStr("chat"))
			}
			e.fallbackModel()
		}
	}
}
