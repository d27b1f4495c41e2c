//go:build linux

package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// BenchmarkMix decodes, maps and encodes the traffic of each mix, without a Collector
// around it: what there is to make faster.
func BenchmarkMix(b *testing.B) {
	b.Chdir("../..") // where the recordings and the words are
	all, err := mixes()
	require.NoError(b, err)
	for _, m := range all {
		b.Run(m.name, func(b *testing.B) {
			f := agentauditprocessor.NewFactory()
			p, err := f.CreateTraces(context.Background(), processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), &encoder{})
			require.NoError(b, err)
			require.NoError(b, p.Start(context.Background(), componenttest.NewNopHost()))
			defer func() { require.NoError(b, p.Shutdown(context.Background())) }()
			spans := 0
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				t := m.templates[n%len(m.templates)]
				req := ptraceotlp.NewExportRequest()
				require.NoError(b, req.UnmarshalProto(t.next()))
				require.NoError(b, p.ConsumeTraces(context.Background(), req.Traces()))
				spans += t.spans
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(spans), "µs/span")
		})
	}
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
