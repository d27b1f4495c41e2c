package runs

import (
	"cmp"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// steps orders the events of each run and numbers them on from the last request.
func (b *batch) steps() {
	slices.SortStableFunc(b.out, func(x, y *placed) int {
		return cmp.Or(x.ev.Timestamp.Compare(y.ev.Timestamp), cmp.Compare(x.rank, y.rank), x.ev.EndTimestamp.Compare(y.ev.EndTimestamp))
	})
	for _, p := range b.out {
		if !p.ev.StepNumber.Valid {
			run := p.n.part.Run
			run.Step++
			p.ev.StepNumber = semconv.Some(run.Step)
		}
	}
}
