package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// reopen opens the log again and gathers its warnings.
func reopen(t *testing.T, tr *trail) (*ledger.Chain, *[]string) {
	t.Helper()
	warned := &[]string{}
	o := options(tr.signer)
	o.OnWarning = func(code, _ string) { *warned = append(*warned, code) }
	c, err := ledger.OpenChain(ctx, tr, o)
	require.NoError(t, err)
	return c, warned
}

func TestWriterGoesOn(t *testing.T) {
	next := ledger.ManifestKey("gw-0", 6)
	for name, c := range map[string]struct {
		before func(tr *trail) // the writer starts
		while  func(tr *trail) // it has started
		warned []string
		warns  []string // of verification
	}{
		"alone":                              {},
		"garbage at the next place":          {while: func(tr *trail) { tr.Overwrite(next, []byte("garbage")) }, warned: []string{ledger.CodeForeignManifest, ledger.CodeForeignManifest}, warns: []string{ledger.CodeForeignManifest}},
		"garbage there before it starts":     {before: func(tr *trail) { tr.Overwrite(next, []byte("garbage")) }, warned: []string{ledger.CodeForeignManifest, ledger.CodeForeignManifest}, warns: []string{ledger.CodeForeignManifest}},
		"garbage far ahead":                  {before: func(tr *trail) { tr.Overwrite(ledger.ManifestKey("gw-0", 1<<20), []byte("x")) }, warns: []string{ledger.CodeForeignManifest}},
		"an old manifest at the next place":  {while: func(tr *trail) { b, _ := tr.Get(ctx, ledger.ManifestKey("gw-0", 1), ""); tr.Overwrite(next, b) }, warned: []string{ledger.CodeForeignManifest, ledger.CodeForeignManifest}, warns: []string{ledger.CodeForeignManifest}},
		"a delete marker on the head":        {before: func(tr *trail) { tr.Delete(ledger.ManifestKey("gw-0", 5)) }, warns: []string{ledger.CodeDeleteMarker}},
		"a delete marker on the next place":  {while: func(tr *trail) { tr.Delete(next) }, warned: []string{ledger.CodeForeignManifest}, warns: []string{ledger.CodeDeleteMarker}},
		"a version over the head":            {before: func(tr *trail) { tr.Overwrite(ledger.ManifestKey("gw-0", 5), []byte("x")) }, warns: []string{ledger.CodeForeignManifest}},
		"a version over a data object":       {before: func(tr *trail) { tr.Overwrite(tr.objects[0].Key, []byte("x")) }, warns: []string{ledger.CodeLaterVersion}},
		"manifests of another's key planted": {before: func(tr *trail) { tr.Overwrite(ledger.ManifestKey("gw-7", 0), []byte("x")) }},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			if c.before != nil {
				c.before(tr)
			}
			chain, warned := reopen(t, tr)
			require.Equal(t, int64(5), chain.Head().Seq)
			if c.while != nil {
				c.while(tr)
			}
			o := seal(t, tr, ledger.ObjectOptions{}, "later", 1, 2)
			require.NoError(t, chain.Commit(ctx, ledger.KindBatch, []ledger.Object{o}))
			require.Equal(t, int64(6), chain.Head().Seq)
			require.Equal(t, c.warned, append([]string(nil), *warned...))
			r, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Logs: []string{"gw-0"}})
			require.NoError(t, err)
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, c.warns, codes(r, ledger.SeverityWarning))
			require.Equal(t, int64(17), r.Events)
		})
	}
}

func TestOpenChainRefuses(t *testing.T) {
	t.Run("another key that has not been rotated away", func(t *testing.T) {
		tr := newTrail(t)
		o := options(newSigner(t))
		o.Earlier = []ledger.PublicKey{tr.key}
		_, err := ledger.OpenChain(ctx, tr, o)
		require.ErrorIs(t, err, ledger.ErrRotated)
		require.ErrorContains(t, err, "from manifest 6 on it is key "+tr.key.ID)
	})
	t.Run("a head that does not continue the chain", func(t *testing.T) {
		tr, other := newTrail(t), ledgertest.New()
		c, err := ledger.OpenChain(ctx, other, options(tr.signer))
		require.NoError(t, err)
		for range 7 {
			require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
		}
		b, err := other.Get(ctx, ledger.ManifestKey("gw-0", 6), "")
		require.NoError(t, err)
		tr.Overwrite(ledger.ManifestKey("gw-0", 6), b)
		_, err = ledger.OpenChain(ctx, tr, options(tr.signer))
		require.ErrorContains(t, err, "does not continue the chain")
	})
	t.Run("a bad log id", func(t *testing.T) {
		o := options(newSigner(t))
		o.Log = "a/b"
		_, err := ledger.OpenChain(ctx, ledgertest.New(), o)
		require.ErrorContains(t, err, `log id "a/b"`)
	})
}

func TestOpenChainAfterExpiry(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(ledger.ManifestKey("gw-0", 0))
	tr.Purge(ledger.ManifestKey("gw-0", 1))
	c, _ := reopen(t, tr)
	require.Equal(t, int64(5), c.Head().Seq)
}

func TestOpenChainNeverWritesIntoAHole(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(ledger.ManifestKey("gw-0", 3))
	c, warned := reopen(t, tr)
	require.Equal(t, int64(5), c.Head().Seq)
	require.Equal(t, []string{ledger.CodeManifestMissing}, *warned)
}

// counted counts what a store is asked.
type counted struct {
	ledger.Store
	gets, lists int
}

func (c *counted) Get(ctx context.Context, key, id string) ([]byte, error) {
	c.gets++
	return c.Store.Get(ctx, key, id)
}

func (c *counted) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	c.lists++
	return c.Store.Versions(ctx, key)
}

