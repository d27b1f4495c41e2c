// Package resolve says of the events of a run what each of them shows to a reader. Facts of a
// run (session, user, agent) often stand on its root span alone, which comes last, when the
// events below it are sealed already. What a line says itself is never replaced; what it says
// as derived, or not at all, is taken from what other events of the run, of the same sender,
// say of themselves, where they agree. What is taken, and from where, is said.
//
// Every reader uses Events: the trail, the export, a proof, OCSF. A line is never changed.
package resolve

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Field is a field of an event that others give.
type Field struct {
	Name, Value string
	From        []string // the ids of the events that say so of themselves
}

// Conflict is a field that others give in several ways, so that nothing is taken.
type Conflict struct {
	Name   string
	Values []string // in the order in which they were told
}

// Resolution is what a reader shows of an event beside its line.
type Resolution struct {
	Fields    []Field
	Conflicts []Conflict
}

// Get is the value of a field that others give, "" where none do.
func (r *Resolution) Get(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Apply is the event with what others give in place, and the names of those fields.
func (r *Resolution) Apply(e *semconv.Event) (resolved *semconv.Event, fields []string) {
	c := *e
	for _, f := range r.Fields {
		*facts[f.Name].of(&c) = f.Value
		fields = append(fields, f.Name)
	}
	return &c, fields
}

// fact is a field that an event may have from others.
type fact struct {
	of func(*semconv.Event) *string
	// agent is set for what describes an agent: it holds for the events of that agent only,
	// since agents call agents. Others hold for a run.
	agent bool
	// abroad is set where what another service says counts for the events below its own.
	abroad bool
	// types are the event types that take it; nil is all.
	types []semconv.EventType
}

var names = []string{"session_id", "user_id", "agent_id", "agent_name", "agent_version", "system_prompt_hash"}

var facts = map[string]fact{
	"session_id":         {of: func(e *semconv.Event) *string { return &e.SessionID }, abroad: true},
	"user_id":            {of: func(e *semconv.Event) *string { return &e.UserID }, abroad: true},
	"agent_id":           {of: func(e *semconv.Event) *string { return &e.AgentID }},
	"agent_name":         {of: func(e *semconv.Event) *string { return &e.AgentName }, agent: true},
	"agent_version":      {of: func(e *semconv.Event) *string { return &e.AgentVersion }, agent: true},
	"system_prompt_hash": {of: func(e *semconv.Event) *string { return &e.SystemPromptHash }, agent: true, types: []semconv.EventType{semconv.TypeLLMCall}},
}

// scope is whose events share a fact.
type scope struct{ sender, run, service, agent string }

// told is what the events of a scope say of themselves.
type told struct {
	values []string
	from   map[string][]string // the events, by value
}

func (t *told) add(value, event string) {
	if t.from == nil {
		t.from = map[string][]string{}
	}
	if _, known := t.from[value]; !known {
		t.values = append(t.values, value)
	}
	t.from[value] = append(t.from[value], event)
}

// maxClimb bounds how many spans are climbed through.
const maxClimb = 256

// resolver resolves one field after the other: what describes an agent needs to know which.
type resolver struct {
	events   []*semconv.Event
	services []string
	out      []Resolution
	bySpan   map[spanKey][]int
}

type spanKey struct{ sender, run, span string }

// Events resolves events, mostly those of a session or of a run, as the reader has them. The
// answer has an element for each, in their order. The order of the events does not matter but
// for that of values in conflicts.
func Events(events []*semconv.Event) []Resolution {
	r := &resolver{events: events, out: make([]Resolution, len(events)), services: make([]string, len(events)), bySpan: map[spanKey][]int{}}
	for i, e := range events {
		r.services[i] = Service(e)
		if e.SpanID != "" && e.RunID != "" {
			k := spanKey{string(e.Sender), e.RunID, e.SpanID}
			r.bySpan[k] = append(r.bySpan[k], i)
		}
	}
	for _, name := range names {
		r.resolve(name, facts[name])
	}
	return r.out
}

// says is what an event says of itself, "" where it says it as derived, or not.
func says(e *semconv.Event, name string, f fact) string {
	if slices.Contains(e.DerivedFields, name) {
		return ""
	}
	return *f.of(e)
}

// scopeOf is the scope of a fact of an event; ok is false where the event shares it with none.
func (r *resolver) scopeOf(i int, f fact) (s scope, ok bool) {
	e := r.events[i]
	if e.RunID == "" {
		return s, false
	}
	s = scope{sender: string(e.Sender), run: e.RunID, service: r.services[i]}
	if f.agent {
		if s.agent = r.out[i].Get("agent_id"); s.agent == "" {
			s.agent = e.AgentID
		}
		return s, s.agent != ""
	}
	return s, true
}

func (r *resolver) resolve(name string, f fact) {
	known := map[scope]*told{}
	for i, e := range r.events {
		s, ok := r.scopeOf(i, f)
		if v := says(e, name, f); ok && v != "" {
			if known[s] == nil {
				known[s] = &told{}
			}
			known[s].add(v, e.EventID)
		}
	}
	for i, e := range r.events {
		s, ok := r.scopeOf(i, f)
		if !ok || says(e, name, f) != "" || f.types != nil && !slices.Contains(f.types, e.EventType) {
			continue
		}
		if v, from := r.above(i, name, f); v != "" {
			r.take(i, name, f, v, []string{from})
			continue
		}
		switch t := known[s]; {
		case t == nil:
		case len(t.values) > 1:
			r.out[i].Conflicts = append(r.out[i].Conflicts, Conflict{name, t.values})
		default:
			r.take(i, name, f, t.values[0], t.from[t.values[0]])
		}
	}
}

func (r *resolver) take(i int, name string, f fact, value string, from []string) {
	if *f.of(r.events[i]) != value {
		r.out[i].Fields = append(r.out[i].Fields, Field{name, value, from})
	}
}

// above is what the nearest event above says of itself: of the span itself or of one that it
// is below, of the same sender.
func (r *resolver) above(i int, name string, f fact) (value, from string) {
	if f.agent {
		return "", ""
	}
	e := r.events[i]
	span, parent := e.SpanID, e.ParentSpanID
	for range maxClimb {
		for _, j := range r.bySpan[spanKey{string(e.Sender), e.RunID, span}] {
			up := r.events[j]
			if r.services[j] != r.services[i] && (!f.abroad || span == e.SpanID) {
				continue
			}
			if v := says(up, name, f); j != i && v != "" {
				return v, up.EventID
			}
			if parent == "" && up.ParentSpanID != "" {
				parent = up.ParentSpanID
			}
		}
		if span, parent = parent, ""; span == "" {
			return "", ""
		}
	}
	return "", ""
}
