package dialect

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// mastra is Mastra's OpenTelemetry exporter: the keys of OpenTelemetry, and the type,
// input and output of its own spans. A model call is told as a generation, around the
// steps of a loop, around the inferences of a step: what is innermost is the call, and
// what has one below it is the same call. Source: mastra-ai/mastra,
// observability/otel-exporter/src/gen-ai-semantics.ts, and ai-tracing.ts before 1.0.
var mastra = &Dialect{
	Name:  "mastra",
	Title: "Mastra",
	Match: func(r *record.Record) bool { return !r.Log && r.Has("mastra.span.type") },
	Kind: func(r *record.Record) Kind {
		switch t := mastraType(r); t {
		case "model_generation", "model_step", "model_inference", "llm_generation", "rag_embedding":
			return LLM
		case "tool_call", "mcp_tool_call", "provider_tool_call", "client_tool_call":
			return Tool
		case "agent_run":
			return Agent
		case "workflow_run":
			return Chain
		case "rag_vector_operation", "rag_retrieval":
			return Retrieval
		case "model_chunk", "llm_chunk":
			return Copy
		case "":
			return otelKind(r)
		}
		return Other
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"mastra.metadata.sessionId", "mastra.metadata.threadId", "threadId"}},
		{Field: "user_id", Keys: []string{"mastra.metadata.userId", "mastra.metadata.resourceId", "resourceId"}},
		{Field: "agent_id", Keys: []string{"gen_ai.agent.id", "agent.id"}},
		{Field: "input_messages", Keys: []string{
			"gen_ai.input.messages", "gen_ai.prompt", "mastra.model_generation.input", "mastra.model_step.input", "mastra.model_inference.input",
		}, As: asMastraInput},
		{Field: "output_messages", Keys: []string{
			"gen_ai.output.messages", "gen_ai.completion", "mastra.model_generation.output", "mastra.model_step.output", "mastra.model_inference.output",
		}, As: asMastraOutput},
		{Field: "tools_available", Keys: []string{"gen_ai.tool.definitions", "agent.available_tools"}, As: asTools},
		{Field: "tool_input", Keys: []string{"gen_ai.tool.call.arguments", "gen_ai.tool.input"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"gen_ai.tool.call.result", "gen_ai.tool.output"}, As: asResult},
		{Field: "query", Keys: []string{"mastra.rag_vector_operation.input", "mastra.rag_retrieval.input"}},
		{Field: "documents", Keys: []string{"mastra.rag_vector_operation.output", "mastra.rag_retrieval.output"}, As: asJSON("documents")},
	},
	Finish: func(r *record.Record, e *Draft) {
		switch e.Kind {
		case LLM:
			e.Operation = "chat"
			if mastraType(r) == "rag_embedding" {
				e.Operation = "embeddings"
			}
			e.fallbackModel()
		case Tool:
			if r.TakeText("gen_ai.tool.success") == "false" {
				e.Outcome = semconv.OutcomeError
			}
		case Agent, Chain:
			for _, prefix := range []string{"mastra.agent_run.", "mastra.workflow_run.", ""} {
				if v, ok := r.Take(prefix + "input"); ok && e.UserMessage == "" {
					e.UserMessage = userText(v)
				}
				if v, ok := r.Take(prefix + "output"); ok && e.FinalOutput == "" {
					e.FinalOutput = answerText(v)
				}
			}
			e.Requested = nil
		}
	},
	Ignore: []record.Ignored{{"mastra.span.type", "the event type"}, {"mastra.trace_id", "the span's own ids and times"}, {"mastra.span_id", "the span's own ids and times"}, {"mastra.parent_span_id", "the span's own ids and times"}, {"mastra.start_time", "the span's own ids and times"}, {"mastra.end_time", "the span's own ids and times"}, {"mastra.duration_ms", "the span's own ids and times"}, {"span.kind", "the record's name"}, {"input", "repeats other keys"}, {"output", "repeats other keys"}},
}

func mastraType(r *record.Record) string { return strings.ToLower(r.Text("mastra.span.type")) }

// asMastraInput reads messages, or what holds them.
func asMastraInput(e *Draft, v pcommon.Value) bool {
	if m := jsontext.First(record.JSON(v), "messages", "body.messages"); m.IsArray() {
		e.input(chat.Read(m, "user"))
		return len(e.InputMessages) > 0
	}
	return asInput(e, v)
}

// asMastraOutput reads messages, or the text, the reasoning and the calls of a step.
func asMastraOutput(e *Draft, v pcommon.Value) bool {
	out := record.JSON(v)
	calls := jsontext.First(out, "toolCalls", "tool_calls")
	text := jsontext.Get(out, "text")
	if !out.IsObject() || text.Type != gjson.String && !calls.IsArray() {
		return asOutput(e, v)
	}
	reasoning := jsontext.First(out, "reasoning", "reasoningText")
	if reasoning.Type != gjson.String {
		reasoning = gjson.Result{}
	}
	e.output(chat.Reply(reasoning, text, unwrapped(calls, "payload")))
	return len(e.OutputMessages) > 0
}

// unwrapped is a list whose elements were each wrapped in an object under a key.
func unwrapped(list gjson.Result, key string) gjson.Result {
	out := []byte{'['}
	list.ForEach(func(_, v gjson.Result) bool {
		if in := v.Get(key); in.IsObject() {
			v = in
		}
		out = jsontext.AppendElement(out, v.Raw)
		return true
	})
	return jsontext.Parse(append(out, ']'))
}
