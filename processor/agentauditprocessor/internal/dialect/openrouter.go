package dialect

import "github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

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
