package ledger

import (
	"context"
	"encoding/hex"
	"maps"
)

// later gives the roots of the tree, by the place of its newest manifest, for what the log
// has sealed since it was walked: a log that runs goes on while it is verified, and is not
// cut off for what speaks of that.
func (w *walker) later(ctx context.Context) (map[int64]string, error) {
	roots := map[int64]string{}
	if w.at == nil || w.stuck {
		return roots, nil
	}
	again, ring := *w, *w.ring
	again.ring, again.ended, again.pins = &ring, maps.Clone(w.ended), maps.Clone(w.pins)
	again.note, again.visit, again.accepted, again.began = func(Finding) {}, nil, nil, nil
	again.passed = func(l *link) error {
		roots[l.seq] = hex.EncodeToString(l.tree.Root())
		return nil
	}
	return roots, again.onward(ctx, func() bool { return false })
}
