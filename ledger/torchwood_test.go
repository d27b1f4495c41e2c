package ledger_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// TestTorchwood: a client of others that knows nothing of this program but the address of a
// log's tiles and its verifier key reads the checkpoint, and proves manifests and how the log
// has grown, over HTTP.
func TestTorchwood(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := s.Get(r.Context(), ledger.TilePrefix+"gw-0"+r.URL.Path, "")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}))
	defer server.Close()
	theirs, err := torchwood.NewTileFetcher(server.URL)
	require.NoError(t, err)

	var before torchwood.Checkpoint
	for _, size := range []int64{1, 3, 256, 300, 700} {
		for c.Head().Seq < size-1 {
			require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
		}
		require.NoError(t, c.WriteTiles(ctx, minute))
		text, err := theirs.ReadEndpoint(ctx, "checkpoint")
		require.NoError(t, err)
		origin, _, _ := strings.Cut(string(text), "\n")
		vkey, err := ledger.VerifierKey(public(t, signer), origin)
		require.NoError(t, err)
		v, err := note.NewVerifier(vkey)
		require.NoError(t, err)
		n, err := note.Open(text, note.VerifierList(v))
		require.NoError(t, err)
		checkpoint, err := torchwood.ParseCheckpoint(n.Text)
		require.NoError(t, err)
		require.Equal(t, "agentaudit.dev/gw-0/"+genesis(t, s, "gw-0"), checkpoint.Origin)
		require.Equal(t, size, checkpoint.N)

		hashes := torchwood.TileHashReaderWithContext(ctx, checkpoint.Tree, theirs)
		for _, seq := range []int64{0, size / 3, size - 1} {
			body, err := s.Get(ctx, ledger.ManifestKey("gw-0", seq), "")
			require.NoError(t, err)
			m, err := ledger.ParseEnvelope(body)
			require.NoError(t, err)
			proof, err := tlog.ProveRecord(size, seq, hashes)
			require.NoError(t, err)
			require.NoError(t, tlog.CheckRecord(proof, size, checkpoint.Hash, seq, tlog.RecordHash(m.Payload)))
		}
		if before.N > 0 {
			proof, err := tlog.ProveTree(size, before.N, hashes)
			require.NoError(t, err)
			require.NoError(t, tlog.CheckTree(proof, size, checkpoint.Hash, before.N, before.Hash))
		}
		before = checkpoint
	}
	s.Overwrite(ledger.TileKey("gw-0", 0, 0, 256), bytes.Repeat([]byte("x"), 256*32))
	_, err = tlog.ProveRecord(700, 3, torchwood.TileHashReaderWithContext(ctx, before.Tree, theirs))
	require.ErrorContains(t, err, "downloaded inconsistent tile")
}
