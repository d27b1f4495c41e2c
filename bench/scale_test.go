package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var (
	logs    = flag.Int("logs", 200, "logs of 50 manifests in BenchmarkLogs")
	latency = flag.Duration("latency", 2*time.Millisecond, "what a request takes in BenchmarkLogs")
)

// counted is a store that counts what is read of it, and takes its time.
type counted struct {
	ledger.Reader
	reads, bytes atomic.Int64
	latency      time.Duration
}

func (c *counted) request(n int) {
	c.reads.Add(1)
	c.bytes.Add(int64(n))
	if c.latency > 0 {
		time.Sleep(c.latency)
	}
}

func (c *counted) Get(ctx context.Context, key, id string) ([]byte, error) {
	body, err := c.Reader.Get(ctx, key, id)
	c.request(len(body))
	return body, err
}

func (c *counted) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	c.request(0)
	return c.Reader.Versions(ctx, key)
}

func (c *counted) Retention(ctx context.Context, key, id string) (ledger.Retention, error) {
	c.request(0)
	return c.Reader.Retention(ctx, key, id)
}

// List counts a page of a thousand as a read.
func (c *counted) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		n := 0
		for v, err := range c.Reader.List(ctx, prefix, after) {
			if n%1000 == 0 {
				c.request(0)
			}
			n++
			if !yield(v, err) {
				return
			}
		}
		if n == 0 {
			c.request(0)
		}
	}
}

// longLog is a log of a manifest a minute, with tiles, that ends now.
func longLog(b *testing.B, s ledger.Store, log string, n int) ledger.PublicKey {
	b.Helper()
	signer := ledgertest.NewSigner(b, "ed25519")
	write(b, s, signer, log, n)
	return ledgertest.Public(b, signer)
}

// write writes a log of n manifests, with a session in those at some places.
func write(b *testing.B, s ledger.Store, signer ledger.Signer, log string, n int, sessions ...int) {
	b.Helper()
	now := time.Now().Add(-time.Duration(n) * time.Minute)
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().AddDate(7, 0, 0).UTC().Truncate(time.Hour)}
	c, err := ledger.OpenChain(b.Context(), s, ledger.ChainOptions{
		Log: log, Signer: signer, Now: func() time.Time { return now }, Retention: func(time.Time) ledger.Retention { return lock },
	})
	require.NoError(b, err)
	require.NoError(b, c.Commit(b.Context(), ledger.KindOpen, nil))
	require.NoError(b, c.WriteTiles(b.Context(), ledger.Removable))
	for seq := 1; seq < n-1; seq++ {
		now = now.Add(time.Minute)
		if slices.Contains(sessions, seq) {
			require.NoError(b, c.Commit(b.Context(), ledger.KindBatch, []ledger.Object{sealedSession(b, s, log, now, lock)}))
			continue
		}
		require.NoError(b, c.Commit(b.Context(), ledger.KindHeartbeat, nil))
	}
	require.NoError(b, c.Commit(b.Context(), ledger.KindClose, nil))
	require.NoError(b, c.Checkpoint(b.Context(), nil))
	require.NoError(b, c.WriteTiles(b.Context(), ledger.Removable))
}

