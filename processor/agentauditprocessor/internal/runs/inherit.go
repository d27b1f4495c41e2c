package runs

import (
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
)

// inherit lets each record have the facts of its run that it does not hold itself:
// those of the spans above it, else of the others of the run in this request, else
// of earlier requests, else of the resource. What the records of this request know
// is learnt first, the root's word before the others'.
func (b *batch) inherit() {
	for _, list := range b.byTrace {
		slices.SortStableFunc(*list, func(x, y *node) int { return x.d.Timestamp.Compare(y.d.Timestamp) })
		for _, n := range *list {
			n.learn()
		}
	}
	for _, list := range b.byTrace {
		for _, n := range *list {
			n.inherit()
		}
	}
}

func (n *node) learn() {
	d, r := n.d, n.run
	root := !d.Record.Log && n.pid.IsEmpty()
	if d.SessionID != "" && (r.session == "" || root && !r.rootSession) {
		r.session, r.rootSession = d.SessionID, root
	}
	fill(&r.user, d.UserID)
	if d.AgentName != "" && r.agentName == "" && n.joined == nil {
		r.agentID, r.agentName = d.AgentID, d.AgentName
	}
	fill(&r.agentVersion, d.AgentVersion)
	if r.prompt == "" && r.room(len(d.Prompt)) {
		r.prompt = strings.Clone(d.Prompt) // or all of the record is remembered that it is a part of
	}
	if m, _, _ := strings.Cut(d.ModelID, "["); d.Kind == dialect.LLM && m != "" && m != r.model { // "[1m]": the same model, with more context
		r.model = m
		r.models++
	}
	if d.Kind == dialect.LLM || d.Kind == dialect.Message {
		if r.userText == "" && r.room(len(d.UserJSON)) {
			text, _ := jsontext.ParseString(d.UserJSON)
			r.userText = strings.Clone(text)
		}
		if d.OutputText != "" && len(d.Requested) == 0 && r.room(len(d.OutputText)-len(r.lastText)) {
			r.lastText = strings.Clone(d.OutputText)
		} else if len(d.Requested) > 0 {
			r.lastText = ""
		}
	}
}

func (n *node) inherit() {
	d, r := n.d, n.run
	n.eachAbove(func(up *dialect.Draft) {
		if !up.Derived("session_id") {
			fill(&d.SessionID, up.SessionID)
		}
		fill(&d.UserID, up.UserID)
		if d.AgentID == "" && d.AgentName == "" {
			d.AgentName = up.AgentName
			if !up.Derived("agent_id") {
				d.AgentID = up.AgentID
			}
			if d.AgentName != "" && up.Derived("agent_name") {
				d.Derive("agent_name")
			}
		}
		fill(&d.AgentVersion, up.AgentVersion)
		fill(&d.Prompt, up.Prompt)
		if d.Kind != dialect.LLM || up.Kind == dialect.LLM {
			fill(&d.ModelID, up.ModelID)
		}
	})
	if r.rootSession {
		d.SessionID = r.session
	}
	fill(&d.SessionID, r.session)
	fill(&d.SessionID, d.Record.FromResource("session_id"))
	fill(&d.UserID, r.user)
	fill(&d.UserID, d.Record.FromResource("user_id"))
	fill(&d.Prompt, r.prompt)
	if r.models == 1 {
		fill(&d.ModelID, r.model)
	}
	if d.AgentID == "" && d.AgentName == "" {
		d.AgentID, d.AgentName = r.agentID, r.agentName
	}
	fill(&d.AgentID, d.Record.FromResource("agent_id"))
	fill(&d.AgentName, d.Record.FromResource("agent_name"))
	fill(&d.AgentVersion, r.agentVersion)
	fill(&d.AgentVersion, d.Record.FromResource("agent_version"))
	if d.AgentID == "" {
		if d.AgentID = d.AgentName; d.AgentID == "" {
			d.AgentID = d.Record.Service
		}
		if d.AgentID != "" {
			d.Derive("agent_id")
		}
	}
	if d.SessionID == "" && n.resumed() != nil {
		d.SessionID = n.resumed().sessionOr()
		d.Derive("session_id")
	}
	if d.SessionID == "" && d.RunID != "" {
		d.SessionID = d.RunID
		d.Derive("session_id")
	}
}

// eachAbove calls f with what stands above a record: its spans, where one was joined to
// an outer span that one, and at the end its frame.
func (n *node) eachAbove(f func(*dialect.Draft)) {
	n.above(func(p *node) bool {
		if p.d != nil {
			f(p.outermost().d)
		}
		return true
	})
	if n.joined != nil {
		f(n.outermost().d)
	}
}

// resumed is the run that this record's run goes on with.
func (n *node) resumed() *node {
	f := n
	for range maxClimb {
		if f == nil || f.resume != nil {
			break
		}
		f = f.frame
	}
	if f == nil {
		return nil
	}
	return f.resume
}

func (n *node) sessionOr() string {
	if n.d.SessionID != "" {
		return n.d.SessionID
	}
	if n.run.session != "" {
		return n.run.session
	}
	return n.d.RunID
}
