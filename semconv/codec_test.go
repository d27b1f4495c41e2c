package semconv

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// TestGoldenLine is what a line looks like: the fields in their order, absent when
// unknown.
func TestGoldenLine(t *testing.T) {
	s := ptrace.NewSpan()
	WriteSpan(&Event{
		EventID: "8f14e45f-ceea-867f-a0a0-000000000001", EventType: TypeToolCall, Timestamp: time.Date(2026, 11, 23, 10, 15, 0, 120, time.UTC),
		EndTimestamp: time.Date(2026, 11, 23, 10, 15, 1, 0, time.UTC), SessionID: "sess-42", RunID: "0102", StepNumber: Some[int64](3), AgentID: "support",
		UserID: "u-17", TraceID: "01000000000000000000000000000000", SpanID: "0200000000000000", ParentSpanID: "0300000000000000", ToolName: "issue_refund",
		ToolInput: json.RawMessage(`{"amount":42.5}`), ToolOutput: Text("R-77"), Outcome: OutcomeSuccess, ExecutionTimeMS: Some(0.5), RequiresApproval: Some(false),
		Source: json.RawMessage(`{"dialect":"vercel-ai"}`), DerivedFields: []string{"agent_id"},
	}, s)
	line, m, err := AppendSpan([]byte("before "), s)
	require.NoError(t, err)
	require.Equal(t, `before {"schema_version":"1.1","event_id":"8f14e45f-ceea-867f-a0a0-000000000001","event_type":"tool_call","timestamp":"2026-11-23T10:15:00.000000120Z","end_timestamp":"2026-11-23T10:15:01.000000000Z",`+
		`"session_id":"sess-42","run_id":"0102","step_number":3,"agent_id":"support","user_id":"u-17","trace_id":"01000000000000000000000000000000","span_id":"0200000000000000","parent_span_id":"0300000000000000",`+
		`"source":{"dialect":"vercel-ai"},"derived_fields":["agent_id"],"outcome":"success","tool_name":"issue_refund","tool_input":{"amount":42.5},"tool_output":"R-77","execution_time_ms":0.5,"requires_approval":false}`, string(line))
	require.Equal(t, Meta{EventType: "tool_call", EventID: "8f14e45f-ceea-867f-a0a0-000000000001", SessionID: "sess-42", Timestamp: time.Date(2026, 11, 23, 10, 15, 0, 120, time.UTC)}, m)
}

// anyEvent draws an event with any of the fields.
func anyEvent(t *rapid.T) *Event {
	text := rapid.String()
	e := &Event{}
	for i := range fields {
		f := &fields[i]
		if f.Name == "schema_version" || f.Name != "event_type" && f.Name != "timestamp" && rapid.Bool().Draw(t, f.Name+"?") {
			continue
		}
		switch p := f.ref(e).(type) {
		case *string:
			switch f.Name {
			case "trace_id":
				*p = rapid.StringMatching(`[1-9a-f][0-9a-f]{31}`).Draw(t, f.Name)
			case "span_id", "parent_span_id":
				*p = rapid.StringMatching(`[1-9a-f][0-9a-f]{15}`).Draw(t, f.Name)
			default:
				*p = text.Draw(t, f.Name)
			}
		case *EventType:
			*p = rapid.SampledFrom(eventTypes).Draw(t, f.Name)
		case *time.Time:
			*p = time.Unix(0, rapid.Int64Range(1, math.MaxInt64).Draw(t, f.Name)).UTC()
		case *[]string:
			*p = rapid.SliceOfN(text, 1, 3).Draw(t, f.Name)
		case *Optional[int64]:
			*p = Some(rapid.Int64().Draw(t, f.Name))
		case *Optional[float64]:
			*p = Some(rapid.Float64().Draw(t, f.Name))
		case *Optional[bool]:
			*p = Some(rapid.Bool().Draw(t, f.Name))
		case *json.RawMessage:
			s := string(jsontext.AppendString(nil, text.Draw(t, f.Name)))
			switch f.Kind {
			case KindObject:
				*p = json.RawMessage(`{"k":` + s + `,"n":[1,-2.5e3,true,null]}`)
			case KindArray:
				*p = json.RawMessage(`[` + s + `,{}]`)
			default:
				*p = json.RawMessage(s)
			}
		}
	}
	if e.EndTimestamp.Before(e.Timestamp) || e.EndTimestamp.Equal(e.Timestamp) {
		e.EndTimestamp = time.Time{} // an end that is none
	}
	return e
}

