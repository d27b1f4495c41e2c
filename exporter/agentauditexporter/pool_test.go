package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// step is something that happens among writers that share a pool.
type step struct {
	do      string // start, commit, crash, close, retire or wait
	who     int    // of the writers, or of the logs
	minutes int    // of a wait
	fault   string // of its first write: "lost" before it takes effect, or "unheard" after
	during  *step  // happens just before that write
}

func (s step) String() string {
	text := fmt.Sprintf("%s(%d,%d,%s)", s.do, s.who, s.minutes, s.fault)
	if s.during != nil {
		text += "{" + s.during.String() + "}"
	}
	return text
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	one := func(label string) step {
		return step{
			do:      rapid.SampledFrom([]string{"start", "start", "commit", "commit", "commit", "commit", "crash", "close", "retire", "wait"}).Draw(t, "do"+label),
			who:     rapid.IntRange(0, 5).Draw(t, "who"+label),
			minutes: rapid.IntRange(0, 10).Draw(t, "minutes"+label),
			fault:   rapid.SampledFrom([]string{"", "", "", "lost", "unheard"}).Draw(t, "fault"+label),
		}
	}
	s := one("")
	if rapid.IntRange(0, 2).Draw(t, "during") == 0 {
		between := one(" meanwhile")
		s.during = &between
	}
	return s
}), 5, 60)

// writers are collectors that share a pool, and what was promised to their senders.
type writers struct {
	t      require.TestingT
	store  ledger.Store
	signer ledger.Signer
	now    time.Time
	n      int
	list   []*poolWriter
	acked  map[string]string // objects, by the log
	lost   []string          // objects of writers that were told that they are not sealed
	faults []*step           // of the operations under way, the innermost last
}

type poolWriter struct {
	chain  *ledger.Chain
	log    string
	object *ledger.Object // what is being committed
	gone   bool           // it was told that the log is another's
	busy   bool           // it does one thing at a time
}

// Put is the store's, with what happens meanwhile, and what goes wrong.
func (w *writers) put(ctx context.Context, key string, body []byte, o ledger.PutOptions) (string, error) {
	var s *step
	if n := len(w.faults); n > 0 {
		s, w.faults[n-1] = w.faults[n-1], nil
	}
	if s != nil && s.during != nil {
		w.do(*s.during)
	}
	if s != nil && s.fault == "lost" {
		return "", errAway
	}
	id, err := w.store.Put(ctx, key, body, o)
	if s != nil && s.fault == "unheard" && err == nil {
		return "", errAway
	}
	return id, err
}

var errAway = errors.New("the store does not answer")

type faulty struct {
	ledger.Store
	w *writers
}

func (f *faulty) Put(ctx context.Context, key string, body []byte, o ledger.PutOptions) (string, error) {
	return f.w.put(ctx, key, body, o)
}

func (w *writers) options(log, host string) ledger.ChainOptions {
	return ledger.ChainOptions{
		Log: log, Signer: w.signer, Instance: host, Writer: ledger.Writer{Version: "test", Host: host}, Now: func() time.Time { return w.now },
		Retention: func(time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(1000 * time.Hour)}
		},
	}
}

func (w *writers) pool(host string) *pool {
	return &pool{
		name: "gw", lease: 3 * time.Minute, reader: w.store, now: func() time.Time { return w.now }, perm: rand.New(rand.NewPCG(uint64(w.n), 0)).Perm, logger: zap.NewNop(),
		open: func(ctx context.Context, log string) (*ledger.Chain, error) {
			o := w.options(log, host)
			o.Alone = true
			return ledger.OpenChain(ctx, &faulty{w.store, w}, o)
		},
	}
}

