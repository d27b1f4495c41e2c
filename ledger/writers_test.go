package ledger_test

import (
	"context"
	"fmt"
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

// TestAnotherBegins: a key that nobody told the writer of does not keep it from its log,
// which begins anew over what stands there. Both logs of the name stay whole, and the
// auditor says which one he means.
func TestAnotherBegins(t *testing.T) {
	tr := newTrail(t)
	mine := newSigner(t)
	o := options(mine)
	var warned []string
	o.OnWarning = func(code, _ string) { warned = append(warned, code) }
	for range 2 { // a start, and another
		c, err := ledger.OpenChain(ctx, tr, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, tr, ledger.ObjectOptions{}, "mine", 1, 2)}))
	}
	require.Contains(t, warned, ledger.CodeForeignManifest)

	theirs, ours := tr.key, public(t, mine)
	verify := func(keys ...ledger.PublicKey) *ledger.Report {
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: keys})
		return r
	}
	r := verify(theirs, ours)
	require.Equal(t, ledger.NoVerdict, r.Verdict)
	require.Equal(t, []string{ledger.CodeLogAmbiguous}, codes(r, ledger.SeverityUnknown))
	theirs.May, ours.May = nil, &ledger.Span{Logs: []string{"gw-0"}}
	r = verify(theirs, ours)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(4), r.Events)
	theirs.May, ours.May = &ledger.Span{Logs: []string{"gw-0"}}, nil
	r = verify(theirs, ours)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(15), r.Events)
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

// TestRetired: a neighbour closes the log of a writer that is gone; the writer that comes
// back with what it still has opens it again, and nothing of it is named twice.
func TestRetired(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	open := func() *ledger.Chain {
		c, err := ledger.OpenChain(ctx, s, options(signer))
		require.NoError(t, err)
		return c
	}
	away := open()
	require.NoError(t, away.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, away.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{}, "a", 1, 2)}))
	neighbour := open()
	require.NoError(t, neighbour.Retire(ctx))
	require.NoError(t, neighbour.Retire(ctx), "it is closed already")
	require.True(t, neighbour.Head().Closed)
	verify := func() *ledger.Report {
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, MaxAge: time.Hour, At: time.Now().Add(24 * time.Hour)})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		return r
	}
	r := verify()
	require.True(t, r.Logs[0].Closed)
	require.Empty(t, codes(r, ledger.SeverityWarning), "nothing is stale about a log that has ended")

	late := seal(t, s, ledger.ObjectOptions{}, "late", 1, 3)
	require.NoError(t, away.Commit(ctx, ledger.KindBatch, []ledger.Object{late}))
	require.NoError(t, away.Commit(ctx, ledger.KindBatch, []ledger.Object{late}), "again, after an answer that was lost")
	require.Equal(t, int64(4), away.Head().Seq, "open, batch, retire, open, batch")
	require.Equal(t, ledger.KindOpen, manifestAt(t, s, "gw-0", 3).Predicate.Kind)
	r = verify()
	require.Equal(t, int64(5), r.Events)
	require.Equal(t, []string{ledger.CodeStaleHead}, codes(r, ledger.SeverityWarning))
}

// TestOverdue: a manifest that was built and, for all that was known, not written, until
// its promised lock had run out, is settled or built anew.
func TestOverdue(t *testing.T) {
	for _, written := range []bool{true, false} {
		s, signer, now := ledgertest.New(), newSigner(t), time.Now()
		o := options(signer)
		o.Now = func() time.Time { return now }
		o.Retention = func(at time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Compliance, Until: at.Add(24 * time.Hour)}
		}
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		s.Fail = func(_ string, done bool) error {
			if done == written {
				return context.DeadlineExceeded
			}
			return nil
		}
		require.Error(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
		now = now.Add(48 * time.Hour)
		s.Fail = nil
		refused := &late{Store: s, now: func() time.Time { return now }}
		require.NoError(t, c.On(refused).Commit(ctx, ledger.KindHeartbeat, nil), "written: %t", written)
	}
}

// late is a store that refuses locks that are over, as S3 does.
type late struct {
	ledger.Store
	now func() time.Time
}

func (l *late) Put(ctx context.Context, key string, body []byte, o ledger.PutOptions) (string, error) {
	if !o.Retention.Until.After(l.now()) {
		return "", fmt.Errorf("InvalidRequest: the lock of %s would end in the past", key)
	}
	return l.Store.Put(ctx, key, body, o)
}
