package agentauditexporter

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestLogsWatchEachOther: a log leaves a checkpoint at its end, and others record its
// head, so that what is cut off later is missed.
func TestLogsWatchEachOther(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.config())
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0))))
	r.stop()

	c := tr.config()
	c.Log = "gw-1"
	r = start(t, c)
	var heads []ledger.HeadRef
	for n := 1; len(heads) == 0; n++ {
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(n))))
		body, err := tr.open().Get(context.Background(), ledger.ManifestKey("gw-1", int64(n)), "")
		require.NoError(t, err)
		m, err := ledger.ParseManifest(body, []ledger.PublicKey{tr.public})
		require.NoError(t, err)
		heads = m.Predicate.Heads
	}
	r.stop()
	require.Len(t, heads, 1)
	require.Equal(t, "gw-0", heads[0].Log)
	require.Equal(t, int64(2), heads[0].Seq, "its closing manifest")

	report, _ := tr.verify()
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	require.Equal(t, 1, report.Logs[0].Checkpoints)
	require.Equal(t, 1, report.Logs[1].Checkpoints)
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
	require.ErrorContains(t, err, "configure the new key")
	c := tr.config()
	c.Signing.KeyFile = file
	_, err = startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.ErrorContains(t, err, "`signing::trusted_keys`")
	public := filepath.Join(t.TempDir(), "old.pub")
	require.NoError(t, os.WriteFile(public, ledger.MarshalPublicKey(tr.public.Key), 0o600))
	c.Signing.TrustedKeys = []string{public}
	r, err = startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.NoError(t, err)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(1))))
	r.stop()
	require.Len(t, tr.requireConfirmed(), 2, "with the old key alone")
}
