package runs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// s is a span of a test: of trace 1, of the service "shop", and a second each, where it says
// nothing else.
type s struct {
	id, parent, trace byte
	service           string
	kind              string // chat, tool, agent, chain or http
	a                 map[string]any
	fails             string
	ok                bool // says that it ended well
	log               bool // a log record of neither trace nor span
	from, to          int  // seconds, where one second from its id on is not meant
}

func (x s) attributes() map[string]any {
	a := map[string]any{}
	switch x.kind {
	case "chat":
		a["gen_ai.operation.name"], a["gen_ai.request.model"] = "chat", "m"
	case "tool":
		a["gen_ai.operation.name"], a["gen_ai.tool.name"] = "execute_tool", "pay"
	case "agent":
		a["gen_ai.operation.name"] = "invoke_agent"
	case "chain":
		a["openinference.span.kind"] = "CHAIN"
	}
	for k, v := range x.a {
		a[k] = v
	}
	return a
}

func (x s) asLog() s {
	x.log = true
	return x
}

// request maps spans together.
func request(t *testing.T, m *runs.Mapper, spans ...s) []*runs.Event {
	t.Helper()
	return requestOf(t, m, runs.Sender{}, spans...)
}

func requestOf(t *testing.T, m *runs.Mapper, sender runs.Sender, spans ...s) []*runs.Event {
	t.Helper()
	var drafts []*dialect.Draft
	var others []runs.Span
	for _, x := range spans {
		res := pcommon.NewResource()
		service := x.service
		if service == "" {
			service = "shop"
		}
		res.Attributes().PutStr("service.name", service)
		span := ptrace.NewSpan()
		span.SetName(x.kind + fmt.Sprint(x.id))
		span.SetTraceID([16]byte{max(x.trace, 1)})
		span.SetSpanID([8]byte{x.id})
		if x.parent > 0 {
			span.SetParentSpanID([8]byte{x.parent})
		}
		at := start.Add(time.Duration(x.trace)*time.Minute + time.Duration(x.id)*time.Second)
		end := at.Add(time.Second)
		if x.to > 0 {
			at, end = start.Add(time.Duration(x.from)*time.Second), start.Add(time.Duration(x.to)*time.Second)
		}
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
		require.NoError(t, span.Attributes().FromRaw(x.attributes()))
		if x.ok {
			span.Status().SetCode(ptrace.StatusCodeOk)
		}
		if x.fails != "" {
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage(x.fails)
		}
		scope := record.NewScope(res, pcommon.NewInstrumentationScope())
		r := scope.Span(span)
		if x.log {
			rec := plog.NewLogRecord()
			rec.SetEventName("gen_ai.client.inference.operation.details")
			rec.SetTimestamp(span.StartTimestamp())
			span.Attributes().CopyTo(rec.Attributes())
			r = scope.LogRecord(rec)
		}
		d := dialect.Detect(r)
		if d == nil {
			others = append(others, runs.Span{Trace: r.TraceID, ID: r.SpanID, Parent: r.ParentID, Resource: runs.NewResource(service, "")})
			continue
		}
		drafts = append(drafts, d.Map(r))
	}
	events, _ := m.Map(sender, drafts, others, start)
	return events
}

func mapper() *runs.Mapper { return runs.NewMapper(100, time.Hour, false) }

func only(t *testing.T, events []*runs.Event, typ semconv.EventType) *runs.Event {
	t.Helper()
	var found *runs.Event
	for _, e := range events {
		if e.EventType == typ && e.LayerOf == "" {
			require.Nil(t, found, "more than one %s", typ)
			found = e
		}
	}
	require.NotNil(t, found, "no %s", typ)
	return found
}

func types(events []*runs.Event) (list []semconv.EventType) {
	for _, e := range events {
		list = append(list, e.EventType)
	}
	return list
}

const (
	asks = `[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"pay","arguments":{"n":1}}]}]`
	says = `[{"role":"assistant","parts":[{"type":"text","content":"done"}]}]`
)

