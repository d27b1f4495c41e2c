package evidence_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// reads counts what is asked of a store.
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
	r.n.Add(1)
	return r.Reader.List(ctx, prefix, after)
}

// long is a scene of a batch an hour, with a rotation, tiles and a checkpoint, and a few
// manifests behind that. Batch n is manifest n+1, and holds session n.
func long(t *testing.T) (*scene, *ledger.Checkpoint, []ledger.PublicKey) {
	t.Helper()
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.lock = 9999 * time.Hour
	first := s.key
	s.now = s.now.Add(-1000 * time.Hour)
	s.commit(ledger.KindOpen)
	for n := range 400 {
		session := fmt.Sprint("session ", n)
		s.batch(event(fmt.Sprint("e", n), session), derived(fmt.Sprint("d", n), "run of "+session, "unsaid", ""), event(fmt.Sprint("x", n), "other"))
		if n == 300 {
			s.rotate(ledgertest.NewSigner(t, "ed25519"))
		}
		if n == 390 {
			s.checkpoint()
			require.NoError(t, s.chain.WriteTiles(ctx, ledger.Removable))
		}
	}
	cp, err := ledger.NewestCheckpoint(ctx, s, []ledger.PublicKey{s.key}, "gw-0")
	require.NoError(t, err)
	return s, cp, []ledger.PublicKey{first}
}

// TestProveAt: a bundle is made from a few places of a long log, and holds what one holds
// that is made from all of it; whatever happens to the tiles, it holds.
func TestProveAt(t *testing.T) {
	s, cp, keys := long(t)
	const n = 200
	at := func(seq int64) evidence.Where {
		return evidence.Where{Manifests: []evidence.Place{{Log: "gw-0", Seq: seq}}}
	}
	ask := func(t *testing.T, o evidence.Options) ([]byte, int64, error) {
		t.Helper()
		counted := &reads{Reader: s.Store}
		o.Keys, o.Session = keys, fmt.Sprint("session ", n)
		z, err := proveFrom(counted, o)
		return z, counted.n.Load(), err
	}
	held := []*ledger.Checkpoint{cp}
	o := trust(keys...)
	o.Checkpoints = held
	says := fmt.Sprintf("2 sealed events, told as of session session %d", n)

	whole, all, err := ask(t, evidence.Options{Checkpoints: held})
	require.NoError(t, err)
	requireVerdict(t, ledger.Confirmed, check(whole, o), says)
	window := evidence.Where{Since: s.now.Add(-time.Duration(400-n+2) * time.Hour), Until: s.now.Add(-time.Duration(400-n-3) * time.Hour)}
	for name, where := range map[string]evidence.Where{"its manifest": at(n + 1), "its time": window} {
		z, cost, err := ask(t, evidence.Options{Where: where, Checkpoints: held})
		require.NoError(t, err, name)
		r := check(z, o)
		requireVerdict(t, ledger.Confirmed, r, says)
		require.Less(t, cost, int64(100), "%s: of %d", name, all)
		require.Greater(t, all, 4*cost)
		require.Equal(t, cp.Size, r.Logs[0].VouchedTo)

		z, cost, err = ask(t, evidence.Options{Where: where}) // from no checkpoint there is no short way
		require.NoError(t, err, name)
		requireVerdict(t, ledger.Confirmed, check(z, trust(keys...)), says)
		require.Greater(t, cost, int64(400))
	}
	z, _, err := ask(t, evidence.Options{Where: evidence.Where{Until: window.Until}, Checkpoints: held})
	require.NoError(t, err)
	requireVerdict(t, ledger.Confirmed, check(z, o), says)

	for name, c := range map[string]struct {
		o    evidence.Options
		says string
	}{
		"another manifest": {evidence.Options{Where: at(n)}, "nothing of it is where it was looked for"},
		"no manifest":      {evidence.Options{Where: at(5000)}, "log gw-0 has no manifest 5000"},
		"another time":     {evidence.Options{Where: evidence.Where{Since: s.now}}, "nothing of it is where it was looked for"},
		"an absence":       {evidence.Options{Where: at(n), Since: s.now}, "say when, and not where"},
	} {
		for _, held := range [][]*ledger.Checkpoint{held, nil} {
			c.o.Checkpoints = held
			_, _, err := ask(t, c.o)
			require.ErrorContains(t, err, c.says, name)
		}
	}
	forged := *cp
	forged.Root = forged.Root[1:] + "0"
	_, _, err = ask(t, evidence.Options{Where: at(n + 1), Checkpoints: []*ledger.Checkpoint{&forged}})
	require.ErrorContains(t, err, "checkpoint_mismatch")

	for _, key := range s.Keys(ledger.TilePrefix) {
		good, err := s.Get(ctx, key, "")
		require.NoError(t, err)
		for _, bad := range [][]byte{nil, append([]byte{good[0] ^ 1}, good[1:]...), good[:len(good)-1]} {
			if bad == nil {
				s.Delete(key)
			} else {
				s.Overwrite(key, bad)
			}
			z, _, err := ask(t, evidence.Options{Where: at(n + 1), Checkpoints: held})
			require.NoError(t, err, key)
			requireVerdict(t, ledger.Confirmed, check(z, o), says)
			s.Overwrite(key, good)
		}
	}
}

