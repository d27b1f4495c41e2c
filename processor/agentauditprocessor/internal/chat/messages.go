package chat

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// Conversation is a list of messages brought to the one shape of the schema,
// [{"role":…,"parts":[…]}], and what an audit wants to know of them.
type Conversation struct {
	JSON      []byte   // the list; nil when there is no message
	System    []string // text parts of system and developer messages
	Calls     []Call   // tool calls in assistant messages
	Results   []Result // tool results in any message
	Approvals []Answer // answers to requests for approval
	Asks      []Asked  // requests for approval
	Finish    []string // finish reasons that stand on messages
	Withheld  bool     // a library wrote a marker in the place of content

	// What is long and seldom asked for, as JSON strings: the text of the user's
	// message, and parts of assistant messages.
	UserJSON        string
	text, reasoning []string
}

// User is what the user asked: the first text behind what the assistant said last before it.
func (c *Conversation) User() string { return jsontext.Read(c.UserJSON).Str }

// Text is what the assistant's messages say, part by part.
func (c *Conversation) Text() string { return unquoted(c.text) }

// Reasoning is the reasoning of the assistant's messages, part by part.
func (c *Conversation) Reasoning() string { return unquoted(c.reasoning) }

// LastText is the last part of the text; "" where there is none.
func (c *Conversation) LastText() string { return unquoted(c.text[max(0, len(c.text)-1):]) }

// unquoted are JSON strings as lines of text.
func unquoted(list []string) string {
	if len(list) == 1 {
		return jsontext.Read(list[0]).Str
	}
	lines := make([]string, 0, len(list))
	for _, s := range list {
		lines = append(lines, jsontext.Read(s).Str)
	}
	return strings.Join(lines, "\n")
}

// Call is a tool call that a model asked for.
type Call struct {
	ID, Name  string
	Arguments []byte // JSON
}

// Result is what came back for a tool call.
type Result struct {
	ID     string
	Output []byte // JSON
}

// Answer is a decision on a request for approval, told as a part of a message or by
// what a framework put in the place of a result.
type Answer struct {
	ID, Name string // of the request, and of the tool
	CallID   string // of the tool call, where it is told
	Approved bool
	Reason   string
	// By and Source say who or what decided, where that is known.
	By, Source string
	Inferred   bool // from what was done after
	Unclear    bool // the words are no decision that is known
	// Refused is the tool call that was not run because of it, and leaves no record.
	Refused *Call
}

// Read reads messages in any of the shapes that libraries send: the
// OpenTelemetry conventions, OpenAI chat completions and responses, Anthropic,
// Bedrock Converse, Gemini, Vercel AI, LangChain. A message that names no role
// gets the one given. The JSON must be valid.
func Read(v gjson.Result, role string) *Conversation {
	// The one shape is seldom much longer than the others.
	w := &writer{c: &Conversation{}, out: make([]byte, 0, len(v.Raw)+len(v.Raw)/16+64)}
	w.list(v, role, 0)
	if w.said { // messages that say nothing are none: who sent them left out what they say
		w.out = append(w.out, ']')
		w.c.JSON = w.out
	}
	return w.c
}

// Said is the conversation of one message of text.
func Said(role, text string) *Conversation {
	w := &writer{c: &Conversation{}}
	w.open(role, "")
	w.text(jsontext.Quote(text))
	w.close("")
	if w.parts > 0 {
		w.c.JSON = append(w.out, ']')
	}
	return w.c
}

// Reply is the conversation of one message of the assistant: reasoning and text, each a
// JSON string, and calls.
func Reply(reasoning, text, calls gjson.Result) *Conversation {
	w := &writer{c: &Conversation{}}
	w.open("assistant", "")
	if reasoning.Exists() {
		w.reasoning(reasoning)
	}
	w.text(text)
	w.toolCalls(calls)
	w.close("")
	w.c.JSON = append(w.out, ']')
	return w.c
}

// SystemTexts are the texts of a system prompt: a text, or a list of parts or messages.
func SystemTexts(v gjson.Result) []string {
	if v.Type == gjson.String {
		return []string{v.Str}
	}
	w := &writer{c: &Conversation{}, role: "system"}
	if p := jsontext.Get(v, "0"); v.IsArray() && (jsontext.Get(p, "role").Exists() || jsontext.Get(p, "parts").Exists()) {
		w.list(v, "system", 0)
	} else {
		w.content(v)
	}
	return w.c.System
}

type writer struct {
	c     *Conversation
	out   []byte
	n     int  // messages so far
	parts int  // parts of the open message
	said  bool // a message has a part

	pieces   int    // how many parts the open message had after its last piece
	answered bool   // the assistant has spoken since the user did
	role     string // of the open message

	calls    map[string]int  // place in Conversation.Calls, by id
	confirms map[string]Call // what ADK asked about, by the id of its request
	arena    jsontext.Object // members of the objects that are being read
}

