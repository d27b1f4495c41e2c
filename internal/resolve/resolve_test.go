package resolve

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// event is an event of a run: its own span, the span above, its service, and its facts.
func event(id, span, parent, service string, change func(*semconv.Event)) *semconv.Event {
	e := &semconv.Event{
		SchemaVersion: semconv.SchemaVersion, EventID: id, EventType: semconv.TypeToolCall, RunID: "run", SpanID: span, ParentSpanID: parent,
		Source: fmt.Appendf(nil, `{"dialect":"d","service":%q}`, service), SessionID: "run", AgentID: service, DerivedFields: []string{"session_id", "agent_id"},
	}
	if change != nil {
		change(e)
	}
	return e
}

func says1(session, user, agent string) func(*semconv.Event) {
	return func(e *semconv.Event) {
		e.DerivedFields = nil
		e.SessionID, e.UserID, e.AgentID = session, user, agent
	}
}

// The root ends, and is sealed, after what is below it.
func TestLateRoot(t *testing.T) {
	child := event("c", "2", "1", "shop", nil)
	root := event("r", "1", "", "shop", says1("s", "ann", "support"))
	r := Events([]*semconv.Event{child, root})
	require.Equal(t, []Field{{"session_id", "s", []string{"r"}}, {"user_id", "ann", []string{"r"}}, {"agent_id", "support", []string{"r"}}}, r[0].Fields)
	require.Empty(t, r[1].Fields)
	e, fields := r[0].Apply(child)
	require.Equal(t, []string{"s", "ann", "support"}, []string{e.SessionID, e.UserID, e.AgentID})
	require.Equal(t, []string{"session_id", "user_id", "agent_id"}, fields)
	require.Equal(t, "run", child.SessionID, "the event itself is not changed")
}

// What a root of another service says, or another sender's, is not this service's, unless it
// is above it; and what an event says itself nobody changes.
func TestHostileRoot(t *testing.T) {
	evil := event("e", "9", "", "evil", says1("decoy", "mallory", "decoy"))
	above := event("a", "1", "", "front", says1("s", "ann", "router"))
	other := event("o", "1", "", "bank", says1("decoy", "mallory", "decoy"))
	other.Sender = []byte(`{"name":"mallory"}`)
	for _, others := range [][]*semconv.Event{{evil}, {other}, {evil, other}} {
		mine := event("m", "2", "1", "bank", nil)
		r := Events(append(others, mine))
		require.Empty(t, r[len(others)].Fields)
		mine = event("m", "2", "1", "bank", says1("mine", "bob", "teller"))
		r = Events(append(others, mine))
		require.Empty(t, r[len(others)].Fields)
		require.Empty(t, r[len(others)].Conflicts)
	}
	r := Events([]*semconv.Event{evil, event("m", "2", "1", "bank", nil), above})
	require.Equal(t, []Field{{"session_id", "s", []string{"a"}}, {"user_id", "ann", []string{"a"}}}, r[1].Fields, "not its agent")
}

func TestConflict(t *testing.T) {
	a := event("a", "2", "9", "shop", says1("s", "ann", "a"))
	b := event("b", "3", "9", "shop", says1("s", "bob", "b"))
	c := event("c", "4", "9", "shop", nil)
	r := Events([]*semconv.Event{a, b, c})
	require.Equal(t, []Field{{"session_id", "s", []string{"a", "b"}}}, r[2].Fields)
	require.Equal(t, []Conflict{{"user_id", []string{"ann", "bob"}}, {"agent_id", []string{"a", "b"}}}, r[2].Conflicts)
}

// What describes an agent holds for that agent, as it was resolved.
func TestOfAgents(t *testing.T) {
	a := event("a", "1", "", "shop", func(e *semconv.Event) {
		says1("s", "", "a")(e)
		e.AgentName, e.SystemPromptHash = "Ann", "hash of a"
	})
	b := event("b", "2", "1", "shop", func(e *semconv.Event) {
		says1("s", "", "b")(e)
		e.AgentName = "Bob"
	})
	below := event("c", "3", "2", "shop", func(e *semconv.Event) { e.EventType = semconv.TypeLLMCall })
	r := Events([]*semconv.Event{below, a, b})
	require.Equal(t, "b", r[0].Get("agent_id"))
	require.Equal(t, "Bob", r[0].Get("agent_name"))
	require.Empty(t, r[0].Get("system_prompt_hash"), "which is another's")
	r = Events([]*semconv.Event{event("c", "3", "1", "shop", func(e *semconv.Event) { e.EventType = semconv.TypeLLMCall }), a, b})
	require.Equal(t, "hash of a", r[0].Get("system_prompt_hash"))
}

func TestErrata(t *testing.T) {
	ids := func(e *semconv.Event, line, writer string) (list []string) {
		for _, x := range Errata(e, []byte(line), writer) {
			list = append(list, x.ID)
		}
		return list
	}
	e := &semconv.Event{SchemaVersion: "1", EventType: semconv.TypeToolCall, Outcome: semconv.OutcomeSuccess}
	require.Equal(t, []string{"outcome-assumed"}, ids(e, "", "0.1.0"))
	require.Equal(t, []string{"outcome-assumed"}, ids(e, "", ""))
	require.Empty(t, ids(e, "", "0.2.0"))
	require.Empty(t, ids(e, "", "0.1.1"))
	e.ToolOutput = []byte(`"ok"`)
	require.Empty(t, ids(e, "", ""), "which came back")
	require.Equal(t, []string{"text-replaced"}, ids(e, `{"tool_output":"[system prompt sha256:00]"}`, ""))
	require.Empty(t, ids(&semconv.Event{SchemaVersion: "1.1", EventType: semconv.TypeToolCall, Outcome: semconv.OutcomeSuccess}, "", ""))
	require.Equal(t, []string{"answer-of-another"}, ids(&semconv.Event{SchemaVersion: "1", EventType: semconv.TypeSessionEnd, FinalOutput: "x", DerivedFields: []string{"final_output"}}, "", ""))

	known := map[string]bool{}
	for _, x := range errata {
		require.NotEmpty(t, x.ID)
		require.False(t, known[x.ID], x.ID)
		known[x.ID] = true
		require.NotEmpty(t, x.Says, x.ID)
		require.NotEmpty(t, x.Schema+x.Writer, "%s touches everything", x.ID)
		for _, f := range []string{x.Field, x.Without} {
			require.True(t, f == "" || semconv.FieldNamed(f) != nil, x.ID)
		}
		for _, typ := range x.Types {
			require.True(t, typ.Valid(), x.ID)
		}
	}
}

func TestFactsAreFields(t *testing.T) {
	require.Len(t, facts, len(names))
	for _, name := range names {
		e := &semconv.Event{}
		*facts[name].of(e) = "x"
		require.True(t, e.Has(name))
	}
}
