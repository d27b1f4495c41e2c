package dialect

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// llamaIndex is LlamaIndex' own OpenTelemetry handler: a span a method, whose events say what
// went in and came out; steps of a workflow are printed, and cut at 200 characters. Source:
// run-llama/llama_index, llama-index-observability-otel, and run-llama/workflows-py,
// workflows/runtime/types/step_function.py.
var llamaIndex = &Dialect{
	Name:  "llamaindex",
	Title: "LlamaIndex",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Scope == "llamaindex.opentelemetry.tracer" || r.Has("llamaindex.step.input_event"))
	},
	Kind:   ownIndexKind,
	Finish: ownIndexFinish,
	Ignore: []record.Ignored{{"llamaindex.run_id", "the span's own ids and times"}, {"SpanDropEvent", "repeats the exception"}},
}

func ownIndexKind(r *record.Record) Kind {
	for _, ev := range r.Events.All() {
		switch ev.Name() {
		case "LLMChatStartEvent", "LLMChatEndEvent", "LLMCompletionStartEvent", "LLMCompletionEndEvent", "LLMPredictStartEvent", "EmbeddingStartEvent", "EmbeddingEndEvent":
			if ev.Name() != "LLMPredictStartEvent" || !strings.HasSuffix(r.Name, "predict") { // around a call
				return LLM
			}
		case "RetrievalStartEvent", "RetrievalEndEvent":
			return Retrieval
		}
	}
	switch {
	case strings.HasSuffix(r.Name, ".call_tool"):
		return Tool
	case strings.HasSuffix(r.Name, "Tool.acall"), strings.HasSuffix(r.Name, "Tool.call"):
		if r.Text("llamaindex.step.input_event") == "ToolCall" {
			return Part // of the step that runs it
		}
	}
	if !r.ParentID.IsEmpty() && (r.Has("llamaindex.step.input_summary") || r.Events.Len() > 0) {
		return Other // a step: what was printed of it is nowhere else
	}
	return Chain
}

func ownIndexFinish(r *record.Record, e *Draft) {
	switch e.Kind {
	case LLM:
		for i, ev := range r.Events.All() {
			e.ownIndexCall(r, i, ev.Name(), ev.Attributes())
		}
		e.Operation = cmp.Or(e.Operation, "chat")
		e.fallbackModel()
	case Tool:
		e.ownIndexTool(r)
	case Part:
		e.Of = r.ParentID
		if e.Outcome == "" && r.Succeeded {
			e.Outcome = semconv.OutcomeSuccess
		}
	case Retrieval:
		for i, ev := range r.Events.All() {
			if v, ok := ev.Attributes().Get("str_or_query_bundle"); ok && e.Query == "" {
				e.Query = userText(v)
				r.ReadEvent(i, "str_or_query_bundle")
			}
			if v, ok := ev.Attributes().Get("nodes"); ok && len(e.Documents) == 0 && asJSON("documents")(e, v) {
				r.ReadEvent(i, "nodes", "str_or_query_bundle")
			}
		}
	}
}

// ownIndexCall reads what an event says of a model call.
func (e *Draft) ownIndexCall(r *record.Record, i int, name string, a pcommon.Map) {
	text := func(keys ...string) string {
		for _, k := range keys {
			if s := record.AttrText(a, k); s != "" && s != "null" {
				return s
			}
		}
		return ""
	}
	switch name {
	case "EmbeddingStartEvent", "EmbeddingEndEvent":
		e.Operation = "embeddings"
		e.ModelID = cmp.Or(e.ModelID, text("model_dict.model_name", "model_dict.model"))
	case "LLMChatStartEvent", "LLMCompletionStartEvent":
		e.ModelID = cmp.Or(e.ModelID, text("model_dict.model_name", "model_dict.model"))
		if v, ok := either(a, "messages", "prompt"); ok && asInput(e, v) {
			r.ReadEvent(i, "messages", "prompt", "additional_kwargs.tools", "model_dict.model_name", "model_dict.model", "class_name")
		}
		if v, ok := a.Get("additional_kwargs.tools"); ok {
			asTools(e, v)
		}
		if v, ok := a.Get("model_dict.temperature"); ok {
			e.Set("temperature", v)
		}
	case "LLMChatEndEvent", "LLMCompletionEndEvent":
		e.ownIndexAnswer(a)
		e.ResponseID = cmp.Or(e.ResponseID, text("response.raw.id"))
		e.ResponseModelID = cmp.Or(e.ResponseModelID, text("response.raw.model", "response.raw.model_version"))
		for _, f := range []struct {
			field string
			keys  []string
		}{
			{"input_tokens", []string{"response.raw.usage.prompt_tokens", "response.raw.usage.input_tokens", "response.raw.usage_metadata.prompt_token_count", "response.additional_kwargs.prompt_tokens"}},
			{"output_tokens", []string{"response.raw.usage.completion_tokens", "response.raw.usage.output_tokens", "response.raw.usage_metadata.candidates_token_count", "response.additional_kwargs.completion_tokens"}},
			{"cached_input_tokens", []string{"response.raw.usage.prompt_tokens_details.cached_tokens", "response.raw.usage.input_tokens_details.cached_tokens"}},
			{"reasoning_tokens", []string{"response.raw.usage.completion_tokens_details.reasoning_tokens", "response.raw.usage.output_tokens_details.reasoning_tokens"}},
		} {
			if n, ok := semconv.ParseInt(text(f.keys...)); ok {
				e.Set(f.field, pcommon.NewValueInt(n))
			}
		}
		r.ReadEvent(
			i, "messages", "prompt", "response.message.role", "response.message.blocks", "response.message.content", "response.message.additional_kwargs.tool_calls", "response.text",
			"response.raw.id", "response.raw.model", "response.raw.choices", "response.raw.content", "response.raw.usage.prompt_tokens", "response.raw.usage.completion_tokens",
			"response.raw.usage.input_tokens", "response.raw.usage.output_tokens", "class_name",
		)
	}
}

