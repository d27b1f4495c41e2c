package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

const (
	// maxPoolProbes bounds the logs of a pool that a start looks at before it begins another,
	// and maxPoolProbing the time.
	maxPoolProbes  = 64
	maxPoolProbing = 20 * time.Second
	// maxPool bounds the logs of a pool.
	maxPool = 100_000
	// leases is how many heartbeats a writer may miss before its log counts as free.
	leases = 3
)

// pool takes a log that has no writer. The head of a log is its lease: whoever writes the
// next manifest has the log, and the store lets one do that. Nothing else is kept.
type pool struct {
	name   string
	lease  time.Duration // how old the newest manifest is of a log whose writer is gone
	reader ledger.Reader // for looking around
	open   func(ctx context.Context, log string) (*ledger.Chain, error)
	now    func() time.Time
	perm   func(n int) []int // the order in which logs are looked at: rand.Perm
	logger *zap.Logger
}

func (p *pool) log(n int) string { return fmt.Sprintf("%s-%d", p.name, n) }

// take gives a log with its opening manifest, and its name: one whose writer has closed it,
// or was retired, before one whose writer is silent, before a new one.
func (p *pool) take(ctx context.Context) (*ledger.Chain, string, error) {
	size, err := p.size(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list the logs of the pool: %w", err)
	}
	var silent []string
	began := time.Now()
	for i, n := range p.perm(size) {
		if i == maxPoolProbes || time.Since(began) > maxPoolProbing {
			break
		}
		c, err := p.probe(ctx, p.log(n))
		switch {
		case err != nil:
			return nil, "", err
		case c == nil:
			continue
		case !c.Head().Closed:
			if p.silent(c) {
				silent = append(silent, p.log(n))
			}
			continue
		}
		if ok, err := p.begin(ctx, c, p.log(n)); ok || err != nil {
			return c, p.log(n), err
		}
	}
	for _, log := range silent {
		c, err := p.probe(ctx, log)
		if err != nil {
			return nil, "", err
		}
		if c == nil || !c.Head().Closed && !p.silent(c) {
			continue // taken meanwhile
		}
		if ok, err := p.begin(ctx, c, log); ok || err != nil {
			return c, log, err
		}
	}
	return p.another(ctx, size)
}

func (p *pool) silent(c *ledger.Chain) bool { return p.now().Sub(c.Head().At) > p.lease }

// another begins a log that the pool does not have yet, from a number on.
func (p *pool) another(ctx context.Context, from int) (*ledger.Chain, string, error) {
	for n := from; n < maxPool; n++ {
		log := p.log(n)
		if there, err := p.exists(ctx, n); there || err != nil {
			if err != nil {
				return nil, "", fmt.Errorf("cannot list the log %q: %w", log, err)
			}
			continue // another was faster
		}
		c, err := p.open(ctx, log)
		if err != nil {
			return nil, "", fmt.Errorf("cannot begin the log %q: %w", log, err)
		}
		if c.Head().Seq >= 0 {
			continue
		}
		if ok, err := p.begin(ctx, c, log); ok || err != nil {
			return c, log, err
		}
	}
	return nil, "", fmt.Errorf("the pool %q has %d logs, or others hold their names: choose another `log::pool`", p.name, maxPool)
}

// probe opens a log of the pool; nil for one that is left alone: of another key, or one
// that does not hold or may have gone on, which is what its auditor has to see.
func (p *pool) probe(ctx context.Context, log string) (*ledger.Chain, error) {
	c, err := p.open(ctx, log)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		err = c.Sure()
	}
	switch {
	case err != nil:
		p.logger.Warn("a log of the pool is left alone", zap.String("log", log), zap.Error(err))
		return nil, nil
	case c.Head().Seq < 0:
		return nil, nil
	}
	return c, nil
}

// begin writes the opening manifest; false where another has taken the log.
func (p *pool) begin(ctx context.Context, c *ledger.Chain, log string) (bool, error) {
	err := c.Commit(ctx, ledger.KindOpen, nil)
	if errors.Is(err, ledger.ErrTaken) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot write the opening manifest of the log %q: %w", log, err)
	}
	return true, nil
}

// size is a number of which the pool has no log, while it has the one before, in a number of
// requests that grows with its logarithm.
func (p *pool) size(ctx context.Context) (int, error) {
	last, step := -1, 1
	for last+step < maxPool {
		there, err := p.exists(ctx, last+step)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		last, step = last+step, 2*step
	}
	for step > 1 {
		step /= 2
		if last+step >= maxPool {
			continue
		}
		there, err := p.exists(ctx, last+step)
		if err != nil {
			return 0, err
		}
		if there {
			last += step
		}
	}
	return last + 1, nil
}

// exists reports whether anything stands at the manifests of a log.
func (p *pool) exists(ctx context.Context, n int) (bool, error) {
	for _, err := range p.reader.List(ctx, ledger.ManifestPrefix+p.log(n)+"/", "") {
		return err == nil, err
	}
	return false, nil
}
