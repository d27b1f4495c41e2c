package runs

import (
	"strconv"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// ask is a request for a decision that is open in a session.
type ask struct {
	chat.Call
	event string
	run   *node // of this request, else nil
}

// asks finds the requests of this batch and remembers them, and joins the runs that
// bring decisions to those that asked.
func (b *batch) asks() {
	for _, n := range b.nodes {
		if n.d == nil || len(n.d.Asks) == 0 || n.joined != nil {
			continue
		}
		s := b.session(n)
		top := n.frame
		if top != nil {
			top = top.top()
		}
		for i, a := range n.d.Asks {
			call := a.Call
			for _, q := range n.run.requests {
				if call.ID == "" && !q.claimed && q.Name == call.Name && string(q.Arguments) == string(call.Arguments) {
					call.ID = q.ID
				}
			}
			if len(s.asks) < maxFacts {
				s.asks = append(s.asks, &ask{call, askID(n, i), top})
			}
		}
	}
	for _, n := range b.nodes {
		if n.isEvent() && n.d.Kind == dialect.Tool && n.d.ToolCallID != "" && n.d.Outcome == semconv.OutcomeSuccess && n.d.SessionID != "" {
			b.ranAfterAsking(n)
		}
		if n.isRun && n.joined == nil && len(n.d.Decisions) > 0 && n.resume == nil {
			if s := b.session(n); len(s.asks) > 0 && s.asks[0].run != n {
				n.resume = s.asks[0].run
			}
		}
	}
}

func askID(n *node, i int) string {
	return semconv.SpanEventID(n.key.trace, n.key.span, "ask/"+strconv.Itoa(i))
}

// emitAsks makes an approval that is pending of each request.
func (b *batch) emitAsks(n *node) {
	for i, a := range n.d.Asks {
		e := base(n)
		e.EventType = semconv.TypeApproval
		if n.d.Kind == dialect.LLM && !n.d.EndTimestamp.IsZero() {
			e.Timestamp = n.d.EndTimestamp // in the answer
		}
		if n.isRun {
			e.Timestamp = n.d.Record.End // which stopped to ask
		}
		e.ApprovalStatus = semconv.ApprovalPending
		e.ApprovalReason = a.Reason
		e.ToolName, e.ToolCallID, e.ToolInput = a.Name, a.ID, a.Arguments
		for _, s := range b.session(n).asks {
			if s.event == askID(n, i) {
				e.ToolCallID = s.ID
			}
		}
		p := b.place(n, e, askID(n, i), 0)
		if q := n.run.find(&dialect.Draft{Event: *e}); q != nil {
			p.ev.ParentEventID = q.event
		} else if n.d.Kind == dialect.LLM {
			p.ev.ParentEventID = n.mainID()
		}
	}
}

// emitDecisions makes approvals of the decisions that a run was resumed with; they
// answer the open requests of the session in their order. A call that was refused
// leaves no other record.
func (b *batch) emitDecisions(n *node) {
	if len(n.d.Decisions) == 0 {
		return
	}
	s := b.session(n)
	for i, d := range n.d.Decisions {
		e := base(n)
		e.EventType = semconv.TypeApproval
		e.ApprovalStatus, e.ApprovalReason = d.Status, d.Reason
		var of *ask
		if i < len(s.asks) {
			of = s.asks[i]
			e.ToolName, e.ToolCallID, e.ToolInput = of.Name, of.ID, of.Arguments
		}
		if len(d.Edited) > 0 {
			if len(e.ToolInput) > 0 {
				e.Alternates = append(append([]byte(`{"tool_input":`), e.ToolInput...), '}')
			}
			e.ToolInput = d.Edited
		}
		e.Content = append(jsontext.AppendString([]byte(`{"decision":`), d.Word), '}')
		p := b.place(n, e, semconv.SpanEventID(n.key.trace, n.key.span, "decision/"+strconv.Itoa(i)), -1)
		if of != nil {
			p.ev.ParentEventID = of.event
			if d.Status == semconv.ApprovalRejected {
				b.emitRefused(p, of.Call)
			}
		}
	}
	s.asks = s.asks[min(len(n.d.Decisions), len(s.asks)):]
}

// ranAfterAsking takes it for an approval that a call is run whose confirmation was
// asked for, in frameworks that tell of no decision.
func (b *batch) ranAfterAsking(n *node) {
	s, ok := b.cache.lru.Peek(b.sessionKey(n))
	if !ok {
		return
	}
	for i, a := range s.asks {
		if a.ID != n.d.ToolCallID || a.Name != n.d.ToolName {
			continue
		}
		n.d.Answers = append(n.d.Answers, chat.Answer{ID: a.ID, Name: a.Name, Approved: true, Inferred: true})
		s.asks = append(s.asks[:i:i], s.asks[i+1:]...)
		return
	}
}
