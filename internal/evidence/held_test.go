package evidence_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/stretchr/testify/require"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// TestHeldCheckpoint: what an auditor holds is compared, or it is told that it was not.
func TestHeldCheckpoint(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	s := newScene(t, signer)
	var kept []*ledger.Checkpoint // of 1, 2, … manifests
	s.commit(ledger.KindOpen)
	kept = append(kept, s.checkpoint())
	for i := range 6 {
		s.batch(event(fmt.Sprint("e", i), fmt.Sprintf("s%d", i)))
		kept = append(kept, s.checkpoint())
	}
	newest := kept[6]
	with := func(list ...*ledger.Checkpoint) evidence.VerifyOptions {
		o := trust(s.key)
		o.Checkpoints = list
		return o
	}
	plain := s.proven(evidence.Options{Session: "s2"}) // in manifest 3 of 0 to 6
	tied := s.proven(evidence.Options{Session: "s2", Checkpoints: []*ledger.Checkpoint{kept[4]}})
	for size, z := range map[int][]byte{1: plain, 3: plain, 4: plain, 5: tied, 6: plain, 7: plain} {
		r := check(z, with(kept[size-1]))
		requireVerdict(t, ledger.Confirmed, r, fmt.Sprintf("checkpoint of %d manifests that you hold", size))
		require.Equal(t, size < 4, len(r.Conditions) > 0, "a checkpoint vouches for what was there: %d", size)
		require.Equal(t, []int64{int64(size)}, r.Logs[0].Checkpoints)
	}
	requireVerdict(t, ledger.NoVerdict, check(plain, with(kept[4])), "make it again")
	requireVerdict(t, ledger.NoVerdict, check(plain, with(newest, kept[4])), "make it again")
	lie := editLog(t, tied, func(l *evidence.Log) { l.Consistency[0].Path = l.Consistency[0].Path[1:] })
	requireVerdict(t, ledger.NotConfirmed, check(lie, with(kept[4])), "proof_invalid")
	lie = editLog(t, tied, func(l *evidence.Log) { l.Consistency[0].Root = kept[3].Root })
	requireVerdict(t, ledger.NotConfirmed, check(lie, with(kept[4])), "proof_invalid")
	lie = edit(t, tied, func(files map[string][]byte, b *evidence.Bundle) { files[b.Logs[0].Consistency[0].File] = kept[3].Note })
	requireVerdict(t, ledger.NotConfirmed, check(lie, with(kept[4])), "signature_invalid")

	s.batch(event("e7", "s2"))
	later := s.checkpoint()
	requireVerdict(t, ledger.NoVerdict, check(plain, with(later)), "newer than the bundle")
	requireVerdict(t, ledger.Confirmed, check(s.proven(evidence.Options{Session: "s2", Checkpoints: []*ledger.Checkpoint{later}}), with(later)), "8 manifests")

	// Of the same log as somebody forked it, and of another of this name.
	fork := newScene(t, signer)
	_, first := s.manifest(0)
	_, err := fork.Put(ctx, ledger.ManifestKey("gw-0", 0), first, ledger.PutOptions{})
	require.NoError(t, err)
	fork.open()
	fork.batch(event("forged", "s2"))
	forged := fork.checkpoint()
	again := s.proven(evidence.Options{Session: "s2", Checkpoints: []*ledger.Checkpoint{kept[1]}})
	r := check(again, with(forged))
	requireVerdict(t, ledger.NotConfirmed, r, "checkpoint_mismatch")
	requireVerdict(t, ledger.NotConfirmed, r, kept[1].Root)
	requireVerdict(t, ledger.NotConfirmed, r, "agentaudit.dev/gw-0")
	other := newScene(t, signer)
	other.now = other.now.Add(time.Second)
	other.commit(ledger.KindOpen)
	requireVerdict(t, ledger.NoVerdict, check(plain, with(other.checkpoint())), "another log of this name")
	other = newScene(t, signer)
	other.log = "gw-7"
	other.open()
	other.commit(ledger.KindOpen)
	r = check(plain, with(other.checkpoint()))
	requireVerdict(t, ledger.Confirmed, r, "a log that the bundle says nothing of")

	_, _, err = s.prove(evidence.Options{Session: "s2", Checkpoints: []*ledger.Checkpoint{forged}})
	require.ErrorContains(t, err, "checkpoint_mismatch")
}

