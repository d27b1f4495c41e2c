package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// ChainOptions say how a log is written.
type ChainOptions struct {
	Log    string
	Signer Signer
	// Earlier are the keys that signed this log before the signer's, each of which named the
	// next in a rotation.
	Earlier []PublicKey
	// Retention is the lock of a manifest that is written now; a manifest of objects
	// that are locked for longer gets theirs.
	Retention func(now time.Time) Retention
	Writer    Writer
	// Heads, if any, gives the newest manifests of other logs that are known.
	Heads func() []HeadRef
	// Instance names the process that writes, in manifests of kind open.
	Instance string
	// Alone is set where the log is this writer's until another takes it: the writer does not
	// go on behind another's manifest, but for one that retired the log, and gets ErrTaken.
	Alone bool
	// OnWarning, if any, is told what others did to the log, by the code that
	// verification gives it.
	OnWarning func(code, message string)
	Now       func() time.Time // time.Now if nil

	format int // of the manifests, 2 if 0: tests write version 1
}

// Head is the newest manifest of a log.
type Head struct {
	Seq     int64  // -1 when there is none
	SHA256  string // of its payload, hex
	Genesis string // of the log, hex, where it is known
	At      time.Time
	Closed  bool   // the log has no writer
	Note    []byte // the newest checkpoint, as FindHead finds it; nil for none
}

// Chain writes the manifests of one log. It is not safe for concurrent use; any
// number of chains, in any number of processes, may write the same log.
type Chain struct {
	store Store
	o     ChainOptions
	key   PublicKey
	head  *link

	pending *pending             // a manifest that may or may not have been written
	named   map[string]time.Time // objects that manifests named lately, others' too, with the end of the lock that was promised
	tiles   *TileWriter          // nil until WriteTiles has found what is there
	note    []byte               // the newest checkpoint, of the size noted
	noted   int64
	next    *NextKey // for the manifest of a rotation
	ended   bool     // another ended the log, which this writer has to open again
	taken   error    // ErrTaken, for good
	doubt   string   // why what was found may not be the end of the log
}

// pending is a manifest that was built, once, for its sequence number.
type pending struct {
	kind     Kind
	objects  []Object
	manifest *Manifest
	envelope []byte
	lock     Retention
	behind   *content // what is to follow it: it opens a log that another ended
}

// content is what a manifest is for.
type content struct {
	kind    Kind
	objects []Object
}

// OpenChain finds the head of a log and checks it. It writes nothing. It refuses a log
// whose head does not continue what is before it, or whose key was replaced. What others
// laid at the log's keys it passes over.
func OpenChain(ctx context.Context, s Store, o ChainOptions) (*Chain, error) {
	if !ValidLog(o.Log) {
		return nil, fmt.Errorf("log id %q must match %s", o.Log, logID)
	}
	own, err := NewPublicKey(o.Signer.Public())
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.format == 0 {
		o.format = 2
	}
	c := &Chain{store: s, o: o, key: own, named: map[string]time.Time{}}
	if c.head, err = c.find(ctx); err != nil {
		return nil, err
	}
	return c, c.rotated()
}

// ErrRotated is the error of a writer whose key is not the one that signs its log: it was
// replaced, or it has not yet taken the place of the one before.
var ErrRotated = errors.New("another key signs the log")

// rotated is ErrRotated where another key signs the next place.
func (c *Chain) rotated() error {
	if c.head.key != "" && c.head.key != c.key.ID {
		return fmt.Errorf("%w: from manifest %d on it is key %s: configure that one, or have it name the next (agentaudit key rotate)", ErrRotated, c.head.seq+1, c.head.key)
	}
	return nil
}

// find finds the head, and what speaks against it that it is the end of the log.
func (c *Chain) find(ctx context.Context) (*link, error) {
	c.doubt = ""
	return findHead(ctx, c.store, c.o.Log, c.key, c.o.Earlier, func(code, message string) {
		if code != CodeForeignManifest { // which is nobody's word
			c.doubt = message
		}
		c.warn(code, message)
	})
}

