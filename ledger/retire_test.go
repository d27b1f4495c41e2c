package ledger_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// running is a log whose writer is gone without a word: open, batch, heartbeat.
func running(t testing.TB, s *ledgertest.Store, signer ledger.Signer) *ledger.Chain {
	t.Helper()
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{}, "s", 1, 3)}))
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	return c
}

// dayLater verifies as of tomorrow, when a log that did not end is stale.
func dayLater(t testing.TB, r ledger.Reader, keys ...ledger.PublicKey) *ledger.Report {
	t.Helper()
	report, err := ledger.Verify(ctx, r, ledger.VerifyOptions{Keys: keys, MaxAge: time.Hour, At: time.Now().Add(24 * time.Hour)})
	require.NoError(t, err)
	return report
}

// lay puts something locked into the store, as anyone who may write there can.
func lay(t testing.TB, s *ledgertest.Store, key string, body []byte) {
	t.Helper()
	_, err := s.Put(ctx, key, body, ledger.PutOptions{Retention: ledger.Retention{Mode: ledger.Compliance, Until: until()}})
	require.NoError(t, err)
}

// TestRetireIsNoHole: what somebody else lays there ends no log, and what is missing is
// missing behind a log that was retired, too.
func TestRetireIsNoHole(t *testing.T) {
	t.Run("another's key cannot", func(t *testing.T) {
		s, signer, other := ledgertest.New(), newSigner(t), newSigner(t)
		running(t, s, signer)
		theirs := ledger.NewStatement("gw-0", 3, ledger.KindRetire)
		require.NoError(t, theirs.Continue(manifestAt(t, s, "gw-0", 2)))
		envelope, err := ledger.Sign(ctx, theirs, other)
		require.NoError(t, err)
		lay(t, s, ledger.ManifestKey("gw-0", 3), envelope)
		for _, keys := range [][]ledger.PublicKey{{public(t, signer)}, {public(t, signer), public(t, other)}} {
			r := dayLater(t, s, keys...)
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeStaleHead)
			require.False(t, r.Logs[0].Closed)
			require.Empty(t, codes(r, ledger.SeverityInfo))
		}
	})
	t.Run("a key that was replaced cannot", func(t *testing.T) {
		s, old, signer := ledgertest.New(), newSigner(t), newSigner(t)
		c := running(t, s, old)
		require.NoError(t, c.Rotate(ctx, public(t, signer)))
		require.ErrorIs(t, c.Retire(ctx), ledger.ErrRotated)
		theirs := ledger.NewStatement("gw-0", 4, ledger.KindRetire)
		require.NoError(t, theirs.Continue(manifestAt(t, s, "gw-0", 3)))
		envelope, err := ledger.Sign(ctx, theirs, old)
		require.NoError(t, err)
		lay(t, s, ledger.ManifestKey("gw-0", 4), envelope)
		r := dayLater(t, s, public(t, old))
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeStaleHead)
	})
	t.Run("what is missing before it is missing", func(t *testing.T) {
		for seq := range int64(3) {
			s, signer := ledgertest.New(), newSigner(t)
			running(t, s, signer)
			c, err := ledger.OpenChain(ctx, s, options(signer))
			require.NoError(t, err)
			require.NoError(t, c.Retire(ctx))
			s.Purge(ledger.ManifestKey("gw-0", seq))
			r := dayLater(t, s, public(t, signer))
			require.Equal(t, ledger.NotConfirmed, r.Verdict, "manifest %d", seq)
		}
	})
	t.Run("an end that was cut off before it was retired", func(t *testing.T) {
		s, signer := ledgertest.New(), newSigner(t)
		c := running(t, s, signer)
		require.NoError(t, c.Checkpoint(ctx, nil))
		note, err := s.Get(ctx, ledger.CheckpointKey("gw-0", 3), "")
		require.NoError(t, err)
		held, err := ledger.ParseCheckpoint(note, []ledger.PublicKey{public(t, signer)}, nil)
		require.NoError(t, err)
		s.Purge(ledger.ManifestKey("gw-0", 2))
		neighbour, err := ledger.OpenChain(ctx, s, options(signer))
		require.NoError(t, err)
		require.ErrorIs(t, neighbour.Retire(ctx), ledger.ErrUnsure)
		require.ErrorContains(t, neighbour.Sure(), "a checkpoint of 3 manifests")

		// With the checkpoint away too, the neighbour is deceived; who holds it is not.
		s.Purge(ledger.CheckpointKey("gw-0", 3))
		neighbour, err = ledger.OpenChain(ctx, s, options(signer))
		require.NoError(t, err)
		require.NoError(t, neighbour.Retire(ctx))
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, Checkpoints: []*ledger.Checkpoint{held}})
		require.NoError(t, err)
		require.Equal(t, ledger.NotConfirmed, r.Verdict)
	})
	t.Run("it is told", func(t *testing.T) {
		s, signer := ledgertest.New(), newSigner(t)
		c := running(t, s, signer)
		require.NoError(t, c.Retire(ctx))
		r := dayLater(t, s, public(t, signer))
		require.Zero(t, r.Warnings, "%+v", r.Findings)
		require.Equal(t, []string{ledger.CodeRetired}, codes(r, ledger.SeverityInfo))
		require.True(t, r.Logs[0].Retired)
		require.Contains(t, r.Scope[0], "manifest 3 of "+r.Logs[0].WrittenAt.Format(time.RFC3339Nano)+", by which another writer retired it")
	})
}

