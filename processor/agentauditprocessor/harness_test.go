package agentauditprocessor

import (
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var update = flag.Bool("update", false, "write the golden files anew")

var recordedAt = regexp.MustCompile(`"recorded_at":"[^"]*",`)

// golden holds the events of a test, but for recorded_at, against a file that was
// read by eye against the document of the dialect.
func golden(t *testing.T, r *rig) {
	t.Helper()
	var lines strings.Builder
	for _, line := range r.lines() {
		lines.Write(recordedAt.ReplaceAll(line, nil))
		lines.WriteByte('\n')
	}
	if _, begun := goldens[t.Name()]; !begun {
		t.Cleanup(func() { delete(goldens, t.Name()) })
	}
	goldens[t.Name()] += lines.String()
	file := filepath.Join("testdata", "golden", t.Name()+".jsonl")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(goldens[t.Name()]), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update once")
	require.True(t, strings.HasPrefix(string(want), goldens[t.Name()]), "%s holds otherwise than\n%s", file, goldens[t.Name()])
}

// goldens are the lines of each test so far.
var goldens = map[string]string{}

// rig is the processor of both signals between a test and two sinks.
type rig struct {
	t      *testing.T
	tel    *componenttest.Telemetry
	traces processor.Traces
	logs   processor.Logs
	spans  *consumertest.TracesSink
	recs   *consumertest.LogsSink
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	r := &rig{t: t, tel: componenttest.NewTelemetry(), spans: new(consumertest.TracesSink), recs: new(consumertest.LogsSink)}
	f := NewFactory()
	set := metadatatest.NewSettings(r.tel)
	var err error
	r.traces, err = f.CreateTraces(context.Background(), set, cfg, r.spans)
	require.NoError(t, err)
	r.logs, err = f.CreateLogs(context.Background(), set, cfg, r.recs)
	require.NoError(t, err)
	require.NoError(t, r.traces.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, r.logs.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		require.NoError(t, r.traces.Shutdown(context.Background()))
		require.NoError(t, r.logs.Shutdown(context.Background()))
		require.NoError(t, r.tel.Shutdown(context.Background()))
	})
	return r
}

// lines are the events of all requests so far, as the exporter seals them.
func (r *rig) lines() (out [][]byte) {
	r.t.Helper()
	for _, td := range r.spans.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			require.NoError(r.t, err)
			out = append(out, line)
		}
	}
	for _, ld := range r.recs.AllLogs() {
		for _, s := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			line, _, err := semconv.AppendLog(nil, s)
			require.NoError(r.t, err)
			out = append(out, line)
		}
	}
	return out
}

// events are the same, read back.
func (r *rig) events() (out []*semconv.Event) {
	r.t.Helper()
	for _, line := range r.lines() {
		e, err := semconv.ParseLine(line)
		require.NoError(r.t, err, "%s", line)
		out = append(out, e)
	}
	return out
}

type attrs map[string]any

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// span appends a span of one millisecond to a request.
func span(td ptrace.Traces, scope, name string, id, parent byte, a attrs) ptrace.Span {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	s := ss.Spans().AppendEmpty()
	s.SetName(name)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{id})
	if parent != 0 {
		s.SetParentSpanID(pcommon.SpanID{parent})
	}
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(id) * time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(id)*time.Second + time.Millisecond)))
	a.put(s.Attributes())
	return s
}

func log(ld plog.Logs, scope string, body any, a attrs) plog.LogRecord {
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	rec := sl.LogRecords().AppendEmpty()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(start))
	setRaw(rec.Body(), body)
	a.put(rec.Attributes())
	return rec
}

// put writes the attributes in the order of their keys, so that what is made of them
// is the same in every run.
func (a attrs) put(m pcommon.Map) {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		setRaw(m.PutEmpty(k), a[k])
	}
}

// setRaw is Value.FromRaw with the keys of maps in order.
func setRaw(v pcommon.Value, raw any) {
	switch raw := raw.(type) {
	case map[string]any:
		attrs(raw).put(v.SetEmptyMap())
	case []any:
		list := v.SetEmptySlice()
		for _, el := range raw {
			setRaw(list.AppendEmpty(), el)
		}
	default:
		if err := v.FromRaw(raw); err != nil {
			panic(err)
		}
	}
}

func text(v json.RawMessage) string { return string(v) }

func (a attrs) plain() map[string]any { return a }

func sourceOf(e *semconv.Event) (m map[string]string) {
	_ = json.Unmarshal(e.Source, &m)
	return m
}

func sumPoints(t *testing.T, m metricdata.Metrics) []metricdata.DataPoint[int64] {
	t.Helper()
	sum, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok)
	return sum.DataPoints
}
