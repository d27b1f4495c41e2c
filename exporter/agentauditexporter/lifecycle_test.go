package agentauditexporter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// The two exporters of a configuration share one log; the next pair opens it again.
func TestLifecycle(t *testing.T) {
	tr := newTrail(t)
	opened := 0
	s := &shared{open: func(ctx context.Context, c store.Config) (bucket, error) {
		opened++
		return store.Open(ctx, c)
	}, members: map[*Config]*member{}}
	c := tr.config()

	for round := range 2 {
		ctx := context.Background()
		set := exportertest.NewNopSettings(metadata.Type)
		traces, err := s.createTraces(ctx, set, c)
		require.NoError(t, err)
		logs, err := s.createLogs(ctx, set, c)
		require.NoError(t, err)
		for _, e := range []component.Component{traces, logs} {
			require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
		}
		require.Equal(t, round+1, opened)

		require.NoError(t, traces.ConsumeTraces(ctx, spans(event(10*round))))
		require.NoError(t, traces.Shutdown(ctx))
		require.NoError(t, logs.ConsumeLogs(ctx, records(event(10*round+1))), "goes on without the other")
		require.NoError(t, logs.Shutdown(ctx))
		require.NoError(t, logs.Shutdown(ctx), "a second time does nothing")
		require.Empty(t, s.members)
	}

	require.Equal(t, map[string]int{"event-0": 1, "event-1": 1, "event-10": 1, "event-11": 1}, tr.requireConfirmed())
	require.Equal(t, []string{"open", "batch", "batch", "close", "open", "batch", "batch", "close"}, tr.kinds())
}

func TestShutdownWithoutStart(t *testing.T) {
	s := &shared{members: map[*Config]*member{}}
	c := createDefaultConfig().(*Config)
	e, err := s.createLogs(context.Background(), exportertest.NewNopSettings(metadata.Type), c)
	require.NoError(t, err)
	require.NoError(t, e.Shutdown(context.Background()))
	require.Empty(t, s.members)
}
