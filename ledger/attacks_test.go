package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// Attacks that were carried out on earlier versions of the verifier, or of a writer, and
// that the matrix of the threat model does not hold: each was believed once.

func manifestAt(t testing.TB, s ledger.Reader, log string, seq int64) *ledger.Manifest {
	t.Helper()
	body, err := s.Get(ctx, ledger.ManifestKey(log, seq), "")
	require.NoError(t, err)
	m, err := ledger.ParseEnvelope(body)
	require.NoError(t, err)
	return m
}

// checkpointOf is a checkpoint of gw-0 that a key signs over a log of its own.
func checkpointOf(t testing.TB, by ledger.Signer, size int64) []byte {
	t.Helper()
	s := ledgertest.New()
	c, err := ledger.OpenChain(ctx, s, options(by))
	require.NoError(t, err)
	for range size {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	require.NoError(t, c.Checkpoint(ctx, nil))
	text, err := s.Get(ctx, ledger.CheckpointKey("gw-0", size), "")
	require.NoError(t, err)
	return text
}

// signPayload makes the envelope of any text, as whoever holds a key can.
func signPayload(t testing.TB, by ledger.Signer, payload []byte) []byte {
	t.Helper()
	const payloadType = "application/vnd.in-toto+json"
	sig, err := by.Sign(ctx, dsse.PAE(payloadType, payload))
	require.NoError(t, err)
	id, err := by.KeyID()
	require.NoError(t, err)
	body, err := json.Marshal(dsse.Envelope{
		PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload),
		Signatures: []dsse.Signature{{KeyID: id, Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	require.NoError(t, err)
	return body
}

// otherCase is a manifest behind another that names an object, and once more, with a name
// in another case, that it names none.
func otherCase(t testing.TB, by ledger.Signer, before *ledger.Manifest, o ledger.Object) []byte {
	t.Helper()
	st := ledger.NewStatement("gw-0", before.Predicate.Seq+1, ledger.KindBatch)
	require.NoError(t, st.Continue(before))
	st.Subject = []ledger.Subject{{Name: o.Key, Digest: map[string]string{"sha256": o.SHA256}}}
	st.Predicate.Objects = []ledger.Object{o}
	text, err := json.Marshal(st)
	require.NoError(t, err)
	payload := strings.Replace(string(text), `"predicateType"`, `"Subject":[],"predicateType"`, 1)
	return signPayload(t, by, []byte(strings.TrimSuffix(payload, "}}")+`,"Objects":[]}}`))
}

// TestOneReading: encoding/json takes a name in another case for a field; readers that
// are exact about names would see other objects.
func TestOneReading(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	hidden := seal(t, s, ledger.ObjectOptions{}, "hidden", 1, 3)
	body := otherCase(t, signer, manifestAt(t, s, "gw-0", 0), hidden)
	_, err = ledger.ParseManifest(body, []ledger.PublicKey{public(t, signer)})
	require.Error(t, err)
	for _, name := range []string{"Predicate", "PredicateType", "predicate\u017fype", "\u212Aind", "SEQ", "Tree"} {
		text := strings.Replace(string(manifestAt(t, s, "gw-0", 0).Payload), `{"log"`, `{"`+name+`":null,"log"`, 1)
		_, err := ledger.ParseManifest(signPayload(t, signer, []byte(text)), []ledger.PublicKey{public(t, signer)})
		if name == "SEQ" || name == "\u212Aind" || name == "Tree" {
			require.Error(t, err, name)
		} else {
			require.NoError(t, err, "%s is no name of a predicate", name)
		}
	}
	s.Overwrite(ledger.ManifestKey("gw-0", 1), body)
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	require.Equal(t, []string{ledger.CodeChainBroken}, codes(r, ledger.SeverityError)[:1])
	require.Equal(t, int64(0), r.Events, "it is not taken")
}

// replacedKey is a log whose key was replaced: 0 and 1 by the old one, 2 to 18 by the new,
// one an hour with an object each.
func replacedKey(t testing.TB) (s *ledgertest.Store, old, next ledger.Signer, now time.Time) {
	s, old, next = ledgertest.New(), newSigner(t), newSigner(t)
	now = time.Now().Add(-100 * time.Hour).UTC().Truncate(time.Second)
	o := options(old)
	o.Now = func() time.Time { return now }
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.NoError(t, c.Rotate(ctx, public(t, next)))
	o.Signer, o.Earlier = next, []ledger.PublicKey{public(t, old)}
	c, err = ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	for i := range 17 {
		now = now.Add(time.Hour)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{sealAt(t, s, ledger.ObjectOptions{}, now, fmt.Sprintf("s%d", i), 1, 5)}))
	}
	return s, old, next, now
}

// TestReplacedKeyAndWindows: who holds a replaced key appends to the log, or hides the
// time that is asked for behind a manifest far ahead.
func TestReplacedKeyAndWindows(t *testing.T) {
	append1 := func(s *ledgertest.Store, old ledger.Signer, now time.Time) {
		st := ledger.NewStatement("gw-0", 19, ledger.KindBatch)
		require.NoError(t, st.Continue(manifestAt(t, s, "gw-0", 18)))
		o := sealAt(t, s, ledger.ObjectOptions{}, now, "forged", 1, 5)
		st.Predicate.Objects, st.Subject = []ledger.Object{o}, []ledger.Subject{{Name: o.Key, Digest: map[string]string{"sha256": o.SHA256}}}
		body, err := ledger.Sign(ctx, st, old)
		require.NoError(t, err)
		s.Overwrite(ledger.ManifestKey("gw-0", 19), body)
	}
	ahead := func(s *ledgertest.Store, old ledger.Signer, now time.Time) {
		st := ledger.NewStatement("gw-0", 1000, ledger.KindHeartbeat)
		require.NoError(t, st.Continue(manifestAt(t, s, "gw-0", 18)))
		var frontier [][]byte
		for i := range 6 {
			h := sha256.Sum256([]byte{byte(i)})
			frontier = append(frontier, h[:])
		}
		tree, err := ledger.ResumeTree(1000, frontier)
		require.NoError(t, err)
		st.Predicate.Tree = ledger.TreeHead{Size: 1000, Root: fmt.Sprintf("%x", tree.Root())}
		for _, h := range frontier {
			st.Predicate.Tree.Frontier = append(st.Predicate.Tree.Frontier, fmt.Sprintf("%x", h))
		}
		long := now.Add(-1000 * time.Hour)
		st.Predicate.WrittenAt, st.Predicate.Time = long, &long
		body, err := ledger.Sign(ctx, st, old)
		require.NoError(t, err)
		s.Overwrite(ledger.ManifestKey("gw-0", 1000), body)
	}
	for name, attack := range map[string]func(*ledgertest.Store, ledger.Signer, time.Time){"appended": append1, "far ahead": ahead} {
		s, old, next, now := replacedKey(t)
		attack(s, old, now)
		both := []ledger.PublicKey{public(t, old), public(t, next)}
		for asked, o := range map[string]ledger.VerifyOptions{
			"whole":              {Keys: both},
			"window":             {Keys: both, Since: now.Add(-150 * time.Minute)},
			"window, by one key": {Keys: both[:1], Since: now.Add(-150 * time.Minute)},
		} {
			t.Run(name+", "+asked, func(t *testing.T) {
				r, _ := ledger.Verify(ctx, s, o)
				require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
				want := int64(85)
				if !o.Since.IsZero() {
					want = 15
				}
				require.Equal(t, want, r.Events, "all that was sealed, and nothing else")
				require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeKeyNotValid)
			})
		}
	}
}

// TestHeldCheckpointIsNotDropped: one that speaks of manifests that are not there any
// more is no reason for a verdict, and no reason to pass it over.
func TestHeldCheckpointIsNotDropped(t *testing.T) {
	tr := newTrail(t)
	named := tr.key
	named.May = &ledger.Span{Logs: []string{"gw-0"}}
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	require.NoError(t, c.Checkpoint(ctx, nil)) // of 6
	var held []*ledger.Checkpoint
	hold := func(size int64) {
		text, err := tr.Get(ctx, ledger.CheckpointKey("gw-0", size), "")
		require.NoError(t, err)
		cp, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{tr.key}, nil)
		require.NoError(t, err)
		held = append(held, cp)
	}
	hold(6)
	for range 3 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	require.NoError(t, c.Checkpoint(ctx, nil)) // of 9
	hold(9)
	for seq := range int64(7) {
		tr.Purge(ledger.ManifestKey("gw-0", seq))
	}
	verify := func(held []*ledger.Checkpoint) *ledger.Report {
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{named}, Level: ledger.LevelChain, Checkpoints: held, Clock: in(300 * 24 * time.Hour)})
		return r
	}
	require.Equal(t, ledger.Confirmed, verify(nil).Verdict)
	require.Equal(t, ledger.Confirmed, verify(held[1:]).Verdict)
	r := verify(held)
	require.Equal(t, ledger.NoVerdict, r.Verdict)
	require.Equal(t, []string{ledger.CodeNotCompared}, codes(r, ledger.SeverityUnknown))
}

