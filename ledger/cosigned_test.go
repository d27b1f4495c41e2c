package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// witnessedLog is a trail of log gw-1 (open, batch, checkpoint of 2, batch, close), and a
// policy that asks for both of two witnesses.
type witnessedLog struct {
	*trail
	note   []byte // the checkpoint, as the log signed it
	a, b   cosigner
	policy *ledger.Policy
}

func newWitnessedLog(t testing.TB) *witnessedLog {
	t.Helper()
	w := &witnessedLog{a: newCosigner(t, "witness.example/a"), b: newCosigner(t, "witness.example/b")}
	w.trail, w.note = checkpointed(t, "ed25519")
	var err error
	w.policy, err = ledger.ParsePolicy([]byte("witness a " + w.a.vkey + "\nwitness b " + w.b.vkey + "\ngroup both all a b\nquorum both\n"))
	require.NoError(t, err)
	return w
}

// keep lays a cosigned checkpoint beside the one of that size.
func (w *witnessedLog) keep(size int64, text []byte) {
	w.Overwrite(ledger.CosignedKey("gw-1", size), text)
}

func (w *witnessedLog) ask(o ledger.VerifyOptions) *ledger.Report {
	if o.Witnesses == nil {
		o.Witnesses = w.policy
	}
	return w.verifyWith(o)
}

// go4 is a checkpoint of all four manifests.
func (w *witnessedLog) go4(t testing.TB) []byte {
	t.Helper()
	o := options(w.signer)
	o.Log = "gw-1"
	c, err := ledger.OpenChain(ctx, w, o)
	require.NoError(t, err)
	require.NoError(t, c.Checkpoint(ctx, nil))
	text, err := w.Get(ctx, ledger.CheckpointKey("gw-1", 4), "")
	require.NoError(t, err)
	return text
}

// TestWitnesses: what a quorum cosigned counts as held, and the report says what that is.
func TestWitnesses(t *testing.T) {
	w := newWitnessedLog(t)
	w.keep(2, cosign(t, w.note, w.a, w.b))
	r := w.ask(ledger.VerifyOptions{})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(2), r.Logs[0].Witnessed.Size)
	require.Len(t, r.Logs[0].Witnessed.By, 2)
	require.Contains(t, r.Scope[0], "a quorum of your witnesses saw the first 2 manifests, and until then no other history of this log (witness.example/a at ")
	require.Contains(t, strings.Join(r.Limits, "\n"), "Of what the witnesses did not see")

	w.keep(4, cosign(t, w.go4(t), w.b, w.a))
	r = w.ask(ledger.VerifyOptions{})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(4), r.Logs[0].Witnessed.Size)
	require.Contains(t, r.Scope[0], "saw all of it")

	r = w.verifyWith(ledger.VerifyOptions{})
	require.Nil(t, r.Logs[0].Witnessed, "nobody asked")
	require.NotContains(t, r.Scope[0], "witnesses")
}

