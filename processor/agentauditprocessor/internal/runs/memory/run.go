package memory

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
)

// Bounds of what is remembered of one run.
const (
	maxFacts    = 1024    // keys of facts, requested calls, and spans, of each
	maxPending  = 256     // spans that messages wait for
	maxParts    = 64      // resources
	maxAgents   = 256     // agents of one resource
	maxClimb    = 256     // spans that are climbed through
	maxRunBytes = 1 << 20 // of all that a run holds
)

// What things cost in bytes, beside the texts that they hold. They are measured and
// rounded up: see TestCosts.
const (
	costRun     = 256
	costPart    = 512
	costFact    = 112
	costSpan    = 112
	costName    = 48
	costRequest = 192
	costPending = 1024
	costFrame   = 64
	costCall    = 320
	costLink    = 112
	costDigest  = 16
)

// Run is what is remembered of one trace, or of one session where records carry no trace
// id. Its own fields only number and link events; what can change what an event says is in
// its parts.
type Run struct {
	Step   int64 // the last number given
	seen   time.Time
	spans  Small[pcommon.SpanID, Span] // by span, the first that told of it
	names  []string                    // see Ref
	calls  []*Call                     // see Link
	kept   bool                        // remembered, and so forgotten one day
	parts  []*Part
	first  Part // of parts, mostly all of them
	size   int  // bytes
	counts int  // of size, what the shard has counted
}

// Part is what one resource told of a run.
type Part struct {
	Run *Run

	Session, User, AgentVersion, Model Only
	Agent                              Only          // id and name
	prompts                            []agentPrompt // the first is that of all agents together

	Last      Answer
	asked     []Digest // what the last model call asked for: see CallDigest
	Continues string   // the end of the run that this one goes on with
	failures  []string // what events told of errors
	Events    int      // how many it told
	Frames    []Frame

	resource Resource
	number   uint16
	facts    Small[factID, Fact]         // keys that events told
	agents   []Agent                     // that spans say they are
	kids     Small[pcommon.SpanID, Kids] // model calls by the span they are directly below
	Requests []*Request                  // tool calls that models asked for
	pending  map[pcommon.SpanID]*Pending // messages that came before their span
	userText string
	userAt   time.Time
}

// Frame is a run of an agent that was told of.
type Frame struct{ Start, End, Agent string }

// Request is a tool call that a model asked for.
type Request struct {
	chat.Call
	Event   string
	Claimed bool   // a tool call was told that it is
	Back    bool   // a result that was told apart from the call came back
	Done    bool   // the call ended
	Tool    string // the event of that tool call
}

// Pending is what log records said of a model call whose span has not come.
type Pending struct{ Draft *dialect.Draft }

// Only is a value as long as all who tell it say the same.
type Only struct {
	Value, Name string // Name goes with an agent's id
	From        string // the event that told it
	Several     bool   // it was told in two ways: nothing is known
}

// learn takes in what a record says.
func (o *Only) learn(value, name, from string) {
	switch {
	case value == "" && name == "":
		return
	case o.Value == "" && o.Name == "":
		o.From = from
	case value != "" && o.Value != "" && o.Value != value, name != "" && o.Name != "" && o.Name != name:
		o.Several = true
		return
	}
	if o.Value == "" {
		o.Value = strings.Clone(value)
	}
	if o.Name == "" {
		o.Name = strings.Clone(name)
	}
}

// Known is the value, "" where there is none or several.
func (o *Only) Known() string {
	if o.Several {
		return ""
	}
	return o.Value
}

// Learn takes in what the record of an event says itself, while there is room.
func (p *Part) Learn(o *Only, value, name, from string) {
	if o.Value == "" && o.Name == "" && (value != "" || name != "") && !p.Run.room(len(value)+len(name)+len(from)) {
		return
	}
	o.learn(value, name, from)
}

// agentPrompt is the system prompt that an agent's records tell.
type agentPrompt struct {
	agent string
	Only
}

// LearnPrompt takes in the system prompt of an agent, which may not be known: then it is of
// all together only.
func (p *Part) LearnPrompt(agent, text, from string) {
	if text == "" {
		return
	}
	if len(p.prompts) == 0 {
		p.prompts = append(make([]agentPrompt, 0, 2), agentPrompt{})
	}
	p.Learn(&p.prompts[0].Only, text, "", from)
	if agent == "" {
		return
	}
	at := slices.IndexFunc(p.prompts[1:], func(x agentPrompt) bool { return x.agent == agent }) + 1
	if at == 0 {
		if len(p.prompts) > maxParts || !p.Run.room(costFact+len(agent)) {
			return
		}
		at = len(p.prompts)
		p.prompts = append(p.prompts, agentPrompt{agent: strings.Clone(agent)})
	}
	if x := &p.prompts[at].Only; x.Value == "" && p.prompts[0].Value == text {
		x.Value, x.From = p.prompts[0].Value, from // which is remembered already
	} else {
		p.Learn(x, text, "", from)
	}
}

