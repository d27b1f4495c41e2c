package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// BenchmarkVerify verifies a trail in memory at the level of events, so MB/s are of
// JSON lines: decompressed, hashed, parsed and compared. -cpu 1 is one core; MB/cpu-s
// is what counts on a machine that does other things as well.
func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{500, 2000, 20000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			s, key, bytes := sealedTrail(b, size)
			b.SetBytes(bytes)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				r, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}})
				require.NoError(b, err)
				require.Equal(b, ledger.Confirmed, r.Verdict)
			}
			b.ReportMetric(float64(bytes)*float64(b.N)/1e6/(cpuTime(b)-before).Seconds(), "MB/cpu-s")
		})
	}
}

// sealedTrail is a trail of about 32 MB of lines, whose events have content of about
// a size.
func sealedTrail(b *testing.B, size int) (*ledgertest.Store, ledger.PublicKey, int64) {
	b.Helper()
	signer := ledgertest.NewSigner(b, "ed25519")
	key := ledgertest.Public(b, signer)
	s := ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).Truncate(time.Hour)}
	c, err := ledger.OpenChain(context.Background(), s, ledger.ChainOptions{Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(b, err)
	total := int64(0)
	for n := 0; total < 32<<20; {
		o := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, time.Now())
		for o.Size() < 8<<20 {
			line, m, err := semconv.AppendSpan(nil, span(n, size))
			require.NoError(b, err)
			o.Add(line, m)
			n++
		}
		total += int64(o.Size())
		sealed, err := o.Finish()
		require.NoError(b, err)
		_, err = s.Put(context.Background(), sealed.Key, sealed.Body, ledger.PutOptions{SHA256: sealed.Digest, Retention: lock})
		require.NoError(b, err)
		require.NoError(b, c.Commit(context.Background(), ledger.KindBatch, []ledger.Object{sealed.Object}))
	}
	return s, key, total
}

// cpuTime is what the process has used of all cores.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// prose is text that compresses about as well as what agents write.
func prose(n, size int) string {
	words := strings.Fields("the agent looks up an order of this customer and checks whether it was paid before \"refunds\" are issued where that is right under policy limits; results: total 1,204.50 EUR shipped late invoice missing ask human approve reject city weather Paris rain sunny tool call search document page summary because therefore however user wants quick answer\n")
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()
}

// span is the n-th event: a model call of a session of 50, with content of a size.
func span(n, size int) ptrace.Span {
	text := prose(n, size)
	s := ptrace.NewSpan()
	semconv.WriteSpan(&semconv.Event{
		EventType: semconv.TypeLLMCall, EventID: fmt.Sprintf("0190b2f4-9f1c-8000-8000-%012d", n), Timestamp: time.Date(2026, 11, 23, 10, 0, 0, n, time.UTC), RecordedAt: time.Date(2026, 11, 23, 10, 0, 1, n, time.UTC),
		SessionID: fmt.Sprintf("session-%d", n/50), RunID: fmt.Sprintf("%032x", n/50), UserID: "ann", AgentID: "shop", AgentName: "shop", StepNumber: semconv.Some(int64(n%50 + 1)),
		ModelID: "gpt-4o", ResponseModelID: "gpt-4o-2024-08-06", Provider: "openai", InputTokens: semconv.Some(int64(n)), OutputTokens: semconv.Some(int64(17)),
		InputMessages: []byte(fmt.Sprintf(`[{"role":"user","parts":[{"type":"text","content":%q}]}]`, text)), Outcome: "success",
	}, s)
	return s
}