// do does a step; a store that fails is tried again by a later one.
func (w *writers) do(s step) {
	w.faults = append(w.faults, &s)
	defer func() { w.faults = w.faults[:len(w.faults)-1] }()
	ctx := context.Background()
	switch {
	case s.do == "wait":
		w.now = w.now.Add(time.Duration(s.minutes) * time.Minute)
	case s.do == "start":
		w.n++
		c, log, err := w.pool(fmt.Sprint("pod-", w.n)).take(ctx)
		if err == nil {
			w.list = append(w.list, &poolWriter{chain: c, log: log})
		} else {
			require.ErrorIs(w.t, err, errAway)
		}
	case s.do == "retire":
		c, err := ledger.OpenChain(ctx, &faulty{w.store, w}, w.options(fmt.Sprint("gw-", s.who), "a neighbour, whose clock may be wrong"))
		require.NoError(w.t, err)
		found := c.Head()
		switch err := c.Retire(ctx); {
		case err == nil && found.Seq >= 0 && !found.Closed:
			require.Equal(w.t, found.Seq+1, c.Head().Seq, "behind what was found, and nothing that came since")
		case err != nil && !errors.Is(err, errAway):
			require.ErrorIs(w.t, err, ledger.ErrTaken)
		}
	case len(w.list) == 0:
	case s.do == "crash":
		i := s.who % len(w.list)
		w.list = slices.Delete(w.list, i, i+1)
	case w.list[s.who%len(w.list)].busy:
	default:
		i := s.who % len(w.list)
		one := w.list[i]
		one.busy = true
		defer func() { one.busy = false }()
		kind := ledger.KindBatch
		if s.do == "close" {
			w.list = slices.Delete(w.list, i, i+1)
			kind = ledger.KindClose
		}
		w.commit(ctx, one, kind)
	}
}

func (w *writers) commit(ctx context.Context, one *poolWriter, kind ledger.Kind) {
	var objects []ledger.Object
	if kind == ledger.KindBatch {
		if one.object == nil {
			w.n++
			key := fmt.Sprintf("data/v1/date=2026-11-26/%s/20261126T101500.123Z-%08x.jsonl.gz", one.log, w.n)
			one.object = &ledger.Object{Key: key, Kind: ledger.ObjectEvents, SHA256: fmt.Sprintf("%064x", w.n), Retention: ledger.ObjectRetention{Mode: ledger.Governance, Until: time.Now().Add(time.Hour)}}
		}
		objects = []ledger.Object{*one.object}
	}
	object := one.object
	err := one.chain.Commit(ctx, kind, objects)
	if one.gone {
		require.ErrorIs(w.t, err, ledger.ErrTaken, "for good")
	}
	switch {
	case err == nil && kind == ledger.KindBatch:
		w.acked[object.Key] = one.log
		one.object = nil
	case errors.Is(err, ledger.ErrTaken):
		if kind == ledger.KindBatch && !one.gone {
			w.lost = append(w.lost, object.Key)
		}
		one.gone = true
	case err != nil:
		require.ErrorIs(w.t, err, errAway)
	}
}

// check reads what is in the store: who goes on in a log is who opened it.
func (w *writers) check() {
	ctx := context.Background()
	key, err := ledger.NewPublicKey(w.signer.Public())
	require.NoError(w.t, err)
	sealed := map[string]string{}
	logs, err := ledger.Logs(ctx, w.store)
	require.NoError(w.t, err)
	for _, log := range logs {
		writer, before := "", ledger.KindClose
		for seq := int64(0); ; seq++ {
			body, err := w.store.Get(ctx, ledger.ManifestKey(log, seq), "")
			if errors.Is(err, ledger.ErrNotFound) {
				break
			}
			require.NoError(w.t, err)
			m, err := ledger.ParseManifest(body, []ledger.PublicKey{key})
			require.NoError(w.t, err)
			p := &m.Predicate
			switch p.Kind {
			case ledger.KindOpen:
				writer = p.Instance
			case ledger.KindRetire:
				require.False(w.t, before.Ends(), "%s %d ends what has ended", log, seq)
			default:
				require.Equal(w.t, writer, p.Writer.Host, "%s %d: two writers go on in it", log, seq)
				require.False(w.t, before.Ends() && p.Kind != ledger.KindClose, "%s %d goes on and is not opened", log, seq)
			}
			before = p.Kind
			for _, o := range p.Objects {
				require.NotContains(w.t, sealed, o.Key, "sealed twice")
				sealed[o.Key] = log
			}
		}
	}
	for object, log := range w.acked {
		require.Equal(w.t, log, sealed[object], "acknowledged")
	}
	for _, object := range w.lost {
		require.NotContains(w.t, sealed, object, "its senders were told to come again")
	}
	if len(logs) == 0 {
		return
	}
	r, err := ledger.Verify(ctx, w.store, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Level: ledger.LevelChain, At: w.now, Clock: func() time.Time { return w.now }})
	require.NoError(w.t, err)
	require.Equal(w.t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Zero(w.t, r.Warnings, "%+v", r.Findings)
}

