package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// squat is someone who may write to the bucket and puts something at a place of the log.
func (tr *trail) squat(seq int64) (version string) {
	id, err := tr.open().Put(context.Background(), ledger.ManifestKey("gw-0", seq), []byte("x"), ledger.PutOptions{SHA256: sha256.Sum256([]byte("x"))})
	require.NoError(tr.t, err)
	return id
}

// TestUnreadableSquatterStopsNobody: an object that the collector may not read, at its next
// place, stops neither one that runs nor one that starts.
func TestUnreadableSquatterStopsNobody(t *testing.T) {
	for name, set := range map[string]func(*proxy){
		"under another's KMS key": func(*proxy) {},
		"SSE-C": func(p *proxy) {
			p.refusal.status, p.refusal.code = http.StatusBadRequest, "InvalidRequest"
			p.refusal.message = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
		},
		"archived": func(p *proxy) {
			p.refusal.status, p.refusal.code, p.refusal.message = http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class"
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			ctx := context.Background()
			var unreadable sync.Map
			p := &proxy{refuse: func(r *http.Request) bool {
				_, is := unreadable.Load(r.URL.Query().Get("versionId"))
				return r.Method == http.MethodGet && is
			}}
			set(p)
			c := tr.config()
			c.S3 = p.start(tr)
			r := start(t, c)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(0))))
			unreadable.Store(tr.squat(2), true)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(1))))
			r.stop()
			require.Empty(t, r.status, "the bucket answers all the while")

			unreadable.Store(tr.squat(4), true)
			unreadable.Store(tr.squat(7), true)
			r = start(t, c)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(2))))
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(3))))
			r.stop()
			require.Equal(t, once(4), tr.requireConfirmed())
			require.Equal(t, []string{"open", "batch", "batch", "close", "open", "batch", "batch", "close"}, tr.kinds())
		})
	}
}

// TestWriterThatCannotReadItsLog: a collector that lost the right to read what it wrote
// does not take it for garbage. It acknowledges nothing and says why, until it can.
func TestWriterThatCannotReadItsLog(t *testing.T) {
	tr := newTrail(t)
	ctx := context.Background()
	var blind atomic.Bool
	p := &proxy{refuse: func(r *http.Request) bool {
		return blind.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/v1/gw-0/")
	}}
	c := tr.config()
	c.S3 = p.start(tr)
	r := start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(0))))

	blind.Store(true)
	tr.squat(2)
	before := tr.keys("manifests/")
	impatient, cancel := context.WithCancel(ctx)
	answer := make(chan error, 1)
	go func() { answer <- r.traces.ConsumeTraces(impatient, spans(event(1))) }()
	require.Equal(t, componentstatus.StatusRecoverableError, <-r.status)
	time.Sleep(50 * time.Millisecond)
	cancel()
	err := <-answer
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, consumererror.IsPermanent(err))
	require.Equal(t, before, tr.keys("manifests/"))
	r.crash()

	_, err = startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.ErrorIs(t, err, ledger.ErrForbidden)
	require.ErrorContains(t, err, `log "gw-0" cannot be read, and goes on`)
	require.Equal(t, before, tr.keys("manifests/"), "nothing is forked")

	blind.Store(false)
	r = start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(1))))
	r.stop()
	require.Equal(t, once(2), tr.requireConfirmed())
}

// forge has another log's key write manifests under the name of this log.
func (tr *trail) forge(file string, n int) {
	s, err := signer.File(file)
	require.NoError(tr.t, err)
	ctx := context.Background()
	var c *ledger.Chain
	for range 100 { // beside the log's own writer
		if c, err = ledger.OpenChain(ctx, tr.open(), ledger.ChainOptions{Log: "gw-0", Signer: s, Retention: func(now time.Time) ledger.Retention {
			return ledger.Retention{Mode: "GOVERNANCE", Until: now.Add(2 * day)}
		}}); err == nil {
			break
		}
	}
	require.NoError(tr.t, err)
	for range n {
		require.NoError(tr.t, c.Commit(ctx, ledger.KindHeartbeat, nil))
	}
}

// TestAnotherLogsKey: a key that the collector does not take for its log's writes under the
// log's name, before it begins and at the places that are next. It is warned of, and passed
// over, now and after every start, and counts as the log's for nobody who has the log's key.
func TestAnotherLogsKey(t *testing.T) {
	for name, tt := range map[string]struct{ before, then int }{
		"manifest 0":           {1, 0},
		"the first twenty":     {20, 0},
		"the next twenty":      {0, 24},
		"first, and all along": {3, 30},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			ctx := context.Background()
			other, public := newKey(t)
			if tt.before > 0 {
				tr.forge(other, tt.before)
			}
			tel := componenttest.NewTelemetry()
			t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
			c := tr.config()
			c.Signing.WatchedKeys = []string{publicFile(t, public)} // for its own log, not for this one
			r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
			require.NoError(t, err)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(0))))
			if tt.then > 0 {
				tr.forge(other, tt.then)
			}
			const many = 25
			for i := 1; i < many; i++ {
				require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(i))))
			}
			warnings, err := tel.GetMetric("otelcol_agentaudit_exporter_warnings")
			require.NoError(t, err)
			require.Positive(t, warnings.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
			r.stop()
			r = start(t, c)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(many))))
			r.crash()
			r = start(t, c)
			require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(many+1))))
			r.stop()
			require.Equal(t, once(many+2), tr.requireConfirmed())

			// Who takes both keys for the log's is told that he must choose, where both began it.
			report, err := ledger.Verify(ctx, tr.open(), ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.public, public}})
			require.NoError(t, err)
			require.NotEqual(t, ledger.NotConfirmed, report.Verdict, "%+v", report.Findings)
			own := tr.public
			own.May = &ledger.Span{Logs: []string{"gw-0"}}
			report, err = ledger.Verify(ctx, tr.open(), ledger.VerifyOptions{Keys: []ledger.PublicKey{own, public}})
			require.NoError(t, err)
			require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
		})
	}
}

// TestStartRefusesABrokenHead: what the log's own key signed and does not continue the
// chain stops the start, since what came before could not be vouched for.
func TestStartRefusesABrokenHead(t *testing.T) {
	tr := newTrail(t)
	start(t, tr.config()).stop()
	elsewhere := newTrail(t)
	elsewhere.keyFile = tr.keyFile
	r := start(t, elsewhere.config())
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0))))
	r.stop()
	body, err := elsewhere.open().Get(context.Background(), ledger.ManifestKey("gw-0", 2), "")
	require.NoError(t, err)
	t.Setenv("AWS_ACCESS_KEY_ID", tr.server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", tr.server.SecretKey)
	tr.overwrite(ledger.ManifestKey("gw-0", 2), body)
	require.Contains(t, startError(t, tr.config()), "does not continue the chain")
	require.Equal(t, []string{"open", "close"}, tr.kinds()[:2])
	require.Len(t, tr.keys("manifests/"), 3, "and writes nothing")
}
