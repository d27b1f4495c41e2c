package memory

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Session is what is remembered of a session across its runs, under a key of its own: a
// decision comes in another run than the request, and an agent that sends log records
// alone may never say that it has ended.
type Session struct {
	entry  *entry
	Asks   []Ask // requests for a decision that are open, in their order
	silent *Silent
}

// Ask is a request for a decision.
type Ask struct {
	chat.Call
	Event string
}

// Silent is the last that was heard of a session that is told by log records alone: what
// its end by silence is made of.
type Silent struct {
	Service       string
	Last          semconv.Event
	Dialect, From string
	Workload      string
	Framed        bool // spans tell of the ends of its runs
	Ended         bool
}

// Ask adds a request, while there is room.
func (s *Session) Ask(a Ask) {
	if len(s.Asks) >= maxFacts || !s.entry.run.room(costRequest+len(a.ID)+len(a.Name)+len(a.Arguments)+len(a.Event)) {
		return
	}
	a.Call = cloned(a.Call)
	s.Asks = append(s.Asks, a)
}

// Silent is what was heard of the session last, nil where nothing was.
func (s *Session) Silent() *Silent { return s.silent }

// Heard replaces what was heard last, while there is room for it.
func (s *Session) Heard(l *Silent) {
	if s.silent != nil || s.entry.run.room(costPending) {
		s.silent = l
	}
}
