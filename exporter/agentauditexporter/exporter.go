package agentauditexporter

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// maxPending bounds the objects that are closed and not yet sealed, and with
// batch::max_bytes the memory that an outage of the bucket takes.
const maxPending = 16

// auditExporter starts and stops what turns events into sealed objects, for all exporters
// of one configuration.
//
//	push ─▶ batcher: an open object a class ─▶ uploader ─▶ committer: one manifest for all ─▶ push returns
//	        (one goroutine an object, which      ▲         uploads that have finished
//	        uploads it when it is closed)        │         (one goroutine)
//	                                             │
//	push ─▶ spooler: a file on disk ─▶ push returns
//	        and from there, in objects of a file ┘ ─▶ committer ─▶ the file is removed
//
// The second way is that of durability spooled. An object knows whom it must tell when it
// is finished.
type auditExporter struct {
	cfg    *Config
	open   openBucket
	report *reporter

	life context.Context // ends when nothing more is to be tried
	end  context.CancelFunc

	startOnce sync.Once
	startErr  error
	started   bool

	classes   *classifier
	maker     *maker
	slots     slots
	retry     retrier
	log       *opening
	intake    intake   // the batcher or the spooler
	spooler   *spooler // nil unless durability is spooled
	committer *committer
	watching  sync.WaitGroup // neighbours
}

// intake takes what is pushed, and passes it on as objects.
type intake interface {
	// push returns nil when the events are what an OK means. It takes ownership of the lines.
	push(ctx context.Context, l *ledger.Lines) error
	// flush has what was taken, and what is to come, passed on at once.
	flush()
	// drain returns when all is passed on that can be before ctx ends. There is no push any more.
	drain(ctx context.Context)
}

func newAuditExporter(set exporter.Settings, c *Config, open openBucket) (*auditExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	report := &reporter{TelemetryBuilder: telemetry, logger: set.Logger, status: &status{failing: map[string]bool{}}}
	known, err := newPrompts(&c.ObjectLock, report.warn)
	if err != nil {
		return nil, err
	}
	classes, err := newClassifier(&c.ObjectLock, report.warn)
	if err != nil {
		return nil, err
	}
	heads := &neighbours{logs: &report.watchedLogs, logger: set.Logger}
	e := &auditExporter{
		cfg: c, open: open, report: report,
		classes: classes,
		maker:   &maker{cfg: c, log: c.Log.Name, prompts: known},
		slots:   make(slots, maxPending),
		retry:   retrier{pace: &c.BackOffConfig, logger: set.Logger},
		log:     newOpening(c, set.BuildInfo, report, heads),
	}
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

// start opens the log once, for the first of the exporters that share it.
func (e *auditExporter) start(ctx context.Context, host component.Host) error {
	e.report.status.add(host)
	e.startOnce.Do(func() {
		if e.startErr = e.begin(ctx); e.startErr != nil {
			e.log.release()
			if e.spooler != nil {
				e.spooler.spool.Close()
			}
		}
		e.started = e.startErr == nil
	})
	return e.startErr
}

// seal begins what seals in the log that is open: what takes objects, and what watches
// other logs beside it.
func (e *auditExporter) seal() sender {
	l := e.log
	e.maker.log = l.name
	e.committer = newCommitter(e.cfg, l.name, l.chain, l.public, e.retry, e.report)
	if l.witnesses != nil {
		e.committer.cosign = newCosigner(&e.cfg.Witness, l.witnesses, l.bucket, l.keys.signer, e.report)
		e.committer.cosign.start(e.life)
	}
	e.committer.start(e.life)
	if e.cfg.Checkpoint > 0 {
		w := newWatcher(e.cfg, l.name, l.bucket, l.keys.watched())
		e.watching.Go(func() { l.heads.watch(e.life, w, e.cfg.Checkpoint) })
	}
	if e.cfg.RetireAfter > 0 {
		r := newRetirer(e.cfg, l)
		e.watching.Go(func() { r.run(e.life) })
	}
	return &uploader{put: l.putter(), retry: e.retry, compression: e.cfg.Compression, next: e.committer}
}

// flush has what is pending sealed at once, and what is to come.
func (e *auditExporter) flush() {
	if e.intake != nil {
		e.intake.flush()
	}
}

// shutdown seals what is pending and writes the closing manifest, until e.life ends. The
// exporters are drained by then: no push is under way.
func (e *auditExporter) shutdown(ctx context.Context) error {
	defer e.report.Shutdown()
	defer e.end()
	if !e.started {
		return nil
	}
	defer e.log.release()
	if e.spooler != nil {
		defer e.spooler.close()
	}
	e.intake.drain(ctx)
	if e.committer == nil {
		return nil // a log that was not opened needs no closing manifest
	}
	err := e.committer.stop(e.life)
	e.end()
	e.watching.Wait()
	return err
}