func (c *counted) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	c.lists++
	return c.Store.List(ctx, prefix, after)
}

func TestHeadSearchIsLogarithmic(t *testing.T) {
	s := ledgertest.New()
	signer := newSigner(t)
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	for range 3000 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	count := &counted{Store: s}
	c, err = ledger.OpenChain(ctx, count, options(signer))
	require.NoError(t, err)
	require.Equal(t, int64(2999), c.Head().Seq)
	require.Less(t, count.gets+count.lists, 80)
}

// TestLostAnswer: a write that took effect though its answer was lost is known as
// the writer's own.
func TestLostAnswer(t *testing.T) {
	tr := newTrail(t)
	chain, _ := reopen(t, tr)
	o := seal(t, tr, ledger.ObjectOptions{}, "later", 1, 2)
	lost := errors.New("connection reset")
	tr.Fail = func(_ string, done bool) error {
		if done {
			return lost
		}
		return nil
	}
	require.ErrorIs(t, chain.Commit(ctx, ledger.KindBatch, []ledger.Object{o}), lost)
	tr.Fail = nil
	require.NoError(t, chain.Commit(ctx, ledger.KindBatch, []ledger.Object{o}))
	require.Equal(t, int64(6), chain.Head().Seq, "sealed once")
	require.Equal(t, int64(17), tr.verify(t, ledger.LevelEvents).Events)
}

// TestManyWriters races writers of one log, with failures before and after writes:
// one chain comes out, every object in it, each once.
func TestManyWriters(t *testing.T) {
	for seed := range int64(15) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := ledgertest.New()
			signer := newSigner(t)
			var mu sync.Mutex
			rnd := rand.New(rand.NewSource(seed))
			s.Fail = func(key string, _ bool) error {
				mu.Lock()
				defer mu.Unlock()
				if log := ledger.ManifestKey("gw-0", 0); key[:12] == log[:12] && rnd.Intn(5) == 0 {
					return errors.New("fault")
				}
				if rnd.Intn(20) == 0 {
					s.Delete(ledger.ManifestKey("gw-0", int64(rnd.Intn(12))))
				}
				return nil
			}
			var writers sync.WaitGroup
			const each, batches = 4, 6
			for w := range each {
				writers.Go(func() {
					var c *ledger.Chain
					for c == nil {
						c, _ = ledger.OpenChain(ctx, s, options(signer))
					}
					for b := range batches {
						o := seal(t, s, ledger.ObjectOptions{}, fmt.Sprintf("w%d-%d", w, b), 1, 2)
						for c.Commit(ctx, ledger.KindBatch, []ledger.Object{o}) != nil {
						}
					}
				})
			}
			writers.Wait()
			s.Fail = nil
			r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
			require.NoError(t, err)
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, int64(each*batches*2), r.Events)
			require.Zero(t, r.Doubles, "no object is named twice")
			require.NotContains(t, codes(r, ledger.SeverityWarning), ledger.CodeOrphan)
		})
	}
}

func TestCommitEndsWithItsContext(t *testing.T) {
	tr := newTrail(t)
	c, _ := reopen(t, tr)
	done, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, c.Commit(done, ledger.KindHeartbeat, nil), context.Canceled)
}

func TestManifestIsLockedAsLongAsItsData(t *testing.T) {
	s := ledgertest.New()
	o := options(newSigner(t))
	o.Retention = func(now time.Time) ledger.Retention {
		return ledger.Retention{Mode: ledger.Governance, Until: now.Add(time.Hour)}
	}
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	obj := seal(t, s, ledger.ObjectOptions{}, "s", 1, 1)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{obj}))
	r, err := s.Retention(ctx, ledger.ManifestKey("gw-0", 0), "")
	require.NoError(t, err)
	require.Equal(t, ledger.Retention{Mode: ledger.Compliance, Until: obj.Retention.Until}, r)
}

// What is locked for longer is named again, what is not is named once.
func TestLongerLockIsNamedAgain(t *testing.T) {
	tr := newTrail(t)
	chain, _ := reopen(t, tr)
	prompt := func(until time.Time) ledger.Object {
		p := ledger.NewPrompt("Be careful.", time.Now(), ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: ledger.Compliance, Until: until})
		return p.Object
	}
	at := until()
	for _, c := range []struct {
		until time.Time
		names int
	}{{at, 1}, {at, 0}, {at.Add(-time.Hour), 0}, {at.Add(24 * time.Hour), 1}, {at, 0}} {
		o := seal(t, tr, ledger.ObjectOptions{}, "later", 1, 2)
		require.NoError(t, chain.Commit(ctx, ledger.KindBatch, []ledger.Object{prompt(c.until), o}))
		body, err := tr.Get(ctx, ledger.ManifestKey("gw-0", chain.Head().Seq), "")
		require.NoError(t, err)
		m, err := ledger.ParseManifest(body, []ledger.PublicKey{tr.key})
		require.NoError(t, err)
		require.Len(t, m.Predicate.Objects, c.names+1)
	}
}

// What somebody puts in the place of a timestamp is not read beyond the size of one: a
// collector reads its newest checkpoint when it starts.
func TestHugeTimestampStopsNobody(t *testing.T) {
	tr := newTrail(t)
	chain, _ := reopen(t, tr)
	stamp := func(context.Context, []byte) ([]byte, error) { return []byte("stamp"), nil }
	require.NoError(t, chain.Checkpoint(ctx, stamp))
	tr.Plant(ledger.TimestampKey("gw-0", 6), 1<<40, errors.New("too large"))
	reopen(t, tr)
	c, err := ledger.NewestCheckpoint(ctx, tr, []ledger.PublicKey{tr.key}, "gw-0")
	require.NoError(t, err)
	require.Equal(t, "stamp", string(c.Timestamp))
}