// Prompt is the system prompt of an agent; of one that told none, that of the run, where
// it has one prompt and one agent.
func (p *Part) Prompt(agent string) (text, from string) {
	if len(p.prompts) == 0 {
		return "", ""
	}
	if agent != "" {
		for i := range p.prompts[1:] {
			if x := &p.prompts[1+i]; x.agent == agent {
				return x.Known(), x.From
			}
		}
	}
	if p.Agent.Several {
		return "", ""
	}
	return p.prompts[0].Known(), p.prompts[0].From
}

// Part is what the resource told of the run. Where too many did, what one more tells is
// not remembered.
func (r *Run) Part(of Resource) *Part {
	for _, p := range r.parts {
		if p.resource == of {
			return p
		}
	}
	p := &r.first
	if p.Run != nil {
		p = &Part{}
	}
	*p = Part{Run: r, resource: of, number: uint16(len(r.parts))}
	if len(r.parts) < maxParts && r.room(costPart+len(of.Service)+len(of.Instance)) {
		r.parts = append(r.parts, p)
	}
	return p
}

// room reports whether a run may remember so many bytes more, and counts them.
func (r *Run) room(n int) bool {
	if r.size+n > maxRunBytes {
		return false
	}
	r.size += n
	return true
}

// Room reports whether there is room for so many bytes more of text in the run, and
// counts them.
func (p *Part) Room(n int) bool { return p.Run.room(n) }

// maxFailures and failureBytes bound what is remembered of errors.
const (
	maxFailures  = 16
	failureBytes = 256
)

// LearnFailure takes in what an event told of an error.
func (p *Part) LearnFailure(text string) {
	text = text[:min(len(text), failureBytes)]
	if text != "" && len(p.failures) < maxFailures && !slices.Contains(p.failures, text) && p.Run.room(costName+len(text)) {
		p.failures = append(p.failures, strings.Clone(text))
	}
}

// Failed reports whether an event told of the error with that text, which may have grown on
// its way up, or been cut.
func (p *Part) Failed(text string) bool {
	return slices.ContainsFunc(p.failures, func(told string) bool {
		return text == told || len(told) >= 8 && strings.Contains(text, told) || strings.Contains(told, text[:min(len(text), failureBytes)])
	})
}

// UserText is the first thing that a user said to a model in the run, where that was between
// two times.
func (p *Part) UserText(from, to time.Time) string {
	if p.userAt.Before(from) || p.userAt.After(to) {
		return ""
	}
	return p.userText
}

// LearnUser takes in what a user said at a time, where nothing is known yet.
func (p *Part) LearnUser(at time.Time, text func() string) {
	if p.userText != "" {
		return
	}
	if t := text(); p.Run.room(len(t)) {
		p.userText, p.userAt = strings.Clone(t), at
	}
}

// Answer is what a model answered: a text, or "" where it asked for calls.
type Answer struct {
	Text, Agent string    // whose it is, "" where that is not known
	Begun, At   time.Time // of the call, whose end may be told later than that of the run around it
	Log         bool      // told by a log record, whose only time may be a little later
}

// LearnAnswer takes in what a model answered, unless it answered something later.
func (p *Part) LearnAnswer(a Answer, calls []chat.Call) {
	if a.At.Before(p.Last.At) || !p.Run.room(len(a.Text)-len(p.Last.Text)) {
		return
	}
	a.Text, a.Agent = strings.Clone(a.Text), strings.Clone(a.Agent)
	p.Last = a
	p.asked = p.asked[:0]
	for _, c := range calls {
		if len(p.asked) < cap(p.asked) || p.Run.room(costDigest) {
			p.asked = append(p.asked, CallDigest(c))
		}
	}
}

// CallDigest tells calls apart by their id, else by what they are given.
func CallDigest(c chat.Call) Digest {
	if c.ID != "" {
		return DigestOf(c.ID)
	}
	return DigestOf(c.Name + "\x00" + string(c.Arguments))
}

// Undone are the calls that the model asked for last and that did not end.
func (p *Part) Undone() (list []*Request) {
	for _, q := range p.Requests {
		if !q.Done && slices.Contains(p.asked, CallDigest(q.Call)) {
			list = append(list, q)
		}
	}
	return list
}

// Pending is what waits for a span.
func (p *Part) Pending(span pcommon.SpanID) *Pending { return p.pending[span] }

// Await has something wait for a span that has not come, while there is room. Most runs
// never need the map, and there may be a million runs.
func (p *Part) Await(span pcommon.SpanID, d *dialect.Draft, size int) bool {
	if len(p.pending) >= maxPending || !p.Run.room(costPending+size) {
		return false
	}
	if p.pending == nil {
		p.pending = map[pcommon.SpanID]*Pending{}
	}
	p.pending[span] = &Pending{d}
	return true
}