// TestNoQuorum: what is no quorum of the witnesses for this log is none, whatever it looks
// like; and the verdict says so.
func TestNoQuorum(t *testing.T) {
	strange := newCosigner(t, "witness.example/a") // of the same name
	for name, do := range map[string]func(t *testing.T, w *witnessedLog){
		"nothing":           func(*testing.T, *witnessedLog) {},
		"no cosignature":    func(_ *testing.T, w *witnessedLog) { w.keep(2, w.note) },
		"one of two":        func(t *testing.T, w *witnessedLog) { w.keep(2, cosign(t, w.note, w.a)) },
		"an unknown key":    func(t *testing.T, w *witnessedLog) { w.keep(2, cosign(t, w.note, strange, w.b)) },
		"one of them twice": func(t *testing.T, w *witnessedLog) { w.keep(2, cosign(t, cosign(t, w.note, w.a), w.a)) },
		"at another size":   func(t *testing.T, w *witnessedLog) { w.keep(3, cosign(t, w.note, w.a, w.b)) },
		"garbage":           func(_ *testing.T, w *witnessedLog) { w.keep(2, []byte("x")) },
		"without the log's signature": func(t *testing.T, w *witnessedLog) {
			body, _, _ := strings.Cut(string(w.note), "\n\n")
			w.keep(2, cosign(t, []byte(body+"\n\n"), w.a, w.b))
		},
		"signed by another key as the log": func(t *testing.T, w *witnessedLog) {
			other, _ := checkpointed(t, "ed25519")
			body, _, _ := strings.Cut(string(w.note), "\n\n")
			w.keep(2, cosign(t, signedBy(t, other, body+"\n"), w.a, w.b))
		},
		"an old cosignature under a newer checkpoint": func(t *testing.T, w *witnessedLog) {
			_, sigs, _ := strings.Cut(string(cosign(t, w.note, w.a, w.b)), "\n\n")
			w.keep(4, append(w.go4(t), sigs[strings.Index(sigs, "\n")+1:]...))
		},
		"another log of the same key": func(t *testing.T, w *witnessedLog) {
			o := options(w.signer)
			o.Log = "gw-2"
			c, err := ledger.OpenChain(ctx, w, o)
			require.NoError(t, err)
			require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
			require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
			require.NoError(t, c.Checkpoint(ctx, nil))
			text, err := w.Get(ctx, ledger.CheckpointKey("gw-2", 2), "")
			require.NoError(t, err)
			w.keep(2, cosign(t, text, w.a, w.b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitnessedLog(t)
			do(t, w)
			r := w.ask(ledger.VerifyOptions{})
			require.Equal(t, ledger.NoVerdict, r.Verdict, "%+v", r.Findings)
			require.Equal(t, []string{ledger.CodeNotWitnessed}, codes(r, ledger.SeverityUnknown))
			require.Nil(t, r.Logs[0].Witnessed)
			require.Contains(t, r.Scope[0], "no quorum of your witnesses vouches for any of it")
			require.Equal(t, ledger.Confirmed, w.verifyWith(ledger.VerifyOptions{}).Verdict, "as before, where nobody asks for witnesses")
		})
	}
}

// signedBy signs the text of a note as its own log, with the key of a trail.
func signedBy(t testing.TB, tr *trail, text string) []byte {
	t.Helper()
	name, _, _ := strings.Cut(text, "\n")
	vkey, err := ledger.VerifierKey(tr.key, name)
	require.NoError(t, err)
	return signNote(t, tr.signer, vkey, text)
}

// TestWitnessedAttacks: what witnesses saw, and is not there, is missed as what the auditor
// holds himself.
func TestWitnessedAttacks(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(t *testing.T, w *witnessedLog)
		verdict ledger.Verdict
		code    string
	}{
		"the tail cut off with its checkpoints": {func(_ *testing.T, w *witnessedLog) {
			for n := range int64(3) {
				w.Purge(ledger.ManifestKey("gw-1", n+1))
			}
		}, ledger.NotConfirmed, ledger.CodeLogRewound},
		"rewritten by the holder of its key": {func(t *testing.T, w *witnessedLog) {
			for n := range int64(3) {
				w.Purge(ledger.ManifestKey("gw-1", n+1))
			}
			o := options(w.signer)
			o.Log = "gw-1"
			o.Now = func() time.Time { return time.Now().Add(time.Minute) }
			c, err := ledger.OpenChain(ctx, w, o)
			require.NoError(t, err)
			for range 5 {
				require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
			}
		}, ledger.NotConfirmed, ledger.CodeCheckpointMismatch},
		"removed whole": {func(_ *testing.T, w *witnessedLog) {
			for n := range int64(4) {
				w.Purge(ledger.ManifestKey("gw-1", n))
			}
		}, ledger.NoVerdict, ledger.CodeLogRewound},
		"begun anew by the holder of its key": {func(t *testing.T, w *witnessedLog) {
			for n := range int64(4) {
				w.Purge(ledger.ManifestKey("gw-1", n))
			}
			o := options(w.signer)
			o.Log = "gw-1"
			o.Now = func() time.Time { return time.Now().Add(time.Hour) }
			c, err := ledger.OpenChain(ctx, w, o)
			require.NoError(t, err)
			for range 4 {
				require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
			}
		}, ledger.NoVerdict, ledger.CodeNotWitnessed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitnessedLog(t)
			w.keep(2, cosign(t, w.note, w.a, w.b))
			w.Purge(ledger.CheckpointKey("gw-1", 2))
			c.do(t, w)
			r := w.ask(ledger.VerifyOptions{})
			require.Equal(t, c.verdict, r.Verdict, "%+v", r.Findings)
			require.Contains(t, append(codes(r, ledger.SeverityError), codes(r, ledger.SeverityUnknown)...), c.code)
		})
	}
}

// TestWitnessRolledBack: an old quorum in the place of a newer one claims less, and old it is.
func TestWitnessRolledBack(t *testing.T) {
	w := newWitnessedLog(t)
	w.keep(2, cosign(t, w.note, w.a, w.b))
	o := ledger.VerifyOptions{At: time.Now().Add(3 * time.Hour), MaxAge: time.Hour}
	r := w.ask(o)
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Equal(t, int64(2), r.Logs[0].Witnessed.Size)
	require.Equal(t, []string{ledger.CodeNotWitnessed}, codes(r, ledger.SeverityWarning))

	w.keep(4, cosign(t, w.go4(t), w.a, w.b))
	require.Empty(t, codes(w.ask(o), ledger.SeverityWarning), "all of a closed log was seen")
	for n := range int64(60) {
		w.keep(10+n, []byte("garbage"))
	}
	require.Equal(t, int64(4), w.ask(o).Logs[0].Witnessed.Size)
}