// TestRoundTrip: an event is the same after the record and the line, for both signals.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		if e.EventID == "" {
			e.EventID = "id"
		}
		span, rec := ptrace.NewSpan(), plog.NewLogRecord()
		WriteSpan(e, span)
		WriteLog(e, rec)
		want := *e
		want.SchemaVersion = SchemaVersion
		for _, f := range []struct {
			name string
			has  bool
		}{{"session_id", e.SessionID != ""}, {"agent_id", e.AgentID != ""}, {"step_number", e.StepNumber.Valid}} {
			listed := false
			for _, m := range e.MissingFields {
				listed = listed || m == f.name
			}
			if !f.has && !listed {
				want.MissingFields = append(want.MissingFields[:len(want.MissingFields):len(want.MissingFields)], f.name)
			}
		}
		for _, add := range []func() ([]byte, Meta, error){
			func() ([]byte, Meta, error) { return AppendSpan(nil, span) },
			func() ([]byte, Meta, error) { return AppendLog(nil, rec) },
		} {
			line, m, err := add()
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseLine(line)
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			require.Equal(t, &want, got)
			require.Equal(t, want.SessionID, m.SessionID)
			require.Equal(t, want.MissingFields, m.Missing)
		}
	})
}

func checkLine(t testing.TB, line []byte) {
	t.Helper()
	require.True(t, json.Valid(line), "%q", line)
	require.True(t, utf8.Valid(line), "%q", line)
	require.NotContains(t, string(line), "\n")
	_, err := ParseLine(line)
	require.NoError(t, err, "%q", line)
	again, err := new(jsontext.ObjectReader).Object(nil, line, lineDepth, func([]byte, int, int) {})
	require.NoError(t, err)
	require.Equal(t, string(line), string(again), "a line is canonical")
}

// FuzzAppendSpan: any pdata in, one strict line out.
func FuzzAppendSpan(f *testing.F) {
	seed := ptrace.NewTraces()
	s := seed.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	WriteSpan(&Event{EventID: "x", EventType: TypeLLMCall, SessionID: "s", InputMessages: []byte(`[{"role":"user"}]`), Content: []byte(`{"a":1}`)}, s)
	s.Attributes().PutEmptyMap("audit.tool_input").PutDouble("n", math.Inf(1))
	s.Attributes().PutEmptyBytes("vendor").Append(0xff)
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(seed)
	require.NoError(f, err)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		if err != nil {
			return
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					s.Attributes().PutStr(AttrEventType, "llm_call")
					line, _, err := AppendSpan(nil, s)
					require.NoError(t, err)
					checkLine(t, line)
				}
			}
		}
	})
}

// FuzzFields puts any text into any field.
func FuzzFields(f *testing.F) {
	for i := range fields {
		f.Add(i, `{"a":[1,{"b":null}]}`, "x\xff\n")
	}
	f.Add(3, `{"a":1,"\u0061":2}`, "\u2028")
	f.Add(20, `[1e999]`, `"\ud800"`)
	f.Fuzz(func(t *testing.T, i int, text, key string) {
		s := ptrace.NewSpan()
		s.Attributes().PutStr(AttrEventType, "tool_call")
		if f := fields[uint(i)%uint(len(fields))]; f.Name != "event_type" {
			s.Attributes().PutStr(f.Attr(), text)
		}
		s.Attributes().PutStr(key, text)
		line, _, err := AppendSpan(nil, s)
		if key == AttrEventType {
			return
		}
		require.NoError(t, err)
		checkLine(t, line)
	})
}

