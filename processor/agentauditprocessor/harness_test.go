package agentauditprocessor

import (
	"context"
	"encoding/json"
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

// events are those of all requests so far, through the codec as the exporter uses it.
func (r *rig) events() (out []*semconv.Event) {
	r.t.Helper()
	parse := func(line []byte, err error) {
		require.NoError(r.t, err)
		e, err := semconv.ParseLine(line)
		require.NoError(r.t, err, "%s", line)
		out = append(out, e)
	}
	for _, td := range r.spans.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			parse(line, err)
		}
	}
	for _, ld := range r.recs.AllLogs() {
		for _, s := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			line, _, err := semconv.AppendLog(nil, s)
			parse(line, err)
		}
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
	if err := s.Attributes().FromRaw(a); err != nil {
		panic(err)
	}
	return s
}

func log(ld plog.Logs, scope string, body any, a attrs) plog.LogRecord {
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	rec := sl.LogRecords().AppendEmpty()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(start))
	if err := rec.Body().FromRaw(body); err != nil {
		panic(err)
	}
	if err := rec.Attributes().FromRaw(a); err != nil {
		panic(err)
	}
	return rec
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
