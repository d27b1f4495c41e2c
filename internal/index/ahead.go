package index

import (
	"context"
	"sync"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// maxAhead is how many objects are read at once, and of how many manifests they are kept: a store
// that answers after tens of milliseconds would otherwise be most of an index's time.
const maxAhead = 16

// ahead reads objects before they are asked for.
type ahead struct {
	ledger.Reader
	slots chan struct{}

	mu   sync.Mutex
	keys map[string]*fetched
}

// fetched is an object that is being read.
type fetched struct {
	done     chan struct{}
	versions []ledger.Version
	id       string // of the version whose body was read
	body     []byte
	err      error
}

func newAhead(r ledger.Reader) *ahead {
	return &ahead{Reader: r, slots: make(chan struct{}, maxAhead), keys: map[string]*fetched{}}
}

// want begins to read an object, which must be asked for with use afterwards: it is kept until
// then.
func (a *ahead) want(ctx context.Context, key string) {
	f := &fetched{done: make(chan struct{})}
	a.mu.Lock()
	known := a.keys[key] != nil
	if !known {
		a.keys[key] = f
	}
	a.mu.Unlock()
	if known {
		return
	}
	go func() {
		defer close(f.done)
		a.slots <- struct{}{}
		defer func() { <-a.slots }()
		if f.versions, f.err = a.Versions(ctx, key); f.err != nil {
			return
		}
		for _, v := range f.versions {
			if !v.DeleteMarker {
				// What is not as expected is read again, by who knows what to do then.
				if body, err := a.Get(ctx, key, v.ID); err == nil {
					f.id, f.body = v.ID, body
				}
				return
			}
		}
	}()
}

// use gives a reader of one object, once it was read where it was wanted.
func (a *ahead) use(key string) ledger.Reader {
	a.mu.Lock()
	f := a.keys[key]
	delete(a.keys, key)
	a.mu.Unlock()
	if f == nil {
		return a.Reader
	}
	<-f.done
	return &used{a.Reader, key, f}
}

// used answers from what was read ahead.
type used struct {
	ledger.Reader
	key string
	f   *fetched
}

func (u *used) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	if key != u.key {
		return u.Reader.Versions(ctx, key)
	}
	return u.f.versions, u.f.err
}

func (u *used) Get(ctx context.Context, key, id string) ([]byte, error) {
	if key != u.key || u.f.body == nil || id != u.f.id {
		return u.Reader.Get(ctx, key, id)
	}
	return u.f.body, nil
}
