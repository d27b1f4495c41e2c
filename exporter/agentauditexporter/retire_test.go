package agentauditexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// retiring is a retirer of the log gw-0 on a fleet, with a clock of its own.
type retiring struct {
	*retirer
	f    *fleet
	now  time.Time
	told []ledger.HeadRef
	saw  int64 // of gw-1
	logs *observer.ObservedLogs
}

func newRetiring(f *fleet) *retiring {
	core, logs := observer.New(zap.InfoLevel)
	r := &retiring{f: f, now: time.Now(), saw: -1, logs: logs}
	r.retirer = &retirer{
		scan: &watcher{
			store: f.Store, log: "gw-0", keys: []ledger.PublicKey{ledgertest.Public(f.t, f.own)},
			now: func() time.Time { return r.now }, rand: rand.New(rand.NewPCG(1, 0)),
		},
		key: ledgertest.Public(f.t, f.own), after: time.Hour, log: zap.New(core),
		saw:   func(string) int64 { return r.saw },
		tell:  func(h ledger.HeadRef) { r.told = append(r.told, h) },
		stamp: func(ctx context.Context, c *ledger.Chain) { require.NoError(f.t, c.Checkpoint(ctx, nil)) },
		open: func(ctx context.Context, log string) (*ledger.Chain, error) {
			return ledger.OpenChain(ctx, f.Store, ledger.ChainOptions{
				Log: log, Signer: f.own, Writer: ledger.Writer{Host: "gw-0"}, Now: func() time.Time { return r.now },
				Retention: func(now time.Time) ledger.Retention {
					return ledger.Retention{Mode: ledger.Governance, Until: now.Add(1000 * time.Hour)}
				},
			})
		},
	}
	return r
}

// looks looks now and again, and lets the time pass between.
func (r *retiring) looks(waits ...time.Duration) {
	for _, d := range waits {
		r.now = r.now.Add(d)
		r.look(context.Background())
	}
}

// kinds of the manifests of a log.
func (f *fleet) kinds(log string) (list []ledger.Kind) {
	for seq := int64(0); ; seq++ {
		body, err := f.Get(context.Background(), ledger.ManifestKey(log, seq), "")
		if err != nil {
			return list
		}
		m, err := ledger.ParseEnvelope(body)
		require.NoError(f.t, err)
		list = append(list, m.Predicate.Kind)
	}
}

// long writes a log whose locks do not run out in the test.
func (f *fleet) long(log string, s ledger.Signer, list ...ledger.Kind) *ledger.Chain {
	c, err := ledger.OpenChain(context.Background(), f, ledger.ChainOptions{
		Log: log, Signer: s, Retention: func(now time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Governance, Until: now.Add(1000 * time.Hour)}
		},
	})
	require.NoError(f.t, err)
	for _, k := range list {
		require.NoError(f.t, c.Commit(context.Background(), k, nil))
	}
	return c
}

// Each end of a log that is silent for two hours, and what is written at it.
func TestRetires(t *testing.T) {
	const retire = ledger.KindRetire
	for name, tt := range map[string]struct {
		write func(f *fleet)
		want  []ledger.Kind
		told  string
	}{
		"a writer that is gone": {func(f *fleet) { f.long("gw-1", f.own, open, beat) }, []ledger.Kind{open, beat, retire}, ""},
		"one that closed":       {func(f *fleet) { f.long("gw-1", f.own, open, stop) }, []ledger.Kind{open, stop}, ""},
		"one that was retired":  {func(f *fleet) { f.long("gw-1", f.own, open, retire) }, []ledger.Kind{open, retire}, ""},
		"another key's":         {func(f *fleet) { f.long("gw-1", f.other, open, beat) }, []ledger.Kind{open, beat}, ""},
		"a key replaced its own": {func(f *fleet) {
			require.NoError(f.t, f.long("gw-1", f.own, open).Rotate(context.Background(), ledgertest.Public(f.t, f.other)))
		}, []ledger.Kind{open, ledger.KindKeyRotation}, "another key signs the log"},
		"garbage behind it":  {func(f *fleet) { f.long("gw-1", f.own, open); f.Overwrite(ledger.ManifestKey("gw-1", 5), []byte("x")) }, []ledger.Kind{open, retire}, ""},
		"garbage at its end": {func(f *fleet) { f.long("gw-1", f.own, open); f.Overwrite(ledger.ManifestKey("gw-1", 1), []byte("x")) }, []ledger.Kind{open, retire}, ""},
		"its end cut off": {func(f *fleet) {
			require.NoError(f.t, f.long("gw-1", f.own, open, beat, beat).Checkpoint(context.Background(), nil))
			f.Purge(ledger.ManifestKey("gw-1", 2))
		}, []ledger.Kind{open, beat}, "has a checkpoint of 3 manifests"},
		"a hole in it": {func(f *fleet) {
			f.long("gw-1", f.own, open, beat, beat, beat)
			f.Purge(ledger.ManifestKey("gw-1", 1))
		}, []ledger.Kind{open}, "has no manifest 1, but has 2"},
		"what may follow is refused": {func(f *fleet) {
			f.long("gw-1", f.own, open, beat)
			f.Plant(ledger.ManifestKey("gw-1", 2), 10, ledger.ErrForbidden)
		}, []ledger.Kind{open, beat}, "the store refuses"},
		"its locks are over": {func(f *fleet) { f.write("gw-1", f.own, 0, open, beat) }, []ledger.Kind{open, beat}, "may have expired"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			f.long("gw-0", f.own, open)
			tt.write(f)
			r := newRetiring(f)
			r.looks(2*time.Hour, 30*time.Minute)
			require.Empty(t, r.told, "it has not watched for long enough")
			r.looks(31*time.Minute, time.Minute)
			require.Equal(t, tt.want, f.kinds("gw-1"))
			require.Equal(t, []ledger.Kind{open}, f.kinds("gw-0"), "never its own")
			retired := tt.want[len(tt.want)-1] == retire && name != "one that was retired"
			require.Len(t, r.told, map[bool]int{true: 1, false: 0}[retired])
			warned := r.logs.FilterMessage("a log is silent and is not retired").All()
			if tt.told == "" {
				require.Empty(t, warned)
				return
			}
			require.Len(t, warned, 1)
			require.Contains(t, fmt.Sprint(warned[0].ContextMap()["error"]), tt.told)
		})
	}
}

