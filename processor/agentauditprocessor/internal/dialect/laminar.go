package dialect

import "github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

// laminar is Laminar's SDK, and what reports through it (OpenHands): lmnr.span.type, and what
// went in and came out as JSON. Model calls are told with the keys of OpenTelemetry, or those
// of OpenLLMetry. Source: lmnr-ai/lmnr-python, src/lmnr/opentelemetry_lib/tracing/attributes.py.
var laminar = &Dialect{
	Name:  "laminar",
	Title: "Laminar",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Scope == "lmnr.tracer" || r.Has("lmnr.span.type") || r.Has("lmnr.span.input") || r.Has("lmnr.span.output"))
	},
	Kind: func(r *record.Record) Kind {
		switch r.Text("lmnr.span.type") {
		case "LLM":
			return LLM
		case "TOOL", "MCP_TOOL":
			return Tool
		}
		return shapeKind(r)
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"lmnr.association.properties.session_id"}},
		{Field: "user_id", Keys: []string{"lmnr.association.properties.user_id"}},
		{Field: "user_message", Keys: []string{"lmnr.span.input"}, As: asUserText},
		{Field: "final_output", Keys: []string{"lmnr.span.output"}, As: asAnswerText},
		{Field: "tool_call_id", Keys: []string{"lmnr.association.properties.metadata.tool_call_id"}, As: asCallID},
	},
	Finish: func(r *record.Record, e *Draft) {
		openLLMetryFinish(r, e)
		shapeFinish(r, e)
	},
	Settings: map[string]string{
		"session_id": "Laminar.set_trace_session_id",
		"user_id":    "Laminar.set_trace_user_id",
	},
	Ignore: []record.Ignored{
		{"lmnr.span.type", "the event type"},
		{"lmnr.span.path", "the span's own ids and times"},
		{"lmnr.span.ids_path", "the span's own ids and times"},
		{"lmnr.span.parent_path", "the span's own ids and times"},
		{"lmnr.span.parent_ids_path", "the span's own ids and times"},
		{"lmnr.span.instrumentation_source", "of the library itself"},
		{"lmnr.span.language_version", "of the library itself"},
		{"lmnr.span.sdk_version", "of the library itself"},
		{"llm.headers", "may hold credentials"},
		{"gen_ai.usage.total_tokens", "a sum of fields"},
		{"llm.usage.total_tokens", "a sum of fields"},
	},
}
