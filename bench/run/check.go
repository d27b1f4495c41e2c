package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// stored is what stands in the bucket after a run.
func (p *place) stored() (bytes int64, objects int64, err error) {
	err = filepath.WalkDir(filepath.Join(p.server.Dir, "buckets", p.bucket.Bucket), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		objects++
		return err
	})
	return bytes, objects, err
}

// confirm verifies the trail and that all that was acknowledged is in it.
func (p *place) confirm(ctx context.Context, m *mix) error {
	c := p.bucket
	c.Endpoint = p.server.Endpoint
	s, err := store.Open(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	keys := []ledger.PublicKey{p.key}
	report, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: keys, Level: ledger.LevelEvents, Now: time.Now()})
	if err != nil {
		return err
	}
	if report.Verdict != ledger.Confirmed {
		return fmt.Errorf("the trail is %s: %+v", report.Verdict, report.Findings)
	}
	runs := map[string]struct{}{}
	var r semconv.LineReader
	for l, err := range ledger.Events(ctx, s, ledger.ReadOptions{Keys: keys}) {
		if err != nil {
			continue // a warning, which the report has
		}
		e, err := r.Scan(l.Line)
		if err != nil {
			return err
		}
		runs[strings.Clone(e.RunID)] = struct{}{}
	}
	delete(runs, "")
	want, err := m.traces(ctx)
	if err != nil {
		return err
	}
	if len(runs) < want {
		return fmt.Errorf("%d traces were acknowledged and %d are in the trail", want, len(runs))
	}
	return nil
}

// traces is how many traces, of those that give events, were acknowledged.
func (m *mix) traces(ctx context.Context) (int, error) {
	total := 0
	for _, t := range m.templates {
		if t.traces == 0 {
			n, err := t.mapped(ctx)
			if err != nil {
				return 0, err
			}
			t.traces = n
		}
		total += int(t.sent.Load()) * t.traces
	}
	return total, nil
}

// mapped is how many traces of a template give events.
func (t *template) mapped(ctx context.Context) (int, error) {
	sink := &consumertest.TracesSink{}
	f := agentauditprocessor.NewFactory()
	p, err := f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), sink)
	if err != nil {
		return 0, err
	}
	if err := p.Start(ctx, componenttest.NewNopHost()); err != nil {
		return 0, err
	}
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(t.body); err != nil {
		return 0, err
	}
	if err := p.ConsumeTraces(ctx, req.Traces()); err != nil {
		return 0, err
	}
	runs := map[string]struct{}{}
	for _, td := range sink.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			if v, ok := s.Attributes().Get(semconv.AttrRunID); ok {
				runs[v.Str()] = struct{}{}
			}
		}
	}
	return len(runs), p.Shutdown(ctx)
}

// count is how many spans the peer's objects hold.
func (p *place) count() (spans int64, err error) {
	err = filepath.WalkDir(filepath.Join(p.server.Dir, "buckets", p.bucket.Bucket, "peer"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		var r io.Reader = f
		switch {
		case strings.Contains(path, ".gz"):
			if r, err = gzip.NewReader(f); err != nil {
				return err
			}
		case strings.Contains(path, ".zst"):
			z, err := zstd.NewReader(f)
			if err != nil {
				return err
			}
			defer z.Close()
			r = z
		}
		text, err := io.ReadAll(r)
		spans += int64(bytes.Count(text, []byte(`"traceId":"`)))
		return err
	})
	return spans, err
}
