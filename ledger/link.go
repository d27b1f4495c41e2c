package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// link is a place in a chain: what the manifests up to it give for the next one.
type link struct {
	seq    int64 // -1 before the first manifest
	digest string
	// genesis is the digest of manifest 0: "" before it, and where it is not known.
	genesis string
	version int // of the format of the manifest here; 0 before the first
	tree    *Tree
	at      time.Time // the latest time up to here
	// clock is the time of the manifest here, which in version 1 may be before at: writers
	// that go over to version 2 know no other.
	clock time.Time
	kind  Kind
	// until is the latest lock up to here. It is zero where it is not known, since a manifest
	// of version 1 did not say.
	until   time.Time
	rotated *int64 // the place of the newest rotation up to here
	// key is the id of the key that signs the next place; "" before the first.
	key string
}

func noLink() *link { return &link{seq: -1, tree: NewTree()} }

// link is the place of a manifest, and the one before it, for which its own word is taken.
func (m *Manifest) link() (at, before *link, err error) {
	if m.malformed {
		return nil, nil, errMalformed
	}
	t, err := m.tree()
	if err != nil {
		return nil, nil, err
	}
	p := &m.Predicate
	before = &link{seq: p.Seq - 1, digest: p.Previous, genesis: p.Genesis, version: m.version(), tree: t, at: m.SealedAt(), clock: m.SealedAt(), rotated: p.RotatedAt, key: m.KeyID}
	if p.PastUntil != nil {
		before.until = *p.PastUntil
	}
	if p.Seq == 0 {
		before.version = 0
	}
	return before.with(m), before, nil
}

// with is the place of a manifest on what was before it, whether or not it fits.
func (l *link) with(m *Manifest) *link {
	p := &m.Predicate
	next := &link{
		seq: p.Seq, digest: hexDigest(m.Digest), genesis: l.genesis, version: m.version(), tree: l.tree.clone(), at: m.SealedAt(), clock: m.SealedAt(),
		kind: p.Kind, rotated: l.rotated, key: m.KeyID,
	}
	next.tree.Append(m.Payload)
	if next.at.Before(l.at) {
		next.at = l.at
	}
	switch {
	case p.Seq == 0:
		next.genesis = next.digest
	case next.version > 1 && (l.genesis == "" || l.version == 1):
		next.genesis = p.Genesis // "" where the log passed from version 1 without knowing it
	}
	if p.Retention != nil && (l.version > 1 || l.version == 0) && (l.seq < 0 || !l.until.IsZero()) {
		next.until = latest(l.until, p.Retention.Until)
	}
	if k, err := m.NextKey(); err == nil && k != nil {
		next.rotated, next.key = &p.Seq, k.ID
	}
	return next
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// pastUntil is what the next manifest says of the locks before it.
func (l *link) pastUntil() *time.Time {
	if l.until.IsZero() {
		return nil
	}
	return &l.until
}

// accepts checks that a manifest continues the chain after a place (R3 of
// docs/verification.md). Who may sign it is the caller's question.
func (l *link) accepts(m *Manifest) error {
	p := &m.Predicate
	switch {
	case m.malformed:
		return errMalformed
	case p.Seq != l.seq+1:
		return fmt.Errorf("sequence number %d after %d", p.Seq, l.seq)
	case m.version() < l.version:
		return fmt.Errorf("a manifest of version %d after one of version %d", m.version(), l.version)
	case p.Previous != l.digest:
		return fmt.Errorf("`previous` is %q, the manifest before has the digest %q", p.Previous, l.digest)
	case p.Tree.Size != int64(l.tree.Size()) || p.Tree.Root != hex.EncodeToString(l.tree.Root()):
		return fmt.Errorf("`tree` is %d/%s, the manifests before give %d/%s", p.Tree.Size, p.Tree.Root, l.tree.Size(), hex.EncodeToString(l.tree.Root()))
	case (m.version() > 1 || p.RotatedAt != nil) && !equal(p.RotatedAt, l.rotated): // the first writers of version 1 did not say
		return fmt.Errorf("`rotated_at` is %s, the manifests before give %s", place(p.RotatedAt), place(l.rotated))
	}
	if _, err := m.tree(); err != nil {
		return err
	}
	if p.Kind == KindKeyRotation {
		if _, err := m.NextKey(); err != nil {
			return fmt.Errorf("a rotation that names no key: %w", err)
		}
	}
	if m.version() == 1 {
		return nil
	}
	return l.promises(p)
}

// another reports whether a manifest of version 2 that states a genesis ("" for none) is of
// another log than what is before it. A log that passes from version 1 to 2 does not know its
// genesis where manifest 0 has expired, and never states one.
func (l *link) another(genesis string) bool {
	unknown := l.version == 1 && (l.genesis == "" || genesis == "")
	return genesis != l.genesis && !unknown
}

// promises checks what version 2 adds.
func (l *link) promises(p *Predicate) error {
	if l.another(p.Genesis) {
		return fmt.Errorf("`genesis` is %q, the log's is %q", p.Genesis, l.genesis)
	}
	if want := latest(l.clock, p.WrittenAt); !p.Time.Equal(want) {
		return fmt.Errorf("`time` is %s, the later of `written_at` and the time before is %s", stamp(*p.Time), stamp(want))
	}
	if !equalTime(p.PastUntil, l.pastUntil()) {
		return errors.New("`past_until` is not the latest lock of the manifests before")
	}
	if p.PastUntil != nil && p.Retention.Until.Before(*p.PastUntil) {
		return fmt.Errorf("its lock until %s is shorter than one before, until %s", stamp(p.Retention.Until), stamp(*p.PastUntil))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func equal(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func equalTime(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }

func place(seq *int64) string {
	if seq == nil {
		return "none"
	}
	return strconv.FormatInt(*seq, 10)
}
