package agentauditexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// NewFactory makes the factory of the exporter agentaudit.
func NewFactory() exporter.Factory {
	return newFactory(func(ctx context.Context, c store.Config) (bucket, error) { return store.Open(ctx, c) })
}

func newFactory(open openBucket) exporter.Factory {
	s := &shared{open: open, members: map[*Config]*member{}}
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithTraces(s.createTraces, metadata.TracesStability),
		exporter.WithLogs(s.createLogs, metadata.LogsStability))
}

func (s *shared) createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	c := cfg.(*Config)
	inner, err := s.join(set, c)
	if err != nil {
		return nil, err
	}
	e, err := exporterhelper.NewTraces(ctx, set, cfg, inner.pushTraces, options(inner, c)...)
	if err != nil {
		return nil, err
	}
	return &tracesExporter{Traces: e, leave: func(ctx context.Context) error { return s.leave(ctx, c, e.Shutdown) }}, nil
}

func (s *shared) createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	c := cfg.(*Config)
	inner, err := s.join(set, c)
	if err != nil {
		return nil, err
	}
	e, err := exporterhelper.NewLogs(ctx, set, cfg, inner.pushLogs, options(inner, c)...)
	if err != nil {
		return nil, err
	}
	return &logsExporter{Logs: e, leave: func(ctx context.Context) error { return s.leave(ctx, c, e.Shutdown) }}, nil
}

// options leaves timeout and retry out of exporterhelper: a push that is begun again
// would seal its events twice, so they apply to the requests to the bucket.
func options(inner *auditExporter, c *Config) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(inner.start),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithQueue(c.QueueConfig),
	}
}

type tracesExporter struct {
	exporter.Traces
	leave component.ShutdownFunc
}

func (e *tracesExporter) Shutdown(ctx context.Context) error { return e.leave(ctx) }

type logsExporter struct {
	exporter.Logs
	leave component.ShutdownFunc
}

func (e *logsExporter) Shutdown(ctx context.Context) error { return e.leave(ctx) }
