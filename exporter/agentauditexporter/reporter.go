package agentauditexporter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// reporter tells the operator how it goes: metrics, the log of the process, the status.
type reporter struct {
	*metadata.TelemetryBuilder
	logger *zap.Logger
	status *status

	lastCommit  atomic.Int64 // Unix nanoseconds
	unsealed    atomic.Int64 // events
	watchedLogs atomic.Int64 // at the last checkpoint
	lastQuorum  atomic.Int64 // of witnesses, Unix nanoseconds; 0 where none is asked
}

// observe has the gauges read from now on.
func (r *reporter) observe() error {
	return errors.Join(
		r.RegisterAgentauditExporterLastCommitAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(time.Since(time.Unix(0, r.lastCommit.Load())).Seconds())
			return nil
		}),
		r.RegisterAgentauditExporterUnsealedEventsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(r.unsealed.Load())
			return nil
		}),
		r.RegisterAgentauditExporterWatchedLogsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(r.watchedLogs.Load())
			return nil
		}),
		r.RegisterAgentauditExporterLastQuorumAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			if at := r.lastQuorum.Load(); at > 0 {
				o.Observe(time.Since(time.Unix(0, at)).Seconds())
			}
			return nil
		}))
}

// warn counts and logs what others did in the bucket; it stops nothing.
func (r *reporter) warn(code, msg string) {
	r.AgentauditExporterWarnings.Add(context.Background(), 1, metric.WithAttributes(attribute.String("code", code)))
	r.logger.Warn(msg, zap.String("code", code))
}

// watch makes a watch for requests to something: status tells of each by itself.
func (r *reporter) watch(what string, timeout time.Duration) watch {
	return watch{timeout: timeout, result: func(err error) {
		if err != nil {
			r.AgentauditExporterRequestFailures.Add(context.Background(), 1)
		}
		r.status.report(what, err)
	}}
}

// committed counts a manifest and what it names.
func (r *reporter) committed(kind ledger.Kind, objects []ledger.Object) {
	ctx := context.Background()
	r.lastCommit.Store(time.Now().UnixNano())
	r.AgentauditExporterCommits.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", string(kind))))
	for i := range objects {
		o := &objects[i]
		r.AgentauditExporterObjects.Add(ctx, 1)
		r.AgentauditExporterObjectBytes.Add(ctx, o.Bytes)
		r.AgentauditExporterObjectUncompressedBytes.Add(ctx, o.UncompressedBytes)
		for typ, n := range o.EventTypes {
			r.AgentauditExporterEventsSealed.Add(ctx, n, metric.WithAttributes(attribute.String("event_type", typ)))
		}
	}
}
