package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestTiles makes the tiles of a log in a real bucket, checks them, and makes them again.
func TestTiles(t *testing.T) {
	s := s3test.Start(t)
	cfg := s.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	where := "s3://" + cfg.Bucket + "/" + cfg.Prefix
	key := filepath.Join(t.TempDir(), "audit")
	_, err := command(t, "keygen", "--out", key)
	require.NoError(t, err)
	run := func(args ...string) (string, error) {
		return command(t, append(args, "--key", key+".pub", "--endpoint", s.Endpoint, "--force-path-style", "--region", "us-east-1")...)
	}
	text, err := os.ReadFile(key + ".key")
	require.NoError(t, err)
	signer, err := ledger.LoadSigner(text)
	require.NoError(t, err)
	bucket, err := store.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer bucket.Close()
	lock := ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)}
	chain, err := ledger.OpenChain(t.Context(), bucket, ledger.ChainOptions{Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, chain.Commit(t.Context(), ledger.KindHeartbeat, nil))
	}
	require.NoError(t, chain.Checkpoint(t.Context(), nil))

	out, err := run("tiles", "check", where)
	require.ErrorIs(t, err, exitError(1))
	require.Contains(t, out, "log gw-0: 0 of 2 tiles are as they should be\n  missing or wrong: tlog/v1/gw-0/tile/0/000.p/5\n")
	out, err = run("tiles", "rebuild", where)
	require.NoError(t, err, out)
	require.Equal(t, "log gw-0: tiles of 5 manifests\n", out)
	for _, again := range []string{"check", "rebuild", "check"} {
		out, err = run("tiles", again, where)
		require.NoError(t, err, out)
	}
	versions, err := bucket.Versions(t.Context(), ledger.TileCheckpointKey("gw-0"))
	require.NoError(t, err)
	require.Len(t, versions, 1, "what is as it should be is not written again")
	held, err := bucket.Retention(t.Context(), ledger.TileCheckpointKey("gw-0"), versions[0].ID)
	require.NoError(t, err)
	require.Less(t, time.Until(held.Until), 2*time.Minute, "tiles are removable")

	out, err = run("verify", where, "--since", "1h")
	require.NoError(t, err, out)
	_, err = run("tiles", "check", where, "--log", "gw-9")
	require.ErrorContains(t, err, "gw-9")
}
