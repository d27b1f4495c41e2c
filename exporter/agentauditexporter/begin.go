package agentauditexporter

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

const (
	// startTimeout bounds the requests to the bucket that a start makes.
	startTimeout = time.Minute
	// spooledStartTimeout bounds them where there is a spool, and senders wait.
	spooledStartTimeout = 5 * time.Second
)

// begin opens everything. A bucket that does not answer stops no start where there is a
// spool: the log is then opened when it does.
func (e *auditExporter) begin(ctx context.Context) error {
	if err := e.log.prepare(); err != nil {
		return err
	}
	timeout, since := startTimeout, time.Time{}
	if e.cfg.spooled() {
		s, err := openSpooler(e.life, e.maker, e.slots, e.retry, e.report)
		if err != nil {
			return err
		}
		e.intake, e.spooler = s, s
		timeout, since = spooledStartTimeout, s.spool.Oldest()
	}
	if err := e.log.keys.open(ctx, timeout); err != nil && !e.later(err) {
		return err
	}
	if err := e.log.connect(ctx, e.open); err != nil {
		return err
	}
	e.report.lastCommit.Store(time.Now().UnixNano())
	opened := e.log.open(ctx, timeout, since)
	if opened != nil && !e.later(opened) {
		return opened
	}
	if err := e.report.observe(); err != nil {
		return err
	}
	if e.spooler == nil {
		e.intake = newBatcher(e.life, e.maker, e.slots, e.seal(), &e.report.unsealed)
		return nil
	}
	if err := e.spooler.observe(); err != nil {
		return err
	}
	ready := e.openLater
	if opened == nil {
		next := e.seal()
		ready = func(context.Context) (sender, map[string]bool) { return next, e.log.named }
	} else {
		e.report.logger.Warn("the log cannot be opened yet: events are spooled, and sealed when it can", zap.Error(opened))
	}
	e.spooler.start(e.life, ready)
	return nil
}

// later reports whether an error of opening the log keeps nobody waiting: it passes, and
// there is a spool.
func (e *auditExporter) later(err error) bool { return e.spooler != nil && store.Unavailable(err) }

// openLater opens the log when the bucket answers, and gives what seals. A mistake that
// shows only then stops the Collector, as it would have kept it from starting.
func (e *auditExporter) openLater(ctx context.Context) (sender, map[string]bool) {
	var mistake error
	err := e.retry.do(ctx, func() error {
		err := e.log.open(ctx, startTimeout, e.spooler.spool.Oldest())
		if err != nil && !e.later(err) {
			mistake, err = err, nil
		}
		return err
	})
	if mistake != nil {
		e.report.status.fatal(fmt.Errorf("events are spooled and cannot be sealed: %w", mistake))
	}
	if err != nil || mistake != nil {
		return nil, nil
	}
	return e.seal(), e.log.named
}
