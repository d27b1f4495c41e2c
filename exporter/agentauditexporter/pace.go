package agentauditexporter

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace says when an object may be closed before it is full or old: as soon as none of its kind
// is on its way to the bucket. A sender then waits for one commit and the rest of another,
// whatever the bucket takes for one, and under load objects grow while they wait. The bucket's
// price bounds how often.
type pace struct {
	puts *rate.Limiter // nil: never

	mu    sync.Mutex
	lanes map[kind]*lane
}

// lane is what is on its way of one kind.
type lane struct {
	onWay int
	idle  chan struct{} // closed while there is none
}

// lane of a kind. p.mu is held.
func (p *pace) lane(k kind) *lane {
	l := p.lanes[k]
	if l == nil {
		l = &lane{idle: make(chan struct{})}
		close(l.idle)
		p.lanes[k] = l
	}
	return l
}

const (
	// putsEach is what an object costs: itself, and the manifest that names it.
	putsEach = 2
	// gathering is how long an object takes events at the least, so that requests of one moment
	// share one however fast the bucket is.
	gathering = 5 * time.Millisecond
)

func newPace(maxPuts int) *pace {
	p := &pace{lanes: map[kind]*lane{}}
	if maxPuts > 0 {
		p.puts = rate.NewLimiter(rate.Limit(maxPuts), max(maxPuts, putsEach))
	}
	return p
}

// early returns a channel that is closed when an object that was begun now may be closed; ctx
// ends when that is not asked any more.
func (p *pace) early(ctx context.Context, k kind) <-chan struct{} {
	may := make(chan struct{})
	if p.puts != nil {
		go func() {
			if p.wait(ctx, k) {
				close(may)
			}
		}()
	}
	return may
}

func (p *pace) wait(ctx context.Context, k kind) bool {
	company := time.NewTimer(gathering)
	defer company.Stop()
	select {
	case <-company.C:
	case <-ctx.Done():
		return false
	}
	p.mu.Lock()
	idle := p.lane(k).idle
	p.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		return false
	}
	return p.puts.WaitN(ctx, putsEach) == nil
}

// begin counts an object that is closed; paid is whether it waited for its price.
func (p *pace) begin(k kind, paid bool) {
	if !paid && p.puts != nil {
		p.puts.AllowN(time.Now(), putsEach) // what there is of it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.lane(k); l.onWay == 0 {
		l.onWay, l.idle = 1, make(chan struct{})
	} else {
		l.onWay++
	}
}

// end is told when it is sealed, or given up.
func (p *pace) end(k kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.lane(k); l.onWay == 1 {
		l.onWay = 0
		close(l.idle)
	} else {
		l.onWay--
	}
}
