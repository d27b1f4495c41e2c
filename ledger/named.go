package ledger

import (
	"context"
	"slices"
	"time"
)

// maxNamedManifests bounds how far back Named reads.
const maxNamedManifests = 1000

// Named reads the newest manifests of the chain, back to the time since, and returns the
// keys of the objects that they name. It lets a writer that was stopped between a
// commit and its own note of it see that the commit succeeded.
func (c *Chain) Named(ctx context.Context, since time.Time) (map[string]bool, error) {
	named := map[string]bool{}
	f := &finder{r: c.store, log: c.o.Log, key: c.key, keys: append([]PublicKey{c.key}, c.o.Earlier...)}
	digest := c.head.digest
	for seq := c.head.seq; seq >= 0 && c.head.seq-seq < maxNamedManifests; seq-- {
		list, err := f.at(ctx, seq)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(m *Manifest) bool { return hexDigest(m.Digest) == digest })
		if i < 0 || list[i].Predicate.WrittenAt.Before(since.Add(-maxSkew)) {
			break // expired, a hole, or old enough
		}
		for j := range list[i].Predicate.Objects {
			named[list[i].Predicate.Objects[j].Key] = true
		}
		digest = list[i].Predicate.Previous
	}
	return named, nil
}