// TestWitnessesPerLog: a policy that names logs asks for no other.
func TestWitnessesPerLog(t *testing.T) {
	w := newWitnessedLog(t)
	vkey, err := ledger.VerifierKey(w.key, "agentaudit.dev/gw-9/"+strings.Repeat("0", 64))
	require.NoError(t, err)
	p, err := ledger.ParsePolicy([]byte("log " + vkey + "\nwitness a " + w.a.vkey + "\nquorum a\n"))
	require.NoError(t, err)
	r := w.ask(ledger.VerifyOptions{Witnesses: p})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.NotContains(t, r.Scope[0], "witnesses")
}

// TestWitnessedBeginning: a log whose beginning has expired rests on what witnesses saw (R4);
// what they saw and cannot be compared is never dropped.
func TestWitnessedBeginning(t *testing.T) {
	tr := newTrail(t)
	a := newCosigner(t, "witness.example/a")
	p, err := ledger.ParsePolicy([]byte("witness a " + a.vkey + "\nquorum a\n"))
	require.NoError(t, err)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	point := func() []byte {
		require.NoError(t, c.Checkpoint(ctx, nil))
		text, err := tr.Get(ctx, ledger.CheckpointKey("gw-0", c.Head().Seq+1), "")
		require.NoError(t, err)
		return text
	}
	old := point() // of 6
	for range 3 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	newest := point() // of 9
	for seq := range int64(7) {
		tr.Purge(ledger.ManifestKey("gw-0", seq))
	}
	verify := func(p *ledger.Policy) *ledger.Report {
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Level: ledger.LevelChain, Witnesses: p, Clock: in(300 * 24 * time.Hour)})
		return r
	}
	require.Equal(t, []string{ledger.CodeStartMissing}, codes(verify(nil), ledger.SeverityUnknown), "whose log it was has expired")
	tr.Overwrite(ledger.CosignedKey("gw-0", 6), cosign(t, old, a))
	require.Contains(t, codes(verify(p), ledger.SeverityUnknown), ledger.CodeNotCompared)
	tr.Overwrite(ledger.CosignedKey("gw-0", 9), cosign(t, newest, a))
	r := verify(p)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(9), r.Logs[0].Witnessed.Size)
	other, err := ledger.AtLeast(1, []string{newCosigner(t, "witness.example/b").vkey})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ledger.CodeStartMissing, ledger.CodeNotWitnessed}, codes(verify(other), ledger.SeverityUnknown), "nothing is held without a quorum")
}

// TestWitnessedWindow: a window is short with no other checkpoint than the witnesses', also
// where the key that signed it is known by rotations alone.
func TestWitnessedWindow(t *testing.T) {
	const n = 2600
	l := newLongLog(t, n)
	a := newCosigner(t, "witness.example/a")
	p, err := ledger.ParsePolicy([]byte("witness a " + a.vkey + "\nquorum a\n"))
	require.NoError(t, err)
	l.Overwrite(ledger.CosignedKey("gw-0", l.held[4].Size), cosign(t, l.held[4].Note, a))
	ask := func(p *ledger.Policy) (*ledger.Report, int64) {
		counted := &reads{Reader: l}
		r, err := ledger.Verify(ctx, counted, ledger.VerifyOptions{Keys: []ledger.PublicKey{l.key}, Since: l.minute(1720), Until: l.minute(1780), Witnesses: p})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		return r, counted.n.Load()
	}
	short, cost := ask(p)
	_, all := ask(nil)
	require.Less(t, cost, int64(60+62+1+2*100), "of %d", all)
	require.Equal(t, int64(2500), short.Logs[0].Witnessed.Size)
}

func FuzzCosigned(f *testing.F) {
	w := newWitnessedLog(f)
	f.Add(cosign(f, w.note, w.a))
	f.Add(w.note)
	f.Add([]byte(fmt.Sprintf("agentaudit.dev/gw-1\n2\n%s\n\n— x AAAA\n", strings.Repeat("A", 43)+"=")))
	f.Fuzz(func(t *testing.T, text []byte) {
		w.keep(2, text)
		r := w.ask(ledger.VerifyOptions{Level: ledger.LevelChain})
		require.Equal(t, ledger.NoVerdict, r.Verdict, "b has cosigned nothing")
	})
}
