package runs

import (
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// inherit lets each record have the facts of its run that it does not hold itself: those
// of the spans above it, else those that all who tell them in the run say alike, in this
// request or an earlier one, else those of its resource. What the records of this request
// know is learnt first. What is inherited is marked, with the event that it is from.
func (b *batch) inherit() {
	for _, l := range b.parts {
		slices.SortStableFunc(l.nodes, func(x, y *node) int { return x.d.Timestamp.Compare(y.d.Timestamp) })
		for _, n := range l.nodes {
			n.learn()
		}
	}
	for _, n := range b.nodes {
		if n.d != nil {
			n.own = own{session: n.d.SessionID, user: n.d.UserID, agentID: n.d.AgentID, agentName: n.d.AgentName, version: n.d.AgentVersion, prompt: n.d.Prompt, model: n.d.ModelID}
		}
	}
	for _, l := range b.parts {
		for _, n := range l.nodes {
			n.inherit()
		}
	}
}

// own is what a record says itself, while others inherit it.
type own struct{ session, user, agentID, agentName, version, prompt, model string }

// model is the name of a model without what it was called with: "[1m]" is the same model,
// with more context.
func model(id string) string {
	m, _, _ := strings.Cut(id, "[")
	return m
}

// learn takes into the memory of the run what the record says.
func (n *node) learn() {
	d, p := n.d, n.part
	if d.Dialect == nil {
		return
	}
	from := n.tells()
	p.Learn(&p.Session, d.SessionID, "", from)
	p.Learn(&p.User, d.UserID, "", from)
	if n.joined == nil && !d.Derived("agent_name") {
		p.Learn(&p.Agent, d.AgentID, d.AgentName, from)
	}
	p.Learn(&p.AgentVersion, d.AgentVersion, "", from)
	if d.Prompt != "" {
		p.LearnPrompt(n.agent(), d.Prompt, from)
	}
	if d.Kind == dialect.LLM {
		p.Learn(&p.Model, model(d.ModelID), "", from)
	}
	if d.Kind == dialect.LLM || d.Kind == dialect.Message {
		p.LearnUser(d.Timestamp, func() string { text, _ := jsontext.ParseString(d.UserJSON); return text })
		switch {
		case len(d.Requested) > 0:
			p.LearnAnswer(memory.Answer{Begun: d.Timestamp, At: n.ended(), Log: d.Record.Log}, d.Requested)
		case d.OutputText != "":
			p.LearnAnswer(memory.Answer{Text: d.OutputText, Agent: n.agent(), Begun: d.Timestamp, At: n.ended(), Log: d.Record.Log}, nil)
		}
	}
}

func agentOf(d *dialect.Draft) string { return or(d.AgentID, d.AgentName) }

// agent is whose record it is: who it says itself, else who the nearest agent above it is.
func (n *node) agent() string {
	if own := agentOf(n.d); own != "" {
		return own
	}
	for f := n.frame; f != nil; f = f.frame {
		if a := agentOf(f.d); a != "" {
			return a
		}
	}
	if a, _ := n.agentAbove(); a != nil {
		return or(a.ID, a.Name)
	}
	return ""
}

// ended is when what a record tells of ended.
func (n *node) ended() time.Time {
	for _, t := range []time.Time{n.d.Record.End, n.d.EndTimestamp} {
		if !t.IsZero() {
			return t
		}
	}
	return n.d.Timestamp
}

// tells is the id of the event that a record gives, as far as that is known before events
// are made; "" where it gives none.
func (n *node) tells() string {
	switch o := n.outermost(); {
	case o.isRun:
		return o.spanEvent(semconv.TypeSessionStart)
	case o.isEvent():
		return o.mainID()
	}
	return ""
}

// take fills a field that is empty with what another record says, and marks it.
func (n *node) take(p *string, field, value, from string) {
	if *p != "" || value == "" {
		return
	}
	*p = value
	n.d.DeriveFrom(field, from)
}

func (n *node) inherit() {
	d := n.d
	n.eachAbove(n.inheritFrom)
	n.inheritKnown()
	resource := func(field string) string { return dialect.ShortID(d.Record.FromResource(field)) }
	d.SessionID, d.UserID = or(d.SessionID, resource("session_id")), or(d.UserID, resource("user_id"))
	if d.AgentID == "" && d.AgentName == "" {
		d.AgentID, d.AgentName = resource("agent_id"), resource("agent_name")
	}
	d.AgentVersion = or(d.AgentVersion, resource("agent_version"))
	if d.AgentID == "" {
		n.take(&d.AgentID, "agent_id", or(d.AgentName, n.of.Service), "")
	}
	n.take(&d.SessionID, "session_id", d.RunID, "")
}

// inheritFrom has the record have what a span above it says itself. What another resource
// says of its agent is not said of this one's.
func (n *node) inheritFrom(up *node) {
	d, from := n.d, up.tells()
	n.take(&d.SessionID, "session_id", up.own.session, from)
	n.take(&d.UserID, "user_id", up.own.user, from)
	if up.of != n.of {
		return
	}
	if d.AgentID == "" && d.AgentName == "" {
		n.takeAgent(up.own.agentID, up.own.agentName, from)
	}
	sameAgent := agentOf(d) == "" || up.own.agentID+up.own.agentName == "" || d.AgentID != "" && d.AgentID == up.own.agentID || d.AgentName != "" && d.AgentName == up.own.agentName
	if !sameAgent {
		return
	}
	n.take(&d.AgentVersion, "agent_version", up.own.version, from)
	if d.Prompt == "" && up.own.prompt != "" {
		d.Prompt = up.own.prompt
		d.DeriveFrom("system_prompt_hash", from)
	}
	if d.Kind != dialect.LLM || up.d.Kind == dialect.LLM {
		n.take(&d.ModelID, "model_id", up.own.model, from)
	}
}

func (n *node) takeAgent(id, name, from string) {
	n.take(&n.d.AgentID, "agent_id", id, from)
	n.take(&n.d.AgentName, "agent_name", name, from)
}

// inheritKnown has the record have what its resource said of the run in one way only. What
// describes an agent it has only where it is known that nothing above it is another agent.
func (n *node) inheritKnown() {
	d, p := n.d, n.part
	n.take(&d.SessionID, "session_id", p.Session.Known(), p.Session.From)
	n.take(&d.UserID, "user_id", p.User.Known(), p.User.From)
	n.take(&d.ModelID, "model_id", p.Model.Known(), p.Model.From)
	above, whole := n.agentAbove()
	if d.AgentID == "" && d.AgentName == "" {
		switch {
		case above != nil:
			n.takeAgent(above.ID, above.Name, above.From)
		case whole && !p.Agent.Several:
			n.takeAgent(p.Agent.Value, p.Agent.Name, p.Agent.From)
		}
	}
	if d.Prompt == "" && (whole || agentOf(d) != "") {
		if text, from := p.Prompt(agentOf(d)); text != "" {
			d.Prompt = text
			d.DeriveFrom("system_prompt_hash", from)
		}
	}
	if whole && !p.Agent.Several {
		n.take(&d.AgentVersion, "agent_version", p.AgentVersion.Known(), p.AgentVersion.From)
	}
}

// agentAbove is the agent of the nearest span above those in sight that is known to be
// one's; whole reports whether all that is above is known.
func (n *node) agentAbove() (a *memory.Agent, whole bool) {
	top := n
	n.above(func(p *node) bool { top = p; return true })
	at := top.pid
	if top == n && n.d.Record.Log {
		at = n.key.span
	}
	if at.IsEmpty() {
		return nil, true
	}
	return n.part.Above(at)
}

// eachAbove calls f with what stands above a record: its spans, where one was joined to
// an outer span that one, and at the end its frame.
func (n *node) eachAbove(f func(*node)) {
	n.above(func(p *node) bool {
		if p.d != nil {
			f(p.outermost())
		}
		return true
	})
	if n.joined != nil {
		f(n.outermost())
	}
}
