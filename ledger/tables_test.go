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

// TestIDsInAnyOrder: objects are read in parallel, so two runs over one trail meet its
// lines in different orders and must still say the same.
func TestIDsInAnyOrder(t *testing.T) {
	for _, order := range [][]uint64{{1, 1, 2, 2, 3}, {2, 1, 1, 3, 2}, {3, 2, 1, 2, 1}, {2, 2, 1, 1, 3}} {
		table, said := newIDTable(), map[idVerdict]int{}
		for i, content := range order {
			v, _, _ := table.see("an id", content, "an object", i+1)
			said[v]++
		}
		require.Equal(t, map[idVerdict]int{idNew: 1, idOther: 2, idSame: 2}, said, order)
	}
}
