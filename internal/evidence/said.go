package evidence

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// said is what a line says of whose event it is.
type said struct {
	id      string // as sealed
	event   string // its id, in the form that every version of the program agrees about
	session string // "" where the line has none of its own: a session that was derived is no word of the sender
	run     string
	sender  string // who authenticated, as the field says it; "" for nobody
}

func saidBy(e *semconv.Event) said {
	s := said{id: e.EventID, event: semconv.LegacyEventID(e.EventID), session: e.SessionID, run: e.RunID, sender: string(e.Sender)}
	if slices.Contains(e.DerivedFields, "session_id") {
		s.session = ""
	}
	return s
}

// itself reports whether the line says by itself that it is what a claim is about: the
// event, or one of the events, or an event of the session, or of the run of that name.
func (s said) itself(c *Claim) bool {
	switch {
	case c.Event != "":
		return s.event == semconv.LegacyEventID(c.Event)
	case len(c.Events) > 0:
		_, found := slices.BinarySearch(c.Events, s.id)
		return found
	}
	return s.session == c.Session || s.run == c.Session
}

// by reports whether another line establishes that this one is of the session: that one
// says so itself, and both are of one run and came from one sender. Whoever else names the
// run establishes nothing, and a line that has a session of its own is of that one.
func (s said) by(o said, c *Claim) bool {
	return !c.ofEvents() && s.session == "" && s.run != "" &&
		o.session == c.Session && o.run == s.run && o.sender == s.sender
}
