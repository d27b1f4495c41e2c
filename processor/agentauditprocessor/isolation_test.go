package agentauditprocessor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/otlptest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// subject is somebody who authenticated.
type subject string

func (s subject) GetAttribute(key string) any {
	if key == "subject" {
		return string(s)
	}
	return nil
}
func (subject) GetAttributeNames() []string { return []string{"subject"} }

func as(name string) context.Context {
	return client.NewContext(context.Background(), client.Info{Auth: subject(name)})
}

// tenants is one processor that several senders send to.
type tenants struct {
	t require.TestingT
	a *auditor
}

func newTenants(t require.TestingT, change func(*Config)) *tenants {
	cfg := createDefaultConfig().(*Config)
	cfg.Coverage.Interval = 0
	if change != nil {
		change(cfg)
	}
	a, err := newAuditor(componenttest.NewNopTelemetrySettings(), cfg)
	require.NoError(t, err)
	a.now = func() time.Time { return start.Add(time.Hour) }
	return &tenants{t, a}
}

// spans are the events of a request, as lines, by the one who sends it.
func (x *tenants) spans(ctx context.Context, td ptrace.Traces) (events []*semconv.Event) {
	out, err := x.a.processTraces(ctx, td)
	if errors.Is(err, processorhelper.ErrSkipProcessingData) {
		return nil
	}
	require.NoError(x.t, err)
	for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		line, _, err := semconv.AppendSpan(nil, s)
		require.NoError(x.t, err)
		e, err := semconv.ParseLine(line)
		require.NoError(x.t, err)
		events = append(events, e)
	}
	return events
}

func (x *tenants) logs(ctx context.Context, ld plog.Logs) (events []*semconv.Event) {
	out, err := x.a.processLogs(ctx, ld)
	if errors.Is(err, processorhelper.ErrSkipProcessingData) {
		return nil
	}
	require.NoError(x.t, err)
	for _, r := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		line, _, err := semconv.AppendLog(nil, r)
		require.NoError(x.t, err)
		e, err := semconv.ParseLine(line)
		require.NoError(x.t, err)
		events = append(events, e)
	}
	return events
}

// of is a span of a service, as a request.
func of(service, name string, id, parent byte, a attrs) ptrace.Traces {
	td := ptrace.NewTraces()
	span(td, "x", name, id, parent, a)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", service)
	return td
}

func paying(session string) attrs {
	a := attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.id": "c1",
		"gen_ai.tool.call.arguments": `{"order":"transfer 42000 EUR to account DE12"}`, "gen_ai.tool.call.result": `{"ok":true}`,
	}
	if session != "" {
		a["gen_ai.conversation.id"] = session
	}
	return a
}

// A service that saw the trace's id sends a root of it, which says whose session, user and
// agent the trace is of, and that what the victim pays is a system prompt. Whether it comes
// before, after, or in one request: the victim's event reads as if it had been alone.
func TestHostileRoot(t *testing.T) {
	evil := func() ptrace.Traces {
		return of("evil", "invoke_agent x", 0xee, 0, attrs{
			"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "decoy", "gen_ai.agent.name": "decoy", "user.id": "mallory",
			"gen_ai.system_instructions": `[{"type":"text","content":"transfer 42000 EUR to account DE12"}]`,
			"gen_ai.output.messages":     `[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"pay","arguments":{"order":"nothing"}},{"type":"text","content":"decoy"}]}]`,
		})
	}
	for _, session := range []string{"victim-session", ""} {
		victim := func() ptrace.Traces { return of("bank-agent", "execute_tool pay", 1, 0x99, paying(session)) }
		want := newTenants(t, nil).spans(context.Background(), victim())
		require.Len(t, want, 1)
		check := func(events []*semconv.Event) {
			t.Helper()
			tools := ofType(events, semconv.TypeToolCall)
			require.Len(t, tools, 1)
			tools[0].StepNumber = want[0].StepNumber // the steps of a trace are counted together
			require.Equal(t, want[0], tools[0])
		}
		x := newTenants(t, nil)
		x.spans(context.Background(), evil())
		check(x.spans(context.Background(), victim()))

		both := evil()
		victim().ResourceSpans().MoveAndAppendTo(both.ResourceSpans())
		check(newTenants(t, nil).spans(context.Background(), both))

		both = victim()
		evil().ResourceSpans().MoveAndAppendTo(both.ResourceSpans())
		check(newTenants(t, nil).spans(context.Background(), both))
	}
}

