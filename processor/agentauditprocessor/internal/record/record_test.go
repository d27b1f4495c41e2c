package record

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

func scope(t *testing.T, resource map[string]any) *Scope {
	t.Helper()
	res, sc := pcommon.NewResource(), pcommon.NewInstrumentationScope()
	require.NoError(t, res.Attributes().FromRaw(resource))
	sc.SetName("lib")
	sc.SetVersion("1")
	require.NoError(t, sc.Attributes().FromRaw(map[string]any{"flavour": "sweet"}))
	return NewScope(res, sc)
}

func span(t *testing.T, attrs map[string]any) *Record {
	t.Helper()
	s := ptrace.NewSpan()
	require.NoError(t, s.Attributes().FromRaw(attrs))
	return scope(t, map[string]any{"service.name": "shop", "service.instance.id": "i1", "env": "test", "process.pid": 7}).Span(s)
}

func TestSpan(t *testing.T) {
	s := ptrace.NewSpan()
	s.SetName("chat")
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no")
	s.SetDroppedAttributesCount(1)
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.Attributes().PutStr("exception.message", "bang")
	e.Attributes().PutStr("more", "of it")
	s.Attributes().PutEmpty("empty")
	s.Attributes().PutStr("a", "1")
	s.Links().AppendEmpty().SetSpanID([8]byte{1})
	r := scope(t, map[string]any{"service.name": "shop"}).Span(s)
	require.True(t, r.Failed && r.Dropped && !r.Succeeded)
	require.Equal(t, Exception{"", "bang", ""}, r.Exception)
	require.False(t, r.Has("empty"), "the empty value is absent")
	require.Equal(t, "shop", r.Workload())
	require.JSONEq(t, `{"dialect":"d","scope":"lib","scope_version":"1","service":"shop","signal":"traces"}`, string(r.Source("d")))
	once, again := r.Source("d"), r.Source("d")
	require.Same(t, &once[0], &again[0], "made once")

	var l jsontext.Leaves
	l.AddText("bang")
	require.JSONEq(t, `{"a":"1","span_events":[{"name":"exception","attributes":{"more":"of it"}}],"links":[{"trace_id":"","span_id":"0100000000000000"}],"status_message":"no","resource":{"scope":{"flavour":"sweet"}}}`, string(r.Rest(nil, &l)))
	seen := 0
	r.UnreadEvents(func(ptrace.SpanEvent) { seen++ })
	require.Zero(t, seen, "the exception was read")
	t2 := r.SpanEvent(e)
	require.True(t, t2.Log && t2.OfSpan)
	r.TellEvent(0)
	require.NotContains(t, string(r.Rest(nil, &l)), "more")
}

func TestTimes(t *testing.T) {
	at := pcommon.NewTimestampFromTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	for name, c := range map[string]struct {
		start, end pcommon.Timestamp
		sent       string
		sentEnd    uint64
	}{
		"as it should be":    {at, at + 1, "", 0},
		"none":               {0, 0, "0", 0},
		"all bits":           {1<<64 - 1, at, "18446744073709551615", 0},
		"milliseconds":       {1790000000000, at, "1790000000000", 0},
		"end before start":   {at, at - 1, "", uint64(at - 1)},
		"an end beyond time": {at, 1<<64 - 1, "", 1<<64 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := ptrace.NewSpan()
			s.SetStartTimestamp(c.start)
			s.SetEndTimestamp(c.end)
			r := scope(t, nil).Span(s)
			require.Equal(t, c.sent, r.SentTime)
			require.Equal(t, c.sentEnd, r.SentEnd)
			require.Equal(t, c.sent != "", r.Start.IsZero())
			require.False(t, r.End.Before(r.Start))
		})
	}
}

func TestLogRecord(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(plog.LogRecord)
		want   string
	}{
		"the field":         {func(r plog.LogRecord) { r.SetEventName("a.b") }, "a.b"},
		"an attribute":      {func(r plog.LogRecord) { r.Attributes().PutStr("event.name", "a.b") }, "a.b"},
		"a typo":            {func(r plog.LogRecord) { r.Attributes().PutStr("event_name", "a.b") }, "a.b"},
		"not a call site":   {func(r plog.LogRecord) { r.SetEventName("event x.rs:1"); r.Attributes().PutStr("event.name", "a.b") }, "a.b"},
		"the body":          {func(r plog.LogRecord) { r.Body().SetStr("a.b") }, "a.b"},
		"within the body":   {func(r plog.LogRecord) { r.Body().SetEmptyMap().PutStr("event.name", "a.b") }, "a.b"},
		"a text is no name": {func(r plog.LogRecord) { r.Body().SetStr("what a day") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rec := plog.NewLogRecord()
			c.change(rec)
			rec.Attributes().PutStr("event.timestamp", at.Format(time.RFC3339))
			r := scope(t, nil).LogRecord(rec)
			require.Equal(t, c.want, r.Name)
			require.Equal(t, at, r.Start, "where the record has no time")
		})
	}
	rec := plog.NewLogRecord()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
	rec.Body().SetStr(`{"a":"kept"}`)
	rec.SetSeverityNumber(plog.SeverityNumberError)
	r := scope(t, nil).LogRecord(rec)
	require.True(t, r.Failed)
	require.JSONEq(t, `{"body":{"a":"kept"},"resource":{"scope":{"flavour":"sweet"}}}`, string(r.Rest(nil, &jsontext.Leaves{})))
	r.BodyRead = true
	require.JSONEq(t, `{"body":{"a":"kept"},"resource":{"scope":{"flavour":"sweet"}}}`, string(r.Rest(nil, &jsontext.Leaves{})), "read, and in no field")
	var l jsontext.Leaves
	l.AddText("kept")
	require.JSONEq(t, `{"resource":{"scope":{"flavour":"sweet"}}}`, string(r.Rest(nil, &l)))
	require.NotEqual(t, r.Fingerprint(), scope(t, nil).LogRecord(plog.NewLogRecord()).Fingerprint())
}

