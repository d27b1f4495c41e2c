package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// sender has an object uploaded and committed. The object holds a slot, and is finished
// when that is done or ctx has ended.
type sender interface {
	send(ctx context.Context, o *object)
}

// batcher gathers the events of all senders into objects, one a class, and passes each on
// when it is full, old enough, or none is on its way. It stays open past its age until it may be pending: in an
// outage there are few, full objects. With durability sealed it is what takes requests.
type batcher struct {
	life     context.Context // ends when nothing more is to be tried
	maker    *maker
	slots    slots
	pace     *pace
	next     sender
	unsealed *atomic.Int64 // events that are in it, or passed on and not finished

	flushOnce sync.Once
	flushing  chan struct{} // closed when objects are to be closed whatever their age

	mu      sync.Mutex // also guards what is added to open batches
	open    map[kind]*batch
	stopped bool

	sealing sync.WaitGroup // one a batch
}

// batch is an object that takes events.
type batch struct {
	*object
	more     chan struct{} // there is something to drain
	fullOnce sync.Once
	full     chan struct{} // closed when a bound is reached
	closed   chan struct{} // closed when it takes no more events
}

func newBatcher(life context.Context, m *maker, s slots, next sender, unsealed *atomic.Int64) *batcher {
	return &batcher{
		life: life, maker: m, slots: s, pace: newPace(m.cfg.Batch.MaxPuts), next: next, unsealed: unsealed,
		flushing: make(chan struct{}), open: map[kind]*batch{},
	}
}

var errStopped = errors.New("the exporter is stopping")

// push returns nil when the events are sealed. It does not wait longer than ctx; the
// objects are sealed all the same.
func (b *batcher) push(ctx context.Context, l *ledger.Lines) error {
	objects, err := b.add(ctx, l)
	if err != nil {
		return notYet(durabilitySealed, err)
	}
	for _, o := range objects {
		select {
		case <-o.done:
			if o.err != nil {
				return o.err
			}
		case <-ctx.Done():
			return notYet(durabilitySealed, ctx.Err())
		}
	}
	return nil
}

func notYet(durability string, err error) error {
	return fmt.Errorf("not all events of the request are %s yet: %w", durability, err)
}

// add puts events into the batches that are open for their classes, and returns their
// objects. While as many are pending as may be, it waits for one of them, or for ctx. It
// has the memory of the lines from then on.
func (b *batcher) add(ctx context.Context, l *ledger.Lines) (objects []*object, err error) {
	total := len(l.Metas) // once an object has the lines, they are not ours to look at
	for i := 0; i < total; {
		b.mu.Lock()
		if b.stopped || b.life.Err() != nil {
			b.mu.Unlock()
			return objects, errStopped
		}
		o := b.batch(kindOf(&l.Metas[i]))
		took, enough := o.take(l, i)
		if i+took < total && kindOf(&l.Metas[i+took]) == o.kind || !o.fits(0) {
			o.fullOnce.Do(func() { close(o.full) })
		}
		if enough {
			select {
			case o.more <- struct{}{}:
			default:
			}
		}
		b.unsealed.Add(int64(took))
		b.mu.Unlock()
		if took > 0 && !slices.Contains(objects, o.object) {
			objects = append(objects, o.object)
		}
		if i += took; took > 0 {
			continue
		}
		select {
		case <-o.closed:
		case <-ctx.Done():
			return objects, ctx.Err()
		}
	}
	return objects, nil
}

// batch is the one of a class that takes events. b.mu is held.
func (b *batcher) batch(k kind) *batch {
	if o := b.open[k]; o != nil {
		return o
	}
	o := &batch{
		object: b.maker.object(k, time.Now(), "", func(o *object, _ error) {
			b.unsealed.Add(-int64(o.events))
			b.pace.end(o.kind)
		}),
		more: make(chan struct{}, 1), full: make(chan struct{}), closed: make(chan struct{}),
	}
	b.open[k] = o
	b.sealing.Go(func() { b.seal(o) })
	return o
}

// seal takes a batch through its life.
func (b *batcher) seal(o *batch) {
	b.pace.begin(o.kind, b.await(o))
	if !b.slots.take(b.life) {
		b.close(o)
		o.finish(errStopped)
		return
	}
	o.slot = b.slots
	b.close(o)
	b.next.send(b.life, o.object)
}

// await drains a batch until it is due, and reports whether that was by the pace.
func (b *batcher) await(o *batch) (paced bool) {
	ctx, cancel := context.WithCancel(b.life)
	defer cancel()
	early := b.pace.early(ctx, o.kind)
	age := time.NewTimer(o.limits.MaxAge)
	defer age.Stop()
	for {
		select {
		case <-o.more:
			o.feed.drain()
		case <-early:
			return true
		case <-age.C:
			return false
		case <-o.full:
			return false
		case <-b.flushing:
			return false
		case <-b.life.Done():
			return false
		}
	}
}

func (b *batcher) close(o *batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, o.kind)
	close(o.closed)
}

// flush closes the objects that take events, and those to come, at once.
func (b *batcher) flush() { b.flushOnce.Do(func() { close(b.flushing) }) }

// drain refuses what still comes, and returns when the last object was passed on.
func (b *batcher) drain(context.Context) {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.sealing.Wait()
}
