package agentauditexporter

import (
	"context"
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
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

const (
	// maxPending bounds the objects that are closed and not yet sealed, and with
	// batch::max_bytes the memory that an outage of the bucket takes.
	maxPending = 16
	// startTimeout bounds the requests to the bucket that start makes.
	startTimeout = time.Minute
	// rememberedPrompts bounds the memory of which prompts are in the bucket;
	// one that is forgotten costs a request.
	rememberedPrompts = 10_000
)

// sealer turns events into sealed objects, for all exporters of one configuration.
//
//	push ─▶ add ─▶ open object ─▶ seal: close, upload ─▶ commitLoop: one manifest ─▶ done ─▶ push returns
//	              (one a class)   (one goroutine an       for all uploads that
//	                               object)                have finished
type sealer struct {
	cfg       *Config
	set       exporter.Settings
	openStore openBucket
	telemetry *metadata.TelemetryBuilder
	status    *status

	// ctx ends when nothing more is to be tried.
	ctx    context.Context
	cancel context.CancelFunc

	startOnce sync.Once
	startErr  error
	started   bool // start succeeded; the fields up to the next gap are then set
	bucket    *watched
	chain     *ledger.Chain
	signer    ledger.Signer
	trusted   []ledger.PublicKey
	publicKey kept

	closeSigner func()

	flushOnce sync.Once
	flushing  chan struct{} // closed when objects are to be closed whatever their age

	mu      sync.Mutex
	objects map[bool]*object // that take events; those of the quarantine apart
	stopped bool

	sealing  sync.WaitGroup                   // one an object
	slots    chan struct{}                    // holds one for each pending object
	uploaded chan *object                     // to commitLoop
	loop     sync.WaitGroup                   // commitLoop
	watching sync.WaitGroup                   // watchLoop
	heads    atomic.Pointer[[]ledger.HeadRef] // of other logs, for the next manifest
	told     *[]ledger.HeadRef                // those in the manifest that is being written
	prompts  *lru.Cache[string, time.Time]    // key to the time it was last seen to in the bucket

	lastCommit atomic.Int64 // Unix nanoseconds
	unsealed   atomic.Int64 // events
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
	s := &sealer{
		cfg: c, set: set, openStore: open, telemetry: telemetry, status: &status{failing: map[string]bool{}},
		flushing: make(chan struct{}),
		objects:  map[bool]*object{},
		slots:    make(chan struct{}, maxPending),
		uploaded: make(chan *object, maxPending),
		prompts:  prompts,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// start opens the log once, for the first of the exporters that share it.
func (s *sealer) start(ctx context.Context, host component.Host) error {
	s.status.add(host)
	s.startOnce.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		if s.startErr = s.open(ctx); s.startErr != nil {
			s.release()
		}
		s.started = s.startErr == nil
	})
	return s.startErr
}

// open refuses, with an error that says what to do, whatever would let events be
// acknowledged that are not sealed.
func (s *sealer) open(ctx context.Context) error {
	var err error
	if s.signer, s.closeSigner, err = s.openSigner(ctx); err != nil {
		return err
	}
	if s.trusted, err = loadTrusted(s.cfg.Signing.TrustedKeys); err != nil {
		return err
	}
	digest, err := s.cfg.digest()
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // informative
	b, err := s.openStore(ctx, s.cfg.S3)
	if err != nil {
		return err
	}
	s.bucket = &watched{bucket: b, watch: s.watch("the bucket")}
	if err = b.Check(ctx, s.cfg.ObjectLock.Mode, time.Duration(s.cfg.ObjectLock.Retention)); err != nil {
		return err
	}
	s.chain, err = ledger.OpenChain(ctx, s.bucket, ledger.ChainOptions{
		Log:       s.cfg.Log,
		Signer:    s.signer,
		Trusted:   s.trusted,
		Heads:     s.seen,
		Retention: s.retention,
		Writer:    ledger.Writer{Version: s.set.BuildInfo.Version, ConfigSHA256: digest, Host: host},
		OnWarning: s.warn,
	})
	if err != nil {
		return fmt.Errorf("cannot continue the log %q: %w", s.cfg.Log, err)
	}
	s.publicKey = publicKey(s.signer)
	if err = s.keep(ctx, s.publicKey); err != nil {
		return fmt.Errorf("cannot publish the public key: %w", err)
	}
	s.publicKey.at = time.Now()
	if err = s.chain.Commit(ctx, ledger.KindOpen, nil); err != nil {
		return fmt.Errorf("cannot write the opening manifest of the log %q: %w", s.cfg.Log, err)
	}
	s.committed(ledger.KindOpen, nil)
	if err = s.observe(); err != nil {
		return err
	}
	s.set.Logger.Info("audit log opened", zap.String("log", s.cfg.Log), zap.Int64("seq", s.chain.Head().Seq), zap.String("key", s.publicKey.key))
	s.loop.Go(s.commitLoop)
	s.watching.Go(s.watchLoop)
	return nil
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
	return errors.Join(err, s.telemetry.RegisterAgentauditExporterUnsealedEventsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(s.unsealed.Load())
		return nil
	}))
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
	s.flushOnce.Do(func() { close(s.flushing) })
}

// shutdown seals what is pending and writes the closing manifest, until s.ctx
// ends. The exporters are drained by then: no push is under way.
func (s *sealer) shutdown() error {
	defer s.telemetry.Shutdown()
	defer s.cancel()
	if !s.started {
		return nil
	}
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.sealing.Wait()
	close(s.uploaded)
	s.loop.Wait()
	err := s.commit(ledger.KindClose, nil)
	if err == nil {
		s.checkpoint()
	}
	s.cancel()
	s.watching.Wait()
	s.release()
	if err != nil {
		return fmt.Errorf("the log %q is left without a closing manifest: %w", s.cfg.Log, err)
	}
	return nil
}
