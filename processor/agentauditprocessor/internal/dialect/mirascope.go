package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// mirascope is Mirascope's ops: spans of functions that were decorated. Of one that called a
// model the span of the call below it tells; another is a step, whether a model asked for it
// or the program called it. Source: Mirascope/mirascope,
// python/mirascope/ops/_internal/spans.py.
var mirascope = &Dialect{
	Name:  "mirascope",
	Title: "Mirascope",
	Match: func(r *record.Record) bool { return !r.Log && (r.Scope == "mirascope.ops" || r.Has("mirascope.type")) },
	Kind: func(r *record.Record) Kind {
		switch r.Text("mirascope.type") {
		case "tool":
			return Tool
		case "":
			return otelKind(r)
		}
		if r.ParentID.IsEmpty() {
			return Chain
		}
		return Other
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"mirascope.ops.session.id"}},
		{Field: "tool_name", Keys: []string{"mirascope.fn.qualname"}},
		{Field: "tool_input", Keys: []string{"mirascope.trace.arg_values"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"mirascope.trace.output"}, As: asResult},
		{Field: "user_message", Keys: []string{"mirascope.trace.arg_values"}, As: asUserText},
		{Field: "final_output", Keys: []string{"mirascope.trace.output"}, As: asAnswerText},
	},
	Settings: map[string]string{"session_id": "ops.session(id=…)"},
	Ignore:   []record.Ignored{{"mirascope.type", "the event type"}},
}
