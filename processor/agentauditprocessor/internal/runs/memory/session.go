package memory

import (
	"bytes"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Session is what is remembered of a session across its runs, under a key of its own: a
// decision comes in another run than the request, and an agent that sends log records
// alone may never say that it has ended.
type Session struct {
	entry  *entry
	asks   []*Ask // requests for a decision, in their order
	left   []*Ask // calls that a model asked for, in runs that ended without them
	silent *Silent
}

// Ask is a request for a decision, or a call that a run left undone.
type Ask struct {
	chat.Call
	Event string // that asks
	Run   string // in which it was asked
	End   string // the event with which that run ended, "" while it is not known
	Tool  string // the event of a tool call that waits, where one was told

	answeredIn string // the run, "" of a request that is open
	inferred   bool   // of the answer: nobody told of a decision
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
func (s *Session) Ask(a Ask) { s.asks = s.add(s.asks, a) }

// Leave adds a call that a run left undone, while there is room.
func (s *Session) Leave(a Ask) { s.left = s.add(s.left, a) }

func (s *Session) add(list []*Ask, a Ask) []*Ask {
	if len(list) >= maxFacts {
		if at := slices.IndexFunc(list, func(x *Ask) bool { return x.answeredIn != "" }); at >= 0 {
			list = slices.Delete(list, at, at+1)
		}
	}
	if len(list) >= maxFacts || !s.entry.run.room(costRequest+len(a.ID)+len(a.Name)+len(a.Arguments)+len(a.Event)+len(a.Run)+len(a.End)+len(a.Tool)) {
		return list
	}
	a.Call = cloned(a.Call)
	return append(list, &a)
}

// Open are the requests that nobody answered yet.
func (s *Session) Open() (open []*Ask) {
	for _, a := range s.asks {
		if a.answeredIn == "" {
			open = append(open, a)
		}
	}
	return open
}

// Undecided are the requests of which nobody told a decision: those that are open, and those
// of which a run has only shown that they were answered.
func (s *Session) Undecided(run string) (list []*Ask) {
	for _, a := range s.asks {
		if a.answeredIn == "" || a.answeredIn == run && a.inferred {
			list = append(list, a)
		}
	}
	return list
}

// Answer notes in which run a request was answered, and whether that is only inferred.
func (a *Ask) Answer(run string, inferred bool) { a.answeredIn, a.inferred = run, inferred }

// Waiting reports whether a request was not answered in the run that asks.
func (s *Session) Waiting(event string) bool {
	return slices.ContainsFunc(s.asks, func(a *Ask) bool { return a.Event == event && a.answeredIn != a.Run })
}

// Waits reports whether a run asked for what was not answered in it.
func (s *Session) Waits(run string) bool {
	return slices.ContainsFunc(s.asks, func(a *Ask) bool { return a.Run == run && a.answeredIn != run })
}

// Ended notes with which event a run ended that waits.
func (s *Session) Ended(run, end string) {
	for _, a := range s.asks {
		if a.Run == run && a.End == "" && s.entry.run.room(len(end)) {
			a.End = end
		}
	}
}

// TakeLeft is a call that another run left undone, which is forgotten with it; nil where
// there is none.
func (s *Session) TakeLeft(run, name string, arguments []byte) *Ask {
	at := slices.IndexFunc(s.left, func(a *Ask) bool {
		return a.Run != run && a.Name == name && bytes.Equal(a.Arguments, arguments)
	})
	if at < 0 {
		return nil
	}
	a := s.left[at]
	s.left = slices.Delete(s.left, at, at+1)
	return a
}

// Silent is what was heard of the session last, nil where nothing was.
func (s *Session) Silent() *Silent { return s.silent }

// Heard replaces what was heard last, while there is room for it.
func (s *Session) Heard(l *Silent) {
	if s.silent != nil || s.entry.run.room(costPending) {
		s.silent = l
	}
}
