package agentauditexporter

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

func TestGarbageCollectionIsTunedInOurDistributionOnly(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for _, tt := range []struct {
		command, env string
		want         int
	}{{"otelcol-custom", "", 100}, {"otelcol-agentaudit", "50", 100}, {"otelcol-agentaudit", "", 200}} {
		t.Setenv("GOGC", tt.env)
		debug.SetGCPercent(100)
		tuneGC(component.BuildInfo{Command: tt.command})
		require.Equal(t, tt.want, debug.SetGCPercent(100), tt)
	}
}
