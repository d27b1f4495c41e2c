package search

import (
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// maxListed bounds how many values of one kind are listed of a session: senders make them up.
const maxListed = 16

// Session is what was found of a session. What is counted is what was found: for a query that
// finds all, all of the session as far as it was read.
type Session struct {
	ID string `json:"session"` // "" for events that name none
	// Derived is set where no event found says the session itself: the id was given by the
	// collector, or by the run.
	Derived bool      `json:"derived,omitempty"`
	Begin   time.Time `json:"begin"` // by the agent's clock
	End     time.Time `json:"end"`   // the latest that is told: an end or a beginning
	Events  int       `json:"events"`
	Runs    int       `json:"runs"`
	Agents  []string  `json:"agents,omitempty"` // names, or ids
	Users   []string  `json:"users,omitempty"`
	Models  []string  `json:"models,omitempty"`
	Tools   []string  `json:"tools,omitempty"`
	Calls   int       `json:"tool_calls"`
	// Failed and Denied count what came out so.
	Failed int  `json:"failed"`
	Denied int  `json:"denied"`
	More   bool `json:"more,omitempty"` // there are more agents, users, models or tools than listed

	runs map[string]bool
}

// Sessions gathers hits by session.
type Sessions struct {
	byID map[string]*Session
	list []*Session
}

// Add takes a hit in.
func (s *Sessions) Add(h *Hit) {
	e := Shown(h.Event)
	x := s.byID[e.SessionID]
	if x == nil {
		if s.byID == nil {
			s.byID = map[string]*Session{}
		}
		x = &Session{ID: e.SessionID, Derived: true, Begin: e.Timestamp, runs: map[string]bool{}}
		s.byID[e.SessionID], s.list = x, append(s.list, x)
	}
	x.add(e)
	if h.Sealed.SessionID == x.ID && !slices.Contains(h.Sealed.DerivedFields, "session_id") {
		x.Derived = false
	}
}

func (x *Session) add(e *semconv.Event) {
	x.Events++
	if e.RunID != "" && !x.runs[e.RunID] {
		x.runs[e.RunID] = true
		x.Runs++
	}
	if e.Timestamp.Before(x.Begin) {
		x.Begin = e.Timestamp
	}
	for _, t := range []time.Time{e.Timestamp, e.EndTimestamp} {
		if t.After(x.End) {
			x.End = t
		}
	}
	list := func(to *[]string, value string) {
		switch {
		case value == "" || slices.Contains(*to, value):
		case len(*to) >= maxListed:
			x.More = true
		default:
			*to = append(*to, value)
		}
	}
	list(&x.Agents, agentOf(e))
	list(&x.Users, e.UserID)
	list(&x.Models, e.ModelID)
	list(&x.Tools, e.ToolName)
	if e.EventType == semconv.TypeToolCall || e.EventType == semconv.TypeToolResult {
		x.Calls++
	}
	switch e.Outcome {
	case semconv.OutcomeError:
		x.Failed++
	case semconv.OutcomeDenied:
		x.Denied++
	}
}

// List is the sessions, the one that began last first.
func (s *Sessions) List() []*Session {
	slices.SortStableFunc(s.list, func(a, b *Session) int {
		if c := b.Begin.Compare(a.Begin); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return s.list
}
