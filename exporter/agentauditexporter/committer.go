package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// manifests are the log that the committer writes.
type manifests interface {
	Commit(ctx context.Context, kind ledger.Kind, objects []ledger.Object) error
	Checkpoint(ctx context.Context, stamp func(context.Context, []byte) ([]byte, error)) error
	WriteTiles(ctx context.Context, lock func() ledger.Retention) error
	Noted() (note []byte, size int64)
}

// committer names the objects that were uploaded in one manifest after the other, and
// finishes them. What must follow manifests, it does between them: heartbeats, the lock of
// the public key, checkpoints and tiles.
type committer struct {
	cfg    *Config
	name   string // of the log
	log    manifests
	key    *publicKey
	retry  retrier
	report *reporter
	cosign *cosigner // nil where no witness is asked

	uploaded chan *object
	loop     sync.WaitGroup
}

func newCommitter(c *Config, name string, log manifests, key *publicKey, retry retrier, report *reporter) *committer {
	return &committer{cfg: c, name: name, log: log, key: key, retry: retry, report: report, uploaded: make(chan *object, maxPending)}
}

func (c *committer) take(o *object) { c.uploaded <- o }

func (c *committer) start(ctx context.Context) { c.loop.Go(func() { c.run(ctx) }) }

// stop writes manifests for what was taken, and then the closing one. Nothing may be
// taken any more.
func (c *committer) stop(ctx context.Context) error {
	close(c.uploaded)
	c.loop.Wait()
	if c.cosign != nil {
		defer c.cosign.stop()
	}
	err := c.commit(ctx, ledger.KindClose, nil)
	switch {
	case errors.Is(err, ledger.ErrTaken):
		return nil // which was told, and the log is another's
	case err != nil:
		return fmt.Errorf("the log %q is left without a closing manifest: %w", c.name, err)
	}
	c.checkpoint(ctx)
	return nil
}

// run commits until there is nothing more to come, and writes a heartbeat when nothing
// comes.
func (c *committer) run(ctx context.Context) {
	idle := time.NewTimer(c.cfg.Heartbeat)
	defer idle.Stop()
	checkpointed := time.Now()
	for {
		select {
		case o, ok := <-c.uploaded:
			if !ok {
				return
			}
			c.commitAll(ctx, c.gather(o))
		case <-idle.C:
			// The error is the end of ctx, which the next object or stop tells of.
			_ = c.commit(ctx, ledger.KindHeartbeat, nil)
		}
		c.key.refresh(ctx)
		if c.cfg.Checkpoint > 0 && time.Since(checkpointed) >= c.cfg.Checkpoint {
			c.checkpoint(ctx)
			checkpointed = time.Now()
		}
		idle.Reset(c.cfg.Heartbeat)
	}
}

// gather takes along the uploads that have finished by now.
func (c *committer) gather(first *object) []*object {
	list := []*object{first}
	for {
		select {
		case o, ok := <-c.uploaded:
			if !ok {
				return list
			}
			list = append(list, o)
		default:
			return list
		}
	}
}

func (c *committer) commitAll(ctx context.Context, list []*object) {
	err := c.commit(ctx, ledger.KindBatch, describe(list))
	for _, o := range list {
		o.finish(err)
	}
}

// describe is what a manifest says of objects and of the texts that they rely on: a text
// that two of them need once, with the longer lock.
func describe(list []*object) (described []ledger.Object) {
	place := map[string]int{} // of texts
	for _, o := range list {
		for _, text := range o.attached {
			i, ok := place[text.Key]
			switch {
			case !ok:
				place[text.Key] = len(described)
				described = append(described, text.Object)
			case text.Retention.Until.After(described[i].Retention.Until):
				described[i] = text.Object
			}
		}
		described = append(described, o.sealed.Object)
	}
	return described
}

// commit writes a manifest, over and over until it is there or ctx ends. Where another has
// taken the log, nothing can be sealed any more, and the Collector stops: started again, it
// takes another log.
func (c *committer) commit(ctx context.Context, kind ledger.Kind, objects []ledger.Object) error {
	began := time.Now()
	var taken error
	if err := c.retry.do(ctx, func() error {
		err := c.log.Commit(ctx, kind, objects)
		if errors.Is(err, ledger.ErrTaken) {
			taken = err
			return nil
		}
		if ctx.Err() == nil {
			c.report.status.report("the log", refusal(err))
		}
		return err
	}); err != nil {
		return err
	}
	if taken != nil {
		c.report.status.fatal(fmt.Errorf("another has taken the log %q, as it may when this collector is silent for %d heartbeats: what is not sealed was not acknowledged, and a new start takes another log: %w", c.name, leases, taken))
		return taken
	}
	c.report.AgentauditExporterCommitDuration.Record(context.Background(), time.Since(began).Seconds())
	return nil
}

// refusal is an error that stays until someone acts, though the bucket answers: it does not
// give the log to these credentials any more, or another key signs it.
func refusal(err error) error {
	if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, ledger.ErrRotated) {
		return err
	}
	return nil
}

// checkpoint writes the head of the log as a signed note, with a timestamp where an
// authority is configured. A failure costs no event: the next checkpoint says the same
// and more.
func (c *committer) checkpoint(ctx context.Context) {
	if err := c.log.Checkpoint(ctx, stamp(&c.cfg.Timestamp)); err != nil {
		c.report.logger.Warn("the checkpoint, or its timestamp, was not written; the next one speaks for the same manifests", zap.Error(err))
	}
	// Tiles are derived: without them, verification says the same and takes longer.
	if err := c.log.WriteTiles(ctx, ledger.Removable); err != nil {
		c.report.logger.Warn("the tiles of the log were not brought up to date; the next checkpoint does it", zap.Error(err))
	}
	if note, size := c.log.Noted(); c.cosign != nil && note != nil {
		c.cosign.take(round{note, size})
	}
}
