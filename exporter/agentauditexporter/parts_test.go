package agentauditexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// parts is what the parts of an exporter are given, with nothing of the others: a bucket in
// memory, and the word that goes to the operator.
type parts struct {
	t      *testing.T
	cfg    *Config
	store  *ledgertest.Store
	tel    *componenttest.Telemetry
	logs   *observer.ObservedLogs
	status chan componentstatus.Status
	report *reporter
	signer ledger.Signer
}

func newParts(t *testing.T) *parts {
	p := &parts{
		t: t, cfg: createDefaultConfig().(*Config), store: ledgertest.New(), tel: componenttest.NewTelemetry(),
		status: make(chan componentstatus.Status, 100), signer: ledgertest.NewSigner(t, "ed25519"),
	}
	t.Cleanup(func() { require.NoError(t, p.tel.Shutdown(context.Background())) })
	p.cfg.Log.Name, p.cfg.ObjectLock = "gw-0", LockConfig{Mode: ledger.Governance, Retention: Duration(day)}
	p.cfg.Batch.MaxAge, p.cfg.Batch.MaxPuts = time.Hour, 0 // nothing happens by itself
	p.cfg.Heartbeat, p.cfg.Checkpoint = time.Hour, 0
	p.cfg.BackOffConfig.InitialInterval, p.cfg.BackOffConfig.MaxInterval = time.Millisecond, time.Millisecond
	telemetry, err := metadata.NewTelemetryBuilder(p.tel.NewTelemetrySettings())
	require.NoError(t, err)
	core, logs := observer.New(zap.InfoLevel)
	p.logs = logs
	p.report = &reporter{TelemetryBuilder: telemetry, logger: zap.New(core), status: &status{failing: map[string]bool{}}}
	p.report.status.add(statusHost{Host: componenttest.NewNopHost(), status: p.status})
	return p
}

func (p *parts) retry() retrier {
	return retrier{pace: &p.cfg.BackOffConfig, logger: p.report.logger}
}

func (p *parts) maker() *maker {
	known, err := newPrompts(&p.cfg.ObjectLock, p.report.warn)
	require.NoError(p.t, err)
	return &maker{cfg: p.cfg, log: p.cfg.Log.Name, prompts: known}
}

func (p *parts) putter() putter { return putter{store: p.store, warn: p.report.warn} }

// object is a built one that holds a slot, of so many events.
func (p *parts) object(m *maker, free slots, events ...*semconv.Event) *object {
	o := m.object(kind{}, time.Now(), "", func(*object, error) {})
	n, _ := o.take(lines(p.t, events...), 0)
	require.Equal(p.t, len(events), n)
	if free != nil {
		free <- struct{}{}
		o.slot = free
	}
	require.NoError(p.t, o.build())
	return o
}

// lines are events as a push brings them.
func lines(t *testing.T, events ...*semconv.Event) *ledger.Lines {
	l := newLines()
	list := spans(events...).ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for _, span := range list.All() {
		text, m, err := semconv.AppendSpan(l.Text, span)
		require.NoError(t, err)
		l.Text = text
		l.End(m)
	}
	return l
}

// numbered are the events with the numbers from one up to another.
func numbered(from, to int) (list []*semconv.Event) {
	for i := from; i < to; i++ {
		list = append(list, event(i))
	}
	return list
}

// outbox is what stands for the part that objects are passed on to: the test has them, and
// must finish them.
type outbox chan *object

func (b outbox) send(_ context.Context, o *object) { b <- o }
func (b outbox) take(o *object)                    { b <- o }

// next is the object that comes next.
func (b outbox) next(t *testing.T) *object {
	t.Helper()
	select {
	case o := <-b:
		return o
	case <-time.After(time.Minute):
		require.Fail(t, "nothing is passed on")
		return nil
	}
}

// finished is the error of an object that is finished.
func finished(t *testing.T, o *object) error {
	t.Helper()
	select {
	case <-o.done:
		return o.err
	case <-time.After(time.Minute):
		require.Fail(t, "the object is not finished")
		return nil
	}
}