// TestUnreadableSquat: what the store refuses to give, at the next place of a log, stops
// neither a collector that runs nor one that starts; one that cannot read its own log any
// more does not take it for garbage.
func TestUnreadableSquat(t *testing.T) {
	refused := fmt.Errorf("%w: encrypted with another's key", ledger.ErrForbidden)
	s, signer := ledgertest.New(), newSigner(t)
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	s.Plant(ledger.ManifestKey("gw-0", 0), 10, refused)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	s.Plant(ledger.ManifestKey("gw-0", 1), 10, refused)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{}, "s", 1, 3)}))
	s.Plant(ledger.ManifestKey("gw-0", 2), 10, refused)
	c, err = ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	require.Equal(t, int64(2), c.Head().Seq)
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(3), r.Events)

	blind := &between{Reader: s, denied: func(key string) bool { return strings.HasPrefix(key, ledger.ManifestPrefix) }}
	_, err = ledger.OpenChain(ctx, blindStore{s, blind}, options(signer))
	require.NoError(t, err, "it does not know yet")
	c, err = ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	s.Plant(ledger.ManifestKey("gw-0", 3), 10, refused)
	lost := c.On(blindStore{s, blind})
	require.ErrorContains(t, lost.Commit(ctx, ledger.KindHeartbeat, nil), "cannot read")
	lost, err = ledger.OpenChain(ctx, blindStore{s, blind}, options(signer))
	require.NoError(t, err)
	require.ErrorContains(t, lost.Commit(ctx, ledger.KindOpen, nil), "cannot be read, and goes on")
}

