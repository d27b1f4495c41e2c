package chat

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// printed recognises what Python prints of an object, which some libraries send in the place
// of a message.
var printed = regexp.MustCompile(`^\[?[A-Z]\w*\(\w+=`)

func (w *writer) content(v gjson.Result) {
	switch {
	case v.Type == gjson.String:
		w.text(v)
	case v.IsArray():
		jsontext.Elements(v, w.part)
	case v.IsObject():
		if o := w.members(v); len(o) == 1 && o[0].Key == "content" { // a map that only holds the content
			w.release(o)
			w.content(jsontext.OpenString(jsontext.Read(o[0].Raw)))
			return
		} else {
			w.release(o)
		}
		w.part(v)
	case v.Type != gjson.Null:
		w.text(v)
	}
}

// text writes a part of text, a JSON string as it is. What it says is only read where
// somebody will ask: a history is long, and most of it is passed on.
func (w *writer) text(v gjson.Result) {
	s := quoted(v)
	if Withheld(s[1 : len(s)-1]) {
		w.c.Withheld = true
		return
	}
	if s == `""` || w.printed(s) {
		return
	}
	w.comma()
	w.out = append(append(append(w.out, `{"type":"text","content":`...), s...), '}')
	switch w.role {
	case "system", "developer":
		w.c.System = append(w.c.System, jsontext.Read(s).Str)
	case "user":
		if printed.MatchString(s[1:min(len(s), 200)]) {
			return // nobody's words
		}
		if w.c.UserJSON == "" || w.answered { // what was asked last, of a history
			w.answered = false
			w.c.UserJSON = s
		}
	case "assistant":
		w.answered = true
		w.c.text = append(w.c.text, s)
	}
}

// piece is text for a part of Gemini's, whose parts are pieces of one text.
func (w *writer) piece(v gjson.Result) {
	n, follows := len(w.c.text), w.pieces == w.parts && w.parts > 0
	w.text(v)
	if w.pieces = w.parts; follows && len(w.c.text) == n+1 && n > 0 {
		w.c.text[n-1] = w.c.text[n-1][:len(w.c.text[n-1])-1] + w.c.text[n][1:]
		w.c.text = w.c.text[:n]
	}
}

// reasoning writes a part of reasoning.
func (w *writer) reasoning(v gjson.Result) {
	s := quoted(v)
	if s == `""` {
		return
	}
	w.comma()
	w.out = append(append(append(w.out, `{"type":"reasoning","content":`...), s...), '}')
	if w.role == "assistant" {
		w.c.reasoning = append(w.c.reasoning, s)
	}
}

// quoted is a value as a JSON string.
func quoted(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Raw
	}
	return jsontext.Quote(v.String()).Raw
}

func (w *writer) toolCalls(v gjson.Result) {
	v.ForEach(func(_, c gjson.Result) bool {
		if in := jsontext.Get(c, "tool_call"); in.IsObject() {
			c = in
		}
		args := jsontext.First(c, "function.arguments", "arguments", "args", "input")
		w.call(jsontext.First(c, "id", "call_id", "toolCallId").Str, jsontext.First(c, "function.name", "name", "toolName", "tool_name").Str, args)
		return true
	})
}

// call writes a tool call, once: some libraries tell of it as a part and again
// beside the parts.
func (w *writer) call(id, name string, args gjson.Result) {
	arguments := jsontext.Value(args)
	if name == adkConfirmation {
		w.adkAsks(id, jsontext.Parse(arguments))
	} else if w.role == "assistant" {
		if _, told := w.calls[id]; told && id != "" {
			return
		}
		if w.calls == nil {
			w.calls = map[string]int{}
		}
		w.calls[id] = len(w.c.Calls)
		w.c.Calls = append(w.c.Calls, Call{id, name, arguments})
	}
	w.comma()
	w.out = appendCall(append(w.out, `{"type":"tool_call"`...), id, name, arguments)
}

// adkConfirmation is the function by which ADK asks a person whether a call may be run.
const adkConfirmation = "adk_request_confirmation"

func (w *writer) adkAsks(id string, args gjson.Result) {
	of := jsontext.First(args, "originalFunctionCall", "original_function_call")
	call := Call{ID: jsontext.Get(of, "id").Str, Name: jsontext.Get(of, "name").Str, Arguments: jsontext.Value(jsontext.Get(of, "args"))}
	if w.confirms == nil {
		w.confirms = map[string]Call{}
	}
	w.confirms[id] = call
	w.c.Asks = append(w.c.Asks, Asked{Call: call, Reason: jsontext.First(args, "toolConfirmation.hint", "tool_confirmation.hint").Str})
}

