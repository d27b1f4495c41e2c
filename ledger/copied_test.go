package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// bounded is a copy without some of the objects.
type bounded struct {
	ledger.Reader
	without string // a prefix
}

func (b *bounded) Get(ctx context.Context, key, id string) ([]byte, error) {
	if strings.HasPrefix(key, b.without) {
		return nil, fmt.Errorf("%w: %w", ledger.ErrForbidden, ledger.ErrNotCopied)
	}
	return b.Reader.Get(ctx, key, id)
}

// TestNotCopied: what a bounded copy does not hold is neither missing nor there.
func TestNotCopied(t *testing.T) {
	s, signer := ledgertest.New(), ledgertest.NewSigner(t, "ed25519")
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	c, err := ledger.OpenChain(t.Context(), s, ledger.ChainOptions{Log: "gw", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	kept := ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: lock.Mode, Until: lock.Until}
	blob, err := ledger.NewBlob("text", time.Now(), kept)
	require.NoError(t, err)
	_, err = s.Put(t.Context(), blob.Key, blob.Body, ledger.PutOptions{SHA256: blob.Digest, Retention: lock})
	require.NoError(t, err)
	require.NoError(t, c.Commit(t.Context(), ledger.KindOpen, []ledger.Object{blob.Object}))
	o := ledger.VerifyOptions{Keys: []ledger.PublicKey{ledgertest.Public(t, signer)}}
	verify := func(without string) *ledger.Report {
		report, _ := ledger.Verify(t.Context(), &bounded{s, without}, o)
		return report
	}
	require.Equal(t, ledger.Confirmed, verify("none").Verdict)
	r := verify(ledger.BlobPrefix)
	require.Equal(t, ledger.NoVerdict, r.Verdict)
	require.Len(t, r.Findings, 1)
	require.Equal(t, ledger.CodeNotCopied, r.Findings[0].Code)
	require.Equal(t, ledger.SeverityUnknown, r.Findings[0].Severity)

	digest := strings.TrimSuffix(strings.TrimPrefix(blob.Key, ledger.BlobPrefix), ".gz")
	_, err = ledger.ReadBlob(t.Context(), &bounded{s, ledger.BlobPrefix}, digest)
	var f *ledger.Finding
	require.ErrorAs(t, err, &f, "a text that is not there ends nothing")

	// No manifest is out of bound.
	require.Equal(t, ledger.NoVerdict, verify(ledger.ManifestPrefix).Verdict)

	// What the sealed version's place holds besides changes nothing, and its own absence is told.
	s.Overwrite(blob.Key, []byte("over it"))
	require.Equal(t, ledger.NoVerdict, verify(ledger.BlobPrefix).Verdict)
	s.Purge(blob.Key)
	require.Equal(t, ledger.NotConfirmed, verify(ledger.BlobPrefix).Verdict)
}
