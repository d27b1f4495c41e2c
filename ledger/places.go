package ledger

import (
	"context"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"
)

// versionsAt is a key with all its versions, oldest first, and what they hold.
type versionsAt struct {
	versions []Version
	bodies   [][]byte // nil for a delete marker, what is gone, and what is too large
	errs     []error

	ahead  bool // they were read ahead: all of them fit
	weight int64
	read   chan struct{} // closed when bodies are there
}

// body is what a version holds. Versions that together are more than is read ahead, which
// anyone can lay at a key, are read one at a time.
func (p *versionsAt) body(ctx context.Context, r Reader, i int) ([]byte, error) {
	if p.ahead {
		return p.bodies[i], p.errs[i]
	}
	return manifestBody(ctx, r, p.versions[i])
}

const (
	// placesAhead bounds how many keys are read ahead: a chain is judged in its order,
	// and a bucket answers one request at a time in some ten milliseconds.
	placesAhead = 16
	// bytesAhead bounds how many bytes that is.
	bytesAhead = maxManifest
)

// places reads the manifests under a prefix, in the order of their keys.
func places(ctx context.Context, r Reader, prefix, after string) iter.Seq2[*versionsAt, error] {
	return func(yield func(*versionsAt, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		ahead := make(chan *versionsAt, placesAhead)
		room := semaphore.NewWeighted(bytesAhead)
		var failed error
		send := func(versions []Version) bool {
			p := newVersionsAt(versions)
			if room.Acquire(ctx, p.weight) != nil {
				return false
			}
			select {
			case ahead <- p:
			case <-ctx.Done():
				return false
			}
			reading.Go(func() { p.readAhead(ctx, r) })
			return true
		}
		reading.Go(func() {
			defer close(ahead)
			failed = byKey(r.List(ctx, prefix, after), send)
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

func newVersionsAt(versions []Version) *versionsAt {
	p := &versionsAt{versions: versions, read: make(chan struct{})}
	for _, v := range versions {
		if v.Size <= maxManifest {
			p.weight += v.Size
		}
	}
	if p.ahead = p.weight <= bytesAhead; !p.ahead {
		p.weight = bytesAhead
	}
	return p
}

func (p *versionsAt) readAhead(ctx context.Context, r Reader) {
	defer close(p.read)
	if !p.ahead {
		return
	}
	p.bodies, p.errs = make([][]byte, len(p.versions)), make([]error, len(p.versions))
	for i, v := range p.versions {
		if !v.DeleteMarker {
			p.bodies[i], p.errs[i] = manifestBody(ctx, r, v)
		}
	}
}

// byKey gives the versions of one key after the other, until f does not want more.
func byKey(list iter.Seq2[Version, error], f func([]Version) bool) error {
	var group []Version
	for v, err := range list {
		if err != nil {
			return err
		}
		if len(group) > 0 && group[0].Key != v.Key {
			if !f(group) {
				return nil
			}
			group = nil
		}
		group = append(group, v)
	}
	if len(group) > 0 {
		f(group)
	}
	return nil
}
