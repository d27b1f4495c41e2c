package dialect

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// autoGen is AutoGen's runtime, whose spans tell of messages between agents: what a model
// asked for, what came back of tools, what was said. A model call is told by the message that
// came of it, with the tokens that it used. Every message is told again to each agent of a
// team: the one that its own agent sends to the manager counts. Source: microsoft/autogen,
// autogen-core/src/autogen_core/_telemetry and autogen-agentchat/src/autogen_agentchat/messages.py.
var autoGen = &Dialect{
	Name:  "autogen",
	Title: "AutoGen",
	Match: func(r *record.Record) bool {
		return !r.Log && strings.HasPrefix(r.Scope, "autogen ") && r.Has("message") && strings.HasPrefix(r.Name, "autogen process ")
	},
	Kind: func(r *record.Record) Kind {
		m, task := autoGenMessage(r)
		switch {
		case task.Exists():
			return Message
		case !m.Exists():
			return Other
		}
		switch jsontext.Get(m, "type").Str {
		case "ToolCallRequestEvent", "TextMessage", "ThoughtEvent", "StructuredMessage":
			if jsontext.Get(m, "models_usage").IsObject() {
				return LLM
			}
		case "ToolCallExecutionEvent":
			if len(jsontext.Get(m, "content").Array()) > 0 {
				return Tool
			}
		case "HandoffMessage":
			return Handoff
		}
		return Other
	},
	Finish: autoGenFinish,
}

// autoGenMessage is the message that an agent tells the manager of its team, or the task that
// the team was given.
func autoGenMessage(r *record.Record) (m, task gjson.Result) {
	v, ok := r.Get("message")
	if !ok || !strings.HasSuffix(r.Text("recipient_agent_class"), "Manager") {
		return
	}
	in := record.JSON(v)
	if m = jsontext.Get(in, "message"); m.IsObject() {
		return m, task
	}
	if list := jsontext.Get(in, "messages"); list.IsArray() && !r.Has("sender_agent_class") {
		return gjson.Result{}, list
	}
	return gjson.Result{}, task
}

func autoGenFinish(r *record.Record, e *Draft) {
	m, task := autoGenMessage(r)
	if task.Exists() {
		r.Use("message")
		e.input(chat.Read(jsontext.Parse(autoGenTask(task)), "user"))
		return
	}
	if e.Kind == Other || !m.Exists() {
		return
	}
	r.Use("message")
	e.AgentName = jsontext.Get(m, "source").Str
	content := jsontext.Get(m, "content")
	switch e.Kind {
	case LLM:
		e.Operation = "chat"
		e.usage(jsontext.Get(m, "models_usage"))
		out := append(append([]byte(`{"role":"assistant","content":`), content.Raw...), '}')
		e.output(chat.Read(jsontext.Parse(out), "assistant"))
	case Tool:
		for i, result := range content.Array() {
			t := e
			if i > 0 {
				t = e.beside(Tool, "result/"+jsontext.Get(result, "call_id").Str)
				t.AgentName = e.AgentName
			}
			t.autoGenResult(result)
			t.complete()
		}
	case Handoff:
		e.FromAgent, e.ToAgent = e.AgentName, jsontext.Get(m, "target").Str
		e.Reason = content.Str
	}
}

// autoGenTask is what a team was asked, as messages.
func autoGenTask(task gjson.Result) []byte {
	out := []byte{'['}
	task.ForEach(func(_, m gjson.Result) bool {
		role := "user"
		if jsontext.Get(m, "source").Str != "user" {
			role = "assistant"
		}
		one := append(jsontext.AppendString([]byte(`{"role":`), role), `,"content":`...)
		out = jsontext.AppendElement(out, string(append(append(one, jsontext.Get(m, "content").Raw...), '}')))
		return true
	})
	return append(out, ']')
}

// autoGenResult reads what came back of a tool. The tool's own span has its id and no more.
func (e *Draft) autoGenResult(result gjson.Result) {
	e.EventType = semconv.TypeToolResult
	e.ToolName, e.ToolCallID = jsontext.Get(result, "name").Str, jsontext.Get(result, "call_id").Str
	text := jsontext.Get(result, "content")
	if raw, ok := pytext.JSON(text.Str); ok {
		e.SetJSON("tool_output", jsontext.Bytes(raw))
	} else {
		asResult(e, pcommon.NewValueStr(text.Str))
	}
	if failed := jsontext.Get(result, "is_error"); failed.IsBool() {
		e.Outcome = semconv.OutcomeSuccess
		if failed.Bool() {
			e.Outcome, e.Error = semconv.OutcomeError, text.Str
		}
	}
}
