package ledger_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// reads counts what is asked of a store: a page of a listing is one.
type reads struct {
	ledger.Reader
	n atomic.Int64
}

func (r *reads) Get(ctx context.Context, key, id string) ([]byte, error) {
	r.n.Add(1)
	return r.Reader.Get(ctx, key, id)
}

func (r *reads) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	r.n.Add(1)
	return r.Reader.Versions(ctx, key)
}

func (r *reads) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		n := 0
		r.n.Add(1)
		for v, err := range r.Reader.List(ctx, prefix, after) {
			if n++; n%1000 == 0 {
				r.n.Add(1)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// longLog is a log of a manifest a minute, an object every hundred, a checkpoint with tiles
// every thousand, whose key was replaced twice.
type longLog struct {
	*ledgertest.Store
	began time.Time
	key   ledger.PublicKey
	held  []*ledger.Checkpoint
	seq   int64
}

func newLongLog(t *testing.T, n int) *longLog {
	t.Helper()
	l := &longLog{Store: ledgertest.New(), began: time.Now().Add(-time.Duration(n+1) * time.Minute).UTC().Truncate(time.Second)}
	signer := newSigner(t)
	l.key = public(t, signer)
	now := l.began
	o := options(signer)
	o.Now = func() time.Time { return now }
	c, err := ledger.OpenChain(ctx, l, o)
	require.NoError(t, err)
	for i := range n {
		switch now = l.began.Add(time.Duration(i) * time.Minute); {
		case i == n/3 || i == n/2:
			next := newSigner(t)
			require.NoError(t, c.Rotate(ctx, public(t, next)))
			o.Earlier = append([]ledger.PublicKey{public(t, o.Signer)}, o.Earlier...)
			o.Signer = next
			c, err = ledger.OpenChain(ctx, l, o)
			require.NoError(t, err)
		case i%100 == 50:
			require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{sealAt(t, l, ledger.ObjectOptions{}, now, fmt.Sprint("s", i), 1, 1)}))
		default:
			require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
		}
		if i%500 == 499 {
			require.NoError(t, c.Checkpoint(ctx, nil))
			require.NoError(t, c.WriteTiles(ctx, minute))
			text, err := l.Get(ctx, ledger.CheckpointKey("gw-0", int64(i+1)), "")
			require.NoError(t, err)
			cp, err := ledger.ParseCheckpoint(text, append(o.Earlier, public(t, o.Signer)), nil)
			require.NoError(t, err)
			l.held = append(l.held, cp)
		}
	}
	l.seq = c.Head().Seq
	return l
}

func (l *longLog) minute(n int) time.Time { return l.began.Add(time.Duration(n) * time.Minute) }

