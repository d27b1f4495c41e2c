package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Position is a manifest that a walk through a log has come to, from which another may go on.
type Position struct {
	Seq    int64   `json:"seq"`
	SHA256 string  `json:"sha256"`          // of the payload, hex
	Turns  []int64 `json:"turns,omitempty"` // the rotations up to here, by which its key is known
}

// errNoWay: a position is not one that can be gone on from.
var errNoWay = errors.New("no way on from there")

// Follow calls visit with each manifest of a log that counts, in order, and stands behind a
// position; nil is all of them. It returns the newest position, nil for none. What does not
// hold, or cannot be known, is noted, and the walk goes on behind it.
//
// What stands before the position is not looked at: whoever gave the position is believed that
// it is of the log. So this is for what is derived, and gives no verdict. Where the
// position's manifest is not there any more, the log is walked from its beginning; one that
// is not of the log is an error.
func Follow(ctx context.Context, r Reader, keys []PublicKey, log string, from *Position, note func(Finding), visit func(m *Manifest) error) (*Position, error) {
	f := &follower{ctx: ctx, r: r, log: log, from: from, visit: visit}
	if from != nil {
		f.walk(keys, note)
		err := f.resume()
		if err == nil {
			err = f.w.onward(ctx, func() bool { return false })
			if err == nil && f.w.denied != nil {
				f.w.refusal()
			}
			return f.at, err
		}
		if !errors.Is(err, errNoWay) {
			return nil, err
		}
	}
	f.walk(keys, note)
	err := f.w.walk(ctx)
	switch {
	case err != nil:
		return f.at, err
	case f.w.at == nil && from == nil && !f.w.doubted:
		return nil, errUnknown(f.w)
	case f.other():
		return nil, fmt.Errorf("manifest %d of log %s is not the one that was read before, %s", from.Seq, log, from.SHA256)
	}
	return f.at, nil
}

// follower is a walk that goes on from a position.
type follower struct {
	ctx   context.Context
	r     Reader
	log   string
	from  *Position
	visit func(m *Manifest) error

	w   *walker
	at  *Position
	met bool // the position is of the log
}

func (f *follower) walk(keys []PublicKey, note func(Finding)) {
	f.at, f.met = nil, false
	if f.from != nil {
		at := *f.from
		f.at = &at
	}
	now, _ := (&VerifyOptions{}).times()
	f.w = newWalker(f.r, f.log, keys, now, func(v Finding) {
		if v.Severity == SeverityError || v.Severity == SeverityUnknown {
			note(v)
		}
	})
	f.w.visit = func(m *Manifest, _ Version, _ *Tree) error {
		seq := m.Predicate.Seq
		if f.from != nil && seq <= f.from.Seq {
			f.met = f.met || seq == f.from.Seq && hexDigest(m.Digest) == f.from.SHA256
			return nil
		}
		if f.other() {
			return fmt.Errorf("manifest %d of log %s is not the one that was read before, %s", f.from.Seq, f.log, f.from.SHA256)
		}
		next := &Position{Seq: seq, SHA256: hexDigest(m.Digest)}
		if f.at != nil {
			next.Turns = f.at.Turns
		}
		if k, err := m.NextKey(); err == nil && k != nil {
			next.Turns = append(slices.Clone(next.Turns), seq)
		}
		if err := f.visit(m); err != nil {
			return err
		}
		f.at = next
		return nil
	}
}

// other reports whether the walk came past the position and did not meet it. What has expired
// cannot be met.
func (f *follower) other() bool {
	return f.from != nil && !f.met && (f.w.first < 0 || f.w.first <= f.from.Seq)
}

// resume makes the position the newest place of the walk.
func (f *follower) resume() error {
	w := f.w
	for _, seq := range f.from.Turns {
		err := f.each(seq, func(m *Manifest) bool {
			k, err := m.NextKey()
			if err != nil || k == nil || len(m.signers) == 0 {
				return false
			}
			w.ring.add(*k)
			return true
		})
		if err != nil {
			return err
		}
	}
	var found *Manifest
	err := f.each(f.from.Seq, func(m *Manifest) bool {
		if hexDigest(m.Digest) != f.from.SHA256 || len(m.signers) == 0 {
			return false
		}
		m.KeyID = m.signers[0]
		found = m
		return true
	})
	if err != nil {
		return err
	}
	l, before, err := found.link()
	if err != nil {
		return errNoWay
	}
	visit := w.visit
	w.visit = nil
	defer func() { w.visit = visit }()
	w.at, w.first, f.met = before, 0, true // the beginning is not looked at
	return w.commit(&tip{link: l, prev: before, m: found})
}

// each calls take with the manifests of the log that given keys signed and that stand at a
// place, until it takes one; errNoWay where it takes none.
func (f *follower) each(seq int64, take func(m *Manifest) bool) error {
	versions, err := f.r.Versions(f.ctx, ManifestKey(f.log, seq))
	if err != nil {
		return err
	}
	for _, v := range versions[:min(len(versions), maxVersions)] {
		if v.DeleteMarker {
			continue
		}
		body, err := manifestBody(f.ctx, f.r, v)
		if errors.Is(err, ErrForbidden) || errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		m, err := openManifest(body, f.w.ring.all)
		if err == nil && !m.malformed && m.version() > 0 && m.Predicate.Log == f.log && m.Predicate.Seq == seq && take(m) {
			return nil
		}
	}
	return errNoWay
}
