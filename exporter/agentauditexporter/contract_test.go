package agentauditexporter

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// contractBucket hands the events of a data object on, before it is written, to
// the consumer of the contract. A refusal that is not permanent is a failed
// request; after a permanent one there is nothing to be tried again.
type contractBucket struct {
	bucket
	next func(ctx context.Context, testID string) error
}

func (b *contractBucket) Put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) (string, error) {
	if strings.HasPrefix(key, "data/") {
		for line := range bytes.Lines(body) {
			e, err := semconv.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil {
				return "", err
			}
			if err := b.next(ctx, strings.TrimPrefix(e.EventID, "contract-")); err != nil && !consumererror.IsPermanent(err) {
				return "", err
			}
		}
	}
	return b.bucket.Put(ctx, key, body, opts)
}

const contractID = "test_id" // the attribute by which the contract knows its elements

type pushedTraces struct{ exporter.Traces }

func (e pushedTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	id, _ := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(contractID)
	return e.Traces.ConsumeTraces(ctx, spans(contractEvent(id)))
}

type pushedLogs struct{ exporter.Logs }

func (e pushedLogs) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	id, _ := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get(contractID)
	return e.Logs.ConsumeLogs(ctx, records(contractEvent(id)))
}

func contractEvent(id pcommon.Value) *semconv.Event {
	e := event(0)
	e.EventID = "contract-" + id.Str()
	return e
}

// The exporter retries what failed until it is through, and never sends anything
// twice that got through.
func TestConsumeContract(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	c.Compression = "none"
	c.Batch.MaxAge = time.Millisecond
	c.BackOffConfig.InitialInterval = time.Millisecond
	c.BackOffConfig.MaxInterval = 2 * time.Millisecond

	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalLogs} {
		t.Run(signal.String(), func(t *testing.T) {
			far := &contractBucket{}
			inner := newFactory(func(ctx context.Context, c store.Config) (bucket, error) {
				s, err := store.Open(ctx, c)
				return &contractBucket{bucket: s, next: far.next}, err
			})
			exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
				T: t, NumberOfTestElements: 20, Signal: signal,
				ExporterConfig: c,
				ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
					exporter.WithTraces(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
						e, err := inner.CreateTraces(ctx, set, cfg)
						return pushedTraces{e}, err
					}, component.StabilityLevelAlpha),
					exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
						e, err := inner.CreateLogs(ctx, set, cfg)
						return pushedLogs{e}, err
					}, component.StabilityLevelAlpha)),
				ReceiverConfig: &struct{}{},
				ReceiverFactory: receiver.NewFactory(component.MustNewType("mock"), func() component.Config { return &struct{}{} },
					receiver.WithTraces(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces, error) {
						far.next = func(ctx context.Context, id string) error {
							td := ptrace.NewTraces()
							td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes().PutStr(contractID, id)
							return next.ConsumeTraces(ctx, td)
						}
						return nopReceiver{}, nil
					}, component.StabilityLevelAlpha),
					receiver.WithLogs(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
						far.next = func(ctx context.Context, id string) error {
							ld := plog.NewLogs()
							ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes().PutStr(contractID, id)
							return next.ConsumeLogs(ctx, ld)
						}
						return nopReceiver{}, nil
					}, component.StabilityLevelAlpha)),
			})
		})
	}
	require.Len(t, tr.requireConfirmed(), 20, "the ids are the same in every scenario")
}

type nopReceiver struct {
	component.StartFunc
	component.ShutdownFunc
}
