package dialect

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// openLLMetry is Traceloop's conventions: traceloop.* around model calls that are
// told with indexed gen_ai.prompt.N keys (older) or the keys of OpenTelemetry (newer).
var openLLMetry = &Dialect{
	Name:  "openllmetry",
	Title: "OpenLLMetry (Traceloop)",
	Match: func(r *record.Record) bool {
		if r.Log {
			return false
		}
		return r.Has("traceloop.span.kind") || r.Has("traceloop.entity.name") || r.Has("traceloop.workflow.name") || r.Has("llm.request.type") || r.Has("gen_ai.prompt.0.role") ||
			r.Scope == "traceloop.tracer" || strings.HasPrefix(r.Scope, "@traceloop/")
	},
	Kind: func(r *record.Record) Kind {
		switch r.Text("traceloop.span.kind") {
		case "agent":
			return Agent
		case "tool":
			return Tool
		case "workflow":
			return Chain
		case "task":
			// LangGraph's tools are tasks by this key and tools by the operation.
			if otelKind(r) == Tool || strings.HasPrefix(r.Name, "execute_tool ") {
				return Tool
			}
			if r.Has("gen_ai.operation.name") && otelKind(r) == LLM {
				return LLM
			}
			return llamaIndexKind(r)
		}
		if r.Has("llm.request.type") || r.Has("gen_ai.prompt.0.role") || r.Has("gen_ai.completion.0.role") {
			return LLM
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "provider", Keys: []string{"gen_ai.provider.name", "gen_ai.system"}, As: asProvider},
		{Field: "operation", Keys: []string{"gen_ai.operation.name", "llm.request.type"}},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name", "tool.name", "traceloop.entity.name"}},
		{Field: "tool_input", Keys: []string{"gen_ai.tool.call.arguments", "tool.arguments", "traceloop.entity.input"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"gen_ai.tool.call.result", "traceloop.entity.output"}, As: asWrappedOutput},
		{Field: "agent_name", Keys: []string{"gen_ai.agent.name"}},
	},
	Finish: openLLMetryFinish,
	Settings: map[string]string{
		"input_messages":  "TRACELOOP_TRACE_CONTENT=true",
		"output_messages": "TRACELOOP_TRACE_CONTENT=true",
		"tool_input":      "TRACELOOP_TRACE_CONTENT=true",
		"tool_output":     "TRACELOOP_TRACE_CONTENT=true",
		"session_id":      "association properties: session_id",
		"user_id":         "association properties: user_id",
		"agent_version":   "the version of the agent decorator",
	},
	Ignore: []record.Ignored{{"traceloop.span.kind", "the event type"}, {"gen_ai.usage.total_tokens", "a sum of fields"}, {"llm.usage.total_tokens", "a sum of fields"}, {"llm.content.completion.chunk", "repeats other keys"}},
}

func openLLMetryFinish(r *record.Record, e *Draft) {
	switch e.Kind {
	case LLM:
		e.openLLMetryLLM(r)
	case Agent, Chain:
		if e.AgentName == "" && e.Kind == Agent {
			e.AgentName = r.Text("traceloop.entity.name")
		}
		if v, ok := r.Take("traceloop.entity.input"); ok && e.UserMessage == "" {
			e.UserMessage = traceloopText(record.JSON(v))
		}
		if v, ok := r.Take("traceloop.entity.output"); ok && e.FinalOutput == "" {
			e.FinalOutput = answerText(v)
		}
	}
	if e.llamaIndexFinish(r); e.Kind != Message {
		otelFinish(r, e)
	}
}

func (e *Draft) openLLMetryLLM(r *record.Record) {
	if v := r.Indexed("gen_ai.prompt."); v.Exists() && len(e.InputMessages) == 0 {
		e.input(chat.Read(v, "user"))
	}
	if v := r.Indexed("gen_ai.completion."); v.Exists() && len(e.OutputMessages) == 0 {
		e.output(chat.Read(thinking(v), "assistant"))
	}
	if v := r.Indexed("llm.request.functions."); v.Exists() && len(e.ToolsAvailable) == 0 {
		e.tools(v, "")
	}
	if e.Provider == "anthropic" && e.InputTokens.Valid && e.CachedInputTokens.Valid && e.CachedInputTokens.Value > 0 && r.Scope == "@traceloop/instrumentation-anthropic" {
		// This package counts as Anthropic does, without what the cache gave.
		e.InputTokens.Value += e.CachedInputTokens.Value
	}
}

// thinking turns an entry of role thinking, as older packages write Anthropic's
// reasoning, into a message of the model.
func thinking(v gjson.Result) gjson.Result {
	if !strings.Contains(v.Raw, `"role":"thinking"`) {
		return v
	}
	out := []byte{'['}
	v.ForEach(func(_, m gjson.Result) bool {
		raw := m.Raw
		if jsontext.Get(m, "role").Str == "thinking" {
			raw = `{"role":"assistant","parts":[{"type":"reasoning","content":` + jsontext.Get(m, "content").Raw + `}]}`
		}
		out = jsontext.AppendElement(out, raw)
		return true
	})
	return jsontext.Parse(append(out, ']'))
}

// traceloopText is the one text among the arguments of a workflow, if there is one.
func traceloopText(in gjson.Result) string {
	for _, p := range []string{"args.0", "inputs"} {
		if s := in.Get(p); s.Type == gjson.String {
			return s.Str
		} else if s.IsObject() || s.IsArray() {
			return chat.Read(s, "user").User()
		}
	}
	text := ""
	jsontext.Get(in, "kwargs").ForEach(func(_, v gjson.Result) bool {
		if v.Type == gjson.String {
			text = v.Str
		}
		return text == ""
	})
	if text == "" && !jsontext.Get(in, "kwargs").Exists() {
		return textOf(in, "user")
	}
	return text
}
