package agentauditexporter

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace says when an object may be closed before it is full or old: as soon as none is on its
// way to the bucket. A sender then waits for one commit and the rest of another, whatever the
// bucket takes for one, and under load objects grow while they wait. The bucket's price
// bounds how often.
type pace struct {
	puts *rate.Limiter // nil: never

	mu    sync.Mutex
	onWay int
	idle  chan struct{} // closed while none is on its way
}

const (
	// putsEach is what an object costs: itself, and the manifest that names it.
	putsEach = 2
	// gathering is how long an object takes events at the least: a request has company then, and
	// with a fast bucket a third of the objects are made (63 PUTs a second for 148).
	gathering = 5 * time.Millisecond
)

func newPace(maxPuts int) *pace {
	p := &pace{idle: make(chan struct{})}
	close(p.idle)
	if maxPuts > 0 {
		p.puts = rate.NewLimiter(rate.Limit(maxPuts), max(maxPuts, putsEach))
	}
	return p
}

// early returns a channel that is closed when an object that was begun now may be closed; ctx
// ends when that is not asked any more.
func (p *pace) early(ctx context.Context) <-chan struct{} {
	may := make(chan struct{})
	if p.puts != nil {
		go func() {
			if p.wait(ctx) {
				close(may)
			}
		}()
	}
	return may
}

func (p *pace) wait(ctx context.Context) bool {
	company := time.NewTimer(gathering)
	defer company.Stop()
	select {
	case <-company.C:
	case <-ctx.Done():
		return false
	}
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		return false
	}
	return p.puts.WaitN(ctx, putsEach) == nil
}

// begin counts an object that is closed; paid is whether it waited for its price.
func (p *pace) begin(paid bool) {
	if !paid && p.puts != nil {
		p.puts.AllowN(time.Now(), putsEach) // what there is of it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onWay++; p.onWay == 1 {
		p.idle = make(chan struct{})
	}
}

// end is told when it is sealed, or given up.
func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onWay--; p.onWay == 0 {
		close(p.idle)
	}
}
