package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// TestWindow: only what was sealed in the window is read, and a time of which the log says
// nothing is not taken for an empty one.
func TestWindow(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	began := time.Now().Add(-100 * time.Hour).UTC().Truncate(time.Hour)
	now := began
	o := options(signer)
	o.Now = func() time.Time { return now }
	c, err := ledger.OpenChain(ctx, s, o)
	require.NoError(t, err)
	for n := range 50 { // one an hour, manifest n at began + n hours
		now = began.Add(time.Duration(n) * time.Hour)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{sealAt(t, s, ledger.ObjectOptions{}, now, fmt.Sprint("s", n), 1, 1)}))
	}
	at := func(hour float64) time.Time { return began.Add(time.Duration(hour * float64(time.Hour))) }
	for name, w := range map[string]struct {
		since, until time.Time
		events       int64
		verdict      ledger.Verdict
	}{
		"all":              {time.Time{}, time.Time{}, 50, ledger.Confirmed},
		"since":            {at(39.5), time.Time{}, 10, ledger.Confirmed},
		"until":            {time.Time{}, at(9.5), 10, ledger.Confirmed},
		"both":             {at(9.5), at(19.5), 10, ledger.Confirmed},
		"from before":      {at(-9), at(0.5), 1, ledger.Confirmed},
		"one":              {at(30), at(30), 1, ledger.Confirmed},
		"nothing":          {at(30.1), at(30.9), 0, ledger.Confirmed},
		"before the first": {at(-9), at(-1), 0, ledger.NoVerdict},
		"behind the last":  {at(60), time.Time{}, 0, ledger.NoVerdict},
		"in the future":    {at(1000), time.Time{}, 0, ledger.NoVerdict},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, Since: w.since, Until: w.until})
			require.NoError(t, err)
			require.Equal(t, w.verdict, r.Verdict, "%+v", r.Findings)
			require.Equal(t, w.events, r.Events)
			require.Equal(t, int64(0), r.Logs[0].First, "the chain is checked whole")
			require.Equal(t, int64(49), r.Logs[0].Last)
			require.Empty(t, codes(r, ledger.SeverityWarning))
			if w.verdict == ledger.NoVerdict {
				require.Contains(t, codes(r, ledger.SeverityUnknown), ledger.CodeOutsideWindow)
			}
		})
	}
	s.Purge(ledger.ManifestKey("gw-0", 15))
	r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}, Since: at(9.5), Until: at(19.5)})
	require.NoError(t, err)
	require.Equal(t, []string{ledger.CodeManifestMissing}, codes(r, ledger.SeverityError))
}

// TestManyLogs: logs are read at once, and the report is the same each time.
func TestManyLogs(t *testing.T) {
	s, signer := ledgertest.New(), newSigner(t)
	for n := range 12 {
		o := options(signer)
		o.Log = fmt.Sprintf("gw-%02d", n)
		c, err := ledger.OpenChain(ctx, s, o)
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
		for m := range 5 {
			require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{Log: o.Log}, fmt.Sprint("s", n, m), 1, 3)}))
		}
	}
	s.Purge(ledger.ManifestKey("gw-03", 2))
	s.Purge(ledger.ManifestKey("gw-07", 2))
	var first *ledger.Report
	for range 5 {
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: []ledger.PublicKey{public(t, signer)}})
		require.NoError(t, err)
		if first == nil {
			first = r
		}
		require.Equal(t, first, r)
	}
	require.Len(t, first.Logs, 12)
	require.Equal(t, []string{ledger.CodeManifestMissing, ledger.CodeManifestMissing}, codes(first, ledger.SeverityError))
	require.Equal(t, int64(12*15-6), first.Events)
}
