package agentauditexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestTelemetry(t *testing.T) {
	tr := newTrail(t)
	ctx := context.Background()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	c := tr.config()
	c.Compression = "none"
	c.Batch.MaxEvents, c.Batch.MaxAge, c.Batch.MaxPuts = 3, time.Hour, 0 // each request of three is an object, on a slow machine too
	r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
	require.NoError(t, err)

	events := []*semconv.Event{event(0), event(1), event(2)}
	events[2].EventType = semconv.TypeError
	td := spans(events...)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty() // no audit event
	require.Error(t, r.traces.ConsumeTraces(ctx, td))
	prompted := spans(event(3), event(4), event(5))
	prompted.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr(semconv.AttrSystemPrompt, "no hash")
	require.NoError(t, r.traces.ConsumeTraces(ctx, prompted))

	var size int64
	for v, err := range tr.open().List(ctx, "data/", "") {
		require.NoError(t, err)
		size += v.Size
	}
	exact := metricdatatest.IgnoreTimestamp()
	point := func(n int64, attrs ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attrs...)}
	}
	points := func(p ...metricdata.DataPoint[int64]) []metricdata.DataPoint[int64] { return p }
	metadatatest.AssertEqualAgentauditExporterEventsSealed(t, tel, points(
		point(5, attribute.String("event_type", "tool_call")), point(1, attribute.String("event_type", "error"))), exact)
	metadatatest.AssertEqualAgentauditExporterObjects(t, tel, points(point(2)), exact)
	metadatatest.AssertEqualAgentauditExporterObjectBytes(t, tel, points(point(size)), exact)
	metadatatest.AssertEqualAgentauditExporterObjectUncompressedBytes(t, tel, points(point(size)), exact)
	metadatatest.AssertEqualAgentauditExporterCommits(t, tel, points(
		point(1, attribute.String("kind", "open")), point(2, attribute.String("kind", "batch"))), exact)
	metadatatest.AssertEqualAgentauditExporterRefusedRecords(t, tel, points(point(1)), exact)
	metadatatest.AssertEqualAgentauditExporterWarnings(t, tel, points(point(1, attribute.String("code", "prompt_without_hash"))), exact)
	metadatatest.AssertEqualAgentauditExporterUnsealedEvents(t, tel, points(point(0)), exact)
	metadatatest.AssertEqualAgentauditExporterWatchedLogs(t, tel, points(point(0)), exact)

	durations, err := tel.GetMetric("otelcol_agentaudit_exporter_commit_duration")
	require.NoError(t, err)
	require.Equal(t, uint64(2), durations.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
	age, err := tel.GetMetric("otelcol_agentaudit_exporter_last_commit_age")
	require.NoError(t, err)
	require.Greater(t, age.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 0.0)
	require.Less(t, age.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 3600.0)

	tr.server.Stop()
	ctx, cancel := context.WithCancel(ctx)
	go func() { _ = r.traces.ConsumeTraces(ctx, spans(event(6), event(7), event(8))) }()
	<-r.status
	cancel()
	failures, err := tel.GetMetric("otelcol_agentaudit_exporter_request_failures")
	require.NoError(t, err)
	require.Positive(t, failures.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	tr.server.Start()
	r.stop()
}
