package resolve

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// sealed is an event as its line would have it, and the line.
func sealed(t *testing.T, e *semconv.Event) (*semconv.Event, []byte) {
	t.Helper()
	e.SchemaVersion = ""
	span := ptrace.NewSpan()
	semconv.WriteSpan(e, span)
	line, _, err := semconv.AppendSpan(nil, span)
	require.NoError(t, err)
	got, err := semconv.ParseLine(line)
	require.NoError(t, err)
	return got, line
}

func show(t *testing.T, events ...*semconv.Event) []Shown {
	t.Helper()
	list := make([]Outline, len(events))
	for i, e := range events {
		list[i] = NewOutline(sealed(t, e))
	}
	return Show(list)
}

func from(sender string) func(*semconv.Event) {
	return func(e *semconv.Event) { e.Sender = json.RawMessage(`{"subject":"` + sender + `"}`) }
}

func layerOf(id string, more ...func(*semconv.Event)) func(*semconv.Event) {
	return func(e *semconv.Event) {
		e.LayerOf = id
		for _, f := range more {
			f(e)
		}
	}
}

// Each event is shown once: what repeats it and what tells of the same thing is with it.
func TestShow(t *testing.T) {
	got := show(t,
		event("a", "1", "", "shop", nil),
		event("b", "2", "", "shop", layerOf("c")),
		event("a", "1", "", "shop", from("other")), // the same, whoever sent it
		event("c", "3", "", "shop", layerOf("a")),
		event("a", "1", "", "shop", func(e *semconv.Event) { e.ToolName = "another content" }),
		event("d", "4", "", "shop", layerOf("nowhere")),
	)
	var at []int
	for _, s := range got {
		at = append(at, s.At)
	}
	require.ElementsMatch(t, []int{0, 4, 5}, at)
	for _, s := range got {
		switch s.At {
		case 0:
			require.Equal(t, []int{2}, s.Doubles)
			require.Len(t, s.Layers, 2, "layers of layers too")
			require.Equal(t, -1, s.Reused)
		case 4:
			require.Equal(t, 0, s.Reused, "a sender cannot hide another's event")
		}
	}
}

// Whatever a sender calls a layer of what, every event is shown, or is with one that is, and
// with none of another sender.
func TestLayersHideNothing(t *testing.T) {
	for name, events := range map[string][]*semconv.Event{
		"of itself":     {event("a", "1", "", "shop", layerOf("a"))},
		"of each other": {event("a", "1", "", "shop", layerOf("b")), event("b", "2", "", "shop", layerOf("a"))},
		"of another sender's": {
			event("a", "1", "", "shop", from("ann")), event("b", "2", "", "shop", layerOf("a", from("eve"))),
		},
	} {
		t.Run(name, func(t *testing.T) { require.Len(t, show(t, events...), len(events)) })
	}
}

// An event is of the session that it names, else of the one that its run names, else of the
// one that it was sealed with.
func TestOf(t *testing.T) {
	events := []*semconv.Event{
		event("own", "1", "", "shop", says1("s", "ann", "a")),
		event("run", "2", "1", "shop", nil),
		event("run of another sender", "2", "1", "shop", from("eve")),
		event("run of another service", "3", "", "bank", nil),
		event("none", "4", "", "bank", func(e *semconv.Event) { e.RunID, e.SessionID = "other", "s" }),
		event("other", "5", "1", "shop", says1("x", "ann", "a")),
	}
	list := make([]Outline, len(events))
	for i, e := range events {
		list[i] = NewOutline(e, nil)
	}
	of := map[string][]string{}
	for i, r := range Outlines(list) {
		for _, session := range []string{"s", "x", "run", ""} {
			if r.Of(&list[i], session) {
				of[events[i].EventID] = append(of[events[i].EventID], session)
			}
		}
	}
	require.Equal(t, map[string][]string{
		"own": {"s"}, "run": {"s"}, "run of another sender": {"run"}, "run of another service": {"run"}, "none": {"s"}, "other": {"x"},
	}, of)

	// Two sessions claim one run: it is shown under both.
	list[1].ParentSpanID = ""
	r := Outlines(list)[1]
	require.Nil(t, r.Session)
	require.True(t, r.Of(&list[1], "s") && r.Of(&list[1], "x"))
}