func either(a pcommon.Map, keys ...string) (pcommon.Value, bool) {
	for _, k := range keys {
		if v, ok := a.Get(k); ok {
			return v, true
		}
	}
	return pcommon.Value{}, false
}

// ownIndexAnswer reads the answer, whose members are attributes each.
func (e *Draft) ownIndexAnswer(a pcommon.Map) {
	member := func(key string) gjson.Result {
		if v, ok := a.Get(key); ok {
			return record.JSON(v)
		}
		return jsontext.Parse([]byte("null"))
	}
	body := member("response.message.blocks")
	if !body.IsArray() {
		body = member("response.message.content")
	}
	if body.Type == gjson.Null {
		body = member("response.text")
	}
	out := append([]byte(`{"role":"assistant","content":`), body.Raw...)
	out = append(append(out, `,"tool_calls":`...), member("response.message.additional_kwargs.tool_calls").Raw...)
	choices := member("response.raw.choices")
	if f := jsontext.First(choices, "0.finish_reason").Str; f != "" {
		out = jsontext.AppendString(append(out, `,"finish_reason":`...), f)
	}
	if c := chat.Read(jsontext.Parse(append(out, '}')), "assistant"); len(e.OutputMessages) == 0 {
		e.output(c)
	}
}

// printedTool is the tool that a step that runs one was given, as far as it was printed.
var printedTool = regexp.MustCompile(`^ToolCall\(tool_name='([^']{1,256})'`)

// ownIndexTool reads the step that runs a tool.
func (e *Draft) ownIndexTool(r *record.Record) {
	e.Parts = true
	in := r.TakeText("llamaindex.step.input_summary")
	if raw, ok := pytext.JSON(in); ok {
		call := jsontext.Parse([]byte(raw))
		e.ToolName, e.ToolCallID = jsontext.Get(call, "tool_name").Str, jsontext.Get(call, "tool_id").Str
		e.ToolInput = jsontext.Value(jsontext.Get(call, "tool_kwargs"))
	} else if m := printedTool.FindStringSubmatch(in); m != nil {
		e.ToolName, e.cut = m[1], true
	}
	for i, ev := range r.Events.All() {
		if ev.Name() != "step.output" {
			continue
		}
		out := record.AttrText(ev.Attributes(), "output")
		if _, rest, ok := strings.Cut(out, ", tool_output="); ok && strings.HasPrefix(out, "ToolCallResult(") {
			e.SetJSON("tool_output", jsontext.AppendString(nil, rest))
			e.cut = e.cut || strings.HasSuffix(out, "...")
			r.ReadEvent(i, "output", "class_name")
			if raw, ok := pytext.JSON(out); ok {
				e.ownIndexResult(jsontext.Get(jsontext.Parse([]byte(raw)), "tool_output"))
			}
		}
	}
}

// ownIndexResult reads what a tool gave back, where it was printed whole.
func (e *Draft) ownIndexResult(out gjson.Result) {
	text := jsontext.First(out, "blocks.0.text", "content")
	if text.Type == gjson.String {
		e.SetJSON("tool_output", jsontext.AppendString(nil, text.Str))
	}
	if failed := jsontext.Get(out, "is_error"); failed.IsBool() {
		e.Outcome = semconv.OutcomeSuccess
		if failed.Bool() {
			e.Outcome, e.Error = semconv.OutcomeError, cmp.Or(e.Error, text.Str, "the tool failed")
		}
	}
}
