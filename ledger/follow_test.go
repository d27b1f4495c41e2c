package ledger_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func follow(t *testing.T, tr *trail, from *ledger.Position) (at *ledger.Position, seqs []int64, codes []string, err error) {
	t.Helper()
	at, err = ledger.Follow(ctx, tr, []ledger.PublicKey{tr.key}, "gw-0", from,
		func(f ledger.Finding) { codes = append(codes, f.Code) },
		func(m *ledger.Manifest) error { seqs = append(seqs, m.Predicate.Seq); return nil })
	return at, seqs, codes, err
}

// From wherever a walk goes on, over a rotation or not, what was read before and what is read
// then are the log, each manifest once.
func TestFollowGoesOn(t *testing.T) {
	tr, _ := rotated(t)
	end, all, codes, err := follow(t, tr, nil)
	require.NoError(t, err)
	require.Empty(t, codes)
	require.Equal(t, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}, all)
	require.Equal(t, &ledger.Position{Seq: 8, SHA256: end.SHA256, Turns: []int64{6}}, end)

	var at *ledger.Position
	for seq := range int64(9) {
		stop := seq
		at, err = ledger.Follow(ctx, tr, []ledger.PublicKey{tr.key}, "gw-0", at, func(f ledger.Finding) { t.Error(f) },
			func(m *ledger.Manifest) error {
				if m.Predicate.Seq > stop {
					return errStop
				}
				return nil
			})
		if seq < 8 {
			require.ErrorIs(t, err, errStop)
		}
		require.Equal(t, seq, at.Seq)
	}
	require.Equal(t, end, at)
	at, none, _, err := follow(t, tr, end)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, end, at)
}

var errStop = errors.New("stop")

// A position that is not of the log is never gone on from.
func TestFollowAnotherLog(t *testing.T) {
	tr, _ := rotated(t)
	end, _, _, err := follow(t, tr, nil)
	require.NoError(t, err)
	other := *end
	other.Seq = 3
	_, seqs, _, err := follow(t, tr, &other)
	require.ErrorContains(t, err, "is not the one that was read before")
	require.Empty(t, seqs)
}

// What was removed behind the position is told, and what follows is read.
func TestFollowOverAHole(t *testing.T) {
	tr, _ := rotated(t)
	tr.Purge(ledger.ManifestKey("gw-0", 4))
	_, seqs, codes, err := follow(t, tr, nil)
	require.NoError(t, err)
	require.Contains(t, codes, ledger.CodeManifestMissing)
	require.Equal(t, []int64{0, 1, 2, 3, 5, 6, 7, 8}, seqs)
}

// ScanObject says after the lines what ReadObject says before them.
func TestScanObject(t *testing.T) {
	tr := newTrail(t)
	var read, scanned []string
	_, err := ledger.Follow(ctx, tr, []ledger.PublicKey{tr.key}, "gw-0", nil, func(ledger.Finding) {}, func(m *ledger.Manifest) error {
		for i := range m.Predicate.Objects {
			o := &m.Predicate.Objects[i]
			if err := ledger.ReadObject(ctx, tr, m, o, func(l ledger.EventLine) { read = append(read, string(l.Line)) }); err != nil {
				return err
			}
			if err := ledger.ScanObject(ctx, tr, m, o, func(line []byte, _ int) { scanned = append(scanned, string(line)) }); err != nil {
				return err
			}
			lie := *o
			lie.MerkleRoot = "00"
			var f *ledger.Finding
			require.ErrorAs(t, ledger.ScanObject(ctx, tr, m, &lie, func([]byte, int) {}), &f)
			require.Equal(t, ledger.CodeMerkleMismatch, f.Code)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, read)
	require.Equal(t, read, scanned)
}
