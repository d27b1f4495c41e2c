package agentauditexporter

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/spool"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

const (
	// maxPending bounds the objects that are closed and not yet sealed, and with
	// batch::max_bytes the memory that an outage of the bucket takes.
	maxPending = 16
	// startTimeout bounds the requests to the bucket that start makes.
	startTimeout = time.Minute
	// spooledStartTimeout bounds them where there is a spool, and senders wait.
	spooledStartTimeout = 5 * time.Second
	// rememberedPrompts bounds the memory of which prompts a manifest names; one that
	// is forgotten is named again.
	rememberedPrompts = 10_000
)

// sealer turns events into sealed objects, for all exporters of one configuration.
//
//	push ─▶ add ─▶ open object ─▶ seal: close, upload ─▶ commitLoop: one manifest ─▶ done ─▶ push returns
//	              (one a class)   (one goroutine an       for all uploads that
//	                               object)                have finished
//
// With durability spooled, push returns when its events are in the spool, and what
// comes out of the spool goes the same way:
//
//	push ─▶ spool.Append ─▶ push returns
//	        spool.Next ─▶ spoolLoop: objects of a segment ─▶ upload ─▶ commitLoop ─▶ spool.Remove
type sealer struct {
	cfg       *Config
	set       exporter.Settings
	openStore openBucket
	telemetry *metadata.TelemetryBuilder
	status    *status

	// ctx ends when nothing more is to be tried.
	ctx    context.Context
	cancel context.CancelFunc

	startOnce   sync.Once
	startErr    error
	started     bool // start succeeded; the fields up to the next gap are then set
	digest      string
	instance    string // of this process, drawn at its start
	bucket      *watched
	signer      ledger.Signer
	earlier     []ledger.PublicKey // that signed this log before
	watchedKeys []ledger.PublicKey // of other logs
	publicKey   kept
	spool       *spool.Spool // nil unless durability is spooled

	opened atomic.Bool // the log is open; with a spool that may be later than the start
	chain  *ledger.Chain
	named  map[string]bool // objects that an earlier process committed, by key

	closeSigner func()

	flushOnce sync.Once
	flushing  chan struct{} // closed when objects are to be closed whatever their age

	mu      sync.Mutex
	objects map[bool]*object // that take events; those of the quarantine apart
	stopped bool

	taking     context.Context // ends when nothing more is to be taken from the spool
	stopTaking context.CancelFunc

	sealing  sync.WaitGroup                   // one an object
	slots    chan struct{}                    // holds one for each pending object
	uploaded chan *object                     // to commitLoop
	loop     sync.WaitGroup                   // commitLoop
	reading  sync.WaitGroup                   // what reads the spool
	watching sync.WaitGroup                   // watchLoop
	heads    atomic.Pointer[[]ledger.HeadRef] // of other logs, for the next manifest
	told     *[]ledger.HeadRef                // those in the manifest that is being written
	prompts  *lru.Cache[string, time.Time]    // key to the time as of which a manifest named it

	lastCommit  atomic.Int64 // Unix nanoseconds
	unsealed    atomic.Int64 // events
	watchedLogs atomic.Int64 // at the last checkpoint
}

