package ledger_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// checkpointed is a trail with its checkpoint, and further manifests behind it.
func checkpointed(t testing.TB, kind string) (*trail, []byte) {
	t.Helper()
	tr := newTrail(t)
	signer, err := ledger.LoadSigner(privatePEM(t, kind))
	require.NoError(t, err)
	tr = &trail{Store: tr.Store, signer: signer, key: public(t, signer)}
	o := options(signer)
	o.Log = "gw-1"
	c, err := ledger.OpenChain(ctx, tr, o)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, tr, ledger.ObjectOptions{Log: "gw-1"}, "c", 1, 3)}))
	require.NoError(t, c.Checkpoint(ctx, nil))
	require.NoError(t, c.Checkpoint(ctx, nil), "again")
	text, err := tr.Get(ctx, ledger.CheckpointKey("gw-1", 2), "")
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, tr, ledger.ObjectOptions{Log: "gw-1"}, "d", 1, 3)}))
	require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
	return tr, text
}

func (tr *trail) verifyWith(o ledger.VerifyOptions) *ledger.Report {
	o.Keys = append(o.Keys, tr.key)
	o.Logs = []string{"gw-1"}
	r, _ := ledger.Verify(ctx, tr, o)
	return r
}

// TestCheckpoint: a checkpoint opens with other people's note code, takes
// cosignatures, and agrees with the log that it was made of.
func TestCheckpoint(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			tr, text := checkpointed(t, kind)
			vkey, err := ledger.VerifierKey(tr.key, "agentaudit.dev/gw-1/"+genesis(t, tr, "gw-1"))
			require.NoError(t, err)
			v, err := fnote.NewVerifier(vkey)
			require.NoError(t, err)
			_, err = note.Open(text, note.VerifierList(v))
			require.NoError(t, err, "%s", text)

			skey, wkey, err := note.GenerateKey(rand.Reader, "witness.example/w1")
			require.NoError(t, err)
			cosigner, err := fnote.NewSignerForCosignatureV1(skey)
			require.NoError(t, err)
			n, err := note.Open(text, note.VerifierList(v))
			require.NoError(t, err)
			cosigned, err := note.Sign(n, cosigner)
			require.NoError(t, err)
			witness, err := ledger.ParseWitness(wkey)
			require.NoError(t, err)
			c, err := ledger.ParseCheckpoint(cosigned, []ledger.PublicKey{tr.key}, []ledger.Witness{witness})
			require.NoError(t, err)
			require.Equal(t, "gw-1", c.Log)
			require.Equal(t, int64(2), c.Size)
			require.Len(t, c.Cosigs, 1)
			require.Equal(t, "witness.example/w1", c.Cosigs[0].Witness)
			require.WithinDuration(t, time.Now(), c.Cosigs[0].At, time.Hour)

			r := tr.verifyWith(ledger.VerifyOptions{Checkpoints: []*ledger.Checkpoint{c}})
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, 2, r.Logs[0].Checkpoints, "the store's and the given one")
			require.Equal(t, c.Cosigs, r.Logs[0].Cosignatures)

			bad := bytes.Replace(cosigned, []byte("— witness.example/w1 "), []byte("— witness.example/w1 AAAA"), 1)
			_, err = ledger.ParseCheckpoint(bad, []ledger.PublicKey{tr.key}, []ledger.Witness{witness})
			if err == nil { // the line is then of a key that is not known
				c, _ := ledger.ParseCheckpoint(bad, []ledger.PublicKey{tr.key}, []ledger.Witness{witness})
				require.Empty(t, c.Cosigs)
			}
		})
	}
}

func TestParseCheckpointRefuses(t *testing.T) {
	tr, text := checkpointed(t, "ed25519")
	for name, change := range map[string]func(string) string{
		"another size":    func(s string) string { return strings.Replace(s, "\n2\n", "\n3\n", 1) },
		"another log":     func(s string) string { return strings.ReplaceAll(s, "/gw-1", "/gw-2") },
		"no signature":    func(s string) string { text, _, _ := strings.Cut(s, "— "); return text },
		"no origin":       func(s string) string { return strings.ReplaceAll(s, "agentaudit.dev/", "example.com/") },
		"another text":    func(string) string { return "hello" },
		"nothing":         func(string) string { return "" },
		"a line too many": func(s string) string { return strings.Replace(s, "\n\n", "\nmore\n\n", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ledger.ParseCheckpoint([]byte(change(string(text))), []ledger.PublicKey{tr.key}, nil)
			require.Error(t, err)
		})
	}
	_, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{public(t, newSigner(t))}, nil)
	require.Error(t, err)
}

