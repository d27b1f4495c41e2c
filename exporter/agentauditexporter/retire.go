package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

const (
	// maxRetired bounds the logs that are ended in one look.
	maxRetired = 64
	// maxSilent bounds the memory for logs that may have to be ended, and maxEnded for those
	// that need not be looked at again.
	maxSilent = 4096
	maxEnded  = 1 << 17
)

// retirer ends logs whose writers are gone without a word: those that its own key signs, of
// which it has itself found nothing new for long enough. A clock that is wrong ends none.
type retirer struct {
	scan  *watcher // goes through the bucket
	key   ledger.PublicKey
	open  func(ctx context.Context, log string) (*ledger.Chain, error)
	stamp func(ctx context.Context, c *ledger.Chain) // leaves a checkpoint at the end
	after time.Duration
	tell  func(ledger.HeadRef)   // what the next manifest of this log is to hold
	saw   func(log string) int64 // how far a log had come that this one watched, -1 for none
	log   *zap.Logger

	silent map[string]silence
	ended  map[uint64]struct{} // by log and newest key: it has ended, or is not of this key
	ahead  map[string]int64    // where the end was, of logs that are too long to be listed
	seed   maphash.Seed
}

// silence is how long nothing new was found of a log.
type silence struct {
	head  string // the digest of its newest manifest
	since time.Time
}

// newRetirer makes the retirer of a log that is open.
func newRetirer(c *Config, o *opening) *retirer {
	bucket := o.bucket.quiet()
	own := o.keys.watched()[0]
	scan := newWatcher(c, o.name, o.bucket, []ledger.PublicKey{own})
	return &retirer{
		scan: scan, key: own, after: c.RetireAfter, tell: o.heads.add, saw: o.heads.saw, log: o.report.logger,
		open: func(ctx context.Context, log string) (*ledger.Chain, error) {
			options := o.options(log)
			options.Heads, options.OnWarning = nil, nil
			return ledger.OpenChain(ctx, bucket, options)
		},
		stamp: func(ctx context.Context, c *ledger.Chain) { _ = c.Checkpoint(ctx, nil) },
	}
}

// run looks again and again, until ctx ends.
func (r *retirer) run(ctx context.Context) {
	tick := time.NewTicker(r.after / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		r.look(ctx)
	}
}

// look ends the logs whose time has come, and looks for others that are silent.
func (r *retirer) look(ctx context.Context) {
	if r.silent == nil {
		r.silent, r.ended, r.ahead, r.seed = map[string]silence{}, map[uint64]struct{}{}, map[string]int64{}, maphash.MakeSeed()
	}
	due := slices.Collect(maps.Keys(r.silent))
	r.scan.rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	n := 0
	for _, log := range due {
		if s := r.silent[log]; r.scan.now().Sub(s.since) < r.after {
			continue
		}
		if n++; n > maxRetired || ctx.Err() != nil {
			break
		}
		r.end(ctx, log)
	}
	round := &bounded{Reader: r.scan.store, left: maxRoundRequests}
	for s := range r.scan.around(ctx, round, r.scan.from) {
		r.scan.from = s.log
		if s.log != r.scan.log {
			r.consider(ctx, round, s)
		}
		if round.over() || ctx.Err() != nil {
			return
		}
	}
	r.scan.from = ""
}

// end ends one log, if nothing has come since it was found silent.
func (r *retirer) end(ctx context.Context, log string) {
	was := r.silent[log].head
	c, err := r.open(ctx, log)
	if ctx.Err() != nil {
		return
	}
	if err == nil && c.Head().SHA256 != was {
		delete(r.silent, log)
		return
	}
	if err == nil && r.saw(log) > c.Head().Seq {
		err = fmt.Errorf("%w: this collector has seen manifest %d of it", ledger.ErrUnsure, r.saw(log))
	}
	if err == nil {
		err = c.Retire(ctx)
	}
	switch {
	case err == nil:
		r.stamp(ctx, c)
		head := c.Head()
		r.log.Info("a log whose writer is gone was retired", zap.String("log", log), zap.Int64("seq", head.Seq), zap.Duration("silent", r.after))
		r.tell(ledger.HeadRef{Log: log, Seq: head.Seq, SHA256: head.SHA256})
	case errors.Is(err, ledger.ErrTaken): // its writer is there
	default:
		// It stays in memory, so that it is told once an hour or so and not at every look.
		r.log.Warn("a log is silent and is not retired", zap.String("log", log), zap.Error(err))
		r.silent[log] = silence{was, r.scan.now()}
		return
	}
	delete(r.silent, log)
}

// consider notes a log that the bucket lists, if it is one of this key that is silent and
// has not ended.
func (r *retirer) consider(ctx context.Context, round *bounded, s *sighted) {
	if _, ok := r.silent[s.log]; ok || !r.old(ctx, round, s) {
		return
	}
	id := maphash.String(r.seed, s.log+"\x00"+s.some[2].Key+"\x00"+s.some[2].ID)
	if _, ok := r.ended[id]; ok {
		return
	}
	if s.whole && r.closed(ctx, round, s.some[2]) {
		r.pass(id)
		return
	}
	probe := &bounded{Reader: round, left: maxProbeRequests}
	h, err := ledger.FindHead(ctx, probe, s.log, []ledger.PublicKey{r.key})
	switch {
	case err != nil:
		return
	case h.Seq < 0 || h.Closed:
		if s.whole {
			r.pass(id)
		}
		return
	case !s.whole:
		r.ahead[s.log] = h.Seq
	}
	if r.scan.now().Sub(h.At) > r.after && len(r.silent) < maxSilent {
		r.silent[s.log] = silence{h.SHA256, r.scan.now()}
	}
}

// old reports whether the store took the newest that it lists of a log long ago, or whether
// that is not known yet.
func (r *retirer) old(ctx context.Context, round *bounded, s *sighted) bool {
	newest := s.newest
	if at, ok := r.ahead[s.log]; ok && !s.whole {
		n := 0
		for v, err := range round.List(ctx, ledger.ManifestPrefix+s.log+"/", ledger.ManifestKey(s.log, max(at-1, 0))) {
			if n++; err != nil || n == pageSize {
				delete(r.ahead, s.log) // the end is to be found again
				return false
			}
			if v.LastModified.After(newest) {
				newest = v.LastModified
			}
		}
	} else if !s.whole {
		return true
	}
	return r.scan.now().Sub(newest) > r.after
}

// closed reports whether a version is a manifest of this key that ends its log.
func (r *retirer) closed(ctx context.Context, round *bounded, v ledger.Version) bool {
	if v.DeleteMarker || v.Size > maxSample {
		return false
	}
	body, err := round.Get(ctx, v.Key, v.ID)
	if err != nil {
		return false
	}
	m, err := ledger.ParseManifest(body, []ledger.PublicKey{r.key})
	return err == nil && ledger.ManifestKey(m.Predicate.Log, m.Predicate.Seq) == v.Key && m.Predicate.Kind.Ends()
}

func (r *retirer) pass(id uint64) {
	if len(r.ended) >= maxEnded {
		clear(r.ended)
	}
	r.ended[id] = struct{}{}
}
