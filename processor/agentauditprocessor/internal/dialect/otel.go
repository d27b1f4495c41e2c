package dialect

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// otelGenAI is the OpenTelemetry conventions for GenAI in their generations:
// messages as span events and log events (up to 1.36), as attributes and in
// gen_ai.client.inference.operation.details (from 1.37). Its table holds for every
// dialect, after the dialect's own.
var otelGenAI = &Dialect{
	Name:  "otel-genai",
	Title: "OpenTelemetry GenAI",
	Match: func(r *record.Record) bool {
		if r.Log {
			return strings.HasPrefix(r.Name, "gen_ai.") || r.Has("gen_ai.operation.name") && toldWhole(r)
		}
		if r.Has("gen_ai.operation.name") || r.Has("gen_ai.provider.name") || r.Has("gen_ai.system") || r.Has("gen_ai.request.model") ||
			r.Has("gen_ai.input.messages") || r.Has("gen_ai.tool.name") || r.Has("gen_ai.tool.call.id") || r.Has("mcp.method.name") {
			return true
		}
		for _, ev := range r.Events.All() {
			if strings.HasPrefix(ev.Name(), "gen_ai.") {
				return true
			}
		}
		return false
	},
	Kind: otelKind,
	Fields: []Source{
		{Field: "operation", Keys: []string{"gen_ai.operation.name"}},
		{Field: "provider", Keys: []string{"gen_ai.provider.name", "gen_ai.system"}, As: asProvider},
		{Field: "model_id", Keys: []string{"gen_ai.request.model"}},
		{Field: "response_model_id", Keys: []string{"gen_ai.response.model"}},
		{Field: "response_id", Keys: []string{"gen_ai.response.id"}},
		{Field: "finish_reasons", Keys: []string{"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "anthropic.message.stop_reason"}},
		{Field: "input_tokens", Keys: []string{"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"}},
		{Field: "output_tokens", Keys: []string{"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"}},
		{Field: "cached_input_tokens", Keys: []string{
			"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cached_tokens", "gen_ai.usage.details.cache_read_tokens",
			"gen_ai.usage.cached_input_tokens", "gen_ai.usage.input_cached_tokens", "gen_ai.usage.cached_content_token_count",
		}},
		{Field: "reasoning_tokens", Keys: []string{
			"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.details.reasoning_tokens", "llm.usage.reasoning_tokens",
		}},
		{Field: "temperature", Keys: []string{"gen_ai.request.temperature"}},
		{Field: "top_p", Keys: []string{"gen_ai.request.top_p"}},
		{Field: "max_tokens", Keys: []string{"gen_ai.request.max_tokens"}},
		{Field: "seed", Keys: []string{"gen_ai.request.seed"}},
		{Field: "time_to_first_token_ms", Keys: []string{"gen_ai.response.time_to_first_chunk"}, As: asSeconds("time_to_first_token_ms")},
		{Field: "cost_usd", Keys: []string{"gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost", "operation.cost"}, As: asCost},
		{Field: SystemPrompt, Keys: []string{"gen_ai.system_instructions", "gen_ai.system.instructions"}, As: asSystem},
		{Field: "input_messages", Keys: []string{"gen_ai.input.messages"}, As: asInput},
		{Field: "output_messages", Keys: []string{"gen_ai.output.messages"}, As: asOutput},
		{Field: "tools_available", Keys: []string{"gen_ai.tool.definitions", "gen_ai.request.tools"}, As: asTools},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name"}},
		{Field: "tool_call_id", Keys: []string{"gen_ai.tool.call.id", "gen_ai.tool.call_id", "gen_ai.tool_call.id"}, As: asCallID},
		{Field: "tool_type", Keys: []string{"gen_ai.tool.type"}},
		{Field: "tool_description", Keys: []string{"gen_ai.tool.description"}},
		{Field: "tool_input", Keys: []string{"gen_ai.tool.call.arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"gen_ai.tool.call.result", "anthropic.tool_result.content"}, As: asResult},
		{Field: "query", Keys: []string{"gen_ai.retrieval.query.text"}},
		{Field: "documents", Keys: []string{"gen_ai.retrieval.documents"}, As: asJSON("documents")},
		{Field: "data_source", Keys: []string{"gen_ai.data_source.id"}},
		{Field: "guardrail_name", Keys: []string{"gen_ai.guardrail.name", "gen_ai.evaluation.name"}},
		{Field: "verdict", Keys: []string{"gen_ai.guardrail.triggered", "gen_ai.evaluation.score.label"}},
		{Field: "score", Keys: []string{"gen_ai.evaluation.score.value"}},
		{Field: "reason", Keys: []string{"gen_ai.evaluation.explanation"}},
	},
	Settings: map[string]string{
		"input_messages":     "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT (older: true), with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
		"output_messages":    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT (older: true), with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
		"system_prompt_hash": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT (older: true), with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
		"tool_input":         "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT (older: true), with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
		"tool_output":        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT (older: true), with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
		"session_id":         "set gen_ai.conversation.id or session.id on the spans",
		"user_id":            "set user.id on the spans",
		"agent_version":      "set service.version on the resource",
	},
}

// unindexed is what came before the conventions had messages: all of a prompt, and of what
// came of it, in one key.
var unindexed = []Source{
	{Field: "input_messages", Keys: []string{"gen_ai.prompt"}, As: asInput},
	{Field: "output_messages", Keys: []string{"gen_ai.completion"}, As: asOutput},
}

// evaluation is the event of a judgement on what a model said, on a span or as a log
// record.
const evaluation = "gen_ai.evaluation.result"

// The rules read the table, and the table names the rules.
func init() { otelGenAI.Finish = otelFinish }

func otelKind(r *record.Record) Kind {
	if r.Log {
		return otelLogKind(r)
	}
	return otelSpanKind(r)
}

func otelSpanKind(r *record.Record) Kind {
	if m := r.Text("mcp.method.name"); m != "" && m != "tools/call" {
		return Other
	}
	op := strings.ToLower(r.Text("gen_ai.operation.name"))
	switch op {
	case "chat", "text_completion", "completion", "generate", "generate_content", "embeddings", "rerank":
		return LLM
	case "execute_tool":
		return Tool
	case "invoke_agent":
		return Agent
	case "invoke_workflow":
		return Chain
	case "retrieval", "search_memory":
		return Retrieval
	case "create_agent":
		if r.Scope == "opentelemetry.instrumentation.langchain" && r.ParentID.IsEmpty() {
			return Copy // of no run: each call of the agent tells its prompt and its tools
		}
		return Other
	case "agent_step", "plan", "create_thread", "create_message", "create_conversation":
		return Other
	}
	return otherOperation(op, r)
}

// otherOperation is the kind of a span of an operation that the conventions do not name, or of
// none, by its words and by what else is there.
func otherOperation(op string, r *record.Record) Kind {
	switch {
	case strings.HasSuffix(op, "_memory"):
		return LLM
	case strings.Contains(op, "tool") && r.Has("gen_ai.tool.name"):
		return Tool
	case strings.Contains(op, "guardrail"), op == "" && r.Has("gen_ai.guardrail.name"):
		return Guardrail
	case callWords.MatchString(op) && r.Has("gen_ai.request.model"):
		return LLM
	case op == "" && (r.Has("gen_ai.tool.name") || r.Has("gen_ai.tool.call.id") || r.Has("mcp.method.name")):
		return Tool
	case op == "" && otherWork(r):
		return Chain // a model is only named on it
	case op == "" && (r.Has("gen_ai.request.model") || r.Has("gen_ai.response.model") || r.Has("gen_ai.input.messages") || hasMessageEvents(r)):
		return LLM
	}
	return Chain
}

// otherWork reports whether a span tells of a query or a request that only carries what an
// application put on every span: a gateway's call of a model has tokens or messages, too.
func otherWork(r *record.Record) bool {
	for _, key := range [...]string{"db.system", "db.system.name", "db.statement", "http.request.method", "http.method", "messaging.system", "rpc.system", "rpc.system.name", "faas.trigger"} {
		if r.Has(key) {
			return !r.HasPrefix("gen_ai.usage.") && !r.HasPrefix("gen_ai.response.") && !r.HasPrefix("gen_ai.input.") && !r.HasPrefix("gen_ai.output.") && !r.HasPrefix("gen_ai.prompt") && !hasMessageEvents(r)
		}
	}
	return false
}

// callWords are words in the names of operations that are calls of a model, in the singular or
// the plural, of a streamed answer or not.
var callWords = regexp.MustCompile(`(?:^|[._ -])a?(?:chat|(?:text_?)?completions?|generate(?:_?content)?|responses?|messages?|embeddings?|converse|invoke_?model)(?:$|[._ -])`)

func otelLogKind(r *record.Record) Kind {
	switch r.Name {
	case "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice":
		return Message
	case details:
		if r.Scope == "opentelemetry.instrumentation.google_genai" && !r.SpanID.IsEmpty() && !r.HasAny([]string{"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"}) {
			return Copy // its span says the same, and has the content
		}
		// With a span of its own, a record without the model only adds messages to it.
		if !r.SpanID.IsEmpty() && !r.Has("gen_ai.request.model") && !r.Has("gen_ai.response.model") {
			return Message
		}
		return LLM
	case evaluation:
		return Guardrail
	case "gen_ai.client.operation.exception":
		return Failure
	}
	if toldWhole(r) {
		return otelSpanKind(r)
	}
	return Other
}

// toldWhole reports whether a log record of another name tells of a call or a tool as a span
// would: the operation, and of what.
func toldWhole(r *record.Record) bool {
	switch otelSpanKind(r) {
	case LLM:
		return r.Has("gen_ai.request.model") || r.Has("gen_ai.response.model")
	case Tool:
		return r.Has("gen_ai.tool.name")
	}
	return false
}

func hasMessageEvents(r *record.Record) bool {
	for _, ev := range r.Events.All() {
		if messageEvent(ev.Name()) && ev.Name() != details {
			return true
		}
	}
	return false
}

// details is the event that tells of a model call as a whole.
const details = "gen_ai.client.inference.operation.details"

// messageEvent reports whether an event holds messages of a model call.
func messageEvent(name string) bool {
	return chat.MessageRole(name) != "" || name == details || strings.HasPrefix(name, "gen_ai.content.")
}

func otelFinish(r *record.Record, e *Draft) {
	if e.Kind == Message && r.Name == details {
		e.Of = r.SpanID
		return
	}
	if e.Kind == Message {
		e.Of = r.SpanID
		r.BodyRead = true
		list := messageOf(nil, r.Name, bodyMap(r))
		c := chat.Read(jsontext.Parse(append(list, ']')), chat.MessageRole(r.Name))
		if r.Name == "gen_ai.choice" {
			e.output(c)
		} else {
			e.input(c)
		}
		return
	}
	if r.Log && e.Kind == LLM {
		e.Keys = append(e.Keys, "llm/"+r.SpanID.String())
	}
	if e.Kind == Failure {
		e.Error = cmp.Or(r.TakeText("exception.message"), e.Error)
		e.ErrorType = cmp.Or(r.TakeText("exception.type"), e.ErrorType)
		e.Stack = r.TakeText("exception.stacktrace")
	}
	if e.Kind == LLM || e.Kind == Agent || e.Kind == Chain {
		e.fromEvents(r)
		e.fromIndexed(r, "gen_ai.input.messages.", "gen_ai.output.messages.") // traceAI
	}
	if e.Kind == Tool && e.Outcome == "" {
		switch strings.ToLower(r.TakeText("gen_ai.tool.call.outcome")) {
		case "error", "failure", "failed":
			e.Outcome, e.Error = semconv.OutcomeError, cmp.Or(e.Error, "the tool failed")
		case "success", "ok":
			e.Outcome = semconv.OutcomeSuccess
		case "denied", "rejected":
			e.Outcome = semconv.OutcomeDenied
		}
	}
	if e.Kind == Tool && e.ToolName == "" {
		e.ToolName = cmp.Or(strings.TrimPrefix(r.Text("mcp.method.name"), "tools/call"), toolOfSpan(r.Name))
	}
	e.fallbackModel()
}

// fallbackModel takes the model that answered for the one asked for, where nothing
// else is known.
func (e *Draft) fallbackModel() {
	if e.Kind == LLM && e.ModelID == "" && e.ResponseModelID != "" {
		e.ModelID = e.ResponseModelID
		e.Derive("model_id")
	}
}

// fromEvents reads messages that came as span events.
func (e *Draft) fromEvents(r *record.Record) {
	var in, out []byte
	for i, ev := range r.Events.All() {
		if messageEvent(ev.Name()) {
			r.ReadEvent(i)
		}
		switch name := ev.Name(); {
		case name == "gen_ai.choice":
			out = messageOf(out, name, ev.Attributes())
		case chat.MessageRole(name) != "":
			in = messageOf(in, name, ev.Attributes())
		case name == "gen_ai.content.prompt" && len(e.InputMessages) == 0:
			if v, ok := ev.Attributes().Get("gen_ai.prompt"); ok {
				asInput(e, v)
			}
		case name == "gen_ai.content.completion" && len(e.OutputMessages) == 0:
			if v, ok := ev.Attributes().Get("gen_ai.completion"); ok {
				asOutput(e, v)
			}
		case name == details:
			for _, s := range otelGenAI.Fields {
				if v, ok := ev.Attributes().Get(s.Keys[0]); ok && s.As != nil && s.wanted(e) {
					s.As(e, v)
				}
			}
		}
	}
	if in != nil && len(e.InputMessages) == 0 {
		e.input(chat.Read(jsontext.Parse(append(in, ']')), "user"))
	}
	if out != nil && len(e.OutputMessages) == 0 {
		e.output(chat.Read(jsontext.Parse(append(out, ']')), "assistant"))
	}
}

func bodyMap(r *record.Record) pcommon.Map {
	if r.Body.Type() == pcommon.ValueTypeMap {
		return r.Body.Map()
	}
	m := pcommon.NewMap()
	s := r.Body.AsString()
	if in, ok := jsontext.Open(s); ok && in.IsObject() && jsontext.First(in, "role", "content", "message").Exists() { // Semantic Kernel
		in.ForEach(func(k, v gjson.Result) bool {
			if v.Type == gjson.String {
				m.PutStr(k.Str, v.Str)
			} else {
				_ = m.PutEmpty(k.Str).FromRaw(v.Value())
			}
			return true
		})
		return m
	}
	if s != "" {
		m.PutStr("content", s)
	}
	return m
}

// fromIndexed reads messages that came with a key for each of their members.
func (e *Draft) fromIndexed(r *record.Record, in, out string) {
	if len(e.InputMessages) == 0 {
		if v := r.Indexed(in); v.Exists() {
			e.input(chat.Read(v, "user"))
		}
	}
	if len(e.OutputMessages) == 0 {
		if v := r.Indexed(out); v.Exists() {
			e.output(chat.Read(v, "assistant"))
		}
	}
}

// messageOf appends the message that an event of up to 1.36 tells of to a JSON list,
// which the caller closes.
func messageOf(list []byte, name string, m pcommon.Map) []byte {
	if list == nil {
		list = append(list, '[')
	} else {
		list = append(list, ',')
	}
	list = append(list, '{')
	role := false
	n := 0
	seen := map[string]bool{}
	put := func(k string, v pcommon.Value) {
		if seen[k] || v.Type() == pcommon.ValueTypeEmpty {
			return
		}
		seen[k] = true
		role = role || k == "role" && v.AsString() != ""
		if n++; n > 1 {
			list = append(list, ',')
		}
		list = append(jsontext.AppendString(list, k), ':')
		list = append(list, record.Leaf(k, v).Raw...)
	}
	for k, v := range m.All() {
		if k == "gen_ai.event.content" { // Azure's SDKs: the body as JSON in one attribute
			in := record.JSON(v)
			in.ForEach(func(k, v gjson.Result) bool {
				if key := k.String(); in.IsObject() && !seen[key] {
					seen[key] = true
					role = role || key == "role"
					if n++; n > 1 {
						list = append(list, ',')
					}
					list = append(append(append(list, k.Raw...), ':'), v.Raw...)
				}
				return true
			})
			continue
		}
		put(k, v)
	}
	if !role {
		if n > 0 {
			list = append(list, ',')
		}
		list = jsontext.AppendString(append(list, `"role":`...), chat.MessageRole(name))
	}
	return append(list, '}')
}
