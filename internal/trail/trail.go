// Package trail puts together what happened in one session from a sealed trail.
package trail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Event is an event with where it is sealed, as readers show it.
type Event struct {
	*semconv.Event                // with what others of its run say of it in place
	Sealed         *semconv.Event // as its line has it
	Line           []byte         // as sealed
	Log            string
	Seq            int64 // of the manifest that names the object
	Object         string
	N              int    // line in the object, from 1
	Writer         string // the version of the program that sealed it, as the manifest says

	// Resolution is what others of the same run say of it, in Fields, which the line does
	// not hold, and in which facts they differ.
	resolve.Resolution
	// Errata are what the program that wrote the line is known to have told wrongly.
	Errata []resolve.Erratum
	// OversizeText are the full texts of fields that the line holds the beginning of,
	// by name, once ReadOversize has read them.
	OversizeText map[string]string
	// Layers tell the same fact from another instrumentation layer.
	Layers []*Event
	// Messages were reported apart from this model call.
	Messages []*Event
	// Doubles are further lines that repeat the event to the letter.
	Doubles int
}

// Trail is a session.
type Trail struct {
	Session  string
	Events   []*Event
	Problems []error // findings: what does not hold, or is told in two ways
	Doubles  int     // lines that repeat an event to the letter
	Unread   int     // of the problems, those that kept events from being read, or from being judged
	// Apart counts events of the same runs that name no session, and of which nothing says
	// that they are of this one: another sender's, or another service's.
	Apart int

	ordered []*Event // with the messages, which Events has at their calls
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
	wanted := ledger.NewSessionIDs(session)
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
		before := wanted.Len()
		for _, run := range runs {
			wanted.Add(run)
		}
		if wanted.Len() == before {
			return t, t.arrange()
		}
	}
	return nil, fmt.Errorf("session %q leads from run to run without an end", session)
}

// named reports whether an event says itself that it is of the session.
func (t *Trail) named() bool {
	return slices.ContainsFunc(t.Events, func(e *Event) bool {
		return e.SessionID == t.Session && !slices.Contains(e.DerivedFields, "session_id")
	})
}

func read(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, logs []string, session string, wanted *ledger.SessionIDs, everywhere bool) (*Trail, []string, error) {
	t := &Trail{Session: session}
	var runs []string // that were not looked for
	seen := map[string]bool{}
	o := ledger.ReadOptions{Keys: keys, Logs: logs, Sessions: func(s *ledger.Sessions) bool {
		return everywhere || wanted.In(s)
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
			if e.RunID != "" && wanted.Contains(e.RunID) {
				t.Events = append(t.Events, newEvent(e, &l)) // which may say something of the run
			}
			continue
		}
		if e.RunID != "" && !wanted.Contains(e.RunID) && !seen[e.RunID] {
			seen[e.RunID] = true
			runs = append(runs, e.RunID)
		}
		t.Events = append(t.Events, newEvent(e, &l))
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
func belongs(e *semconv.Event, session string, wanted *ledger.SessionIDs) bool {
	if e.SessionID == session || e.RunID == session {
		return true
	}
	return wanted.Contains(e.RunID) && slices.Contains(e.DerivedFields, "session_id")
}

// newEvent is an event as it was read.
func newEvent(e *semconv.Event, l *ledger.EventLine) *Event {
	return &Event{
		Event: e, Sealed: e, Line: slices.Clone(l.Line),
		Log: l.Log, Seq: l.Seq, Object: l.Object, N: l.N, Writer: l.Writer,
	}
}

// reused is the finding that one id has two contents. Both are shown: ids come from senders,
// who must not be able to hide another's event.
func reused(ev, before *Event) *ledger.Finding {
	return &ledger.Finding{
		Severity: ledger.SeverityWarning, Code: ledger.CodeEventIDReused, Log: ev.Log, Object: ev.Object, Line: ev.N,
		Message: "event " + ev.EventID + " is told with another content in " + before.Object + ": both are shown",
	}
}

// arrange has the events as readers show them: those of the session, each once and in the one
// order, with what their runs say, and layers and messages with the events they belong to.
func (t *Trail) arrange() error {
	read := t.Events
	list := make([]resolve.Outline, len(read))
	for i, e := range read {
		list[i] = resolve.NewOutline(e.Sealed, e.Line)
	}
	t.Events = nil
	for _, s := range resolve.Show(list) {
		o := &list[s.At]
		if o.Run != t.Session && !s.Of(o, t.Session) {
			if o.Says() == "" {
				t.Apart++
			}
			continue
		}
		ev, err := shownAs(&s, func(i int) (*Event, error) { return read[i], nil })
		if err != nil {
			return err
		}
		t.Events = append(t.Events, ev)
		t.Doubles += len(s.Doubles)
		if s.Reused >= 0 {
			t.Problems = append(t.Problems, reused(ev, read[s.Reused]))
		}
	}
	t.foldMessages()
	return nil
}

// shownAs is an event as it is shown; get gives it, and its layers, as they were read.
func shownAs(s *resolve.Shown, get func(i int) (*Event, error)) (*Event, error) {
	e, err := get(s.At)
	if err != nil {
		return nil, err
	}
	e.Resolution, e.Doubles = s.Resolution, len(s.Doubles)
	e.Errata = resolve.Errata(e.Sealed, e.Line, e.Writer)
	e.Event, _ = e.Apply(e.Sealed)
	for i := range s.Layers {
		l, err := shownAs(&s.Layers[i], get)
		if err != nil {
			return nil, err
		}
		e.Layers = append(e.Layers, l)
	}
	return e, nil
}

// View is all that is shown of the event.
func (e *Event) View() *resolve.View {
	v := &resolve.View{
		Resolution: &e.Resolution, Event: e.Sealed, Line: e.Line, Errata: e.Errata, Doubles: e.Doubles,
		Place: resolve.Place{Log: e.Log, Object: e.Object, Line: e.N},
	}
	for _, l := range e.Layers {
		v.Layers = append(v.Layers, resolve.Layer{Event: l.Sealed, Line: l.Line})
	}
	return v
}

// foldMessages puts messages that were reported apart to the model call that they are of. An
// event may name another by an id in another form than that has in this trail.
func (t *Trail) foldMessages() {
	byID := map[string]*Event{}
	for _, e := range t.Events {
		if id := semconv.LegacyEventID(e.EventID); byID[id] == nil {
			byID[id] = e
		}
	}
	t.ordered = t.Events
	kept := t.Events[:0:0]
	for _, e := range t.Events {
		call := byID[semconv.LegacyEventID(e.ParentEventID)]
		if e.EventType == semconv.TypeMessage && call != nil && call.EventType != semconv.TypeMessage &&
			string(call.Sender) == string(e.Sender) {
			call.Messages = append(call.Messages, e)
			continue
		}
		kept = append(kept, e)
	}
	t.Events = kept
}

// InOrder is every event in the one order, messages among them; layers are at their events.
func (t *Trail) InOrder() iter.Seq[*Event] { return slices.Values(t.ordered) }

// All is InOrder with the layers of each event behind it.
func (t *Trail) All() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for _, e := range t.ordered {
			for _, o := range append([]*Event{e}, e.Layers...) {
				if !yield(o) {
					return
				}
			}
		}
	}
}