func play(t require.TestingT, s ledger.Store, signer ledger.Signer, list []step) *writers {
	w := &writers{t: t, store: s, signer: signer, now: time.Now().Add(-time.Hour), acked: map[string]string{}}
	for _, one := range list {
		w.do(one)
	}
	w.check()
	return w
}

// TestPoolHasOneWriterALog: whatever starts, stops, is late or ends another's log, and
// whatever answers are lost: what was acknowledged is sealed once, and nobody goes on in a
// log that another has taken.
func TestPoolHasOneWriterALog(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	rapid.Check(t, func(rt *rapid.T) { play(rt, ledgertest.New(), signer, steps.Draw(rt, "steps")) })
}

// TestPoolOnS3 plays some of that on a real server.
func TestPoolOnS3(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	for seed := range 3 {
		list := steps.Example(seed)
		tr := newTrail(t)
		for i := range list {
			list[i].who %= 3
		}
		play(t, tr.open(), signer, list)
	}
}

func TestPoolTakes(t *testing.T) {
	start := step{do: "start"}
	logs := func(list ...step) (names []string) {
		for _, one := range play(t, ledgertest.New(), ledgertest.NewSigner(t, "ed25519"), list).list {
			names = append(names, one.log)
		}
		return names
	}
	wait := func(minutes int) step { return step{do: "wait", minutes: minutes} }
	require.Equal(t, []string{"gw-0", "gw-1", "gw-2"}, logs(start, start, start), "none is free")
	require.Equal(t, []string{"gw-1", "gw-0"}, logs(start, start, step{do: "close"}, start), "one was closed")
	require.Equal(t, []string{"gw-1"}, logs(start, step{do: "crash"}, start), "its lease runs")
	require.Equal(t, []string{"gw-0"}, logs(start, step{do: "crash"}, wait(4), start), "its lease is over")
	require.Equal(t, []string{"gw-1", "gw-0"}, logs(start, step{do: "crash"}, start, step{do: "retire"}, start), "it was retired")
	require.Equal(t, []string{"gw-0", "gw-0"}, logs(start, wait(4), start), "the first is told when it comes back")
	require.Equal(t, []string{"gw-0", "gw-1"}, logs(step{do: "start", during: &start}), "two at once")
}

// However many logs the pool has, the size of it is found in a few requests.
func TestPoolSize(t *testing.T) {
	f := newFleet(t)
	w := &writers{t: t, store: f.Store, signer: f.own, now: time.Now()}
	for n := range 70 {
		size, err := w.pool("new").size(context.Background())
		require.NoError(t, err)
		require.Equal(t, n, size)
		f.write(fmt.Sprint("gw-", n), f.own, 0, open)
	}
}

// A log of the pool that may have gone on is left as it is, and so is another's.
func TestPoolLeavesWhatItCannotJudge(t *testing.T) {
	f := newFleet(t)
	ctx := context.Background()
	c := f.write("gw-0", f.own, 0, open, beat, stop)
	require.NoError(t, c.Checkpoint(ctx, nil))
	f.Purge(ledger.ManifestKey("gw-0", 2))
	f.write("gw-1", f.foreign, 0, open, stop)
	f.write("gw-2", f.own, 0, open, stop)
	f.Plant(ledger.ManifestKey("gw-2", 2), 10, ledger.ErrForbidden)
	f.write("gw-x", f.own, 0, open, stop)
	w := &writers{t: t, store: f.Store, signer: f.own, now: time.Now()}
	_, log, err := w.pool("new").take(ctx)
	require.NoError(t, err)
	require.Equal(t, "gw-3", log)
}
