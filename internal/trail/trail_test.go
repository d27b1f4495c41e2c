package trail

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func sealed(t *testing.T, objects ...[]*semconv.Event) (ledger.Reader, []ledger.PublicKey) {
	t.Helper()
	return trailtest.Seal(t, objects...)
}

// event is one of a session at a second.
func event(id string, typ semconv.EventType, session, run string, second int) *semconv.Event {
	return &semconv.Event{EventID: id, EventType: typ, SessionID: session, RunID: run, Timestamp: start.Add(time.Duration(second) * time.Second), StepNumber: semconv.Some(int64(second))}
}

func ids(t *Trail) (out []string) {
	for _, e := range t.Events {
		out = append(out, e.EventID)
	}
	return out
}

// completed are the fields that others of its run gave an event.
func completed(e *Event) (fields map[string]string) {
	for _, f := range e.Fields {
		if fields == nil {
			fields = map[string]string{}
		}
		fields[f.Name] = f.Value
	}
	return fields
}

// TestOrder: the begin of the run, its id, the step, the time in nanoseconds, the id.
func TestOrder(t *testing.T) {
	at := func(id, run string, second, nanosecond int, step int64) *semconv.Event {
		e := event(id, semconv.TypeToolCall, "s", run, second)
		e.Timestamp = e.Timestamp.Add(time.Duration(nanosecond))
		if e.StepNumber = semconv.Some(step); step == 0 {
			e.StepNumber = semconv.Optional[int64]{}
		}
		return e
	}
	want := []*semconv.Event{
		at("early root, told last", "y", 0, 0, 3),
		at("no step", "y", 1, 0, 0),
		at("later run", "b", 4, 0, 1),
		at("same begin", "c", 4, 0, 1),
		at("z", "c", 5, 0, 2),
		at("a nanosecond later", "c", 5, 1, 2),
		at("a nanosecond later, by id", "c", 5, 1, 2),
	}
	want = append([]*semconv.Event{at("first step", "y", 2, 0, 1), at("second step", "y", 2, 0, 2)}, want...)
	var names []string
	for _, e := range want {
		names = append(names, e.EventID)
	}
	for range 20 {
		shuffled := slices.Clone(want)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		r, keys := sealed(t, shuffled[:4], append(shuffled[4:], event("other", semconv.TypeLLMCall, "x", "q", 1)))
		got, err := Read(context.Background(), r, keys, nil, "s")
		require.NoError(t, err)
		require.Equal(t, names, ids(got))
		var out bytes.Buffer
		require.NoError(t, got.Table(&out, Look{Full: true}))
		for _, run := range []string{"\nrun y\n", "\nrun b\n", "\nrun c\n"} {
			require.Equal(t, 1, strings.Count(out.String(), run), "whose number it is")
		}
	}
}

func TestDoublesAndForgeries(t *testing.T) {
	again := event("a", semconv.TypeToolCall, "s", "r", 1)
	again.StepNumber = semconv.Some(int64(9))
	again.RecordedAt = start
	forged := event("a", semconv.TypeToolCall, "s", "r", 1)
	forged.ToolName = "other"
	r, keys := sealed(t, []*semconv.Event{event("a", semconv.TypeToolCall, "s", "r", 1)}, []*semconv.Event{again}, []*semconv.Event{forged})
	got, err := Read(context.Background(), r, keys, nil, "s")
	require.NoError(t, err)
	require.Equal(t, 1, got.Doubles, "the same but for recorded_at and step_number")
	require.Len(t, got.Events, 2, "a sender cannot hide another's event")
	require.Len(t, got.Problems, 1)
	require.ErrorContains(t, got.Problems[0], "event_id_reused")
}

// TestUpgrade: an event that was told before and after ids got another form is one.
func TestUpgrade(t *testing.T) {
	trace, span := pcommon.TraceID{1}, pcommon.SpanID{2}
	plain := semconv.PlainEventID(semconv.NewResourceID("shop"), trace, span, "tool_call")
	before := event(semconv.SpanEventID(trace, span, "tool_call"), semconv.TypeToolCall, "s", "r", 1)
	layer := event("layer", semconv.TypeToolCall, "s", "r", 2)
	layer.LayerOf = plain
	message := event("message", semconv.TypeMessage, "s", "r", 3)
	message.ParentEventID = plain
	r, keys := sealed(t, []*semconv.Event{before},
		[]*semconv.Event{event(plain, semconv.TypeToolCall, "s", "r", 1), layer, message})
	got, err := Read(context.Background(), r, keys, nil, "s")
	require.NoError(t, err)
	require.Equal(t, 1, got.Doubles)
	require.Len(t, got.Events, 1)
	require.Len(t, got.Events[0].Layers, 1)
	require.Len(t, got.Events[0].Messages, 1)
	require.Empty(t, got.Problems)
}

