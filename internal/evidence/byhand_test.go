package evidence_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// TestByHand: the commands of VERIFY.md go by the same rule as the program: over rotations,
// with a checkpoint that is held, and against what a maker may leave out or put in.
func TestByHand(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	genesis := s.key
	s.commit(ledger.KindOpen)
	said := event("a1", "ann")
	said.RunID = "r"
	s.batch(from(said, "ann"), derived("a2", "r", "r", "ann"))
	s.rotate(ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("c1", "carol"))
	s.commit(ledger.KindClose)
	w := &world{key: genesis}
	cp := s.checkpoint(genesis)
	prove := func(o evidence.Options) []byte {
		o.Keys = []ledger.PublicKey{genesis}
		return s.proven(o)
	}
	presence, absence := prove(evidence.Options{Session: "ann"}), prove(evidence.Options{Session: "nobody"})
	several := prove(evidence.Options{Events: []string{"a1", "c1"}})
	require.NoError(t, w.byHand(t, unzip(t, several)))
	kept := filepath.Join(t.TempDir(), "kept.txt")
	require.NoError(t, os.WriteFile(kept, cp.Note, 0o600))
	require.NoError(t, w.byHand(t, unzip(t, presence), "CHECKPOINT="+kept))
	require.NoError(t, w.byHand(t, unzip(t, absence)))
	keys := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(keys, "gw-0.pub"), ledger.MarshalPublicKey(genesis.Key), 0o600))
	require.NoError(t, w.byHand(t, unzip(t, absence), "KEYS="+keys, "KEY=none"))
	require.Error(t, (&world{key: s.key}).byHand(t, unzip(t, presence)), "another key")

	other := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	other.now = other.now.Add(time.Second)
	other.commit(ledger.KindOpen)
	require.NoError(t, os.WriteFile(kept, other.checkpoint().Note, 0o600))
	require.Error(t, w.byHand(t, unzip(t, presence), "CHECKPOINT="+kept), "another log's checkpoint")

	lines := func(change func(l *evidence.Log)) []byte { return editLog(t, presence, change) }
	steps := func(seqs ...int64) []byte {
		return editLog(t, absence, func(l *evidence.Log) { without(l, seqs...) })
	}
	claim := func(z []byte, session string) []byte {
		return edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session = session })
	}
	for name, lie := range map[string][]byte{
		"another session":     claim(presence, "bob"),
		"what is there":       claim(absence, "carol"),
		"a line twice":        lines(func(l *evidence.Log) { l.Lines = append(l.Lines, l.Lines[0]) }),
		"no line":             lines(func(l *evidence.Log) { l.Lines = nil }),
		"by itself":           lines(func(l *evidence.Log) { l.Lines[1].EstablishedBy = l.Lines[1].File }),
		"without the first":   lines(func(l *evidence.Log) { l.Lines = l.Lines[1:] }),
		"rotation left out":   lines(func(l *evidence.Log) { without(l, 2) }),
		"beginning left out":  lines(func(l *evidence.Log) { without(l, 0) }),
		"newest left out":     lines(func(l *evidence.Log) { l.Manifests = l.Manifests[:len(l.Manifests)-1] }),
		"a gap":               steps(3),
		"cut at the start":    steps(0, 1),
		"cut behind rotation": steps(0, 1, 2),
		"another format":      edit(t, absence, func(_ map[string][]byte, b *evidence.Bundle) { b.Format += "0" }),
		"no log":              edit(t, absence, func(_ map[string][]byte, b *evidence.Bundle) { b.Logs = nil }),
		"a time before":       edit(t, absence, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Until = &time.Time{} }),
		"other events":        edit(t, several, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Events = []string{"a1", "a2"} }),
		"fewer events":        edit(t, several, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Events = []string{"a1"} }),
		"an event more":       edit(t, several, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Events = []string{"a1", "c1", "d1"} }),
		"a later time":        edit(t, absence, func(_ map[string][]byte, b *evidence.Bundle) { at := s.now.Add(9 * time.Hour); b.Claim.Since = &at }),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, ledger.Confirmed, check(lie, trust(genesis)).Verdict)
			require.Error(t, w.byHand(t, unzip(t, lie)))
		})
	}
}
