package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ChainOptions say how a log is written.
type ChainOptions struct {
	Log     string
	Signer  Signer
	Trusted []PublicKey // further keys whose manifests continue the chain; the signer's own always does
	// Retention is the lock of a manifest that is written now; a manifest of objects
	// that are locked for longer gets theirs.
	Retention func(now time.Time) Retention
	Writer    Writer
	// Heads, if any, gives the newest manifests of other logs that are known.
	Heads func() []HeadRef
	// OnWarning, if any, is told what others did to the log, by the code that
	// verification gives it.
	OnWarning func(code, message string)
	Now       func() time.Time // time.Now if nil
}

// Head is the newest manifest of a log.
type Head struct {
	Seq       int64 // -1 when there is none
	SHA256    string
	WrittenAt time.Time
}

// Chain writes the manifests of one log. It is not safe for concurrent use; any
// number of chains, in any number of processes, may write the same log.
type Chain struct {
	store Store
	o     ChainOptions
	keys  []PublicKey
	head  *link

	retired map[string]int64 // key ids to the place of the manifest that ended their time

	pending *pending        // a manifest that may or may not have been written
	named   map[string]bool // objects named by manifests that others, or a lost answer, wrote
	next    *NextKey        // for the manifest of a rotation
}

// pending is a manifest that was built, once, for its sequence number.
type pending struct {
	kind     Kind
	objects  []Object
	manifest *Manifest
	envelope []byte
}

// OpenChain finds the head of a log and checks it. It writes nothing. It refuses a
// log whose manifests the trusted keys did not sign, or whose head does not continue
// what is before it.
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
	c := &Chain{store: s, o: o, keys: append([]PublicKey{own}, o.Trusted...), named: map[string]bool{}}
	c.head, c.retired, err = findHead(ctx, s, o.Log, c.keys, c.warn)
	if err == nil {
		err = c.rotated()
	}
	return c, err
}

// ErrRotated is the error of a writer whose key was replaced.
var ErrRotated = errors.New("the log's key was replaced")

// rotated is ErrRotated where the time of the signer's own key has ended.
func (c *Chain) rotated() error {
	if by, ok := c.retired[c.keys[0].ID]; ok {
		return fmt.Errorf("%w by manifest %d: configure the new key", ErrRotated, by)
	}
	return nil
}

// Rotate writes the manifest by which the signer's key names its successor. Nothing
// more can be committed with the old key.
func (c *Chain) Rotate(ctx context.Context, next PublicKey) error {
	if next.ID == c.keys[0].ID {
		return errors.New("the new key is the old one")
	}
	c.next = &NextKey{KeyID: next.ID, PublicKey: string(MarshalPublicKey(next.Key))}
	return c.Commit(ctx, KindKeyRotation, nil)
}