// What a record says itself is never replaced by what the root of its trace says, even of
// the same service; what it lacks is filled, and marked with where it is from.
func TestExplicitWins(t *testing.T) {
	td := of("bank-agent", "invoke_agent x", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "root's", "user.id": "ann", "gen_ai.agent.name": "teller"})
	of("bank-agent", "execute_tool pay", 2, 1, paying("mine")).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	of("bank-agent", "execute_tool pay", 3, 1, paying("")).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	events := newTenants(t, nil).spans(context.Background(), td)
	tools, starts := ofType(events, semconv.TypeToolCall), ofType(events, semconv.TypeSessionStart)
	require.Equal(t, []string{"mine", "root's"}, []string{tools[0].SessionID, tools[1].SessionID})
	require.NotContains(t, tools[0].DerivedFields, "session_id")
	require.Subset(t, tools[1].DerivedFields, []string{"session_id", "user_id", "agent_name"})
	from := map[string]string{}
	require.NoError(t, json.Unmarshal(tools[1].DerivedFrom, &from))
	require.Equal(t, map[string]string{"session_id": starts[0].EventID, "user_id": starts[0].EventID, "agent_name": starts[0].EventID}, from)
}

// Two spans of one trace and span id, of two services, stay two, and complete each other in
// nothing.
func TestTwinsOfTwoServices(t *testing.T) {
	td := of("a", "execute_tool pay", 1, 0x99, paying("s"))
	other := paying("t")
	other["gen_ai.tool.call.arguments"] = `{"order":"nothing"}`
	of("b", "execute_tool pay", 1, 0x99, other).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	tools := ofType(newTenants(t, nil).spans(context.Background(), td), semconv.TypeToolCall)
	require.Len(t, tools, 2)
	for _, e := range tools {
		require.Empty(t, e.LayerOf)
	}
	require.NotEqual(t, tools[0].SessionID, tools[1].SessionID)
	require.NotEqual(t, text(tools[0].ToolInput), text(tools[1].ToolInput))
}

// An agent cannot blank what it did by sending the text as its own prompt.
func TestPromptsHideNothingElse(t *testing.T) {
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 1, 0, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "session.id": "s",
		"gen_ai.system_instructions": `[{"type":"text","content":"transfer 42000 EUR to account DE12"},{"type":"text","content":"yes, I am sure"}]`,
		"gen_ai.input.messages":      `[{"role":"user","parts":[{"type":"text","content":"yes, I am sure"}]}]`,
		"gen_ai.output.messages":     `[{"role":"assistant","parts":[{"type":"text","content":"transfer 42000 EUR to account DE12"}]}]`,
	})
	span(td, "x", "execute_tool pay", 2, 1, paying("s"))
	events := newTenants(t, nil).spans(context.Background(), td)
	require.Contains(t, text(ofType(events, semconv.TypeToolCall)[0].ToolInput), "transfer 42000 EUR to account DE12")
	call := ofType(events, semconv.TypeLLMCall)[0]
	require.Contains(t, text(call.InputMessages), "yes, I am sure")
	require.Equal(t, "transfer 42000 EUR to account DE12", call.OutputText)
	require.Equal(t, hexSHA("transfer 42000 EUR to account DE12\nyes, I am sure"), call.SystemPromptHash)
}

// Nobody's session of a name that looks like another sender's, joined, is that sender's.
func TestKeysOfMemoryAreNoTexts(t *testing.T) {
	say := func(session, user string) ptrace.Traces {
		a := paying(session)
		if user != "" {
			a["user.id"] = user
			a["gen_ai.system_instructions"] = `[{"type":"text","content":"transfer 42000 EUR to account DE12"}]`
		}
		td := of("svc", "execute_tool pay", 1, 0, a)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{})
		return td
	}
	x := newTenants(t, nil)
	x.spans(context.Background(), say("x@bob", "mallory"))
	x.spans(as("x@"), say("bob", "mallory"))
	got := x.spans(as("bob"), say("x", ""))
	require.Equal(t, newTenants(t, nil).spans(as("bob"), say("x", "")), got)
	require.Empty(t, got[0].UserID)
}

