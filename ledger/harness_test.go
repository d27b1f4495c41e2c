package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var ctx = context.Background()

func privatePEM(t testing.TB, kind string) []byte { return ledgertest.PrivateKey(t, kind) }

func newSigner(t testing.TB) ledger.Signer { return ledgertest.NewSigner(t, "ed25519") }

func public(t testing.TB, s ledger.Signer) ledger.PublicKey { return ledgertest.Public(t, s) }

func until() time.Time {
	return time.Now().UTC().Add(240 * time.Hour).Truncate(24 * time.Hour)
}

// line is an event of a session, as the exporter would seal it.
func line(t testing.TB, session string, n int) ([]byte, semconv.Meta) {
	t.Helper()
	s := ptrace.NewSpan()
	semconv.WriteSpan(&semconv.Event{
		EventType: semconv.TypeToolCall, EventID: fmt.Sprintf("%s-%d", session, n), Timestamp: time.Date(2026, 11, 23, 10, 0, n, 0, time.UTC),
		SessionID: session, RunID: session, AgentID: "a", StepNumber: semconv.Some(int64(n)), ToolName: "pay", ToolInput: []byte(fmt.Sprintf(`{"n":%d}`, n)),
	}, s)
	s.SetTraceID(pcommon.TraceID{1})
	out, m, err := semconv.AppendSpan(nil, s)
	require.NoError(t, err)
	return out, m
}

// seal stores an object of events of a session; it is not committed yet.
func seal(t testing.TB, s ledger.Store, o ledger.ObjectOptions, session string, from, to int) ledger.Object {
	t.Helper()
	return sealAt(t, s, o, time.Now(), session, from, to)
}

func sealAt(t testing.TB, s ledger.Store, o ledger.ObjectOptions, now time.Time, session string, from, to int) ledger.Object {
	t.Helper()
	if o.Log == "" {
		o.Log = "gw-0"
	}
	if o.Compression == "" {
		o.Compression = ledger.Gzip
	}
	o.Retention = ledger.Retention{Mode: ledger.Compliance, Until: until()}
	b := ledger.NewObjectBuilder(o, now)
	for n := from; n <= to; n++ {
		l, m := line(t, session, n)
		b.Add(l, m)
	}
	sealed, err := b.Finish()
	require.NoError(t, err)
	_, err = s.Put(ctx, sealed.Key, sealed.Body, ledger.PutOptions{SHA256: sealed.Digest, Retention: o.Retention})
	require.NoError(t, err)
	return sealed.Object
}

func options(signer ledger.Signer) ledger.ChainOptions {
	return ledger.ChainOptions{
		Log: "gw-0", Signer: signer, Writer: ledger.Writer{Version: "test"},
		Retention: func(time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Compliance, Until: until()}
		},
	}
}

// trail is a store that holds a sealed trail: open, three batches, a heartbeat, close.
type trail struct {
	*ledgertest.Store
	key     ledger.PublicKey
	signer  ledger.Signer
	objects []ledger.Object
}

func newTrail(t testing.TB) *trail {
	t.Helper()
	tr := &trail{Store: ledgertest.New(), signer: newSigner(t)}
	tr.key = public(t, tr.signer)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	for i := range 3 {
		o := seal(t, tr, ledger.ObjectOptions{}, fmt.Sprintf("s%d", i), 1, 5)
		tr.objects = append(tr.objects, o)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o}))
	}
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
	return tr
}

func (tr *trail) verify(t testing.TB, level ledger.Level) *ledger.Report {
	t.Helper()
	r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Level: level})
	return r
}

func codes(r *ledger.Report, s ledger.Severity) (list []string) {
	for _, f := range r.Findings {
		if f.Severity == s {
			list = append(list, f.Code)
		}
	}
	return list
}

// in is a clock that has gone on.
func in(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }

// genesis is the digest of a log's first manifest.
func genesis(t testing.TB, s ledger.Reader, log string) string {
	t.Helper()
	body, err := s.Get(ctx, ledger.ManifestKey(log, 0), "")
	require.NoError(t, err)
	m, err := ledger.ParseEnvelope(body)
	require.NoError(t, err)
	return fmt.Sprintf("%x", m.Digest)
}
