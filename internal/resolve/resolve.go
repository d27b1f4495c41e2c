// Package resolve says of the events of a run what each of them shows to a reader. Facts of a
// run (session, user, agent) often stand on its root span alone, which comes last, when the
// events below it are sealed already. What a line says itself is never replaced; what it says
// as derived, or not at all, is taken from what other events of the run, of the same sender,
// say of themselves, where they agree. What is taken, and from where, is said.
//
// Every reader uses Events: the trail, the export, a proof, OCSF. A line is never changed.
package resolve

import (
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Field is a field of an event that others give.
type Field struct {
	Name, Value string
	From        []string // the ids of events that say so of themselves, maxFrom at the most
}

// maxFrom bounds how many events are named for one value: a run has many that say the same.
const maxFrom = 8

// Conflict is a field that others give in several ways, so that nothing is taken.
type Conflict struct {
	Name   string
	Values []string // in the order in which they were told
}

// Resolution is what a reader shows of an event beside its line.
type Resolution struct {
	Fields    []Field // which the line has not, or has otherwise, as derived
	Conflicts []Conflict
	// Session is the session as others give it, also where the line says the same as derived;
	// nil where the event says it itself, or nobody does.
	Session *Field
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
	// call is set for what only model calls say for their run; a model call has it from none
	// that is not one.
	call bool
}

var names = [...]string{"session_id", "user_id", "agent_id", "agent_name", "agent_version", "model_id", "system_prompt_hash"}

// Places in names.
const (
	sessionFact = 0
	agentFact   = 2
	nameFact    = 3
)

var facts = map[string]fact{
	"session_id":         {of: func(e *semconv.Event) *string { return &e.SessionID }, abroad: true},
	"user_id":            {of: func(e *semconv.Event) *string { return &e.UserID }, abroad: true},
	"agent_id":           {of: func(e *semconv.Event) *string { return &e.AgentID }},
	"agent_name":         {of: func(e *semconv.Event) *string { return &e.AgentName }, agent: true},
	"agent_version":      {of: func(e *semconv.Event) *string { return &e.AgentVersion }, agent: true},
	"model_id":           {of: func(e *semconv.Event) *string { return &e.ModelID }, call: true},
	"system_prompt_hash": {of: func(e *semconv.Event) *string { return &e.SystemPromptHash }, agent: true},
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
	from, known := t.from[value]
	if !known {
		t.values = append(t.values, value)
	}
	if len(from) < maxFrom {
		t.from[value] = append(from, event)
	}
}

// maxClimb bounds how many spans are climbed through.
const maxClimb = 256

// resolver resolves one field after the other: what describes an agent needs to know which.
type resolver struct {
	events []Outline
	out    []Resolution
	// spans are the events of each span that gave some; span and parent are the places in it of
	// the span of an event, and of the one above that, -1 where none gave an event.
	spans        [][]int
	span, parent []int32
	served       map[served][]int // the events of each span, by service
	service      []int32          // the number of that of an event
	// frames are the agents of agent runs that do not say them, by the scope of the run.
	frames map[scope]*frames

	// What was found for the field that is resolved.
	seen map[vantage]*sight
	all  map[scope]*told // see agents
}

type served struct{ span, service int32 }

type spanKey struct{ sender, run, span string }

// Events resolves events: see Outlines.
func Events(events []*semconv.Event) []Resolution {
	list := make([]Outline, len(events))
	for i, e := range events {
		list[i] = NewOutline(e, nil)
	}
	return Outlines(list)
}

// Outlines resolves events, mostly those of a session or of a run, as the reader has them. The
// answer has an element for each, in their order. The order of the events does not matter but
// for that of values in conflicts, and for which of those that say the same are named.
func Outlines(events []Outline) []Resolution {
	r := &resolver{events: events, out: make([]Resolution, len(events)), frames: map[scope]*frames{}}
	r.findSpans()
	r.learnFrames()
	for i := range names {
		r.resolve(i, facts[names[i]])
	}
	return r.out
}

// findSpans finds which events are of one span, and which span is above which.
func (r *resolver) findSpans() {
	places := make(map[spanKey]int32, len(r.events))
	r.span, r.parent = make([]int32, len(r.events)), make([]int32, len(r.events))
	r.served, r.service = map[served][]int{}, make([]int32, len(r.events))
	services := map[string]int32{}
	for i := range r.events {
		o := &r.events[i]
		r.span[i], r.parent[i] = -1, -1
		service, known := services[o.Service]
		if !known {
			service = int32(len(services))
			services[o.Service] = service
		}
		r.service[i] = service
		if o.SpanID == "" || o.Run == "" {
			continue
		}
		k := spanKey{o.Sender, o.Run, o.SpanID}
		at, known := places[k]
		if !known {
			at = int32(len(r.spans))
			places[k], r.spans = at, append(r.spans, nil)
		}
		r.spans[at], r.span[i] = append(r.spans[at], i), at
		s := served{at, r.service[i]}
		r.served[s] = append(r.served[s], i)
	}
	for i := range r.events {
		if o := &r.events[i]; o.ParentSpanID != "" && o.Run != "" {
			if at, known := places[spanKey{o.Sender, o.Run, o.ParentSpanID}]; known {
				r.parent[i] = at
			}
		}
	}
}

// scopeOf is the scope of a fact of an event; ok is false where the event shares it with none.
func (r *resolver) scopeOf(i int, f fact) (s scope, ok bool) {
	o := &r.events[i]
	if o.Run == "" {
		return s, false
	}
	s = scope{sender: o.Sender, run: o.Run, service: o.Service}
	if f.agent {
		if s.agent = r.out[i].Get(names[agentFact]); s.agent == "" {
			s.agent = o.facts[agentFact]
		}
		return s, s.agent != ""
	}
	return s, true
}

func (r *resolver) resolve(n int, f fact) {
	known := map[scope]*told{}
	r.seen, r.all = map[vantage]*sight{}, map[scope]*told{}
	for i := range r.events {
		o := &r.events[i]
		s, ok := r.scopeOf(i, f)
		if !ok || f.call && o.Type != semconv.TypeLLMCall {
			continue
		}
		v := o.says(n)
		if n == nameFact && r.out[i].Get(names[agentFact]) == "" {
			v = o.own(n) // of the agent of that id
		}
		tell(known, s, v, o.ID)
	}
	for i := range r.events {
		s, ok := r.scopeOf(i, f)
		if !ok || r.events[i].says(n) != "" || r.keeps(i, n, known[s]) {
			continue
		}
		if v, from := r.above(i, n, f, known[s]); v != "" {
			r.take(i, n, v, []string{from})
			continue
		}
		t := known[s]
		if n == agentFact {
			t = r.agents(s, t)
		}
		switch {
		case t == nil:
		case len(t.values) > 1:
			r.out[i].Conflicts = append(r.out[i].Conflicts, Conflict{names[n], t.values})
		default:
			r.take(i, n, t.values[0], t.from[t.values[0]])
		}
	}
}

// tell has an event say something in its scope, unless it says nothing.
func tell(of map[scope]*told, s scope, value, event string) {
	if value == "" {
		return
	}
	if of[s] == nil {
		of[s] = &told{}
	}
	of[s].add(value, event)
}

func (r *resolver) take(i, n int, value string, from []string) {
	f := Field{names[n], value, from}
	if n == sessionFact {
		r.out[i].Session = &f
	}
	if r.events[i].facts[n] != value {
		r.out[i].Fields = append(r.out[i].Fields, f)
	}
}

// above is what the nearest event above says of itself: of the span itself or of one that it
// is below, of the same sender; of an agent run, what it has as its own. Where the run has one
// agent, its root has no other.
func (r *resolver) above(i, n int, f fact, known *told) (value, from string) {
	if f.agent {
		return "", ""
	}
	o := &r.events[i]
	span, parent := r.span[i], r.parent[i]
	if span < 0 {
		span, parent = parent, -1
	}
	for range maxClimb {
		if span < 0 {
			break
		}
		at := vantage{served: served{span, r.service[i]}, call: f.call && o.Type == semconv.TypeLLMCall}
		if f.abroad && span != r.span[i] {
			at.service = anyService
		}
		seen := r.look(at, n, known)
		for _, j := range seen.give {
			if int(j) != i {
				return r.events[j].own(n), r.events[j].ID
			}
		}
		if parent < 0 {
			parent = seen.parent
		}
		span, parent = parent, -1
	}
	return "", ""
}

// vantage is from where a span is looked at: by events of a service, or of any, and by model
// calls for what only those say.
type vantage struct {
	served
	call bool
}

const anyService = -1

// sight is what a span gives there: its first two events that give the fact, of which one may be
// who asks, and the span above it, -1 for none.
type sight struct {
	give   []int32
	parent int32
}

// look is what a span gives of a fact, found once for all that ask: a sender may tell any number
// of events of one span.
func (r *resolver) look(at vantage, n int, known *told) *sight {
	if s := r.seen[at]; s != nil {
		return s
	}
	s := &sight{parent: -1}
	r.seen[at] = s
	events := r.spans[at.span]
	if at.service != anyService {
		events = r.served[at.served]
	}
	for _, j := range events {
		if s.parent < 0 {
			s.parent = r.parent[j]
		}
		if r.gives(j, n, at.call, known) {
			if s.give = append(s.give, int32(j)); len(s.give) == 2 {
				break
			}
		}
	}
	return s
}

// gives reports whether an event has a fact as its own for those that are below it, or of the
// same span.
func (r *resolver) gives(j, n int, call bool, known *told) bool {
	if call && r.events[j].Type != semconv.TypeLLMCall || n == agentFact && r.around(j, known) {
		return false
	}
	return r.events[j].own(n) != ""
}