// members reads the members of an object once: a message is asked for many keys, and
// each would be looked for in the whole of it. They are good until release.
func (w *writer) members(v gjson.Result) jsontext.Object {
	from := len(w.arena)
	w.arena = jsontext.AppendMembers(w.arena, v)
	return w.arena[from:len(w.arena):len(w.arena)]
}

func (w *writer) release(o jsontext.Object) { w.arena = w.arena[:len(w.arena)-len(o)] }

// maxWrap bounds how deep containers around messages are opened.
const maxWrap = 32

func (w *writer) list(v gjson.Result, role string, depth int) {
	if depth > maxWrap {
		return
	}
	switch {
	case v.IsArray():
		if role, text, ok := pair(v); ok {
			w.open(role, "")
			w.text(text)
			w.close("")
			return
		}
		jsontext.Elements(v, func(m gjson.Result) {
			if m.IsArray() {
				w.list(m, role, depth+1)
			} else {
				w.message(m, role, depth)
			}
		})
	case v.IsObject():
		o := w.members(v)
		if !w.container(o, role, depth) {
			w.object(v, o, role, depth)
		}
		w.release(o)
	case v.Type == gjson.String && v.Raw != `""`:
		w.message(v, role, depth)
	}
}

// pair is a message told as a list of its role and its text, as LangGraph takes them.
func pair(v gjson.Result) (role string, text gjson.Result, ok bool) {
	n := 0
	jsontext.Elements(v, func(m gjson.Result) {
		if n++; n == 1 && m.Type == gjson.String {
			switch m.Str {
			case "user", "human":
				role = "user"
			case "assistant", "ai":
				role = "assistant"
			case "system", "developer":
				role = m.Str
			}
		} else if n == 2 && m.Type == gjson.String {
			text = m
		}
	})
	return role, text, n == 2 && role != "" && text.Exists()
}

// container opens an object that holds messages rather than being one.
func (w *writer) container(o jsontext.Object, role string, depth int) bool {
	if o.Has("role") {
		return false
	}
	if inner, ok := typed(o); ok {
		w.list(inner, role, depth+1)
		return true
	}
	found := false
	if s := o.First("system", "systemInstruction", "system_instruction", "systemPrompt", "system_prompt", "config.systemInstruction", "config.system_instruction", "instructions"); s.Exists() {
		w.system(s, depth)
		found = true
	}
	keys := containers
	if o.Has("type") {
		keys = typedContainers
	}
	for _, key := range keys {
		m := jsontext.Unread(o.Raw(key))
		if m.IsArray() || m.IsObject() && holdsAny(key) || m.Type == gjson.String && holdsAny(key) && key != "object" {
			w.list(m, role, depth+1)
			return true // the others say how to answer, or repeat it
		}
	}
	return found
}

// system writes what stands under a key for instructions, whatever role it names.
func (w *writer) system(v gjson.Result, depth int) {
	if !v.IsObject() {
		w.list(v, "system", depth+1)
		return
	}
	w.open("system", "")
	w.content(jsontext.First(v, bodies...))
	w.close("")
}

// Keys under which objects hold messages. Of an object that names its type only those count
// that hold nothing else: an item of OpenAI's Responses has an output, too.
var (
	containers = []string{
		"messages", "contents", "input", "choices", "generations", "candidates", "output", "replies", "items", "chat_history", "inputs", "outputs", "object",
	}
	typedContainers = []string{"messages", "choices", "generations", "candidates", "replies"}
)

// holdsAny reports whether what a key holds is messages also where it is no list.
func holdsAny(key string) bool {
	switch key {
	case "input", "output", "inputs", "outputs", "object":
		return true
	}
	return false
}

// typed is the value of an object that is only a type and a value, as LangWatch wraps all it
// sends.
func typed(o jsontext.Object) (gjson.Result, bool) {
	if len(o) != 2 || jsontext.Read(o.Raw("type")).Str == "" {
		return gjson.Result{}, false
	}
	v := jsontext.Unread(o.Raw("value"))
	return v, v.Exists()
}

// Typed is what a value holds that is only a type and a value; else itself.
func Typed(v gjson.Result) gjson.Result {
	for range maxWrap {
		if !v.IsObject() {
			return v
		}
		inner, ok := typed(jsontext.AppendMembers(nil, v))
		if !ok {
			return v
		}
		v = jsontext.OpenString(jsontext.Read(inner.Raw))
	}
	return v
}