// TestWindowByTiles: a window of a long log costs what is in it, and says what the whole
// walk says; whatever happens to the tiles, it says the same.
func TestWindowByTiles(t *testing.T) {
	const n = 2600
	l := newLongLog(t, n)
	questions := map[string]ledger.VerifyOptions{
		"the end":               {Since: l.minute(n - 60), Checkpoints: l.held[4:]},
		"before the checkpoint": {Since: l.minute(n - 600), Checkpoints: l.held[4:]},
		"an hour in the middle": {Since: l.minute(1720), Until: l.minute(1780), Checkpoints: l.held[4:]},
		"over a rotation":       {Since: l.minute(n/2 - 30), Until: l.minute(n/2 + 30), Checkpoints: l.held[4:]},
		"the beginning":         {Since: l.minute(-5), Until: l.minute(60), Checkpoints: l.held[4:]},
		"nothing in it":         {Since: l.minute(1501).Add(time.Second), Until: l.minute(1501).Add(2 * time.Second), Checkpoints: l.held[4:]},
		"with all that is held": {Since: l.minute(n - 60), Checkpoints: l.held},
		"from a checkpoint":     {From: l.held[4:]},
		"nothing is held":       {Since: l.minute(n - 60)},
	}
	ask := func(t *testing.T, r ledger.Reader, o ledger.VerifyOptions) (*ledger.Report, int64) {
		t.Helper()
		o.Keys = []ledger.PublicKey{l.key}
		counted := &reads{Reader: r}
		report, err := ledger.Verify(ctx, counted, o)
		require.NoError(t, err)
		return report, counted.n.Load()
	}
	without := &between{Reader: l, denied: func(key string) bool {
		return len(key) > 7 && key[:7] == "tlog/v1"
	}}
	for name, o := range questions {
		t.Run(name, func(t *testing.T) {
			short, cost := ask(t, l, o)
			require.Equal(t, ledger.Confirmed, short.Verdict, "%+v", short.Findings)
			long, all := ask(t, without, o)
			require.Equal(t, long.Verdict, short.Verdict)
			require.Equal(t, long.Events, short.Events)
			require.Equal(t, long.Scope, short.Scope)
			if name == "the beginning" || name == "nothing is held" { // walked
				return
			}
			inside := int64(1 + 2*(n-2500)) // manifests behind the tiles are read in any case
			if o.Until.IsZero() {
				inside += 600
			} else {
				inside += 62
			}
			require.Less(t, cost-inside, int64(60), "reads besides those of the window: %d of %d", cost, all)
			require.Less(t, cost, all)
		})
	}
	t.Run("whatever happens to the tiles", func(t *testing.T) {
		l := newLongLog(t, 1200)
		o := ledger.VerifyOptions{Keys: []ledger.PublicKey{l.key}, Since: l.minute(570), Until: l.minute(660), Checkpoints: l.held[1:]}
		ask := func(_ *testing.T, r ledger.Reader, o ledger.VerifyOptions) (*ledger.Report, error) {
			return ledger.Verify(ctx, r, o)
		}
		want, _ := ask(t, l, o)
		require.Equal(t, ledger.Confirmed, want.Verdict)
		for _, key := range l.Keys(ledger.TilePrefix) {
			good, err := l.Get(ctx, key, "")
			require.NoError(t, err)
			for _, bad := range [][]byte{nil, append([]byte{good[0] ^ 1}, good[1:]...), good[:len(good)-1], []byte("x")} {
				if bad == nil {
					l.Delete(key)
				} else {
					l.Overwrite(key, bad)
				}
				have, _ := ask(t, l, o)
				require.Equal(t, want.Verdict, have.Verdict, "%s: %+v", key, have.Findings)
				require.Equal(t, want.Events, have.Events, key)
				l.Overwrite(key, good)
			}
		}
	})
	t.Run("the tile of the window's end alone is wrong", func(t *testing.T) {
		o := ledger.VerifyOptions{Since: l.minute(1500), Until: l.minute(1560), Checkpoints: l.held[4:]}
		want, _ := ask(t, l, o)
		require.Equal(t, ledger.Confirmed, want.Verdict)
		key := ledger.TileKey("gw-0", 0, 6, 256)
		good, err := l.Get(ctx, key, "")
		require.NoError(t, err)
		l.Overwrite(key, []byte("x"))
		have, _ := ask(t, l, o)
		require.Equal(t, want.Scope, have.Scope)
		require.Equal(t, want.Verdict, have.Verdict, "%+v", have.Findings)
		l.Overwrite(key, good)
	})
	t.Run("a checkpoint that is held of another log", func(t *testing.T) {
		other := *l.held[2]
		other.Root = other.Root[1:] + "0"
		r, _ := ask(t, l, ledger.VerifyOptions{Since: l.minute(n - 60), Checkpoints: []*ledger.Checkpoint{&other, l.held[4]}})
		require.Equal(t, ledger.NotConfirmed, r.Verdict)
	})
	t.Run("a manifest of the window removed", func(t *testing.T) {
		body, err := l.Get(ctx, ledger.ManifestKey("gw-0", n-30), "")
		require.NoError(t, err)
		l.Purge(ledger.ManifestKey("gw-0", n-30))
		r, _ := ask(t, l, questions["the end"])
		require.Equal(t, ledger.NotConfirmed, r.Verdict)
		l.Overwrite(ledger.ManifestKey("gw-0", n-30), body)
	})
}

// TestRebuildTiles: what was taken away is made again, by whoever has the public key.
func TestRebuildTiles(t *testing.T) {
	l := newLongLog(t, 1300)
	keys := []ledger.PublicKey{l.key}
	wrong, all, err := ledger.CheckTiles(ctx, l, keys, "gw-0")
	require.NoError(t, err)
	require.Empty(t, wrong)
	require.Greater(t, all, 4)
	l.Delete(ledger.TileKey("gw-0", 0, 1, 256))
	l.Overwrite(ledger.TileKey("gw-0", 1, 0, 3), []byte("x"))
	wrong, _, err = ledger.CheckTiles(ctx, l, keys, "gw-0")
	require.NoError(t, err)
	require.Equal(t, []string{ledger.TileKey("gw-0", 0, 1, 256), ledger.TileKey("gw-0", 1, 0, 3)}, wrong)
	size, err := ledger.RebuildTiles(ctx, l, keys, "gw-0", minute)
	require.NoError(t, err)
	require.Equal(t, int64(1000), size)
	wrong, _, err = ledger.CheckTiles(ctx, l, keys, "gw-0")
	require.NoError(t, err)
	require.Empty(t, wrong)
}