func TestLateFacts(t *testing.T) {
	early := event("early", semconv.TypeToolCall, "run1", "run1", 1)
	early.DerivedFields = []string{"session_id"}
	root := event("root", semconv.TypeSessionStart, "s", "run1", 0)
	root.UserID, root.AgentVersion = "ann", "7"
	other := event("other", semconv.TypeToolCall, "run2", "run2", 1)
	other.DerivedFields = []string{"session_id"}
	r, keys := sealed(t, []*semconv.Event{early, other}, []*semconv.Event{root})
	for _, session := range []string{"s", "run1"} {
		got, err := Read(context.Background(), r, keys, nil, session)
		require.NoError(t, err)
		require.Equal(t, []string{"root", "early"}, ids(got), "by session and by run")
		require.Equal(t, "s", got.Events[1].SessionID)
		require.Equal(t, "ann", got.Events[1].UserID)
		require.Equal(t, map[string]string{"session_id": "s", "user_id": "ann", "agent_version": "7"}, completed(got.Events[1]))
		require.Contains(t, string(got.Events[1].Line), `"session_id":"run1"`, "the sealed line stays as it is")
	}
}

// TestNobodyIsCreditedWithWhatAnotherDid: a fact is taken over only within its run or
// agent, and only where nothing contradicts it.
func TestNobodyIsCreditedWithWhatAnotherDid(t *testing.T) {
	with := func(e *semconv.Event, change func(*semconv.Event)) *semconv.Event { change(e); return e }
	call := func(id, run, agent string, change func(*semconv.Event)) *semconv.Event {
		e := event(id, semconv.TypeLLMCall, "s", run, 1)
		e.AgentID = agent
		if change != nil {
			change(e)
		}
		return e
	}
	guessed := func(e *semconv.Event) { e.DerivedFields = []string{"agent_id"} }
	for name, c := range map[string]struct {
		events []*semconv.Event
		want   map[string]string // what the first event is completed with
	}{
		"one user in the run": {[]*semconv.Event{call("e", "r", "a", nil), with(call("f", "r", "a", nil), func(e *semconv.Event) { e.UserID = "ann" })}, map[string]string{"user_id": "ann"}},
		"two users in the run": {[]*semconv.Event{
			call("e", "r", "a", nil), call("f", "r", "a", func(e *semconv.Event) { e.UserID = "ann" }), call("g", "r", "a", func(e *semconv.Event) { e.UserID = "eve" }),
		}, nil},
		"another run":  {[]*semconv.Event{call("e", "r", "a", nil), call("f", "q", "a", func(e *semconv.Event) { e.UserID = "ann" })}, nil},
		"no run":       {[]*semconv.Event{call("e", "", "a", nil), call("f", "", "a", func(e *semconv.Event) { e.UserID = "ann" })}, nil},
		"its own user": {[]*semconv.Event{call("e", "r", "a", func(e *semconv.Event) { e.UserID = "bob" }), call("f", "r", "a", func(e *semconv.Event) { e.UserID = "ann" })}, nil},
		"its agent": {[]*semconv.Event{call("e", "r", "a", nil), call("f", "r", "a", func(e *semconv.Event) {
			e.AgentName, e.AgentVersion, e.SystemPromptHash = "A", "7", strings.Repeat("0", 64)
		})}, map[string]string{"agent_name": "A", "agent_version": "7", "system_prompt_hash": strings.Repeat("0", 64)}},
		"another agent": {[]*semconv.Event{call("e", "r", "a", nil), call("f", "r", "b", func(e *semconv.Event) {
			e.AgentName, e.AgentVersion, e.SystemPromptHash = "B", "7", strings.Repeat("0", 64)
		})}, nil},
		"a guessed agent":             {[]*semconv.Event{call("e", "r", "guess", guessed), call("f", "r", "a", func(e *semconv.Event) { e.AgentName = "A" })}, map[string]string{"agent_id": "a", "agent_name": "A"}},
		"a guess among agents":        {[]*semconv.Event{call("e", "r", "guess", guessed), call("f", "r", "a", nil), call("g", "r", "b", nil)}, nil},
		"a guess does not contradict": {[]*semconv.Event{call("e", "r", "guess", guessed), call("f", "r", "other guess", guessed), call("g", "r", "a", nil)}, map[string]string{"agent_id": "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, keys := sealed(t, c.events)
			got, err := Read(context.Background(), r, keys, nil, "s")
			require.NoError(t, err)
			i := slices.Index(ids(got), "e")
			require.Equal(t, c.want, completed(got.Events[i]))
		})
	}
}

