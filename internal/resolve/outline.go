package resolve

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"
	"unique"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Outline is what of an event decides how readers show it: whose it is, where in its run, and
// what else tells of the same thing. It is some hundred bytes, whatever the event holds, so
// that those of a whole trail fit into memory.
type Outline struct {
	ID      string // as the line has it
	Type    semconv.EventType
	LayerOf string

	Run, Sender, Service string
	Session              string // as the line has it, derived or not
	SpanID, ParentSpanID string
	Step                 int64 // after all others where the line has none
	Time                 int64 // nanoseconds since 1970
	facts                [len(names)]string
	derived              [len(names)]bool
	frame                bool // it is of an agent run, whose own record gave its agent
	told                 [sha256.Size]byte
	hasTold              bool
}

// NewOutline is the outline of an event. line is it as sealed: of two lines of one event, the
// second is then known to be a double; nil leaves that open.
func NewOutline(e *semconv.Event, line []byte) Outline {
	o := Outline{
		ID: e.EventID, Type: e.EventType, LayerOf: e.LayerOf,
		Run: one(e.RunID), Sender: one(string(e.Sender)), Service: one(service(e.Source)), Session: one(e.SessionID),
		SpanID: e.SpanID, ParentSpanID: e.ParentSpanID, Step: math.MaxInt64,
	}
	if e.StepNumber.Valid {
		o.Step = e.StepNumber.Value
	}
	if !e.Timestamp.IsZero() {
		o.Time = e.Timestamp.UnixNano()
	}
	for i, name := range names {
		o.facts[i] = one(*facts[name].of(e))
		o.derived[i] = slices.Contains(e.DerivedFields, name)
	}
	o.frame = isFrame(e)
	if line != nil {
		var r semconv.LineReader
		if _, err := r.Scan(line); err == nil {
			o.told, o.hasTold = sha256.Sum256(r.AppendTold(nil)), true
		}
	}
	return o
}

// Tells says what the line tells, by the beginning of a digest: of two events with one id, the
// second is then known to be a double. It is for who has not the line.
func (o *Outline) Tells(digest []byte) {
	o.told, o.hasTold = [sha256.Size]byte{}, true
	copy(o.told[:], digest)
}

// one is a text that many events have, held once.
func one(s string) string { return unique.Make(s).Value() }

// says is what the event says of itself, "" where it says it as derived, or not.
func (o *Outline) says(fact int) string {
	switch {
	case !o.derived[fact]:
		return o.facts[fact]
	case fact == agentFact && !o.derived[nameFact] && o.facts[nameFact] == o.facts[agentFact]:
		return o.facts[fact] // an agent that is named, and has no id beside
	}
	return ""
}

// own is what the event has of itself: what it says, and of an agent run the agent that its own
// record was read as, by the name of its span say, which holds for what lies below that span.
func (o *Outline) own(fact int) string {
	if v := o.says(fact); v != "" || !o.frame || fact != agentFact && fact != nameFact {
		return v
	}
	return o.facts[fact]
}

// Says is the session that the event says of itself, "" where it says it as derived, or not.
func (o *Outline) Says() string { return o.says(sessionFact) }

func service(source json.RawMessage) string {
	var s struct{ Service string }
	_ = json.Unmarshal(source, &s) // of a line, which is checked
	return s.Service
}

// isFrame reports whether an event is of an agent run, with an agent that is from its own
// record, be it as derived.
func isFrame(e *semconv.Event) bool {
	switch e.EventType {
	case semconv.TypeSessionStart, semconv.TypeSessionEnd, semconv.TypeSessionTimeout:
	default:
		return false
	}
	if e.AgentName == "" {
		return false
	}
	var from map[string]json.RawMessage
	_ = json.Unmarshal(e.DerivedFrom, &from) // of a line, which is checked
	return from["agent_id"] == nil && from["agent_name"] == nil
}