// TestFrame: which spans are runs.
func TestFrame(t *testing.T) {
	for name, c := range map[string]struct {
		spans []s
		want  []semconv.EventType
	}{
		"an agent":                           {[]s{{id: 1, kind: "agent"}}, []semconv.EventType{"session_start", "session_end"}},
		"a root with a call":                 {[]s{{id: 1, kind: "chain"}, {id: 2, parent: 1, kind: "chat"}}, []semconv.EventType{"session_start", "session_end", "llm_call"}},
		"a root without":                     {[]s{{id: 1, kind: "chain"}}, nil},
		"a step within":                      {[]s{{id: 1, kind: "agent"}, {id: 2, parent: 1, kind: "chain"}, {id: 3, parent: 2, kind: "chat"}}, []semconv.EventType{"session_start", "session_end", "llm_call"}},
		"a workflow around an agent":         {[]s{{id: 1, kind: "chain"}, {id: 2, parent: 1, kind: "agent"}, {id: 3, parent: 2, kind: "chat"}}, []semconv.EventType{"session_start", "session_end", "llm_call"}},
		"an agent within another":            {[]s{{id: 1, kind: "agent", a: map[string]any{"gen_ai.agent.id": "a"}}, {id: 2, parent: 1, kind: "agent", a: map[string]any{"gen_ai.agent.id": "b"}}}, []semconv.EventType{"session_start", "session_start", "session_end", "session_end"}},
		"of another resource":                {[]s{{id: 1, kind: "chain"}, {id: 2, parent: 1, kind: "chat", service: "evil"}}, []semconv.EventType{"llm_call"}},
		"a limit":                            {[]s{{id: 1, kind: "agent", fails: "Max turns (1) exceeded"}}, []semconv.EventType{"session_start", "session_timeout"}},
		"an error that nothing tells":        {[]s{{id: 1, kind: "agent", fails: "bang"}}, []semconv.EventType{"session_start", "error", "session_end"}},
		"an error of its own beside another": {[]s{{id: 1, kind: "agent", fails: "no more turns for you"}, {id: 2, parent: 1, kind: "tool", fails: "no money"}}, []semconv.EventType{"session_start", "tool_call", "error", "session_end"}},
		"an error that grew on its way up":   {[]s{{id: 1, kind: "agent", fails: "ToolError: no money"}, {id: 2, parent: 1, kind: "tool", fails: "no money"}}, []semconv.EventType{"session_start", "tool_call", "session_end"}},
		"an error that its call tells":       {[]s{{id: 1, kind: "agent", fails: "bang"}, {id: 2, parent: 1, kind: "chat", fails: "bang"}}, []semconv.EventType{"session_start", "llm_call", "session_end"}},
	} {
		t.Run(name, func(t *testing.T) { require.ElementsMatch(t, c.want, types(request(t, mapper(), c.spans...))) })
	}
	events := request(t, runs.NewMapper(100, time.Hour, true), s{id: 1, kind: "agent"}, s{id: 2, parent: 1, kind: "chain", a: map[string]any{"input.value": "x"}})
	require.JSONEq(t, `{"input.value":"x"}`, string(only(t, events, semconv.TypeStep).Content))
}

// TestClaims: what the end of a run says, and what it does not.
func TestClaims(t *testing.T) {
	chat := func(agent string) s {
		return s{id: 3, parent: 2, kind: "chat", a: map[string]any{"gen_ai.output.messages": says, "gen_ai.agent.id": agent}}
	}
	agent := func(id, parent byte, name, fails string) s {
		return s{id: id, parent: parent, kind: "agent", fails: fails, a: map[string]any{"gen_ai.agent.id": name}}
	}
	ends := func(events []*runs.Event) map[string][]string {
		of := map[string][]string{}
		for _, e := range events {
			if e.EventType == semconv.TypeSessionEnd {
				of[e.AgentID] = []string{e.FinalOutput, e.Outcome}
			}
		}
		return of
	}
	require.Equal(t, map[string][]string{"b": {"done", "success"}, "a": {"", ""}}, ends(request(t, mapper(), agent(1, 0, "a", ""), agent(2, 1, "b", ""), chat("b"))), "an agent does not say what another said")
	require.Equal(t, map[string][]string{"b": {"", "error"}, "a": {"", ""}}, ends(request(t, mapper(), agent(1, 0, "a", ""), agent(2, 1, "b", "bang"), chat("b"))), "nor does one that failed")
	tool := only(t, request(t, mapper(), s{id: 1, kind: "tool"}), semconv.TypeToolCall)
	require.Empty(t, tool.Outcome, "nothing says how it ended")
	tool = only(t, request(t, mapper(), s{id: 1, kind: "tool", a: map[string]any{"gen_ai.tool.call.result": "ok"}}), semconv.TypeToolCall)
	require.Equal(t, "success", tool.Outcome)
	require.Contains(t, tool.DerivedFields, "outcome", "concluded")
}

