package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// rotated is a trail whose key was replaced at manifest 6, and which went on with the
// new one: manifests 7 (open) and 8 (a batch).
func rotated(t *testing.T) (*trail, ledger.Signer) {
	t.Helper()
	tr, next := newTrail(t), newSigner(t)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	require.NoError(t, c.Rotate(ctx, public(t, next)))
	require.ErrorIs(t, c.Commit(ctx, ledger.KindHeartbeat, nil), ledger.ErrRotated)
	c = continued(t, tr, next)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, tr, ledger.ObjectOptions{}, "later", 1, 2)}))
	require.Equal(t, int64(8), c.Head().Seq)
	return tr, next
}

// continued is a writer with a new key that trusts the old one.
func continued(t *testing.T, tr *trail, next ledger.Signer) *ledger.Chain {
	t.Helper()
	o := options(next)
	o.Earlier = []ledger.PublicKey{tr.key}
	c, err := ledger.OpenChain(ctx, tr, o)
	require.NoError(t, err)
	return c
}

// TestRotation: who has only the old key follows the log to the new one.
func TestRotation(t *testing.T) {
	tr, _ := rotated(t)
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(8), r.Logs[0].Last)
	require.Equal(t, int64(17), r.Events)
	require.Empty(t, codes(r, ledger.SeverityWarning))
	require.Equal(t, []string{ledger.CodeKeyRotated}, codes(r, ledger.SeverityInfo))

	_, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.ErrorIs(t, err, ledger.ErrRotated, "a collector with the old key is told at its start")
}

// TestRotationUnderARunningWriter: a collector that still has the old key stops
// sealing, so its senders wait, and nothing is sealed by a key whose time has ended.
func TestRotationUnderARunningWriter(t *testing.T) {
	tr := newTrail(t)
	running, _ := reopen(t, tr)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	require.NoError(t, c.Rotate(ctx, public(t, newSigner(t))))
	o := seal(t, tr, ledger.ObjectOptions{}, "waits", 1, 2)
	for range 2 {
		require.ErrorIs(t, running.Commit(ctx, ledger.KindBatch, []ledger.Object{o}), ledger.ErrRotated)
	}
	require.Equal(t, ledger.Confirmed, tr.verify(t, ledger.LevelEvents).Verdict)
}

// TestThiefOfAnOldKey: whoever got hold of a key after it was replaced is not
// believed, and does not stop the trail.
func TestThiefOfAnOldKey(t *testing.T) {
	tr, next := rotated(t)
	for n := int64(9); n < 12; n++ { // it continues the real chain, as well as can be
		_, err := tr.Put(ctx, ledger.ManifestKey("gw-0", n), forged(t, tr, tr.signer, n, public(t, next)), ledger.PutOptions{})
		require.NoError(t, err)
	}
	c := continued(t, tr, next)
	require.Equal(t, int64(8), c.Head().Seq, "what the old key signed is not the head")
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(12), r.Logs[0].Last)
	require.True(t, r.Logs[0].Closed)
	require.Equal(t, []string{ledger.CodeKeyNotValid, ledger.CodeKeyNotValid, ledger.CodeKeyNotValid}, codes(r, ledger.SeverityWarning))
}

// forged is a heartbeat that continues the manifest before a place, which one of the
// keys signed.
func forged(t testing.TB, tr ledger.Reader, by ledger.Signer, seq int64, keys ...ledger.PublicKey) []byte {
	t.Helper()
	return forgedIn(t, tr, "gw-0", by, seq, keys...)
}

func forgedIn(t testing.TB, tr ledger.Reader, log string, by ledger.Signer, seq int64, keys ...ledger.PublicKey) []byte {
	t.Helper()
	body, err := tr.Get(ctx, ledger.ManifestKey(log, seq-1), "")
	require.NoError(t, err)
	m, err := ledger.ParseManifest(body, append(keys, public(t, by)))
	require.NoError(t, err)
	_, envelope, err := ledger.Forge(ctx, m, by)
	require.NoError(t, err)
	return envelope
}

// TestSpans: a key is believed where the auditor's trust file lets it sign, by place
// or by time, and a manifest cannot date itself back into a key's time.
func TestSpans(t *testing.T) {
	tr := newTrail(t)
	verify := func(s ledger.Span) *ledger.Report {
		k := tr.key
		k.May = &s
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{k}})
		return r
	}
	three := int64(3)
	for name, c := range map[string]struct {
		may  ledger.Span
		last int64 // -1: no verdict
	}{
		"anywhere":        {ledger.Span{}, 5},
		"this log":        {ledger.Span{Logs: []string{"gw-0"}}, 5},
		"another log":     {ledger.Span{Logs: []string{"gw-1"}}, -1},
		"to a manifest":   {ledger.Span{LastSeq: &three}, 3},
		"past its time":   {ledger.Span{NotAfter: time.Now().Add(-time.Hour)}, -1},
		"not yet":         {ledger.Span{NotBefore: time.Now().Add(time.Hour)}, -1},
		"within its time": {ledger.Span{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := verify(c.may)
			if c.last < 0 {
				require.Equal(t, ledger.NoVerdict, r.Verdict)
				return
			}
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, c.last, r.Logs[0].Last)
		})
	}

	end := time.Now()
	after := options(tr.signer)
	after.Now = func() time.Time { return end.Add(time.Second) }
	c, err := ledger.OpenChain(ctx, tr, after)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	back := options(tr.signer)
	back.Now = func() time.Time { return end.Add(-time.Hour) }
	c, err = ledger.OpenChain(ctx, tr, back)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	r := verify(ledger.Span{NotAfter: end})
	require.Equal(t, int64(5), r.Logs[0].Last)
	require.Equal(t, []string{ledger.CodeKeyNotValid, ledger.CodeKeyNotValid}, codes(r, ledger.SeverityWarning))
}
