package ledger

import (
	"context"
	"slices"

	"github.com/transparency-dev/merkle/compact"
)

// ErrNoShortcut is the error of ReadPlaces where the log has to be read whole: no checkpoint
// of it is held, or its tiles do not help.
var ErrNoShortcut = errNoShortcut

// Places are some manifests of a log, each proven to be in it.
type Places struct {
	// Manifests are, in their order, the oldest, all rotations, those that were asked for, and
	// all from the newest that the checkpoint speaks of to the end of the log.
	Manifests []*Manifest
	Tree      *ProofTree  // of all manifests of the log
	Keys      []PublicKey // that sign it, in their order
}

// ReadPlaces reads some manifests of a log without the others: those at seqs, and those from
// o.Since to o.Until, where a Since is given, that want wants. It begins with the newest
// checkpoint that the caller holds, or that a quorum of the witnesses that he asks for cosigned
// (R6 of docs/verification.md): what the log's tiles say is believed in nothing, and folded up
// to the root of the checkpoint. What is behind that is walked. What does not hold, or cannot
// be known, is the error, a *Finding.
func ReadPlaces(ctx context.Context, r Reader, o VerifyOptions, log string, seqs []int64, want func(*Manifest) bool) (*Places, error) {
	p := &placesReader{sum: LogReport{Log: log}}
	now, _ := o.times()
	p.w = newWalker(r, log, o.Keys, now, func(f Finding) {
		if (f.Severity == SeverityError || f.Severity == SeverityUnknown) && p.broken == nil {
			p.broken = &f
		}
	})
	p.checks = newChecks(p.w, &p.sum, o)
	defer func() { p.checks.stop() }()
	if o.Witnesses.Asks(log) {
		found, err := NewestCosigned(ctx, r, o.Witnesses, log)
		if err != nil {
			return nil, err
		}
		p.checks.hold(found)
	}
	n := len(p.checks.held)
	if n == 0 || p.checks.held[n-1].Size < 2 {
		return nil, errNoShortcut
	}
	held := p.checks.held
	root := held[n-1]
	p.s = &shortcut{w: p.w, root: root, tiles: NewTiles(r, log, uint64(root.Size))}
	p.s.from, p.w.since, p.w.until = nil, o.Since, o.Until
	steps := []func(context.Context) error{p.s.newest, p.s.rotations, p.s.oldest, p.s.keys}
	if !o.Since.IsZero() {
		steps = append(steps, func(ctx context.Context) error { return p.s.find(ctx, -1, o.Since) }, p.s.fits)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.checks.proven(ctx, p.s); err != nil {
		return nil, err
	}
	if err := p.asked(ctx, seqs); err != nil {
		return nil, err
	}
	if err := p.walk(ctx, want); err != nil {
		return nil, err
	}
	return p.places(held)
}

type placesReader struct {
	w      *walker
	s      *shortcut
	sum    LogReport
	checks *checks
	list   []*Manifest
	behind []*Manifest
	tree   *ProofTree
	broken *Finding
}

// asked reads the manifests before the newest that the checkpoint speaks of.
func (p *placesReader) asked(ctx context.Context, seqs []int64) error {
	p.list = append(p.list, p.s.first)
	p.list = append(p.list, p.s.turns...)
	for _, seq := range seqs {
		switch {
		case slices.ContainsFunc(p.list, func(m *Manifest) bool { return m.Predicate.Seq == seq }) || seq >= p.s.last.Predicate.Seq:
			continue // it is read, or walked over
		case seq < p.s.first.Predicate.Seq:
			return errNoShortcut
		}
		m, err := p.s.leaf(ctx, seq)
		if err == nil {
			err = p.s.signed(m)
		}
		if err != nil {
			return err
		}
		p.list = append(p.list, m)
	}
	p.list = slices.DeleteFunc(p.list, func(m *Manifest) bool { return m.Predicate.Seq >= p.s.last.Predicate.Seq })
	return nil
}

// walk goes through the window, if any, and from the newest manifest that the checkpoint
// speaks of to the end.
func (p *placesReader) walk(ctx context.Context, want func(*Manifest) bool) error {
	w, tail := p.w, p.s.last.Predicate.Seq
	w.anchored = func() bool { return p.checks.agreed }
	w.passed = func(l *link) error { return p.checks.passed(ctx, l) }
	_, before, err := p.s.last.link()
	if err != nil {
		return errNoShortcut
	}
	p.tree = NewProofTree(before.tree)
	p.tree.rest = func(id compact.NodeID) ([]byte, error) { return p.s.tiles.hash(ctx, id) }
	w.accepted = func(m *Manifest) {
		if m.Predicate.Seq >= tail {
			p.tree.Append(m.Payload)
			p.behind = append(p.behind, m)
		}
	}
	w.visit = func(m *Manifest, _ Version, _ *Tree) error {
		if p.broken != nil {
			return p.broken
		}
		if m.Predicate.Seq < tail && want != nil && want(m) {
			p.list = append(p.list, m)
		}
		return nil
	}
	if p.s.from == nil {
		p.s.from = p.s.last
	}
	err = p.s.walk(ctx)
	if err == nil {
		err = w.end()
	}
	if err == nil {
		err = p.checks.rest(ctx)
	}
	if err == nil && p.broken != nil {
		return p.broken
	}
	return err
}

// places checks that all is proven in the tree of the newest manifest, with what the tiles
// say: a proof that does not hold is not given.
func (p *placesReader) places(held []*Checkpoint) (*Places, error) {
	seq := func(m *Manifest) int64 { return m.Predicate.Seq }
	slices.SortStableFunc(p.list, func(a, b *Manifest) int { return int(seq(a) - seq(b)) })
	p.list = append(slices.CompactFunc(p.list, func(a, b *Manifest) bool { return seq(a) == seq(b) }), p.behind...)
	last := &p.list[len(p.list)-1].Predicate
	for _, m := range p.list[:len(p.list)-1] {
		path, err := p.tree.Inclusion(uint64(m.Predicate.Seq), uint64(last.Seq))
		if err != nil {
			return nil, hint(err)
		}
		if CheckPlace(m, last.Seq, path, last.Tree.Root) != nil {
			return nil, errNoShortcut
		}
	}
	for _, c := range held {
		if c.Size >= last.Seq {
			continue // its tree is one that a manifest gives
		}
		path, err := p.tree.Consistency(uint64(c.Size), uint64(last.Seq))
		if err != nil {
			return nil, hint(err)
		}
		if CheckConsistency(uint64(c.Size), uint64(last.Seq), path, c.Root, last.Tree.Root) != nil {
			return nil, errNoShortcut
		}
	}
	out := &Places{Manifests: p.list, Tree: p.tree}
	for _, e := range p.w.epochs {
		for _, k := range p.w.ring.all {
			if k.ID == e.key {
				out.Keys = append(out.Keys, k)
				break
			}
		}
	}
	return out, nil
}