// Records that name neither a trace nor a session share nothing.
func TestRecordsOfNoRunShareNothing(t *testing.T) {
	say := func(a attrs) plog.Logs {
		ld := plog.NewLogs()
		rec := log(ld, "x", nil, a)
		rec.SetEventName("gen_ai.client.inference.operation.details")
		return ld
	}
	x := newTenants(t, nil)
	x.logs(context.Background(), say(attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "user.id": "ann", "gen_ai.system_instructions": `[{"type":"text","content":"Be careful."}]`}))
	e := x.logs(context.Background(), say(attrs{"gen_ai.operation.name": "chat"}))[0]
	require.Equal(t, []string{"", "", ""}, []string{e.ModelID, e.UserID, e.SystemPromptHash})
}

// Two runs of two sessions wait for a decision on calls of one id: each is gone on with by
// its own.
func TestResumedWithinItsSession(t *testing.T) {
	td := ptrace.NewTraces()
	put := func(trace byte, session, name string, id, parent byte, a attrs) {
		a["gen_ai.conversation.id"] = session
		s := span(td, "x", name, id, parent, a)
		s.SetTraceID(pcommon.TraceID{trace})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(trace) * time.Minute)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(trace)*time.Minute + time.Second)))
	}
	asks := `[{"role":"assistant","parts":[{"type":"tool_call","id":"call_2","name":"pay","arguments":{"amount":1}}]}]`
	for i, session := range []string{"one", "two"} {
		put(byte(1+i), session, "invoke_agent a", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "a"})
		put(byte(1+i), session, "chat m", 2, 1, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.output.messages": asks})
	}
	for i, session := range []string{"two", "one"} {
		put(byte(3+i), session, "invoke_agent a", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "a"})
		put(byte(3+i), session, "execute_tool pay", 2, 1, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": `{"amount":1}`, "gen_ai.tool.call.result": `"paid"`})
	}
	events := newTenants(t, nil).spans(context.Background(), td)
	byID := map[string]*semconv.Event{}
	for _, e := range events {
		byID[e.EventID] = e
	}
	tools := ofType(events, semconv.TypeToolCall)
	require.Len(t, tools, 2)
	for _, e := range tools {
		asked := byID[e.ParentEventID]
		require.NotNil(t, asked)
		require.Equal(t, semconv.TypeLLMCall, asked.EventType)
		require.Equal(t, e.SessionID, asked.SessionID, "in its own session")
	}
}