// TestView: the line that is shown has what others say in place, is one of the schema, and
// says what it has from whom.
func TestView(t *testing.T) {
	main, line := sealed(t, event("call", "2", "1", "shop", func(e *semconv.Event) {
		e.ToolName, e.Oversize = "pay", json.RawMessage(`{"tool_input":{"bytes":9,"sha256":"aa"}}`)
	}))
	require.Contains(t, main.MissingFields, "step_number")
	layer, layerLine := sealed(t, event("layer", "3", "2", "shop", func(e *semconv.Event) {
		e.ToolOutput, e.ToolName, e.UserID = json.RawMessage(`{"big":18446744073709551615,"<":">"}`), "not this", "not this"
		e.Outcome, e.DerivedFields = semconv.OutcomeSuccess, []string{"session_id", "agent_id", "outcome", "model_id"}
		e.ModelID, e.DerivedFrom = "not this", json.RawMessage(`{"model_id":"another"}`)
		e.Oversize = json.RawMessage(`{"tool_output":{"bytes":7,"sha256":"bb"},"tool_name":{"bytes":5,"sha256":"cc"}}`)
	}))
	foreign, foreignLine := sealed(t, event("foreign", "4", "2", "bank", func(e *semconv.Event) { e.ToolDescription = "not this" }))
	root := event("root", "1", "", "shop", says1("s", "ann", "support"))
	events := []*semconv.Event{main, root}
	r := Events(events)[0]
	v := View{
		Resolution: &r, Event: main, Line: line, Doubles: 2,
		Layers: []Layer{{layer, layerLine}, {foreign, foreignLine}},
		Errata: []Erratum{{ID: "x", Field: "outcome", Says: "it may be <wrong>"}}, Place: Place{"gw-0", "data/o", 7},
	}
	r.Conflicts = []Conflict{{"agent_version", []string{"1", "2"}}}
	shown, notes := v.Resolved()
	e, err := semconv.ParseLine(shown)
	require.NoError(t, err)
	require.Equal(t, []string{"s", "ann", "support", "pay", `{"big":18446744073709551615,"<":">"}`, "success", ""},
		[]string{e.SessionID, e.UserID, e.AgentID, e.ToolName, string(e.ToolOutput), e.Outcome, e.ToolDescription})
	require.Equal(t, []string{"outcome"}, e.DerivedFields)
	require.Empty(t, e.ModelID)
	require.Equal(t, main.MissingFields, e.MissingFields)
	require.JSONEq(t, `{"tool_input":{"bytes":9,"sha256":"aa"},"tool_output":{"bytes":7,"sha256":"bb"}}`, string(e.Oversize))

	text := v.AppendResolved(nil)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	for name, want := range map[string]string{
		"resolved_fields": `["agent_id","outcome","session_id","tool_output","user_id"]`,
		"resolved_from":   `{"agent_id":"root","outcome":"layer","session_id":"root","tool_output":"layer","user_id":"root"}`,
		"conflicts":       `{"agent_version":["1","2"]}`,
		"errata":          `[{"id":"x","field":"outcome","says":"it may be <wrong>"}]`,
		"layers":          `["layer","foreign"]`,
		"doubles":         `2`,
	} {
		require.Equal(t, want, string(all[name]), name)
		require.Equal(t, want, string(notes[name]), name)
		require.Nil(t, semconv.FieldNamed(name), "%s would be taken for a field", name)
	}
	require.Equal(t, `{"log":"gw-0","object":"data/o","line":7}`, string(all["sealed"]))
	require.Len(t, notes, 6)

	// What nothing else tells of is shown as it was sealed, byte for byte.
	alone := View{Resolution: &Resolution{}, Event: main, Line: line}
	shown, notes = alone.Resolved()
	require.Equal(t, string(line), string(shown))
	require.Empty(t, notes)
}

// What stays the event's own is named by what it is called in the schema.
func TestIdentityIsOfFields(t *testing.T) {
	for name := range identity {
		require.NotNil(t, semconv.FieldNamed(name), name)
	}
}