func TestNoSession(t *testing.T) {
	r, keys := sealed(t, []*semconv.Event{event("a", semconv.TypeToolCall, "s", "", 1)})
	_, err := Read(context.Background(), r, keys, nil, "")
	require.ErrorContains(t, err, "no session", "events without a run are not of every run")
	got, err := Read(context.Background(), r, keys, nil, "nowhere")
	require.NoError(t, err)
	require.Empty(t, got.Events)
}

func TestLayersAndMessagesAreFolded(t *testing.T) {
	call := event("call", semconv.TypeToolCall, "s", "r", 1)
	layer := event("layer", semconv.TypeToolCall, "s", "r", 1)
	layer.LayerOf, layer.ToolOutput = "call", semconv.Text("from the span")
	message := event("m", semconv.TypeMessage, "s", "r", 0)
	message.ParentEventID = "llm"
	orphan := event("orphan", semconv.TypeToolCall, "s", "r", 3)
	orphan.LayerOf = "nowhere"
	r, keys := sealed(t, []*semconv.Event{message, call, layer, event("llm", semconv.TypeLLMCall, "s", "r", 2), orphan})
	got, err := Read(context.Background(), r, keys, nil, "s")
	require.NoError(t, err)
	require.Equal(t, []string{"call", "llm", "orphan"}, ids(got), "what tells of nothing else stays")
	require.Len(t, got.Events[0].Layers, 1)
	require.Len(t, got.Events[1].Messages, 1)
	n := 0
	for range got.All() {
		n++
	}
	require.Equal(t, 5, n, "nothing is lost")
	var out bytes.Buffer
	require.NoError(t, got.Table(&out, Look{Full: true}))
	require.Contains(t, out.String(), "from the span")
	require.Contains(t, out.String(), "told 2 times")
}

func TestTableSaysWhatIsNotKnown(t *testing.T) {
	e := event("e", semconv.TypeToolCall, "s", "r", 1)
	e.MissingFields, e.DerivedFields, e.ContentState = []string{"tool_name"}, []string{"agent_id"}, semconv.ContentWithheld
	a := event("a", semconv.TypeApproval, "s", "r", 2)
	a.ToolName = "pay\x1b[31m"
	b := event("b", semconv.TypeApproval, "s", "r", 3)
	b.ApprovalStatus, b.ApproverID, b.ApprovalSource = "approved", "config", "config"
	r, keys := sealed(t, []*semconv.Event{e, a, b})
	got, err := Read(context.Background(), r, keys, nil, "s")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, got.Table(&out, Look{Full: true}))
	for _, want := range []string{"missing: tool_name", "derived: agent_id", "content withheld at the source", "undecided", "approved by config (config)", `pay\u001b[31m`} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "\x1b")
}

func TestWhatDoesNotHoldIsNotShown(t *testing.T) {
	r, keys := sealed(t, []*semconv.Event{event("a", semconv.TypeToolCall, "s", "r", 1)}, []*semconv.Event{event("b", semconv.TypeToolCall, "s", "r", 2)})
	s := r.(*ledgertest.Store)
	s.Alter(s.Keys(ledger.DataPrefix)[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	got, err := Read(context.Background(), r, keys, nil, "s")
	require.NoError(t, err)
	require.Len(t, got.Events, 1)
	require.Equal(t, 1, got.Unread)
	require.True(t, strings.HasPrefix(got.Problems[0].Error(), "object_altered"))
}

// A session has as many runs as a sender likes (minutes, where each is looked for in each).
func TestReadOfManyRuns(t *testing.T) {
	const n = 50_000
	var events []*semconv.Event
	for i := range n {
		events = append(events, &semconv.Event{
			EventID: fmt.Sprint("e-", i), EventType: semconv.TypeToolCall, SessionID: "s", RunID: fmt.Sprintf("%032x", i),
			Timestamp: time.Date(2026, 11, 23, 10, 0, 0, i, time.UTC),
		})
	}
	store, keys := trailtest.Seal(t, events)
	tr, err := Read(t.Context(), store, keys, nil, "s")
	require.NoError(t, err)
	require.Len(t, tr.Events, n)
}