// An event id, a name of an agent, an id of a call: what is too long is kept as its digest,
// with its text under content, and not as a blob, of which each costs a request to the store.
func TestLongIDs(t *testing.T) {
	long := strings.Repeat("x", 5000)
	x := newTenants(t, nil)
	a := paying(long)
	a["gen_ai.tool.call.id"], a["audit.event_id"] = long, long
	td := of("s", "execute_tool pay", 1, 0, a)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("enduser.id", long)
	out, err := x.a.processTraces(context.Background(), td)
	require.NoError(t, err)
	line, meta, err := semconv.AppendSpan(nil, out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
	require.NoError(t, err)
	e, err := semconv.ParseLine(line)
	require.NoError(t, err)
	want := "sha256:" + hexSHA(long)
	require.Equal(t, []string{want, want, want, want}, []string{e.SessionID, e.ToolCallID, e.EventID, e.UserID})
	require.Empty(t, meta.OversizeText)
	for _, key := range []string{`gen_ai\.conversation\.id`, `gen_ai\.tool\.call\.id`, `audit\.event_id`, `resource.enduser\.id`} {
		require.Equal(t, long, gjson.GetBytes(e.Content, key).Str, key)
	}
}

// A sender that never ends drawing ids fills its share of the memory and no more, nobody else is
// forgotten for it, and in its time all of it is free again.
func TestFloodOfIDs(t *testing.T) {
	x := newTenants(t, func(c *Config) { c.RunCache.MaxRuns = 20 })
	heap := func() int {
		runtime.GC()
		runtime.GC() // what pools held
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	flood := func(r int) {
		td := ptrace.NewTraces()
		for i := range 512 {
			s := span(td, "x", "chat", 1, 2, attrs{
				"gen_ai.operation.name": "chat", "audit.event_id": fmt.Sprintf("%d-%d-%s", r, i, strings.Repeat("x", 900)),
				"gen_ai.response.id":     fmt.Sprintf("%d-%s", i, strings.Repeat("r", 200)),
				"gen_ai.output.messages": fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"tool_call","id":"%d-%s","name":"%s","arguments":{}}]}]`, i, strings.Repeat("y", 1000), strings.Repeat("z", 1000)),
			})
			var trace pcommon.TraceID
			binary.BigEndian.PutUint64(trace[:], uint64(r)+2)
			var id, parent pcommon.SpanID
			binary.BigEndian.PutUint64(id[:], uint64(i)+1)
			binary.BigEndian.PutUint64(parent[:], uint64(i)+1<<32)
			s.SetTraceID(trace)
			s.SetSpanID(id)
			s.SetParentSpanID(parent)
		}
		x.spans(as("hostile"), td)
	}
	root := attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "mine", "user.id": "ann", "gen_ai.agent.name": "teller"}
	x.spans(as("honest"), of("bank-agent", "invoke_agent x", 1, 0, root))
	before := heap()
	const runs = 60 // three times what is remembered
	for r := range runs {
		flood(r)
	}
	require.Less(t, heap()-before, 26<<20, "a run holds a megabyte at the most")
	e := x.spans(as("honest"), of("bank-agent", "execute_tool pay", 2, 1, paying("")))[0]
	require.Equal(t, []string{"mine", "ann", "teller"}, []string{e.SessionID, e.UserID, e.AgentName})
	x.a.mapper.Forget(x.a.now().Add(x.a.cfg.RunCache.TTL + time.Second))
	require.Less(t, heap()-before, 8<<20, "all is forgotten, but what is kept to be used again")
	runtime.KeepAlive(x)
}

// Requests are mapped as many at a time as there are cores: each holds several times its size
// meanwhile, and senders may be hundreds. Who waits may go away.
func TestRequestsWaitForTheirTurn(t *testing.T) {
	x := newTenants(t, nil)
	for range cap(x.a.working) {
		x.a.working <- struct{}{}
	}
	ctx, leave := context.WithCancel(context.Background())
	leave()
	sent := of("s", "execute_tool pay", 1, 0, paying("s"))
	_, err := x.a.processTraces(ctx, sent)
	require.ErrorIs(t, err, context.Canceled)
	ld := plog.NewLogs()
	log(ld, "x", nil, attrs{"gen_ai.operation.name": "chat"})
	_, err = x.a.processLogs(ctx, ld)
	require.ErrorIs(t, err, context.Canceled)
	<-x.a.working
	require.Len(t, x.spans(context.Background(), sent), 1, "nothing of it was taken")
	require.Len(t, x.a.working, cap(x.a.working)-1)
}

// manySystemMessages is a request of n system messages in front of a megabyte of a user's words,
// both also under a key that nobody knows.
func manySystemMessages(n int) ptrace.Traces {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"role":"system","parts":[{"type":"text","content":"secret number %08d of many"}]},`, i)
	}
	td := ptrace.NewTraces()
	span(td, "x", "chat", 1, 0, attrs{
		"gen_ai.operation.name": "chat",
		"gen_ai.input.messages": `[` + b.String() + `{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("a", 1<<20) + `"}]}]`,
		"raw":                   `[` + b.String() + `"` + strings.Repeat("a", 1<<20) + `"]`,
	})
	return td
}

func TestManySystemMessages(t *testing.T) {
	e := newTenants(t, nil).spans(context.Background(), manySystemMessages(2000))[0]
	for _, text := range []string{text(e.InputMessages), text(e.Content)} {
		require.NotContains(t, text, "secret number")
		require.Equal(t, 2000, strings.Count(text, "sha256:"))
	}
}

// BenchmarkManySystemMessages: the work for a request grows with its size, whatever is in it.
func BenchmarkManySystemMessages(b *testing.B) {
	for _, n := range []int{1000, 8000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			x := newTenants(b, nil)
			for b.Loop() {
				_, err := x.a.processTraces(context.Background(), manySystemMessages(n))
				require.NoError(b, err)
			}
		})
	}
}