func newSealer(set exporter.Settings, c *Config, open openBucket) (*sealer, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	prompts, err := lru.New[string, time.Time](rememberedPrompts)
	if err != nil {
		return nil, err
	}
	instance := make([]byte, 8)
	_, _ = rand.Read(instance) // never fails
	s := &sealer{
		instance: hex.EncodeToString(instance),
		cfg:      c, set: set, openStore: open, telemetry: telemetry, status: &status{failing: map[string]bool{}},
		flushing: make(chan struct{}),
		objects:  map[bool]*object{},
		slots:    make(chan struct{}, maxPending),
		uploaded: make(chan *object, maxPending),
		prompts:  prompts,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.taking, s.stopTaking = context.WithCancel(s.ctx)
	return s, nil
}

// start opens the log once, for the first of the exporters that share it.
func (s *sealer) start(ctx context.Context, host component.Host) error {
	s.status.add(host)
	s.startOnce.Do(func() {
		tuneGC(s.set.BuildInfo)
		if s.startErr = s.open(ctx); s.startErr != nil {
			s.release()
			if s.spool != nil {
				s.spool.Close()
			}
		}
		s.started = s.startErr == nil
	})
	return s.startErr
}

// open refuses, with an error that says what to do, whatever would let events be
// acknowledged that are not sealed. A bucket that does not answer is no such thing
// where there is a spool: the log is then opened when it does.
func (s *sealer) open(ctx context.Context) error {
	var err error
	if s.earlier, err = loadKeys("signing::earlier_keys", s.cfg.Signing.EarlierKeys); err != nil {
		return err
	}
	if s.watchedKeys, err = loadKeys("signing::watched_keys", s.cfg.Signing.WatchedKeys); err != nil {
		return err
	}
	if s.digest, err = s.cfg.digest(); err != nil {
		return err
	}
	timeout := startTimeout
	if s.cfg.spooled() {
		timeout = spooledStartTimeout
		if err = s.openSpool(); err != nil {
			return err
		}
	}
	if err = s.openKey(ctx, timeout); err != nil && !s.later(err) {
		return err
	}
	b, err := s.openStore(ctx, s.cfg.S3)
	if err != nil {
		return err
	}
	s.bucket = &watched{bucket: b, watch: s.watch("the bucket")}
	s.lastCommit.Store(time.Now().UnixNano())
	if err = s.openLog(ctx, timeout); err != nil && !s.later(err) {
		return err
	}
	if err := s.observe(); err != nil {
		return err
	}
	if err != nil {
		s.set.Logger.Warn("the log cannot be opened yet: events are spooled, and sealed when it can", zap.Error(err))
		s.reading.Go(s.openLater)
		return nil
	}
	s.run()
	return nil
}

// later reports whether an error of opening the log keeps nobody waiting: it passes, and
// there is a spool.
func (s *sealer) later(err error) bool { return s.spool != nil && store.Unavailable(err) }

// openKey opens the key that signs, once.
func (s *sealer) openKey(ctx context.Context, timeout time.Duration) (err error) {
	if s.signer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.signer, s.closeSigner, err = s.openSigner(ctx); err == nil {
		s.publicKey = publicKey(s.signer)
	}
	return err
}

// openLog opens the log in the bucket. It can be called again after an error, and
// goes on where it was.
func (s *sealer) openLog(ctx context.Context, timeout time.Duration) error {
	if err := s.openKey(ctx, timeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.chain == nil {
		if err := s.bucket.Check(ctx, s.cfg.ObjectLock.Mode, time.Duration(s.cfg.ObjectLock.Retention)); err != nil {
			return err
		}
		s.checkLifecycle(ctx)
		host, _ := os.Hostname() // informative
		chain, err := ledger.OpenChain(ctx, s.bucket, ledger.ChainOptions{
			Log:       s.cfg.Log,
			Instance:  s.instance,
			Signer:    s.signer,
			Earlier:   s.earlier,
			Heads:     s.seen,
			Retention: s.retention,
			Writer:    ledger.Writer{Version: s.set.BuildInfo.Version, ConfigSHA256: s.digest, Host: host},
			OnWarning: s.warn,
		})
		if err != nil {
			return fmt.Errorf("cannot continue the log %q: %w", s.cfg.Log, err)
		}
		if s.spool != nil && !s.spool.Oldest().IsZero() {
			if s.named, err = chain.Named(ctx, s.spool.Oldest()); err != nil {
				return fmt.Errorf("cannot read what was last sealed in the log %q: %w", s.cfg.Log, err)
			}
		}
		s.chain = chain
	}
	if s.publicKey.at.IsZero() {
		if err := s.keep(ctx, s.publicKey); err != nil {
			return fmt.Errorf("cannot publish the public key: %w", err)
		}
		s.publicKey.at = time.Now()
	}
	if err := s.chain.Commit(ctx, ledger.KindOpen, nil); err != nil {
		return fmt.Errorf("cannot write the opening manifest of the log %q: %w", s.cfg.Log, err)
	}
	s.committed(ledger.KindOpen, nil)
	s.opened.Store(true)
	s.set.Logger.Info("audit log opened", zap.String("log", s.cfg.Log), zap.Int64("seq", s.chain.Head().Seq), zap.String("key", s.publicKey.key))
	return nil
}

// openLater opens the log when the bucket answers. A mistake that shows only then
// stops the Collector, as it would have kept it from starting.
func (s *sealer) openLater() {
	var mistake error
	err := s.retry(s.taking, func() error {
		err := s.openLog(s.taking, startTimeout)
		if err != nil && !s.later(err) {
			mistake, err = err, nil
		}
		return err
	})
	switch {
	case mistake != nil:
		s.status.fatal(fmt.Errorf("events are spooled and cannot be sealed: %w", mistake))
	case err == nil:
		s.run()
	}
}

// run begins what seals.
func (s *sealer) run() {
	s.loop.Go(s.commitLoop)
	s.watching.Go(s.watchLoop)
	if s.spool != nil {
		s.reading.Go(s.spoolLoop)
	}
}

// release lets go of what open opened, all or part of it.
func (s *sealer) release() {
	if s.bucket != nil {
		s.bucket.Close()
	}
	if s.closeSigner != nil {
		s.closeSigner()
	}
}

// observe has the gauges read from now on.
func (s *sealer) observe() error {
	err := s.telemetry.RegisterAgentauditExporterLastCommitAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(time.Since(time.Unix(0, s.lastCommit.Load())).Seconds())
		return nil
	})
	err = errors.Join(err, s.telemetry.RegisterAgentauditExporterUnsealedEventsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(s.unsealed.Load())
		return nil
	}))
	err = errors.Join(err, s.telemetry.RegisterAgentauditExporterWatchedLogsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(s.watchedLogs.Load())
		return nil
	}))
	if s.spool == nil {
		return err
	}
	return errors.Join(err, s.observeSpool())
}