// A log of which this collector has itself seen more was cut off.
func TestRetiresNothingThatWasCutOff(t *testing.T) {
	f := newFleet(t)
	f.long("gw-1", f.own, open, beat)
	r := newRetiring(f)
	r.saw = 2
	r.looks(2*time.Hour, 2*time.Hour)
	require.Equal(t, []ledger.Kind{open, beat}, f.kinds("gw-1"))
	require.Equal(t, 1, r.logs.FilterMessage("a log is silent and is not retired").Len())

	n := &neighbours{logs: new(atomic.Int64), logger: zap.NewNop()}
	require.Equal(t, int64(-1), n.saw("mine"))
	f.write("mine", f.own, 0, open, beat)
	n.look(context.Background(), f.watcher(1))
	require.Equal(t, int64(1), n.saw("mine"))
}

// A writer that is only slow is left alone, whatever the clock of its neighbour says.
func TestRetiresNobodyWhoWrites(t *testing.T) {
	f := newFleet(t)
	c := f.long("gw-1", f.own, open)
	r := newRetiring(f)
	r.now = r.now.Add(100 * time.Hour) // by a clock that is wrong
	for range 5 {
		r.looks(2 * time.Hour)
		require.NoError(t, c.Commit(context.Background(), beat, nil))
	}
	require.Equal(t, []ledger.Kind{open, beat, beat, beat, beat, beat}, f.kinds("gw-1"))
	require.Empty(t, r.told)
}

// Hundreds of logs of writers that went without a word, and as many that closed, are in
// order after some hours, and cost little from then on.
func TestRetiresMany(t *testing.T) {
	f := newFleet(t)
	const n = 300
	for i := range n {
		f.long(fmt.Sprintf("pod-%05d", i), f.own, open, beat)
		f.long(fmt.Sprintf("pod-%05d", n+i), f.own, open, stop)
	}
	r := newRetiring(f)
	for range 12 {
		r.looks(time.Hour)
	}
	for i := range n {
		require.Equal(t, ledger.KindRetire, f.kinds(fmt.Sprintf("pod-%05d", i))[2])
	}
	require.Len(t, r.told, n)
	s := &asked{Reader: f.Store}
	r.scan.store = s
	r.looks(time.Hour)
	require.Less(t, s.n, 10, "a listing, and nothing of what has ended")
}

// asked counts the requests to a store but for listings.
type asked struct {
	ledger.Reader
	n int
}

func (a *asked) Get(ctx context.Context, key, version string) ([]byte, error) {
	a.n++
	return a.Reader.Get(ctx, key, version)
}

func (a *asked) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	a.n++
	return a.Reader.Versions(ctx, key)
}

// TestRetiredInALongOutage: a collector that cannot reach the bucket spools, and its neighbour
// ends its log. When the bucket is there, it opens the log again and seals what it has, once;
// also where it was killed meanwhile.
func TestRetiredInALongOutage(t *testing.T) {
	for name, killed := range map[string]bool{"it runs on": false, "it is killed": true} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			c := tr.spooledConfig()
			var away atomic.Bool
			p := &proxy{before: func(*http.Request) bool { return away.Load() }}
			c.S3 = p.start(tr)
			r := start(t, c)
			r.send(0, 5)
			require.Eventually(t, func() bool { return len(spoolFiles(t, c, "*.wal")) == 0 }, time.Minute, time.Millisecond, "all of it is sealed")
			away.Store(true)
			r.send(5, 30)
			key, err := signer.File(tr.keyFile)
			require.NoError(t, err)
			neighbour, err := ledger.OpenChain(context.Background(), tr.open(), ledger.ChainOptions{Log: "gw-0", Signer: key, Retention: c.ObjectLock.from})
			require.NoError(t, err)
			require.NoError(t, neighbour.Retire(context.Background()))
			if killed {
				r.crash()
				r = start(t, c)
				r.send(30, 35)
			} else {
				r.send(30, 35)
			}
			away.Store(false)
			r.stop()
			require.Equal(t, once(35), tr.requireConfirmed())
			kinds := tr.kinds()
			i := slices.Index(kinds, "retire")
			require.Positive(t, i)
			require.Equal(t, "open", kinds[i+1], "%v", kinds)
			require.Equal(t, "close", kinds[len(kinds)-1])
			report, _ := tr.verify()
			require.NotContains(t, fmt.Sprint(report.Findings), ledger.CodeNotOpened)
		})
	}
}
