package witness_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/witness"
	"github.com/agentaudit/otelcol-agentaudit/internal/witnesstest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// log is a log in memory with tiles.
type log struct {
	t testing.TB
	*ledgertest.Store
	signer ledger.Signer
	chain  *ledger.Chain
}

func (l *log) open() {
	l.t.Helper()
	var err error
	l.chain, err = ledger.OpenChain(l.t.Context(), l.Store, ledger.ChainOptions{
		Log: "gw-0", Signer: l.signer, Retention: func(time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(time.Hour).UTC().Truncate(time.Hour)}
		},
	})
	require.NoError(l.t, err)
}

// grow seals n manifests and gives the checkpoint of all.
func (l *log) grow(n int) *ledger.Checkpoint {
	l.t.Helper()
	for range n {
		require.NoError(l.t, l.chain.Commit(l.t.Context(), ledger.KindHeartbeat, nil))
	}
	require.NoError(l.t, l.chain.Checkpoint(l.t.Context(), nil))
	require.NoError(l.t, l.chain.WriteTiles(l.t.Context(), ledger.Removable))
	cp, err := ledger.NewestCheckpoint(l.t.Context(), l, []ledger.PublicKey{ledgertest.Public(l.t, l.signer)}, "gw-0")
	require.NoError(l.t, err)
	return cp
}

// copied is the log as it is now, in another store.
func (l *log) copied() *log {
	l.t.Helper()
	c := &log{t: l.t, Store: ledgertest.New(), signer: l.signer}
	for _, key := range l.Keys("") {
		body, err := l.Get(l.t.Context(), key, "")
		require.NoError(l.t, err)
		c.Overwrite(key, body)
	}
	c.open()
	return c
}

func (l *log) cosign(w *witness.Client, cp *ledger.Checkpoint) ([]byte, error) {
	return w.Cosign(l.t.Context(), cp.Note, uint64(cp.Size), func(ctx context.Context, from uint64) ([][]byte, error) {
		return ledger.NewTiles(l, "gw-0", uint64(cp.Size)).Proof(ctx, from, cp.Root)
	})
}

// TestLitewitness: a witness of others takes our requests, and refuses what it must: a log
// that was rolled back, or forked, or that it does not know.
func TestLitewitness(t *testing.T) {
	w := witnesstest.Start(t, "witness.example/lite")
	policy, err := ledger.ParsePolicy([]byte(w.Line("w") + "quorum w\n"))
	require.NoError(t, err)
	require.Equal(t, w.URL+"/", policy.Witnesses()[0].URL)
	l := &log{t: t, Store: ledgertest.New(), signer: ledgertest.NewSigner(t, "ed25519")}
	key := ledgertest.Public(t, l.signer)
	l.open()
	client := func() *witness.Client { return &witness.Client{URL: w.URL, HTTP: http.DefaultClient} }
	agrees := func(l *log, by *witness.Client, cp *ledger.Checkpoint) {
		t.Helper()
		lines, err := l.cosign(by, cp)
		require.NoError(t, err)
		cosigned, err := ledger.ParseCheckpoint(append(cp.Note[:len(cp.Note):len(cp.Note)], lines...), []ledger.PublicKey{key}, policy.Known())
		require.NoError(t, err)
		require.True(t, policy.Satisfied(cosigned))
		require.WithinDuration(t, time.Now(), cosigned.Cosigs[0].At, time.Hour)
	}

	cp := l.grow(3)
	_, err = l.cosign(client(), cp)
	require.ErrorContains(t, err, "it does not know the log")
	vkey, err := ledger.VerifierKey(key, cp.Origin())
	require.NoError(t, err)
	w.Know(cp.Origin(), vkey)

	first := client()
	agrees(l, first, cp)
	agrees(l, first, l.grow(1))
	agrees(l, first, l.grow(300))
	then := l.copied()
	agrees(l, client(), l.grow(7))
	agrees(l, client(), l.grow(0))

	_, err = then.cosign(client(), then.grow(0))
	require.ErrorIs(t, err, witness.ErrAhead, "rolled back")
	_, err = then.cosign(client(), then.grow(7))
	require.ErrorIs(t, err, witness.ErrFork, "another of the same size")
	_, err = then.cosign(client(), then.grow(50))
	require.ErrorIs(t, err, witness.ErrFork, "another that is longer")
	agrees(l, client(), l.grow(1))

	other := &log{t: t, Store: ledgertest.New(), signer: l.signer}
	other.open()
	require.NoError(t, other.chain.Commit(t.Context(), ledger.KindOpen, nil))
	_, err = other.cosign(client(), other.grow(2))
	require.ErrorContains(t, err, "it does not know the log", "of this name, and another genesis")
}
