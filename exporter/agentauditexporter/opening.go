package agentauditexporter

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// opening is a log on its way to being written. It refuses, with an error that says what to
// do, whatever would let events be acknowledged that are not sealed.
type opening struct {
	cfg    *Config
	build  component.BuildInfo
	report *reporter
	heads  *neighbours

	instance string // of this process, drawn at its start
	digest   string // of the configuration
	// witnesses are those that cosign checkpoints; nil for none.
	witnesses *witnesses

	// What is open, in this order.
	keys   keyring
	bucket *watched
	named  map[string]bool // objects that an earlier process committed, by key
	public *publicKey
	chain  *chain // nil until the others are there
	name   string // of the log
}

func newOpening(c *Config, build component.BuildInfo, report *reporter, heads *neighbours) *opening {
	instance := make([]byte, 8)
	_, _ = rand.Read(instance) // never fails
	return &opening{
		cfg: c, build: build, report: report, heads: heads, instance: hex.EncodeToString(instance),
		keys: keyring{cfg: &c.Signing, region: c.S3.Region, watch: report.watch("the key", c.TimeoutConfig.Timeout)},
	}
}

// prepare reads what is on this machine.
func (o *opening) prepare() (err error) {
	if err = o.keys.load(); err != nil {
		return err
	}
	if o.witnesses, err = o.cfg.Witness.load(o.cfg.Log.Name); err != nil {
		return err
	}
	o.digest, err = o.cfg.digest()
	return err
}

// connect makes the client of the bucket, without a request to it.
func (o *opening) connect(ctx context.Context, open openBucket) error {
	b, err := open(ctx, o.cfg.S3)
	if err != nil {
		return err
	}
	o.bucket = &watched{bucket: b, watch: o.report.watch("the bucket", o.cfg.TimeoutConfig.Timeout)}
	return nil
}

// open opens the log in the bucket and writes its opening manifest. It can be called again
// after an error, and goes on where it was. What manifests named since a time is kept, for
// who may be about to commit it again; the zero time is never.
func (o *opening) open(ctx context.Context, timeout time.Duration, since time.Time) error {
	if err := o.keys.open(ctx, timeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if o.public == nil {
		if err := o.check(ctx); err != nil {
			return err
		}
	}
	if o.cfg.Log.Pool == "" && o.chain == nil {
		if err := o.openChain(ctx, since); err != nil {
			return err
		}
	}
	if err := o.public.publish(ctx); err != nil {
		return fmt.Errorf("cannot publish the public key: %w", err)
	}
	if o.chain == nil {
		if err := o.takeChain(ctx); err != nil {
			return fmt.Errorf("cannot take a log of the pool %q: %w", o.cfg.Log.Pool, err)
		}
	} else if err := o.chain.Commit(ctx, ledger.KindOpen, nil); err != nil {
		return fmt.Errorf("cannot write the opening manifest of the log %q: %w", o.name, err)
	}
	o.report.logger.Info("audit log opened", zap.String("log", o.name), zap.Int64("seq", o.chain.Head().Seq), zap.String("key", o.public.key))
	return nil
}

// check looks at the bucket, once.
func (o *opening) check(ctx context.Context) error {
	if err := o.bucket.Check(ctx, o.cfg.ObjectLock.Mode, time.Duration(o.cfg.ObjectLock.Retention)); err != nil {
		return err
	}
	o.checkLifecycle(ctx)
	if o.cfg.Log.passing() {
		o.report.logger.Warn("the log has the name of a pod that has no ordinal, so the next start writes another log: run a StatefulSet, or set `log: {pool: NAME}`", zap.String("log", o.cfg.Log.Name))
	}
	o.public = newPublicKey(o.keys.signer, o.putter(), &o.cfg.ObjectLock, o.report.logger)
	return nil
}

// options say how a log is written.
func (o *opening) options(log string) ledger.ChainOptions {
	host, _ := os.Hostname() // informative
	return ledger.ChainOptions{
		Log:       log,
		Instance:  o.instance,
		Signer:    o.keys.signer,
		Earlier:   o.keys.earlier,
		Heads:     o.heads.seen,
		Retention: o.cfg.ObjectLock.from,
		Writer:    ledger.Writer{Version: o.build.Version, ConfigSHA256: o.digest, Host: host},
		OnWarning: o.report.warn,
	}
}

// openChain finds the end of the log.
func (o *opening) openChain(ctx context.Context, since time.Time) error {
	name := o.cfg.Log.Name
	c, err := ledger.OpenChain(ctx, o.bucket, o.options(name))
	if err != nil {
		return fmt.Errorf("cannot continue the log %q: %w", name, err)
	}
	if !since.IsZero() {
		if o.named, err = c.Named(ctx, since); err != nil {
			return fmt.Errorf("cannot read what was last sealed in the log %q: %w", name, err)
		}
	}
	o.name, o.chain = name, &chain{Chain: c, report: o.report, heads: o.heads}
	return nil
}

// takeChain takes a log of the pool, with its opening manifest.
func (o *opening) takeChain(ctx context.Context) error {
	p := &pool{
		name: o.cfg.Log.Pool, lease: leases * o.cfg.Heartbeat, now: time.Now, perm: mrand.Perm, logger: o.report.logger,
		reader: o.bucket,
		open: func(ctx context.Context, log string) (*ledger.Chain, error) {
			options := o.options(log)
			options.Alone = true
			options.OnWarning = func(code, message string) {
				if o.chain != nil { // what is wrong with logs that are not taken, the pool says
					o.report.warn(code, message)
				}
			}
			return ledger.OpenChain(ctx, o.bucket, options)
		},
	}
	c, name, err := p.take(ctx)
	if err != nil {
		return err
	}
	o.name, o.chain = name, &chain{Chain: c, report: o.report, heads: o.heads}
	o.report.committed(ledger.KindOpen, nil)
	o.heads.noted()
	return nil
}

// checkLifecycle warns of what the lifecycle rules of the bucket do not, or do too early. It
// stops nothing: these credentials need not be allowed to read them.
func (o *opening) checkLifecycle(ctx context.Context) {
	lock := &o.cfg.ObjectLock
	missing, err := o.bucket.CheckLifecycle(ctx, time.Duration(lock.Retention), lock.stored()...)
	if err != nil {
		o.report.logger.Debug("the lifecycle rules of the bucket are not known", zap.Error(err))
	}
	for _, line := range missing {
		o.report.logger.Warn("lifecycle rules of the bucket: " + line)
	}
}

func (o *opening) putter() putter { return putter{store: o.bucket, warn: o.report.warn} }

// release lets go of what is open, all or part of it.
func (o *opening) release() {
	if o.bucket != nil {
		o.bucket.Close()
	}
	o.keys.release()
}