func TestAttributes(t *testing.T) {
	for _, n := range []int{4, 200} { // searched, and looked up
		attrs := map[string]any{"a": "1", "b": "1", "c": "", "audit.tool_name": "pay", "llm.x": int64(3)}
		for i := range n {
			attrs["filler."+strconv.Itoa(i)] = "x"
		}
		r := span(t, attrs)
		require.True(t, r.HasAny([]string{"zz", "a"}))
		require.False(t, r.HasAny([]string{"zz"}))
		require.True(t, r.HasPrefix("llm."))
		require.False(t, r.HasPrefix("mll."))
		v, ok := r.Take("c", "a", "b")
		require.True(t, ok)
		require.Equal(t, "1", v.Str())
		require.Empty(t, r.TakeText("zz"))
		require.Equal(t, "3", r.Text("llm.x"))
		rest := string(r.Rest([]Ignored{{"filler.*", "many"}}, &jsontext.Leaves{}))
		require.JSONEq(t, `{"a":"1","b":"1","c":"","audit.tool_name":"pay","llm.x":3,"resource":{"env":"test","scope":{"flavour":"sweet"}}}`, rest, "what was taken and is in no field is kept")
		r.Keep("a")

		claimed := map[string]string{}
		r.Claims(func(field string, v pcommon.Value) bool { claimed[field] = v.AsString(); return true })
		require.Equal(t, map[string]string{"tool_name": "pay"}, claimed)
		r.Distrust()
		require.True(t, r.Distrusted())
		require.False(t, r.Has("audit.tool_name"))
		r.Claims(func(string, pcommon.Value) bool { t.Error("not trusted"); return true })
		require.Contains(t, string(r.Rest(nil, &jsontext.Leaves{})), "audit.tool_name", "what was claimed")
	}
	require.True(t, span(t, map[string]any{"ab": 1}).MayHave(KeyMark("ab")))
	require.True(t, IgnoredBy(nil, "http.request.header.authorization"))
	require.True(t, OfMachine("host.name"))
}

func TestFromResource(t *testing.T) {
	s := scope(t, map[string]any{"service.name": "shop", "service.version": "2", "session.id": "s", "enduser.id": "ann", "gen_ai.agent.id": "a"})
	r := s.Span(ptrace.NewSpan())
	for field, want := range map[string]string{"session_id": "s", "user_id": "ann", "agent_id": "a", "agent_version": "2", "agent_name": "", "model_id": ""} {
		require.Equal(t, want, r.FromResource(field))
	}
	require.Equal(t, "a", r.Workload())
}

func TestIndexed(t *testing.T) {
	r := span(t, map[string]any{
		"p.10.message.role": "b", "p.2.message.role": "a", "p.2.message.content": `[{"type":"text"}]`, "p.2.calls.0.name": "f",
		"p.4096.x": "out of bounds", "p.01.x": "not the shortest", "p.x.y": "no index", "p.2.message.role.deeper": "under a leaf",
	})
	v := r.Indexed("p.")
	require.Contains(t, []string{
		`[{"calls":[{"name":"f"}],"message":{"content":[{"type":"text"}],"role":"a"}},{"message":{"role":"b"}}]`,
		`[{"calls":[{"name":"f"}],"message":{"content":[{"type":"text"}],"role":{"deeper":"under a leaf"}}},{"message":{"role":"b"}}]`,
	}, v.Raw)
	require.False(t, r.Indexed("q.").Exists())
	rest := string(r.Rest(nil, &jsontext.Leaves{}))
	for _, kept := range []string{"out of bounds", "not the shortest", "no index"} {
		require.Contains(t, rest, kept)
	}
}

func TestValues(t *testing.T) {
	v := pcommon.NewValueStr(`"{\"a\": 1}"`)
	require.Equal(t, `{"a":1}`, JSON(v).Raw, "encoded twice")
	require.Equal(t, `"{a"`, JSON(pcommon.NewValueStr("{a")).Raw)
	require.Equal(t, `3`, JSON(pcommon.NewValueInt(3)).Raw)
	require.Equal(t, `"{\"a\":1}"`, Leaf("arguments", pcommon.NewValueStr(`{"a":1}`)).Raw, "a text stays a text")
	require.Equal(t, `[{"a":1}]`, Leaf("content", pcommon.NewValueStr(`[{"a":1}]`)).Raw)
}
