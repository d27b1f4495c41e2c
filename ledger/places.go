package ledger

import (
	"context"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"
)

// place is a key with all its versions, oldest first, and what they hold.
type place struct {
	versions []Version
	bodies   [][]byte // nil for a delete marker, what is gone, and what is too large
	errs     []error

	weight int64
	read   chan struct{} // closed when bodies are there
}

const (
	// placesAhead bounds how many keys are read ahead: a chain is judged in its order,
	// and a bucket answers one request at a time in some ten milliseconds.
	placesAhead = 16
	// bytesAhead bounds how many bytes that is.
	bytesAhead = maxManifest
)

// places reads the manifests under a prefix, in the order of their keys.
func places(ctx context.Context, r Reader, prefix, after string) iter.Seq2[*place, error] {
	return func(yield func(*place, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		ahead := make(chan *place, placesAhead)
		room := semaphore.NewWeighted(bytesAhead)
		var failed error
		send := func(versions []Version) bool {
			p := &place{versions: versions, bodies: make([][]byte, len(versions)), errs: make([]error, len(versions)), read: make(chan struct{})}
			for _, v := range versions {
				if v.Size <= maxManifest {
					p.weight += v.Size
				}
			}
			p.weight = min(p.weight, bytesAhead)
			if room.Acquire(ctx, p.weight) != nil {
				return false
			}
			select {
			case ahead <- p:
			case <-ctx.Done():
				return false
			}
			reading.Go(func() {
				defer close(p.read)
				for i, v := range versions {
					if !v.DeleteMarker {
						p.bodies[i], p.errs[i] = manifestBody(ctx, r, v)
					}
				}
			})
			return true
		}
		reading.Go(func() {
			defer close(ahead)
			var group []Version
			for v, err := range r.List(ctx, prefix, after) {
				if err != nil {
					failed = err
					return
				}
				if len(group) > 0 && group[0].Key != v.Key {
					if !send(group) {
						return
					}
					group = nil
				}
				group = append(group, v)
			}
			if len(group) > 0 {
				send(group)
			}
		})
		for p := range ahead {
			<-p.read
			ok := yield(p, nil)
			room.Release(p.weight)
			if !ok {
				return
			}
		}
		if failed == nil {
			failed = ctx.Err()
		}
		if failed != nil {
			yield(nil, failed)
		}
	}
}
