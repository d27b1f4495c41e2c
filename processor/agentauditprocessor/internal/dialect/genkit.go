package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// genkit is Genkit: actions of a subtype, with their input and output as JSON.
var genkit = &Dialect{
	Name:  "genkit",
	Title: "Genkit",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Scope == "genkit-tracer" || r.Has("genkit:type") || r.Has("genkit:name"))
	},
	Kind: func(r *record.Record) Kind {
		switch r.Text("genkit:metadata:subtype") {
		case "model", "embedder":
			return LLM
		case "tool", "tool.v2":
			return Tool
		case "flow", "prompt", "agent":
			return Chain
		case "retriever", "reranker":
			return Retrieval
		case "evaluator":
			return Guardrail
		}
		return Chain
	},
	Fields: []Source{
		{Field: "model_id", Keys: []string{"genkit:name"}, As: asGenkitModel},
		{Field: "input_messages", Keys: []string{"genkit:input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"genkit:output"}, As: asOutput},
		{Field: "tool_name", Keys: []string{"genkit:name"}},
		{Field: "tool_input", Keys: []string{"genkit:input"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"genkit:output"}, As: asResult},
		{Field: "query", Keys: []string{"genkit:input"}},
		{Field: "guardrail_name", Keys: []string{"genkit:name"}},
		{Field: "verdict", Keys: []string{"genkit:output"}},
	},
	Finish: genkitFinish,
	Ignore: []record.Ignored{{"genkit:type", "the event type"}, {"genkit:key", "of the library itself"}, {"genkit:path", "the span's own ids and times"}, {"genkit:metadata:subtype", "the event type"}, {"genkit:state", "of the library itself"}, {"genkit:isRoot", "of the library itself"}, {"genkit:isFailureSource", "of the library itself"}},
}

func genkitFinish(r *record.Record, e *Draft) {
	switch e.Kind {
	case LLM:
		if v, ok := r.Get("genkit:input"); ok {
			in := record.JSON(v)
			if t := jsontext.Get(in, "tools"); t.IsArray() && len(t.Array()) > 0 {
				e.tools(t, "")
			}
			for field, path := range map[string]string{"temperature": "config.temperature", "top_p": "config.topP", "max_tokens": "config.maxOutputTokens"} {
				if x := in.Get(path); x.Type == gjson.Number {
					e.Set(field, pcommon.NewValueStr(x.Raw))
				}
			}
		}
		if v, ok := r.Get("genkit:output"); ok {
			out := record.JSON(v)
			e.ResponseID = cmp.Or(e.ResponseID, jsontext.Get(out, "custom.responseId").Str)
			e.ResponseModelID = cmp.Or(e.ResponseModelID, jsontext.Get(out, "custom.modelVersion").Str)
			for p, paths := range map[*semconv.Optional[int64]][]string{
				&e.InputTokens: {"usage.inputTokens", "custom.usageMetadata.promptTokenCount"}, &e.OutputTokens: {"usage.outputTokens", "custom.usageMetadata.candidatesTokenCount"},
				&e.CachedInputTokens: {"usage.cachedContentTokens", "custom.usageMetadata.cachedContentTokenCount"}, &e.ReasoningTokens: {"usage.thoughtsTokens", "custom.usageMetadata.thoughtsTokenCount"},
			} {
				if n := jsontext.First(out, paths...); n.Type == gjson.Number {
					*p = semconv.Some(n.Int())
				}
			}
		}
		if e.Operation == "" {
			e.Operation = "generate_content"
			if r.Text("genkit:metadata:subtype") == "embedder" {
				e.Operation = "embeddings"
			}
		}
	case Chain:
		e.InputMessages, e.OutputMessages, e.OutputText = nil, nil, ""
		if v, ok := r.Take("genkit:input"); ok {
			e.UserMessage = userText(v)
		}
		if v, ok := r.Take("genkit:output"); ok {
			e.FinalOutput = answerText(v)
		}
		e.Requested = nil
	case Retrieval:
		if v, ok := r.Take("genkit:output"); ok {
			e.documents(jsontext.First(record.JSON(v), "documents"))
		}
	}
}

// asGenkitModel cuts the plugin off a model's name, which is the provider.
func asGenkitModel(e *Draft, v pcommon.Value) bool {
	plugin, model, ok := strings.Cut(v.AsString(), "/")
	if !ok {
		plugin, model = "", v.AsString()
	}
	e.Provider, e.ModelID = cmp.Or(e.Provider, plugin), model
	return model != ""
}