// adkAnswers reads what the person said; of a word that is not known it says nothing.
func (w *writer) adkAnswers(id string, response gjson.Result) {
	confirmed := jsontext.Get(response, "confirmed")
	if !confirmed.IsBool() {
		return
	}
	call := w.confirms[id]
	a := Answer{ID: id, Name: call.Name, CallID: call.ID, Approved: confirmed.Bool(), Source: semconv.SourceHuman}
	if !a.Approved && call.Name != "" {
		a.Refused = &call
	}
	w.c.Approvals = append(w.c.Approvals, a)
}

// interruptAnswer reads what a person said to an interrupt of Strands, in their words:
// only words that can mean nothing else are a decision.
func (w *writer) interruptAnswer(id string, response gjson.Result) {
	a := Answer{ID: id, Reason: response.String(), Source: semconv.SourceHuman}
	switch strings.ToLower(strings.TrimSpace(a.Reason)) {
	case "true", "yes", "y", "approve", "approved":
		a.Approved = true
	case "false", "no", "n", "reject", "rejected", "deny", "denied":
	default:
		a.Unclear = true
	}
	w.c.Approvals = append(w.c.Approvals, a)
}

// asked notes which call a request of Vercel's AI SDK is about, which the answer does not say.
func (w *writer) asked(o jsontext.Object) {
	i, ok := w.calls[o.First("toolCallId", "tool_call_id").Str]
	id := o.First("approvalId", "approval_id").Str
	if !ok || id == "" {
		return
	}
	if w.confirms == nil {
		w.confirms = map[string]Call{}
	}
	w.confirms[id] = w.c.Calls[i]
}

// AppendJSON appends the call as an object.
func (c Call) AppendJSON(out []byte) []byte {
	return appendCall(append(out, '{'), c.ID, c.Name, c.Arguments)
}

// appendCall finishes an object that tells of a tool call.
func appendCall(out []byte, id, name string, arguments []byte) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	if id != "" {
		out = append(jsontext.AppendString(append(out, `"id":`...), id), ',')
	}
	out = jsontext.AppendString(append(out, `"name":`...), name)
	if len(arguments) > 0 {
		out = append(append(out, `,"arguments":`...), arguments...)
	}
	return append(out, '}')
}

func (w *writer) result(id string, v gjson.Result) {
	out := jsontext.Value(v)
	w.c.Results = append(w.c.Results, Result{id, out})
	if r := jsontext.Parse(out); jsontext.Get(r, "denied").Bool() || jsontext.Get(r, "type").Str == "execution-denied" {
		w.refused(id, jsontext.Get(r, "reason").Str)
	} else if reason, yes := Refused(r); yes { // the call may have a record of its own, which says so, too
		a := Answer{ID: id, CallID: id, Reason: reason}
		if i, ok := w.calls[id]; ok && id != "" {
			a.Name = w.c.Calls[i].Name
		}
		w.c.Approvals = append(w.c.Approvals, a)
	}
	w.comma()
	w.out = append(w.out, `{"type":"tool_call_response"`...)
	if id != "" {
		w.out = jsontext.AppendString(append(w.out, `,"id":`...), id)
	}
	if len(out) > 0 {
		w.out = append(append(w.out, `,"result":`...), out...)
	}
	w.out = append(w.out, '}')
}

// refused notes a refusal; the call is among those of the messages before.
func (w *writer) refused(id, reason string) {
	a := Answer{ID: id, CallID: id, Reason: reason, Refused: &Call{ID: id}}
	if i, ok := w.calls[id]; ok && id != "" {
		call := w.c.Calls[i]
		a.Refused, a.Name = &call, call.Name
	}
	w.c.Approvals = append(w.c.Approvals, a)
}

// decided notes what a person answered to a request for approval.
func (w *writer) decided(o jsontext.Object) {
	a := o.First("approved", "approve")
	if !a.IsBool() {
		return
	}
	answer := Answer{
		ID:       o.First("approval_id", "approvalId", "approval_request_id", "id").Str,
		Name:     o.Get("function_call.name").Str,
		CallID:   o.First("function_call.call_id", "function_call.id").Str,
		Approved: a.Bool(), Reason: o.Get("reason").Str,
	}
	if call, ok := w.confirms[answer.ID]; ok {
		answer.Name, answer.CallID = cmp.Or(answer.Name, call.Name), cmp.Or(answer.CallID, call.ID)
	}
	if call := o.Get("function_call"); call.IsObject() && !a.Bool() {
		answer.Refused = &Call{ID: answer.CallID, Name: answer.Name, Arguments: jsontext.Value(jsontext.Get(call, "arguments"))}
	}
	w.c.Approvals = append(w.c.Approvals, answer)
}