// TestPair: which model call asked for a tool call.
func TestPair(t *testing.T) {
	call := s{id: 1, kind: "chat", a: map[string]any{"gen_ai.output.messages": asks}}
	for name, c := range map[string]struct {
		tool                map[string]any
		service             string
		parent              byte
		paired, call, input string
	}{
		"by its id":              {tool: map[string]any{"gen_ai.tool.call.id": "c1"}, paired: "yes", call: "c1", input: `{"n":1}`},
		"by what it is given":    {tool: map[string]any{"gen_ai.tool.call.arguments": `{"n":1}`}, paired: "yes", call: "c1", input: `{"n":1}`},
		"by its name":            {tool: map[string]any{}, paired: "yes", call: "c1", input: `{"n":1}`},
		"not by its name alone":  {tool: map[string]any{"gen_ai.tool.call.arguments": `{"n":2}`}, input: `{"n":2}`},
		"of another resource":    {tool: map[string]any{"gen_ai.tool.call.arguments": `{"n":1}`}, service: "server", parent: 1, paired: "yes", input: `{"n":1}`},
		"of a stranger":          {tool: map[string]any{"gen_ai.tool.call.arguments": `{"n":1}`}, service: "server", parent: 0, input: `{"n":1}`},
		"its own input is kept":  {tool: map[string]any{"gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": `{"n":3}`}, paired: "yes", call: "c1", input: `{"n":3}`},
		"another id is no match": {tool: map[string]any{"gen_ai.tool.call.id": "c9"}, call: "c9"},
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " apart ", apart), func(t *testing.T) {
				m := mapper()
				tool := s{id: 2, parent: c.parent, kind: "tool", service: c.service, a: c.tool}
				var asked, ran *runs.Event
				if apart {
					asked = only(t, request(t, m, call), semconv.TypeLLMCall)
					ran = only(t, request(t, m, tool), semconv.TypeToolCall)
				} else {
					events := request(t, m, call, tool)
					asked, ran = only(t, events, semconv.TypeLLMCall), only(t, events, semconv.TypeToolCall)
				}
				require.Equal(t, c.paired == "yes", ran.ParentEventID == asked.EventID, ran.ParentEventID)
				require.Equal(t, c.call, ran.ToolCallID)
				require.Equal(t, c.input, string(ran.ToolInput))
			})
		}
	}
}

