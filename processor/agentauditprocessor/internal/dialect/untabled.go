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

// shaped is telemetry that no dialect has a table for, of which the form of its keys tells
// what it is. It comes before the conventions of OpenTelemetry, which it is read by, too.
var shaped = &Dialect{
	Name:   "untabled-shape",
	Title:  "Any other GenAI telemetry, by the form of its keys (`x.span.type`, `x.input`, `x.output`, `x.session_id`)",
	Match:  func(r *record.Record) bool { return !r.Log && matchesShape(r) },
	Kind:   shapeKind,
	Finish: shapeFinish,
}

// genAI are what keys begin with that tell of models, agents and their tools.
var genAI = []string{
	"gen_ai.", "llm.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "langwatch.", "mlflow.span", "lmnr.", "agentops.", "crewai.", "autogen.", "ag2.", "agno.", "haystack.",
	"llamaindex.", "pydantic_ai.", "spring.ai.", "gcp.vertex.agent.", "mastra.", "lk.", "weave.", "braintrust.", "voltagent.", "mirascope.", "openlit.", "netra.", "dspy.", "smolagents.",
	"input.value", "output.value", "agent.messages", "tool.name", "tool.parameters", "mcp.method", "audit.",
}