// TestGoesOnBehindRetire: opened again by the rule it is no alarm, and otherwise it is.
func TestGoesOnBehindRetire(t *testing.T) {
	for kind, want := range map[ledger.Kind][]string{
		ledger.KindOpen: nil, ledger.KindClose: nil,
		ledger.KindBatch: {ledger.CodeNotOpened}, ledger.KindHeartbeat: {ledger.CodeNotOpened},
	} {
		s, signer := ledgertest.New(), newSigner(t)
		require.NoError(t, running(t, s, signer).Retire(ctx))
		var objects []ledger.Object
		if kind == ledger.KindBatch {
			objects = append(objects, seal(t, s, ledger.ObjectOptions{}, "late", 1, 2))
		}
		c, err := ledger.OpenChain(ctx, s, options(signer))
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, kind, objects))
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		require.Equal(t, want, codes(r, ledger.SeverityWarning), kind)
	}
}

// TestRetireOfALiveLog: it comes behind what it has seen, and behind nothing else.
func TestRetireOfALiveLog(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	writer := running(t, s, signer)
	neighbour, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	require.NoError(t, writer.Commit(ctx, ledger.KindHeartbeat, nil))
	require.ErrorIs(t, neighbour.Retire(ctx), ledger.ErrTaken)
	require.ErrorIs(t, neighbour.Retire(ctx), ledger.ErrTaken, "for good")
	require.NoError(t, writer.Commit(ctx, ledger.KindHeartbeat, nil))
	require.Equal(t, ledger.KindHeartbeat, manifestAt(t, s, "gw-0", 4).Predicate.Kind)

	// Nor over what may be the next manifest, and cannot be read.
	s, signer = ledgertest.New(), newSigner(t)
	running(t, s, signer)
	neighbour, err = ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	s.Plant(ledger.ManifestKey("gw-0", 3), 10, ledger.ErrForbidden)
	require.ErrorIs(t, neighbour.Retire(ctx), ledger.ErrUnsure)
}

// TestLongAway: a writer whose own manifests have expired while it was away, and whose log
// was retired then, opens it again before it seals what it still has.
func TestLongAway(t *testing.T) {
	s, signer, now := ledgertest.New(), newSigner(t), time.Now()
	o := options(signer)
	o.Now = func() time.Time { return now }
	o.Retention = func(at time.Time) ledger.Retention {
		return ledger.Retention{Mode: ledger.Compliance, Until: at.Add(48 * time.Hour).Truncate(time.Second)}
	}
	for _, alone := range []bool{false, true} {
		o.Log, o.Alone = fmt.Sprintf("gw-%t", alone), alone
		away, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, away.Commit(ctx, ledger.KindOpen, nil))
		now = now.Add(24 * time.Hour)
		neighbour, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, neighbour.Retire(ctx))
		now = now.Add(36 * time.Hour)
		require.NoError(t, away.Commit(ctx, ledger.KindHeartbeat, nil))
		require.Equal(t, ledger.KindOpen, manifestAt(t, s, o.Log, 2).Predicate.Kind)
		require.Equal(t, ledger.KindHeartbeat, manifestAt(t, s, o.Log, 3).Predicate.Kind)
	}
}

// counting counts what is asked of a store.
type counting struct {
	ledger.Reader
	gets atomic.Int64
}

func (c *counting) Get(ctx context.Context, key, version string) ([]byte, error) {
	c.gets.Add(1)
	return c.Reader.Get(ctx, key, version)
}

// TestAttackPods: two thousand writers under new names, and one in two was killed. Their
// neighbours with the same key have ended their logs: nothing is stale, and each manifest is
// read once.
func TestAttackPods(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	const pods = 2000
	var killed []string
	for i := range pods {
		o := options(signer)
		o.Log = fmt.Sprintf("pod-%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))[:20]
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
		if i%2 == 0 {
			require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
		} else {
			killed = append(killed, o.Log)
		}
	}
	r := dayLater(t, s, public(t, signer))
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Len(t, codes(r, ledger.SeverityWarning), len(killed), "before, each of them is stale")
	for _, log := range killed {
		o := options(signer)
		o.Log = log
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, c.Retire(ctx))
	}
	read := &counting{Reader: s}
	r = dayLater(t, read, public(t, signer))
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Empty(t, codes(r, ledger.SeverityWarning))
	require.Len(t, codes(r, ledger.SeverityInfo), len(killed), "each retired log is told")
	require.Len(t, r.Logs, pods)
	require.Equal(t, int64(3*pods), read.gets.Load())
}

// TestProgressOfManyLogs: how far a verification is grows, and names how many logs there are.
func TestProgressOfManyLogs(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	const n = 40
	for i := range n {
		o := options(signer)
		o.Log = fmt.Sprintf("pod-%02d", i)
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
	}
	var last ledger.Progress
	_, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, Progress: func(p ledger.Progress) {
		require.Equal(t, n, p.Logs)
		require.GreaterOrEqual(t, p.LogsDone, last.LogsDone)
		require.GreaterOrEqual(t, p.Manifests, last.Manifests)
		require.LessOrEqual(t, p.Done, 1.0)
		last = p
	}})
	require.NoError(t, err)
	require.Equal(t, int64(2*n), last.Manifests)
	require.GreaterOrEqual(t, last.LogsDone, n-8)
	require.Greater(t, last.Done, 0.7)
}
