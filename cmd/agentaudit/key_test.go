package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/internal/kmstest"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestKeyRotate replaces the key of a log in a real bucket.
func TestKeyRotate(t *testing.T) {
	s := s3test.Start(t)
	cfg := s.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	where := "s3://" + cfg.Bucket + "/" + cfg.Prefix
	at := []string{"--endpoint", s.Endpoint, "--force-path-style", "--region", "us-east-1"}
	run := func(args ...string) (string, error) { return command(t, append(args, at...)...) }
	dir := t.TempDir()
	for _, name := range []string{"old", "new"} {
		_, err := command(t, "keygen", "--out", filepath.Join(dir, name))
		require.NoError(t, err)
	}
	old, next := filepath.Join(dir, "old"), filepath.Join(dir, "new")

	_, err := run("key", "rotate", where, "--log", "gw-0", "--signing-key", old+".key", "--new-key", next+".pub")
	require.ErrorContains(t, err, `log "gw-0" has no manifest`)
	text, err := os.ReadFile(old + ".key")
	require.NoError(t, err)
	signer, err := ledger.LoadSigner(text)
	require.NoError(t, err)
	bucket, err := store.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer bucket.Close()
	lock := ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)}
	chain, err := ledger.OpenChain(t.Context(), bucket, ledger.ChainOptions{Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	require.NoError(t, chain.Commit(t.Context(), ledger.KindOpen, nil))
	require.NoError(t, chain.Commit(t.Context(), ledger.KindClose, nil))

	for name, c := range map[string]struct {
		args  []string
		error string
	}{
		"nothing":           {nil, "give --log"},
		"a public key":      {[]string{"--log", "gw-0", "--signing-key", old + ".pub", "--new-key", next + ".pub"}, "no private key"},
		"the wrong old key": {[]string{"--log", "gw-0", "--signing-key", next + ".key", "--new-key", old + ".pub"}, "did not sign"},
		"the same key":      {[]string{"--log", "gw-0", "--signing-key", old + ".key", "--new-key", old + ".pub"}, "the new key is the old one"},
	} {
		_, err := run(append([]string{"key", "rotate", where}, c.args...)...)
		require.ErrorContains(t, err, c.error, name)
	}

	rotated, err := run("key", "rotate", where, "--log", "gw-0", "--signing-key", old+".key", "--new-key", next+".pub")
	require.NoError(t, err)
	require.Contains(t, rotated, "log gw-0: manifest 2 names key ")
	_, err = run("key", "rotate", where, "--log", "gw-0", "--signing-key", old+".key", "--new-key", next+".pub")
	require.ErrorIs(t, err, ledger.ErrRotated, "once is enough")
	got, err := bucket.Retention(t.Context(), ledger.ManifestKey("gw-0", 2), "")
	require.NoError(t, err)
	require.Equal(t, lock.Mode, got.Mode)
	require.True(t, got.Until.Equal(lock.Until))
	out, err := run("verify", where, "--key", old+".pub")
	require.NoError(t, err, out)
	require.Contains(t, out, "info key_rotated, once in 1 log (--all)")
	out, err = run("verify", where, "--key", old+".pub", "--all")
	require.NoError(t, err, out)
	require.Contains(t, out, "info key_rotated, log gw-0\n")
	require.Contains(t, out, "from manifest 3 on")

	// An auditor pins where the old key ends.
	_, pin, ok := strings.Cut(rotated, `"last_sha256": `)
	require.True(t, ok)
	trust := filepath.Join(dir, "trust.json")
	pinned := `{"keys":[{"public_key_file":"old.pub","logs":["gw-0"],"last_sha256":` + pin + `}]}`
	require.NoError(t, os.WriteFile(trust, []byte(pinned), 0o600))
	out, err = run("verify", where, "--trust", trust)
	require.NoError(t, err, out)

	// The next one is replaced in its turn: the log is found by the keys before it.
	last := filepath.Join(dir, "last")
	_, err = command(t, "keygen", "--out", last)
	require.NoError(t, err)
	again := []string{"key", "rotate", where, "--log", "gw-0", "--signing-key", next + ".key", "--new-key", last + ".pub"}
	_, err = run(again...)
	require.ErrorContains(t, err, "did not sign")
	out, err = run(append(again, "--earlier-key", old+".pub")...)
	require.NoError(t, err)
	require.Contains(t, out, "log gw-0: manifest 3 names key ")
}

// TestKeyRotateFromKMS replaces a key that is in AWS KMS by one in a file.
func TestKeyRotateFromKMS(t *testing.T) {
	s := s3test.Start(t)
	cfg := s.Bucket(t, s3test.BucketOptions{})
	kms := kmstest.Start(t, s.AccessKey, s.SecretKey)
	t.Setenv("AWS_ENDPOINT_URL_KMS", kms.Endpoint)
	arn := kms.NewKey(types.KeySpecEccNistP256)
	old, err := signer.OpenKMS(t.Context(), arn, awsconf.Config{})
	require.NoError(t, err)
	defer old.Close()
	bucket, err := store.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer bucket.Close()
	lock := ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)}
	chain, err := ledger.OpenChain(t.Context(), bucket, ledger.ChainOptions{Log: "gw-0", Signer: old, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	require.NoError(t, chain.Commit(t.Context(), ledger.KindOpen, nil))

	dir := t.TempDir()
	_, err = command(t, "keygen", "--out", filepath.Join(dir, "new"))
	require.NoError(t, err)
	public := filepath.Join(dir, "old.pub")
	require.NoError(t, os.WriteFile(public, ledger.MarshalPublicKey(old.Public()), 0o600))
	where := "s3://" + cfg.Bucket
	at := []string{"--endpoint", s.Endpoint, "--force-path-style", "--region", "us-east-1"}
	rotate := append([]string{"key", "rotate", where, "--log", "gw-0", "--new-key", filepath.Join(dir, "new.pub")}, at...)
	_, err = command(t, append(rotate, "--signing-kms-key", arn, "--signing-key", public)...)
	require.ErrorContains(t, err, "give --log")
	out, err := command(t, append(rotate, "--signing-kms-key", arn)...) // which is in another region than the bucket
	require.NoError(t, err)
	require.Contains(t, out, "log gw-0: manifest 1 names key ")
	out, err = command(t, append([]string{"verify", where, "--key", public}, at...)...)
	require.NoError(t, err, out)
}