// Rotate writes the manifest by which the signer's key names its successor. Nothing
// more can be committed with the old key.
func (c *Chain) Rotate(ctx context.Context, next PublicKey) error {
	if next.ID == c.key.ID {
		return errors.New("the new key is the old one")
	}
	c.next = &NextKey{KeyID: next.ID, PublicKey: string(MarshalPublicKey(next.Key))}
	return c.Commit(ctx, KindKeyRotation, nil)
}

// Checkpoint writes the head of the log's tree as a signed note, and then what stamp,
// if any, gives for it: a timestamp. Where there is a checkpoint of this size already,
// it does nothing. An error of stamp comes when the checkpoint is written.
func (c *Chain) Checkpoint(ctx context.Context, stamp func(ctx context.Context, note []byte) ([]byte, error)) error {
	note, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	_, err = c.store.Put(ctx, CheckpointKey(c.o.Log, c.head.seq+1), note, PutOptions{
		SHA256: sha256.Sum256(note), Retention: c.o.Retention(c.o.Now()), ContentType: "text/plain; charset=utf-8",
	})
	if errors.Is(err, ErrExists) {
		return nil
	}
	if err != nil || stamp == nil {
		return err
	}
	response, err := stamp(ctx, note)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	_, err = c.store.Put(ctx, TimestampKey(c.o.Log, c.head.seq+1), response, PutOptions{
		SHA256: sha256.Sum256(response), Retention: c.o.Retention(c.o.Now()), ContentType: "application/timestamp-reply",
	})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// Noted is the checkpoint that was signed last, and its size; nil before the first.
func (c *Chain) Noted() (note []byte, size int64) { return c.note, c.noted }

// checkpoint signs the head of the log's tree, once for each size.
func (c *Chain) checkpoint(ctx context.Context) ([]byte, error) {
	if c.note != nil && c.noted == c.head.seq+1 {
		return c.note, nil
	}
	note, err := signCheckpoint(ctx, c.origin(), c.head.tree, c.o.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint: %w", err)
	}
	c.note, c.noted = note, c.head.seq+1
	return note, nil
}

func (c *Chain) warn(code, message string) {
	if c.o.OnWarning != nil {
		c.o.OnWarning(code, message)
	}
}

// Head is the newest manifest that the chain knows of.
func (c *Chain) Head() Head { return c.head.head() }

// origin is that of the log's checkpoints: once it has passed to version 2, whose log it is.
func (c *Chain) origin() string {
	if c.head.version < 2 {
		return origin(c.o.Log, "")
	}
	return origin(c.o.Log, c.head.genesis)
}

// Commit writes a manifest that names objects, which must be in the store. When it
// returns nil they are sealed. An error leaves open whether the manifest was
// written: Commit again with the same or other objects settles it first, and names
// no object twice. A manifest is built once for its place and sent again byte for
// byte; only where another manifest took the place is it built anew.
func (c *Chain) Commit(ctx context.Context, kind Kind, objects []Object) error {
	if c.taken != nil {
		return c.taken
	}
	if c.pending != nil {
		settled := c.pending
		if err := c.write(ctx); err != nil {
			return err
		}
		if kind == settled.kind && len(objects) == 0 && len(settled.objects) == 0 {
			return nil // the very manifest that was asked for
		}
	}
	left := c.unnamed(objects)
	if len(objects) > 0 && len(left) == 0 {
		return nil
	}
	if err := c.build(ctx, content{kind, left}); err != nil {
		return err
	}
	return c.write(ctx)
}

// unnamed leaves out the objects that a manifest names already, with a lock as long: what
// many events rely on is named again when it is locked for longer.
func (c *Chain) unnamed(objects []Object) []Object {
	var left []Object
	for _, o := range objects {
		if until, ok := c.named[o.Key]; !ok || until.Before(o.Retention.Until) {
			left = append(left, o)
		}
	}
	return left
}

// build makes the manifest of the next sequence number: of a log that another ended, the
// one that opens it again, and the one that was asked for behind it.
func (c *Chain) build(ctx context.Context, what content) error {
	if err := c.awake(ctx); err != nil {
		return err
	}
	if err := c.rotated(); err != nil {
		return err
	}
	if !c.ended || what.kind == KindOpen || what.kind.Ends() {
		return c.make(ctx, what)
	}
	if err := c.make(ctx, content{kind: KindOpen}); err != nil {
		return err
	}
	c.pending.behind = &what
	return nil
}

// make makes a manifest for the next sequence number.
func (c *Chain) make(ctx context.Context, what content) error {
	kind, objects := what.kind, what.objects
	st := &Statement{Type: statementType, PredicateType: predicateV2, Subject: []Subject{}, Predicate: Predicate{
		Log: c.o.Log, Genesis: c.head.genesis, Seq: c.head.seq + 1, Kind: kind, Previous: c.head.digest, WrittenAt: c.o.Now().UTC().Truncate(time.Millisecond),
		PastUntil: c.head.pastUntil(), Tree: treeHead(c.head.tree), Objects: append([]Object{}, objects...), Heads: []HeadRef{}, Writer: c.o.Writer,
		RotatedAt: c.head.rotated,
	}}
	p := &st.Predicate
	at, lock := latest(c.head.clock, p.WrittenAt).UTC(), c.retention(objects)
	p.Time, p.Retention = &at, &lock
	if kind == KindOpen {
		p.Instance = c.o.Instance
	}
	if kind == KindKeyRotation {
		p.NextKey = c.next
	}
	for _, o := range objects {
		st.Subject = append(st.Subject, Subject{Name: o.Key, Digest: map[string]string{"sha256": o.SHA256}})
	}
	if c.o.Heads != nil {
		p.Heads = append(p.Heads, c.o.Heads()...)
	}
	if c.o.format == 1 {
		st.PredicateType, p.Genesis, p.Time, p.Retention, p.PastUntil, p.Instance = predicateV1, "", nil, nil, nil, ""
	}
	payload, envelope, err := sign(ctx, st, c.o.Signer)
	if err != nil {
		return err
	}
	c.pending = &pending{
		kind: kind, objects: objects, envelope: envelope, lock: Retention(lock),
		manifest: &Manifest{Statement: *st, Payload: payload, Digest: sha256.Sum256(payload), KeyID: c.key.ID},
	}
	return nil
}

// awake finds the head again where its own lock has run out since this writer wrote: what
// followed it may be there, and it may be gone itself, so that its next place looks free.
func (c *Chain) awake(ctx context.Context) error {
	if c.head.until.IsZero() || c.head.until.After(c.o.Now()) {
		return nil
	}
	head, err := c.find(ctx)
	if err == nil && (head.seq > c.head.seq || head.seq < 0) {
		if c.o.Alone && head.seq > c.head.seq && (head.seq > c.head.seq+1 || head.kind != KindRetire) {
			return c.lost(head.seq)
		}
		c.head, c.tiles, c.ended = head, nil, head.kind.Ends()
	}
	return err
}

// ErrTaken is the error of a writer that is to be alone in its log, or of who would retire
// one, where another goes on in it.
var ErrTaken = errors.New("another writer goes on in the log")

// lost gives the log up to who wrote the manifest at a place.
func (c *Chain) lost(seq int64) error {
	c.taken, c.pending = fmt.Errorf("%w: it wrote %s", ErrTaken, ManifestKey(c.o.Log, seq)), nil
	return c.taken
}

// retention locks a manifest as long as the longest-lived data it speaks for, and no
// shorter than any manifest before it: only a prefix of a log expires.
func (c *Chain) retention(objects []Object) Lock {
	r := c.o.Retention(c.o.Now())
	for _, o := range objects {
		r.Until = latest(r.Until, o.Retention.Until)
		if o.Retention.Mode == Compliance {
			r.Mode = Compliance
		}
	}
	return Lock{Mode: r.Mode, Until: latest(r.Until, c.head.until).UTC().Truncate(time.Second)}
}

// write puts the pending manifest into its place, and builds it anew behind
// manifests of others that took the place first.
func (c *Chain) write(ctx context.Context) error {
	if err := c.overdue(ctx); err != nil {
		return err
	}
	over := "" // the ETag of what squats the place
	for c.pending != nil {
		var err error
		if over, err = c.try(ctx, over); err != nil {
			return err
		}
		if c.pending == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// try puts the pending manifest into its place once, over what squats it. It returns the
// ETag of what squats the place now.
func (c *Chain) try(ctx context.Context, over string) (string, error) {
	p := c.pending
	key := ManifestKey(c.o.Log, p.manifest.Predicate.Seq)
	id, err := c.store.Put(ctx, key, p.envelope, PutOptions{
		SHA256: sha256.Sum256(p.envelope), IfMatch: over, Retention: p.lock, ContentType: "application/json",
	})
	if err != nil && !errors.Is(err, ErrExists) {
		return over, err
	}
	won := err == nil
	versions, err := c.store.Versions(ctx, key)
	if err != nil {
		return over, err
	}
	if won && len(versions) == 1 && versions[0].ID == id {
		return "", c.settle(ctx)
	}
	// The place held something, perhaps under a delete marker. What stands there is
	// the oldest version that verifies and continues the chain.
	there, latest, refused, err := c.standing(ctx, versions)
	if err == nil && there == nil && refused != nil {
		err = c.readBack(ctx, refused)
	}
	switch {
	case err != nil:
		return over, err
	case there != nil:
		return "", c.met(ctx, there, len(versions) > 1)
	case latest == nil || latest.DeleteMarker:
		// What refused the write was taken away in the meantime, or the store contradicts
		// itself: the caller's pace, not this loop's.
		return "", fmt.Errorf("%w: the store refuses %s, where nothing stands", ErrExists, key)
	case refused != nil && p.kind == KindRetire:
		c.pending = nil
		return "", unsure("the store refuses " + key)
	}
	c.warn(CodeForeignManifest, "something that does not verify squats "+key)
	return latest.ETag, nil
}

// met goes on where a manifest of the log stands at the place of the pending one: that
// itself, or another's.
func (c *Chain) met(ctx context.Context, there *Manifest, among bool) error {
	key := ManifestKey(c.o.Log, there.Predicate.Seq)
	switch {
	case bytes.Equal(there.Payload, c.pending.manifest.Payload):
		if among {
			c.warn(CodeForeignManifest, "wrote over something else at "+key)
		}
		return c.settle(ctx)
	case !c.mayFollow(there):
		return c.lost(there.Predicate.Seq)
	case there.Predicate.Kind == KindRetire:
		c.warn(CodeRetired, fmt.Sprintf("log %s was retired while this writer was silent, and is opened again", c.o.Log))
	default:
		c.warn(CodeOtherWriter, fmt.Sprintf("another writer of log %s wrote %s: give each collector a `log` of its own", c.o.Log, key))
	}
	return c.adopt(ctx, there)
}

// overdue settles a manifest whose promised lock has run out before it was known to be
// written: no store takes a lock that is over. Where it is not there it is built anew.
func (c *Chain) overdue(ctx context.Context) error {
	p := c.pending
	if p.lock.Until.IsZero() || p.lock.Until.After(c.o.Now()) {
		return nil
	}
	versions, err := c.store.Versions(ctx, ManifestKey(c.o.Log, p.manifest.Predicate.Seq))
	if err != nil {
		return err
	}
	there, _, _, err := c.standing(ctx, versions)
	switch {
	case err != nil:
		return err
	case there == nil && p.behind != nil:
		return c.build(ctx, *p.behind)
	case there == nil:
		return c.build(ctx, content{p.kind, p.objects})
	case bytes.Equal(there.Payload, p.manifest.Payload):
		return c.settle(ctx)
	case !c.mayFollow(there):
		return c.lost(there.Predicate.Seq)
	}
	return c.adopt(ctx, there)
}

// standing finds the manifest at the next place among its versions; refused is why the
// store does not give one of them.
func (c *Chain) standing(ctx context.Context, versions []Version) (there *Manifest, latest *Version, refused, err error) {
	for i := range versions {
		v := &versions[i]
		if v.Latest {
			latest = v
		}
		if v.DeleteMarker || there != nil {
			continue
		}
		body, err := manifestBody(ctx, c.store, *v)
		if errors.Is(err, ErrForbidden) {
			refused = err
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		m, err := ParseManifest(body, []PublicKey{c.key})
		if err != nil || m.Predicate.Log != c.o.Log || c.head.accepts(m) != nil {
			continue
		}
		there = m
	}
	return there, latest, refused, nil
}

// readBack makes sure that these credentials can read what this log has written: whoever
// lost the right to decrypt it must not take its own next manifest for somebody's garbage.
func (c *Chain) readBack(ctx context.Context, refused error) error {
	if c.head.seq < 0 {
		for v, err := range c.store.List(ctx, ManifestPrefix+c.o.Log+"/", ManifestKey(c.o.Log, 0)) {
			if err != nil {
				return err
			}
			return fmt.Errorf("log %q cannot be read, and goes on (%s): give access to it, or choose a new `log`: %w", c.o.Log, v.Key, refused)
		}
		return nil // at most a manifest that opened the log, and nothing behind it
	}
	key := ManifestKey(c.o.Log, c.head.seq)
	versions, err := c.store.Versions(ctx, key)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, c.store, v)
		if errors.Is(err, ErrForbidden) {
			continue
		}
		if err != nil {
			return err
		}
		if m, _, err := parseEnvelope(body); err == nil && hexDigest(m.Digest) == c.head.digest {
			return nil
		}
	}
	return fmt.Errorf("these credentials cannot read %s, which this log wrote, nor what follows it: %w", key, refused)
}

// mayFollow reports whether this writer goes on behind another's manifest.
func (c *Chain) mayFollow(m *Manifest) bool {
	if c.pending.kind == KindRetire {
		return false // its writer is there
	}
	return !c.o.Alone || m.Predicate.Kind == KindRetire
}

// adopt takes another's manifest as the head and builds what is pending behind it.
func (c *Chain) adopt(ctx context.Context, m *Manifest) error {
	p := c.pending
	what := content{p.kind, p.objects}
	if p.behind != nil {
		what = *p.behind
	}
	c.advance(m)
	c.ended = m.Predicate.Kind.Ends()
	left := c.unnamed(what.objects)
	if len(what.objects) > 0 && len(left) == 0 {
		return nil
	}
	return c.build(ctx, content{what.kind, left})
}

// settle makes the pending manifest, which is there, the head, and builds what is to follow.
func (c *Chain) settle(ctx context.Context) error {
	p := c.pending
	c.advance(p.manifest)
	if p.behind == nil {
		return nil
	}
	left := c.unnamed(p.behind.objects)
	if len(p.behind.objects) > 0 && len(left) == 0 {
		return nil
	}
	return c.build(ctx, content{p.behind.kind, left})
}

// Retire ends the log of a writer that is gone, as seen from outside: a writer that
// comes back opens it again. It writes nothing where it is not known that the log has
// ended (ErrUnsure), nor behind anything that came since the head was found (ErrTaken).
func (c *Chain) Retire(ctx context.Context) error {
	if c.head.seq < 0 || c.head.kind.Ends() {
		return nil
	}
	if err := c.Sure(); err != nil {
		return err
	}
	return c.Commit(ctx, KindRetire, nil)
}

// Sure is ErrUnsure where manifests may have followed the newest that was found: something
// speaks of them, the store refuses what may be one, or they may have expired.
func (c *Chain) Sure() error {
	switch {
	case c.doubt != "":
		return unsure(c.doubt)
	case c.head.seq >= 0 && !c.head.until.After(c.o.Now()):
		return unsure("no lock of its newest manifest is known to run, so that what followed may have expired")
	}
	return nil
}

// ErrUnsure is the error of who would retire a log that may have gone on.
var ErrUnsure = errors.New("whether the log has ended is not known")

func unsure(why string) error { return fmt.Errorf("%w: %s", ErrUnsure, why) }

// advance makes a manifest the head; nothing is pending any more.
func (c *Chain) advance(m *Manifest) {
	c.head = c.head.with(m)
	c.ended = false
	if c.tiles != nil {
		c.tiles.Append(hashLeaf(m.Payload))
	}
	if len(c.named) > maxNamed {
		// An object is asked for again only until its commit is known to have succeeded.
		clear(c.named)
	}
	for i := range m.Predicate.Objects {
		o := &m.Predicate.Objects[i]
		c.named[o.Key] = latest(c.named[o.Key], o.Retention.Until)
	}
	c.pending = nil
}

// maxNamed bounds the memory for objects that were named lately.
const maxNamed = 1 << 16
