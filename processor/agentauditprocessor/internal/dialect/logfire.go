package dialect

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// logfire is Logfire's integration of the OpenAI Agents SDK: its spans are named by message
// templates, and hold the SDK's own objects as JSON. Source: pydantic/logfire,
// logfire/_internal/integrations/openai_agents.py.
var logfire = &Dialect{
	Name:  "logfire",
	Title: "Logfire, OpenAI Agents SDK",
	Match: func(r *record.Record) bool { return !r.Log && r.Scope == "logfire.openai_agents" },
	Kind: func(r *record.Record) Kind {
		if r.Text("logfire.span_type") == "pending_span" {
			return Copy // a copy of no length, sent when the span begins
		}
		template := r.Text("logfire.msg_template")
		for _, t := range logfireTemplates {
			if strings.HasPrefix(template, t.begins) {
				return t.kind
			}
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"group_id"}},
		{Field: "agent_name", Keys: []string{"agent_name"}},
		{Field: "response_id", Keys: []string{"gen_ai.response.id", "response_id"}},
		{Field: "tool_name", Keys: []string{"name"}},
		{Field: "tool_input", Keys: []string{"input"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"output"}, As: asResult},
		{Field: "from_agent", Keys: []string{"from_agent"}},
		{Field: "to_agent", Keys: []string{"to_agent"}},
		{Field: "guardrail_name", Keys: []string{"name"}},
		{Field: "verdict", Keys: []string{"triggered"}},
	},
	Finish: logfireFinish,
	Settings: map[string]string{
		"session_id": "group_id of the run's trace (RunConfig)",
		"user_id":    "trace_metadata of the run (RunConfig): user_id",
	},
	Ignore: []record.Ignored{
		{"logfire.msg", "repeats other keys"},
		{"logfire.msg_template", "the event type"},
		{"logfire.json_schema", "the form of other keys"},
		{"logfire.span_type", "the event type"},
		{"logfire.level_num", "of the library itself"},
		{"logfire.pending_parent_id", "the span's own ids and times"},
		{"gen_ai.usage.raw", "repeats other keys"},
	},
}

var logfireTemplates = []struct {
	begins string
	kind   Kind
}{
	{"Responses API", LLM},
	{"Chat completion", LLM},
	{"Function: ", Tool},
	{"Agent run: ", Agent},
	{"Handoff: ", Handoff},
	{"Guardrail ", Guardrail},
	{"MCP: list tools", Step},
	{"OpenAI Agents trace: ", Chain},
	{"Task: ", Chain},
	{"Turn ", Chain},
}

func logfireFinish(r *record.Record, e *Draft) {
	e.metadata(r)
	if v, ok := r.Get("error"); ok {
		if text := jsontext.Get(record.JSON(v), "message"); text.Type == gjson.String {
			e.fail(text.Str)
		}
	}
	switch e.Kind {
	case Agent:
		e.AgentName = r.TakeText("name")
	case Tool:
		if s := string(e.ToolOutput); s == "null" || s == `"null"` { // it did not run: what a tool gives is text
			e.ToolOutput = nil
		}
	case LLM:
		e.logfireCall(r)
	}
	otelFinish(r, e)
}

// logfireCall reads the request and the response of a model call: the SDK's input beside the
// Responses API's object, or the messages of both directions.
func (e *Draft) logfireCall(r *record.Record) {
	var response gjson.Result
	if v, ok := r.Take("response"); ok {
		response = record.JSON(v)
	}
	if v, ok := r.Take("raw_input", "input"); ok && len(e.InputMessages) == 0 {
		e.input(chat.Read(record.JSON(v), "user"))
	}
	if s := jsontext.Get(response, "instructions"); s.Type == gjson.String && e.Prompt == "" {
		e.system(s)
	}
	if out := jsontext.Get(response, "output"); out.IsArray() && len(e.OutputMessages) == 0 {
		e.output(chat.Read(out, "assistant"))
	}
	if v, ok := r.Take("output"); ok && len(e.OutputMessages) == 0 {
		e.output(chat.Read(record.JSON(v), "assistant"))
	}
	if v, ok := r.Take("events"); ok && len(e.InputMessages) == 0 {
		asEvents(e, v)
	}
	if v, ok := r.Take("request_data"); ok && len(e.InputMessages) == 0 {
		e.input(chat.Read(record.JSON(v), "user"))
	}
	if v, ok := r.Take("usage"); ok {
		e.usage(record.JSON(v))
	}
	if t := jsontext.Get(response, "tools"); t.IsArray() && len(e.ToolsAvailable) == 0 {
		e.tools(t, "")
	}
	e.fallbackModel()
}