// part writes one part of a message by its shape; one of a shape that is not
// known is kept as it is.
func (w *writer) part(p gjson.Result) {
	if p.Type == gjson.String {
		w.text(p)
		return
	}
	if !p.IsObject() {
		return
	}
	o := w.members(p)
	defer func() { w.release(o) }()
	if in := o.Get("message_content"); in.IsObject() { // OpenInference
		if c := o.Get("tool_call"); c.IsObject() {
			w.call(jsontext.Get(c, "id").Str, jsontext.Get(c, "function.name").Str, jsontext.Get(c, "function.arguments"))
			return
		}
		w.part(in)
		return
	}
	switch o.First("type", "block_type").Str {
	case "text", "input_text", "output_text":
		w.text(jsontext.Unread(o.FirstRaw("content", "text")))
		return
	case "reasoning", "thinking":
		s := o.First("content", "text", "thinking", "reasoning", "summary")
		if s.IsArray() {
			s.ForEach(func(_, e gjson.Result) bool {
				if s := jsontext.First(e, "text", "content"); s.Type == gjson.String {
					w.reasoning(s)
				}
				return true
			})
		} else {
			w.reasoning(s)
		}
		return
	case "tool_call", "tool-call", "tool_use", "toolUse", "function_call", "server_tool_call", "mcp_call":
		id := o.First("call_id", "toolCallId", "tool_call_id", "toolUseId", "id", "tool_call.id").Str
		name := o.First("name", "toolName", "tool_name", "function.name", "tool_call.function.name").Str
		w.call(id, name, o.First("arguments", "input", "args", "tool_kwargs", "server_tool_call", "function.arguments", "tool_call.function.arguments"))
		return
	case "tool_call_response", "tool-result", "tool_result", "function_call_output", "server_tool_call_response":
		w.result(o.First("call_id", "toolCallId", "tool_use_id", "id").Str,
			o.First("response", "result", "output.value", "output", "content", "server_tool_call_response"))
		return
	case "tool_approval_response", "tool-approval-response", "function_approval_response", "mcp_approval_response":
		w.decided(o)
	case "tool-approval-request", "tool_approval_request":
		w.asked(o)
	case "function_approval_request", "mcp_approval_request":
		w.approvalPart(p)
	case "interrupt_response":
		w.interruptAnswer(o.Get("id").Str, o.Get("response"))
	case "":
		if w.untyped(o) {
			return
		}
	}
	w.comma()
	w.out = append(w.out, p.Raw...)
}

// untyped writes the parts of Bedrock, Gemini and Genkit, which name their kind by
// the key they use.
func (w *writer) untyped(o jsontext.Object) bool {
	if t := jsontext.Unread(o.Raw("text")); t.Type == gjson.String {
		if o.Get("thought").Bool() {
			w.reasoning(t)
		} else {
			w.piece(t)
		}
		return true
	}
	if c := o.First("toolUse", "functionCall", "function_call", "toolRequest", "tool_call"); c.IsObject() {
		id := cmp.Or(jsontext.First(c, "toolUseId", "id", "ref").Str, o.Get("id").Str)
		w.call(id, jsontext.First(c, "name", "tool_name").Str, jsontext.First(c, "input", "args", "arguments"))
		return true
	}
	if o.Get("name").Type == gjson.String && (o.Get("args").IsObject() || o.Has("arguments") && o.Has("id")) { // ADK for Rust, AutoGen
		w.call(o.Get("id").Str, o.Get("name").Str, o.First("args", "arguments"))
		return true
	}
	if id := o.Get("call_id").Str; id != "" && o.Has("content") && o.Has("name") { // AutoGen
		w.result(id, o.Get("content"))
		return true
	}
	if c := o.Get("tool_call_result"); c.IsObject() { // Haystack
		w.result(jsontext.Get(c, "origin.id").Str, jsontext.Get(c, "result"))
		return true
	}
	if c := o.Get("interruptResponse"); c.IsObject() {
		w.interruptAnswer(jsontext.Get(c, "interruptId").Str, jsontext.Get(c, "response"))
		return false // and the part is kept as it is
	}
	if c := o.First("toolResult", "functionResponse", "function_response", "toolResponse"); c.IsObject() {
		if jsontext.Get(c, "name").Str == adkConfirmation {
			w.adkAnswers(jsontext.Get(c, "id").Str, jsontext.Get(c, "response"))
		}
		w.result(cmp.Or(jsontext.First(c, "toolUseId", "id", "ref").Str, o.Get("id").Str), jsontext.First(c, "content", "response", "output"))
		return true
	}
	if c := o.Get("reasoningContent.reasoningText.text"); c.Exists() {
		if c.Type == gjson.String {
			w.reasoning(c)
		}
		return true
	}
	return false
}

// approvalPart reads the parts by which a model's answer asks for an approval.
func (w *writer) approvalPart(p gjson.Result) {
	call := jsontext.First(p, "function_call", "functionCall", "tool_call")
	if !call.IsObject() {
		call = p
	}
	w.c.Asks = append(w.c.Asks, Asked{Call: Call{
		ID: jsontext.First(call, "call_id", "callId", "toolCallId", "id").Str, Name: jsontext.First(call, "name", "toolName").Str, Arguments: jsontext.Value(jsontext.First(call, "arguments", "args", "input")),
	}})
}
