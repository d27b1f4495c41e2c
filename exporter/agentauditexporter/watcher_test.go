package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// fleet is logs in one bucket, in memory.
type fleet struct {
	t *testing.T
	*ledgertest.Store
	own, other, foreign ledger.Signer
}

func newFleet(t *testing.T) *fleet {
	return &fleet{t, ledgertest.New(), ledgertest.NewSigner(t, "ed25519"), ledgertest.NewSigner(t, "ecdsa"), ledgertest.NewSigner(t, "ed25519")}
}

// write commits manifests of those kinds to a log, by a clock that is wrong by off.
func (f *fleet) write(log string, s ledger.Signer, off time.Duration, list ...ledger.Kind) *ledger.Chain {
	c, err := ledger.OpenChain(context.Background(), f, ledger.ChainOptions{
		Log: log, Signer: s, Now: func() time.Time { return time.Now().Add(off) },
		Retention: func(now time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Governance, Until: now.Add(time.Hour)}
		},
	})
	require.NoError(f.t, err)
	for _, k := range list {
		require.NoError(f.t, c.Commit(context.Background(), k, nil))
	}
	return c
}

// watcher is that of log gw-0, whose choices are drawn from a seed.
func (f *fleet) watcher(seed uint64) *watcher {
	return &watcher{
		store: f.Store, log: "gw-0", keys: []ledger.PublicKey{ledgertest.Public(f.t, f.own), ledgertest.Public(f.t, f.other)},
		alive: time.Hour, now: time.Now, rand: rand.New(rand.NewPCG(seed, 0)),
	}
}

// round is one look, and the logs that it noted.
func (w *watcher) round(t *testing.T) map[string]ledger.HeadRef {
	heads, logs, err := w.look(context.Background())
	require.NoError(t, err)
	noted := map[string]ledger.HeadRef{}
	for _, h := range heads {
		noted[h.Log] = h
	}
	require.LessOrEqual(t, logs, len(noted))
	require.LessOrEqual(t, logs, watchedLogs)
	require.NotContains(t, noted, "gw-0")
	return noted
}

const open, beat, stop = ledger.KindOpen, ledger.KindHeartbeat, ledger.KindClose

func TestWatchesLogsThatAreAlive(t *testing.T) {
	f := newFleet(t)
	f.write("gw-0", f.own, 0, open)
	f.write("mine", f.own, 0, open, beat)
	f.write("others", f.other, 0, open, stop, open)
	f.write("closed", f.own, 0, open, stop)
	f.write("old", f.own, -2*time.Hour, open)
	f.write("foreign", f.foreign, 0, open)
	for seed := range uint64(20) {
		w := f.watcher(seed)
		noted := w.round(t)
		require.Len(t, noted, 2)
		require.Equal(t, int64(1), noted["mine"].Seq)
		require.Equal(t, int64(2), noted["others"].Seq)
		body, err := f.Get(context.Background(), ledger.ManifestKey("mine", 1), "")
		require.NoError(t, err)
		m, err := ledger.ParseManifest(body, w.keys)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%x", m.Digest), noted["mine"].SHA256)
	}
}

func TestWatchesOthersAtEveryCheckpoint(t *testing.T) {
	f := newFleet(t)
	for i := range 30 {
		f.write(fmt.Sprintf("gw-%d", i), f.own, 0, open)
	}
	w := f.watcher(1)
	times, together := map[string]int{}, map[string]int{}
	const rounds = 200
	for range rounds {
		noted := w.round(t)
		require.Len(t, noted, watchedLogs)
		set := ""
		for i := range 30 {
			if log := fmt.Sprintf("gw-%d", i); noted[log].Log != "" {
				set += " " + log
				times[log]++
			}
		}
		together[set]++
	}
	require.Len(t, times, 29, "all but its own")
	for log, n := range times {
		require.Greater(t, n, rounds*watchedLogs/29/4, "%s: %v", log, times)
	}
	require.Greater(t, len(together), rounds*9/10)
}

// TestPlantedLogsBlindNobody: ten thousand of them, of all kinds, before, between and
// behind the logs that are alive.
func TestPlantedLogsBlindNobody(t *testing.T) {
	name := func(i int) string {
		return []string{"a", "gw-0", "gw-00", "gw-1-", "z"}[i%5] + fmt.Sprint(i)
	}
	for kind, plant := range map[string]func(f *fleet, log string){
		"garbage": func(f *fleet, log string) { f.Overwrite(ledger.ManifestKey(log, 0), []byte("x")) },
		"garbage under a delete marker": func(f *fleet, log string) {
			f.Overwrite(ledger.ManifestKey(log, 3), []byte("x"))
			f.Delete(ledger.ManifestKey(log, 3))
		},
		"unreadable":        func(f *fleet, log string) { f.Plant(ledger.ManifestKey(log, 0), 900, ledger.ErrForbidden) },
		"logs of strangers": func(f *fleet, log string) { f.write(log, f.foreign, 0, open) },
		"short-lived logs":  func(f *fleet, log string) { f.write(log, f.own, 0, open, stop) },
		"dead logs":         func(f *fleet, log string) { f.write(log, f.own, -2*time.Hour, open) },
	} {
		t.Run(kind, func(t *testing.T) {
			f := newFleet(t)
			f.write("gw-1", f.other, 0, open, beat)
			known := f.watcher(0)
			require.Contains(t, known.round(t), "gw-1")
			many := 10_000
			if strings.HasSuffix(kind, "logs") || strings.HasSuffix(kind, "strangers") {
				many = 1_000 // which are dear to make and to check
			}
			for i := range many {
				plant(f, name(i))
			}
			require.Contains(t, known.round(t), "gw-1", "which was known before")
			for seed := range uint64(3) {
				w, rounds := f.watcher(seed), 1
				for len(w.round(t)) == 0 {
					rounds++
				}
				require.LessOrEqual(t, rounds, 8, "by one who has just started")
				for range 2 {
					require.Contains(t, w.round(t), "gw-1", "and from then on")
				}
			}
		})
	}
}