// message writes one message; one that only wraps another is opened.
func (w *writer) message(m gjson.Result, role string, depth int) {
	if m.Type == gjson.String {
		w.open(role, "")
		w.text(m)
		w.close("")
		return
	}
	if !m.IsObject() {
		return
	}
	o := w.members(m)
	if depth > maxWrap || !holdsMessages(o) || !w.container(o, role, depth+1) {
		w.object(m, o, role, depth)
	}
	w.release(o)
}

// holdsMessages reports whether an object in a list of messages holds some rather than being
// one.
func holdsMessages(o jsontext.Object) bool {
	if o.Has("role") {
		return false
	}
	if _, ok := typed(o); ok {
		return true
	}
	return jsontext.Read(o.FirstRaw(typedContainers...)).IsArray()
}

// object writes the message that an object is, whose members are o.
func (w *writer) object(m gjson.Result, o jsontext.Object, role string, depth int) {
	finish := o.First("finish_reason", "finishReason", "generationInfo.finish_reason").Str
	if w.wrapped(o, finish, role, depth) || w.item(m, o, finish) {
		return
	}
	body := jsontext.Unread(o.FirstRaw(bodies...))
	if !body.Exists() && !known(o) {
		w.unknown(m, o, role)
		return
	}
	r := roleOf(o, role)
	callID := o.First("tool_call_id", "toolCallId", "additional_kwargs.tool_call_id").Str
	if callID == "" && r == "tool" {
		callID = o.Get("id").Str
	}
	w.open(r, o.Get("name").Str)
	if callID != "" && body.Exists() {
		w.result(callID, jsontext.Read(body.Raw))
	} else {
		w.content(body)
	}
	if s := jsontext.Unread(o.FirstRaw("reasoning_content", "reasoning")); s.Type == gjson.String {
		w.reasoning(s)
	}
	w.toolCalls(o.First("tool_calls", "toolCalls", "additional_kwargs.tool_calls"))
	if fc := o.Get("function_call"); jsontext.Get(fc, "name").Exists() {
		w.call("", jsontext.Get(fc, "name").Str, jsontext.Get(fc, "arguments"))
	}
	if s := jsontext.Unread(o.Raw("refusal")); s.Type == gjson.String {
		w.text(s)
	}
	w.close(finish)
}

// bodies are the keys under which messages keep what they say.
var bodies = []string{"parts", "content", "contents", "text", "message", "blocks"}

// known reports whether an object that says nothing is a message all the same.
func known(o jsontext.Object) bool {
	for _, key := range []string{"role", "tool_calls", "toolCalls", "function_call", "reasoning_content", "reasoning", "refusal", "finish_reason", "finishReason", "event.name"} {
		if o.Has(key) {
			return true
		}
	}
	return false
}

// unknown writes the message of an object in a shape of the application's own: its one text
// where its key says that it is one, else the object as it is.
func (w *writer) unknown(m gjson.Result, o jsontext.Object, role string) {
	if len(o) == 0 || MaybeSystem(m.Raw) { // what may be a system text stays where it is taken out
		return
	}
	w.open(role, "")
	if text := OneText(m, role); text.Exists() {
		w.text(text)
	} else {
		w.comma()
		w.out = append(w.out, m.Raw...)
	}
	w.close("")
}

// What applications call what was asked, and what was answered.
var (
	asked = []string{
		"user_message", "user_msg", "user_input", "user_prompt", "query", "question", "prompt", "message", "text", "input", "inputs", "task", "request", "content",
	}
	answered = []string{"answer", "final_output", "final_answer", "output", "outputs", "response", "result", "reply", "completion", "text", "message", "content"}
)

// OneText is the text of an object of an application's own that says by a key that it is what
// was asked, or, of the assistant, what was answered. It does not exist where there is none.
func OneText(v gjson.Result, role string) gjson.Result {
	if !v.IsObject() {
		return gjson.Result{}
	}
	keys := asked
	if role == "assistant" {
		keys = answered
	}
	for _, key := range keys {
		if s := jsontext.Get(v, key); s.Type == gjson.String && s.Str != "" {
			return s
		}
	}
	args, named := jsontext.Get(v, "args"), jsontext.Get(v, "kwargs") // of a function of Python's
	if list := args.Array(); args.IsArray() && len(list) == 1 && list[0].Type == gjson.String && len(named.Map()) == 0 {
		return list[0]
	}
	if named.IsObject() && len(args.Array()) == 0 {
		return OneText(named, role)
	}
	return gjson.Result{}
}

