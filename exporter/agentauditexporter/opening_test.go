package agentauditexporter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// memory is a bucket in memory, checked and found to be good.
type memory struct {
	*ledgertest.Store
	checks, closed int
}

func (m *memory) Check(context.Context, string, time.Duration) error {
	m.checks++
	return nil
}

func (*memory) CheckLifecycle(context.Context, time.Duration, ...store.Class) ([]string, error) {
	return []string{"rule missing"}, nil
}
func (m *memory) Close() { m.closed++ }

// opening is one of a bucket in memory, with the key in a file.
func (p *parts) opening(m *memory, keyFile string) *opening {
	p.cfg.Signing.KeyFile = keyFile
	o := newOpening(p.cfg, component.BuildInfo{Version: "1.2.3"}, p.report, &neighbours{logs: &p.report.watchedLogs, logger: p.report.logger})
	require.NoError(p.t, o.prepare())
	require.NoError(p.t, o.connect(context.Background(), func(context.Context, store.Config) (bucket, error) { return m, nil }))
	return o
}

// Opening goes on where it was: what was done is not done again.
func TestOpeningGoesOn(t *testing.T) {
	p := newParts(t)
	m := &memory{Store: p.store}
	keyFile, public := newKey(t)
	o := p.opening(m, keyFile)
	try := func() error { return o.open(context.Background(), time.Minute, time.Time{}) }

	away := errors.New("away")
	for _, place := range []struct{ prefix, want string }{
		{ledger.KeyPrefix, "cannot publish the public key: away"},
		{ledger.ManifestPrefix, `cannot write the opening manifest of the log "gw-0": `},
	} {
		p.store.Fail = func(key string, _ bool) error {
			if strings.HasPrefix(key, place.prefix) {
				return away
			}
			return nil
		}
		require.ErrorContains(t, try(), place.want)
	}
	p.store.Fail = nil
	require.NoError(t, try())
	require.Equal(t, 1, m.checks)
	require.Equal(t, 1, p.logs.FilterMessage("lifecycle rules of the bucket: rule missing").Len())
	require.Equal(t, 1, p.logs.FilterMessage("audit log opened").Len())
	require.Len(t, p.store.Keys(ledger.ManifestPrefix), 1)
	metadatatest.AssertEqualAgentauditExporterCommits(t, p.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("kind", "open"))},
	}, metricdatatest.IgnoreTimestamp())

	_, err := ledger.ReadLog(context.Background(), p.store, []ledger.PublicKey{public}, nil, time.Time{}, "gw-0", func(m *ledger.Manifest, _ *ledger.Tree) error {
		require.Equal(t, "1.2.3", m.Predicate.Writer.Version)
		require.Equal(t, o.digest, m.Predicate.Writer.ConfigSHA256)
		require.Equal(t, o.instance, m.Predicate.Instance)
		return nil
	})
	require.NoError(t, err)
	o.release()
	require.Equal(t, 1, m.closed)
}

// What manifests named since a time is known to who opens the log again, where he asks.
func TestOpeningKnowsWhatWasNamed(t *testing.T) {
	p := newParts(t)
	m := &memory{Store: p.store}
	keyFile, _ := newKey(t)
	o := p.opening(m, keyFile)
	require.NoError(t, o.open(context.Background(), time.Minute, time.Time{}))
	object := p.object(p.maker(), nil, event(0))
	require.NoError(t, o.putter().put(context.Background(), object.sealed.Key, object.sealed.Body, ledger.PutOptions{SHA256: object.sealed.Digest}))
	require.NoError(t, o.chain.Commit(context.Background(), ledger.KindBatch, []ledger.Object{object.sealed.Object}))

	for since, want := range map[time.Time]map[string]bool{
		{}:                           nil,
		time.Now().Add(-time.Minute): {object.sealed.Key: true},
	} {
		o = p.opening(m, keyFile)
		require.NoError(t, o.open(context.Background(), time.Minute, since))
		require.Equal(t, want, o.named)
	}
}

// The heads of other logs are in the manifest that follows, once.
func TestChainTicksHeadsOff(t *testing.T) {
	p := newParts(t)
	keyFile, public := newKey(t)
	o := p.opening(&memory{Store: p.store}, keyFile)
	require.NoError(t, o.open(context.Background(), time.Minute, time.Time{}))
	o.heads.heads.Store(&[]ledger.HeadRef{{Log: "gw-1", Seq: 3, SHA256: strings.Repeat("0", 64)}})
	p.store.Fail = func(string, bool) error { return errors.New("away") }
	require.Error(t, o.chain.Commit(context.Background(), ledger.KindHeartbeat, nil))
	p.store.Fail = nil
	for range 2 {
		require.NoError(t, o.chain.Commit(context.Background(), ledger.KindHeartbeat, nil))
	}
	var heads []int
	_, err := ledger.ReadLog(context.Background(), p.store, []ledger.PublicKey{public}, nil, time.Time{}, "gw-0", func(m *ledger.Manifest, _ *ledger.Tree) error {
		heads = append(heads, len(m.Predicate.Heads))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 0}, heads)
}