// FuzzAppendJSON: what is taken is JSON to everyone, and stays the same value.
// FuzzParseLine: no line makes the reader fail otherwise than with an error.
func FuzzParseLine(f *testing.F) {
	for _, version := range []string{"1", "1.1", "1.2", "", `1\u002e1`} {
		f.Add([]byte(goodOf(version)))
	}
	for _, member := range []string{`"act":["e"]`, `"final_at":"2026-11-23T10:00:00.000000000Z"`, `"content_at":{}`} {
		f.Add([]byte(strings.Replace(goodOf("1.1"), `"agent_id"`, member+`,"agent_id"`, 1)))
		f.Add([]byte(strings.Replace(good, `"agent_id"`, member+`,"agent_id"`, 1)))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ParseLine(line)
		if err == nil {
			require.True(t, json.Valid(line))
		}
		var r LineReader
		_, _ = r.Scan([]byte(with(goodOf("1.1"), `"run_id":"r","missing_fields":["user_id"]`)))
		scanned, scanErr := r.Scan(line)
		require.Equal(t, err, scanErr)
		if err == nil {
			require.Equal(t, e.SessionID+e.EventID+e.RunID+string(e.EventType), scanned.SessionID+scanned.EventID+scanned.RunID+string(scanned.EventType))
			require.Equal(t, e.MissingFields, scanned.MissingFields)
			require.Equal(t, e.StepNumber, scanned.StepNumber)
			require.True(t, e.Timestamp.Equal(scanned.Timestamp))
		}
	})
}

// TestHostileAttributes: what does not fit its field is kept under content.
func TestHostileAttributes(t *testing.T) {
	content := func(put func(pcommon.Map)) (*Event, map[string]any) {
		s := ptrace.NewSpan()
		s.Attributes().PutStr(AttrEventType, "llm_call")
		put(s.Attributes())
		line, _, err := AppendSpan(nil, s)
		require.NoError(t, err)
		checkLine(t, line)
		e, err := ParseLine(line)
		require.NoError(t, err)
		var c map[string]any
		if len(e.Content) > 0 {
			require.NoError(t, json.Unmarshal(e.Content, &c))
		}
		return e, c
	}
	_, c := content(func(m pcommon.Map) { m.PutStr(AttrInputTokens, "many") })
	require.Equal(t, map[string]any{AttrInputTokens: "many"}, c)
	e, _ := content(func(m pcommon.Map) { m.PutStr(AttrInputTokens, "12") })
	require.Equal(t, Some(int64(12)), e.InputTokens)
	_, c = content(func(m pcommon.Map) { m.PutDouble(AttrTemperature, math.NaN()) })
	require.Equal(t, map[string]any{AttrTemperature: "NaN"}, c)
	_, c = content(func(m pcommon.Map) { m.PutStr("audit.nonsense", "x"); m.PutStr("k8s.pod.name", "p") })
	require.Equal(t, map[string]any{"audit.nonsense": "x", "k8s.pod.name": "p"}, c)
	_, c = content(func(m pcommon.Map) { m.PutStr(AttrContent, `{"a":1}`); m.PutStr("a", "2") })
	require.Equal(t, map[string]any{"a": 1.0, "a'": "2"}, c, "nothing is lost to a name")
	e, _ = content(func(m pcommon.Map) { m.PutStr(AttrInputMessages, `[{"role":`) })
	require.JSONEq(t, `["[{\"role\":"]`, string(e.InputMessages))
	e, _ = content(func(m pcommon.Map) { m.PutEmpty(AttrUserID) })
	require.Empty(t, e.UserID, "the empty value is absent")
	e, _ = content(func(m pcommon.Map) {
		for range 300 {
			m.PutStr(strings.Repeat("k", m.Len()), "v")
		}
	})
	require.NotEmpty(t, e.Content)
	_, _, err := AppendSpan(nil, ptrace.NewSpan())
	require.ErrorIs(t, err, ErrNotAuditEvent)
	s := ptrace.NewSpan()
	s.Attributes().PutStr(AttrEventType, "party")
	_, _, err = AppendSpan(nil, s)
	require.ErrorContains(t, err, `unknown audit.event_type "party"`)
}
