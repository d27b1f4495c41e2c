package agentauditprocessor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/internal/otlptest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// records are those of all recordings.
func records(t testing.TB) []otlptest.Record {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return otlptest.Records(t, files...)
}

func leaves(r otlptest.Record) []dialecttest.Leaf {
	of := dialecttest.OfResource(r.Resource().Attributes())
	if r.Log {
		return append(dialecttest.OfLog(r.LogRecord()), of...)
	}
	return append(dialecttest.OfSpan(r.Span()), of...)
}

// lost maps a record alone, and finds what of it is in no event. A record that gives no event
// loses nothing: see TestSteps.
func lost(t testing.TB, p otlptest.Record) []dialecttest.Leaf {
	sent := leaves(p) // before it is consumed
	lines := mapped(t, p)
	if len(lines) == 0 {
		return nil
	}
	out, err := dialecttest.Read(lines)
	require.NoError(t, err)
	return out.Lost(sent)
}

func mapped(t testing.TB, p otlptest.Record) (lines [][]byte) {
	f := agentauditprocessor.NewFactory()
	cfg := f.CreateDefaultConfig().(*agentauditprocessor.Config)
	cfg.Coverage.Interval = 0
	ctx := context.Background()
	if p.Log {
		sink := new(consumertest.LogsSink)
		x, err := f.CreateLogs(ctx, processortest.NewNopSettings(f.Type()), cfg, sink)
		require.NoError(t, err)
		require.NoError(t, x.Start(ctx, componenttest.NewNopHost()))
		require.NoError(t, errors.Join(x.ConsumeLogs(ctx, p.Logs), x.Shutdown(ctx)))
		for _, ld := range sink.AllLogs() {
			for _, r := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
				line, _, err := semconv.AppendLog(nil, r)
				require.NoError(t, err)
				lines = append(lines, line)
			}
		}
		return lines
	}
	sink := new(consumertest.TracesSink)
	x, err := f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, x.Start(ctx, componenttest.NewNopHost()))
	require.NoError(t, errors.Join(x.ConsumeTraces(ctx, p.Traces), x.Shutdown(ctx)))
	for _, td := range sink.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			require.NoError(t, err)
			lines = append(lines, line)
		}
	}
	return lines
}

// TestNothingIsLost: every text, number and truth value of every record that gives an event
// is in what goes out.
func TestNothingIsLost(t *testing.T) {
	for _, p := range records(t) {
		if l := lost(t, p.Clone()); len(l) > 0 {
			t.Errorf("%s: %v", p.Name, l)
		}
	}
}

// TestNothingIsLostInOtherShapes is the same with what readers do not know under the keys
// that they do.
func TestNothingIsLostInOtherShapes(t *testing.T) {
	all := records(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, p := range all {
			m := p.Clone()
			dialecttest.Mutate(r, m.Attributes())
			if l := lost(t, m); len(l) > 0 {
				t.Errorf("%s, seed %d: %v", m.Name, seed, l)
			}
		}
	}
}

// FuzzConservation is TestNothingIsLostInOtherShapes without an end.
func FuzzConservation(f *testing.F) {
	all := records(f)
	f.Add(uint64(1), uint16(0))
	f.Fuzz(func(t *testing.T, seed uint64, which uint16) {
		m := all[int(which)%len(all)].Clone()
		dialecttest.Mutate(rand.New(rand.NewPCG(seed, uint64(which))), m.Attributes())
		require.Empty(t, lost(t, m), fmt.Sprint(m.Name, " seed ", seed))
	})
}
