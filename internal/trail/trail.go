// Package trail puts together what happened in one session from a sealed trail.
package trail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Event is an event of the session with where it is sealed.
type Event struct {
	*semconv.Event
	Line   []byte // as sealed
	Log    string
	Seq    int64 // of the manifest that names the object
	Object string
	N      int // line in the object, from 1

	// Completed are fields, by name, that other events of the same run gave: the line
	// does not hold them.
	Completed map[string]string
	// Conflicts are facts that others of the same run give in several ways.
	Conflicts []resolve.Conflict
	// Errata are what the program that wrote the line is known to have told wrongly.
	Errata []resolve.Erratum
	// OversizeText are the full texts of fields that the line holds the beginning of,
	// by name, once ReadOversize has read them.
	OversizeText map[string]string
	// Layers tell the same fact from another instrumentation layer.
	Layers []*Event
	// Messages were reported apart from this model call.
	Messages []*Event
}

// Trail is a session.
type Trail struct {
	Session  string
	Events   []*Event
	Problems []error // findings: what does not hold, or is told in two ways
	Doubles  int     // lines that repeat an event to the letter
	Unread   int     // of the problems, those that kept events from being read, or from being judged
}

// maxRounds bounds how often a run that was found leads to another reading: a
// session leads to its runs, and those to events that knew of no session yet.
const maxRounds = 4

// Read gathers the events of a session, or of a run where its trace id is given. They
// are verified as they are read; what does not hold is a problem and is not among
// the events. An error means that nothing can be said.
func Read(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, logs []string, session string) (*Trail, error) {
	if session == "" {
		return nil, errors.New("no session: give the id of a session or of a run")
	}
	wanted := []string{session}
	everywhere := false
	for range maxRounds {
		t, runs, err := read(ctx, r, keys, logs, session, wanted, everywhere)
		if err != nil {
			return nil, err
		}
		if !everywhere && !t.named() {
			// No event says that it is of this session: the name may be that of a run, whose
			// events are filed under sessions that are not known here.
			everywhere = true
			continue
		}
		more := wanted
		for _, run := range runs {
			if !slices.Contains(more, run) {
				more = append(more, run)
			}
		}
		if len(more) == len(wanted) {
			t.arrange()
			return t, nil
		}
		wanted = more
	}
	return nil, fmt.Errorf("session %q leads from run to run without an end", session)
}

// named reports whether an event says itself that it is of the session.
func (t *Trail) named() bool {
	return slices.ContainsFunc(t.Events, func(e *Event) bool {
		return e.SessionID == t.Session && !slices.Contains(e.DerivedFields, "session_id")
	})
}

func read(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, logs []string, session string, wanted []string, everywhere bool) (*Trail, []string, error) {
	t := &Trail{Session: session}
	byID := map[string][]*Event{}
	var runs []string
	o := ledger.ReadOptions{Keys: keys, Logs: logs, Sessions: func(s *ledger.Sessions) bool {
		return everywhere || slices.ContainsFunc(wanted, s.Has)
	}}
	for l, err := range ledger.Events(ctx, r, o) {
		if err != nil {
			var f *ledger.Finding
			if !errors.As(err, &f) {
				return nil, nil, Unsigned(err, t.Problems)
			}
			t.problem(f)
			continue
		}
		e, err := semconv.ParseLine(l.Line)
		if err != nil {
			t.problem(LineFinding(&l, err))
			continue
		}
		if !belongs(e, session, wanted) {
			continue
		}
		if e.RunID != "" && !slices.Contains(runs, e.RunID) {
			runs = append(runs, e.RunID)
		}
		ev := &Event{Event: e, Line: slices.Clone(l.Line), Log: l.Log, Seq: l.Seq, Object: l.Object, N: l.N}
		id := semconv.LegacyEventID(e.EventID)
		if t.double(byID[id], ev) {
			continue
		}
		byID[id] = append(byID[id], ev)
		t.Events = append(t.Events, ev)
	}
	return t, runs, nil
}

// problem notes what is wrong, and whether it kept events from being read.
func (t *Trail) problem(f *ledger.Finding) {
	t.Problems = append(t.Problems, f)
	if f.Severity == ledger.SeverityError || f.Severity == ledger.SeverityUnknown {
		t.Unread++
	}
}