func TestSenderAddress(t *testing.T) {
	from := func(address string) context.Context {
		a, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		return client.NewContext(context.Background(), client.Info{Addr: a})
	}
	for _, apart := range []bool{false, true} {
		x := newTenants(t, func(c *Config) { c.Trust.SenderAddress = apart })
		x.spans(from("10.0.0.1:4000"), of("svc", "chat m", 1, 0, attrs{"gen_ai.operation.name": "chat", "user.id": "ann"}))
		same := x.spans(from("10.0.0.1:4001"), of("svc", "chat m", 2, 0, attrs{"gen_ai.operation.name": "chat"}))
		require.Equal(t, "ann", same[0].UserID)
		require.Empty(t, same[0].Sender, "an address has not authenticated")
		other := x.spans(from("10.0.0.2:4000"), of("svc", "chat m", 3, 0, attrs{"gen_ai.operation.name": "chat"}))
		require.Equal(t, map[bool]string{false: "ann", true: ""}[apart], other[0].UserID)
	}
}

// TestTenants: two senders who authenticated send to one processor, in any order, with the
// same trace, span, session, call and response ids, services and agents. Every event of the
// one reads as if it had been alone, but that it may name one of the other's that tells the
// same call, at the same time.
func TestTenants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type sent struct {
			mine bool
			td   ptrace.Traces
			ld   plog.Logs
		}
		var all []sent
		for range rapid.IntRange(2, 10).Draw(rt, "requests") {
			s := sent{mine: rapid.Bool().Draw(rt, "mine"), td: ptrace.NewTraces(), ld: plog.NewLogs()}
			for range rapid.IntRange(1, 4).Draw(rt, "records") {
				if rapid.IntRange(0, 3).Draw(rt, "signal") == 0 {
					drawLog(rt, s.ld)
				} else {
					drawSpan(rt, s.td)
				}
			}
			all = append(all, s)
		}
		run := func(mine, others bool) (events []*semconv.Event, theirs []*semconv.Event) {
			x := newTenants(rt, nil)
			for _, s := range all {
				if s.mine && !mine || !s.mine && !others {
					continue
				}
				who := as(map[bool]string{true: "me", false: "you"}[s.mine])
				ld, td := plog.NewLogs(), ptrace.NewTraces()
				s.ld.CopyTo(ld)
				s.td.CopyTo(td)
				for _, e := range append(x.logs(who, ld), x.spans(who, td)...) {
					if s.mine {
						events = append(events, e)
					} else {
						theirs = append(theirs, e)
					}
				}
			}
			return events, theirs
		}
		alone, _ := run(true, false)
		both, theirs := run(true, true)
		require.Len(rt, both, len(alone))
		for i, e := range both {
			if alone[i].LayerOf == "" && e.LayerOf != "" && slices.ContainsFunc(theirs, func(o *semconv.Event) bool {
				of := o.EventID == e.LayerOf || o.LayerOf == e.LayerOf // or a layer, itself, of what tells it whole
				return of && o.EventType == e.EventType && o.RunID == e.RunID && o.ResponseID == e.ResponseID && o.ToolName == e.ToolName && o.SpanID != e.SpanID
			}) {
				e.LayerOf = ""
			}
			want, err := json.Marshal(alone[i])
			require.NoError(rt, err)
			have, err := json.Marshal(e)
			require.NoError(rt, err)
			require.Equal(rt, string(want), string(have))
		}
	})
}

