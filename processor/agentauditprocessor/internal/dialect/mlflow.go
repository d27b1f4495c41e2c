package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
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
	Ignore: []record.Ignored{{"mlflow.spanType", "the event type"}},
}