// TestLayer: which events tell one thing.
func TestLayer(t *testing.T) {
	chat := func(id, parent byte, response string) s {
		a := map[string]any{}
		if response != "" {
			a["gen_ai.response.id"] = response
		}
		return s{id: id, parent: parent, kind: "chat", a: a}
	}
	for name, c := range map[string]struct {
		spans []s
		calls int // that count
	}{
		"one within another":         {[]s{chat(1, 9, ""), chat(2, 1, "")}, 1},
		"of one answer":              {[]s{chat(1, 9, "r"), chat(2, 1, "r")}, 1},
		"of two answers":             {[]s{chat(1, 9, "r"), chat(2, 1, "q")}, 2},
		"around two":                 {[]s{chat(1, 9, ""), chat(2, 1, ""), chat(3, 1, "")}, 2},
		"beside each other":          {[]s{chat(1, 9, ""), chat(2, 9, "")}, 2},
		"another resource, one id":   {[]s{chat(1, 9, "r"), {id: 2, parent: 1, kind: "chat", service: "gateway", a: map[string]any{"gen_ai.response.id": "r"}}}, 1},
		"another resource, no id":    {[]s{chat(1, 9, ""), {id: 2, parent: 1, kind: "chat", service: "gateway"}}, 2},
		"a tool in the tool":         {[]s{{id: 1, parent: 9, kind: "tool"}, {id: 2, parent: 1, kind: "tool"}}, 1},
		"a tool of another resource": {[]s{{id: 1, parent: 9, kind: "tool"}, {id: 2, parent: 1, kind: "tool", service: "server"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			for _, e := range request(t, mapper(), c.spans...) {
				if e.LayerOf == "" {
					n++
				}
			}
			require.Equal(t, c.calls, n)
		})
	}
	m := mapper()
	inner := request(t, m, chat(2, 1, "r"))[0]
	require.Equal(t, inner.EventID, request(t, m, chat(1, 9, "r"))[0].LayerOf, "the outer one came later")
	require.Empty(t, request(t, m, chat(3, 2, "q"))[0].LayerOf)
	m = mapper()
	request(t, m, s{id: 2, parent: 1, kind: "chat", service: "evil"})
	require.Empty(t, request(t, m, chat(1, 9, ""))[0].LayerOf, "a stranger makes nothing a layer of its own")
}

// TestInherit: what a record has from others, and what not.
func TestInherit(t *testing.T) {
	root := s{id: 1, kind: "agent", a: map[string]any{"session.id": "s", "user.id": "ann", "gen_ai.agent.id": "a", "gen_ai.system_instructions": `[{"type":"text","content":"Be kind."}]`}}
	events := request(t, mapper(), root, s{id: 2, parent: 1, kind: "tool"}, s{id: 3, parent: 1, kind: "tool", service: "server", a: map[string]any{"gen_ai.tool.name": "other"}})
	for _, e := range events {
		if e.EventType != semconv.TypeToolCall {
			continue
		}
		require.Equal(t, []string{"s", "ann"}, []string{e.SessionID, e.UserID})
		require.Subset(t, e.DerivedFields, []string{"session_id", "user_id"})
		require.Contains(t, string(e.DerivedFrom), `"session_id":"`)
		if e.ToolName == "pay" {
			require.Equal(t, []string{"a", "Be kind."}, []string{e.AgentID, e.Prompt})
		} else {
			require.Equal(t, []string{"server", ""}, []string{e.AgentID, e.Prompt}, "what describes an agent is not another resource's")
		}
	}

	m := mapper()
	request(t, m, root)
	late := only(t, request(t, m, s{id: 2, parent: 1, kind: "tool"}), semconv.TypeToolCall)
	require.Equal(t, []string{"s", "ann", "a", "Be kind."}, []string{late.SessionID, late.UserID, late.AgentID, late.Prompt})
	stray := only(t, request(t, m, s{id: 4, parent: 77, kind: "tool"}), semconv.TypeToolCall)
	require.Equal(t, []string{"s", "shop", ""}, []string{stray.SessionID, stray.AgentID, stray.Prompt}, "whose agent is above it, is not known")

	m = mapper()
	request(t, m, s{id: 2, parent: 1, kind: "chat", a: map[string]any{"user.id": "ann"}}, s{id: 3, parent: 1, kind: "chat", a: map[string]any{"user.id": "bob"}})
	require.Empty(t, request(t, m, s{id: 4, parent: 1, kind: "tool"})[0].UserID, "two are told: nobody is known")
}

// TestStepsAndParents: events are numbered in their order, and linked to what is above them,
// through spans of no dialect.
func TestStepsAndParents(t *testing.T) {
	m := mapper()
	events := request(t, m, s{id: 1, kind: "agent"}, s{id: 2, parent: 1, kind: "http"}, s{id: 3, parent: 2, kind: "tool"})
	started, tool := only(t, events, semconv.TypeSessionStart), only(t, events, semconv.TypeToolCall)
	require.Equal(t, started.EventID, tool.ParentEventID)
	require.Equal(t, started.EventID, only(t, events, semconv.TypeSessionEnd).ParentEventID)
	for i, e := range events {
		require.EqualValues(t, i+1, e.StepNumber.Value)
	}
	more := request(t, m, s{id: 4, parent: 1, kind: "tool"})
	require.EqualValues(t, 4, more[0].StepNumber.Value)
	require.Equal(t, started.EventID, more[0].ParentEventID)
	loop := request(t, mapper(), s{id: 1, parent: 2, kind: "tool"}, s{id: 2, parent: 1, kind: "agent"})
	require.Len(t, loop, 3, "a loop of parents ends")
}

// TestForget: what was remembered is forgotten in its time, and a session of log records that
// fell silent is told of.
func TestForget(t *testing.T) {
	m := runs.NewMapper(100, time.Minute, false)
	request(t, m, s{id: 1, kind: "agent", a: map[string]any{"session.id": "s"}})
	m.Forget(start.Add(2 * time.Minute))
	require.Equal(t, "01000000000000000000000000000000", request(t, m, s{id: 2, parent: 1, kind: "tool"})[0].SessionID)
}
