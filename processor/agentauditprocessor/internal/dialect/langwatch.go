package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// langWatch is LangWatch's SDKs: langwatch.span.type, and what went in and came out as an
// object of a type and a value. Source: langwatch/langwatch, python-sdk/src/langwatch/attributes
// and typescript-sdk/src/observability-sdk/span.
var langWatch = &Dialect{
	Name:  "langwatch",
	Title: "LangWatch",
	Match: func(r *record.Record) bool {
		return !r.Log && !r.Has("ai.operationId") && (r.Has("langwatch.span.type") || r.Has("langwatch.input") || r.Has("langwatch.output"))
	},
	Kind: func(r *record.Record) Kind {
		if k, ok := kindWord(r.Text("langwatch.span.type")); ok {
			return k
		}
		return shapeKind(r)
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"langwatch.thread.id", "langwatch.thread_id", "langwatch.langgraph.thread_id"}},
		{Field: "user_id", Keys: []string{"langwatch.user.id", "langwatch.user_id", "langwatch.langgraph.user_id"}},
		{Field: "agent_name", Keys: []string{"gen_ai.agent.name", "langwatch.langgraph.lc_agent_name", "langwatch.langchain.run.metadata.lc_agent_name"}},
		{Field: "input_messages", Keys: []string{"langwatch.input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"langwatch.output"}, As: asOutput},
		{Field: "tool_input", Keys: []string{"langwatch.input"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"langwatch.output"}, As: asWrappedOutput},
	},
	Finish: func(r *record.Record, e *Draft) {
		if e.Kind == Agent || e.Kind == Chain {
			e.InputMessages, e.OutputMessages, e.OutputText, e.Requested = nil, nil, "", nil
			r.Keep("langwatch.input", "langwatch.output")
		}
		if e.Kind == LLM && len(e.ToolsAvailable) == 0 {
			for _, key := range []string{"langwatch.params", "langwatch.langchain.run.extra_params.invocation_params"} {
				if v, ok := r.Get(key); ok && len(e.ToolsAvailable) == 0 {
					if t := jsontext.Get(chat.Typed(record.JSON(v)), "tools"); t.IsArray() {
						e.tools(t, "")
						r.Use(key)
					}
				}
			}
		}
		shapeFinish(r, e)
	},
	Settings: map[string]string{
		"session_id": "metadata thread_id (TypeScript: langwatch.thread.id)",
		"user_id":    "metadata user_id (TypeScript: langwatch.user.id)",
	},
	Ignore: []record.Ignored{{"langwatch.span.type", "the event type"}, {"langwatch.timestamps", "the span's own ids and times"}, {"gen_ai.usage.total_tokens", "a sum of fields"}},
}
