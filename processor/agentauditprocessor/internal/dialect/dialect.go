// Package dialect reads GenAI telemetry: one file for each dialect, which holds
// the rule that recognises it, a table from source attributes to audit fields, and
// the few functions for what a table cannot say. A new dialect is a new file and a
// line in the list of this one.
package dialect

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Kind is what a record tells of.
type Kind uint8

// The kinds of records.
const (
	Other        Kind = iota // GenAI telemetry that tells of nothing that has a type: becomes a Step
	Agent                    // the frame of an agent run
	Chain                    // a step of a framework; the frame of a run where it is a root
	LLM                      // a model call
	Message                  // a message of a model call
	Tool                     // a tool was run
	Retrieval                // something was read
	Guardrail                // a check ran
	Approval                 // a decision on an action
	Intervention             // someone took over
	Failure                  // something failed
	Handoff                  // an agent gave the run to another
	Start                    // a session or run began
	Part                     // completes the event of another span, and is none itself
	Copy                     // repeats what another record tells in full
	Step                     // a step that none of the others is
)

var typeOf = [...]semconv.EventType{
	Agent: semconv.TypeSessionStart, Chain: semconv.TypeSessionStart, LLM: semconv.TypeLLMCall, Message: semconv.TypeMessage,
	Tool: semconv.TypeToolCall, Retrieval: semconv.TypeRetrieval, Guardrail: semconv.TypeGuardrail, Approval: semconv.TypeApproval,
	Intervention: semconv.TypeIntervention, Handoff: semconv.TypeHandoff, Failure: semconv.TypeError, Start: semconv.TypeSessionStart, Part: semconv.TypeToolCall, Copy: "", Step: semconv.TypeStep,
}

// Dialect is one vocabulary of GenAI telemetry.
type Dialect struct {
	Name  string // in source.dialect
	Title string // in the documentation
	// Match recognises a record of this dialect.
	Match func(*record.Record) bool
	// Kind says what a matching record tells of.
	Kind func(*record.Record) Kind
	// Fields says where the dialect keeps each field, before the OpenTelemetry rules
	// that hold for every dialect.
	Fields []Source
	// Finish, if any, completes a draft with what a table cannot say.
	Finish func(*record.Record, *Draft)
	// Tells, if any, reports by its name whether an event of a span tells of something
	// itself: it is then mapped like a log record of that name.
	Tells func(event string) bool
	// Ignore lists keys, and names of span events, a final * standing for any rest, that
	// only repeat what the fields say or that must not be stored, such as headers.
	Ignore []record.Ignored
	// Joined says that gen_ai.prompt is the texts of all messages, in which nothing parts the
	// system prompt from what others said.
	Joined bool
	// Settings names, by field, what makes the library send what it leaves out.
	Settings map[string]string
}

// Setting is what makes the library of a dialect send a field, or "".
func Setting(name, field string) string {
	for _, d := range dialects {
		if d.Name == name {
			return d.Settings[field]
		}
	}
	return ""
}

// Source is one row of a dialect's table: the keys that hold a field, in order of
// preference.
type Source struct {
	Field string // of the schema, or one of the pseudo-fields below
	Keys  []string
	As    Decoder // nil: by the field's kind

	// Made of the others once: see prepare.
	marks uint64         // keyMark of every key
	field *semconv.Field // nil for a pseudo-field
	frame bool           // what a frame takes beside the fields of its start and end
}

func init() {
	prepare(identity)
	prepare(unindexed)
	for _, d := range dialects {
		prepare(d.Fields)
	}
}

// prepare makes of each row what it is asked for with every record.
func prepare(table []Source) {
	for i := range table {
		s := &table[i]
		s.field, s.frame = semconv.FieldNamed(s.Field), frameFields[s.Field]
		for _, k := range s.Keys {
			s.marks |= record.KeyMark(k)
		}
	}
}

// Pseudo-fields of a table: what is not a field of the schema but leads to some.
const (
	SystemPrompt = "system_prompt" // the text that system_prompt_hash is of
	Ignored      = ""              // read and dropped
)

// Decoder sets fields of a draft from an attribute; it reports whether it could.
type Decoder func(*Draft, pcommon.Value) bool

// dialects in the order in which they are tried; the first that matches is it.
var dialects = []*Dialect{
	application, claudeCode, codex, geminiCLI, copilot, googleADK,
	springAI, quarkus, mcpGo, voltAgent, logfire, mirascope,
	langfuse, mastra, laminar, langWatch, agentOps, haystack, llamaIndex, ag2, autoGen, beeAI,
	openInference, openLLMetry, vercel, pydanticAI, strands, microsoft,
	langsmith, crewAI, genkit, flue, liveKit, mlflow, openRouter, shaped, otelGenAI, untabled,
}

// All lists the dialects.
func All() []*Dialect { return append([]*Dialect(nil), dialects...) }

// Detect finds the dialect of a record; nil where it is no GenAI telemetry.
func Detect(r *record.Record) *Dialect {
	for _, d := range dialects {
		if d.Match(r) {
			return d
		}
	}
	return nil
}

