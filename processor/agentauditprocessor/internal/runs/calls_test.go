package runs_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// asked is a span of a model call with an id of its answer.
func asked(id, trace byte, response string, from, to int, more ...string) s {
	a := map[string]any{"gen_ai.response.id": response}
	for i := 0; i+1 < len(more); i += 2 {
		a[more[i]] = more[i+1]
	}
	return s{id: id, trace: trace, parent: 100 + id, kind: "chat", from: from, to: to, a: a}
}

func (x s) of(service string) s {
	x.service = service
	return x
}

func answering(text string) string {
	return `[{"role":"assistant","parts":[{"type":"text","content":"` + text + `"}]}]`
}

// TestOneCall: which two records of model calls are one. In one request, or one after the
// other whichever comes first, it is the same, and no other field of theirs tells so.
func TestOneCall(t *testing.T) {
	const out = "gen_ai.output.messages"
	for name, c := range map[string]struct {
		a, b s
		one  bool
	}{
		"in one trace":                              {asked(1, 1, "r", 1, 3), asked(2, 1, "r", 2, 4), true},
		"in one trace, one after the other":         {asked(1, 1, "r", 1, 2), asked(2, 1, "r", 3, 4), true},
		"in one trace, with other answers":          {asked(1, 1, "r", 1, 2, out, answering("a")), asked(2, 1, "r", 3, 4, out, answering("b")), false},
		"in one trace, with other ids":              {asked(1, 1, "r", 1, 3), asked(2, 1, "q", 2, 4), false},
		"in one trace, of other models":             {asked(1, 1, "r", 1, 3), asked(2, 1, "r", 2, 4, "gen_ai.request.model", "n"), false},
		"the model as a gateway says it":            {asked(1, 1, "r", 1, 3), asked(2, 1, "r", 2, 4, "gen_ai.request.model", "openai/m"), true},
		"the model that answered":                   {asked(1, 1, "r", 1, 3), asked(2, 1, "r", 2, 4, "gen_ai.request.model", "latest", "gen_ai.response.model", "m"), true},
		"of two traces, one within the other":       {asked(1, 1, "r", 1, 4), asked(2, 2, "r", 2, 3), true},
		"of two traces at one time, other answers":  {asked(1, 1, "r", 1, 4, out, answering("a")), asked(2, 2, "r", 2, 3, out, answering("b")), false},
		"of two traces, one after the other":        {asked(1, 1, "r", 1, 2), asked(2, 2, "r", 3, 4), false},
		"of two traces, beginning within the other": {asked(1, 1, "r", 1, 3), asked(2, 2, "r", 2, 4), false},
		"of two resources, in one trace":            {asked(1, 1, "r", 1, 4), asked(2, 1, "r", 2, 3).of("gateway"), true},
		"of two resources and traces":               {asked(1, 1, "r", 1, 4), asked(2, 2, "r", 2, 3).of("gateway"), true},
		"of two resources, one after the other":     {asked(1, 1, "r", 1, 2), asked(2, 2, "r", 3, 4).of("gateway"), false},
	} {
		t.Run(name, func(t *testing.T) {
			layers := func(events []*runs.Event) (of []string) {
				require.Len(t, events, 2)
				require.NotEqual(t, events[0].LayerOf, events[0].EventID)
				for i, e := range events {
					if e.LayerOf != "" {
						require.Equal(t, events[1-i].EventID, e.LayerOf)
						of = append(of, e.SpanID)
					}
				}
				return of
			}
			want := 0
			if c.one {
				want = 1
			}
			require.Len(t, layers(request(t, mapper(), c.a, c.b)), want)
			for i, order := range [][]s{{c.a, c.b}, {c.b, c.a}} {
				m := mapper()
				got := layers(append(request(t, m, order[0]), request(t, m, order[1])...))
				require.Len(t, got, want, i)
				if c.one {
					require.Equal(t, fmt.Sprintf("%02x00000000000000", order[1].id), got[0], "the later one")
				}
				again := request(t, m, order[0])
				require.Empty(t, again[0].LayerOf, "a record that comes again is no layer of itself")
			}
		})
	}
}

