package dialect

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
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
		{Field: "model_id", Keys: []string{"model", "mlflow.llm.model"}, As: asQuoted("model_id")},
		{Field: "response_model_id", Keys: []string{"mlflow.llm.model"}, As: asQuoted("response_model_id")},
		{Field: "provider", Keys: []string{"mlflow.llm.provider"}, As: asQuoted("provider")},
		{Field: "session_id", Keys: []string{"mlflow.trace.session"}, As: asQuoted("session_id")},
		{Field: "user_id", Keys: []string{"mlflow.trace.user"}, As: asQuoted("user_id")},
		{Field: "tools_available", Keys: []string{"mlflow.chat.tools", "tools"}, As: asTools},
		{Field: "tool_name", Keys: []string{"mlflow.spanFunctionName", "name"}, As: asQuoted("tool_name")},
		{Field: "input_messages", Keys: []string{"mlflow.spanInputs"}, As: asInput},
		{Field: "output_messages", Keys: []string{"mlflow.spanOutputs"}, As: asOutput},
		{Field: "tool_input", Keys: []string{"mlflow.spanInputs"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"mlflow.spanOutputs"}, As: asResult},
		{Field: "query", Keys: []string{"mlflow.spanInputs"}},
		{Field: "documents", Keys: []string{"mlflow.spanOutputs"}, As: asJSON("documents")},
	},
	Finish: func(r *record.Record, e *Draft) {
		if v, ok := r.Get("mlflow.chat.tokenUsage"); ok && e.Kind == LLM {
			e.usage(record.JSON(v))
			r.Use("mlflow.chat.tokenUsage")
		}
		if v, ok := r.Get("mlflow.spanInputs"); ok && e.Kind == LLM && e.ModelID == "" {
			e.ModelID = jsontext.Get(record.JSON(v), "model").Str
		}
		if v, ok := r.Get("mlflow.spanOutputs"); ok && e.Kind == LLM && e.ResponseID == "" {
			e.ResponseID = jsontext.Get(record.JSON(v), "id").Str
		}
		framesFinish("mlflow.spanInputs", "mlflow.spanOutputs")(r, e)
		e.ToolName = toolOfSpan(e.ToolName)
	},
	Ignore: []record.Ignored{{"mlflow.spanType", "the event type"}, {"mlflow.traceRequestId", "the span's own ids and times"}},
}

// asQuoted sets a field from a value that MLflow put into JSON once more.
func asQuoted(field string) Decoder {
	return func(e *Draft, v pcommon.Value) bool {
		text := v.AsString()
		if s, ok := jsontext.ParseString(text); ok {
			text = s
		}
		return text != "" && e.Set(field, pcommon.NewValueStr(text))
	}
}