// blindStore is a store whose reader has lost the right to read some of it.
type blindStore struct {
	*ledgertest.Store
	blind *between
}

func (b blindStore) Get(ctx context.Context, key, id string) ([]byte, error) {
	return b.blind.Get(ctx, key, id)
}

// TestFirstManifestByAnother: another log's key, and nobody's key, at the first place of
// a log before its writer comes.
func TestFirstManifestByAnother(t *testing.T) {
	s, a, b := ledgertest.New(), newSigner(t), newSigner(t)
	body, err := ledger.Sign(ctx, ledger.NewStatement("gw-0", 0, ledger.KindOpen), a)
	require.NoError(t, err)
	s.Overwrite(ledger.ManifestKey("gw-0", 0), body)
	for range 2 {
		c, err := ledger.OpenChain(ctx, s, options(b))
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{}, "victim", 1, 5)}))
	}
	keys := []ledger.PublicKey{public(t, a), public(t, b)}
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: keys})
	require.Equal(t, ledger.NoVerdict, r.Verdict)
	keys[1].May = &ledger.Span{Logs: []string{"gw-0"}}
	r, _ = ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: keys})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(10), r.Events)
}

// TestManyLargeVersions: memory does not grow with what is laid at one key.
func TestManyLargeVersions(t *testing.T) {
	tr := newTrail(t)
	junk := make([]byte, 20<<20)
	for range 24 { // 480 MB
		tr.Overwrite(ledger.ManifestKey("gw-0", 6), junk)
	}
	var before runtime.MemStats
	var peak atomic.Uint64
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, _ := ledger.Verify(ctx, &watching{Reader: tr, read: func() {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		if now.HeapAlloc > peak.Load() {
			peak.Store(now.HeapAlloc)
		}
	}}, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Level: ledger.LevelChain})
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Less(t, int64(peak.Load())-int64(before.HeapAlloc), int64(100<<20))
}