// belongs reports whether an event is of the session: it says so, or it knew only
// its run, and the run is the session's.
func belongs(e *semconv.Event, session string, wanted []string) bool {
	if e.SessionID == session || e.RunID == session {
		return true
	}
	return slices.Contains(wanted, e.RunID) && slices.Contains(e.DerivedFields, "session_id")
}

// double drops an event that is told before, where both say the same. One id with
// two contents is a problem, and both are shown: ids come from senders, who must
// not be able to hide another's event.
func (t *Trail) double(before []*Event, ev *Event) bool {
	for _, b := range before {
		if ledger.SameEvent(b.Line, ev.Line) {
			t.Doubles++
			return true
		}
	}
	if len(before) > 0 {
		t.Problems = append(t.Problems, &ledger.Finding{Severity: ledger.SeverityWarning, Code: ledger.CodeEventIDReused, Log: ev.Log, Object: ev.Object, Line: ev.N, Message: "event " + ev.EventID + " is told with another content in " + before[0].Object + ": both are shown"})
	}
	return false
}

// arrange orders the events, completes them from their runs, and folds layers and
// messages into the events they belong to.
func (t *Trail) arrange() {
	sort.SliceStable(t.Events, func(i, j int) bool {
		a, b := t.Events[i], t.Events[j]
		switch {
		case !a.Timestamp.Equal(b.Timestamp):
			return a.Timestamp.Before(b.Timestamp)
		case rank(a) != rank(b):
			return rank(a) < rank(b)
		case !a.EndTimestamp.Equal(b.EndTimestamp):
			return a.EndTimestamp.Before(b.EndTimestamp)
		}
		return a.StepNumber.Value < b.StepNumber.Value
	})
	t.complete()
	// An event may name another by an id in another form than that has in this trail.
	byID, layers := map[string]*Event{}, map[string]string{}
	for _, e := range t.Events {
		id := semconv.LegacyEventID(e.EventID)
		if e.LayerOf == "" && byID[id] == nil {
			byID[id] = e
		} else if e.LayerOf != "" {
			layers[id] = semconv.LegacyEventID(e.LayerOf)
		}
	}
	// outermost follows layers of layers, as far as a hostile sender lets it.
	outermost := func(e *Event) *Event {
		id := semconv.LegacyEventID(e.LayerOf)
		for range 8 {
			if byID[id] != nil {
				return byID[id]
			}
			id = layers[id]
		}
		return nil
	}
	kept := t.Events[:0:0]
	for _, e := range t.Events {
		of, call := outermost(e), byID[semconv.LegacyEventID(e.ParentEventID)]
		switch {
		case e.LayerOf != "" && of != nil:
			of.Layers = append(of.Layers, e)
		case e.EventType == semconv.TypeMessage && call != nil:
			call.Messages = append(call.Messages, e)
		default:
			kept = append(kept, e)
		}
	}
	t.Events = kept
}

// rank puts what begins a run before, and what ends it after, what else happened at
// that time.
func rank(e *Event) int {
	switch e.EventType {
	case semconv.TypeSessionStart:
		return -1
	case semconv.TypeSessionEnd, semconv.TypeSessionTimeout:
		return 1
	}
	return 0
}

// complete lets events have what others of their run say: facts that stand on the
// root's span come last. See package resolve.
func (t *Trail) complete() {
	events := make([]*semconv.Event, len(t.Events))
	for i, e := range t.Events {
		events[i] = e.Event
	}
	for i, r := range resolve.Events(events) {
		e := t.Events[i]
		e.Errata = resolve.Errata(e.Event, e.Line, "")
		e.Conflicts = r.Conflicts
		var names []string
		e.Event, names = r.Apply(e.Event)
		for _, name := range names {
			if e.Completed == nil {
				e.Completed = map[string]string{}
			}
			e.Completed[name] = r.Get(name)
		}
	}
}

// All is every event of the session, in order, the folded ones after the event
// that they belong to.
func (t *Trail) All() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for _, e := range t.Events {
			if !yield(e) {
				return
			}
			for _, more := range [][]*Event{e.Messages, e.Layers} {
				for _, m := range more {
					if !yield(m) {
						return
					}
				}
			}
		}
	}
}
