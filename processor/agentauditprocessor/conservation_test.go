package agentauditprocessor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// piece is one record of a recording: a span or a log record.
type piece struct {
	name string
	td   ptrace.Traces // of a span
	ld   plog.Logs     // of a log record
	log  bool
}

func (p piece) attributes() pcommon.Map {
	if p.log {
		return p.ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	}
	return p.td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
}

func (p piece) clone() piece {
	c := piece{name: p.name, log: p.log, td: ptrace.NewTraces(), ld: plog.NewLogs()}
	if p.log {
		p.ld.CopyTo(c.ld)
	} else {
		p.td.CopyTo(c.td)
	}
	return c
}

func (p piece) leaves() []dialecttest.Leaf {
	if p.log {
		rl := p.ld.ResourceLogs().At(0)
		return append(dialecttest.OfLog(rl.ScopeLogs().At(0).LogRecords().At(0)), dialecttest.OfResource(rl.Resource().Attributes())...)
	}
	rs := p.td.ResourceSpans().At(0)
	return append(dialecttest.OfSpan(rs.ScopeSpans().At(0).Spans().At(0)), dialecttest.OfResource(rs.Resource().Attributes())...)
}

// pieces are the records of all recordings.
func pieces(t testing.TB) (all []piece) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			if strings.Contains(f, ".traces.") {
				td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
				require.NoError(t, err)
				all = append(all, spanPieces(f, td)...)
			} else {
				ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
				require.NoError(t, err)
				all = append(all, logPieces(f, ld)...)
			}
		}
	}
	return all
}

func spanPieces(file string, td ptrace.Traces) (list []piece) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				one := ptrace.NewTraces()
				r := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(r.Resource())
				sc := r.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(sc.Scope())
				s.CopyTo(sc.Spans().AppendEmpty())
				list = append(list, piece{name: file + " " + s.Name(), td: one})
			}
		}
	}
	return list
}

func logPieces(file string, ld plog.Logs) (list []piece) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				one := plog.NewLogs()
				r := one.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(r.Resource())
				sc := r.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(sc.Scope())
				rec.CopyTo(sc.LogRecords().AppendEmpty())
				list = append(list, piece{name: file + " " + rec.EventName(), ld: one, log: true})
			}
		}
	}
	return list
}

// lost maps a record alone, and finds what of it is in no event. A record that gives no event
// loses nothing: see TestSteps.
func lost(t testing.TB, p piece) []dialecttest.Leaf {
	leaves := p.leaves() // before it is consumed
	lines := mapped(t, p)
	if len(lines) == 0 {
		return nil
	}
	out, err := dialecttest.Read(lines)
	require.NoError(t, err)
	return out.Lost(leaves)
}

func mapped(t testing.TB, p piece) (lines [][]byte) {
	f := agentauditprocessor.NewFactory()
	cfg := f.CreateDefaultConfig().(*agentauditprocessor.Config)
	cfg.Coverage.Interval = 0
	ctx := context.Background()
	if p.log {
		sink := new(consumertest.LogsSink)
		x, err := f.CreateLogs(ctx, processortest.NewNopSettings(f.Type()), cfg, sink)
		require.NoError(t, err)
		require.NoError(t, x.Start(ctx, componenttest.NewNopHost()))
		require.NoError(t, errors.Join(x.ConsumeLogs(ctx, p.ld), x.Shutdown(ctx)))
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
	require.NoError(t, errors.Join(x.ConsumeTraces(ctx, p.td), x.Shutdown(ctx)))
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
	for _, p := range pieces(t) {
		if l := lost(t, p.clone()); len(l) > 0 {
			t.Errorf("%s: %v", p.name, l)
		}
	}
}

// TestNothingIsLostInOtherShapes is the same with what readers do not know under the keys
// that they do.
func TestNothingIsLostInOtherShapes(t *testing.T) {
	all := pieces(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, p := range all {
			m := p.clone()
			dialecttest.Mutate(r, m.attributes())
			if l := lost(t, m); len(l) > 0 {
				t.Errorf("%s, seed %d: %v", m.name, seed, l)
			}
		}
	}
}

// FuzzConservation is TestNothingIsLostInOtherShapes without an end.
func FuzzConservation(f *testing.F) {
	all := pieces(f)
	f.Add(uint64(1), uint16(0))
	f.Fuzz(func(t *testing.T, seed uint64, which uint16) {
		m := all[int(which)%len(all)].clone()
		dialecttest.Mutate(rand.New(rand.NewPCG(seed, uint64(which))), m.attributes())
		require.Empty(t, lost(t, m), fmt.Sprint(m.name, " seed ", seed))
	})
}
