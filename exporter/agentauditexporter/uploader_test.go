package agentauditexporter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func (p *parts) uploader(next taker) *uploader {
	return &uploader{put: p.putter(), retry: p.retry(), compression: p.cfg.Compression, next: next}
}

// Texts are in the bucket before the object whose lines rely on them, whatever fails; then
// it is passed on, and not finished.
func TestUploader(t *testing.T) {
	p := newParts(t)
	var order []string
	failures := 0
	p.store.Fail = func(key string, done bool) error {
		if !done && failures%3 == 0 || done && failures%3 == 1 {
			failures++
			return errors.New("away")
		}
		if done {
			failures++
			order = append(order, key)
		}
		return nil
	}
	free, passed := make(slots, 1), make(outbox, 1)
	free <- struct{}{}
	o := p.maker().object(kind{}, time.Now(), "", nil)
	o.slot = free
	require.True(t, o.takeLine([]byte("{}"), withTexts("You are careful.", "long")))
	p.uploader(passed).send(context.Background(), o)

	require.Same(t, o, passed.next(t))
	require.Len(t, free, 1)
	require.NotContains(t, order[:len(order)-1], o.sealed.Key)
	keys := p.store.Keys("")
	require.Len(t, keys, 3)
	for i, s := range append(o.attached, o.sealed) {
		body, err := p.store.Get(context.Background(), s.Key, "")
		require.NoError(t, err)
		require.Equal(t, s.Body, body, i)
		versions, err := p.store.Versions(context.Background(), s.Key)
		require.NoError(t, err)
		require.Len(t, versions, 1, "a try after one that took effect writes nothing")
		lock, err := p.store.Retention(context.Background(), s.Key, "")
		require.NoError(t, err)
		require.Equal(t, ledger.Retention{Mode: s.Retention.Mode, Until: s.Retention.Until}, lock)
	}
}

func TestUploaderGivesUpAtTheEnd(t *testing.T) {
	p := newParts(t)
	away := errors.New("away")
	ctx, cancel := context.WithCancel(context.Background())
	tries := 0
	p.store.Fail = func(string, bool) error {
		if tries++; tries == 3 {
			cancel()
		}
		return away
	}
	free, passed := make(slots, 1), make(outbox, 1)
	o := p.object(p.maker(), free, event(0))
	p.uploader(passed).send(ctx, o)
	require.ErrorIs(t, finished(t, o), away)
	require.Empty(t, free)
	require.Empty(t, passed)
}

func TestUploaderFinishesWhatCannotBeBuilt(t *testing.T) {
	p := newParts(t)
	p.cfg.Compression = "lzma"
	o := p.maker().object(kind{}, time.Now(), "", func(*object, error) {})
	_, _ = o.take(lines(t, event(0)), 0)
	p.uploader(make(outbox, 1)).send(context.Background(), o)
	require.ErrorContains(t, finished(t, o), "cannot build an object")
	require.Empty(t, p.store.Keys(""))
}

// A connection that each object has for itself: one that hangs holds up no other.
func TestUploadsAreParallel(t *testing.T) {
	p := newParts(t)
	m := p.maker()
	slow, fast := p.object(m, nil, event(0)), p.object(m, nil, event(1))
	hang := make(chan struct{})
	p.store.Fail = func(key string, _ bool) error {
		if strings.HasSuffix(key, slow.sealed.Key) {
			<-hang
		}
		return nil
	}
	passed := make(outbox, 2)
	u := p.uploader(passed)
	for _, o := range []*object{slow, fast} {
		go u.send(context.Background(), o)
	}
	require.Same(t, fast, passed.next(t))
	close(hang)
	require.Same(t, slow, passed.next(t))
}