// TestFromCheckpoint: what was verified before is not read again, and what follows
// must continue it.
func TestFromCheckpoint(t *testing.T) {
	tr, text := checkpointed(t, "ed25519")
	c, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{tr.key}, nil)
	require.NoError(t, err)
	r := tr.verifyWith(ledger.VerifyOptions{From: []*ledger.Checkpoint{c}})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Empty(t, r.Findings)
	require.Equal(t, int64(3), r.Events)
	require.Equal(t, int64(2), r.Logs[0].From)

	other := *c
	other.Root = strings.Repeat("0", 64)
	r = tr.verifyWith(ledger.VerifyOptions{From: []*ledger.Checkpoint{&other}})
	require.Equal(t, []string{ledger.CodeCheckpointMismatch}, codes(r, ledger.SeverityError))
}

// TestCutTail: who holds a checkpoint, a witness, or the store itself, knows that
// there was more. So does another log.
func TestCutTail(t *testing.T) {
	cut := func(tr *trail, from int64) {
		for n := from; n < 4; n++ {
			tr.Purge(ledger.ManifestKey("gw-1", n))
		}
	}
	t.Run("by the store's checkpoint", func(t *testing.T) {
		tr, _ := checkpointed(t, "ed25519")
		cut(tr, 1)
		r := tr.verifyWith(ledger.VerifyOptions{})
		require.Contains(t, codes(r, ledger.SeverityError), ledger.CodeLogRewound)
	})
	for name, c := range map[string]struct {
		from    int64
		verdict ledger.Verdict
	}{
		"a part":    {1, ledger.NotConfirmed},
		"all of it": {0, ledger.NoVerdict}, // it may have expired, for all that is known
	} {
		t.Run("by a checkpoint kept elsewhere, "+name, func(t *testing.T) {
			tr, text := checkpointed(t, "ed25519")
			held, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{tr.key}, nil)
			require.NoError(t, err)
			cut(tr, c.from)
			tr.Purge(ledger.CheckpointKey("gw-1", 2))
			r := tr.verifyWith(ledger.VerifyOptions{Checkpoints: []*ledger.Checkpoint{held}})
			require.Equal(t, ledger.CodeLogRewound, r.Findings[0].Code)
			require.Equal(t, c.verdict, r.Verdict)
		})
	}
	witness := func(t *testing.T, note bool) *trail {
		tr, _ := checkpointed(t, "ed25519")
		o := options(tr.signer)
		o.Log = "gw-2"
		o.Heads = func() []ledger.HeadRef {
			h, err := ledger.FindHead(ctx, tr, "gw-1", []ledger.PublicKey{tr.key})
			require.NoError(t, err)
			ref := ledger.HeadRef{Log: "gw-1", Seq: h.Seq, SHA256: h.SHA256}
			if note {
				ref.Note = string(h.Note)
			}
			return []ledger.HeadRef{ref}
		}
		c, err := ledger.OpenChain(ctx, tr, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Logs: []string{"gw-1", "gw-2"}})
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		return tr
	}
	both := func(tr *trail) *ledger.Report {
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Logs: []string{"gw-1", "gw-2"}})
		return r
	}
	t.Run("by what another log keeps of its own word", func(t *testing.T) {
		tr := witness(t, true)
		cut(tr, 1)
		tr.Purge(ledger.CheckpointKey("gw-1", 2))
		r := both(tr)
		require.Equal(t, []string{ledger.CodeLogRewound, ledger.CodeLogRewound}, codes(r, ledger.SeverityError))
		require.Contains(t, r.Findings[0].Expected, "of log gw-2")
	})
	t.Run("by another log's word alone, which is no proof", func(t *testing.T) {
		tr := witness(t, false)
		cut(tr, 3)
		r := both(tr)
		require.Equal(t, ledger.Confirmed, r.Verdict)
		require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeLogRewound)
	})
	t.Run("rewritten by the holder of its key", func(t *testing.T) {
		tr := witness(t, false)
		tr.Purge(ledger.ManifestKey("gw-1", 3))
		_, err := tr.Put(ctx, ledger.ManifestKey("gw-1", 3), forgedIn(t, tr, "gw-1", tr.signer, 3), ledger.PutOptions{Retention: ledger.Retention{Mode: ledger.Compliance, Until: until()}})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, tr.verifyWith(ledger.VerifyOptions{}).Verdict, "alone, nothing shows it")
		require.Equal(t, []string{ledger.CodeLogForked, ledger.CodeLogForked}, codes(both(tr), ledger.SeverityWarning))
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	signer, err := ledger.LoadSigner(privatePEM(f, "ed25519"))
	require.NoError(f, err)
	key := public(f, signer)
	f.Add([]byte("agentaudit.dev/gw-0\n2\nAAAA\n\n— agentaudit.dev/gw-0 AAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{key}, nil); err == nil {
			t.Fatalf("nobody signed %+v", c)
		}
	})
}
