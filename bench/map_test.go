// Package bench measures what the parts of the trail cost. Run it on a quiet machine:
//
//	go test ./bench -run XXX -bench . -cpu 1
package bench

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// BenchmarkMap maps recordings of whole conversations, content included, each time
// as new traces, and encodes the events as lines: what processor and encoder cost.
func BenchmarkMap(b *testing.B) {
	for _, name := range []string{"openinference-langgraph/agent", "openinference-openai/agent", "vercel-ai/agent", "traceloop/agent", "google-adk/agent", "langfuse/agent"} {
		b.Run(filepath.Dir(name), func(b *testing.B) {
			body := recorded(b, name)
			recording, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
			require.NoError(b, err)
			size := len(body)

			f := agentauditprocessor.NewFactory()
			p, err := f.CreateTraces(context.Background(), processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), &encoder{})
			require.NoError(b, err)
			require.NoError(b, p.Start(context.Background(), componenttest.NewNopHost()))
			defer func() { require.NoError(b, p.Shutdown(context.Background())) }()

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				td := ptrace.NewTraces()
				recording.CopyTo(td)
				freshen(td)
				require.NoError(b, p.ConsumeTraces(context.Background(), td))
			}
			runtime.ReadMemStats(&after)
			micros, spans := float64(b.Elapsed().Nanoseconds())/1000, float64(b.N*recording.SpanCount())
			b.ReportMetric(micros/spans, "µs/span")
			b.ReportMetric(micros/(float64(b.N*size)/1000), "µs/kB")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/spans, "allocs/span")
		})
	}
}

// recorded is a recording as OTLP.
func recorded(b *testing.B, name string) []byte {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "captures", filepath.FromSlash(name)+".traces.otlp.jsonl"))
	require.NoError(b, err)
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
	require.NoError(b, err)
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(b, err)
	return body
}

var generation atomic.Uint32

// freshen gives spans trace ids that they did not have before.
func freshen(td ptrace.Traces) {
	n := generation.Add(1)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				id := s.TraceID()
				binary.LittleEndian.PutUint32(id[:], n)
				s.SetTraceID(id)
			}
		}
	}
}

// discard takes what it is given, from all at once.
type discard struct{}

func (*discard) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (*discard) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	return (&encoder{}).ConsumeTraces(context.Background(), td)
}

// encoder encodes what it is given, as the exporter does.
type encoder struct{ line []byte }

func (*encoder) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (e *encoder) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	var c semconv.Encoder
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		var err error
		if e.line, _, err = c.AppendSpan(e.line[:0], s); err != nil {
			return err
		}
	}
	return nil
}