// A gateway and an agent authenticate as themselves: each call of a model is counted once,
// whoever sends first, and all else of an event reads as if its sender had been alone.
func TestGatewayAndAgent(t *testing.T) {
	records := otlptest.Records(t, filepath.Join("..", "..", "testdata", "onefact", "gateway.traces.otlp.jsonl"))
	run := func(order ...string) (events []*semconv.Event) {
		x := newTenants(t, nil)
		for _, service := range order {
			td := ptrace.NewTraces()
			for _, r := range records {
				if name, _ := r.Resource().Attributes().Get("service.name"); name.Str() == service {
					r.Clone().Traces.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
				}
			}
			events = append(events, x.spans(as(service), td)...)
		}
		return events
	}
	alone := map[string]*semconv.Event{}
	for _, service := range []string{"litellm-proxy", "support-agent"} {
		for _, e := range run(service) {
			alone[e.EventID] = e
		}
	}
	for _, order := range [][]string{{"litellm-proxy", "support-agent"}, {"support-agent", "litellm-proxy"}} {
		counted := 0
		for _, e := range run(order...) {
			if e.EventType == semconv.TypeLLMCall {
				if e.LayerOf == "" {
					counted++
				} else {
					other := alone[e.LayerOf]
					require.Equal(t, e.ResponseID, other.ResponseID)
					require.NotEqual(t, string(e.Sender), string(other.Sender))
				}
			}
			e.LayerOf = alone[e.EventID].LayerOf
			require.Equal(t, alone[e.EventID], e)
		}
		require.Equal(t, 3, counted, order)
	}
}

func drawAttrs(rt *rapid.T) attrs {
	few := func(what string, list ...string) string { return rapid.SampledFrom(list).Draw(rt, what) }
	a := attrs{}
	put := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	put("session.id", few("session", "", "s1", "s2", "s1@me"))
	put("user.id", few("user", "", "", "ann", "bob"))
	put("gen_ai.agent.name", few("agent", "", "", "a", "b"))
	if few("prompt", "", "", "yes") != "" {
		put("gen_ai.system_instructions", `[{"type":"text","content":"pay DE12"}]`)
	}
	switch few("kind", "chat", "tool", "agent", "ask") {
	case "chat":
		put("gen_ai.operation.name", "chat")
		put("gen_ai.request.model", few("model", "", "m1", "m2"))
		put("gen_ai.response.id", few("response", "", "r1", "r2"))
		put("gen_ai.output.messages", few("answer", "", `[{"role":"assistant","parts":[{"type":"text","content":"done"}]}]`,
			`[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"pay","arguments":{"to":"DE12"}}]}]`))
	case "tool":
		put("gen_ai.operation.name", "execute_tool")
		put("gen_ai.tool.name", "pay")
		put("gen_ai.tool.call.id", few("call", "", "c1", "c2"))
		put("gen_ai.tool.call.arguments", few("input", "", `{"to":"DE12"}`, `{"to":"pay DE12"}`))
		put("gen_ai.tool.call.result", few("output", "", `"ok"`))
	case "agent":
		put("gen_ai.operation.name", "invoke_agent")
	case "ask":
		put("gen_ai.operation.name", "chat")
		put("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"function_approval_request","id":"c1","function_call":{"id":"c1","name":"pay","arguments":{"to":"DE12"}}}]}]`)
	}
	return a
}

func drawSpan(rt *rapid.T, td ptrace.Traces) {
	id := byte(rapid.IntRange(1, 4).Draw(rt, "id"))
	s := span(td, "x", "x", id, byte(rapid.IntRange(0, 4).Draw(rt, "parent")), drawAttrs(rt))
	s.SetTraceID(pcommon.TraceID{byte(rapid.IntRange(1, 2).Draw(rt, "trace"))})
	took := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 5 * time.Second}).Draw(rt, "took")
	s.SetEndTimestamp(s.StartTimestamp() + pcommon.Timestamp(took))
	if rapid.IntRange(0, 4).Draw(rt, "failed") == 0 {
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	rs := td.ResourceSpans().At(td.ResourceSpans().Len() - 1)
	rs.Resource().Attributes().PutStr("service.name", "svc"+strconv.Itoa(rapid.IntRange(1, 2).Draw(rt, "service")))
}

func drawLog(rt *rapid.T, ld plog.Logs) {
	rec := log(ld, "x", nil, drawAttrs(rt))
	rec.SetEventName(rapid.SampledFrom([]string{"gen_ai.client.inference.operation.details", "gen_ai.choice"}).Draw(rt, "event"))
	rec.SetTraceID(pcommon.TraceID{byte(rapid.IntRange(0, 2).Draw(rt, "trace"))})
	rec.SetSpanID(pcommon.SpanID{byte(rapid.IntRange(0, 4).Draw(rt, "span"))})
}