// Within one resource what two records of a request say is put together; across, nothing is.
func TestOneCallIsCompleted(t *testing.T) {
	rich := asked(2, 2, "r", 2, 3, "gen_ai.output.messages", answering("done"), "user.id", "ann")
	events := request(t, mapper(), asked(1, 1, "r", 1, 4), rich)
	require.Equal(t, "done", only(t, events, semconv.TypeLLMCall).OutputText)
	call := only(t, request(t, mapper(), asked(1, 1, "r", 1, 4), rich.of("gateway")), semconv.TypeLLMCall)
	require.Equal(t, []string{"", "", "shop"}, []string{call.OutputText, call.UserID, call.AgentID})
}

// Across senders an event says of another that it tells the same, where it lies in the other's
// trace and time; nothing else of it changes.
func TestOneCallAcrossSenders(t *testing.T) {
	app, gateway := runs.Sender{By: "auth", Name: "app"}, runs.Sender{By: "auth", Name: "gateway"}
	inside := asked(2, 1, "r", 2, 3).of("gateway")
	for name, c := range map[string]struct {
		b   s
		one bool
	}{
		"a gateway":                {inside, true},
		"another trace":            {asked(2, 2, "r", 2, 3), false},
		"another time":             {asked(2, 1, "r", 5, 6), false},
		"another id":               {asked(2, 1, "q", 2, 3), false},
		"the span itself":          {asked(1, 1, "r", 1, 4), false},
		"the server of a tool":     {s{id: 2, parent: 3, kind: "tool", from: 2, to: 3}, true},
		"of another tool":          {s{id: 2, parent: 3, kind: "tool", from: 2, to: 3, a: map[string]any{"gen_ai.tool.name": "x"}}, false},
		"below another span":       {s{id: 2, parent: 4, kind: "tool", from: 2, to: 3}, false},
		"a tool before its client": {s{id: 2, parent: 3, kind: "tool", from: 0, to: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapper()
			told := requestOf(t, m, app, asked(1, 1, "r", 1, 4), s{id: 3, kind: "tool", from: 1, to: 4})
			late := requestOf(t, m, gateway, c.b)[0]
			alone := requestOf(t, mapper(), gateway, c.b)[0]
			if c.one {
				require.Contains(t, []string{told[0].EventID, told[1].EventID}, late.LayerOf)
				late.LayerOf = ""
			}
			require.Equal(t, alone.Event, late.Event)
			for _, e := range told {
				require.Empty(t, e.LayerOf)
			}
		})
	}
}

// A tool's server tells of a call in a request of its own, mostly before the client does.
func TestToolServer(t *testing.T) {
	client, server := s{id: 1, kind: "tool", from: 1, to: 4}, s{id: 2, parent: 1, kind: "tool", from: 2, to: 3, service: "server"}
	other := s{id: 3, parent: 1, kind: "tool", from: 2, to: 3, service: "server", a: map[string]any{"gen_ai.tool.name": "x"}}
	m := mapper()
	first := request(t, m, client)[0]
	require.Equal(t, first.EventID, request(t, m, server)[0].LayerOf)
	require.Empty(t, request(t, m, other)[0].LayerOf)
	m = mapper()
	first = request(t, m, server)[0]
	require.Equal(t, first.EventID, request(t, m, client)[0].LayerOf)
}