// BenchmarkWindow verifies an hour of a long log from a checkpoint that is held, and all of it.
func BenchmarkWindow(b *testing.B) {
	s := ledgertest.New()
	key := longLog(b, s, "gw-0", *manifests)
	note, err := s.Get(b.Context(), ledger.CheckpointKey("gw-0", int64(*manifests)), "")
	require.NoError(b, err)
	cp, err := ledger.ParseCheckpoint(note, []ledger.PublicKey{key}, nil)
	require.NoError(b, err)
	held := []*ledger.Checkpoint{cp}
	now := time.Now()
	ago := func(share float64) time.Time {
		return now.Add(-time.Duration(share * float64(*manifests) * float64(time.Minute)))
	}
	for name, o := range map[string]ledger.VerifyOptions{
		"last hour":      {Since: now.Add(-time.Hour), Checkpoints: held},
		"hour in middle": {Since: ago(0.5), Until: ago(0.5).Add(time.Hour), Checkpoints: held},
		"whole":          {},
	} {
		b.Run(fmt.Sprintf("%s/%d", name, *manifests), func(b *testing.B) {
			c := &counted{Reader: s}
			o.Keys, o.Level = []ledger.PublicKey{key}, ledger.LevelChain
			for b.Loop() {
				r, err := ledger.Verify(b.Context(), c, o)
				require.NoError(b, err)
				require.Equal(b, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			}
			b.ReportMetric(float64(c.reads.Load())/float64(b.N), "reads/op")
			b.ReportMetric(float64(c.bytes.Load())/float64(b.N), "bytes/op")
		})
	}
}

// BenchmarkLogs verifies many short logs beside a long one with as many manifests, on a
// store that takes its time for each request.
func BenchmarkLogs(b *testing.B) {
	const each = 50
	many, one := ledgertest.New(), ledgertest.New()
	signer := ledgertest.NewSigner(b, "ed25519")
	for n := range *logs {
		write(b, many, signer, fmt.Sprintf("pod-%06d", n), each)
	}
	write(b, one, signer, "gw-0", each**logs)
	for name, s := range map[string]ledger.Reader{fmt.Sprintf("%d logs", *logs): many, "one log": one} {
		b.Run(fmt.Sprintf("%s/%d", name, each**logs), func(b *testing.B) {
			c := &counted{Reader: s, latency: *latency}
			for b.Loop() {
				r, err := ledger.Verify(b.Context(), c, ledger.VerifyOptions{Keys: []ledger.PublicKey{ledgertest.Public(b, signer)}})
				require.NoError(b, err)
				require.Equal(b, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			}
			b.ReportMetric(float64(c.reads.Load())/float64(b.N), "reads/op")
			b.ReportMetric(float64(c.bytes.Load())/float64(b.N), "bytes/op")
		})
	}
}

// BenchmarkProve proves a session of a long log to an outsider, from a checkpoint that is
// held: where its manifest is known, or its time; and from the whole log.
func BenchmarkProve(b *testing.B) {
	s := ledgertest.New()
	signer := ledgertest.NewSigner(b, "ed25519")
	middle := *manifests / 2
	write(b, s, signer, "gw-0", *manifests, middle)
	key := ledgertest.Public(b, signer)
	cp, err := ledger.NewestCheckpoint(b.Context(), s, []ledger.PublicKey{key}, "gw-0")
	require.NoError(b, err)
	held := []*ledger.Checkpoint{cp}
	at := time.Now().Add(-time.Duration(*manifests-middle) * time.Minute)
	for name, where := range map[string]evidence.Where{
		"manifest known": {Manifests: []evidence.Place{{Log: "gw-0", Seq: int64(middle)}}},
		"hour known":     {Since: at.Add(-30 * time.Minute), Until: at.Add(30 * time.Minute)},
		"whole":          {},
	} {
		b.Run(fmt.Sprintf("%s/%d", name, *manifests), func(b *testing.B) {
			c := &counted{Reader: s}
			for b.Loop() {
				var bundle bytes.Buffer
				o := evidence.Options{Keys: []ledger.PublicKey{key}, Session: "the session", Where: where, Checkpoints: held}
				_, err := evidence.Prove(b.Context(), c, o, &bundle)
				require.NoError(b, err)
				r, err := evidence.Verify(bytes.NewReader(bundle.Bytes()), int64(bundle.Len()), evidence.VerifyOptions{Keys: o.Keys, Checkpoints: held})
				require.NoError(b, err)
				require.Equal(b, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			}
			b.ReportMetric(float64(c.reads.Load())/float64(b.N), "reads/op")
			b.ReportMetric(float64(c.bytes.Load())/float64(b.N), "bytes/op")
		})
	}
}

// sealedSession is an object with the events of one session.
func sealedSession(b *testing.B, s ledger.Store, log string, now time.Time, lock ledger.Retention) ledger.Object {
	b.Helper()
	o := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, Compression: ledger.Gzip, Retention: lock}, now)
	for n := range 20 {
		span := ptrace.NewSpan()
		semconv.WriteSpan(&semconv.Event{
			EventType: semconv.TypeToolCall, EventID: fmt.Sprint("e", n), Timestamp: now, SessionID: "the session",
			RunID: "a run", AgentID: "a", StepNumber: semconv.Some(int64(n + 1)), ToolName: "pay",
		}, span)
		line, meta, err := semconv.AppendSpan(nil, span)
		require.NoError(b, err)
		o.Add(line, meta)
	}
	sealed, err := o.Finish()
	require.NoError(b, err)
	_, err = s.Put(b.Context(), sealed.Key, sealed.Body, ledger.PutOptions{SHA256: sealed.Digest, Retention: lock})
	require.NoError(b, err)
	return sealed.Object
}