// Came forgets what waited for a span.
func (p *Part) Came(span pcommon.SpanID) { delete(p.pending, span) }

// Ask remembers a tool call that a model asked for; the oldest is forgotten where there
// are too many.
func (p *Part) Ask(c chat.Call, event string) {
	if !p.Run.room(costRequest + len(c.ID) + len(c.Name) + len(event)) {
		return
	}
	if !p.Run.room(len(c.Arguments)) {
		c.Arguments = nil // known by its id and name
	}
	if len(p.Requests) >= maxFacts {
		p.Requests = p.Requests[1:]
	}
	c = cloned(c)
	p.Requests = append(p.Requests, &Request{Call: c, Event: event})
}

// cloned is a call that keeps nothing of the record that it is a part of.
func cloned(c chat.Call) chat.Call {
	return chat.Call{ID: strings.Clone(c.ID), Name: strings.Clone(c.Name), Arguments: bytes.Clone(c.Arguments)}
}

// AddFrame remembers a run of an agent.
func (p *Part) AddFrame(f Frame) {
	if len(p.Frames) < maxFacts && p.Run.room(costFrame+len(f.Start)+len(f.End)+len(f.Agent)) {
		f.Agent = strings.Clone(f.Agent)
		p.Frames = append(p.Frames, f)
	}
}

// Span is what is known of a span; own reports whether this resource told of it.
func (p *Part) Span(id pcommon.SpanID) (s Span, own, ok bool) {
	s, ok = p.Run.spans.Get(id)
	return s, ok && s.part == p.number, ok
}

// Agent is who an agent's spans say that it is.
type Agent struct{ ID, Name, From string }

// agentNumber is the place of an agent in the list of the part, from one on; 0 is none.
func (p *Part) agentNumber(a Agent) uint16 {
	if a.ID == "" && a.Name == "" {
		return 0
	}
	for i, have := range p.agents {
		if have.ID == a.ID && have.Name == a.Name {
			return uint16(i + 1)
		}
	}
	if len(p.agents) >= maxAgents || !p.Run.room(costName+len(a.ID)+len(a.Name)+len(a.From)) {
		return 0
	}
	p.agents = append(p.agents, Agent{strings.Clone(a.ID), strings.Clone(a.Name), a.From})
	return uint16(len(p.agents))
}

// Above is the agent that the nearest span from id on upwards says it is, nil where none
// does; whole reports whether all are known up to the root, or to the agent.
func (p *Part) Above(id pcommon.SpanID) (a *Agent, whole bool) {
	for range maxClimb {
		s, ok := p.Run.spans.Get(id)
		switch {
		case !ok:
			return nil, false
		case s.part == p.number && s.agent > 0:
			return &p.agents[s.agent-1], true
		case s.Parent.IsEmpty():
			return nil, true
		}
		id = s.Parent
	}
	return nil, false
}

// Teller is the part of another resource that told of a span, nil where none did.
func (p *Part) Teller(id pcommon.SpanID) *Part {
	s, ok := p.Run.spans.Get(id)
	if !ok || s.part == p.number || int(s.part) >= len(p.Run.parts) {
		return nil
	}
	return p.Run.parts[s.part]
}

// AddSpan remembers a span, unless another told of it.
func (p *Part) AddSpan(id, parent pcommon.SpanID, event, answerID string, call bool, agent Agent) {
	have, known := p.Run.spans.Get(id)
	if known && have.part != p.number || !known && (p.Run.spans.Len() >= maxFacts || !p.Run.room(costSpan)) {
		return
	}
	p.Run.spans.Put(id, Span{parent, p.Run.Ref(event), answerOf(answerID), call, p.number, p.agentNumber(agent)})
}

// Kids are the model calls that are known directly below a span.
func (p *Part) Kids(id pcommon.SpanID) Kids {
	k, _ := p.kids.Get(id)
	return k
}

// PassKids has the model calls below a framework's own step be those below its parent.
func (p *Part) PassKids(id, parent pcommon.SpanID) {
	kids, known := p.kids.Get(id)
	above, has := p.kids.Get(parent)
	if !known || !has && (p.kids.Len() >= maxFacts || !p.Run.room(costSpan)) {
		return
	}
	if above.N == 0 {
		above.First, above.answer = kids.First, kids.answer
	}
	above.N += kids.N
	p.kids.Put(parent, above)
}

// AddKid remembers a model call directly below a span.
func (p *Part) AddKid(parent pcommon.SpanID, event, answerID string) {
	below, known := p.kids.Get(parent)
	if !known && (p.kids.Len() >= maxFacts || !p.Run.room(costSpan)) {
		return
	}
	if below.N++; below.N == 1 {
		below.First, below.answer = p.Run.Ref(event), answerOf(answerID)
	}
	p.kids.Put(parent, below)
}
