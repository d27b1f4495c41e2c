package agentauditexporter

import (
	"context"
	"crypto/rand"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// neighbours are the heads of other logs on their way into the next manifest of this one.
// Only what a key signed that is watched is noted: nobody else can have this log accuse
// another.
type neighbours struct {
	heads  atomic.Pointer[[]ledger.HeadRef] // for the next manifest
	told   *[]ledger.HeadRef                // those in the manifest that is being written, of who writes it
	logs   *atomic.Int64                    // how many were seen
	logger *zap.Logger

	mu     sync.Mutex
	newest map[string]int64 // the places of heads that were noted, by log
}

// seen are the heads that no manifest holds yet.
func (n *neighbours) seen() []ledger.HeadRef {
	if n.told = n.heads.Load(); n.told != nil {
		return *n.told
	}
	return nil
}

// noted is told that a manifest holds what seen gave.
func (n *neighbours) noted() { n.heads.CompareAndSwap(n.told, nil) }

// add notes a head that the next manifest is to hold besides.
func (n *neighbours) add(h ledger.HeadRef) {
	for {
		before := n.heads.Load()
		var heads []ledger.HeadRef
		if before != nil {
			heads = slices.Clone(*before)
		}
		heads = append(heads, h)
		if n.heads.CompareAndSwap(before, &heads) {
			return
		}
	}
}

// watch looks at other logs now and then, until ctx ends.
func (n *neighbours) watch(ctx context.Context, w *watcher, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		n.look(ctx, w)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look notes the heads that a watcher finds. They replace those that no manifest holds yet.
func (n *neighbours) look(ctx context.Context, w *watcher) {
	heads, logs, err := w.look(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		n.logger.Warn("the heads of other logs could not all be read and will be again at the next checkpoint", zap.Error(err))
	}
	n.logs.Store(int64(logs))
	n.remember(heads)
	if len(heads) > 0 {
		n.heads.Store(&heads)
	}
}

// remember keeps how far logs had come.
func (n *neighbours) remember(heads []ledger.HeadRef) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.newest == nil || len(n.newest) > maxSilent {
		n.newest = map[string]int64{}
	}
	for _, h := range heads {
		n.newest[h.Log] = max(n.newest[h.Log], h.Seq)
	}
}

// saw is how far a log had come when it was last noted, -1 where that is not known.
func (n *neighbours) saw(log string) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if seq, ok := n.newest[log]; ok {
		return seq
	}
	return -1
}

// newWatcher makes the watcher of a log for a bucket and the keys that it watches.
func newWatcher(c *Config, log string, b *watched, keys []ledger.PublicKey) *watcher {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &watcher{
		store: b.quiet(),
		log:   log,
		keys:  keys,
		alive: max(minAlive, 3*c.Checkpoint, 3*c.Heartbeat),
		now:   time.Now,
		rand:  mrand.New(mrand.NewChaCha8(seed)), //nolint:gosec // ChaCha8 of a random seed: nobody can foresee it
	}
}
