package agentauditexporter

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// load reads the entry of that name of testdata/config.yaml over the defaults.
func load(t *testing.T, name string) (*Config, error) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	c := createDefaultConfig().(*Config)
	return c, sub.Unmarshal(c)
}

func TestLoadConfig(t *testing.T) {
	for name, want := range map[string]func(*Config){
		"agentaudit": func(c *Config) {
			c.S3.Bucket = "audit"
			c.ObjectLock = LockConfig{Mode: "COMPLIANCE", Retention: Duration(2555 * 24 * time.Hour)}
			c.Signing.KeyFile = "/etc/agentaudit/audit.pem"
		},
		"agentaudit/full": func(c *Config) {
			c.S3 = store.Config{
				Bucket: "audit", Region: "eu-central-1", Prefix: "trails/prod", Endpoint: "https://s3.example.org",
				ForcePathStyle: true, RoleARN: "arn:aws:iam::123456789012:role/audit", KMSKeyID: "alias/audit",
			}
			c.ObjectLock = LockConfig{Mode: "GOVERNANCE", Retention: Duration(36 * time.Hour)}
			c.Log.Name = "gw-0"
			c.Signing.KeyFile = "/etc/agentaudit/audit.pem"
			c.Signing.EarlierKeys = []string{"/etc/agentaudit/old.pub"}
			c.Signing.WatchedKeys = []string{"/etc/agentaudit/gw-1.pub", "/etc/agentaudit/gw-2.pub"}
			c.Compression, c.CompressionParams.Level = "zstd", 19
			c.Batch = BatchConfig{MaxEvents: 1000, MaxBytes: 16 << 20, MaxAge: 250 * time.Millisecond, MaxPuts: 40}
			c.Heartbeat = 10 * time.Minute
			c.Durability = "spooled"
			c.Spool = SpoolConfig{Directory: "/var/lib/agentaudit/spool", MaxBytes: 4 << 30}
			c.TimeoutConfig.Timeout = 5 * time.Second
			q := c.QueueConfig.GetOrInsertDefault()
			q.Sizer, q.QueueSize, q.NumConsumers = exporterhelper.RequestSizerTypeRequests, 500, 50
			c.BackOffConfig.InitialInterval, c.BackOffConfig.MaxInterval = time.Second, 5*time.Second
		},
		"agentaudit/kms": func(c *Config) {
			c.S3.Bucket = "audit"
			c.ObjectLock = LockConfig{Mode: "COMPLIANCE", Retention: Duration(720 * time.Hour)}
			c.Signing.KMSKeyID = "alias/audit"
			c.Signing.KMS = awsconf.Config{Region: "eu-west-1", Endpoint: "https://kms.example.org", RoleARN: "arn:aws:iam::123456789012:role/sign"}
		},
		"agentaudit/pool": func(c *Config) {
			c.S3.Bucket = "audit"
			c.ObjectLock = LockConfig{Mode: "COMPLIANCE", Retention: Duration(720 * time.Hour)}
			c.Signing.KeyFile = "/etc/agentaudit/audit.pem"
			c.Log, c.RetireAfter = LogConfig{Pool: "gw"}, 10*time.Minute
		},
		"agentaudit/no_queue": func(c *Config) {
			c.S3.Bucket = "audit"
			c.ObjectLock = LockConfig{Mode: "COMPLIANCE", Retention: Duration(720 * time.Hour)}
			c.Signing.KeyFile = "/etc/agentaudit/audit.pem"
			c.QueueConfig = configoptional.None[exporterhelper.QueueBatchConfig]()
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, name)
			require.NoError(t, err)
			expected := createDefaultConfig().(*Config)
			want(expected)
			require.Equal(t, expected, got)
			require.NoError(t, confmap.Validate(got))
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"agentaudit/bad_unit":    `"7w" must be a duration such as 2555d, 7y or 720h, of at most 106751d`,
		"agentaudit/bad_size":    `"8 miles" must be a size such as 8MiB`,
		"agentaudit/unknown_key": `bukcet`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, name)
			require.ErrorContains(t, err, want)
		})
	}
}

// A file of before the list of keys was split in two says which of the two to use.
func TestTrustedKeysAreNoMore(t *testing.T) {
	for _, name := range []string{"agentaudit/trusted_keys", "agentaudit/trusted_keys_empty"} {
		c, err := load(t, name)
		require.NoError(t, err)
		require.EqualError(t, confmap.Validate(c), "signing: `trusted_keys` is no more: list keys that signed this log before its key was rotated under `earlier_keys`, and keys of other logs, for this one to watch, under `watched_keys`")
	}
}

