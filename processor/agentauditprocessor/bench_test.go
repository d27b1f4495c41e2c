package agentauditprocessor

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// BenchmarkMap maps recordings, each with a trace id of its own, and encodes the
// events: what the processor and the encoder cost a span.
func BenchmarkMap(b *testing.B) {
	for _, name := range []string{"openinference-langgraph/agent", "openinference-openai/agent", "vercel-ai/agent", "traceloop/agent"} {
		b.Run(filepath.Dir(name), func(b *testing.B) {
			text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "captures", filepath.FromSlash(name)+".traces.otlp.jsonl"))
			require.NoError(b, err)
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
			require.NoError(b, err)
			a, err := newAuditor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config))
			require.NoError(b, err)
			defer a.shutdown()
			var line []byte
			n := uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				for _, rs := range td.ResourceSpans().All() {
					for _, ss := range rs.ScopeSpans().All() {
						for _, s := range ss.Spans().All() {
							id := s.TraceID()
							id[0], id[1], id[2], id[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
							s.SetTraceID(id)
						}
					}
				}
				out, err := a.processTraces(context.Background(), td)
				require.NoError(b, err)
				for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
					line, _, _ = semconv.AppendSpan(line[:0], s)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*td.SpanCount()), "µs/span")
		})
	}
}