// Map drafts the audit event of a record of this dialect.
func (d *Dialect) Map(r *record.Record) *Draft { return d.into(r, &Draft{}) }

func (d *Dialect) into(r *record.Record, e *Draft) *Draft {
	e.Dialect, e.Record, e.Kind = d, r, d.Kind(r)
	e.EventType = typeOf[e.Kind]
	e.Timestamp, e.SentTimestamp = r.Start, r.SentTime
	if !r.Log && r.End.After(r.Start) {
		e.EndTimestamp = r.End
	}
	if e.Kind == Other {
		e.Kind = Step // no event of its own, and none that it completes: it is one, with all it holds as content
	}
	if e.EventType = typeOf[e.Kind]; e.Kind == Step || e.Kind == Copy {
		// Still read whose run it is, and its prompt: a root that maps to nothing may hold
		// the session, and the creation of an agent its prompt.
		e.apply(identity)
		e.whose()
		for _, table := range [][]Source{d.Fields, otelGenAI.Fields} {
			for i := range table {
				if table[i].Field == SystemPrompt {
					e.apply(table[i : i+1])
				}
			}
		}
		if d == untabled {
			e.readByWords(false)
		}
		e.settleAgent()
		e.shortenIDs()
		return e
	}
	e.apply(identity)
	e.apply(d.Fields)
	if d != otelGenAI {
		e.apply(otelGenAI.Fields)
	}
	if !d.Joined {
		e.apply(unindexed)
	}
	e.whose()
	e.failure()
	if d.Finish != nil {
		d.Finish(r, e)
	}
	if d == otelGenAI {
		e.readByWords(false)
	}
	e.settleAgent()
	e.complete()
	e.override()
	e.shortenIDs()
	return e
}

// beside drafts something else that the record tells of, which is known by its key.
func (e *Draft) beside(kind Kind, key string) *Draft {
	r := e.Record
	t := &Draft{Dialect: e.Dialect, Record: r.Within(), Kind: kind}
	t.EventType, t.Timestamp = typeOf[kind], r.Start
	t.EventID = semconv.SpanEventID(r.TraceID, r.SpanID, key)
	t.SessionID, t.UserID, t.AgentID, t.AgentName, t.AgentVersion = e.SessionID, e.UserID, e.AgentID, e.AgentName, e.AgentVersion
	e.Beside = append(e.Beside, t)
	return t
}

// Told drafts what the events of a span tell of themselves, and what else it tells of.
func (e *Draft) Told() []*Draft {
	told := e.Beside
	r := e.Record
	for i, ev := range r.Events.All() {
		if name := ev.Name(); name != evaluation && (e.Dialect.Tells == nil || !e.Dialect.Tells(name)) {
			continue
		}
		t := r.SpanEvent(ev)
		if d := Detect(t); d != nil {
			r.TellEvent(i)
			told = append(told, d.Map(t))
		}
	}
	return told
}

// apply fills the fields that are still empty from a table.
func (e *Draft) apply(table []Source) {
	for i := range table {
		s := &table[i]
		if !e.Record.MayHave(s.marks) { // most are not there
			continue
		}
		if s.Field == Ignored {
			e.Record.Use(s.Keys...)
			continue
		}
		if !e.Record.HasAny(s.Keys) || !s.wanted(e) {
			continue
		}
		e.read(s, s.Keys...)
	}
}

// read fills the field of a row from the first of the keys that holds something.
func (e *Draft) read(s *Source, keys ...string) {
	v, ok := e.Record.Take(keys...)
	if !ok {
		if s.Field == "tool_output" { // a tool that gave nothing, which is not one whose result is missing
			e.ToolOutput = []byte(`""`)
		}
		return
	}
	if v.Type() == pcommon.ValueTypeStr && chat.Withheld(v.Str()) {
		e.hidden = true
		return
	}
	if s.As != nil && !s.As(e, v) || s.As == nil && !s.field.Set(&e.Event, v) {
		e.Record.Keep(keys...)
	} else if e.took != nil {
		e.took[s.name()] = e.Record.First(keys...)
	}
}

// name is the field of the schema that a row fills.
func (s *Source) name() string {
	if s.Field == SystemPrompt {
		return "system_prompt_hash"
	}
	return s.Field
}

// frameFields are what a frame takes beside the fields of its start and end; its
// token counts repeat those of its calls and stay content.
var frameFields = map[string]bool{"input_messages": true, "output_messages": true, SystemPrompt: true, "final_output": true, "error": true, "error_type": true, "outcome": true}

// wanted reports whether the field of a row belongs to the kind of event and is still
// empty.
func (s *Source) wanted(e *Draft) bool {
	switch {
	case s.Field == SystemPrompt:
		return e.Prompt == ""
	case s.field == nil:
		return false
	}
	return (s.frame && e.EventType == semconv.TypeSessionStart || s.field.Types == nil || slices.Contains(s.field.Types, e.EventType)) && !s.field.Has(&e.Event)
}
