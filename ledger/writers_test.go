package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// named lists the objects that the manifest at a place names.
func named(t *testing.T, tr *trail, seq int64, keys ...ledger.PublicKey) (list []string) {
	t.Helper()
	body, err := tr.Get(ctx, ledger.ManifestKey("gw-0", seq), "")
	require.NoError(t, err)
	m, err := ledger.ParseManifest(body, keys)
	require.NoError(t, err)
	for _, o := range m.Predicate.Objects {
		list = append(list, o.Key)
	}
	return list
}

// TestSecondWriter: two collectors with one log id. What the other committed is
// adopted, told, and not named again.
func TestSecondWriter(t *testing.T) {
	tr := newTrail(t)
	first, _ := reopen(t, tr)
	second, warned := reopen(t, tr)
	a := seal(t, tr, ledger.ObjectOptions{}, "a", 1, 2)
	b := seal(t, tr, ledger.ObjectOptions{}, "b", 1, 2)
	require.NoError(t, first.Commit(ctx, ledger.KindBatch, []ledger.Object{a}))
	require.NoError(t, second.Commit(ctx, ledger.KindBatch, []ledger.Object{a, b}))
	require.Equal(t, []string{ledger.CodeOtherWriter}, *warned)
	require.Equal(t, []string{a.Key}, named(t, tr, 6, tr.key))
	require.Equal(t, []string{b.Key}, named(t, tr, 7, tr.key))
	require.NoError(t, first.Commit(ctx, ledger.KindHeartbeat, nil))
	require.Equal(t, int64(8), first.Head().Seq)
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(19), r.Events)
}

// TestNewKey: a writer with a new key goes on where it trusts the old one. Who has
// only the old key sees the chain as far as that goes.
func TestNewKey(t *testing.T) {
	tr := newTrail(t)
	next, err := ledger.LoadSigner(privatePEM(t, "ecdsa"))
	require.NoError(t, err)
	o := options(next)
	o.Earlier = []ledger.PublicKey{tr.key}
	c, err := ledger.OpenChain(ctx, tr, o)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.Equal(t, int64(6), c.Head().Seq)

	r, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key, public(t, next)}})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Equal(t, int64(6), r.Logs[0].Last)
	require.Empty(t, r.Findings)

	r = tr.verify(t, ledger.LevelEvents)
	require.Equal(t, int64(5), r.Logs[0].Last)
	require.Equal(t, []string{ledger.CodeForeignManifest}, codes(r, ledger.SeverityWarning))
	require.Equal(t, 3, r.ExitCode(true))
}

// TestSilence: a crash is on record, a running writer that was silent is a warning,
// a pause between a close and an open is neither.
func TestSilence(t *testing.T) {
	s, now := ledgertest.New(), time.Now().Add(-24*time.Hour)
	signer := newSigner(t)
	o := options(signer)
	o.Now = func() time.Time { return now }
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	write := func(kind ledger.Kind, after time.Duration) {
		now = now.Add(after)
		require.NoError(t, c.Commit(ctx, kind, nil))
	}
	write(ledger.KindOpen, 0)
	write(ledger.KindHeartbeat, time.Minute)
	write(ledger.KindClose, time.Minute)
	write(ledger.KindOpen, time.Hour)
	write(ledger.KindHeartbeat, time.Hour) // silent
	write(ledger.KindOpen, time.Hour)      // after a crash
	write(ledger.KindClose, time.Minute)
	verify := func(maxAge time.Duration) *ledger.Report {
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, MaxAge: maxAge})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		return r
	}
	r := verify(5 * time.Minute)
	require.Equal(t, []string{ledger.CodeHeartbeatGap}, codes(r, ledger.SeverityWarning))
	require.Equal(t, int64(4), r.Findings[0].Seq)
	require.Equal(t, []string{ledger.CodeUncleanStart}, codes(r, ledger.SeverityInfo))
	require.Empty(t, codes(verify(0), ledger.SeverityWarning), "only where a bound is given")
}
