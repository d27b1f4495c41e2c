package agentauditexporter

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// An object is closed as soon as none is on its way: under load it grows until then.
func TestOneObjectAfterTheOther(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxPuts = math.MaxInt32 })
	first := b.pushing(context.Background(), event(0))
	o := b.sent.next(t)
	second, third := b.pushing(context.Background(), event(1)), b.pushing(context.Background(), event(2))
	b.gathered(3)
	require.Empty(t, b.sent)
	o.finish(nil)
	require.NoError(t, <-first)
	o = b.sent.next(t)
	require.Equal(t, 2, o.events, "all that came meanwhile")
	o.finish(errors.New("given up"))
	require.Error(t, <-second)
	require.Error(t, <-third)
	fourth := b.pushing(context.Background(), event(3))
	b.sent.next(t).finish(nil)
	require.NoError(t, <-fourth)
}

// What the bucket is paid for in a second is spent, and then the age is waited for.
func TestPaceHasAPrice(t *testing.T) {
	b := newBatching(t, func(c *Config) { c.Batch.MaxPuts = 3 })
	b.pace.puts.SetLimit(0) // nothing comes in
	b.pushing(context.Background(), event(0))
	b.sent.next(t).finish(nil)
	last := b.pushing(context.Background(), event(1))
	b.gathered(1)
	require.Empty(t, b.sent)
	require.Empty(t, last)
	b.flush()
	b.sent.next(t).finish(nil)
	require.NoError(t, <-last)
}

// Without a price nothing is closed before one of its bounds.
func TestNoPace(t *testing.T) {
	p := newPace(0)
	select {
	case <-p.early(context.Background(), kind{}):
		t.Fatal("it may not")
	default:
	}
	p.begin(kind{}, false)
	p.end(kind{})
}
