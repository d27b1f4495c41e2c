//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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
	"go.opentelemetry.io/collector/pdata/ptrace"
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
	report, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: keys, Level: ledger.LevelEvents, At: time.Now()})
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
	runs := map[string]struct{}{}
	err := t.events(ctx, func(s ptrace.Span) error {
		if v, ok := s.Attributes().Get(semconv.AttrRunID); ok {
			runs[v.Str()] = struct{}{}
		}
		return nil
	})
	return len(runs), err
}

// events maps a template, and calls f with each event.
func (t *template) events(ctx context.Context, each func(ptrace.Span) error) error {
	sink := &consumertest.TracesSink{}
	f := agentauditprocessor.NewFactory()
	p, err := f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), sink)
	if err != nil {
		return err
	}
	if err := p.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(t.body); err != nil {
		return err
	}
	if err := p.ConsumeTraces(ctx, req.Traces()); err != nil {
		return err
	}
	for _, td := range sink.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			if err := each(s); err != nil {
				return err
			}
		}
	}
	return p.Shutdown(ctx)
}

// limit is what the machine needs at the least for a mix, each step alone, in µs a span; our
// lines have so many bytes a span.
type limit struct {
	decode, sha256, line float64
	gzip, zstd           []packing // by level, the cheapest first
}

// packing is what a level of a compression takes, in µs a span, and leaves, in bytes.
type packing struct {
	level     string
	cpu, size float64
}

// cheapest is what the cheapest level takes that leaves no more than so many bytes; where none
// does, the one that leaves the least.
func cheapest(list []packing, most float64) float64 {
	best := list[0]
	for _, p := range list {
		fits := p.size <= most
		switch {
		case fits && (best.size > most || p.cpu < best.cpu), !fits && best.size > most && p.size < best.size:
			best = p
		}
	}
	return best.cpu
}

func told(list []packing) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, fmt.Sprintf("%s %.1f (%.0f bytes)", p.level, p.cpu, p.size))
	}
	return strings.Join(parts, ", ")
}

// counter counts what is written.
type counter struct{ n int }

func (c *counter) Write(b []byte) (int, error) { c.n += len(b); return len(b), nil }

func (m *mix) limit(ctx context.Context) (l limit, err error) {
	var lines []byte
	spans := 0
	for _, t := range m.templates {
		spans += t.spans
		if err := t.events(ctx, func(s ptrace.Span) (err error) {
			if lines, _, err = semconv.AppendSpan(lines, s); err == nil {
				lines = append(lines, '\n')
			}
			return err
		}); err != nil {
			return l, err
		}
	}
	measure := func(f func() error) (float64, error) {
		began, n := time.Now(), 0
		for time.Since(began) < time.Second {
			if err := f(); err != nil {
				return 0, err
			}
			n++
		}
		return float64(time.Since(began).Microseconds()) / float64(n*spans), nil
	}
	l.line = float64(len(lines)) / float64(spans)
	if l.decode, err = measure(func() error {
		for _, t := range m.templates {
			if err := ptraceotlp.NewExportRequest().UnmarshalProto(t.body); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return l, err
	}
	if l.sha256, err = measure(func() error { _, err := sha256.New().Write(lines); return err }); err != nil {
		return l, err
	}
	pack := func(level string, w func(io.Writer) (io.WriteCloser, error)) (p packing, err error) {
		p.level = level
		p.cpu, err = measure(func() error {
			var c counter
			to, err := w(&c)
			if err != nil {
				return err
			}
			_, err = to.Write(lines)
			err = errors.Join(err, to.Close())
			p.size = float64(c.n) / float64(spans)
			return err
		})
		return p, err
	}
	for _, level := range []int{1, 6} {
		p, err := pack(fmt.Sprint("level ", level), func(to io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(to, level) })
		if err != nil {
			return l, err
		}
		l.gzip = append(l.gzip, p)
	}
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		p, err := pack(level.String(), func(to io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(to, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
		})
		if err != nil {
			return l, err
		}
		l.zstd = append(l.zstd, p)
	}
	return l, nil
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
		spans += int64(bytes.Count(text, []byte(`"startTimeUnixNano":`)))
		return err
	})
	return spans, err
}