// watching counts what is asked of a reader.
type watching struct {
	ledger.Reader
	gets atomic.Int64
	read func()
}

func (w *watching) Get(ctx context.Context, key, id string) ([]byte, error) {
	w.gets.Add(1)
	if w.read != nil {
		w.read()
	}
	return w.Reader.Get(ctx, key, id)
}

func sameID(l []byte) []byte {
	i := strings.Index(string(l), `"event_id":"`)
	j := strings.Index(string(l[i+12:]), `"`)
	return []byte(string(l[:i+12]) + "same" + string(l[i+12+j:]))
}

// TestOneIDManyContents: an id comes from senders. Told with any number of contents it
// costs neither time that grows with the square of them, nor reads for each.
func TestOneIDManyContents(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	c, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	lock := ledger.Retention{Mode: ledger.Compliance, Until: until()}
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, time.Now())
	for i := range 5000 {
		l, m := line(t, "s", i)
		b.Add(sameID(l), m)
	}
	o, err := b.Finish()
	require.NoError(t, err)
	_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{Retention: lock})
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
	r := &watching{Reader: s}
	report, _ := ledger.Verify(ctx, r, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
	require.Equal(t, ledger.Confirmed, report.Verdict)
	require.Equal(t, 4999, report.Warnings, "each further content")
	require.Less(t, r.gets.Load(), int64(20))
}

// TestNewerVersions: what a newer program wrote can be neither confirmed nor refused.
func TestNewerVersions(t *testing.T) {
	t.Run("a manifest", func(t *testing.T) {
		tr := newTrail(t)
		st := ledger.NewStatement("gw-0", 6, ledger.KindHeartbeat)
		require.NoError(t, st.Continue(manifestAt(t, tr, "gw-0", 5)))
		text, err := json.Marshal(st)
		require.NoError(t, err)
		text = []byte(strings.Replace(string(text), "manifest/v2", "manifest/v3", 1))
		tr.Overwrite(ledger.ManifestKey("gw-0", 6), signPayload(t, tr.signer, text))
		r := tr.verify(t, ledger.LevelEvents)
		require.Equal(t, ledger.NoVerdict, r.Verdict)
		require.Equal(t, []string{ledger.CodeNewerVersion}, codes(r, ledger.SeverityUnknown))
		_, err = ledger.OpenChain(ctx, tr, options(tr.signer))
		require.ErrorIs(t, err, ledger.ErrNewerVersion)

		tr.Overwrite(ledger.ManifestKey("gw-0", 7), signPayload(t, newSigner(t), text))
		tr.Purge(ledger.ManifestKey("gw-0", 6))
		require.Equal(t, ledger.Confirmed, tr.verify(t, ledger.LevelEvents).Verdict, "anyone can say that")
	})
	t.Run("a line", func(t *testing.T) {
		s, signer := ledgertest.New(), newSigner(t)
		c, err := ledger.OpenChain(ctx, s, options(signer))
		require.NoError(t, err)
		lock := ledger.Retention{Mode: ledger.Compliance, Until: until()}
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, time.Now())
		l, m := line(t, "s", 1)
		b.Add([]byte(strings.Replace(string(l), `"schema_version":"1.1"`, `"schema_version":"9"`, 1)), m)
		o, err := b.Finish()
		require.NoError(t, err)
		_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{Retention: lock})
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
		r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
		require.Equal(t, ledger.NoVerdict, r.Verdict, "%+v", r.Findings)
		require.Contains(t, r.Reason, "newer version")
	})
}

// TestPinnedEnd: the last manifest of a key, pinned by its digest, holds against who has
// the key and forks the log before or behind it.
func TestPinnedEnd(t *testing.T) {
	s, old, next, _ := replacedKey(t)
	ko := public(t, old)
	ko.May = &ledger.Span{Logs: []string{"gw-0"}, LastSHA256: fmt.Sprintf("%x", manifestAt(t, s, "gw-0", 1).Digest)}
	verify := func() *ledger.Report {
		r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{ko}})
		return r
	}
	require.Equal(t, ledger.Confirmed, verify().Verdict)
	// With bypass: all that the new key signed is taken away, and the log forked by the old.
	for seq := int64(1); seq < 19; seq++ {
		s.Purge(ledger.ManifestKey("gw-0", seq))
	}
	c, err := ledger.OpenChain(ctx, s, options(old))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	r := verify()
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	require.Contains(t, codes(r, ledger.SeverityError), ledger.CodeLogRewound)
	_ = next
}