// TestCosigned: a witness that the auditor trusts vouches as a checkpoint does that he holds.
func TestCosigned(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"))
	s.batch(event("f", "other"))
	cp := s.checkpoint()
	skey, wkey, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	require.NoError(t, err)
	cosigner, err := fnote.NewSignerForCosignatureV1(skey)
	require.NoError(t, err)
	vkey, err := ledger.VerifierKey(s.key, cp.Origin())
	require.NoError(t, err)
	v, err := fnote.NewVerifier(vkey)
	require.NoError(t, err)
	n, err := note.Open(cp.Note, note.VerifierList(v))
	require.NoError(t, err)
	cp.Note, err = note.Sign(n, cosigner)
	require.NoError(t, err)
	plain := s.proven(evidence.Options{Session: "s"})
	given := s.proven(evidence.Options{Session: "s", Checkpoints: []*ledger.Checkpoint{cp}})
	s.Overwrite(ledger.CosignedKey("gw-0", cp.Size), cp.Note)
	stored := s.proven(evidence.Options{Session: "s"})
	_, other, err := note.GenerateKey(rand.Reader, "witness.example/w2")
	require.NoError(t, err)
	policy := func(n int, vkeys ...string) *ledger.Policy {
		p, err := ledger.AtLeast(n, vkeys)
		require.NoError(t, err)
		return p
	}
	for name, z := range map[string][]byte{"given": given, "in the store": stored} {
		t.Run(name, func(t *testing.T) {
			r := check(z, trust(s.key))
			require.Len(t, r.Conditions, 1, "nobody vouches for a witness that is not known")
			o := trust(s.key)
			for _, ask := range []bool{false, true} {
				o.AskWitnesses = ask
				o.Witnesses = policy(1, wkey, other)
				r = check(z, o)
				requireVerdict(t, ledger.Confirmed, r, "witness witness.example/w1 saw the first 2 manifests")
				require.Empty(t, r.Conditions)
			}
			o.Witnesses, o.AskWitnesses = policy(2, wkey, other), false
			require.Len(t, check(z, o).Conditions, 1, "one of two is no quorum")
			o.AskWitnesses = true
			requireVerdict(t, ledger.NoVerdict, check(z, o), "is cosigned by a quorum of the witnesses that you ask for")
		})
	}
	o := trust(s.key)
	o.Witnesses, o.AskWitnesses = policy(1, wkey), true
	requireVerdict(t, ledger.NoVerdict, check(plain, o), "is cosigned by a quorum")
	o.Checkpoints = []*ledger.Checkpoint{cp}
	requireVerdict(t, ledger.Confirmed, check(plain, o), "is the one of the checkpoint of 2 manifests that you hold")
}

// TestExpiredBeginning: where the first manifests have expired by their own signed word, a
// bundle begins at the oldest, in a log that the auditor has named.
func TestExpiredBeginning(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.now, s.lock = s.now.Add(-100*time.Hour), time.Hour
	s.open()
	s.commit(ledger.KindOpen)
	for i := range 3 {
		s.batch(event(fmt.Sprint("e", i), "old"))
	}
	s.now, s.lock = s.now.Add(90*time.Hour), 999*time.Hour
	for i := range 4 {
		s.batch(event(fmt.Sprint("n", i), "new"))
	}
	cp := s.checkpoint()
	whole := s.proven(evidence.Options{Session: "nobody"})
	cut := edit(t, whole, func(_ map[string][]byte, b *evidence.Bundle) {
		b.Claim.Session = "old"
		without(&b.Logs[0], 0, 1, 2, 3)
	})
	for seq := range int64(4) {
		s.Purge(ledger.ManifestKey("gw-0", seq))
	}
	key := named(s.key, "gw-0")
	presence := s.proven(evidence.Options{Session: "new", Keys: []ledger.PublicKey{key}})
	requireVerdict(t, ledger.Confirmed, check(presence, trust(key)), "4 sealed events")
	requireVerdict(t, ledger.NoVerdict, check(presence, trust(s.key)), "name it (--key LOG=FILE)")
	_, _, err := s.prove(evidence.Options{Session: "new"})
	require.ErrorContains(t, err, "start_missing", "nor is it made for a key that may be another log's")
	held := trust(s.key)
	held.Checkpoints = []*ledger.Checkpoint{cp}
	requireVerdict(t, ledger.Confirmed, check(presence, held), "4 sealed events")
	early := trust(key)
	early.Clock = func() time.Time { return s.now.Add(-96 * time.Hour) }
	requireVerdict(t, ledger.NotConfirmed, check(presence, early), "start_missing")

	absence := s.proven(evidence.Options{Session: "old", Keys: []ledger.PublicKey{key}})
	for _, z := range [][]byte{absence, cut} { // it may not say more than what is left
		requireVerdict(t, ledger.Confirmed, check(z, trust(key)), "of log gw-0, what was in manifests 0 to 3, which are not in the bundle")
		require.Contains(t, check(z, trust(key)).Proven[0], "that log gw-0 sealed from manifest 4, of ")
	}
	// Behind a lock that is still running nothing is left out: of manifest 5 on, that of 4.
	cut = editLog(t, absence, func(l *evidence.Log) { without(l, 4) })
	requireVerdict(t, ledger.NotConfirmed, check(cut, trust(key)), "start_missing")
	// The time before is not covered by what is left.
	at := s.now.Add(-95 * time.Hour)
	lie := edit(t, absence, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Until = &at })
	requireVerdict(t, ledger.NoVerdict, check(lie, trust(key)), "no manifest of that time any more")
}

