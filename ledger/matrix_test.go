package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

var update = flag.Bool("update", false, "write the matrix of docs/threat-model.md anew")

// Attackers of the matrix.
const (
	writer    = "bucket writer"
	admin     = "bucket administrator, with bypass"
	operator  = "operator with the current key, with bypass"
	oldKey    = "thief of a key that was replaced"
	lateKey   = "thief of a key whose time is over"
	otherKey  = "holder of another log's key, which the auditor has too"
	middle    = "man in the middle"
	encrypter = "controller of the bucket's encryption key"
	planter   = "planter of a foreign log"
	sender    = "hostile sender"
)

// attack is one change of a trail.
type attack struct {
	by, what string
	do       func(*world)
	code     string // of the finding that tells of it; "" where none does
	verdict  ledger.Verdict
	why      string // where no finding tells of it: why not, or what would
}

// world is a trail in a real bucket with versions and locks (GOVERNANCE, so that an
// administrator can do harm): log gw-0 (open, a batch of one object, a batch of two,
// a heartbeat, close; one a minute) with a checkpoint over all of it, and log gw-1, which
// saw its head and keeps that checkpoint.
type world struct {
	t      testing.TB
	s      *store.S3
	client *s3.Client
	cfg    store.Config
	signer ledger.Signer
	key    ledger.PublicKey
	lock   ledger.Retention
	kept   []byte    // the checkpoint, kept elsewhere
	began  time.Time // when manifest 0 was sealed
	now    time.Time

	reader ledger.Reader // what the auditor reads, where someone stands between
	o      ledger.VerifyOptions
}

func newWorld(t testing.TB, server *s3test.Server, cfg store.Config, n int) *world {
	cfg.Prefix = fmt.Sprintf("case-%d", n)
	s, err := store.Open(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	w := &world{t: t, s: s, client: server.Client(), cfg: cfg, signer: newSigner(t), now: time.Now().Add(-time.Hour).UTC().Truncate(time.Second), lock: ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(240 * time.Hour).UTC().Truncate(time.Hour)}}
	w.key = public(t, w.signer)
	c := w.chain("gw-0", w.signer)
	w.commit(c, ledger.KindOpen)
	w.began = c.Head().At
	w.commit(c, ledger.KindBatch, w.seal("gw-0", "s1", 1, 3))
	w.commit(c, ledger.KindBatch, w.seal("gw-0", "s2", 1, 3), w.seal("gw-0", "s3", 1, 3))
	w.commit(c, ledger.KindHeartbeat)
	w.commit(c, ledger.KindClose)
	require.NoError(t, c.Checkpoint(ctx, nil))
	w.kept = w.get(ledger.CheckpointKey("gw-0", 5))
	o := w.options("gw-1", w.signer)
	o.Heads = func() []ledger.HeadRef {
		return []ledger.HeadRef{{Log: "gw-0", Seq: 4, SHA256: c.Head().SHA256, Note: string(w.kept)}}
	}
	c1, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	w.commit(c1, ledger.KindOpen)
	w.commit(c1, ledger.KindClose)
	return w
}

func (w *world) options(log string, by ledger.Signer) ledger.ChainOptions {
	return ledger.ChainOptions{
		Log: log, Signer: by, Retention: func(time.Time) ledger.Retention { return w.lock },
		Now: func() time.Time { return w.now },
	}
}

func (w *world) chain(log string, by ledger.Signer, earlier ...ledger.PublicKey) *ledger.Chain {
	o := w.options(log, by)
	o.Earlier = earlier
	c, err := ledger.OpenChain(ctx, w.s, o)
	require.NoError(w.t, err)
	return c
}

func (w *world) commit(c *ledger.Chain, kind ledger.Kind, objects ...ledger.Object) {
	w.now = w.now.Add(time.Minute)
	require.NoError(w.t, c.Commit(ctx, kind, objects))
}

// seal stores an object of events of a session.
func (w *world) seal(log, session string, from, to int) ledger.Object {
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, Compression: ledger.Gzip, Retention: w.lock}, time.Now())
	for n := from; n <= to; n++ {
		l, m := line(w.t, session, n)
		b.Add(l, m)
	}
	o, err := b.Finish()
	require.NoError(w.t, err)
	w.store(o.Key, o.Body, w.lock)
	return o.Object
}

func (w *world) store(key string, body []byte, lock ledger.Retention) {
	_, err := w.s.Put(ctx, key, body, ledger.PutOptions{SHA256: sha256.Sum256(body), Retention: lock})
	require.NoError(w.t, err)
}

func (w *world) full(key string) *string { return aws.String(w.cfg.Prefix + "/" + key) }

// over puts a new version, without a lock, as anyone who may write can.
func (w *world) over(key string, body []byte) {
	_, err := w.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &w.cfg.Bucket, Key: w.full(key), Body: bytes.NewReader(body)})
	require.NoError(w.t, err)
}

// hide puts a delete marker over a key.
func (w *world) hide(key string) {
	_, err := w.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &w.cfg.Bucket, Key: w.full(key)})
	require.NoError(w.t, err)
}

// purge takes every version of a key away, as an administrator can under GOVERNANCE.
func (w *world) purge(keys ...string) {
	for _, key := range keys {
		versions, err := w.s.Versions(ctx, key)
		require.NoError(w.t, err)
		require.NotEmpty(w.t, versions, key)
		for _, v := range versions {
			_, err := w.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &w.cfg.Bucket, Key: w.full(key), VersionId: aws.String(v.ID), BypassGovernanceRetention: aws.Bool(true)})
			require.NoError(w.t, err)
		}
	}
}

func (w *world) get(key string) []byte {
	body, err := w.s.Get(ctx, key, "")
	require.NoError(w.t, err)
	return body
}

// rewrite puts another content into the place of an object, locked as it was.
func (w *world) rewrite(key string, change func([]byte) []byte) {
	body := change(w.get(key))
	w.purge(key)
	w.store(key, body, w.lock)
}

func (w *world) shorten(key string) {
	v, err := w.s.Versions(ctx, key)
	require.NoError(w.t, err)
	_, err = w.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket: &w.cfg.Bucket, Key: w.full(key), VersionId: aws.String(v[0].ID), BypassGovernanceRetention: aws.Bool(true),
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: aws.Time(time.Now().Add(2 * time.Hour))},
	})
	require.NoError(w.t, err)
}

