package resolve

import "github.com/agentaudit/otelcol-agentaudit/semconv"

// An agent run has an agent that its record says, or one that its record was read as, by the
// name of its span say: that is its own, is marked as derived, and holds for what lies below.

// frames are the agent runs of one scope.
type frames struct {
	events []int           // that do not say their agents
	root   bool            // the root of the run is one of them: all is below it
	below  map[string]bool // spans that an agent run is directly below
	called map[string]bool // spans that a call is directly below
}

func (r *resolver) learnFrames() {
	for i := range r.events {
		o := &r.events[i]
		if o.Run == "" {
			continue
		}
		s := scope{sender: o.Sender, run: o.Run, service: o.Service}
		of := r.frames[s]
		if of == nil {
			of = &frames{below: map[string]bool{}, called: map[string]bool{}}
			r.frames[s] = of
		}
		switch o.Type {
		case semconv.TypeLLMCall, semconv.TypeToolCall:
			of.called[o.ParentSpanID] = true
		case semconv.TypeSessionStart:
			of.below[o.ParentSpanID] = true
		}
		if o.own(agentFact) != "" && o.says(agentFact) == "" {
			of.events = append(of.events, i)
			of.root = of.root || o.ParentSpanID == ""
		}
	}
}

// around reports whether an event is of a workflow around the one agent of the run, which is no
// agent beside it: it is the root and says no agent, and agent runs are directly below it, and no
// calls.
func (r *resolver) around(i int, known *told) bool {
	o := &r.events[i]
	if !o.frame || o.ParentSpanID != "" || o.says(agentFact) != "" || known == nil || len(known.values) != 1 {
		return false
	}
	f := r.frames[scope{sender: o.Sender, run: o.Run, service: o.Service}]
	return f.below[o.SpanID] && !f.called[o.SpanID]
}

// keeps reports whether an event keeps what it has as its own and does not say.
func (r *resolver) keeps(i, n int, known *told) bool {
	switch {
	case r.events[i].own(n) == "":
		return false
	case n == agentFact:
		return !r.around(i, known)
	}
	return r.out[i].Get(names[agentFact]) == "" // the name goes with the agent
}

// agents are those that an event may be of that is below no agent run in sight: those that the
// run says, and those of its agent runs, as far as the event must be below one of them.
func (r *resolver) agents(s scope, known *told) *told {
	f := r.frames[s]
	if f == nil || known == nil && !f.root {
		return known
	}
	if all, found := r.all[s]; found {
		return all
	}
	all := r.ofFrames(f, known)
	r.all[s] = all
	return all
}

func (r *resolver) ofFrames(f *frames, known *told) *told {
	all := &told{}
	if known != nil {
		for _, v := range known.values {
			all.add(v, known.from[v][0])
		}
	}
	for _, i := range f.events {
		if !r.around(i, known) {
			all.add(r.events[i].own(agentFact), r.events[i].ID)
		}
	}
	if len(all.values) == 0 {
		return nil
	}
	return all
}
