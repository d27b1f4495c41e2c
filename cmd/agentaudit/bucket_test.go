package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
)

// command runs the command in this process.
func command(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	cmd := root()
	var b bytes.Buffer
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return b.String(), err
}

// TestBucketCommands makes a bucket on a real server and looks at it.
func TestBucketCommands(t *testing.T) {
	s := s3test.Start(t)
	at := []string{"--endpoint", s.Endpoint, "--force-path-style", "--region", "us-east-1"}
	run := func(args ...string) (string, error) { return command(t, append(args, at...)...) }

	_, err := run("bucket", "check", "s3://audit/trail", "--retention", "30d")
	require.ErrorIs(t, err, exitError(1), "there is none yet")
	out, err := run("bucket", "init", "s3://audit/trail", "--retention", "30d", "--mode", "GOVERNANCE")
	require.NoError(t, err, out)
	require.Contains(t, out, "done: made bucket audit with versioning and Object Lock")
	require.Contains(t, out, "not done: ", "what the server does not have is said")
	out, err = run("bucket", "check", "s3://audit/trail", "--retention", "30d", "--mode", "GOVERNANCE")
	require.NoError(t, err, out)
	require.Contains(t, out, "bucket audit can hold a trail locked in mode GOVERNANCE for 30d")

	dir := t.TempDir()
	_, err = command(t, "keygen", "--out", filepath.Join(dir, "audit"))
	require.NoError(t, err)
	out, err = run("verify", "s3://audit/trail", "--key", filepath.Join(dir, "audit.pub"))
	require.ErrorIs(t, err, exitError(2))
	require.Contains(t, out, "NO VERDICT: there is no manifest")
	_, err = run("pull", "s3://nosuchbucket/trail", filepath.Join(dir, "copy"))
	require.ErrorContains(t, err, "nosuchbucket")
	_, err = os.Stat(filepath.Join(dir, "copy", "manifests"))
	require.Error(t, err)
}
