package dialect

import "github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

// untabled is GenAI telemetry that no dialect has a table for: it is kept as it is, as steps.
var untabled = &Dialect{
	Name:  "untabled",
	Title: "Any other GenAI telemetry",
	Match: func(r *record.Record) bool {
		for _, prefix := range genAI {
			if r.HasPrefix(prefix) && (prefix != "audit." || !r.Distrusted()) {
				return true
			}
		}
		return false
	},
	Kind: func(*record.Record) Kind { return Other },
}

// genAI are what keys begin with that tell of models, agents and their tools.
var genAI = []string{
	"gen_ai.", "llm.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "langwatch.", "mlflow.span", "lmnr.", "agentops.", "crewai.", "autogen.", "ag2.", "agno.", "haystack.",
	"llamaindex.", "pydantic_ai.", "spring.ai.", "gcp.vertex.agent.", "mastra.", "lk.", "weave.", "braintrust.", "voltagent.", "mirascope.", "openlit.", "netra.", "dspy.", "smolagents.",
	"input.value", "output.value", "agent.messages", "tool.name", "tool.parameters", "mcp.method", "audit.",
}
