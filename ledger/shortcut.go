package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// shortcut is how a window is verified without reading the whole log (R6 of
// docs/verification.md): from a checkpoint that the auditor holds. The manifests behind it
// are walked. Those before it, as far as they are needed, are proven by the log's tiles to
// be leaves of its tree: the first, all rotations, and the one before the window.
//
// Without a checkpoint that is held there is none. The newest key may have been replaced,
// and who holds a replaced key can lay a tree of his own behind the log, with tiles: only
// the walk, which meets the rotation, tells the two apart.
type shortcut struct {
	w     *walker
	root  *Checkpoint // that is held, of size manifests
	tiles *Tiles
	first *Manifest   // the oldest
	turns []*Manifest // rotations behind it, in their order
	last  *Manifest   // the newest of the tree
	from  *Manifest   // the newest before the window
}

// errNoShortcut: the log has to be walked. Tiles are hints, and so is what is wrong with
// them.
var errNoShortcut = errors.New("no shortcut")

const (
	// maxTurns bounds how many rotations are followed.
	maxTurns = 256
	// maxVersions bounds how many versions of a manifest are tried.
	maxVersions = 4
)

// shortcut finds the way from a checkpoint to the newest manifest before a time, or to a
// place where from is not negative. It changes the walker's keys: after errNoShortcut, take
// another.
func (w *walker) shortcut(ctx context.Context, held *Checkpoint, from int64, since time.Time) (*shortcut, error) {
	s := &shortcut{w: w, root: held, tiles: NewTiles(w.r, w.log, uint64(held.Size))}
	for _, step := range []func(context.Context) error{
		s.newest, s.rotations, s.oldest, s.keys,
		func(ctx context.Context) error { return s.find(ctx, from, since) },
		s.fits,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// at reads the newest version at a place, of which nothing is believed yet.
func (s *shortcut) at(ctx context.Context, seq int64) (*Manifest, error) {
	return s.version(ctx, ManifestKey(s.w.log, seq), "", seq)
}

func (s *shortcut) version(ctx context.Context, key, id string, seq int64) (*Manifest, error) {
	body, err := s.w.r.Get(ctx, key, id)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
		return nil, errNoShortcut
	}
	if err != nil {
		return nil, err
	}
	m, err := openManifest(body, s.w.ring.all)
	if err != nil || m.malformed || m.version() != 2 || m.Predicate.Log != s.w.log || m.Predicate.Seq != seq {
		return nil, errNoShortcut
	}
	return m, nil
}

// newest finds the last manifest of the tree, among what stands at its place.
func (s *shortcut) newest(ctx context.Context) (err error) {
	s.last, err = s.leaf(ctx, s.root.Size-1)
	return err
}

// leaf finds the manifest of a place that is in the tree: usually the newest version.
func (s *shortcut) leaf(ctx context.Context, seq int64) (*Manifest, error) {
	m, err := s.at(ctx, seq)
	if err == nil {
		err = s.included(ctx, m)
	}
	if !errors.Is(err, errNoShortcut) {
		return m, err
	}
	versions, err := s.w.r.Versions(ctx, ManifestKey(s.w.log, seq))
	if err != nil {
		return nil, err
	}
	for _, v := range versions[:min(len(versions), maxVersions)] {
		if v.DeleteMarker {
			continue
		}
		m, err := s.version(ctx, v.Key, v.ID, seq)
		if err == nil {
			err = s.included(ctx, m)
		}
		if !errors.Is(err, errNoShortcut) {
			return m, err
		}
	}
	return nil, errNoShortcut
}

// rotations follows them back from the newest manifest.
func (s *shortcut) rotations(ctx context.Context) error {
	at, before := s.last.Predicate.RotatedAt, s.last.Predicate.Seq
	for at != nil {
		if *at >= before || len(s.turns) == maxTurns {
			return errNoShortcut
		}
		m, err := s.leaf(ctx, *at)
		if errors.Is(err, errNoShortcut) {
			return nil // it may have expired: keys judges what is left
		}
		if err != nil {
			return err
		}
		s.turns = append([]*Manifest{m}, s.turns...)
		before, at = *at, m.Predicate.RotatedAt
	}
	return nil
}

// oldest finds the first manifest that is there.
func (s *shortcut) oldest(ctx context.Context) (err error) {
	if s.first, err = s.leaf(ctx, 0); !errors.Is(err, errNoShortcut) {
		return err
	}
	for v, err := range s.w.r.List(ctx, ManifestPrefix+s.w.log+"/", "") {
		if err != nil {
			return err
		}
		log, seq, ok := parseManifestKey(v.Key)
		if !ok || log != s.w.log || seq >= s.root.Size {
			return errNoShortcut
		}
		s.first, err = s.leaf(ctx, seq)
		return err
	}
	return errNoShortcut
}

// keys checks who signed what was read: the key that began the log, and those that it and
// its successors named.
func (s *shortcut) keys(context.Context) error {
	w := s.w
	keys := w.beginners(s.first.Predicate.Seq, s.first)
	if len(keys) != 1 {
		return errNoShortcut
	}
	w.epochs = []epoch{{s.first.Predicate.Seq, keys[0]}}
	var rotated *int64
	if s.first.Predicate.Seq > 0 {
		rotated = s.first.Predicate.RotatedAt
	}
	for _, m := range append([]*Manifest{s.first}, append(s.turns, s.last)...) {
		if m.Predicate.Seq < s.first.Predicate.Seq {
			return errNoShortcut
		}
		if err := s.signed(m); err != nil || !equal(m.Predicate.RotatedAt, rotated) {
			return errNoShortcut
		}
		k, err := m.NextKey()
		if err != nil {
			return errNoShortcut
		}
		if k != nil && m != s.last {
			seq := m.Predicate.Seq
			rotated = &seq
			w.learn(&tip{m: m, link: &link{seq: seq, digest: hexDigest(m.Digest)}})
			w.epochs = append(w.epochs, epoch{seq + 1, k.ID})
		}
	}
	for _, e := range w.epochs {
		if w.ring.last(e.key) != "" && !w.pins[e.key] {
			return errNoShortcut // its pinned end is somewhere else
		}
	}
	if s.root.object != "" { // whose key was not known until here
		root, err := ParseCheckpoint(s.root.Note, w.ring.all, nil)
		if err != nil {
			return errNoShortcut
		}
		s.root = root
	}
	if !w.signs(s.root.KeyID, s.root.Size-1) {
		return errNoShortcut
	}
	return nil
}

// signed checks that the key of its place signed a manifest.
func (s *shortcut) signed(m *Manifest) error {
	key := s.w.keyAt(m.Predicate.Seq)
	if m.KeyID == key {
		return nil
	}
	again, err := openManifest(m.Envelope, s.w.ring.all)
	if err != nil || !s.w.signed(&link{seq: -1}, again, key) {
		return errNoShortcut
	}
	m.KeyID = key
	return nil
}

// included proves a manifest in the tree.
func (s *shortcut) included(ctx context.Context, m *Manifest) error {
	seq := uint64(m.Predicate.Seq)
	root, err := hex.DecodeString(s.root.Root)
	if err != nil || seq >= s.tiles.size {
		return errNoShortcut
	}
	path, err := s.tiles.Inclusion(ctx, seq)
	if err != nil {
		return hint(err)
	}
	h := rfc6962.DefaultHasher
	if proof.VerifyInclusion(h, seq, s.tiles.size, h.HashLeaf(m.Payload), path, root) != nil {
		return errNoShortcut
	}
	return nil
}

// extends proves that a smaller tree is the beginning of the one that the tiles go up to.
func (s *shortcut) extends(ctx context.Context, size int64, root string) error {
	if size == s.root.Size {
		if root != s.root.Root {
			return errNoShortcut
		}
		return nil
	}
	path, err := s.tiles.Consistency(ctx, uint64(size))
	if err != nil {
		return hint(err)
	}
	hexes := make([]string, len(path))
	for i := range path {
		hexes[i] = hex.EncodeToString(path[i])
	}
	if CheckConsistency(uint64(size), s.tiles.size, hexes, root, s.root.Root) != nil {
		return errNoShortcut
	}
	return nil
}

// hint passes errors of the store on, and takes all that is wrong with a tile for a hint
// that does not help.
func hint(err error) error {
	if errors.Is(err, errTile) {
		return errNoShortcut
	}
	return err
}

// find looks for the newest manifest before a time, by what the times of others let it
// guess, and by halving where that does not help. Who leads it astray makes it begin too
// early, or not at all: what it ends with is proven.
func (s *shortcut) find(ctx context.Context, from int64, since time.Time) error {
	low, high := s.first, s.last
	if from >= 0 {
		if from <= low.Predicate.Seq || from > high.Predicate.Seq {
			return errNoShortcut
		}
		var err error
		s.from, err = s.leaf(ctx, from)
		return err
	}
	since = since.Add(-maxSkew)
	if !low.SealedAt().Before(since) {
		return errNoShortcut
	}
	if high.SealedAt().Before(since) {
		s.from = high
		return nil
	}
	for guess := true; high.Predicate.Seq-low.Predicate.Seq > 1; guess = !guess {
		m, err := s.at(ctx, between(low, high, since, guess))
		if err != nil {
			return err
		}
		if m.SealedAt().Before(since) {
			low = m
		} else {
			high = m
		}
	}
	s.from = low
	return nil
}

// between is a place between two manifests where one of a time may be.
func between(low, high *Manifest, at time.Time, guess bool) int64 {
	a, b := low.Predicate.Seq, high.Predicate.Seq
	if all := high.SealedAt().Sub(low.SealedAt()); guess && all > 0 {
		part := float64(at.Sub(low.SealedAt())) / float64(all)
		return min(max(a+int64(part*float64(b-a)), a+1), b-1)
	}
	return a + (b-a)/2
}

// fits proves the manifest that the walk is to begin with, and what it says of the tree
// before it.
func (s *shortcut) fits(ctx context.Context) error {
	m := s.from
	if err := s.signed(m); err != nil {
		return err
	}
	if err := s.included(ctx, m); err != nil {
		return err
	}
	if m.Predicate.Seq == 0 {
		return nil
	}
	return s.extends(ctx, m.Predicate.Tree.Size, m.Predicate.Tree.Root)
}

// held proves that the tree goes on from the checkpoints that the auditor holds, as far as
// they are of it, and returns the others.
func (s *shortcut) held(ctx context.Context, list []*Checkpoint) (agreed, others []*Checkpoint, err error) {
	for _, c := range list {
		if uint64(c.Size) > s.tiles.size {
			others = append(others, c)
			continue
		}
		if c.Genesis != "" && c.Genesis != s.genesis() {
			return nil, nil, errNoShortcut
		}
		if err := s.extends(ctx, c.Size, c.Root); err != nil {
			return nil, nil, err
		}
		agreed = append(agreed, c)
	}
	return agreed, others, nil
}

func (s *shortcut) genesis() string {
	if s.first.Predicate.Seq == 0 {
		return hexDigest(s.first.Digest)
	}
	return s.first.Predicate.Genesis
}

// walk goes through the window and to the end of the log.
func (s *shortcut) walk(ctx context.Context) error {
	w := s.w
	w.first, w.expiry, w.start, w.genesis = s.first.Predicate.Seq, s.first.Predicate.PastUntil, s.first.SealedAt(), s.genesis()
	w.others.flush(w.note)
	all := w.epochs
	if err := s.begin(s.from, all); err != nil {
		return err
	}
	reached := false // the newest that the tiles speak of
	passed := w.passed
	w.passed = func(l *link) error {
		if l.seq == s.last.Predicate.Seq {
			if reached = l.digest == hexDigest(s.last.Digest); !reached {
				w.doubt(CodeChainBroken, l.seq, Version{Key: ManifestKey(w.log, l.seq)}, "manifest "+hexDigest(s.last.Digest), "manifest "+l.digest, "the log's key signed two manifests for this place: verify without a window")
				return errEnough
			}
		}
		return passed(l)
	}
	defer func() { w.passed = passed }()
	reached = s.from == s.last
	err := w.onward(ctx, func() bool { return w.past() && w.at.seq < s.last.Predicate.Seq })
	if err != nil || w.stuck {
		return err
	}
	if !reached && w.past() {
		// The window ends before: what was walked is of the log whose newest manifests follow.
		err := s.extends(ctx, w.at.seq+1, hex.EncodeToString(w.at.tree.Root()))
		if err == nil {
			err = s.begin(s.last, all)
		}
		// Where the tiles do not show it, the walk goes on, and does.
		if err != nil && !errors.Is(err, errNoShortcut) {
			return err
		}
		return w.onward(ctx, func() bool { return false })
	}
	return nil
}

// begin takes a manifest that was proven as the newest place.
func (s *shortcut) begin(m *Manifest, all []epoch) error {
	w := s.w
	l, prev, err := m.link()
	switch stated := m.Predicate.Genesis; {
	case err != nil:
		return errNoShortcut
	case m.version() == 1:
		l.genesis = s.genesis()
	case m.Predicate.Seq != s.first.Predicate.Seq && stated != s.genesis() && (stated != "" || s.first.version() > 1):
		return errNoShortcut
	}
	w.epochs = nil
	for _, e := range all {
		if e.from <= m.Predicate.Seq+1 {
			w.epochs = append(w.epochs, e)
		}
	}
	w.at, w.rivals = prev, nil
	return w.commit(&tip{link: l, prev: prev, m: m})
}
