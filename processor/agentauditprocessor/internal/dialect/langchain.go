package dialect

import (
	"cmp"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// asks reads the requests of LangChain's human-in-the-loop middleware; of another
// interrupt its value is the reason.
func asks(v gjson.Result) (list []chat.Asked) {
	v.ForEach(func(_, i gjson.Result) bool {
		requests := jsontext.First(i, "value.actionRequests", "value.action_requests")
		if !requests.IsArray() {
			list = append(list, chat.Asked{Reason: jsontext.First(i, "value").String()})
		}
		requests.ForEach(func(_, q gjson.Result) bool {
			list = append(list, chat.Asked{Call: chat.Call{Name: jsontext.First(q, "name", "action").Str, Arguments: jsontext.Value(jsontext.First(q, "args", "arguments"))}, Reason: jsontext.Get(q, "description").Str})
			return true
		})
		return true
	})
	return list
}

// decisions reads what a graph was resumed with.
func decisions(v gjson.Result) (list []Decision) {
	all := jsontext.Get(v, "decisions")
	if jsontext.Get(v, "type").Type == gjson.String { // one, of a graph that asks for each call
		all = jsontext.Parse([]byte("[" + v.Raw + "]"))
	}
	all.ForEach(func(_, d gjson.Result) bool {
		out := Decision{Word: jsontext.Get(d, "type").Str, Reason: jsontext.First(d, "message", "args").Str}
		switch out.Word {
		case "approve", "accept":
			out.Status = semconv.ApprovalApproved
		case "edit":
			out.Status = semconv.ApprovalApproved
			out.Edited = jsontext.Value(jsontext.First(d, "editedAction.args", "edited_action.args"))
		case "reject":
			out.Status = semconv.ApprovalRejected
		}
		list = append(list, out)
		return true
	})
	return list
}

// asLangChainResult reads a tool's output, out of the ToolMessage that LangChain
// wraps it in.
func asLangChainResult(e *Draft, v pcommon.Value) bool {
	return e.langChainResult(record.JSON(v))
}

// toolMessage is what a ToolMessage of LangChain holds, in its own serialisation, flat, or under
// data; it does not exist for other values.
func toolMessage(v gjson.Result) gjson.Result {
	if !v.IsObject() {
		return gjson.Result{}
	}
	if k := jsontext.Get(v, "kwargs"); jsontext.Get(v, "lc").Exists() && k.IsObject() {
		return k
	}
	if jsontext.Get(v, "type").Str != "tool" {
		return gjson.Result{}
	}
	if in := jsontext.Get(v, "data"); in.IsObject() {
		v = in
	}
	if jsontext.Get(v, "content").Exists() && jsontext.Get(v, "tool_call_id").Exists() {
		return v
	}
	return gjson.Result{}
}

func (e *Draft) langChainResult(v gjson.Result) bool {
	if out, ok := e.llamaIndexResult(v); ok {
		return e.result(out)
	}
	if in := jsontext.Get(v, "output"); jsontext.Get(in, "lc").Exists() {
		v = in
	}
	if k := toolMessage(v); k.Exists() {
		e.ToolCallID = cmp.Or(e.ToolCallID, jsontext.Get(k, "tool_call_id").Str)
		if e.ToolName == "" || e.ToolName == "DynamicStructuredTool" {
			e.ToolName = cmp.Or(jsontext.Get(k, "name").Str, e.ToolName)
		}
		if jsontext.Get(k, "status").Str == "error" {
			e.Outcome = semconv.OutcomeError
		}
		v = jsontext.OpenString(jsontext.Get(k, "content"))
	}
	return e.result(v)
}

// asWrappedInput opens what the decorators and LangChain wrap arguments in.
func asWrappedInput(e *Draft, v pcommon.Value) bool {
	in := chat.Typed(record.JSON(v))
	if in.IsObject() {
		if jsontext.Get(in, "inputs").Exists() || jsontext.Get(in, "input_str").Exists() { // LangChain
			if s := jsontext.First(in, "inputs"); s.IsObject() {
				in = s
			} else if s := jsontext.First(in, "input_str"); s.Exists() {
				in = jsontext.OpenString(s)
			}
		} else if jsontext.Get(in, "kwargs").Exists() || jsontext.Get(in, "args").Exists() {
			in = jsontext.OpenString(argumentsOf(in))
		}
	}
	return e.SetJSON("tool_input", []byte(in.Raw))
}

func asWrappedOutput(e *Draft, v pcommon.Value) bool {
	out := chat.Typed(record.JSON(v))
	if in := jsontext.First(out, "output", "outputs"); out.IsObject() && in.Exists() && jsontext.Get(out, "kwargs").Exists() && !jsontext.Get(out, "lc").Exists() {
		out = in
	}
	return e.langChainResult(out)
}
