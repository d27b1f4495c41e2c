package agentauditexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// Config is the configuration of the exporter.
type Config struct {
	// TimeoutConfig bounds one request to the bucket or to KMS, after which it is made again;
	// it does not bound the wait of the sender, who would only send doubles.
	TimeoutConfig exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// QueueConfig bounds the requests that are being sealed; off unless it is given.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// BackOffConfig is the pace at which a write to the bucket, or a signature of KMS, is tried again.
	BackOffConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	S3         store.Config  `mapstructure:"s3"`
	ObjectLock LockConfig    `mapstructure:"object_lock"`
	Signing    SigningConfig `mapstructure:"signing"`
	Batch      BatchConfig   `mapstructure:"batch"`

	// Durability says what an OK to a sender means: that its events are sealed, or that
	// they are synced to the local disk.
	Durability string `mapstructure:"durability"`
	// Spool is where the events are until they are sealed, with durability spooled.
	Spool SpoolConfig `mapstructure:"spool"`

	// Log is the chain that this exporter writes.
	Log LogConfig `mapstructure:"log"`
	// RetireAfter is how long a log of the same key may have no new manifest before this
	// exporter ends it; 0: never.
	RetireAfter time.Duration `mapstructure:"retire_after"`
	// Compression of data objects: gzip, zstd or none.
	Compression       string            `mapstructure:"compression"`
	CompressionParams CompressionParams `mapstructure:"compression_params"`
	// Heartbeat is the time after which an idle exporter writes a manifest.
	Heartbeat time.Duration `mapstructure:"heartbeat"`
	// Checkpoint is how often the head of the log is written as a signed note, and the
	// heads of other logs are looked at; 0: only at the end.
	Checkpoint time.Duration `mapstructure:"checkpoint"`
	// Timestamp is the authority that says when a checkpoint existed.
	Timestamp TimestampConfig `mapstructure:"timestamp"`
	// Witness is about those who cosign checkpoints.
	Witness WitnessConfig `mapstructure:"witness"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// LockConfig is the Object Lock of everything that is written.
type LockConfig struct {
	// Mode is COMPLIANCE or GOVERNANCE.
	Mode string `mapstructure:"mode"`
	// Retention is how long an object stays locked, at least; the end is the next midnight, UTC.
	Retention Duration `mapstructure:"retention"`
	// Classes are of events that are kept for another time: the first that fits counts.
	Classes []ClassConfig `mapstructure:"classes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// from is the lock of what is written now for the default class.
func (c *LockConfig) from(now time.Time) ledger.Retention { return c.after(now, c.Retention) }

// after is a lock from now on. Its end is the next midnight after the retention, so that
// whatever is written later on a day is not retained for less than what it speaks for.
func (c *LockConfig) after(now time.Time, retention Duration) ledger.Retention {
	until := now.UTC().Add(time.Duration(retention))
	return ledger.Retention{Mode: c.Mode, Until: until.Truncate(day).Add(day)}
}

// SigningConfig is the key that signs the manifests.
type SigningConfig struct {
	// KeyFile is a PEM file with an Ed25519 or ECDSA P-256 private key that only its owner can read.
	KeyFile string `mapstructure:"key_file"`
	// KMSKeyID is a key of AWS KMS instead: its id, its ARN, alias/NAME or an alias's ARN.
	KMSKeyID string `mapstructure:"kms_key_id"`
	// KMS says how AWS KMS is reached. The region is that of an ARN, or s3::region.
	KMS awsconf.Config `mapstructure:"kms"`
	// EarlierKeys are PEM files with the public keys that signed this log before its key was
	// rotated.
	EarlierKeys []string `mapstructure:"earlier_keys"`
	// WatchedKeys are PEM files with the public keys of the other logs that this one watches.
	// Its own key counts besides.
	WatchedKeys []string `mapstructure:"watched_keys"`
	// TrustedKeys was both. It is read only so that Validate can say what to do.
	TrustedKeys []string `mapstructure:"trusted_keys"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TimestampConfig is a time-stamping authority (RFC 3161).
type TimestampConfig struct {
	// URL of the authority; none: checkpoints have no timestamp.
	URL string `mapstructure:"url"`
	// Timeout bounds a request to it. The next checkpoint asks again.
	Timeout time.Duration `mapstructure:"timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks the authority's address.
func (c *TimestampConfig) Validate() error {
	if c.URL == "" {
		return nil
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("`url` (%q) must be a URL such as https://freetsa.org/tsr", c.URL)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("`timeout` (%v) must be positive", c.Timeout)
	}
	return nil
}

// BatchConfig says when an object is closed: at the first of its bounds, or, where events are
// acknowledged when they are sealed, when no other is on its way to the bucket.
type BatchConfig struct {
	MaxEvents int           `mapstructure:"max_events"`
	MaxBytes  ByteSize      `mapstructure:"max_bytes"`
	MaxAge    time.Duration `mapstructure:"max_age"`
	// MaxPuts are the PUTs a second, of objects and their manifests, that may be spent on objects
	// that are not full and not old yet. With 0 each waits for one of its bounds.
	MaxPuts int `mapstructure:"max_puts"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SpoolConfig is about the write-ahead log on the local disk.
type SpoolConfig struct {
	// Directory is used by this exporter alone; it is made where it is missing.
	Directory string `mapstructure:"directory"`
	// MaxBytes is what the spool may take of the disk; then senders wait.
	MaxBytes ByteSize `mapstructure:"max_bytes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// CompressionParams tunes the compression.
type CompressionParams struct {
	// Level is 1 (fastest) to 9 for gzip, 1 to 22 for zstd; 0 is the algorithm's default, for zstd by
	// the length of the lines.
	Level int `mapstructure:"level"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	durabilitySealed  = "sealed"
	durabilitySpooled = "spooled"

	minRetention  = 24 * time.Hour
	minMaxBytes   = 64 << 10
	maxMaxBytes   = 256 << 20
	minHeartbeat  = time.Second
	minCheckpoint = time.Minute
)

func createDefaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.WaitForResult = true
	queue.BlockOnOverflow = true
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = 128 << 20
	// A consumer waits, with the senders of its request, until that is sealed: so
	// this many requests share the objects of one moment.
	queue.NumConsumers = 1000
	queue.Batch = configoptional.Default(*queue.Batch.GetOrInsertDefault()) // off, whatever the feature gate says

	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = 200 * time.Millisecond
	retry.MaxInterval = 10 * time.Second
	retry.MaxElapsedTime = 0

	return &Config{
		TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: 30 * time.Second},
		QueueConfig:   configoptional.Default(queue),
		BackOffConfig: retry,
		Durability:    durabilitySealed,
		Spool:         SpoolConfig{MaxBytes: 1 << 30},
		Log:           LogConfig{Name: defaultLog(os.Getenv, os.Hostname)},
		RetireAfter:   time.Hour,
		Compression:   ledger.Gzip,
		Batch:         BatchConfig{MaxEvents: 50_000, MaxBytes: 8 << 20, MaxAge: time.Second, MaxPuts: 15},
		Heartbeat:     time.Minute,
		Checkpoint:    time.Hour,
		Timestamp:     TimestampConfig{Timeout: 10 * time.Second},
		Witness:       WitnessConfig{Timeout: 10 * time.Second},
	}
}

// Validate checks what one key alone, or two together, would break.
func (c *Config) Validate() error {
	var errs []error
	if c.RetireAfter != 0 && c.RetireAfter < leases*c.Heartbeat {
		errs = append(errs, fmt.Errorf("`retire_after` (%v) must be 0, or at least %d times `heartbeat` (%v): writers that are idle are not gone", c.RetireAfter, leases, c.Heartbeat))
	}
	maxLevel, known := map[string]int{ledger.Gzip: 9, ledger.Zstd: 22, ledger.None: 0}[c.Compression]
	level := c.CompressionParams.Level
	switch {
	case !known:
		errs = append(errs, fmt.Errorf("`compression` (%q) must be gzip, zstd or none", c.Compression))
	case level != 0 && maxLevel == 0:
		errs = append(errs, fmt.Errorf("`compression_params::level` (%d) must be left out with `compression` none", level))
	case level < 0 || level > maxLevel:
		errs = append(errs, fmt.Errorf("`compression_params::level` (%d) must be between 1 and %d with `compression` %s", level, maxLevel, c.Compression))
	}
	if c.Heartbeat < minHeartbeat {
		errs = append(errs, fmt.Errorf("`heartbeat` (%v) must be at least %v", c.Heartbeat, minHeartbeat))
	}
	if c.Checkpoint != 0 && c.Checkpoint < minCheckpoint {
		errs = append(errs, fmt.Errorf("`checkpoint` (%v) must be 0 or at least %v", c.Checkpoint, minCheckpoint))
	}
	errs = append(errs, c.validateDurability()...)
	return errors.Join(append(errs, c.validateDelivery()...)...)
}

func (c *Config) validateDurability() (errs []error) {
	switch c.Durability {
	case durabilitySealed:
		if c.Spool.Directory != "" {
			errs = append(errs, errors.New("`spool::directory` must be left out with `durability` sealed"))
		}
	case durabilitySpooled:
		if c.Spool.Directory == "" {
			errs = append(errs, errors.New("`spool::directory` must be set with `durability` spooled: a directory on a disk that outlives the collector, for this exporter alone"))
		}
		if c.Log.Pool != "" {
			errs = append(errs, errors.New("`log::pool` must be left out with `durability` spooled: what is in a spool belongs to one log, so give this collector a `log` of its own, as a StatefulSet does"))
		}
		if c.Spool.MaxBytes < c.Batch.MaxBytes {
			errs = append(errs, fmt.Errorf("`spool::max_bytes` (%v) must be at least `batch::max_bytes` (%v)", c.Spool.MaxBytes, c.Batch.MaxBytes))
		}
	default:
		errs = append(errs, fmt.Errorf("`durability` (%q) must be sealed or spooled", c.Durability))
	}
	return errs
}

func (c *Config) spooled() bool { return c.Durability == durabilitySpooled }

// validateDelivery refuses what would break the promise that an OK means sealed.
func (c *Config) validateDelivery() (errs []error) {
	if q := c.QueueConfig.Get(); q != nil {
		if q.StorageID != nil {
			errs = append(errs, errors.New("`sending_queue::storage` must be left out: the persistent queue loses acknowledged requests when the collector is killed while it recovers"))
		} else if !q.WaitForResult {
			errs = append(errs, errors.New("`sending_queue::wait_for_result` must be true: otherwise senders are told OK for events that are only in memory"))
		}
		if q.Batch.HasValue() {
			errs = append(errs, errors.New("`sending_queue::batch` must be left out: its requests would share one answer; objects are bounded by `batch`"))
		}
	}
	if !c.BackOffConfig.Enabled {
		errs = append(errs, errors.New("`retry_on_failure::enabled` must be true: an object is sent until the bucket has it"))
	}
	if c.BackOffConfig.MaxElapsedTime != 0 {
		errs = append(errs, fmt.Errorf("`retry_on_failure::max_elapsed_time` (%v) must be 0: an object is sent until the bucket has it", c.BackOffConfig.MaxElapsedTime))
	}
	if c.BackOffConfig.InitialInterval <= 0 {
		errs = append(errs, fmt.Errorf("`retry_on_failure::initial_interval` (%v) must be positive", c.BackOffConfig.InitialInterval))
	}
	return errs
}

// Validate checks mode and retention.
func (c *LockConfig) Validate() error {
	var errs []error
	if c.Mode != ledger.Compliance && c.Mode != ledger.Governance {
		errs = append(errs, fmt.Errorf("`mode` (%q) must be COMPLIANCE or GOVERNANCE", c.Mode))
	}
	if time.Duration(c.Retention) < minRetention {
		errs = append(errs, fmt.Errorf("`retention` (%v) must be at least %v, for example 2555d", c.Retention, Duration(minRetention)))
	}
	return errors.Join(append(errs, c.validateClasses()...)...)
}

// Validate checks that there is one key, and that others are given for a purpose.
func (c *SigningConfig) Validate() error {
	if c.TrustedKeys != nil {
		return errors.Join(errTrustedKeys, c.validateKey())
	}
	return c.validateKey()
}

var errTrustedKeys = errors.New("`trusted_keys` is no more: list keys that signed this log before its key was rotated under `earlier_keys`, and keys of other logs, for this one to watch, under `watched_keys`")

func (c *SigningConfig) validateKey() error {
	switch {
	case c.KeyFile == "" && c.KMSKeyID == "":
		return errors.New("`key_file` must name a PEM file with an Ed25519 or ECDSA P-256 private key, which `agentaudit keygen` makes, or `kms_key_id` a key of AWS KMS")
	case c.KeyFile != "" && c.KMSKeyID != "":
		return errors.New("`key_file` and `kms_key_id` must not both be set: one key signs")
	case c.KeyFile != "":
		if c.KMS != (awsconf.Config{}) {
			return errors.New("`kms` must be left out with `key_file`")
		}
		return nil
	}
	if err := signer.CheckKMSKeyID(c.KMSKeyID, c.KMS.Region); err != nil {
		return fmt.Errorf("`kms_key_id` %w", err)
	}
	return nil
}

// Validate checks the bounds of an object.
func (c *BatchConfig) Validate() error {
	var errs []error
	if c.MaxEvents <= 0 {
		errs = append(errs, fmt.Errorf("`max_events` (%d) must be positive", c.MaxEvents))
	}
	if c.MaxBytes < minMaxBytes || c.MaxBytes > maxMaxBytes {
		errs = append(errs, fmt.Errorf("`max_bytes` (%v) must be between %v and %v", c.MaxBytes, ByteSize(minMaxBytes), ByteSize(maxMaxBytes)))
	}
	if c.MaxAge <= 0 {
		errs = append(errs, fmt.Errorf("`max_age` (%v) must be positive", c.MaxAge))
	}
	if c.MaxPuts < 0 {
		errs = append(errs, fmt.Errorf("`max_puts` (%d) must not be negative", c.MaxPuts))
	}
	return errors.Join(errs...)
}

// digest is the hex SHA-256 of the configuration in force, defaults included, as
// manifests name it.
func (c *Config) digest() (string, error) {
	conf := confmap.New()
	if err := conf.Marshal(c); err != nil {
		return "", err
	}
	text, err := json.Marshal(conf.ToStringMap())
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