// TestProveAtWitnessed: what a quorum of witnesses cosigned is as good a beginning as a
// checkpoint that is held, also where rotations alone name the key that signed it.
func TestProveAtWitnessed(t *testing.T) {
	s, cp, keys := long(t)
	skey, plain, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	require.NoError(t, err)
	by, err := fnote.NewSignerForCosignatureV1(skey)
	require.NoError(t, err)
	vkey, err := ledger.VerifierKey(s.key, cp.Origin())
	require.NoError(t, err)
	v, err := fnote.NewVerifier(vkey)
	require.NoError(t, err)
	opened, err := note.Open(cp.Note, note.VerifierList(v))
	require.NoError(t, err)
	cosigned, err := note.Sign(opened, by)
	require.NoError(t, err)
	s.Overwrite(ledger.CosignedKey("gw-0", cp.Size), cosigned)
	policy, err := ledger.AtLeast(1, []string{plain})
	require.NoError(t, err)

	counted := &reads{Reader: s.Store}
	z, err := proveFrom(counted, evidence.Options{
		Keys: keys, Session: "session 7", Witnesses: policy,
		Where: evidence.Where{Manifests: []evidence.Place{{Log: "gw-0", Seq: 8}}},
	})
	require.NoError(t, err)
	require.Less(t, counted.n.Load(), int64(100))
	o := trust(keys...)
	o.Witnesses, o.AskWitnesses = policy, true
	requireVerdict(t, ledger.Confirmed, check(z, o), "witness witness.example/w1 saw the first")
}

// TestProveAtFork: a log that a replaced key has laid behind the true one, with tiles and
// a checkpoint, is not taken for it.
func TestProveAtFork(t *testing.T) {
	s, cp, keys := long(t)
	thief := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	thief.lock = 9999 * time.Hour
	thief.commit(ledger.KindOpen)
	for n := range 30 {
		thief.batch(event(fmt.Sprint("f", n), fmt.Sprint("session ", n)))
	}
	thief.checkpoint()
	require.NoError(t, thief.chain.WriteTiles(ctx, ledger.Removable))
	for _, key := range thief.Keys(ledger.TilePrefix) {
		body, err := thief.Get(ctx, key, "")
		require.NoError(t, err)
		s.Overwrite(key, body)
	}
	z, err := proveFrom(s.Store, evidence.Options{
		Keys: keys, Session: "session 7", Checkpoints: []*ledger.Checkpoint{cp},
		Where: evidence.Where{Manifests: []evidence.Place{{Log: "gw-0", Seq: 8}}},
	})
	require.NoError(t, err)
	o := trust(keys...)
	o.Checkpoints = []*ledger.Checkpoint{cp}
	requireVerdict(t, ledger.Confirmed, check(z, o), "2 sealed events, told as of session session 7")
}

func proveFrom(r ledger.Reader, o evidence.Options) ([]byte, error) {
	var out bytes.Buffer
	_, err := evidence.Prove(ctx, r, o, &out)
	return out.Bytes(), err
}
