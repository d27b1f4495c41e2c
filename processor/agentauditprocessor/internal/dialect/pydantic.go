package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// pydanticAI is Pydantic AI in its format versions, and Logfire's own integrations.
var pydanticAI = &Dialect{
	Name:  "pydantic-ai",
	Title: "Pydantic AI, Logfire",
	Match: func(r *record.Record) bool {
		return r.Scope == "pydantic-ai" || strings.HasPrefix(r.Scope, "logfire")
	},
	Kind: func(r *record.Record) Kind {
		switch {
		case r.Text("logfire.span_type") == "pending_span":
			return Copy // a copy of no length, sent when the span begins
		case r.Has("pydantic_ai.tool.deferral.name"):
			return Approval
		case r.Name == "running tool", strings.HasPrefix(r.Name, "running tool: "):
			return Tool
		case r.Name == "running tools", strings.HasPrefix(r.Name, "running tools"):
			return Other
		case r.Name == "agent run":
			return Agent
		case r.Has("request_data") || r.Has("response_data"):
			return LLM
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "agent_name", Keys: []string{"agent_name"}},
		{Field: "model_id", Keys: []string{"gen_ai.request.model", "model_name"}},
		{Field: "input_messages", Keys: []string{"gen_ai.input.messages", "events", "all_messages_events"}, As: asEvents},
		{Field: "tool_input", Keys: []string{"gen_ai.tool.call.arguments", "tool_arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"gen_ai.tool.call.result", "tool_response"}, As: asResult},
		{Field: "final_output", Keys: []string{"final_result"}},
	},
	Finish: pydanticFinish,
	Ignore: []record.Ignored{{"logfire.msg", "repeats other keys"}, {"logfire.json_schema", "the form of other keys"}, {"logfire.span_type", "the event type"}, {"logfire.level_num", "of the library itself"}, {"logfire.pending_parent_id", "the span's own ids and times"}, {"pydantic_ai.all_messages", "repeats other keys"}, {"all_messages_events", "repeats other keys"}, {"pydantic_ai.new_message_index", "repeats other keys"}},
}

func pydanticFinish(r *record.Record, e *Draft) {
	e.metadata(r)
	switch e.Kind {
	case Approval:
		v, _ := r.Take("pydantic_ai.tool.deferral.metadata")
		reason := r.TakeText("pydantic_ai.tool.deferral.name")
		if v != (pcommon.Value{}) {
			reason += " " + v.AsString()
		}
		e.Asks = []chat.Asked{{Call: chat.Call{ID: e.ToolCallID, Name: e.ToolName, Arguments: e.ToolInput}, Reason: reason}}
		e.Error, e.ErrorType, e.Stack, e.Outcome = "", "", "", "" // older formats mark it as an error
	case Tool:
		if r.Text("pydantic_ai.tool.failure_stage") == "validation" && e.Error == "" {
			e.Error, e.Outcome = "the arguments were not valid; the tool did not run", semconv.OutcomeError
		}
	case LLM:
		if v, ok := r.Take("request_data"); ok {
			req := record.JSON(v)
			if len(e.InputMessages) == 0 {
				e.input(chat.Read(req, "user"))
			}
			e.ModelID = cmp.Or(e.ModelID, jsontext.Get(req, "model").Str)
			if t := jsontext.Get(req, "tools"); t.IsArray() && len(e.ToolsAvailable) == 0 {
				e.tools(t, "")
			}
		}
		if v, ok := r.Take("response_data"); ok && len(e.OutputMessages) == 0 {
			e.output(chat.Read(record.JSON(v), "assistant"))
		}
		if v, ok := r.Take("model_request_parameters"); ok && len(e.ToolsAvailable) == 0 {
			if t := jsontext.Get(record.JSON(v), "function_tools"); t.IsArray() {
				e.tools(t, "")
			}
		}
	}
	otelFinish(r, e)
}

// asEvents reads messages, or the events of up to 1.36 as a list of JSON objects:
// the choices among them are the answer.
func asEvents(e *Draft, v pcommon.Value) bool {
	list := record.JSON(v)
	if !list.Get(`0.event\.name`).Exists() {
		return asInput(e, v)
	}
	in, out := []byte{'['}, []byte{'['}
	list.ForEach(func(_, m gjson.Result) bool {
		if m.Get(`event\.name`).Str == "gen_ai.choice" {
			out = jsontext.AppendElement(out, m.Raw)
		} else {
			in = jsontext.AppendElement(in, m.Raw)
		}
		return true
	})
	if len(in) > 1 {
		e.input(chat.Read(jsontext.Parse(append(in, ']')), "user"))
	}
	if len(out) > 1 {
		e.output(chat.Read(jsontext.Parse(append(out, ']')), "assistant"))
	}
	return true
}
