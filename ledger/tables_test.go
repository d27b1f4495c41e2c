package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestStepsAreBounded: past the bound no run is said to lack a step, for some of its
// steps may be among those not kept.
func TestStepsAreBounded(t *testing.T) {
	table, j := newStepTable(), job{log: "gw-0"}
	see := func(run string, n int64) {
		table.see(j, &semconv.Event{RunID: run, StepNumber: semconv.Some(n)})
	}
	see("holed", 2)
	require.Equal(t, CodeStepHole, table.holes()[0].Code)
	for n := range int64(1 << 20) {
		see("a", n+1)
		see("b", n+1)
	}
	list := table.holes()
	require.Len(t, list, 1)
	require.Equal(t, CodeStepsUncounted, list[0].Code)
	require.LessOrEqual(t, table.kept, maxSteps)
}