// There are servers whose answers are all called chatcmpl-1, and some that draw from 999 ids:
// each call of each conversation is counted.
func TestIDsThatRepeat(t *testing.T) {
	m := mapper()
	r := rand.New(rand.NewPCG(1, 2))
	calls, counted := 0, 0
	count := func(spans ...s) {
		for _, e := range request(t, m, spans...) {
			calls++
			if e.LayerOf == "" {
				counted++
			}
		}
	}
	for trace := range byte(67) { // in no order, one after the other
		count(asked(1, 1+trace, "chatcmpl-1", 10*int(trace), 10*int(trace)+9, "gen_ai.output.messages", answering(fmt.Sprint("answer ", trace))))
	}
	for trace := range byte(67) { // all at one time
		count(asked(1, 101+trace, "chatcmpl-1", 1000, 1009, "gen_ai.output.messages", answering(fmt.Sprint("answer ", trace))))
	}
	var run []s // one long run
	for i := range 200 {
		x := asked(byte(i+1), 200, fmt.Sprint("chatcmpl-", r.IntN(999)), 2000+10*i, 2000+10*i+9)
		x.a = maps.Clone(x.a)
		x.parent = 250
		x.a["gen_ai.usage.input_tokens"], x.a["gen_ai.usage.output_tokens"] = 100+10*i, r.IntN(400)
		run = append(run, x)
	}
	count(run...)
	require.Equal(t, 334, calls)
	require.Equal(t, calls, counted)
}

// A log record of neither trace nor session tells of a call that a span tells of, too.
func TestOneCallInALog(t *testing.T) {
	span := asked(1, 1, "r", 1, 4)
	log := asked(1, 1, "r", 3, 3).asLog()
	for _, order := range [][]s{{span, log}, {log, span}} {
		m := mapper()
		first, second := request(t, m, order[0])[0], request(t, m, order[1])[0]
		require.Empty(t, first.LayerOf)
		require.Equal(t, first.EventID, second.LayerOf)
	}
	late := asked(1, 1, "r", 5, 5).asLog()
	m := mapper()
	request(t, m, span)
	require.Empty(t, request(t, m, late)[0].LayerOf)
}

// A model call around several others is no call of its own, also when it ends after they are
// told of; one that has an answer of its own is.
func TestCallAroundSeveral(t *testing.T) {
	m := mapper()
	first := request(t, m, s{id: 2, parent: 1, kind: "chat", a: map[string]any{"gen_ai.response.id": "a"}})
	second := request(t, m, s{id: 3, parent: 1, kind: "chat", a: map[string]any{"gen_ai.response.id": "b"}})
	around := request(t, m, s{id: 1, kind: "chat", from: 1, to: 9})
	require.Empty(t, first[0].LayerOf)
	require.Empty(t, second[0].LayerOf)
	require.Equal(t, first[0].EventID, around[0].LayerOf)

	m = mapper()
	request(t, m, s{id: 2, parent: 1, kind: "chat", a: map[string]any{"gen_ai.response.id": "a"}})
	request(t, m, s{id: 3, parent: 1, kind: "chat", a: map[string]any{"gen_ai.response.id": "b"}})
	around = request(t, m, s{id: 1, kind: "chat", from: 1, to: 9, a: map[string]any{"gen_ai.response.id": "c"}})
	require.Empty(t, around[0].LayerOf)
}

// So it is where a framework's own steps lie between, and came between.
func TestCallAroundOthers(t *testing.T) {
	m := mapper()
	inner := request(t, m, s{id: 4, parent: 3, kind: "chat"})
	request(t, m, s{id: 3, parent: 2, kind: "chain"})
	request(t, m, s{id: 2, parent: 1, kind: "chain"})
	around := request(t, m, s{id: 1, kind: "chat", from: 1, to: 9})
	require.Equal(t, inner[0].EventID, around[0].LayerOf)

	m = mapper()
	request(t, m, s{id: 4, parent: 3, kind: "chat"})
	request(t, m, s{id: 3, parent: 2, kind: "agent"})
	around = request(t, m, s{id: 2, parent: 1, kind: "chat", from: 1, to: 9})
	require.Empty(t, around[0].LayerOf, "another agent's")
}