func (w *world) manifest(log string, seq int64) *ledger.Manifest {
	m, err := ledger.ParseEnvelope(w.get(ledger.ManifestKey(log, seq)))
	require.NoError(w.t, err)
	return m
}

// data is the key of the n-th object of a manifest of gw-0.
func (w *world) data(seq int64, n int) string {
	return w.manifest("gw-0", seq).Predicate.Objects[n].Key
}

// resign writes a log anew from a manifest on, as the holder of its key can: each is
// changed, put behind the one before, and signed.
func (w *world) resign(from int64, change func(*ledger.Statement)) {
	var before *ledger.Manifest
	if from > 0 {
		before = w.manifest("gw-0", from-1)
	}
	for seq := from; seq < 5; seq++ {
		st := w.manifest("gw-0", seq).Statement
		change(&st)
		require.NoError(w.t, st.Continue(before))
		before = w.place(&st)
	}
}

// place signs a statement and puts it into its place instead of what is there.
func (w *world) place(st *ledger.Statement) *ledger.Manifest {
	body, err := ledger.Sign(ctx, st, w.signer)
	require.NoError(w.t, err)
	key := ledger.ManifestKey(st.Predicate.Log, st.Predicate.Seq)
	if versions, err := w.s.Versions(ctx, key); err == nil && len(versions) > 0 {
		w.purge(key)
	}
	w.store(key, body, w.lock)
	m, err := ledger.ParseEnvelope(body)
	require.NoError(w.t, err)
	return m
}

// sealLie has the holder of the key seal an object, and say something else of it than
// what it is; the lie may change the lines too.
func (w *world) sealLie(lines func([]byte) []byte, lie func(*ledger.Object)) {
	o := w.seal("gw-0", "lie", 1, 3)
	if lines != nil {
		body := lines(w.get(o.Key))
		w.purge(o.Key)
		w.store(o.Key, body, w.lock)
		o.SHA256, o.Bytes = hexSHA(body), int64(len(body))
	}
	if lie != nil {
		lie(&o)
	}
	w.commit(w.chain("gw-0", w.signer), ledger.KindBatch, o)
}

// rotate replaces the key and goes on with the new one; the world's key is the old.
func (w *world) rotate() (next ledger.Signer) {
	next = newSigner(w.t)
	require.NoError(w.t, w.chain("gw-0", w.signer).Rotate(ctx, public(w.t, next)))
	c := w.chain("gw-0", next, w.key)
	w.commit(c, ledger.KindOpen)
	w.commit(c, ledger.KindClose)
	return next
}

// trustAnother gives the auditor another log's key, and the attacker its other half.
func (w *world) trustAnother() ledger.Signer {
	other := newSigner(w.t)
	w.commit(w.chain("gw-9", other), ledger.KindOpen)
	w.o.Keys = append(w.o.Keys, public(w.t, other))
	return other
}

// name has the auditor say which key is of which logs.
func (w *world) name() {
	w.o.Keys[0].May = &ledger.Span{Logs: []string{"gw-9"}}
	w.key.May = &ledger.Span{Logs: []string{"gw-0", "gw-1"}}
}

// squat lays a chain by another key at the places of gw-0, which continues it, as far as
// anyone can see who does not know whose log it is.
func (w *world) squat(by ledger.Signer, from, to int64, rotatedAt *int64) {
	before := w.manifest("gw-0", from-1)
	for seq := from; seq < to; seq++ {
		st := ledger.NewStatement("gw-0", seq, ledger.KindHeartbeat)
		require.NoError(w.t, st.Continue(before))
		if st.Predicate.RotatedAt == nil {
			st.Predicate.RotatedAt = rotatedAt
		}
		body, err := ledger.Sign(ctx, st, by)
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", seq), body)
		before, err = ledger.ParseEnvelope(body)
		require.NoError(w.t, err)
	}
}

// between is a man in the middle: what he says of some keys.
type between struct {
	ledger.Reader
	get    func(key string, body []byte) []byte
	hidden func(ledger.Version) bool
	denied func(key string) bool
}

func (b *between) Get(ctx context.Context, key, id string) ([]byte, error) {
	if b.denied != nil && b.denied(key) {
		return nil, ledger.ErrForbidden
	}
	body, err := b.Reader.Get(ctx, key, id)
	if err == nil && b.get != nil {
		body = b.get(key, body)
	}
	return body, err
}

func (b *between) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	list, err := b.Reader.Versions(ctx, key)
	return slices.DeleteFunc(list, func(v ledger.Version) bool { return b.hidden != nil && b.hidden(v) }), err
}

