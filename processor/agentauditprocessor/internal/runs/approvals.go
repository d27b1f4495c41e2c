package runs

import (
	"strconv"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// session calls f with the session of a record, a new one where f may add to it.
func (b *batch) session(n *node, add bool, f func(*memory.Session)) {
	if n.d.SessionID != "" {
		b.view.Session(n.of, n.d.SessionID, add, f)
	}
}

// findAsks finds the requests for a decision of this request and remembers them, and
// joins the runs that bring decisions to those that asked.
func (b *batch) findAsks() {
	type asked struct {
		n     *node
		event string
	}
	var all []asked
	for _, n := range b.nodes {
		if n.d == nil || len(n.d.Asks) == 0 || n.joined != nil {
			continue
		}
		b.session(n, true, func(s *memory.Session) {
			for i, a := range n.d.Asks {
				ask := memory.Ask{Call: n.askedCall(a), Event: askID(n, i), Run: n.d.RunID}
				if of := n.run(); of != nil && of.top().isRun {
					ask.End = of.top().spanEvent(semconv.TypeSessionEnd)
				}
				s.Ask(ask)
				all = append(all, asked{n, ask.Event})
			}
		})
	}
	for _, n := range b.nodes {
		if n.isRun && len(n.d.Decisions) > 0 {
			n.decides(b)
		}
	}
	for _, n := range b.nodes {
		if !n.isEvent() {
			continue
		}
		if n.d.Kind == dialect.Tool && n.d.ToolCallID != "" && n.d.Outcome == semconv.OutcomeSuccess {
			b.ranAfterAsking(n)
		}
		b.answersAsks(n)
	}
	for _, a := range all {
		b.session(a.n, false, func(s *memory.Session) {
			if !s.Waiting(a.event) {
				return
			}
			for f := a.n.run(); f != nil; f = f.frame {
				b.waits[f] = true
			}
		})
	}
}

// run is the run that a record is in, or is; nil where none is in sight.
func (n *node) run() *node {
	if n.isRun {
		return n
	}
	return n.frame
}

// answered notes that the record tells what became of a request, and which run its own goes
// on with.
func (n *node) answered(a *memory.Ask, inferred bool) {
	a.Answer(n.d.RunID, inferred)
	if a.Run != n.d.RunID {
		n.part.Continues = a.End
	}
}

// decides finds the requests that the decisions, which a run was resumed with, are on: in
// their order.
func (n *node) decides(b *batch) {
	b.session(n, false, func(s *memory.Session) {
		list := s.Undecided(n.d.RunID)
		for _, a := range list[:min(len(n.d.Decisions), len(list))] {
			n.decided = append(n.decided, *a)
			n.answered(a, false)
		}
	})
}

// answersAsks finds the requests that a decision, in a record of its own or inside of
// messages, answers.
func (b *batch) answersAsks(n *node) {
	decides := n.d.Kind == dialect.Approval && len(n.d.Asks) == 0 && n.d.ApprovalStatus != semconv.ApprovalPending
	if !decides && len(n.d.Answers) == 0 {
		return
	}
	b.session(n, false, func(s *memory.Session) {
		for _, a := range s.Open() {
			if decides && a.ID != "" && a.ID == n.d.ToolCallID {
				n.answered(a, false)
				continue
			}
			for _, x := range n.d.Answers {
				if a.ID != "" && (a.ID == x.ID || a.ID == x.CallID) {
					n.answered(a, false)
					break
				}
			}
		}
	})
}

// askedCall is the call that a request for a decision is about, with the id that the model
// gave it.
func (n *node) askedCall(a chat.Asked) chat.Call {
	call := a.Call
	for _, q := range n.part.Requests {
		if call.ID == "" && !q.Claimed && q.Name == call.Name && string(q.Arguments) == string(call.Arguments) {
			call.ID = q.ID
		}
	}
	return call
}

func answerID(n *node, key string) string { return semconv.SpanEventID(n.key.trace, n.key.span, key) }

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
		call := n.askedCall(a)
		e.ToolName, e.ToolCallID, e.ToolInput = call.Name, call.ID, call.Arguments
		p := b.place(n, e, askID(n, i), 0)
		if q := requestOf(n.part, &dialect.Draft{Event: *e}); q != nil {
			p.ev.ParentEventID = q.Event
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
	asks := n.decided
	for i, d := range n.d.Decisions {
		e := base(n)
		e.EventType = semconv.TypeApproval
		e.ApprovalStatus, e.ApprovalReason = d.Status, d.Reason
		if i < len(asks) {
			e.ToolName, e.ToolCallID, e.ToolInput = asks[i].Name, asks[i].ID, asks[i].Arguments
		}
		if len(d.Edited) > 0 {
			if len(e.ToolInput) > 0 {
				e.Alternates = append(append([]byte(`{"tool_input":`), e.ToolInput...), '}')
			}
			e.ToolInput = d.Edited
		}
		e.Content = append(jsontext.AppendString([]byte(`{"decision":`), d.Word), '}')
		p := b.place(n, e, answerID(n, "decision/"+strconv.Itoa(i)), -1)
		if i < len(asks) {
			p.ev.ParentEventID = asks[i].Event
			if d.Status == semconv.ApprovalRejected {
				b.emitRefused(p, asks[i].Call)
			}
		}
	}
}

// ranAfterAsking takes it for an approval that a call is run whose confirmation was
// asked for, in frameworks that tell of no decision.
func (b *batch) ranAfterAsking(n *node) {
	b.session(n, false, func(s *memory.Session) {
		for _, a := range s.Open() {
			if a.ID == n.d.ToolCallID && a.Name == n.d.ToolName {
				n.d.Answers = append(n.d.Answers, chat.Answer{ID: a.ID, Name: a.Name, Approved: true, Inferred: true})
				n.answered(a, true)
				return
			}
		}
	})
}

// emitAnswers makes approvals of decisions that are told inside messages. The
// history repeats in every later call: an answer is told once.
func (b *batch) emitAnswers(n *node) {
	for i, a := range n.d.Answers {
		key := "answer/" + a.ID
		if a.ID == "" {
			key = "answer/" + strconv.Itoa(i)
		}
		if b.answered(n, key) {
			continue
		}
		e := base(n)
		e.EventType = semconv.TypeApproval
		e.ApprovalStatus = semconv.ApprovalRejected
		switch {
		case a.Approved:
			e.ApprovalStatus = semconv.ApprovalApproved
		case a.Unclear:
			e.ApprovalStatus = "" // never taken for an approval, nor for a refusal
		}
		e.ApprovalReason, e.ToolName, e.ToolCallID = a.Reason, a.Name, a.CallID
		e.ApproverID, e.ApprovalSource = a.By, a.Source
		if a.Inferred {
			e.DerivedFields = append(e.DerivedFields, "approval_status")
		}
		if n.d.Kind == dialect.Tool {
			e.ToolCallID, e.ToolInput = n.d.ToolCallID, n.d.ToolInput
		}
		before := b.answerBefore(n, a.CallID)
		p := b.place(n, e, answerID(n, key), -1)
		if n.isRun && before != "" && before != p.ev.EventID { // said before, by the result that came back
			p.ev.LayerOf = before
		}
		b.told[factKey{n.part, key}] = p
		if a.CallID != "" { // the result that comes back may say it again
			b.told[factKey{n.part, "answer/" + a.CallID}] = p
		}
		if a.Refused != nil && p.ev.LayerOf == "" {
			b.emitRefused(p, *a.Refused)
		}
	}
}

// answerBefore is the event that told of a decision on a call, or "".
func (b *batch) answerBefore(n *node, call string) string {
	if call == "" {
		return ""
	}
	key := "answer/" + call
	if p := b.told[factKey{n.part, key}]; p != nil {
		return p.ev.EventID
	}
	if f, known := n.part.Told(key); known {
		return n.part.Run.EventID(f.Event)
	}
	return ""
}

// answered reports whether a decision was told before.
func (b *batch) answered(n *node, key string) bool {
	_, known := n.part.Told(key)
	return known || b.told[factKey{n.part, key}] != nil
}

// emitRefused makes the tool call that a decision kept from being run, and that
// leaves no other record.
func (b *batch) emitRefused(decision *placed, c chat.Call) {
	n := decision.n
	e := base(n)
	e.EventType = semconv.TypeToolCall
	e.Timestamp = decision.ev.Timestamp
	e.Outcome = semconv.OutcomeDenied
	e.ToolName, e.ToolCallID, e.ToolInput = c.Name, c.ID, c.Arguments
	e.ApprovalStatus, e.ApproverID = decision.ev.ApprovalStatus, decision.ev.ApproverID
	p := b.place(n, e, semconv.RecordEventID(decision.ev.EventID, "denied"), -1)
	p.ev.ParentEventID = decision.ev.EventID
}
