package resolve

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// agentRun is the start of an agent run whose agent is its own and marked as derived, as from
// the name of its span.
func agentRun(id, span, parent, agent string) *semconv.Event {
	return event(id, span, parent, "shop", func(e *semconv.Event) {
		e.EventType, e.AgentID, e.AgentName = semconv.TypeSessionStart, agent, agent
		e.DerivedFields = []string{"session_id", "agent_id", "agent_name"}
	})
}

// named is an agent run that says its agent, by its name alone.
func named(id, span, parent, agent string) *semconv.Event {
	e := agentRun(id, span, parent, agent)
	e.DerivedFields = []string{"session_id", "agent_id"}
	return e
}

func call(id, span, parent string) *semconv.Event {
	return event(id, span, parent, "shop", func(e *semconv.Event) { e.EventType = semconv.TypeLLMCall })
}

// An event is of the agent of the run that it is below, however that agent is known; where
// spans between them gave no event, of the one agent that it can be.
func TestAgentRuns(t *testing.T) {
	inherited := agentRun("start", "1", "", "support")
	inherited.DerivedFrom = []byte(`{"agent_id":"other","agent_name":"other"}`)
	for name, c := range map[string]struct {
		events   []*semconv.Event // the first is asked for
		want     string           // its agent; "" where none is taken
		conflict []string
	}{
		"named":                        {[]*semconv.Event{call("c", "2", "1"), named("start", "1", "", "support")}, "support", nil},
		"by the span's name":           {[]*semconv.Event{call("c", "2", "1"), agentRun("start", "1", "", "support")}, "support", nil},
		"the nearest":                  {[]*semconv.Event{call("c", "3", "2"), agentRun("sub", "2", "1", "refunds"), named("start", "1", "", "support")}, "refunds", nil},
		"an inherited one is no own":   {[]*semconv.Event{call("c", "2", "1"), inherited}, "", nil},
		"below the root":               {[]*semconv.Event{call("c", "9", "8"), agentRun("start", "1", "", "support")}, "support", nil},
		"below no root":                {[]*semconv.Event{call("c", "9", "8"), agentRun("start", "2", "1", "support")}, "", nil},
		"below one of two":             {[]*semconv.Event{call("c", "9", "8"), agentRun("start", "1", "", "support"), named("sub", "2", "7", "refunds")}, "", []string{"refunds", "support"}},
		"in a workflow":                {[]*semconv.Event{call("c", "9", "8"), agentRun("flow", "1", "", "invocation"), named("start", "2", "1", "support")}, "support", nil},
		"a workflow":                   {[]*semconv.Event{agentRun("flow", "1", "", "invocation"), named("start", "2", "1", "support")}, "support", nil},
		"an agent that calls, and one": {[]*semconv.Event{agentRun("start", "1", "", "support"), call("c", "3", "1"), named("sub", "2", "1", "refunds")}, "", nil},
		"its call":                     {[]*semconv.Event{call("c", "3", "1"), agentRun("start", "1", "", "support"), named("sub", "2", "1", "refunds")}, "support", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := Events(c.events)[0]
			require.Equal(t, c.want, r.Get("agent_id"))
			require.Equal(t, c.want, r.Get("agent_name"), "which goes with it")
			var conflict []string
			for _, x := range r.Conflicts {
				conflict = append(conflict, x.Values...)
			}
			require.Equal(t, c.conflict, conflict)
		})
	}
}

// What a run calls is known from its calls.
func TestModelOfARun(t *testing.T) {
	model := func(e *semconv.Event, id string) *semconv.Event {
		e.ModelID = id
		return e
	}
	tool := event("t", "3", "1", "shop", nil)
	require.Equal(t, "m", Events([]*semconv.Event{tool, model(call("c", "2", "1"), "m")})[0].Get("model_id"))
	require.Empty(t, Events([]*semconv.Event{tool, model(call("c", "2", "1"), "m"), model(call("d", "4", "1"), "n")})[0].Get("model_id"))
	require.Empty(t, Events([]*semconv.Event{tool, model(event("u", "2", "9", "shop", nil), "m")})[0].Get("model_id"))
	require.Empty(t, Events([]*semconv.Event{call("c", "2", "1"), model(named("start", "1", "", "support"), "m")})[0].Get("model_id"))
}