// TestExpiredMiddle: a bucket removes what has expired in any order. A bundle begins behind
// the gap; what stands before it is told, and proves nothing any more.
func TestExpiredMiddle(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.now, s.lock = s.now.Add(-100*time.Hour), time.Hour
	s.open()
	s.commit(ledger.KindOpen)
	s.batch(event("e1", "ann"), event("e2", "old"))
	s.commit(ledger.KindHeartbeat)
	s.now, s.lock = s.now.Add(90*time.Hour), 999*time.Hour
	s.batch(event("e3", "ann"))
	s.commit(ledger.KindHeartbeat)
	s.Purge(ledger.ManifestKey("gw-0", 2))
	key := named(s.key, "gw-0")
	prove := func(session string) ([]byte, *evidence.Made, error) {
		return s.prove(evidence.Options{Session: session, Keys: []ledger.PublicKey{key}})
	}
	z, made, err := prove("ann")
	require.NoError(t, err)
	require.Equal(t, 1, made.Expired)
	requireVerdict(t, ledger.Confirmed, check(z, trust(key)), "1 sealed events")
	_, _, err = prove("old")
	require.ErrorContains(t, err, "1, stand before manifests that have expired")
	z, _, err = prove("nobody")
	require.NoError(t, err)
	requireVerdict(t, ledger.Confirmed, check(z, trust(key)), "what was in manifests 0 to 2, which are not in the bundle")
}

// TestOldBundle: a bundle of version 1 is judged by the same rule, and what it lacks keeps it
// from a verdict.
func TestOldBundle(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	for i := range 5 {
		s.batch(event(fmt.Sprint("e", i), fmt.Sprintf("s%d", i)))
	}
	cp := s.checkpoint()
	z := s.proven(evidence.Options{Session: "s2"})
	old := func(change func(files map[string][]byte, b *evidence.Bundle)) []byte {
		return edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
			b.Format = "https://agentaudit.dev/evidence/v1"
			change(files, b)
		})
	}
	nothing := func(map[string][]byte, *evidence.Bundle) {}
	requireVerdict(t, ledger.Confirmed, check(old(nothing), trust(s.key)), "1 sealed events")
	begun := old(func(_ map[string][]byte, b *evidence.Bundle) { without(&b.Logs[0], 0) })
	requireVerdict(t, ledger.NoVerdict, check(begun, trust(s.key)), "made by an older version: make it again")
	topped := old(func(_ map[string][]byte, b *evidence.Bundle) {
		l := &b.Logs[0]
		l.Tree = evidence.Tree{Size: cp.Size, Root: cp.Root, File: l.Consistency[0].File}
		tree := ledger.NewProofTree(ledger.NewTree())
		for seq := range int64(5) {
			m, _ := s.manifest(seq)
			tree.Append(m.Payload)
		}
		without(l, 0, 4)
		for i := range l.Manifests {
			l.Manifests[i].Path, _ = tree.Inclusion(uint64(l.Manifests[i].Seq), 5)
		}
		l.Consistency = nil
	})
	requireVerdict(t, ledger.NoVerdict, check(topped, trust(s.key)), "made by an older version: make it again")
	run := event("said", "s")
	run.RunID = "r"
	s.batch(from(run, "ann"), derived("own", "r", "r", "ann"))
	z = s.proven(evidence.Options{Session: "s"})
	unsaid := func(keep int) []byte { // version 1 did not say by which line
		return old(func(_ map[string][]byte, b *evidence.Bundle) {
			l := &b.Logs[0]
			l.Lines[1].EstablishedBy = ""
			l.Lines = l.Lines[keep:]
		})
	}
	requireVerdict(t, ledger.Confirmed, check(unsaid(0), trust(s.key)), "2 sealed events")
	requireVerdict(t, ledger.NoVerdict, check(unsaid(1), trust(s.key)), "old_bundle")
	z = s.proven(evidence.Options{Session: "s2"})
	other := old(func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session = "s3" })
	requireVerdict(t, ledger.NotConfirmed, check(other, trust(s.key)), "claim_unproven")
}

// headOf describes a tree as manifests do.
func headOf(tree *ledger.Tree) ledger.TreeHead {
	h := ledger.TreeHead{Size: int64(tree.Size()), Root: hex.EncodeToString(tree.Root()), Frontier: []string{}}
	for _, n := range tree.Frontier() {
		h.Frontier = append(h.Frontier, hex.EncodeToString(n))
	}
	return h
}