// retention is the lock of what is written now. Its end is the next midnight
// after the retention, so that whatever is written later on a day is not
// retained for less than what it speaks for.
func (s *sealer) retention(now time.Time) ledger.Retention {
	until := now.UTC().Add(time.Duration(s.cfg.ObjectLock.Retention))
	return ledger.Retention{Mode: s.cfg.ObjectLock.Mode, Until: until.Truncate(day).Add(day)}
}

// warn counts and logs what others did in the bucket; it stops nothing.
func (s *sealer) warn(code, msg string) {
	s.telemetry.AgentauditExporterWarnings.Add(context.Background(), 1, metric.WithAttributes(attribute.String("code", code)))
	s.set.Logger.Warn(msg, zap.String("code", code))
}

// flush closes the objects that take events, and those to come, at once.
func (s *sealer) flush() {
	s.flushOnce.Do(func() {
		close(s.flushing)
		if s.spool != nil {
			s.spool.Flush()
		}
	})
}

// shutdown seals what is pending and writes the closing manifest, until s.ctx
// ends. The exporters are drained by then: no push is under way.
func (s *sealer) shutdown(ctx context.Context) error {
	defer s.telemetry.Shutdown()
	defer s.cancel()
	if !s.started {
		return nil
	}
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	defer s.release()
	if s.spool != nil {
		defer s.closeSpool()
		s.emptySpool(ctx)
		if !s.opened.Load() {
			return nil // a log that was not opened needs no closing manifest
		}
	}
	s.sealing.Wait()
	close(s.uploaded)
	s.loop.Wait()
	err := s.commit(ledger.KindClose, nil)
	if err == nil {
		s.checkpoint()
	}
	s.cancel()
	s.watching.Wait()
	if err != nil {
		return fmt.Errorf("the log %q is left without a closing manifest: %w", s.cfg.Log, err)
	}
	return nil
}
