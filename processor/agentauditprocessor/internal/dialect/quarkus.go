package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// quarkus is Quarkus' LangChain4j extension. gen_ai.prompt holds the texts of all messages
// one after the other, without their roles: no mark parts the system prompt from what a
// person said, so that the text stays under content and no hash is stated. Source:
// quarkiverse/quarkus-langchain4j, core/runtime/…/observability/*.java.
var quarkus = &Dialect{
	Name:   "quarkus-langchain4j",
	Joined: true,
	Title:  "Quarkus LangChain4j",
	Match: func(r *record.Record) bool {
		return !r.Log && r.Scope == "io.quarkus.opentelemetry" && (r.HasPrefix("gen_ai.") || strings.HasPrefix(r.Name, "langchain4j."))
	},
	Kind: func(r *record.Record) Kind {
		switch {
		case strings.HasPrefix(r.Name, "langchain4j.aiservices."):
			return Agent
		case strings.HasPrefix(r.Name, "langchain4j.tools."):
			return Tool
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "output_messages", Keys: []string{"gen_ai.output.messages", "gen_ai.completion"}, As: asOutput},
	},
	Finish: func(r *record.Record, e *Draft) {
		if e.Kind == Tool && e.ToolName == "" {
			e.ToolName = strings.TrimPrefix(r.Name, "langchain4j.tools.")
		}
		otelFinish(r, e)
	},
	Settings: map[string]string{
		"input_messages":  "quarkus.langchain4j.tracing.include-prompt=true",
		"output_messages": "quarkus.langchain4j.tracing.include-completion=true",
		"tool_input":      "quarkus.langchain4j.tracing.include-tool-arguments=true",
		"tool_output":     "quarkus.langchain4j.tracing.include-tool-result=true",
	},
}
