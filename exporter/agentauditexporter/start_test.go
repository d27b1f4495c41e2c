package agentauditexporter

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// startError is the error of start; a start that succeeds is a failure.
func startError(t *testing.T, c *Config) string {
	_, err := startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.Error(t, err)
	return err.Error()
}

func TestStartRefusesTheKeyFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, text []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, text, mode))
		require.NoError(t, os.Chmod(file, mode)) // whatever the umask
		return file
	}
	good, _ := newKey(t)
	text, err := os.ReadFile(good)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	require.NoError(t, err)

	for name, tt := range map[string]struct{ file, want string }{
		"not there":   {filepath.Join(dir, "none.pem"), "`signing::key_file`: cannot read the key; `agentaudit keygen` makes one: open "},
		"a directory": {dir, "`signing::key_file`"},
		"group":       {write("group.pem", 0o640, text), "can be read by others (mode 0640): chmod 600 it, and think of a new key"},
		"world":       {write("world.pem", 0o604, text), "can be read by others (mode 0604): chmod 600 it, and think of a new key"},
		"no PEM":      {write("text.pem", 0o600, []byte("secret")), "must hold an Ed25519 or ECDSA P-256 private key in PEM"},
		"RSA":         {write("rsa.pem", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "must hold an Ed25519 or ECDSA P-256 private key in PEM"},
		"empty":       {write("empty.pem", 0o600, nil), "must hold an Ed25519 or ECDSA P-256 private key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			c := createDefaultConfig().(*Config)
			c.Signing.KeyFile = tt.file
			require.Contains(t, startError(t, c), tt.want)
		})
	}
}

// Both exporters of a configuration tell of a start that failed.
func TestStartFailsForBothSignals(t *testing.T) {
	f := NewFactory()
	c := createDefaultConfig().(*Config)
	c.Signing.KeyFile = filepath.Join(t.TempDir(), "none.pem")
	ctx := context.Background()
	set := exportertest.NewNopSettings(metadata.Type)
	traces, err := f.CreateTraces(ctx, set, c)
	require.NoError(t, err)
	logs, err := f.CreateLogs(ctx, set, c)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	require.ErrorContains(t, traces.Start(ctx, host), "key_file")
	require.ErrorContains(t, logs.Start(ctx, host), "key_file")
	require.NoError(t, traces.Shutdown(ctx))
	require.NoError(t, logs.Shutdown(ctx))
}

func TestStartRefusesTheBucket(t *testing.T) {
	tr := newTrail(t)
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no bucket":      {func(c *Config) { c.S3.Bucket += "-elsewhere" }, "make it with `agentaudit bucket init`, or correct `bucket`"},
		"no versioning":  {func(c *Config) { c.S3 = tr.server.Bucket(t, s3test.BucketOptions{Unversioned: true}) }, "versioning is off in bucket "},
		"no Object Lock": {func(c *Config) { c.S3 = tr.server.Bucket(t, s3test.BucketOptions{Unlocked: true}) }, "has no Object Lock: what is written there can be deleted; make a bucket with `agentaudit bucket init`"},
		"default mode is stronger": {func(c *Config) {
			c.S3 = tr.server.Bucket(t, s3test.BucketOptions{})
			tr.defaultRetention(c.S3.Bucket, 1)
		}, "set `mode` to COMPLIANCE or change the bucket's default"},
		"default retention is longer": {func(c *Config) {
			c.S3 = tr.server.Bucket(t, s3test.BucketOptions{})
			c.ObjectLock.Mode = ledger.Compliance
			tr.defaultRetention(c.S3.Bucket, 30)
		}, "set `retention` to at least 30d or change the bucket's default"},
	} {
		t.Run(name, func(t *testing.T) {
			c := tr.config()
			tt.change(c)
			require.Contains(t, startError(t, c), tt.want)
		})
	}
}

func TestStartNeedsToWrite(t *testing.T) {
	tr := newTrail(t)
	p := &proxy{}
	p.refuse = func(r *http.Request) bool { return r.Method == http.MethodPut }
	c := tr.config()
	c.S3 = p.start(tr)
	require.Contains(t, startError(t, c), "the credentials are wrong or lack s3:PutObject and s3:PutObjectRetention on team/prod/data/v1/*")
}