// wrapped writes the message that an object only wraps; it reports false where it wraps none.
func (w *writer) wrapped(o jsontext.Object, finish, role string, depth int) bool {
	if inner := jsontext.Unread(o.Raw("message")); inner.IsObject() && depth <= maxWrap { // a choice, a candidate, a generation
		if !jsontext.Get(inner, "tool_calls").Exists() && o.Has("tool_calls") {
			w.open(roleOf(jsontext.AppendMembers(nil, inner), role), "")
			w.content(jsontext.First(inner, "parts", "content"))
			w.toolCalls(o.Get("tool_calls"))
			w.close(finish)
			return true
		}
		n := len(w.c.Finish)
		w.message(inner, role, depth+1)
		if finish != "" && len(w.c.Finish) == n {
			w.c.Finish = append(w.c.Finish, finish)
		}
		return true
	}
	if inner := jsontext.Unread(o.Raw("content")); inner.IsObject() && jsontext.Get(inner, "parts").Exists() && depth <= maxWrap { // Gemini's candidate
		n := len(w.c.Finish)
		w.message(inner, role, depth+1)
		if finish != "" && len(w.c.Finish) == n {
			w.c.Finish = append(w.c.Finish, finish)
		}
		return true
	}
	if lc := o.Get("kwargs"); lc.IsObject() && o.Has("lc") { // LangChain's serialisation
		w.langChain(o.Get("id"), lc)
		return true
	}
	return false
}

// item writes an item of OpenAI's Responses, which is a part and not a message; it reports
// false where the object is none.
func (w *writer) item(m gjson.Result, o jsontext.Object, finish string) bool {
	if o.Has("role") {
		return false
	}
	r := "assistant"
	switch o.Get("type").Str {
	case "function_call", "mcp_call", "reasoning", "mcp_approval_request", "function_approval_request":
	case "function_call_output":
		r = "tool"
	case "mcp_approval_response":
		r = "user"
	default:
		return false
	}
	w.open(r, "")
	w.part(m)
	w.close(finish)
	return true
}

func (w *writer) langChain(id, lc gjson.Result) {
	role := "user"
	switch last := jsontext.LastOf(id).Str; {
	case strings.HasPrefix(last, "AIMessage"):
		role = "assistant"
	case strings.HasPrefix(last, "SystemMessage"):
		role = "system"
	case strings.HasPrefix(last, "ToolMessage"):
		role = "tool"
	}
	w.open(role, "")
	if call := jsontext.Get(lc, "tool_call_id").Str; call != "" {
		w.result(call, jsontext.Get(lc, "content"))
	} else {
		w.content(jsontext.Get(lc, "content"))
	}
	calls := jsontext.Get(lc, "tool_calls")
	if !calls.Exists() || len(calls.Array()) == 0 {
		calls = jsontext.Get(lc, "additional_kwargs.tool_calls")
	}
	w.toolCalls(calls)
	w.close(jsontext.Get(lc, "response_metadata.finish_reason").Str)
}

func roleOf(o jsontext.Object, fallback string) string {
	r := o.Get("role").Str
	if r == "" {
		r = cmp.Or(MessageRole(o.Get("event.name").Str), o.Get("type").Str)
	}
	switch strings.ToLower(r) {
	case "human":
		return "user"
	case "ai", "model":
		return "assistant"
	case "system", "developer", "user", "assistant", "tool":
		return strings.ToLower(r)
	case "function", "toolresult":
		return "tool"
	case "", "message":
		return fallback
	}
	if o.Has("role") {
		return r
	}
	return fallback
}

func (w *writer) open(role, name string) {
	if w.n == 0 {
		w.out = append(w.out, '[')
	} else {
		w.out = append(w.out, ',')
	}
	w.n++
	w.parts, w.pieces = 0, 0
	w.role = role
	w.out = jsontext.AppendString(append(w.out, `{"role":`...), role)
	if name != "" {
		w.out = jsontext.AppendString(append(w.out, `,"name":`...), name)
	}
	w.out = append(w.out, `,"parts":[`...)
}

func (w *writer) close(finish string) {
	w.out = append(w.out, ']')
	if finish != "" {
		w.out = jsontext.AppendString(append(w.out, `,"finish_reason":`...), finish)
		w.c.Finish = append(w.c.Finish, finish)
	}
	w.out = append(w.out, '}')
}

func (w *writer) comma() {
	if w.parts > 0 {
		w.out = append(w.out, ',')
	}
	w.parts++
	w.said = true
}

// MessageRole is the role that an event of up to 1.36 stands for, "" for others.
func MessageRole(name string) string {
	switch name {
	case "gen_ai.system.message":
		return "system"
	case "gen_ai.user.message":
		return "user"
	case "gen_ai.assistant.message", "gen_ai.choice":
		return "assistant"
	case "gen_ai.tool.message":
		return "tool"
	}
	return ""
}

// Asked is a request for a decision on a tool call.
type Asked struct {
	Call
	Reason string
}
