package agentauditexporter

import (
	"os"
	"runtime/debug"

	"go.opentelemetry.io/collector/component"
)

// gcPercent is what our distribution has in the place of Go's 100. Requests that wait to
// be sealed keep thousands of stacks alive, which every collection walks: with half as
// many of them an event costs less CPU, and the process takes more memory; by how much,
// `GOGC=100 make bench BENCH="-systems sealed -out -"` tells beside bench/RESULTS.md.
const gcPercent = 200

// tuneGC has the garbage collected less often in our own distribution, whose only work is
// the trail, unless the operator has set GOGC. Others decide for themselves.
func tuneGC(info component.BuildInfo) {
	if info.Command == "otelcol-agentaudit" && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
