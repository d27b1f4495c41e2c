package dialect

import (
	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
)

// What libraries wrap a tool's arguments in: what its caller was called with. What else stands
// in a wrapper is in no field, and so kept under content.

// printedDict is a Python dictionary or list as JSON; another value is itself.
func printedDict(v gjson.Result) gjson.Result {
	if v.Type != gjson.String {
		return v
	}
	if raw, ok := pytext.JSON(v.Str); ok && !pytext.Printed(v.Str) {
		return jsontext.Parse([]byte(raw))
	}
	return v
}

// unwrapInput puts the arguments of a tool in the place of the call that they stand in.
func (e *Draft) unwrapInput() {
	if len(e.ToolInput) == 0 {
		return
	}
	in := printedDict(jsontext.Parse(e.ToolInput))
	if m := in.Array(); in.IsArray() && len(m) == 1 && jsontext.Get(m[0], "role").Str == "tool" { // TanStack
		in = printedDict(jsontext.OpenString(jsontext.Get(m[0], "content")))
	}
	for range 3 {
		out := e.unwrapped(in)
		if out.Raw == in.Raw {
			break
		}
		in = printedDict(jsontext.OpenString(out))
	}
	e.SetJSON("tool_input", jsontext.Bytes(in.Raw))
}

// ofCall are the keys of an object that is a call as a whole, beside its arguments.
var ofCall = map[string]bool{
	"tool_name": true, "name": true, "toolName": true, "id": true, "call_id": true, "tool_call_id": true, "toolCallId": true, "tool_id": true, "type": true, "arguments": true, "args": true, "tool_kwargs": true,
	"tool_arguments": true, "input": true,
}

// unwrapped is what an object holds that is a call, or what a function was called with.
func (e *Draft) unwrapped(in gjson.Result) gjson.Result {
	if !in.IsObject() {
		return in
	}
	o := jsontext.AppendMembers(nil, in)
	only := func(known func(key string) bool) bool {
		for i := range o {
			if !known(o[i].Key) {
				return false
			}
		}
		return len(o) > 0
	}
	if only(func(k string) bool { return k == "args" || k == "kwargs" || k == "sanitize_inputs_outputs" }) && (o.Has("kwargs") || o.Has("sanitize_inputs_outputs")) {
		return argumentsOf(in)
	}
	if o.Has("input") && o.Has("options") && len(o) == 2 && o.Get("input").IsObject() { // BeeAI
		return o.Get("input")
	}
	if !only(func(k string) bool { return ofCall[k] }) {
		return in
	}
	return e.heldByCall(o, in)
}

// heldByCall is what a call holds that stands in the place of its arguments; in itself where it is
// no call.
func (e *Draft) heldByCall(o jsontext.Object, in gjson.Result) gjson.Result {
	name := o.First("tool_name", "toolName", "name")
	args := o.First("arguments", "args", "tool_kwargs", "tool_arguments", "input")
	if name.Type != gjson.String || !args.IsObject() && args.Type != gjson.String {
		return in
	}
	if e.ToolName != "" && e.ToolName != name.Str && !o.Has("tool_name") && !o.Has("toolName") {
		return in // its own arguments
	}
	if e.ToolName == "" {
		e.ToolName = name.Str
	}
	if id := o.First("call_id", "tool_call_id", "toolCallId", "tool_id", "id"); e.ToolCallID == "" && id.Type == gjson.String {
		e.ToolCallID = id.Str
	}
	return args
}

// argumentsOf is what a Python function was called with: its keywords, or its one
// argument, or the list of them; in itself where there are both.
func argumentsOf(in gjson.Result) gjson.Result {
	kw, args := jsontext.Get(in, "kwargs"), jsontext.Get(in, "args")
	named, listed := kw.IsObject() && len(kw.Map()) > 0, len(args.Array())
	switch {
	case named && listed == 0:
		return kw
	case named:
		return in
	case kw.IsObject() && listed == 0:
		return kw
	case args.IsArray() && listed == 1:
		return jsontext.Get(args, "0")
	case args.IsArray() && listed > 1:
		return args
	}
	return in
}
