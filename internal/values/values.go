// Package values follows a value through a session: where it came in, and every call that it
// went out in.
package values

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/search"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Source is who brought a value in, or where it went.
type Source string

// The sources, and the places that a value goes out to.
const (
	User      Source = "user"      // what the user said
	System    Source = "system"    // the system prompt
	Tool      Source = "tool"      // what a tool gave
	Retrieval Source = "retrieval" // what was found in documents
	Model     Source = "model"     // what the model said: no record tells that it had it from elsewhere

	Call   Source = "call"   // the parameters of a tool
	Query  Source = "query"  // what was looked for in documents
	Answer Source = "answer" // what the user was answered
)

// Text is a text of an event that came in or went out.
type Text struct {
	Source Source
	Event  *trail.Event
	Place  int    // of the event in the order of the session
	Field  string // of the event that holds it
	Path   string // in the value of the field, "" for all of it
	Text   string
}

// Flow is what came in and what went out in a session, in its order.
type Flow struct {
	In, Out []Text
	// Unknown are fields of events that were not captured, or not whole: what they held is in
	// neither list.
	Unknown []Gap
}

// Gap is a field of an event of which it is not known what it held.
type Gap struct {
	Event *trail.Event
	Place int
	Field string
	In    bool // else out
}

// Of is what came in and went out in a session. prompts are the texts of system prompts by their
// hashes, as far as they are known.
func Of(t *trail.Trail, prompts map[string]string) *Flow {
	f := &flow{prompts: prompts, told: map[string]bool{}}
	for i, e := range t.Events {
		f.at, f.event = i, e
		f.take(trail.Complete(e))
	}
	return &f.Flow
}

type flow struct {
	Flow
	prompts map[string]string
	told    map[string]bool // messages that were seen, by role
	event   *trail.Event
	at      int
}

func (f *flow) in(s Source, field string, raw []byte) {
	search.LeavesOf(raw, func(path, text string) bool {
		f.In = append(f.In, Text{s, f.event, f.at, field, path, text})
		return true
	})
}

func (f *flow) inText(s Source, field, text string) {
	if text != "" {
		f.In = append(f.In, Text{s, f.event, f.at, field, "", text})
	}
}

func (f *flow) out(s Source, field string, raw []byte) {
	search.LeavesOf(raw, func(path, text string) bool {
		f.Out = append(f.Out, Text{s, f.event, f.at, field, path, text})
		return true
	})
}

func (f *flow) outText(s Source, field, text string) {
	if text != "" {
		f.Out = append(f.Out, Text{s, f.event, f.at, field, "", text})
	}
}

// gap notes a field that the event should have, and has not, or has not whole.
func (f *flow) gap(e *semconv.Event, field string, in bool) {
	if !e.Has(field) || Cut(e, field) {
		f.Unknown = append(f.Unknown, Gap{f.event, f.at, field, in})
	}
}

// Cut reports whether of a field only the beginning is in the line, or a part of it was masked.
func Cut(e *semconv.Event, field string) bool {
	cut := slices.Contains(e.MaskedFields, field) || e.ContentState == semconv.ContentTruncatedAtSource
	search.LeavesOf(e.Oversize, func(path, _ string) bool {
		cut = cut || len(path) > len(field) && path[:len(field)+1] == field+"."
		return !cut
	})
	return cut
}

// roles of messages that bring something in; what an assistant said came of the model.
var roles = map[string]Source{"user": User, "human": User, "tool": Tool, "function": Tool, "system": System, "developer": System}

func (f *flow) take(e *semconv.Event) {
	f.inText(User, "user_message", e.UserMessage)
	switch e.EventType {
	case semconv.TypeLLMCall, semconv.TypeMessage:
		if text := f.prompts[e.SystemPromptHash]; text != "" && !f.told["system:"+e.SystemPromptHash] {
			f.told["system:"+e.SystemPromptHash] = true
			f.inText(System, "system_prompt_hash", text)
		}
		f.messages(e)
		f.inText(Model, "output_text", e.OutputText)
		f.inText(Model, "reasoning", e.Reasoning)
		f.in(Model, "tool_calls_requested", e.ToolCallsRequested)
		if e.EventType == semconv.TypeLLMCall && len(trail.Given(f.event)) == 0 {
			f.gap(e, "input_messages", true)
		}
	case semconv.TypeToolCall, semconv.TypeToolResult:
		f.out(Call, "tool_input", e.ToolInput)
		f.in(Tool, "tool_output", e.ToolOutput)
		f.gap(e, "tool_input", false)
		if e.Outcome != semconv.OutcomeDenied {
			f.gap(e, "tool_output", true)
		}
	case semconv.TypeRetrieval:
		f.outText(Query, "query", e.Query)
		f.in(Retrieval, "documents", e.Documents)
		f.gap(e, "query", false)
		f.gap(e, "documents", true)
	case semconv.TypeSessionEnd, semconv.TypeFinalOutput:
		f.outText(Answer, "final_output", e.FinalOutput)
	}
}

// messages takes in what a model was given, each message once in a session.
func (f *flow) messages(e *semconv.Event) {
	list := []*semconv.Event{e}
	for _, o := range append(slices.Clone(f.event.Layers), f.event.Messages...) {
		list = append(list, o.Event)
	}
	for _, e := range list {
		gjson.ParseBytes(e.InputMessages).ForEach(func(_, m gjson.Result) bool {
			role := m.Get("role").Str
			if f.told[role+":"+m.Raw] {
				return true
			}
			f.told[role+":"+m.Raw] = true
			m.Get("parts").ForEach(func(_, part gjson.Result) bool {
				f.part(role, part)
				return true
			})
			return true
		})
	}
}

// part takes in a part of a message. What a tool answered is a tool's whoever says it: some
// vendors have it in messages of the user.
func (f *flow) part(role string, part gjson.Result) {
	source, ok := roles[role]
	switch kind := part.Get("type").Str; {
	case kind == "tool_call_response":
		source = Tool
	case kind == "tool_call", !ok:
		return
	}
	search.LeavesOf([]byte(part.Raw), func(path, text string) bool {
		if path != "type" && path != "id" && path != "name" {
			f.In = append(f.In, Text{source, f.event, f.at, "input_messages", path, text})
		}
		return true
	})
}

// Trace is where a value came in and went out.
type Trace struct {
	First *Text  // where it first came in, nil for nowhere
	In    []Text // every text that brought it in
	Out   []Text // every call and answer that it went out in
}

// Trace looks for a value in what came in and went out: it stands in a text, not within a longer
// word.
func (f *Flow) Trace(value string) *Trace {
	t := &Trace{}
	for _, x := range f.In {
		if search.Says(x.Text, value) {
			t.In = append(t.In, x)
		}
	}
	for _, x := range f.Out {
		if search.Says(x.Text, value) {
			t.Out = append(t.Out, x)
		}
	}
	for i := range t.In {
		if t.First == nil || t.In[i].Place < t.First.Place {
			t.First = &t.In[i]
		}
	}
	return t
}

// Before reports whether a text that came in was there before another went out: its event comes
// before in the order of the session, and had not ended only after the other began.
func Before(in, out *Text) bool {
	if in.Place >= out.Place {
		return false
	}
	end := in.Event.EndTimestamp
	return in.Source != Tool && in.Source != Retrieval || end.IsZero() || out.Event.Timestamp.IsZero() ||
		!end.After(out.Event.Timestamp)
}