// TestWriterPassesAGapOfVersionOne: which of the oldest manifests a bucket removes first is
// not said. The log's writer, with a new key, goes on; the auditor is told what is not known.
func TestWriterPassesAGapOfVersionOne(t *testing.T) {
	s, old, next := ledgertest.New(), newSigner(t), newSigner(t)
	o := options(old)
	o.WriteV1()
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	for range 4 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	s.Purge(ledger.ManifestKey("gw-0", 1))
	c, err = ledger.OpenChain(ctx, s, options(old))
	require.NoError(t, err)
	require.NoError(t, c.Rotate(ctx, public(t, next)))

	o = options(next)
	o.Earlier = []ledger.PublicKey{public(t, old)}
	c, err = ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	require.Equal(t, int64(4), c.Head().Seq)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, old)}})
	require.Equal(t, ledger.NoVerdict, r.Verdict, "%+v", r.Findings)
}

// TestFirstManifestPutBack: whoever writes to the bucket puts the expired manifest 0 back that
// a log of version 1 no longer knew when it went over. Nothing behind it is passed over.
func TestFirstManifestPutBack(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	o := options(signer)
	o.WriteV1()
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	first, err := s.Get(ctx, ledger.ManifestKey("gw-0", 0), "")
	require.NoError(t, err)
	s.Purge(ledger.ManifestKey("gw-0", 0))
	c, err = ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	key := ledger.ManifestKey("gw-0", 0)
	_, err = s.Put(ctx, key, first, ledger.PutOptions{Retention: ledger.Retention{Mode: ledger.Compliance, Until: until()}})
	require.NoError(t, err)

	for _, pin := range []string{"", genesis(t, s, "gw-0")} {
		for _, since := range []time.Time{{}, time.Now().Add(-time.Hour)} {
			k := public(t, signer)
			k.May = &ledger.Span{Logs: []string{"gw-0"}, Genesis: pin}
			r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{k}, Since: since})
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, int64(5), r.Logs[0].Last)
		}
	}
}

// TestVersionOneGoesOver: a log passes from version 1 to 2 once, and does not go back.
func TestVersionOneGoesOver(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	write := func(v1 bool, kinds ...ledger.Kind) {
		o := options(signer)
		if v1 {
			o.WriteV1()
		}
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		for _, k := range kinds {
			var objects []ledger.Object
			if k == ledger.KindBatch {
				objects = append(objects, seal(t, s, ledger.ObjectOptions{}, fmt.Sprint("s", c.Head().Seq), 1, 2))
			}
			require.NoError(t, c.Commit(ctx, k, objects))
		}
		require.NoError(t, c.Checkpoint(ctx, nil))
	}
	write(true, ledger.KindOpen, ledger.KindBatch)
	write(false, ledger.KindOpen, ledger.KindBatch, ledger.KindClose)
	key := public(t, signer)
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(4), r.Events)
	require.Equal(t, genesis(t, s, "gw-0"), r.Logs[0].Genesis)
	require.Equal(t, 2, r.Logs[0].Checkpoints)
	require.Equal(t, r.Logs[0].Genesis, manifestAt(t, s, "gw-0", 3).Predicate.Genesis)
	require.Nil(t, manifestAt(t, s, "gw-0", 4).Predicate.PastUntil, "nobody signed it")

	// Its oldest manifests gone, nobody can know whether their time had come, unless a
	// checkpoint vouches for them.
	s.Purge(ledger.ManifestKey("gw-0", 0))
	key.May = &ledger.Span{Logs: []string{"gw-0"}}
	o := ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Level: ledger.LevelChain, Clock: in(300 * 24 * time.Hour)}
	r, _ = ledger.Verify(ctx, s, o)
	require.Equal(t, ledger.NoVerdict, r.Verdict, "%+v", r.Findings)
	text, err := s.Get(ctx, ledger.CheckpointKey("gw-0", 5), "")
	require.NoError(t, err)
	held, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{key}, nil)
	require.NoError(t, err)
	o.Checkpoints = []*ledger.Checkpoint{held}
	r, _ = ledger.Verify(ctx, s, o)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)

	// Back to version 1.
	st := ledger.NewStatement("gw-0", 5, ledger.KindHeartbeat)
	require.NoError(t, st.Continue(manifestAt(t, s, "gw-0", 4)))
	p := &st.Predicate
	st.PredicateType, p.Genesis, p.Time, p.Retention, p.PastUntil = "https://agentaudit.dev/manifest/v1", "", nil, nil, nil
	body, err := ledger.Sign(ctx, st, signer)
	require.NoError(t, err)
	s.Overwrite(ledger.ManifestKey("gw-0", 5), body)
	r, _ = ledger.Verify(ctx, s, o)
	require.Equal(t, int64(4), r.Logs[0].Last, "it is not taken")
	require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeKeyNotValid)
}

