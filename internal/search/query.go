package search

import (
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/where"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Query is what is looked for: an event that all of it is true of. Of several values of one
// kind one is enough; several texts are all to be there. The zero Query finds every event.
type Query struct {
	Texts      []string // words that the event says somewhere: see Says
	Agents     []string // ids or names
	Users      []string
	Tools      []string
	Types      []string
	Outcomes   []string
	Approvals  []string // values of approval_status
	Models     []string // that were asked for, or that answered
	PromptHash string   // its beginning
	Session    string   // the beginning of its id, or of that of the run

	// Since and Until bound when the event began, by the agent's clock: at or after, and before.
	Since, Until time.Time
	Where        *where.Expression
}

// one reports whether one of the values is asked for, or nothing is.
func one(wanted []string, values ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(values, func(v string) bool { return v != "" && slices.Contains(wanted, v) })
}

// in reports whether an event began in the time of the query.
func (q *Query) in(e *semconv.Event) bool {
	return (q.Since.IsZero() || !e.Timestamp.Before(q.Since)) && (q.Until.IsZero() || e.Timestamp.Before(q.Until))
}

// fields reports whether the filters but the time, the texts and the expression are true of an event.
func (q *Query) fields(e *semconv.Event) bool {
	return one(q.Types, string(e.EventType)) &&
		(q.Session == "" || strings.HasPrefix(e.SessionID, q.Session) || strings.HasPrefix(e.RunID, q.Session)) &&
		one(q.Agents, e.AgentID, e.AgentName) &&
		one(q.Users, e.UserID) &&
		one(q.Tools, e.ToolName) &&
		one(q.Outcomes, e.Outcome) &&
		one(q.Approvals, e.ApprovalStatus) &&
		one(q.Models, e.ModelID, e.ResponseModelID) &&
		(q.PromptHash == "" || strings.HasPrefix(e.SystemPromptHash, strings.ToLower(q.PromptHash)))
}

// Tellings are the forms in which an event is looked at: as it is shown, with what its layers
// tell in place, and each layer for itself.
func Tellings(e *trail.Event) []*semconv.Event {
	if len(e.Layers) == 0 {
		return []*semconv.Event{e.Event}
	}
	list := []*semconv.Event{Shown(e)}
	for _, l := range e.Layers {
		list = append(list, l.Event)
	}
	return list
}

// Shown is the event with what others of its run and its layers say in place.
func Shown(e *trail.Event) *semconv.Event {
	if len(e.Layers) == 0 {
		return e.Event
	}
	line, _ := e.View().Resolved()
	if shown, err := semconv.ParseLine(line); err == nil {
		return shown
	}
	return e.Event // which is always a right one
}
