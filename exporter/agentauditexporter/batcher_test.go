package agentauditexporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// batching is a batcher that passes on to the test.
type batching struct {
	*parts
	*batcher
	sent outbox
	end  context.CancelFunc
}

func newBatching(t *testing.T, change func(*Config)) *batching {
	p := newParts(t)
	change(p.cfg)
	life, end := context.WithCancel(context.Background())
	b := &batching{parts: p, sent: make(outbox, 100), end: end}
	b.batcher = newBatcher(life, p.maker(), make(slots, 2), b.sent, &p.report.unsealed)
	t.Cleanup(func() {
		end()
		b.drain(context.Background())
	})
	return b
}

// pushing pushes beside the test, and gives the answer.
func (b *batching) pushing(ctx context.Context, events ...*semconv.Event) <-chan error {
	answer := make(chan error, 1)
	l := lines(b.t, events...)
	go func() { answer <- b.push(ctx, l) }()
	return answer
}

// gathered waits until the batcher has so many events.
func (b *batching) gathered(n int64) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.unsealed.Load() == n }, time.Minute, time.Millisecond)
}

func TestBatcherClosesAtABound(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxEvents = 3 })
	answer := b.pushing(context.Background(), numbered(0, 7)...)
	for _, want := range []int{3, 3} {
		o := b.sent.next(t)
		require.Equal(t, want, o.events)
		o.finish(nil)
	}
	b.gathered(1)
	require.Empty(t, b.sent, "the third takes two more")
	require.Empty(t, answer, "and the sender waits for it")
	b.flush()
	o := b.sent.next(t)
	require.Equal(t, 1, o.events)
	require.Empty(t, answer, "also when it is passed on")
	o.finish(nil)
	require.NoError(t, <-answer)
	b.gathered(0)
}

// An object that is just full does not wait for an event that does not fit.
func TestBatcherClosesWhatIsFull(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxEvents = 3 })
	answer := b.pushing(context.Background(), numbered(0, 3)...)
	b.sent.next(t).finish(nil)
	require.NoError(t, <-answer)
}

func TestBatcherClosesAtItsAge(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxAge = time.Millisecond })
	answer := b.pushing(context.Background(), event(0))
	b.sent.next(t).finish(nil)
	require.NoError(t, <-answer)
}

func TestBatcherSharesObjects(t *testing.T) {
	b := newBatching(t, func(*Config) {})
	first, second := b.pushing(context.Background(), event(0)), b.pushing(context.Background(), event(1))
	b.gathered(2)
	b.flush()
	o := b.sent.next(t)
	require.Equal(t, 2, o.events)
	gone := errors.New("gone")
	o.finish(gone)
	require.Equal(t, gone, <-first, "both are told")
	require.Equal(t, gone, <-second)
}

func TestBatcherKeepsClassesApart(t *testing.T) {
	b := newBatching(t, func(*Config) {})
	l := lines(t, numbered(0, 4)...)
	l.Metas[1].Quarantine = true
	answer := make(chan error, 1)
	go func() { answer <- b.push(context.Background(), l) }()
	b.gathered(4)
	b.flush()
	events := map[bool]int{}
	for range 2 {
		o := b.sent.next(t)
		events[o.kind.quarantine] = o.events
		o.finish(nil)
	}
	require.Equal(t, map[bool]int{false: 3, true: 1}, events)
	require.NoError(t, <-answer)
}

// While as many objects are pending as may be, the next one stays open past its age, and
// when it is full senders wait no longer than they want to.
func TestBatcherStaysOpenWhileManyArePending(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxEvents, c.Batch.MaxAge = 3, time.Nanosecond })
	b.slots <- struct{}{}
	b.slots <- struct{}{}
	first := b.pushing(context.Background(), event(0))
	b.gathered(1)
	time.Sleep(10 * time.Millisecond)
	second := b.pushing(context.Background(), event(1), event(2))
	b.gathered(3)
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := <-b.pushing(short, event(3))
	require.EqualError(t, err, "not all events of the request are sealed yet: context deadline exceeded")
	require.Equal(t, int64(3), b.unsealed.Load())
	require.Empty(t, b.sent)

	<-b.slots
	o := b.sent.next(t)
	require.Equal(t, 3, o.events)
	require.Len(t, b.slots, 2, "it holds the slot")
	o.finish(nil)
	require.Len(t, b.slots, 1)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
}

// A sender that goes away leaves its events to be sealed.
func TestBatcherKeepsWhatItTook(t *testing.T) {
	b := newBatching(t, func(*Config) {})
	ctx, leave := context.WithCancel(context.Background())
	answer := b.pushing(ctx, event(0))
	b.gathered(1)
	leave()
	require.EqualError(t, <-answer, "not all events of the request are sealed yet: context canceled")
	b.flush()
	o := b.sent.next(t)
	require.Equal(t, 1, o.events)
	o.finish(nil)
	b.gathered(0)
}

func TestBatcherStops(t *testing.T) {
	b := newBatching(t, func(*Config) {})
	b.slots <- struct{}{}
	b.slots <- struct{}{}
	answer := b.pushing(context.Background(), event(0))
	b.gathered(1)
	b.end()
	require.ErrorIs(t, <-answer, errStopped, "there was no slot before the end")
	require.ErrorIs(t, <-b.pushing(context.Background(), event(1)), errStopped)
	b.gathered(0)
	require.Len(t, b.slots, 2)
	require.Empty(t, b.sent)

	b = newBatching(t, func(*Config) {})
	b.drain(context.Background())
	require.ErrorIs(t, <-b.pushing(context.Background(), event(1)), errStopped)
}