func (b *between) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		for v, err := range b.Reader.List(ctx, prefix, after) {
			if err == nil && b.hidden != nil && b.hidden(v) {
				continue
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func flipped(at func([]byte) int) func([]byte) []byte {
	return func(b []byte) []byte {
		b = slices.Clone(b)
		b[at(b)] ^= 1
		return b
	}
}

func halfway(b []byte) int { return len(b) / 2 }

// replaced changes a part of an envelope.
func replaced(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

// relined changes the lines of an object and compresses them again.
func (w *world) relined(change func([][]byte) [][]byte) func([]byte) []byte {
	return func(b []byte) []byte {
		t := w.t.(*testing.T)
		lines := bytes.SplitAfter(gunzip(t, b), []byte("\n"))
		return gzipped(t, bytes.Join(change(lines[:len(lines)-1]), nil))
	}
}

const (
	confirmed    = ledger.Confirmed
	notConfirmed = ledger.NotConfirmed
	noVerdict    = ledger.NoVerdict
)

func manifests(seqs ...int64) (keys []string) {
	for _, n := range seqs {
		keys = append(keys, ledger.ManifestKey("gw-0", n))
	}
	return keys
}

var (
	checkpointKey = ledger.CheckpointKey("gw-0", 5)
	cosignedKey   = ledger.CosignedKey("gw-0", 5)
)

// matrix is what is tried, and what verification with the public key of gw-0 and gw-1
// says of it.
var matrix = []attack{
	{writer, "a new version over a data object", func(w *world) { w.over(w.data(1, 0), []byte("x")) }, ledger.CodeLaterVersion, confirmed, ""},
	{writer, "a delete marker over a data object", func(w *world) { w.hide(w.data(1, 0)) }, ledger.CodeDeleteMarker, confirmed, ""},
	{writer, "a new version over a manifest", func(w *world) { w.over(ledger.ManifestKey("gw-0", 2), []byte("{}")) }, ledger.CodeForeignManifest, confirmed, ""},
	{writer, "a delete marker over the newest manifest", func(w *world) { w.hide(ledger.ManifestKey("gw-0", 4)) }, ledger.CodeDeleteMarker, confirmed, ""},
	{writer, "a delete marker over every manifest", func(w *world) {
		for n := range int64(5) {
			w.hide(ledger.ManifestKey("gw-0", n))
		}
	}, ledger.CodeDeleteMarker, confirmed, ""},
	{writer, "garbage at the next manifest's key", func(w *world) { w.over(ledger.ManifestKey("gw-0", 5), []byte("x")) }, ledger.CodeForeignManifest, confirmed, ""},
	{writer, "garbage at a manifest's key far ahead", func(w *world) { w.over(ledger.ManifestKey("gw-0", 999), []byte("x")) }, ledger.CodeForeignManifest, confirmed, ""},
	{writer, "an old manifest replayed at the next key", func(w *world) { w.over(ledger.ManifestKey("gw-0", 5), w.get(ledger.ManifestKey("gw-0", 3))) }, ledger.CodeForeignManifest, confirmed, ""},
	{writer, "another log's manifest at the next key", func(w *world) { w.over(ledger.ManifestKey("gw-0", 5), w.get(ledger.ManifestKey("gw-1", 1))) }, ledger.CodeForeignManifest, confirmed, ""},
	{writer, "a file that is no manifest among the manifests", func(w *world) { w.over("manifests/v1/gw-0/readme.txt", []byte("x")) }, ledger.CodeForeignObject, confirmed, ""},
	{writer, "a new version over a checkpoint", func(w *world) { w.over(checkpointKey, []byte("x")) }, ledger.CodeForeignCheckpoint, confirmed, ""},
	{writer, "a delete marker over a checkpoint", func(w *world) { w.hide(checkpointKey) }, "", confirmed, "it is read through"},
	{writer, "a checkpoint copied to another size", func(w *world) { w.over(ledger.CheckpointKey("gw-0", 3), w.get(checkpointKey)) }, ledger.CodeForeignCheckpoint, confirmed, ""},
	{writer, "a data object planted", func(w *world) {
		w.over("data/v1/date=2026-11-23/gw-0/20261123T101500.123Z-6f1c2a90.jsonl.gz", w.get(w.data(1, 0)))
	}, ledger.CodeOrphan, confirmed, ""},
	{writer, "an object elsewhere in the prefix", func(w *world) { w.over("notes.txt", []byte("x")) }, ledger.CodeForeignObject, confirmed, ""},
	{writer, "what witnesses cosigned overwritten, and the auditor asks for it", func(w *world) {
		w.witnessed()
		w.over(cosignedKey, []byte("x"))
	}, "", confirmed, "it is read through, for as long as the store keeps the version"},
	{writer, "a checkpoint cosigned by a key of his own, and the auditor asks for witnesses", func(w *world) {
		w.asks()
		w.over(cosignedKey, cosign(w.t, w.kept, newCosigner(w.t, "witness.example/w1")))
	}, ledger.CodeNotWitnessed, noVerdict, ""},
	{writer, "another log's cosigned checkpoint, likewise", func(w *world) {
		by := w.asks()
		require.NoError(w.t, w.chain("gw-1", w.signer).Checkpoint(ctx, nil))
		w.over(cosignedKey, cosign(w.t, w.get(ledger.CheckpointKey("gw-1", 2)), by))
	}, ledger.CodeNotWitnessed, noVerdict, ""},
	{writer, "a cosignature moved to another checkpoint, likewise", func(w *world) {
		_, lines, _ := strings.Cut(string(cosign(w.t, w.kept, w.asks())), "\n\n")
		later := w.chain("gw-0", w.signer)
		w.commit(later, ledger.KindOpen)
		require.NoError(w.t, later.Checkpoint(ctx, nil))
		_, line, _ := strings.Cut(lines, "\n")
		w.over(ledger.CosignedKey("gw-0", 6), append(w.get(ledger.CheckpointKey("gw-0", 6)), line...))
	}, ledger.CodeNotWitnessed, noVerdict, ""},
	{writer, "newer cosigned checkpoints withheld, likewise", func(w *world) {
		w.witnessed()
		w.commit(w.chain("gw-0", w.signer), ledger.KindOpen)
	}, "", confirmed, "it claims no more than what the witnesses saw: the verdict says how far; `--max-age` shows its age"},
	{writer, "another public key over the published one", func(w *world) { w.over("keys/v1/"+w.key.ID+".pem", []byte("x")) }, "", confirmed, "trust comes from the auditor's own copy"},

	{admin, "a data object removed", func(w *world) { w.purge(w.data(1, 0)) }, ledger.CodeObjectMissing, notConfirmed, ""},
	{admin, "a manifest removed", func(w *world) { w.purge(manifests(2)...) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "the first manifest removed", func(w *world) { w.purge(manifests(0)...) }, ledger.CodeStartMissing, notConfirmed, ""},
	{admin, "the tail cut off, its checkpoint left", func(w *world) { w.purge(manifests(3, 4)...) }, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the tail cut off with its checkpoint", func(w *world) { w.purge(append(manifests(3, 4), checkpointKey)...) }, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the tail cut off with its checkpoint and the log that saw it", func(w *world) {
		w.purge(append(manifests(3, 4), checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
	}, "", confirmed, "nothing is left that knew of it: keep checkpoints elsewhere, or lock in COMPLIANCE mode, which nobody can bypass"},
	{admin, "the same, and the auditor kept a checkpoint", func(w *world) {
		w.purge(append(manifests(3, 4), checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
		w.keep()
	}, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the same, and a witness cosigned the checkpoint", func(w *world) {
		w.witnessed()
		w.purge(append(manifests(3, 4), checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
	}, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the same, and what the witness cosigned is removed as well", func(w *world) {
		w.witnessed()
		w.purge(append(manifests(3, 4), checkpointKey, cosignedKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
	}, ledger.CodeNotWitnessed, noVerdict, ""},
	{admin, "the tail cut off, its checkpoint left, and a neighbour that would retire the log", func(w *world) {
		w.purge(manifests(3, 4)...)
		require.ErrorIs(w.t, w.chain("gw-0", w.signer).Retire(ctx), ledger.ErrUnsure)
	}, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the tail cut off with its checkpoint, and a neighbour that retires what is left", func(w *world) {
		w.purge(append(manifests(3, 4), checkpointKey)...)
		require.NoError(w.t, w.chain("gw-0", w.signer).Retire(ctx))
	}, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "the same, with the log that saw it", func(w *world) {
		w.purge(append(manifests(3, 4), checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
		require.NoError(w.t, w.chain("gw-0", w.signer).Retire(ctx))
	}, "", confirmed, "nothing is left that knew of it, for the neighbour neither; the verdict tells that the log was retired: keep checkpoints elsewhere, or lock in COMPLIANCE mode"},
	{admin, "a log removed whole", func(w *world) { w.purge(append(manifests(0, 1, 2, 3, 4), checkpointKey)...) }, ledger.CodeLogRewound, noVerdict, ""},
	{admin, "the past removed, and the lock of the manifest behind it shortened", func(w *world) {
		w.purge(w.data(1, 0), w.data(2, 0), w.data(2, 1))
		w.purge(manifests(0, 1, 2)...)
		w.shorten(manifests(3)[0])
	}, ledger.CodeStartMissing, notConfirmed, ""},
	{admin, "the same, and the auditor kept a checkpoint", func(w *world) {
		w.purge(w.data(1, 0), w.data(2, 0), w.data(2, 1))
		w.purge(manifests(0, 1, 2)...)
		w.shorten(manifests(3)[0])
		w.keep()
	}, ledger.CodeStartMissing, notConfirmed, ""},
	{admin, "the same, and the auditor names a time at which all had expired", func(w *world) {
		w.purge(w.data(1, 0), w.data(2, 0), w.data(2, 1))
		w.purge(manifests(0, 1, 2)...)
		w.o.At = time.Now().AddDate(1, 0, 0)
	}, ledger.CodeStartMissing, notConfirmed, ""},
	{admin, "a bit of a data object flipped", func(w *world) { w.rewrite(w.data(1, 0), flipped(halfway)) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a bit of the compression's header flipped", func(w *world) { w.rewrite(w.data(1, 0), flipped(func([]byte) int { return 4 })) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a data object cut off", func(w *world) { w.rewrite(w.data(1, 0), func(b []byte) []byte { return b[:len(b)-9] }) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a data object emptied", func(w *world) { w.rewrite(w.data(1, 0), func([]byte) []byte { return nil }) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "bytes after the end of a data object", func(w *world) { w.rewrite(w.data(1, 0), func(b []byte) []byte { return append(b, 0) }) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a second gzip member", func(w *world) { w.rewrite(w.data(1, 0), func(b []byte) []byte { return append(b, b...) }) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a data object recompressed", func(w *world) { w.rewrite(w.data(1, 0), w.relined(func(l [][]byte) [][]byte { return l })) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "lines swapped", func(w *world) {
		w.rewrite(w.data(1, 0), w.relined(func(l [][]byte) [][]byte { return [][]byte{l[1], l[0], l[2]} }))
	}, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a line doubled", func(w *world) {
		w.rewrite(w.data(1, 0), w.relined(func(l [][]byte) [][]byte { return append(l, l[2]) }))
	}, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a line dropped", func(w *world) { w.rewrite(w.data(1, 0), w.relined(func(l [][]byte) [][]byte { return l[1:] })) }, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a line changed", func(w *world) {
		w.rewrite(w.data(1, 0), w.relined(func(l [][]byte) [][]byte { l[1] = bytes.Replace(l[1], []byte("pay"), []byte("say"), 1); return l }))
	}, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "two data objects swapped", func(w *world) {
		a, b := w.get(w.data(1, 0)), w.get(w.data(2, 0))
		w.rewrite(w.data(1, 0), func([]byte) []byte { return b })
		w.rewrite(w.data(2, 0), func([]byte) []byte { return a })
	}, ledger.CodeObjectAltered, notConfirmed, ""},
	{admin, "a bit of a manifest's payload flipped", func(w *world) { w.rewrite(manifests(2)[0], flipped(halfway)) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a bit of a manifest's signature flipped", func(w *world) { w.rewrite(manifests(2)[0], replaced(`"sig":"`, `"sig":"A`)) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a manifest's key id changed", func(w *world) { w.rewrite(manifests(2)[0], replaced(`"keyid":"`, `"keyid":"0`)) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a manifest's payload type changed", func(w *world) { w.rewrite(manifests(2)[0], replaced("in-toto", "in-tutu")) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a manifest's signatures removed", func(w *world) {
		w.rewrite(manifests(2)[0], func(b []byte) []byte {
			rest, _, _ := bytes.Cut(b, []byte(`"signatures"`))
			return append(rest, `"signatures":[]}`...)
		})
	}, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a JSON key doubled in a manifest", func(w *world) {
		w.rewrite(manifests(2)[0], replaced(`{"payloadType"`, `{"payload":"e30=","payloadType"`))
	}, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "the newest manifest damaged", func(w *world) { w.rewrite(manifests(4)[0], flipped(halfway)) }, ledger.CodeLogRewound, notConfirmed, ""},
	{admin, "two manifests swapped", func(w *world) {
		a, b := w.get(manifests(1)[0]), w.get(manifests(2)[0])
		w.rewrite(manifests(1)[0], func([]byte) []byte { return b })
		w.rewrite(manifests(2)[0], func([]byte) []byte { return a })
	}, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a manifest renumbered", func(w *world) { w.rewrite(manifests(2)[0], func([]byte) []byte { return w.get(manifests(3)[0]) }) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "a manifest signed again with another key", func(w *world) {
		body, err := ledger.Sign(ctx, &w.manifest("gw-0", 2).Statement, newSigner(w.t))
		require.NoError(w.t, err)
		w.rewrite(manifests(2)[0], func([]byte) []byte { return body })
	}, ledger.CodeManifestMissing, notConfirmed, ""},
	{admin, "the log rewritten and signed with another key", func(w *world) {
		w.purge(checkpointKey)
		w.signer = newSigner(w.t)
		w.resign(0, dropObject)
	}, ledger.CodeUnknownLog, noVerdict, ""},
	{admin, "the same, with the log that saw it removed", func(w *world) {
		w.purge(checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.signer = newSigner(w.t)
		w.resign(0, dropObject)
	}, ledger.CodeUnknownLog, noVerdict, ""},
	{admin, "the same, and the auditor names the log", func(w *world) {
		w.purge(checkpointKey)
		w.signer = newSigner(w.t)
		w.resign(0, dropObject)
		w.o.Logs = []string{"gw-0"}
	}, "", noVerdict, "the verdict names the keys that signed what is there"},
	{admin, "the lock of a data object shortened", func(w *world) { w.shorten(w.data(1, 0)) }, ledger.CodeNotLocked, notConfirmed, ""},
	{admin, "the lock of a manifest shortened", func(w *world) { w.shorten(manifests(2)[0]) }, ledger.CodeNotLocked, notConfirmed, ""},
	{admin, "a data object written again without a lock", func(w *world) {
		key := w.data(1, 0)
		body := w.get(key)
		w.purge(key)
		w.over(key, body)
	}, ledger.CodeNotLocked, notConfirmed, ""},
	{admin, "a checkpoint damaged", func(w *world) { w.rewrite(checkpointKey, flipped(halfway)) }, ledger.CodeForeignCheckpoint, confirmed, ""},
	{admin, "another log's checkpoint in the place of one", func(w *world) {
		require.NoError(w.t, w.chain("gw-1", w.signer).Checkpoint(ctx, nil))
		w.rewrite(checkpointKey, func([]byte) []byte { return w.get(ledger.CheckpointKey("gw-1", 2)) })
	}, ledger.CodeForeignCheckpoint, confirmed, ""},

	{operator, "a manifest changed and signed again", func(w *world) {
		st := w.manifest("gw-0", 2).Statement
		st.Predicate.Objects[0].Events++
		w.place(&st)
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "the log rewritten from there on, the checkpoint left", func(w *world) { w.resign(2, dropObject) }, ledger.CodeCheckpointMismatch, notConfirmed, ""},
	{operator, "the log rewritten, the checkpoint removed", func(w *world) {
		w.purge(checkpointKey)
		w.resign(2, dropObject)
	}, ledger.CodeLogForked, notConfirmed, ""},
	{operator, "the log rewritten, and whatever saw it removed", func(w *world) {
		w.purge(checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.resign(2, dropObject)
	}, ledger.CodeOrphan, confirmed, ""},
	{operator, "the same, and the object removed as well", func(w *world) {
		dropped := w.data(2, 0)
		w.purge(checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.resign(2, dropObject)
		w.purge(dropped)
	}, "", confirmed, "whoever has the key and the bucket can write the past anew: keep checkpoints elsewhere, or lock in COMPLIANCE mode"},
	{operator, "the same, and the auditor kept a checkpoint", func(w *world) {
		dropped := w.data(2, 0)
		w.purge(checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.resign(2, dropObject)
		w.purge(dropped)
		w.keep()
	}, ledger.CodeCheckpointMismatch, notConfirmed, ""},
	{operator, "the same, and a witness cosigned the checkpoint", func(w *world) {
		w.witnessed()
		dropped := w.data(2, 0)
		w.purge(checkpointKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.resign(2, dropObject)
		w.purge(dropped)
	}, ledger.CodeCheckpointMismatch, notConfirmed, ""},
	{operator, "the same, and what the witness cosigned is removed as well", func(w *world) {
		w.witnessed()
		dropped := w.data(2, 0)
		w.purge(checkpointKey, cosignedKey, ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))
		w.resign(2, dropObject)
		w.purge(dropped)
	}, ledger.CodeNotWitnessed, noVerdict, ""},
	{operator, "the tail cut off and the log closed again", func(w *world) {
		w.purge(append(manifests(3, 4), checkpointKey)...)
		w.commit(w.chain("gw-0", w.signer), ledger.KindClose)
	}, ledger.CodeLogRewound, notConfirmed, ""},
	{operator, "`previous` wrong", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.Previous = strings.Repeat("0", 64) })
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "the tree's root wrong", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.Tree.Root = strings.Repeat("0", 64) })
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "the tree's frontier wrong", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.Tree.Frontier[0] = strings.Repeat("0", 64) })
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "a manifest dated back", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) {
			at := w.manifest("gw-0", 4).SealedAt()
			st.Predicate.WrittenAt, st.Predicate.Time = at.Add(-time.Hour), &at
		})
	}, ledger.CodeClockSkew, confirmed, ""},
	{operator, "the log's time set back", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) {
			at := w.manifest("gw-0", 4).SealedAt().Add(-time.Hour)
			st.Predicate.WrittenAt, st.Predicate.Time = at, &at
		})
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "a lock promised that is shorter than one before", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.Retention.Until = w.lock.Until.Add(-time.Hour) })
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "the locks before forgotten", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.PastUntil = nil })
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "another log's genesis", func(w *world) {
		w.lieAtEnd(func(st *ledger.Statement) { st.Predicate.Genesis = strings.Repeat("0", 64) })
	}, ledger.CodeLogAmbiguous, noVerdict, ""},
	{operator, "a name of the payload in another case, for a second reading", func(w *world) {
		w.over(ledger.ManifestKey("gw-0", 5), otherCase(w.t, w.signer, w.manifest("gw-0", 4), w.seal("gw-0", "hidden", 1, 2)))
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "a wrong Merkle root signed", func(w *world) { w.sealLie(nil, func(o *ledger.Object) { o.MerkleRoot = strings.Repeat("0", 64) }) }, ledger.CodeMerkleMismatch, notConfirmed, ""},
	{operator, "a wrong number of events signed", func(w *world) { w.sealLie(nil, func(o *ledger.Object) { o.Events = 2 }) }, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "a wrong size signed", func(w *world) { w.sealLie(nil, func(o *ledger.Object) { o.UncompressedBytes-- }) }, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "a session filter forged, to hide a session", func(w *world) {
		w.sealLie(nil, func(o *ledger.Object) { o.Sessions.Prefixes = []string{"0123456789abcdef"} })
	}, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "a wrong span of time signed", func(w *world) {
		w.sealLie(nil, func(o *ledger.Object) { o.MinTimestamp.Time = o.MinTimestamp.Add(time.Second) })
	}, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "wrong counts of types signed", func(w *world) {
		w.sealLie(nil, func(o *ledger.Object) { o.EventTypes = map[string]int64{"llm_call": 3} })
	}, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "wrong counts of missing fields signed", func(w *world) {
		w.sealLie(nil, func(o *ledger.Object) { o.MissingFields = map[string]int64{"user_id": 3} })
	}, ledger.CodeCountMismatch, notConfirmed, ""},
	{operator, "a lock promised that was not given", func(w *world) {
		w.sealLie(nil, func(o *ledger.Object) { o.Retention.Until = o.Retention.Until.Add(time.Hour) })
	}, ledger.CodeNotLocked, notConfirmed, ""},
	{operator, "a line with a JSON key twice sealed", func(w *world) { w.sealLie(w.relined(edited(`{`, `{"schema_version":"1",`)), nil) }, ledger.CodeLineInvalid, notConfirmed, ""},
	{operator, "a line with an unknown field sealed", func(w *world) { w.sealLie(w.relined(edited(`"agent_id"`, `"agent_ID"`)), nil) }, ledger.CodeLineInvalid, notConfirmed, ""},
	{operator, "a last line without its newline sealed", func(w *world) {
		w.sealLie(w.relined(func(l [][]byte) [][]byte { l[2] = l[2][:len(l[2])-1]; return l }), nil)
	}, ledger.CodeEncodingInvalid, notConfirmed, ""},
	{operator, "two gzip members sealed", func(w *world) { w.sealLie(func(b []byte) []byte { return append(slices.Clone(b), b...) }, nil) }, ledger.CodeEncodingInvalid, notConfirmed, ""},
	{operator, "bytes after the end sealed", func(w *world) { w.sealLie(func(b []byte) []byte { return append(slices.Clone(b), 0) }, nil) }, ledger.CodeEncodingInvalid, notConfirmed, ""},
	{operator, "without bypass: another manifest laid over the newest, and the log going on from it", func(w *world) {
		st := ledger.NewStatement("gw-0", 4, ledger.KindHeartbeat)
		require.NoError(w.t, st.Continue(w.manifest("gw-0", 3)))
		for range 2 {
			body, err := ledger.Sign(ctx, st, w.signer)
			require.NoError(w.t, err)
			w.over(ledger.ManifestKey("gw-0", st.Predicate.Seq), body)
			before, err := ledger.ParseEnvelope(body)
			require.NoError(w.t, err)
			st = ledger.NewStatement("gw-0", st.Predicate.Seq+1, ledger.KindClose)
			require.NoError(w.t, st.Continue(before))
		}
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{operator, "nothing sealed any more", func(w *world) {
		w.commit(w.chain("gw-0", w.signer), ledger.KindOpen)
		w.o.MaxAge, w.o.At = time.Minute, time.Now().Add(time.Hour)
	}, ledger.CodeStaleHead, confirmed, ""},
	{operator, "false events sealed from now on", func(w *world) { w.commit(w.chain("gw-0", w.signer), ledger.KindBatch, w.seal("gw-0", "false", 1, 2)) }, "", confirmed, "the key is what the trail is believed by: guard it, in a KMS best; nothing sealed before can be changed with it"},

	{oldKey, "a manifest at the next place", func(w *world) {
		next := w.rotate()
		w.over(ledger.ManifestKey("gw-0", 8), forged(w.t, w.s, w.signer, 8, public(w.t, next)))
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{oldKey, "the log retired, at the next place", func(w *world) {
		w.rotate()
		st := ledger.NewStatement("gw-0", 8, ledger.KindRetire)
		require.NoError(w.t, st.Continue(w.manifest("gw-0", 7)))
		body, err := ledger.Sign(ctx, st, w.signer)
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", 8), body)
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{oldKey, "a rotation to a key of the thief's", func(w *world) {
		w.rotate()
		mine := newSigner(w.t)
		st := ledger.NewStatement("gw-0", 8, ledger.KindKeyRotation)
		require.NoError(w.t, st.Continue(w.manifest("gw-0", 7)))
		st.Predicate.NextKey = &ledger.NextKey{KeyID: ledger.KeyID(mine.Public()), PublicKey: string(ledger.MarshalPublicKey(mine.Public()))}
		body, err := ledger.Sign(ctx, st, w.signer)
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", 8), body)
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{oldKey, "with bypass too: the time before the rotation rewritten", func(w *world) {
		w.rotate()
		w.resign(2, dropObject)
	}, ledger.CodeChainBroken, notConfirmed, ""},
	{oldKey, "with bypass too: the new key's manifests replaced", func(w *world) {
		w.rotate()
		w.purge(ledger.ManifestKey("gw-0", 7))
		body, err := ledger.Sign(ctx, &w.manifest("gw-0", 6).Statement, w.signer)
		require.NoError(w.t, err)
		w.rewrite(ledger.ManifestKey("gw-0", 6), func([]byte) []byte { return body })
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{oldKey, "a key outside the span of the trust file", func(w *world) {
		three := int64(3)
		w.key.May = &ledger.Span{Logs: []string{"gw-0"}, LastSeq: &three}
		w.purge(checkpointKey)
	}, ledger.CodeKeyNotValid, confirmed, ""},

	{lateKey, "a manifest over the first, dated behind the end of the key", func(w *world) {
		w.key.May = &ledger.Span{NotAfter: w.lock.Until}
		st := ledger.NewStatement("gw-0", 0, ledger.KindHeartbeat)
		at := w.lock.Until.AddDate(0, 0, 1)
		st.Predicate.WrittenAt, st.Predicate.Time = at, &at
		body, err := ledger.Sign(ctx, st, w.signer)
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", 0), body)
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{lateKey, "false events sealed behind the end of the key", func(w *world) {
		w.key.May = &ledger.Span{NotAfter: w.now}
		w.now = w.now.Add(time.Hour)
		w.commit(w.chain("gw-0", w.signer), ledger.KindBatch, w.seal("gw-0", "false", 1, 2))
	}, ledger.CodeKeyNotValid, confirmed, ""},

	{otherKey, "the next twenty places of the log", func(w *world) { w.squat(w.trustAnother(), 5, 25, nil) }, ledger.CodeKeyNotValid, confirmed, ""},
	{otherKey, "the same, claiming a rotation to its own key", func(w *world) {
		six := int64(6)
		w.squat(w.trustAnother(), 5, 25, &six)
	}, ledger.CodeLogAmbiguous, noVerdict, ""},
	{otherKey, "the same, and the auditor has named the keys", func(w *world) {
		six := int64(6)
		w.squat(w.trustAnother(), 5, 25, &six)
		w.name()
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{otherKey, "a first manifest of the log", func(w *world) {
		body, err := ledger.Sign(ctx, ledger.NewStatement("gw-0", 0, ledger.KindOpen), w.trustAnother())
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", 0), body)
	}, ledger.CodeLogAmbiguous, noVerdict, ""},
	{otherKey, "the same, and the auditor has named the keys", func(w *world) {
		body, err := ledger.Sign(ctx, ledger.NewStatement("gw-0", 0, ledger.KindOpen), w.trustAnother())
		require.NoError(w.t, err)
		w.over(ledger.ManifestKey("gw-0", 0), body)
		w.name()
	}, ledger.CodeKeyNotValid, confirmed, ""},
	{otherKey, "a log of its own that accuses this one", func(w *world) {
		o := w.options("evil", w.trustAnother())
		o.Heads = func() []ledger.HeadRef {
			return []ledger.HeadRef{{Log: "gw-0", Seq: 99, SHA256: strings.Repeat("0", 64)}}
		}
		c, err := ledger.OpenChain(ctx, w.s, o)
		require.NoError(w.t, err)
		w.commit(c, ledger.KindOpen)
	}, ledger.CodeLogRewound, confirmed, ""},
	{otherKey, "a checkpoint of more manifests than there are", func(w *world) {
		w.over(ledger.CheckpointKey("gw-0", 9), checkpointOf(w.t, w.trustAnother(), 9))
	}, ledger.CodeForeignCheckpoint, confirmed, ""},

	{encrypter, "the key of some manifests disabled", func(w *world) {
		w.reader = &between{Reader: w.s, denied: func(key string) bool { return slices.Contains(manifests(1, 2, 3, 4), key) }}
	}, ledger.CodeUnreadable, noVerdict, ""},
	{encrypter, "the key of a data object disabled", func(w *world) {
		key := w.data(1, 0)
		w.reader = &between{Reader: w.s, denied: func(have string) bool { return have == key }}
	}, ledger.CodeUnreadable, noVerdict, ""},

	{middle, "a data object changed on its way", func(w *world) { w.reader = &between{Reader: w.s, get: onlyData(flipped(halfway))} }, ledger.CodeObjectAltered, notConfirmed, ""},
	{middle, "another object's content given", func(w *world) {
		other := w.get(w.data(2, 1))
		w.reader = &between{Reader: w.s, get: onlyData(func([]byte) []byte { return other })}
	}, ledger.CodeObjectAltered, notConfirmed, ""},
	{middle, "a manifest left out", func(w *world) { w.reader = hiding(w, ledger.ManifestKey("gw-0", 2)) }, ledger.CodeManifestMissing, notConfirmed, ""},
	{middle, "the newest manifests left out", func(w *world) { w.reader = hiding(w, manifests(3, 4)...) }, ledger.CodeLogRewound, notConfirmed, ""},
	{middle, "a data object left out", func(w *world) { w.reader = hiding(w, w.data(1, 0)) }, ledger.CodeObjectMissing, notConfirmed, ""},
	{middle, "a manifest refused", func(w *world) {
		w.reader = &between{Reader: w.s, denied: func(key string) bool { return key == manifests(2)[0] }}
	}, ledger.CodeUnreadable, noVerdict, ""},
	{middle, "the newest manifests refused", func(w *world) {
		w.reader = &between{Reader: w.s, denied: func(key string) bool { return slices.Contains(manifests(3, 4), key) }}
	}, ledger.CodeUnreadable, noVerdict, ""},
	{middle, "an old state of the bucket shown", func(w *world) {
		w.reader = hiding(w, append(manifests(2, 3, 4), checkpointKey, w.data(2, 0), w.data(2, 1), ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
	}, "", confirmed, "it was true once: `--max-age`, or a checkpoint kept elsewhere, shows its age"},
	{middle, "the same, and the auditor bounds the age", func(w *world) {
		w.reader = hiding(w, append(manifests(2, 3, 4), checkpointKey, w.data(2, 0), w.data(2, 1), ledger.ManifestKey("gw-1", 0), ledger.ManifestKey("gw-1", 1))...)
		w.o.MaxAge, w.o.At = time.Minute, time.Now().Add(time.Hour)
	}, ledger.CodeStaleHead, confirmed, ""},

	{planter, "a log of a key of his own", func(w *world) { w.commit(w.chain("gw-9", newSigner(w.t)), ledger.KindOpen) }, ledger.CodeUnknownLog, confirmed, ""},
	{planter, "a real log under another name", func(w *world) {
		for n := range int64(5) {
			w.over(ledger.ManifestKey("gw-9", n), w.get(ledger.ManifestKey("gw-0", n)))
		}
	}, ledger.CodeUnknownLog, confirmed, ""},

	{sender, "another event's id used", func(w *world) {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: w.lock}, time.Now())
		l, m := line(w.t, "s1", 1)
		b.Add(bytes.Replace(l, []byte(`"n":1`), []byte(`"n":9`), 1), m)
		o, err := b.Finish()
		require.NoError(w.t, err)
		w.store(o.Key, o.Body, w.lock)
		w.commit(w.chain("gw-0", w.signer), ledger.KindBatch, o.Object)
	}, ledger.CodeEventIDReused, confirmed, ""},
	{sender, "a step of a run held back", func(w *world) { w.commit(w.chain("gw-0", w.signer), ledger.KindBatch, w.seal("gw-0", "holed", 2, 3)) }, ledger.CodeStepHole, confirmed, ""},
}

func dropObject(st *ledger.Statement) {
	if len(st.Subject) > 0 {
		st.Subject, st.Predicate.Objects = st.Subject[1:], st.Predicate.Objects[1:]
	}
}

func edited(old, new string) func([][]byte) [][]byte {
	return func(l [][]byte) [][]byte {
		l[1] = bytes.Replace(l[1], []byte(old), []byte(new), 1)
		return l
	}
}

func onlyData(change func([]byte) []byte) func(string, []byte) []byte {
	return func(key string, b []byte) []byte {
		if strings.HasPrefix(key, ledger.DataPrefix) {
			return change(b)
		}
		return b
	}
}

func hiding(w *world, keys ...string) ledger.Reader {
	return &between{Reader: w.s, hidden: func(v ledger.Version) bool { return slices.Contains(keys, v.Key) }}
}

// keep gives the auditor the checkpoint that was kept elsewhere.
func (w *world) keep() {
	c, err := ledger.ParseCheckpoint(w.kept, []ledger.PublicKey{w.key}, nil)
	require.NoError(w.t, err)
	w.o.Checkpoints = append(w.o.Checkpoints, c)
}

// witnessed has a witness cosign the checkpoint of gw-0, which the auditor asks for.
func (w *world) witnessed() {
	w.store(cosignedKey, cosign(w.t, w.kept, w.asks()), minute())
}

// asks has the auditor ask for what a witness cosigned of gw-0.
func (w *world) asks() cosigner {
	by := newCosigner(w.t, "witness.example/w1")
	origin, _, _ := strings.Cut(string(w.kept), "\n")
	vkey, err := ledger.VerifierKey(w.key, origin)
	require.NoError(w.t, err)
	w.o.Witnesses, err = ledger.ParsePolicy([]byte("log " + vkey + "\nwitness w1 " + by.vkey + "\nquorum w1\n"))
	require.NoError(w.t, err)
	return by
}

// lieAtEnd adds a manifest in which something is wrong.
func (w *world) lieAtEnd(lie func(*ledger.Statement)) {
	st := ledger.NewStatement("gw-0", 5, ledger.KindHeartbeat)
	require.NoError(w.t, st.Continue(w.manifest("gw-0", 4)))
	lie(st)
	w.place(st)
}

// verify asks for the whole trail.
func (w *world) verify(r ledger.Reader) *ledger.Report {
	report, _ := ledger.Verify(ctx, r, w.o)
	return report
}

// window asks for the two minutes of manifests 2 and 3.
func (w *world) window() *ledger.Report {
	o := w.o
	o.Since, o.Until = w.began.Add(90*time.Second), w.began.Add(210*time.Second)
	report, _ := ledger.Verify(ctx, w.reader, o)
	return report
}

// copied asks a copy that was pulled after the attack.
func (w *world) copied() *ledger.Report {
	dir := w.t.TempDir()
	require.NoError(w.t, store.Pull(ctx, w.reader, filepath.Join(dir, "copy"), nil))
	d, err := store.OpenDir(filepath.Join(dir, "copy"))
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, d.Close()) }()
	return w.verify(d)
}

// bundled asks a bundle about the session of the third manifest, which was made after the
// attack.
func (w *world) bundled() string {
	var z bytes.Buffer
	_, err := evidence.Prove(ctx, w.reader, evidence.Options{Keys: w.o.Keys, Logs: w.o.Logs, Session: "s2", Checkpoints: w.o.Checkpoints, Witnesses: w.o.Witnesses}, &z)
	if err != nil {
		return "none is made"
	}
	r, _ := evidence.Verify(bytes.NewReader(z.Bytes()), int64(z.Len()), evidence.VerifyOptions{
		Keys: w.o.Keys, Checkpoints: w.o.Checkpoints, Witnesses: w.o.Witnesses, AskWitnesses: w.o.Witnesses != nil,
	})
	said := string(r.Verdict)
	if r.Verdict == ledger.Confirmed && len(r.Conditions) > 0 {
		said += ", if"
	}
	if r.Claim.Kind == evidence.Absence {
		said += " (absence)" // from the logs that it names, and no others
	}
	return said
}

// warned are the codes of what an auditor is shown.
func warned(r *ledger.Report) (codes []string) {
	for _, f := range r.Findings {
		if f.Severity != ledger.SeverityInfo {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// TestTamperMatrix tries every attack on a real bucket, asks for the trail in each way,
// and holds what comes of it against the table in docs/threat-model.md.
func TestTamperMatrix(t *testing.T) {
	server := s3test.Start(t)
	cfg := server.Bucket(t, s3test.BucketOptions{})
	attackers := map[string]bool{}
	var table strings.Builder
	table.WriteString("| who | does | found as | whole | window | copy | bundle |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	rows := 0
	for n, a := range matrix {
		attackers[a.by] = true
		t.Run(a.by+"/"+a.what, func(t *testing.T) {
			w := newWorld(t, server, cfg, n)
			w.reader = w.s
			a.do(w)
			w.o.Keys = append(w.o.Keys, w.key)
			r := w.verify(w.reader)
			require.Equal(t, a.verdict, r.Verdict, "%s %+v", r.Reason, r.Findings)
			codes := warned(r)
			if a.code == "" {
				require.Empty(t, codes)
				require.NotEmpty(t, a.why)
			} else {
				require.Contains(t, codes, a.code)
			}
			if a.code != "" && a.verdict == ledger.Confirmed {
				require.Equal(t, 3, r.ExitCode(true), "a warning, which --strict counts")
			}
			found := "`" + a.code + "`"
			if a.code == "" {
				found = "not found: " + a.why
			}
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s |\n", a.by, a.what, found, r.Verdict, w.window().Verdict, w.copied().Verdict, w.bundled())
			rows++
		})
	}
	require.Greater(t, len(matrix), 100)
	require.Greater(t, len(attackers), 9)
	if rows == len(matrix) { // not only some of them
		document(t, table.String())
	}
}

// document holds the matrix of the document against the one that was tried.
func document(t *testing.T, want string) {
	const begin, end = "<!-- matrix: generated by go test ./ledger -run TamperMatrix -update -->\n", "<!-- end of matrix -->"
	file := filepath.Join("..", "docs", "threat-model.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	have, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o600))
		return
	}
	require.Equal(t, want, have, "run go test ./ledger -run TamperMatrix -update")
}
