package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var (
	objects   = flag.Int("objects", 100_000, "data objects in the bucket of BenchmarkTrail")
	manifests = flag.Int("manifests", 1_000_000, "manifests in the log of BenchmarkHead")
	runs      = flag.Int("runs", 1_000_000, "runs in the cache of BenchmarkMapRuns")
)

var sizes = []int{500, 2000, 20000}

// BenchmarkEncode writes events as lines.
func BenchmarkEncode(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			s := span(1, size)
			line, _, err := semconv.AppendSpan(nil, s)
			require.NoError(b, err)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if line, _, err = semconv.AppendSpan(line[:0], s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// lines are 8 MiB of lines of events of a size, with what the builder wants to know of them.
func lines(b *testing.B, size int) (text []byte, list [][]byte, metas []semconv.Meta) {
	for n := 0; len(text) < 8<<20; n++ {
		line, m, err := semconv.AppendSpan(nil, span(n, size))
		require.NoError(b, err)
		list, metas = append(list, line), append(metas, m)
		text = append(append(text, line...), '\n')
	}
	return text, list, metas
}

// BenchmarkSeal builds objects of 8 MiB of lines: hashes, tree, compression.
func BenchmarkSeal(b *testing.B) {
	for _, compression := range []string{ledger.Gzip, ledger.Zstd, ledger.None} {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/%dB", compression, size), func(b *testing.B) {
				text, list, metas := lines(b, size)
				lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).Truncate(time.Hour)}
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					o := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: compression, Retention: lock}, time.Now())
					for i, line := range list {
						o.Add(line, metas[i])
					}
					if _, err := o.Finish(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkLimit is what the machine needs at the least: OTLP decoded, lines hashed,
// lines compressed, each alone.
func BenchmarkLimit(b *testing.B) {
	text, _, _ := lines(b, 2000)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for n := range 100 {
		span(n, 2000).CopyTo(spans.AppendEmpty())
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(b, err)
	for name, c := range map[string]struct {
		size int
		do   func() error
	}{
		"decode": {len(body), func() error { return ptraceotlp.NewExportRequest().UnmarshalProto(body) }},
		"sha256": {len(text), func() error {
			sum := sha256.Sum256(text)
			if sum == [32]byte{} {
				return io.ErrUnexpectedEOF
			}
			return nil
		}},
		"gzip": {len(text), func() error {
			z := gzip.NewWriter(io.Discard)
			_, err := z.Write(text)
			return err
		}},
		"zstd": {len(text), func() error {
			z, err := zstd.NewWriter(io.Discard, zstd.WithEncoderConcurrency(1))
			if err == nil {
				_, err = z.Write(text)
			}
			return err
		}},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMapRuns maps requests of ten runs of ten spans, each run and its session new,
// with few and with many others remembered: the cost of an event does not grow, but for
// memory that is not in the processor's cache any more.
func BenchmarkMapRuns(b *testing.B) {
	for _, remembered := range []int{1000, *runs / 10, *runs} {
		b.Run(fmt.Sprint(remembered), func(b *testing.B) {
			f := agentauditprocessor.NewFactory()
			cfg := f.CreateDefaultConfig().(*agentauditprocessor.Config)
			cfg.RunCache = agentauditprocessor.RunCacheConfig{MaxRuns: 2 * remembered, TTL: 24 * time.Hour} // a run and its session count each
			p, err := f.CreateTraces(context.Background(), processortest.NewNopSettings(f.Type()), cfg, &encoder{})
			require.NoError(b, err)
			require.NoError(b, p.Start(context.Background(), componenttest.NewNopHost()))
			defer func() { require.NoError(b, p.Shutdown(context.Background())) }()
			n := 0
			request := func() {
				td := ptrace.NewTraces()
				spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
				for range 10 {
					n++
					session := fmt.Sprint("session-", n)
					for i := range 10 {
						s := spans.AppendEmpty()
						s.SetTraceID(pcommon.TraceID{1, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
						s.SetSpanID(pcommon.SpanID{1, byte(i)})
						s.SetStartTimestamp(pcommon.Timestamp(1e18 + n*1000 + i))
						s.Attributes().PutStr("gen_ai.operation.name", "chat")
						s.Attributes().PutStr("gen_ai.request.model", "m")
						s.Attributes().PutStr("gen_ai.conversation.id", session)
					}
				}
				if err := p.ConsumeTraces(context.Background(), td); err != nil {
					b.Fatal(err)
				}
			}
			for n < remembered {
				request()
			}
			for b.Loop() {
				request()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(100*b.N), "µs/span")
			var held runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&held)
			b.ReportMetric(float64(held.HeapAlloc)/float64(remembered), "B/run")
		})
	}
}

// chain is a log in memory.
func chain(b *testing.B) (*ledgertest.Store, *ledger.Chain, ledger.PublicKey, ledger.Retention) {
	signer := ledgertest.NewSigner(b, "ed25519")
	s := ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).Truncate(time.Hour)}
	c, err := ledger.OpenChain(context.Background(), s, ledger.ChainOptions{Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(b, err)
	return s, c, ledgertest.Public(b, signer), lock
}

// BenchmarkHead looks for the newest manifest of a log, as a collector does at its start,
// and writes one more: what a log costs that is short, and one that is long.
func BenchmarkHead(b *testing.B) {
	s, c, key, _ := chain(b)
	n := int64(0)
	commit := func() {
		if err := c.Commit(context.Background(), ledger.KindHeartbeat, nil); err != nil {
			b.Fatal(err)
		}
		n++
	}
	for _, size := range []int{1000, *manifests} {
		for n < int64(size) {
			commit()
		}
		b.Run(fmt.Sprintf("find/%d", size), func(b *testing.B) {
			for b.Loop() {
				head, err := ledger.FindHead(context.Background(), s, "gw-0", []ledger.PublicKey{key})
				if err != nil || head.Seq != n-1 {
					b.Fatal(head.Seq, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/head")
		})
		b.Run(fmt.Sprintf("commit/%d", size), func(b *testing.B) {
			for b.Loop() {
				commit()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/commit")
		})
	}
}

// BenchmarkTrail reads one session of five objects from a bucket of many.
func BenchmarkTrail(b *testing.B) {
	s, c, key, lock := chain(b)
	n := 0
	for _, size := range []int{1000, *objects} {
		for n < size {
			var batch []ledger.Object
			for range 100 {
				o := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, time.Now())
				for i := range 10 {
					line, m, err := semconv.AppendSpan(nil, span(n*10+i, 300))
					require.NoError(b, err)
					o.Add(line, m)
				}
				sealed, err := o.Finish()
				require.NoError(b, err)
				_, err = s.Put(context.Background(), sealed.Key, sealed.Body, ledger.PutOptions{SHA256: sealed.Digest, Retention: lock})
				require.NoError(b, err)
				batch = append(batch, sealed.Object)
				n++
			}
			require.NoError(b, c.Commit(context.Background(), ledger.KindBatch, batch))
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				t, err := trail.Read(context.Background(), s, []ledger.PublicKey{key}, []string{"gw-0"}, "session-7")
				if err != nil || len(t.Events) != 50 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMapCores maps on all cores at once: run it with -cpu 1,2. Garbage is collected
// as in a collector with 64 MiB of requests under way; else there would be a collection,
// with all cores stopped at its beginning and its end, after every few requests.
func BenchmarkMapCores(b *testing.B) {
	underWay := make([]byte, 64<<20)
	defer runtime.KeepAlive(underWay)
	f := agentauditprocessor.NewFactory()
	p, err := f.CreateTraces(context.Background(), processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), &discard{})
	require.NoError(b, err)
	require.NoError(b, p.Start(context.Background(), componenttest.NewNopHost()))
	defer func() { require.NoError(b, p.Shutdown(context.Background())) }()
	body := recorded(b, "openinference-langgraph/agent")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(bytes.Clone(body))
			if err != nil {
				b.Error(err)
			}
			freshen(td)
			if err := p.ConsumeTraces(context.Background(), td); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/request")
}
