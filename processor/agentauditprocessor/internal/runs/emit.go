package runs

import (
	"strconv"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// mainID is the id of the event that a record gives, other than the end of a run.
func (n *node) mainID() string {
	if n.id == "" {
		n.id = n.makeID()
	}
	return n.id
}

func (n *node) makeID() string {
	d := n.d
	if d.EventID != "" {
		return d.EventID
	}
	if !d.Record.Log {
		return semconv.SpanEventID(n.key.trace, n.key.span, string(d.EventType))
	}
	// Many log records share a span: a record is known by what it says itself.
	r := d.Record
	return semconv.RecordEventID(r.Service, d.SessionID, r.Name, r.Start.UTC().Format("2006-01-02T15:04:05.000000000"),
		n.key.trace.String(), n.key.span.String(), r.Fingerprint(), string(d.EventType))
}

// emit makes the events of the request.
func (b *batch) emit() {
	b.asks()
	b.survey()
	for _, n := range b.nodes {
		switch {
		case n.d == nil:
		case n.isRun && n.joined == nil:
			b.emitRun(n)
			b.emitAsks(n)
		case n.isEvent() && n.d.Kind == dialect.Approval && len(n.d.Asks) > 0:
			b.emitAsks(n)
		case n.isEvent():
			n.main = b.place(n, &n.d.Event, n.mainID(), 0)
			b.emitAsks(n)
			b.emitAnswers(n)
			if n.d.Kind == dialect.Approval && n.d.Record.Log && n.d.ApprovalStatus == semconv.ApprovalRejected && !n.d.Reported {
				b.emitRefused(n.main, chat.Call{ID: n.d.ToolCallID, Name: n.d.ToolName, Arguments: n.d.ToolInput})
			}
		}
	}
}

func (b *batch) place(n *node, e *semconv.Event, id string, rank int) *placed {
	e.EventID = id
	e.Source = n.d.Record.Source(n.d.Dialect.Name)
	both := &struct {
		placed
		ev Event
	}{
		placed: placed{n: n, rank: rank},
		ev:     Event{Event: e, Dialect: n.d.Dialect.Name, Prompt: n.d.Prompt, Secrets: n.d.Secrets, Span: n.key.span, Sent: true, From: b.sender, Workload: n.d.Record.Workload()},
	}
	p := &both.placed
	p.ev = &both.ev
	b.out = append(b.out, p)
	return p
}

// emitRun makes the start and the end of a run of one frame.
func (b *batch) emitRun(n *node) {
	d := n.d
	content := d.Leftover()
	base := d.Event
	base.InputMessages, base.OutputMessages, base.OutputText, base.Reasoning = nil, nil, "", ""
	base.FinishReasons, base.ToolCallsRequested = nil, nil
	base.Operation, base.ContentState, base.ResponseID, base.ResponseModelID = "", "", "", ""
	base.ToolName, base.ToolCallID, base.ToolInput, base.ToolOutput = "", "", nil, nil

	start := base
	start.EventType = semconv.TypeSessionStart
	start.FinalOutput, start.Outcome, start.Error, start.ErrorType, start.Stack = "", "", "", "", ""
	start.EndTimestamp = d.EndTimestamp
	if start.UserMessage == "" && n.frame == nil && n.run.userText != "" {
		start.UserMessage = n.run.userText
		start.DerivedFields = append(append([]string(nil), base.DerivedFields...), "user_message")
	}
	start.Content = content
	if n.resume == nil {
		n.start = b.place(n, &start, semconv.SpanEventID(n.key.trace, n.key.span, string(semconv.TypeSessionStart)), -1)
	}
	b.emitDecisions(n)
	if b.goesOn[n] {
		return
	}
	if d.Error != "" && d.EndedBy == "" {
		b.emitError(n)
	}
	end := base
	end.EventType = semconv.TypeSessionEnd
	end.Timestamp, end.EndTimestamp = d.Record.End, d.EndTimestamp
	if end.Timestamp.Before(d.Timestamp) {
		end.Timestamp = d.Timestamp
	}
	end.EndTimestamp = end.Timestamp
	end.UserMessage, end.ToolsAvailable = "", nil
	end.Error, end.ErrorType, end.Stack = "", "", ""
	if n.resume != nil {
		end.Content = content
	}
	if end.FinalOutput == "" {
		if end.FinalOutput = b.lastAnswer(n); end.FinalOutput != "" {
			end.DerivedFields = append(append([]string(nil), base.DerivedFields...), "final_output")
		}
	}
	if end.Outcome == "" {
		end.Outcome = semconv.OutcomeSuccess
	}
	if d.EndedBy != "" {
		end.EventType, end.Reason = semconv.TypeSessionTimeout, d.EndedBy
	}
	n.end = b.place(n, &end, semconv.SpanEventID(n.key.trace, n.key.span, string(semconv.TypeSessionEnd)), 1)
}

// emitError tells of an error of a run that no event in it tells of: errors climb
// from where they happen to every span above.
func (b *batch) emitError(n *node) {
	if n.run.failed {
		return // told of, in this request or an earlier one
	}
	e := base(n)
	e.EventType = semconv.TypeError
	e.Timestamp = n.d.Record.End
	e.Error, e.ErrorType, e.Stack = n.d.Error, n.d.ErrorType, n.d.Stack
	b.place(n, e, semconv.SpanEventID(n.key.trace, n.key.span, string(semconv.TypeError)), 0)
}

// survey notes, once for all runs of the request, what their ends ask for: which run
// another goes on with, which has failed, and what its model said last.
func (b *batch) survey() {
	b.goesOn, b.last = map[*node]bool{}, map[*node]*node{}
	later := func(of, n *node) {
		if last := b.last[of]; last == nil || !n.d.Record.End.Before(last.d.Record.End) {
			b.last[of] = n
		}
	}
	for _, n := range b.nodes {
		if n.resume != nil {
			b.goesOn[n.resume] = true
		}
		if !n.isEvent() {
			continue
		}
		n.run.failed = n.run.failed || n.d.Error != ""
		if n.d.Kind != dialect.LLM || n.frame == nil {
			continue
		}
		later(n.frame, n)
		if top := n.frame.top(); top != n.frame {
			later(top, n) // the last word of a run may be that of an agent within it
		}
	}
}

// lastAnswer is the answer of the last model call of a run, where that call asked
// for no tool: what the run said at its end.
func (b *batch) lastAnswer(n *node) string {
	switch last := b.last[n]; {
	case last != nil && len(last.d.Requested) > 0:
		return ""
	case last != nil && last.d.OutputText != "":
		return last.d.OutputText
	}
	return n.run.lastText
}

// emitAnswers makes approvals of decisions that are told inside messages. The
// history repeats in every later call: an answer is told once.
func (b *batch) emitAnswers(n *node) {
	for i, a := range n.d.Answers {
		key := "answer/" + a.ID
		if a.ID == "" {
			key = "answer/" + strconv.Itoa(i)
		}
		if _, known := n.run.told(key); known || b.facts[factKey{n.runKey, key}] != nil {
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
		p := b.place(n, e, semconv.SpanEventID(n.key.trace, n.key.span, key), -1)
		b.facts[factKey{n.runKey, key}] = p
		if a.Refused != nil {
			b.emitRefused(p, *a.Refused)
		}
	}
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

// base is an event with only the identity of its record.
func base(n *node) *semconv.Event {
	d := n.d
	return &semconv.Event{
		Timestamp: d.Timestamp, SessionID: d.SessionID, RunID: d.RunID, AgentID: d.AgentID, AgentName: d.AgentName, AgentVersion: d.AgentVersion,
		UserID: d.UserID, ModelID: d.ModelID, Provider: d.Provider, TraceID: d.TraceID, SpanID: d.SpanID, ParentSpanID: d.ParentSpanID,
		DerivedFields: append([]string(nil), d.DerivedFields...),
	}
}
