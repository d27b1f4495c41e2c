package ask

import (
	"encoding/json"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// request is a tool call that a model asked for.
type request struct {
	event *trail.Event
	whole *semconv.Event
	place int

	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// ask takes in what a model asked for.
func (q *asking) ask(place int, e *trail.Event, w *semconv.Event) {
	if w.EventType != semconv.TypeLLMCall && w.EventType != semconv.TypeMessage {
		return
	}
	var list []request
	_ = json.Unmarshal(w.ToolCallsRequested, &list) // of another shape: nothing is known of it
	for _, r := range list {
		r.event, r.whole, r.place = e, w, place
		q.requests = append(q.requests, r)
	}
}

// related reports whether two events may be of one matter: one sender told both.
func related(a, b *semconv.Event) bool { return string(a.Sender) == string(b.Sender) }

// request is what the model asked for that became an action: what it asked for under the same id
// in the same run, else in the session where that is one; else, where the action names the model
// call that triggered it, the one tool of that name that it asked for, if no other action can be
// meant. Where it is not known, why says what would tell.
func (q *asking) request(x *Action, actions []*Action) (r *request, why []Missing) {
	id := x.w.ToolCallID
	for _, everywhere := range []bool{false, true} {
		var found []*request
		for i := range q.requests {
			c := &q.requests[i]
			if id != "" && c.ID == id && c.place < x.place && related(c.whole, x.w) &&
				(c.whole.RunID == x.w.RunID || everywhere) && (c.Name == "" || x.w.ToolName == "" || c.Name == x.w.ToolName) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return agreed(found), nil
		}
	}
	if r = q.triggered(x, actions); r != nil {
		return r, nil
	}
	if id == "" {
		why = append(why, q.lacks(x.e, "tool_call_id"))
	}
	for i, e := range q.t.Events {
		w := q.whole[i]
		if w.EventType == semconv.TypeLLMCall && w.RunID == x.w.RunID && i < x.place && len(w.ToolCallsRequested) == 0 {
			why = append(why, q.lacks(e, "tool_calls_requested", "output_messages"))
		}
	}
	if len(why) == 0 {
		why = append(why, Missing{Field: "tool_calls_requested"})
	}
	return nil, why
}

// agreed is the last of several tellings of one request; nil where they differ, so that it is
// not known which was meant.
func agreed(list []*request) *request {
	last := list[len(list)-1]
	for _, r := range list[:len(list)-1] {
		if r.Name != last.Name || compare(r.Arguments, last.Arguments) != same {
			return nil
		}
	}
	return last
}

func (q *asking) triggered(x *Action, actions []*Action) *request {
	parent := semconv.LegacyEventID(x.w.ParentEventID)
	if parent == "" || x.w.ToolName == "" || x.w.ToolCallID != "" {
		return nil
	}
	var found []*request
	for i := range q.requests {
		c := &q.requests[i]
		if semconv.LegacyEventID(c.event.EventID) == parent && c.Name == x.w.ToolName && related(c.whole, x.w) {
			found = append(found, c)
		}
	}
	others := slices.ContainsFunc(actions, func(o *Action) bool {
		return o != x && o.w.ToolName == x.w.ToolName && semconv.LegacyEventID(o.w.ParentEventID) == parent
	})
	if len(found) != 1 || others {
		return nil
	}
	return found[0]
}

// approval is what is told of an approval of an action.
type approval struct {
	event *trail.Event
	w     *semconv.Event
	own   bool // the action itself tells it
	input json.RawMessage
}

// decided reports whether it says how it was decided.
func (a *approval) decided() bool {
	return a.w.ApprovalStatus == semconv.ApprovalApproved || a.w.ApprovalStatus == semconv.ApprovalRejected
}

// approvals are those of an action: under its id, in its run or else in its session, or told by
// itself. ambiguous is set where the id is that of other actions too, so that it is not known
// which of them is meant.
func (q *asking) approvals(x *Action) (list []approval, ambiguous bool) {
	if x.w.ApprovalStatus != "" {
		list = append(list, approval{x.e, x.w, true, x.w.ApprovedInput})
	}
	if x.w.ToolCallID == "" {
		return list, false
	}
	for _, everywhere := range []bool{false, true} {
		if told, twice := q.told(x, everywhere); len(told) > 0 {
			return append(list, told...), twice
		}
	}
	return list, false
}

// told are the approvals under the id of an action, in its run or everywhere in the session;
// twice is set where several actions there have the id.
func (q *asking) told(x *Action, everywhere bool) (list []approval, twice bool) {
	actions := 0
	for i, e := range q.t.Events {
		w := q.whole[i]
		if w.ToolCallID != x.w.ToolCallID || w.RunID != x.w.RunID && !everywhere || !related(w, x.w) || w.ToolName != "" && x.w.ToolName != "" && w.ToolName != x.w.ToolName {
			continue
		}
		switch w.EventType {
		case semconv.TypeToolCall, semconv.TypeToolResult:
			actions++
		case semconv.TypeApproval:
			input := w.ApprovedInput
			if len(input) == 0 {
				input = w.ToolInput
			}
			list = append(list, approval{e, w, false, input})
		}
	}
	return list, actions > 1
}

func dialect(source json.RawMessage) string {
	var s struct{ Dialect string }
	_ = json.Unmarshal(source, &s) // of a line, which is checked
	return s.Dialect
}

func serviceOf(source json.RawMessage) string {
	var s struct{ Service string }
	_ = json.Unmarshal(source, &s) // of a line, which is checked
	return s.Service
}
