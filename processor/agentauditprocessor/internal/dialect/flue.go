package dialect

import "github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

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