// twin is another trail whose log has the same name and the same key.
func twin(t testing.TB, by ledger.Signer, manifests int) *ledgertest.Store {
	t.Helper()
	s := ledgertest.New()
	o := options(by)
	o.Writer.Host = "elsewhere"
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	for range manifests {
		require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	return s
}

// TestReplayOfATwin: whoever may write to the bucket can lay genuine manifests of another
// trail there, of the same name and key. They break nothing, and hide nothing.
func TestReplayOfATwin(t *testing.T) {
	replay := func(tr *trail, seqs ...int64) {
		other := twin(t, tr.signer, 12)
		for _, seq := range seqs {
			body, err := other.Get(ctx, ledger.ManifestKey("gw-0", seq), "")
			require.NoError(t, err)
			tr.Overwrite(ledger.ManifestKey("gw-0", seq), body)
			tr.Unlock(ledger.ManifestKey("gw-0", seq), ledger.Retention{Mode: ledger.Compliance, Until: until()})
		}
	}
	named := func(tr *trail, genesis string) ledger.PublicKey {
		k := tr.key
		k.May = &ledger.Span{Logs: []string{"gw-0"}, Genesis: genesis}
		return k
	}
	t.Run("over the log", func(t *testing.T) {
		tr := newTrail(t)
		replay(tr, 0, 1, 2)
		r := tr.verify(t, ledger.LevelEvents)
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		require.Equal(t, int64(15), r.Events)
	})
	t.Run("behind the log", func(t *testing.T) {
		tr := newTrail(t)
		first := genesis(t, tr, "gw-0")
		replay(tr, 6, 9)
		require.Equal(t, ledger.NoVerdict, tr.verify(t, ledger.LevelEvents).Verdict, "which of the two is meant?")
		r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{named(tr, first)}})
		require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		require.Equal(t, int64(15), r.Events)
	})
	t.Run("in the place of what has expired", func(t *testing.T) {
		tr := newTrail(t)
		first := genesis(t, tr, "gw-0")
		tr.Purge(ledger.ManifestKey("gw-0", 0))
		tr.Purge(ledger.ManifestKey("gw-0", 1))
		replay(tr, 0)
		for genesis, verdict := range map[string]ledger.Verdict{"": ledger.NoVerdict, first: ledger.Confirmed} {
			r, _ := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{named(tr, genesis)}, Level: ledger.LevelChain, Clock: in(300 * 24 * time.Hour)})
			require.Equal(t, verdict, r.Verdict, "%+v", r.Findings)
		}
	})
}

// TestPutBackAfterExpiry: genuine manifests that have expired and are laid there again do
// not make those missing that have expired as well.
func TestPutBackAfterExpiry(t *testing.T) {
	tr := newTrail(t)
	body, err := tr.Get(ctx, ledger.ManifestKey("gw-0", 1), "")
	require.NoError(t, err)
	for seq := range int64(4) {
		tr.Purge(ledger.ManifestKey("gw-0", seq))
	}
	tr.Overwrite(ledger.ManifestKey("gw-0", 1), body)
	key := tr.key
	key.May = &ledger.Span{Logs: []string{"gw-0"}}
	o := ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Level: ledger.LevelChain, Clock: in(300 * 24 * time.Hour)}
	r, _ := ledger.Verify(ctx, tr, o)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(4), r.Logs[0].First)
	o.Clock = nil
	r, _ = ledger.Verify(ctx, tr, o)
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
}

