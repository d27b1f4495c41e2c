package runs

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
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
	b.findAsks()
	b.survey()
	for _, n := range b.nodes {
		switch {
		case n.d == nil:
		case n.isRun && n.joined == nil:
			b.emitRun(n)
			b.emitAsks(n)
			b.emitAnswers(n) // with which it goes on
		case n.isEvent() && len(n.d.Asks) > 0 && (n.d.Kind == dialect.Approval || n.d.Kind == dialect.Tool && n.d.Outcome == "" && len(n.d.ToolOutput) == 0):
			b.emitAsks(n) // the call waits: it was not run
		case n.isStep():
			e := base(n)
			e.EventType, e.EndTimestamp = semconv.TypeStep, n.d.EndTimestamp
			n.main = b.place(n, e, n.mainID(), 0)
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
		ev:     Event{Event: e, Dialect: n.d.Dialect.Name, Prompt: n.d.Prompt, Secrets: n.d.Secrets, Span: n.key.span, Sent: true, From: b.sender.Name, Workload: n.d.Record.Workload()},
	}
	p := &both.placed
	p.ev = &both.ev
	b.out = append(b.out, p)
	return p
}

// emitRun makes the start and the end of a run of one frame.
func (b *batch) emitRun(n *node) {
	n.start = b.place(n, b.runStart(n), n.spanEvent(semconv.TypeSessionStart), -2)
	b.emitDecisions(n)
	if n.frame == nil && n.start.ev.ParentEventID == "" {
		n.start.ev.ParentEventID = n.part.Continues
	}
	if n.d.Error != "" && n.d.EndedBy == "" {
		b.emitError(n)
	}
	n.end = b.place(n, b.runEnd(n), n.spanEvent(semconv.TypeSessionEnd), 1)
	b.leave(n)
}

// spanEvent is the id of an event that a span gives.
func (n *node) spanEvent(role semconv.EventType) string {
	return semconv.SpanEventID(n.key.trace, n.key.span, string(role))
}

// ofCalls are the fields of a frame that stand on the events of its calls: it repeats them
// at the most. ofEnd, and ofStart, stand on that event only.
var (
	ofCalls = []string{
		"input_messages", "output_messages", "output_text", "reasoning", "finish_reasons", "tool_calls_requested", "operation", "content_state",
		"response_id", "response_model_id", "tool_name", "tool_call_id", "tool_input", "tool_output", "error", "error_type", "stack",
	}
	ofEnd   = []string{"final_output", "outcome"}
	ofStart = []string{"user_message", "tools_available"}
)

// frameEvent is an event of a run, without the fields that are others'.
func (n *node) frameEvent(t semconv.EventType, without []string) *semconv.Event {
	e := n.d.Event
	e.EventType = t
	for _, list := range [][]string{ofCalls, without} {
		for _, f := range list {
			e.Clear(f)
		}
	}
	e.DerivedFields = slices.DeleteFunc(slices.Clone(e.DerivedFields), func(f string) bool {
		return slices.Contains(ofCalls, f) || slices.Contains(without, f)
	})
	return &e
}

func (b *batch) runStart(n *node) *semconv.Event {
	e := n.frameEvent(semconv.TypeSessionStart, ofEnd)
	if e.UserMessage == "" && n.frame == nil {
		if first := b.asked[n]; first != nil {
			e.UserMessage, _ = jsontext.ParseString(first.d.UserJSON)
		} else {
			e.UserMessage = n.part.UserText(n.d.Timestamp, n.d.Record.End)
		}
		if e.UserMessage != "" {
			e.DerivedFields = append(e.DerivedFields, "user_message")
		}
	}
	return e
}

func (b *batch) runEnd(n *node) *semconv.Event {
	d, e := n.d, n.frameEvent(semconv.TypeSessionEnd, ofStart)
	e.Timestamp = d.Record.End
	if e.Timestamp.Before(d.Timestamp) {
		e.Timestamp = d.Timestamp
	}
	e.EndTimestamp = e.Timestamp
	waits := b.stops(n)
	if e.FinalOutput == "" && d.Error == "" && d.EndedBy == "" && !waits {
		if e.FinalOutput = b.lastAnswer(n); e.FinalOutput != "" {
			e.DerivedFields = append(e.DerivedFields, "final_output")
		}
	}
	switch {
	case e.Outcome != "" || d.EndedBy != "":
	case waits:
		e.Outcome = semconv.OutcomeSuspended
	case e.FinalOutput != "" || d.Record.Succeeded && len(n.part.Undone()) == 0:
		// A run that ended well without what its model asked for last may be one that waits.
		e.Outcome = semconv.OutcomeSuccess
		if !d.Record.Succeeded {
			e.DerivedFields = append(e.DerivedFields, "outcome")
		}
	}
	if d.EndedBy != "" {
		e.EventType, e.Reason = semconv.TypeSessionTimeout, d.EndedBy
		e.Error, e.ErrorType = d.Error, d.ErrorType // the limit, in words
	}
	return e
}

// emitError tells of an error of a run that no event in it tells of: errors climb
// from where they happen to every span above.
func (b *batch) emitError(n *node) {
	if n.part.Failed(n.d.Error) {
		return // told of, in this request or an earlier one
	}
	e := base(n)
	e.EventType = semconv.TypeError
	e.Timestamp = n.d.Record.End
	e.Error, e.ErrorType, e.Stack = n.d.Error, n.d.ErrorType, n.d.Stack
	b.place(n, e, n.spanEvent(semconv.TypeError), 0)
}

// survey notes, once for all runs of the request, what their starts and ends ask for: what
// its user said first, which has failed, and what its model said last.
func (b *batch) survey() {
	b.last, b.asked = map[*node]*node{}, map[*node]*node{}
	later := func(of, n *node) {
		if last := b.last[of]; last == nil || !n.ended().Before(last.ended()) {
			b.last[of] = n
		}
	}
	for _, n := range b.nodes {
		if n.d != nil && n.frame != nil && n.d.UserJSON != "" && (n.d.Kind == dialect.LLM || n.d.Kind == dialect.Message) {
			if top := n.frame.top(); b.asked[top] == nil || n.d.Timestamp.Before(b.asked[top].d.Timestamp) {
				b.asked[top] = n
			}
		}
		if !n.isEvent() {
			continue
		}
		n.part.LearnFailure(n.d.Error)
		if n.d.Kind != dialect.LLM || n.frame == nil {
			continue
		}
		later(n.frame, n)
		// The last word of a workflow is that of the agent within it; an agent does not say
		// what another one said.
		if top := n.frame.top(); top != n.frame && (top.d.Kind == dialect.Chain || agentOf(top.d) == agentOf(n.d)) {
			later(top, n)
		}
	}
}

// lastAnswer is the answer of the last model call of a run, where that call asked
// for no tool: what the run said at its end.
func (b *batch) lastAnswer(n *node) string {
	switch last := b.last[n]; {
	case last != nil && (len(last.d.Requested) > 0 || last.d.Error != ""):
		return ""
	case last != nil && last.d.OutputText != "":
		return last.d.OutputText
	}
	a := n.part.Last
	mine := a.Agent == agentOf(n.d) || n.d.Kind == dialect.Chain || a.Agent == "" && !n.part.Agent.Several
	if !mine || a.Begun.Before(n.d.Timestamp) || a.Begun.After(n.d.Record.End) && !a.Log {
		return ""
	}
	return a.Text
}