// What squats a log that is alive does not hide it.
func TestSquattedLogIsWatched(t *testing.T) {
	f := newFleet(t)
	f.Overwrite(ledger.ManifestKey("gw-1", 0), []byte("before it began"))
	f.write("gw-1", f.foreign, 0, open) // another's key was first
	c := f.write("gw-1", f.own, 0, open, beat, beat, beat)
	require.NoError(t, c.Checkpoint(context.Background(), nil))
	old, err := f.Get(context.Background(), ledger.ManifestKey("gw-1", 1), "")
	require.NoError(t, err)
	for i := range int64(20) {
		f.Overwrite(ledger.ManifestKey("gw-1", 4+i), old)
	}
	f.Overwrite(ledger.CheckpointKey("gw-1", 900), []byte("x"))
	f.Plant(ledger.TimestampKey("gw-1", 4), 1<<30, errors.New("too large"))
	w, rounds := f.watcher(3), 1
	for len(w.round(t)) == 0 {
		rounds++
	}
	require.LessOrEqual(t, rounds, 20)
	h := w.round(t)["gw-1"]
	require.Equal(t, int64(3), h.Seq)
	cp, err := ledger.ParseCheckpoint([]byte(h.Note), w.keys, nil)
	require.NoError(t, err)
	require.Equal(t, int64(4), cp.Size)
}

// TestNotedHeads: the note is the other log's own word, without what others added to it,
// and where two keys that are watched write a log of one name neither hides the other.
func TestNotedHeads(t *testing.T) {
	f := newFleet(t)
	c := f.write("gw-1", f.own, 0, open, beat)
	require.NoError(t, c.Checkpoint(context.Background(), nil))
	require.NoError(t, c.Commit(context.Background(), beat, nil))
	note, err := f.Get(context.Background(), ledger.CheckpointKey("gw-1", 2), "")
	require.NoError(t, err)
	f.Overwrite(ledger.CheckpointKey("gw-1", 2), append(note, []byte("\u2014 friend AAAAAAAA\n")...))
	w := f.watcher(0)
	h := w.round(t)["gw-1"]
	require.Equal(t, int64(2), h.Seq)
	require.Equal(t, string(note), h.Note)

	theirs := f.write("gw-1", f.other, 0, open, beat, beat, beat, beat)
	require.NoError(t, theirs.Checkpoint(context.Background(), nil))
	seqs := map[int64]string{}
	for range 20 {
		heads, logs, err := w.look(context.Background())
		require.NoError(t, err)
		require.Equal(t, 1, logs)
		for _, h := range heads {
			seqs[h.Seq] = h.Note
		}
	}
	require.Equal(t, string(note), seqs[2])
	require.NotEmpty(t, seqs[4])
	require.NotEqual(t, string(note), seqs[4])
}

// A long log is found, also where its key was replaced since.
func TestLongLogIsWatched(t *testing.T) {
	f := newFleet(t)
	f.own, f.foreign = f.foreign, f.own // the old key is not watched any more
	c := f.write("gw-1", f.own, 0, open)
	for range 3 * maxSighted {
		require.NoError(t, c.Commit(context.Background(), beat, nil))
	}
	require.NoError(t, c.Rotate(context.Background(), ledgertest.Public(t, f.other)))
	f.own, f.foreign = f.foreign, f.own
	c, err := ledger.OpenChain(context.Background(), f, ledger.ChainOptions{
		Log: "gw-1", Signer: f.other, Earlier: []ledger.PublicKey{ledgertest.Public(t, f.foreign)},
		Retention: func(now time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Governance, Until: now.Add(time.Hour)}
		},
	})
	require.NoError(t, err)
	for range 3 * maxSighted {
		require.NoError(t, c.Commit(context.Background(), beat, nil))
	}
	require.NoError(t, c.Checkpoint(context.Background(), nil))
	w := f.watcher(0)
	require.Equal(t, int64(6*maxSighted+1), w.round(t)["gw-1"].Seq)
}

// A bucket that is away makes the watcher forget nothing.
func TestWatcherSurvivesAnOutage(t *testing.T) {
	f := newFleet(t)
	f.write("gw-1", f.own, 0, open)
	w := f.watcher(0)
	require.Contains(t, w.round(t), "gw-1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := w.look(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.known, 1)
	require.Contains(t, w.round(t), "gw-1")
}

func TestWatcherForgetsTheDead(t *testing.T) {
	f := newFleet(t)
	f.write("gw-1", f.own, 0, open)
	f.write("gw-2", f.own, 0, open)
	w := f.watcher(0)
	require.Len(t, w.round(t), 2)
	f.write("gw-1", f.own, 0, stop)
	f.Purge(ledger.ManifestKey("gw-2", 0))
	last := w.round(t)
	require.Len(t, last, 1)
	require.Equal(t, int64(1), last["gw-1"].Seq, "how it ended is noted once")
	require.Empty(t, w.known)
	require.Empty(t, w.round(t))
	f.write("gw-1", f.own, 0, open)
	require.Contains(t, w.round(t), "gw-1", "that came back")
}