// TestExpiredFromTheEnd: a lifecycle takes what has expired in any order.
func TestExpiredFromTheEnd(t *testing.T) {
	tr := newTrail(t)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	require.NoError(t, c.Checkpoint(ctx, nil))
	tr.Purge(ledger.ManifestKey("gw-0", 4))
	tr.Purge(ledger.ManifestKey("gw-0", 5))
	o := ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Level: ledger.LevelChain}
	r, _ := ledger.Verify(ctx, tr, o)
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	o.Clock = in(300 * 24 * time.Hour)
	r, _ = ledger.Verify(ctx, tr, o)
	require.Equal(t, ledger.NoVerdict, r.Verdict, "%+v", r.Findings)
}

// TestRotationThatDidNotWin: a rotation that was written over a delete marker, where a
// manifest of another writer stands, ended nothing.
func TestRotationThatDidNotWin(t *testing.T) {
	s, old, next := ledgertest.New(), newSigner(t), newSigner(t)
	open := func() *ledger.Chain {
		c, err := ledger.OpenChain(ctx, s, options(old))
		require.NoError(t, err)
		return c
	}
	c := open()
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	rotating := open()
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	s.Delete(ledger.ManifestKey("gw-0", 1))
	require.NoError(t, rotating.Rotate(ctx, public(t, next)))
	require.Equal(t, int64(2), rotating.Head().Seq)
	o := options(next)
	o.Earlier = []ledger.PublicKey{public(t, old)}
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{}, "s", 1, 3)}))
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, old)}})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(3), r.Events)
}

// TestClockBeforeVersionTwo: a clock that went back in version 1 does not break the passage
// to version 2.
func TestClockBeforeVersionTwo(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	now := time.Now().Add(-time.Hour)
	o := options(signer)
	o.Now = func() time.Time { return now }
	v1 := o
	v1.WriteV1()
	c, err := ledger.OpenChain(ctx, s, v1)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	now = now.Add(-10 * time.Minute)
	require.NoError(t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	c, err = ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
	r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(2), r.Logs[0].Last)
}

// TestLogThatRunsOn: a log that seals while it is verified is not cut off for what its
// checkpoints, and other logs, say of that.
func TestLogThatRunsOn(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	key := public(t, signer)
	running, err := ledger.OpenChain(ctx, s, options(signer))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, running.Commit(ctx, ledger.KindHeartbeat, nil))
	}
	o := options(signer)
	o.Log = "gw-1"
	o.Heads = func() []ledger.HeadRef {
		h, err := ledger.FindHead(ctx, s, "gw-0", []ledger.PublicKey{key})
		require.NoError(t, err)
		return []ledger.HeadRef{{Log: "gw-0", Seq: h.Seq, SHA256: h.SHA256, Note: string(h.Note)}}
	}
	other, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	require.NoError(t, other.Commit(ctx, ledger.KindOpen, nil))
	once := false
	r, err := ledger.Verify(ctx, &passing{Reader: s, listed: func(prefix string) {
		if prefix != ledger.CheckpointPrefix+"gw-0/" || once {
			return
		}
		once = true // the walk of gw-0 has its manifests: the log goes on
		for range 3 {
			require.NoError(t, running.Commit(ctx, ledger.KindHeartbeat, nil))
		}
		require.NoError(t, running.Checkpoint(ctx, nil))
		require.NoError(t, other.Commit(ctx, ledger.KindHeartbeat, nil))
	}}, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Concurrency: 1})
	require.NoError(t, err)
	require.True(t, once)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Empty(t, codes(r, ledger.SeverityWarning))
}

// passing tells of each listing before it is made.
type passing struct {
	ledger.Reader
	listed func(prefix string)
}

func (p *passing) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	all := slices.Collect(func(yield func(ledger.Version) bool) {
		for v := range p.Reader.List(ctx, prefix, after) {
			if !yield(v) {
				return
			}
		}
	})
	p.listed(prefix)
	if strings.HasPrefix(prefix, ledger.CheckpointPrefix) {
		return p.Reader.List(ctx, prefix, after)
	}
	return func(yield func(ledger.Version, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}