// Checkpoint writes the head of the log's tree as a signed note, and then what stamp,
// if any, gives for it: a timestamp. Where there is a checkpoint of this size already,
// it does nothing. An error of stamp comes when the checkpoint is written.
func (c *Chain) Checkpoint(ctx context.Context, stamp func(ctx context.Context, note []byte) ([]byte, error)) error {
	note, err := signCheckpoint(ctx, c.o.Log, c.head.tree, c.o.Signer)
	if err != nil {
		return fmt.Errorf("sign the checkpoint: %w", err)
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

func (c *Chain) warn(code, message string) {
	if c.o.OnWarning != nil {
		c.o.OnWarning(code, message)
	}
}

// Head is the newest manifest that the chain knows of.
func (c *Chain) Head() Head {
	return Head{Seq: c.head.seq, SHA256: c.head.digest, WrittenAt: c.head.at}
}

// Commit writes a manifest that names objects, which must be in the store. When it
// returns nil they are sealed. An error leaves open whether the manifest was
// written: Commit again with the same or other objects settles it first, and names
// no object twice. A manifest is built once for its place and sent again byte for
// byte; only where another manifest took the place is it built anew.
func (c *Chain) Commit(ctx context.Context, kind Kind, objects []Object) error {
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
	if err := c.build(ctx, kind, left); err != nil {
		return err
	}
	return c.write(ctx)
}

// unnamed leaves out the objects that a manifest names already.
func (c *Chain) unnamed(objects []Object) []Object {
	var left []Object
	for _, o := range objects {
		if !c.named[o.Key] {
			left = append(left, o)
		}
	}
	return left
}

// build makes the manifest of the next sequence number.
func (c *Chain) build(ctx context.Context, kind Kind, objects []Object) error {
	if err := c.rotated(); err != nil {
		return err
	}
	st := &Statement{Type: statementType, PredicateType: predicateType, Subject: []Subject{}, Predicate: Predicate{
		Log: c.o.Log, Seq: c.head.seq + 1, Kind: kind, Previous: c.head.digest, WrittenAt: c.o.Now().UTC().Truncate(time.Millisecond),
		Tree: treeHead(c.head.tree), Objects: append([]Object{}, objects...), Heads: []HeadRef{}, Writer: c.o.Writer,
		RotatedAt: c.head.rotated,
	}}
	if kind == KindKeyRotation {
		st.Predicate.NextKey = c.next
	}
	for _, o := range objects {
		st.Subject = append(st.Subject, Subject{Name: o.Key, Digest: map[string]string{"sha256": o.SHA256}})
	}
	if c.o.Heads != nil {
		st.Predicate.Heads = append(st.Predicate.Heads, c.o.Heads()...)
	}
	payload, envelope, err := sign(ctx, st, c.o.Signer)
	if err != nil {
		return err
	}
	c.pending = &pending{
		kind: kind, objects: objects, envelope: envelope,
		manifest: &Manifest{Statement: *st, Payload: payload, Digest: sha256.Sum256(payload), KeyID: c.keys[0].ID},
	}
	return nil
}

// retention locks a manifest as long as the longest-lived data it speaks for.
func (c *Chain) retention(p *pending) Retention {
	r := c.o.Retention(c.o.Now())
	for _, o := range p.objects {
		if o.Retention.Until.After(r.Until) {
			r.Until = o.Retention.Until
		}
		if o.Retention.Mode == Compliance {
			r.Mode = Compliance
		}
	}
	return r
}

// write puts the pending manifest into its place, and builds it anew behind
// manifests of others that took the place first.
func (c *Chain) write(ctx context.Context) error {
	over := "" // the ETag of what squats the place
	for {
		p := c.pending
		key := ManifestKey(c.o.Log, p.manifest.Predicate.Seq)
		id, err := c.store.Put(ctx, key, p.envelope, PutOptions{
			SHA256: sha256.Sum256(p.envelope), IfMatch: over, Retention: c.retention(p), ContentType: "application/json",
		})
		if err != nil && !errors.Is(err, ErrExists) {
			return err
		}
		won := err == nil
		versions, err := c.store.Versions(ctx, key)
		if err != nil {
			return err
		}
		if won && len(versions) == 1 && versions[0].ID == id {
			c.advance(p.manifest)
			return nil
		}
		// The place held something, perhaps under a delete marker. What stands there is
		// the oldest version that verifies and continues the chain.
		there, latest, err := c.standing(ctx, versions)
		switch {
		case err != nil:
			return err
		case there != nil && bytes.Equal(there.Payload, p.manifest.Payload):
			if len(versions) > 1 {
				c.warn(CodeForeignManifest, "wrote over something else at "+key)
			}
			c.advance(p.manifest)
			return nil
		case there != nil:
			c.warn(CodeOtherWriter, fmt.Sprintf("another writer of log %s wrote %s: give each collector a `log` of its own", c.o.Log, key))
			if err := c.adopt(ctx, there); err != nil || c.pending == nil {
				return err
			}
			over = ""
		case latest == nil || latest.DeleteMarker:
			// What refused the write was taken away in the meantime, or the store contradicts
			// itself: the caller's pace, not this loop's.
			return fmt.Errorf("%w: the store refuses %s, where nothing stands", ErrExists, key)
		default:
			c.warn(CodeForeignManifest, "something that does not verify squats "+key)
			over = latest.ETag
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// standing finds the manifest at a place among its versions.
func (c *Chain) standing(ctx context.Context, versions []Version) (there *Manifest, latest *Version, err error) {
	for i := range versions {
		v := &versions[i]
		if v.Latest {
			latest = v
		}
		if v.DeleteMarker || there != nil {
			continue
		}
		body, err := manifestBody(ctx, c.store, *v)
		if err != nil {
			return nil, nil, err
		}
		m, err := ParseManifest(body, c.keys)
		if err != nil || m.Predicate.Log != c.o.Log || m.follows(c.head) != nil {
			continue
		}
		if _, ended := c.retired[m.KeyID]; !ended {
			there = m
		}
	}
	return there, latest, nil
}

// adopt takes another's manifest as the head and builds what is pending behind it.
func (c *Chain) adopt(ctx context.Context, m *Manifest) error {
	p := c.pending
	c.advance(m)
	left := c.unnamed(p.objects)
	if len(p.objects) > 0 && len(left) == 0 {
		return nil
	}
	return c.build(ctx, p.kind, left)
}

// advance makes a manifest the head; nothing is pending any more.
func (c *Chain) advance(m *Manifest) {
	next := c.head.tree.clone()
	c.head = m.linkOn(next)
	if k, err := m.NextKey(); err == nil && k != nil {
		c.retired[m.KeyID] = m.Predicate.Seq
		delete(c.retired, k.ID)
		if !slices.ContainsFunc(c.keys, func(have PublicKey) bool { return have.ID == k.ID }) {
			c.keys = append(c.keys, *k)
		}
	}
	for i := range m.Predicate.Objects {
		c.named[m.Predicate.Objects[i].Key] = true
	}
	if len(c.named) > maxNamed {
		// An object is asked for again only until its commit is known to have succeeded.
		clear(c.named)
		for i := range m.Predicate.Objects {
			c.named[m.Predicate.Objects[i].Key] = true
		}
	}
	c.pending = nil
}

// maxNamed bounds the memory for objects that were named lately.
const maxNamed = 1 << 16
