package agentauditexporter

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// A head is in the next manifest, and in no other; one that is seen while that is written
// waits for the one after it.
func TestNeighboursAreNotedOnce(t *testing.T) {
	f := newFleet(t)
	f.write("mine", f.own, 0, open, beat)
	n := &neighbours{logs: new(atomic.Int64), logger: zap.NewNop()}
	w := f.watcher(1)
	require.Empty(t, n.seen())
	n.noted()
	n.look(context.Background(), w)
	require.Equal(t, int64(1), n.logs.Load())
	first := n.seen()
	require.Len(t, first, 1)
	require.Equal(t, int64(1), first[0].Seq)
	require.Equal(t, first, n.seen(), "also at a second try")

	f.write("mine", f.own, 0, open) // is restarted meanwhile
	n.look(context.Background(), w)
	n.noted()
	second := n.seen()
	require.Len(t, second, 1)
	require.Equal(t, int64(2), second[0].Seq)
	n.noted()
	require.Empty(t, n.seen())
}

// away is a store that does not answer.
type away struct{ ledger.Reader }

func (away) List(context.Context, string, string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		yield(ledger.Version{}, &http.RequestSendError{Err: errors.New("away")})
	}
}

func TestNeighboursSurviveAnOutage(t *testing.T) {
	f := newFleet(t)
	f.write("mine", f.own, 0, open)
	core, logs := observer.New(zap.WarnLevel)
	n := &neighbours{logs: new(atomic.Int64), logger: zap.New(core)}
	n.look(context.Background(), f.watcher(1))
	w := f.watcher(1)
	w.store = away{f.Store}
	n.look(context.Background(), w)
	require.Equal(t, 1, logs.Len())
	require.Zero(t, n.logs.Load())
	require.Len(t, n.seen(), 1, "what was seen before is told all the same")
}

// It looks at once and at every tick, until the end.
func TestNeighboursAreWatched(t *testing.T) {
	f := newFleet(t)
	f.write("mine", f.own, 0, open)
	n := &neighbours{logs: new(atomic.Int64), logger: zap.NewNop()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { n.watch(ctx, f.watcher(1), time.Millisecond); close(ended) }()
	for range 3 {
		require.Eventually(t, func() bool { return n.seen() != nil }, time.Minute, time.Millisecond)
		n.noted()
	}
	cancel()
	<-ended
}