func TestValidate(t *testing.T) {
	storage := component.MustNewID("file_storage")
	for name, tt := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"valid": {change: func(*Config) {}},
		"mode": {
			func(c *Config) { c.ObjectLock.Mode = "compliance" },
			[]string{"object_lock: `mode` (\"compliance\") must be COMPLIANCE or GOVERNANCE"},
		},
		"retention": {
			func(c *Config) { c.ObjectLock.Retention = Duration(23 * time.Hour) },
			[]string{"object_lock: `retention` (23h0m0s) must be at least 1d, for example 2555d"},
		},
		"key file": {
			func(c *Config) { c.Signing.KeyFile = "" },
			[]string{"signing: `key_file` must name a PEM file with an Ed25519 or ECDSA P-256 private key, which `agentaudit keygen` makes, or `kms_key_id` a key of AWS KMS"},
		},
		"two keys": {
			func(c *Config) { c.Signing.KMSKeyID = "alias/audit" },
			[]string{"signing: `key_file` and `kms_key_id` must not both be set: one key signs"},
		},
		"KMS of a file": {
			func(c *Config) { c.Signing.KMS.Region = "eu-central-1" },
			[]string{"signing: `kms` must be left out with `key_file`"},
		},
		"KMS key": {
			func(c *Config) { c.Signing.KeyFile, c.Signing.KMSKeyID = "", "arn:aws:s3:::bucket" },
			[]string{"signing: `kms_key_id` (\"arn:aws:s3:::bucket\") must be a key id, alias/NAME, or an ARN such as arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		},
		"KMS key elsewhere": {
			func(c *Config) {
				c.Signing.KeyFile, c.Signing.KMSKeyID = "", "arn:aws:kms:us-east-1:123456789012:alias/audit"
				c.Signing.KMS.Region = "eu-central-1"
			},
			[]string{"signing: `kms_key_id` (\"arn:aws:kms:us-east-1:123456789012:alias/audit\") is in another region than eu-central-1"},
		},
		"KMS endpoint": {
			func(c *Config) {
				c.Signing.KeyFile, c.Signing.KMSKeyID = "", "alias/audit"
				c.Signing.KMS.Endpoint, c.Signing.KMS.RoleARN = "kms.example.org", "audit"
			},
			[]string{
				"signing::kms: `endpoint` (\"kms.example.org\") must be a URL such as https://s3.example.com",
				"`role_arn` (\"audit\") must be an ARN such as arn:aws:iam::123456789012:role/audit",
			},
		},
		"log": {
			func(c *Config) { c.Log.Name = "GW_0" },
			[]string{"log: the name \"GW_0\" must match [a-z0-9.-]{1,63} and be more than a dot or two"},
		},
		"log that climbs": {
			func(c *Config) { c.Log.Name = ".." },
			[]string{"log: the name \"..\" must match [a-z0-9.-]{1,63} and be more than a dot or two"},
		},
		"no log": {
			func(c *Config) { c.Log = LogConfig{} },
			[]string{"log: must be a name, or {pool: NAME}"},
		},
		"pool": {
			func(c *Config) { c.Log = LogConfig{Pool: "GW"} },
			[]string{"log: `pool` (\"GW\") must match [a-z0-9.-]{1,50}: its logs are GW-0, GW-1 and so forth"},
		},
		"pool with a spool": {
			func(c *Config) {
				c.Log = LogConfig{Pool: "gw"}
				c.Durability, c.Spool.Directory = "spooled", "/spool"
			},
			[]string{"`log::pool` must be left out with `durability` spooled: what is in a spool belongs to one log, so give this collector a `log` of its own, as a StatefulSet does"},
		},
		"retire": {
			func(c *Config) { c.RetireAfter = 2 * time.Minute },
			[]string{"`retire_after` (2m0s) must be 0, or at least 3 times `heartbeat` (1m0s): writers that are idle are not gone"},
		},
		"compression": {
			func(c *Config) { c.Compression = "snappy" },
			[]string{"`compression` (\"snappy\") must be gzip, zstd or none"},
		},
		"gzip level": {
			func(c *Config) { c.CompressionParams.Level = 10 },
			[]string{"`compression_params::level` (10) must be between 1 and 9 with `compression` gzip"},
		},
		"zstd level": {
			func(c *Config) { c.Compression, c.CompressionParams.Level = "zstd", -1 },
			[]string{"`compression_params::level` (-1) must be between 1 and 22 with `compression` zstd"},
		},
		"level of none": {
			func(c *Config) { c.Compression, c.CompressionParams.Level = "none", 1 },
			[]string{"`compression_params::level` (1) must be left out with `compression` none"},
		},
		"batch": {
			func(c *Config) { c.Batch = BatchConfig{MaxBytes: 1000, MaxPuts: -1} },
			[]string{
				"batch: `max_events` (0) must be positive",
				"`max_bytes` (1000B) must be between 64KiB and 256MiB",
				"`max_age` (0s) must be positive",
				"`max_puts` (-1) must not be negative",
			},
		},
		"durability": {
			func(c *Config) { c.Durability = "best effort" },
			[]string{"`durability` (\"best effort\") must be sealed or spooled"},
		},
		"spooled without a directory": {
			func(c *Config) { c.Durability, c.Spool.MaxBytes = "spooled", 1<<20 },
			[]string{
				"`spool::directory` must be set with `durability` spooled: a directory on a disk that outlives the collector, for this exporter alone",
				"`spool::max_bytes` (1MiB) must be at least `batch::max_bytes` (8MiB)",
			},
		},
		"a spool that is not used": {
			func(c *Config) { c.Spool.Directory = "/var/lib/agentaudit" },
			[]string{"`spool::directory` must be left out with `durability` sealed"},
		},
		"heartbeat": {
			func(c *Config) { c.Heartbeat = time.Millisecond },
			[]string{"`heartbeat` (1ms) must be at least 1s"},
		},
		"no waiting": {
			func(c *Config) { c.QueueConfig.GetOrInsertDefault().WaitForResult = false },
			[]string{"`sending_queue::wait_for_result` must be true: otherwise senders are told OK for events that are only in memory"},
		},
		"storage": {
			func(c *Config) {
				q := c.QueueConfig.GetOrInsertDefault()
				q.WaitForResult, q.StorageID = false, &storage
			},
			[]string{"`sending_queue::storage` must be left out: the persistent queue loses acknowledged requests when the collector is killed while it recovers"},
		},
		"queue batch": {
			func(c *Config) { c.QueueConfig.GetOrInsertDefault().Batch.GetOrInsertDefault() },
			[]string{"`sending_queue::batch` must be left out: its requests would share one answer; objects are bounded by `batch`"},
		},
		"no retry": {
			func(c *Config) { c.BackOffConfig.Enabled = false },
			[]string{"`retry_on_failure::enabled` must be true: an object is sent until the bucket has it"},
		},
		"giving up": {
			func(c *Config) { c.BackOffConfig.MaxElapsedTime = 5 * time.Minute },
			[]string{"`retry_on_failure::max_elapsed_time` (5m0s) must be 0: an object is sent until the bucket has it"},
		},
		"no pause": {
			func(c *Config) { c.BackOffConfig.InitialInterval = 0 },
			[]string{"`retry_on_failure::initial_interval` (0s) must be positive"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, "agentaudit")
			require.NoError(t, err)
			tt.change(c)
			var got []string
			if err := confmap.Validate(c); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// What Start would find out too late, the bucket's own keys are checked as well.
func TestValidateReachesTheBucket(t *testing.T) {
	c, err := load(t, "agentaudit")
	require.NoError(t, err)
	c.S3.Bucket = ""
	require.ErrorContains(t, confmap.Validate(c), "s3: `bucket` must")
}

func TestDigestTellsConfigurationsApart(t *testing.T) {
	one, err := load(t, "agentaudit")
	require.NoError(t, err)
	same, err := load(t, "agentaudit")
	require.NoError(t, err)
	other, err := load(t, "agentaudit")
	require.NoError(t, err)
	other.ObjectLock.Retention++

	digests := make([]string, 3)
	for i, c := range []*Config{one, same, other} {
		digests[i], err = c.digest()
		require.NoError(t, err)
	}
	require.Equal(t, digests[0], digests[1])
	require.NotEqual(t, digests[0], digests[2])
	require.Len(t, digests[0], 64)
}
