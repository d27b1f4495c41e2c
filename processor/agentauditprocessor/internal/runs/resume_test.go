package runs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

const asking = `[{"role":"assistant","parts":[{"type":"function_approval_request","id":"c1","function_call":{"id":"c1","name":"pay","arguments":{"n":1}}}]}]`

// stopping is a run whose model says so much, and that ends well.
func stopping(trace byte, session, says string) []s {
	return []s{
		{id: 1, trace: trace, kind: "agent", ok: true, from: 60*int(trace) + 1, to: 60*int(trace) + 30, a: map[string]any{"gen_ai.agent.id": "a", "session.id": session}},
		{id: 2, trace: trace, parent: 1, kind: "chat", a: map[string]any{"gen_ai.output.messages": says, "session.id": session}},
	}
}

// going is a run that begins with the call, and answers.
func going(trace byte, session, service, id string) []s {
	a := map[string]any{"gen_ai.tool.call.arguments": `{"n":1}`, "gen_ai.tool.call.result": "ok", "session.id": session}
	if id != "" {
		a["gen_ai.tool.call.id"] = id
	}
	return []s{
		{id: 1, trace: trace, kind: "agent", ok: true, service: service, from: 60*int(trace) + 1, to: 60*int(trace) + 30, a: map[string]any{"gen_ai.agent.id": "a", "session.id": session}},
		{id: 2, trace: trace, parent: 1, kind: "tool", service: service, a: a},
		{id: 3, trace: trace, parent: 1, kind: "chat", service: service, a: map[string]any{"gen_ai.output.messages": answering("paid"), "session.id": session}},
	}
}

// TestWaiting: a run that stops to ask a person has not succeeded, and what goes on with it says
// so: in its own session, resource and sender only. In one request, or each in one of its own.
func TestWaiting(t *testing.T) {
	me := runs.Sender{Name: "me"}
	for name, c := range map[string]struct {
		first, second []s
		by            runs.Sender
		outcome       string // of the first, where it is seen alone
		goesOn        bool
	}{
		"it asked":                      {stopping(1, "s", asking), going(2, "s", "", "c1"), me, "suspended", true},
		"of another session":            {stopping(1, "s", asking), going(2, "t", "", "c1"), me, "suspended", false},
		"of another resource":           {stopping(1, "s", asking), going(2, "s", "other", "c1"), me, "suspended", false},
		"of another sender":             {stopping(1, "s", asking), going(2, "s", "", "c1"), runs.Sender{Name: "you"}, "suspended", false},
		"with another call":             {stopping(1, "s", asking), going(2, "s", "", "c2"), me, "suspended", false},
		"it left a call undone":         {stopping(1, "s", asks), going(2, "s", "", ""), me, "", true},
		"undone, of another session":    {stopping(1, "s", asks), going(2, "t", "", ""), me, "", false},
		"undone, of another resource":   {stopping(1, "s", asks), going(2, "s", "other", ""), me, "", false},
		"undone, of another sender":     {stopping(1, "s", asks), going(2, "s", "", ""), runs.Sender{Name: "you"}, "", false},
		"it answered, and had no calls": {stopping(1, "s", answering("x")), going(2, "s", "", ""), me, "success", false},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(first, second []*runs.Event) *runs.Event {
				t.Helper()
				end, begun := only(t, first, semconv.TypeSessionEnd), only(t, second, semconv.TypeSessionStart)
				if c.goesOn {
					require.Equal(t, end.EventID, begun.ParentEventID)
				} else {
					require.Empty(t, begun.ParentEventID)
				}
				if c.outcome != "success" {
					require.Empty(t, end.FinalOutput)
				}
				require.Equal(t, []string{"success", "paid"}, []string{only(t, second, semconv.TypeSessionEnd).Outcome, only(t, second, semconv.TypeSessionEnd).FinalOutput})
				require.Equal(t, "success", only(t, second, semconv.TypeToolCall).Outcome)
				for _, e := range first {
					require.NotEqual(t, semconv.TypeToolCall, e.EventType, "nothing was run")
				}
				return end
			}
			m := mapper()
			end := check(requestOf(t, m, me, c.first...), requestOf(t, m, c.by, c.second...))
			require.Equal(t, c.outcome, end.Outcome)

			m = mapper() // the spans of each as they end, the root last
			var first, second []*runs.Event
			for i := len(c.first) - 1; i >= 0; i-- {
				first = append(first, requestOf(t, m, me, c.first[i])...)
			}
			for _, i := range []int{1, 2, 0} {
				second = append(second, requestOf(t, m, c.by, c.second[i])...)
			}
			require.Equal(t, c.outcome, check(first, second).Outcome)

			if c.by != me {
				return
			}
			first, second = nil, nil
			for _, e := range requestOf(t, mapper(), me, append(append([]s(nil), c.first...), c.second...)...) {
				if e.RunID[:2] == "01" {
					first = append(first, e)
				} else {
					second = append(second, e)
				}
			}
			want := c.outcome
			if c.goesOn {
				want = "suspended" // which is known in hindsight
			}
			require.Equal(t, want, check(first, second).Outcome)
		})
	}
}

// TestOneCallInTheEnd: the call that waited, and was told of without a result, and the same call
// when it was run, are counted once.
func TestOneCallInTheEnd(t *testing.T) {
	waits := s{id: 3, trace: 1, parent: 1, kind: "tool", ok: true, a: map[string]any{"gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": `{"n":1}`, "session.id": "s"}}
	first, second := append(stopping(1, "s", asks), waits), going(2, "s", "", "c1")
	counted := func(events []*runs.Event) (list []*runs.Event) {
		for _, e := range events {
			if e.EventType == semconv.TypeToolCall && e.LayerOf == "" {
				list = append(list, e)
			}
		}
		return list
	}
	both := counted(request(t, mapper(), append(append([]s(nil), first...), second...)...))
	require.Len(t, both, 1)
	require.Equal(t, "success", both[0].Outcome)

	m := mapper()
	alone := counted(request(t, m, first...))
	require.Len(t, alone, 1)
	require.Empty(t, alone[0].Outcome, "of a call that may wait nothing is claimed")
	for _, e := range request(t, m, second...) {
		if e.EventType == semconv.TypeToolCall {
			require.Equal(t, alone[0].EventID, e.LayerOf)
		}
	}
}

// TestDecisionsAreToldOnce: what says of a call that it was approved is a decision; where none is
// told, that the call was run.
func TestDecisionsAreToldOnce(t *testing.T) {
	m := mapper()
	request(t, m, stopping(1, "s", asking)...)
	var approvals []*runs.Event
	for range 2 { // whatever comes again
		for _, e := range request(t, m, going(2, "s", "", "c1")...) {
			if e.EventType == semconv.TypeApproval {
				approvals = append(approvals, e)
			}
		}
	}
	require.Len(t, approvals, 1)
	require.Equal(t, semconv.ApprovalApproved, approvals[0].ApprovalStatus)
	require.Contains(t, approvals[0].DerivedFields, "approval_status")
}
