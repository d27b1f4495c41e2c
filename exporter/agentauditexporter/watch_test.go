package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/internal/tsa/tsatest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestLogsWatchEachOther: a log leaves checkpoints, and others that run beside it keep the
// newest, so that what is cut off it is missed, whatever else is removed with it.
func TestLogsWatchEachOther(t *testing.T) {
	tr := newTrail(t)
	ctx := context.Background()
	other, public := newKey(t)
	config := func(log string) *Config {
		c := tr.config()
		c.Log.Name, c.Checkpoint = log, 50*time.Millisecond
		return c
	}
	watched := start(t, config("gw-0"))
	require.NoError(t, watched.traces.ConsumeTraces(ctx, spans(event(0), event(1))))
	start(t, config("gw-9")).stop() // has no writer, and is not watched

	c := config("gw-1")
	c.Signing.KeyFile = other
	c.Signing.WatchedKeys = []string{publicFile(t, tr.public)}
	r := start(t, c)
	n := 2
	head := ledger.HeadRef{Seq: -1}
	for seq := int64(1); head.Note == "" || head.Seq < 2; n++ {
		require.NoError(t, watched.traces.ConsumeTraces(ctx, spans(event(n))))
		n++
		require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(n))))
		for {
			body, err := tr.open().Get(ctx, ledger.ManifestKey("gw-1", seq), "")
			if errors.Is(err, ledger.ErrNotFound) {
				break
			}
			require.NoError(t, err)
			m, err := ledger.ParseManifest(body, []ledger.PublicKey{public})
			require.NoError(t, err)
			for _, h := range m.Predicate.Heads {
				require.Equal(t, "gw-0", h.Log)
				head = h
			}
			seq++
		}
		require.Less(t, n, 5000)
	}
	cp, err := ledger.ParseCheckpoint([]byte(head.Note), []ledger.PublicKey{tr.public}, nil)
	require.NoError(t, err)
	require.Equal(t, "gw-0", cp.Log)
	require.NotEmpty(t, cp.Genesis)
	require.LessOrEqual(t, cp.Size, head.Seq+1)
	watched.stop()
	r.stop()

	keys := []ledger.PublicKey{tr.public, public}
	report, err := ledger.Verify(ctx, tr.open(), ledger.VerifyOptions{Keys: keys})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)

	for _, key := range tr.keys("manifests/v1/gw-0/") {
		if key > ledger.ManifestKey("gw-0", 0) {
			tr.purge(key)
		}
	}
	for _, key := range tr.keys("checkpoints/v1/gw-0/") {
		tr.purge(key)
	}
	report, err = ledger.Verify(ctx, tr.open(), ledger.VerifyOptions{Keys: keys})
	require.NoError(t, err)
	require.Equal(t, ledger.NotConfirmed, report.Verdict, "%+v", report.Findings)
	require.True(t, slices.ContainsFunc(report.Findings, func(f ledger.Finding) bool {
		return f.Severity == ledger.SeverityError && f.Code == ledger.CodeLogRewound && f.Log == "gw-0"
	}), "%+v", report.Findings)
}

// TestTimestamp: an authority's word on the checkpoint is sealed beside it. One that is
// away delays nothing, and is not needed to stop.
func TestTimestamp(t *testing.T) {
	authority := tsatest.Start(t)
	tr := newTrail(t)
	c := tr.config()
	c.Timestamp.URL = authority.URL
	r := start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0))))
	r.stop()
	root, err := os.ReadFile(authority.CAFile)
	require.NoError(t, err)
	v, err := tsa.NewVerifier(root)
	require.NoError(t, err)
	verify := func() *ledger.Report {
		report, err := ledger.Verify(context.Background(), tr.open(), ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.public}, Timestamps: v.Verify})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
		return report
	}
	report := verify()
	require.Empty(t, report.Findings)
	require.Equal(t, int64(3), report.Logs[0].Timestamp.Size)
	require.Contains(t, report.Logs[0].Timestamp.By, "Test TSA")
	require.WithinDuration(t, time.Now(), report.Logs[0].Timestamp.At, time.Hour)

	authority.Close()
	r = start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(1))))
	r.stop()
	report = verify()
	require.Equal(t, 2, report.Logs[0].Checkpoints)
	require.Equal(t, int64(3), report.Logs[0].Timestamp.Size)

	_, err = tr.open().Put(context.Background(), ledger.TimestampKey("gw-0", 6), []byte("planted"), ledger.PutOptions{SHA256: sha256.Sum256([]byte("planted"))})
	require.NoError(t, err)
	require.Equal(t, ledger.CodeTimestampInvalid, verify().Findings[0].Code)
}

// TestRotatedKey: a collector goes on with the new key of a log whose old one named
// it, and one with the old key refuses to start and says what to do.
func TestRotatedKey(t *testing.T) {
	tr := newTrail(t)
	ctx := context.Background()
	r, err := startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), tr.config())
	require.NoError(t, err)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(0))))
	r.stop()

	old, err := signer.File(tr.keyFile)
	require.NoError(t, err)
	chain, err := ledger.OpenChain(ctx, tr.open(), ledger.ChainOptions{Log: "gw-0", Signer: old, Retention: func(now time.Time) ledger.Retention {
		return ledger.Retention{Mode: "GOVERNANCE", Until: now.Add(2 * day)}
	}})
	require.NoError(t, err)
	file, next := newKey(t)
	require.NoError(t, chain.Rotate(ctx, next))

	_, err = startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), tr.config())
	require.ErrorIs(t, err, ledger.ErrRotated)
	require.ErrorContains(t, err, next.ID)
	require.ErrorContains(t, err, "configure that one")
	c := tr.config()
	c.Signing.KeyFile = file
	c.Signing.EarlierKeys = []string{publicFile(t, tr.public)}
	r, err = startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.NoError(t, err)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(1))))
	r.stop()
	require.Len(t, tr.requireConfirmed(), 2, "with the old key alone")
}

// publicFile is a file with a public key.
func publicFile(t *testing.T, k ledger.PublicKey) string {
	file := filepath.Join(t.TempDir(), "key.pub")
	require.NoError(t, os.WriteFile(file, ledger.MarshalPublicKey(k.Key), 0o600))
	return file
}

func TestStartRefusesPublicKeys(t *testing.T) {
	private, _ := newKey(t)
	for name, set := range map[string]func(*Config, []string){
		"`signing::earlier_keys`": func(c *Config, paths []string) { c.Signing.EarlierKeys = paths },
		"`signing::watched_keys`": func(c *Config, paths []string) { c.Signing.WatchedKeys = paths },
	} {
		c := createDefaultConfig().(*Config)
		c.Signing.KeyFile = private
		set(c, []string{filepath.Join(t.TempDir(), "none.pub")})
		require.Contains(t, startError(t, c), "cannot read "+name+": open ")
		set(c, []string{private})
		require.Contains(t, startError(t, c), name+" "+private+" must hold an Ed25519 or ECDSA P-256 public key in PEM: ")
	}
}

// TestTilesFollowTheLog: each checkpoint brings the tiles up to date, over restarts too.
func TestTilesFollowTheLog(t *testing.T) {
	tr := newTrail(t)
	for n := range 3 {
		r := start(t, tr.config())
		require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(event(n))))
		r.stop() // leaves a checkpoint
		wrong, all, err := ledger.CheckTiles(t.Context(), tr.open(), []ledger.PublicKey{tr.public}, "gw-0")
		require.NoError(t, err)
		require.Empty(t, wrong)
		require.Equal(t, 2, all)
	}
}
