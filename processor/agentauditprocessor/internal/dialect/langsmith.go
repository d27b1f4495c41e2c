package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// langsmith is LangSmith's SDK: runs of a kind, their inputs and outputs as one JSON
// text each. What it calls a session is a project.
var langsmith = &Dialect{
	Name:  "langsmith",
	Title: "LangSmith",
	Match: func(r *record.Record) bool { return !r.Log && (r.Scope == "langsmith" || r.HasPrefix("langsmith.")) },
	Kind: func(r *record.Record) Kind {
		switch r.Text("langsmith.span.kind") {
		case "llm":
			return LLM
		case "embedding":
			return LLM
		case "tool":
			return Tool
		case "retriever":
			return Retrieval
		case "prompt", "parser":
			return Copy // whatever the operation says: no model was called, and the call repeats it
		case "chain":
			return Chain
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "agent_version", Keys: []string{"langsmith.metadata.revision_id"}},
		{Field: "input_messages", Keys: []string{"gen_ai.prompt"}, As: asInput},
		{Field: "output_messages", Keys: []string{"gen_ai.completion"}, As: asOutput},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name", "langsmith.trace.name"}},
		{Field: "tool_input", Keys: []string{"gen_ai.prompt"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"gen_ai.completion"}, As: asWrappedOutput},
		{Field: "query", Keys: []string{"gen_ai.prompt"}},
		{Field: "documents", Keys: []string{"gen_ai.completion"}, As: asJSON("documents")},
		{Field: "model_id", Keys: []string{"gen_ai.request.model", "langsmith.metadata.ls_model_name"}},
		{Field: "provider", Keys: []string{"langsmith.metadata.ls_provider", "gen_ai.system"}, As: asProvider},
	},
	Finish: func(r *record.Record, e *Draft) {
		switch e.Kind {
		case LLM:
			if v, ok := r.Get("gen_ai.prompt"); ok && len(e.ToolsAvailable) == 0 {
				if t := jsontext.Get(record.JSON(v), "tools"); t.IsArray() {
					e.tools(t, "")
				}
			}
			if v, ok := r.Take("langsmith.usage_metadata"); ok {
				u := record.JSON(v)
				if n := jsontext.Get(u, "input_token_details.cache_read"); n.Exists() {
					e.CachedInputTokens = semconv.Some(n.Int())
				}
				if n := jsontext.Get(u, "output_token_details.reasoning"); n.Exists() {
					e.ReasoningTokens = semconv.Some(n.Int())
				}
			}
			e.fallbackModel()
		case Tool:
			if e.ToolName == "" {
				e.ToolName = r.Name
			}
		case Chain, Agent:
			if v, ok := r.Take("gen_ai.prompt"); ok {
				e.UserMessage = userText(v)
				if r.ParentID.IsEmpty() { // steps inside repeat it
					e.Decisions = decisions(jsontext.First(record.JSON(v), "resume", "input.resume"))
				}
			}
			if v, ok := r.Take("gen_ai.completion"); ok {
				e.FinalOutput = answerText(v)
				if i := jsontext.First(record.JSON(v), "__interrupt__", "output.__interrupt__", "outputs.__interrupt__"); r.ParentID.IsEmpty() && i.IsArray() {
					e.Asks, e.FinalOutput = asks(i), ""
				}
			}
			e.Requested = nil
		}
	},
	Ignore: []record.Ignored{{"langsmith.span.kind", "the event type"}, {"langsmith.traceable", "of the library itself"}, {"langsmith.span.dotted_order", "the span's own ids and times"}},
}
