package agentauditexporter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestObjectTakesWhatFits(t *testing.T) {
	p := newParts(t)
	p.cfg.Batch.MaxEvents = 3
	m := p.maker()
	l := lines(t, numbered(0, 6)...)
	l.Metas[2].Quarantine = true
	o := m.object(kind{}, time.Now(), "", nil)
	n, _ := o.take(l, 0)
	require.Equal(t, 2, n, "up to one of the other class")
	n, _ = o.take(l, 2)
	require.Zero(t, n)
	n, _ = o.take(l, 3)
	require.Equal(t, 1, n, "up to the bound")
	require.False(t, o.takeLine([]byte("{}"), semconv.Meta{}))
	require.NoError(t, o.build())
	require.Equal(t, int64(3), o.sealed.Events)
	sealed := o.sealed
	require.NoError(t, o.build())
	require.Same(t, sealed, o.sealed, "built once")
}

// Texts that are kept apart count as bytes of the object; an empty one takes any.
func TestObjectCountsTexts(t *testing.T) {
	p := newParts(t)
	p.cfg.Batch.MaxBytes = 1000
	o := p.maker().object(kind{}, time.Now(), "", nil)
	long := semconv.Meta{OversizeText: []string{strings.Repeat("x", 2000)}}
	require.True(t, o.takeLine([]byte("{}"), long))
	require.False(t, o.takeLine([]byte("{}"), semconv.Meta{}))
	require.Equal(t, 2000, o.texts.bytes)
}

// Lines are given to the builder in portions, so that closing an object takes no longer
// than the last.
func TestObjectFeedsItsBuilder(t *testing.T) {
	p := newParts(t)
	o := p.maker().object(kind{}, time.Now(), "", nil)
	e := event(0)
	e.OutputText = strings.Repeat("x", feedBytes)
	_, enough := o.take(lines(t, event(1)), 0)
	require.False(t, enough)
	_, enough = o.take(lines(t, e), 0)
	require.True(t, enough)
	o.feed.drain()
	require.Empty(t, o.feed.waiting)
	require.Zero(t, o.feed.bytes)
	require.True(t, o.takeLine([]byte(strings.Repeat("x", feedBytes)), semconv.Meta{}))
	require.Empty(t, o.feed.waiting, "one line that is enough is drained at once")
	require.NoError(t, o.build())
	require.Equal(t, int64(3), o.sealed.Events)
}

// Its maker is told of an object's end before those who wait, and has the slot back.
func TestObjectFinishes(t *testing.T) {
	p := newParts(t)
	for _, want := range []error{nil, errors.New("gone")} {
		free, told := make(slots, 1), 0
		o := p.object(p.maker(), free, event(0))
		o.settled = func(got *object, err error) {
			require.Same(t, o, got)
			require.Equal(t, want, err)
			require.Empty(t, free)
			select {
			case <-o.done:
				require.Fail(t, "too early")
			default:
				told++
			}
		}
		o.finish(want)
		require.Equal(t, want, finished(t, o))
		require.Equal(t, 1, told)
	}
}

// The object of the same lines, time and source has the same key and the same bytes.
func TestObjectIsAFunctionOfItsSource(t *testing.T) {
	p := newParts(t)
	m, at, e := p.maker(), time.Now(), numbered(0, 5)
	built := func(source string) *object {
		o := m.object(kind{}, at, source, nil)
		n, _ := o.take(lines(t, e...), 0)
		require.Equal(t, 5, n)
		require.NoError(t, o.build())
		return o
	}
	first, again := built("spool 1"), built("spool 1")
	require.Equal(t, first.sealed, again.sealed)
	require.NotEqual(t, first.sealed.Key, built("spool 2").sealed.Key)
}