// v1 writes the next manifest of version 1: what the first released program wrote.
func (s *scene) v1(objects ...ledger.Object) {
	s.t.Helper()
	st := ledger.Statement{Type: "https://in-toto.io/Statement/v1", Subject: []ledger.Subject{}, PredicateType: "https://agentaudit.dev/manifest/v1"}
	p := &st.Predicate
	tree := ledger.NewTree()
	for ; ; p.Seq++ {
		body, err := s.Get(ctx, ledger.ManifestKey(s.log, p.Seq), "")
		if err != nil {
			break
		}
		m, err := ledger.ParseEnvelope(body)
		require.NoError(s.t, err)
		tree.Append(m.Payload)
		p.Previous = hex.EncodeToString(m.Digest[:])
	}
	p.Log, p.Kind, p.WrittenAt, p.Objects, p.Heads = s.log, ledger.KindBatch, s.now, []ledger.Object{}, []ledger.HeadRef{}
	p.Tree = headOf(tree)
	p.Objects = append(p.Objects, objects...)
	envelope := s.signed(&st)
	_, err := s.Put(ctx, ledger.ManifestKey(s.log, p.Seq), envelope, ledger.PutOptions{SHA256: sha256.Sum256(envelope), Retention: s.retention()})
	require.NoError(s.t, err)
}

// signed is the envelope of any statement, by the scene's key.
func (s *scene) signed(st *ledger.Statement) []byte {
	s.t.Helper()
	for _, o := range st.Predicate.Objects {
		st.Subject = append(st.Subject, ledger.Subject{Name: o.Key, Digest: map[string]string{"sha256": o.SHA256}})
	}
	payload, err := json.Marshal(st)
	require.NoError(s.t, err)
	return s.sign(payload)
}

func (s *scene) sign(payload []byte) []byte {
	s.t.Helper()
	sig, err := s.signer.Sign(ctx, dsse.PAE("application/vnd.in-toto+json", payload))
	require.NoError(s.t, err)
	envelope, err := json.Marshal(dsse.Envelope{
		PayloadType: "application/vnd.in-toto+json", Payload: base64.StdEncoding.EncodeToString(payload),
		Signatures: []dsse.Signature{{KeyID: s.key.ID, Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	require.NoError(s.t, err)
	return envelope
}

// TestV1Chain: a log of version 1, and one that has passed to version 2, are judged by what
// they sign: how far time had come version 1 shows only by all that led there.
func TestV1Chain(t *testing.T) {
	for _, passes := range []bool{false, true} {
		t.Run(fmt.Sprint("passes to version 2: ", passes), func(t *testing.T) {
			s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
			began := s.now
			at := func(hours float64) time.Time { return began.Add(time.Duration(hours * float64(time.Hour))) }
			// The clock of the writer was two hours ahead at manifest 2, and went back.
			for i, hour := range []float64{0, 1, 4, 2, 3, 5} {
				s.now = at(hour)
				s.v1(s.put(event(fmt.Sprint("e", i), fmt.Sprintf("s%d", i))))
			}
			if passes {
				s.open()
				s.batch(event("e6", "s6"))
				s.batch(event("e7", "s7"))
			}
			r := check(s.proven(evidence.Options{Session: "s3"}), trust(s.key))
			requireVerdict(t, ledger.Confirmed, r, "1 sealed events")
			first, _ := s.manifest(0)
			require.Equal(t, hex.EncodeToString(first.Digest[:]), r.Logs[0].Genesis)
			z := s.proven(evidence.Options{Session: "nobody", Since: at(3.5), Until: at(4.5)})
			// By the time that the log had come to, that is in manifests 2, 3 and 4.
			requireVerdict(t, ledger.Confirmed, check(z, trust(s.key)), "in the 3 objects that log gw-0 sealed between")
			for _, session := range []string{"s2", "s3", "s4"} {
				_, _, err := s.prove(evidence.Options{Session: session, Since: at(3.5), Until: at(4.5)})
				require.ErrorIs(t, err, evidence.ErrPresent)
				lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) {
					b.Claim.Session = session
					without(&b.Logs[0], 2)
				})
				requireVerdict(t, ledger.NotConfirmed, check(lie, trust(s.key)), "")
			}
			// Manifest 4 alone says an earlier time than the log had come to.
			lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) {
				b.Claim.Session = "s2"
				without(&b.Logs[0], 1, 2, 3)
			})
			requireVerdict(t, ledger.NotConfirmed, check(lie, trust(s.key)), "manifests between 0 and 4")
			require.NoError(t, (&world{key: s.key}).byHand(t, unzip(t, z)))
		})
	}
}
