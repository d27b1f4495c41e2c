package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// absence proves that no object that was sealed in a time holds the session: by the
// manifests from the one before to the one behind, which leave no gap, and the sets
// of sessions in them.
func (m *maker) absence(ctx context.Context) error {
	logs := m.o.Logs
	if logs == nil {
		var err error
		if logs, err = ledger.Logs(ctx, m.r); err != nil {
			return err
		}
	}
	met := false
	for _, log := range logs {
		e := &excerpt{Log: &Log{Log: log}}
		says, err := m.absentFrom(ctx, e)
		if m.o.Logs == nil && errors.Is(err, ledger.ErrUnknownLog) {
			m.b.Unknown = append(m.b.Unknown, log) // planted, or its key was not given
			continue
		}
		if err != nil {
			return err
		}
		met = met || says
		m.b.Logs = append(m.b.Logs, *e.Log)
	}
	switch {
	case len(m.b.Logs) == 0:
		return errors.New("no log that a given key signed: nothing can be said")
	case !met:
		return fmt.Errorf("no log says anything of the time %s: there is nothing to prove", m.b.Claim.window())
	}
	return nil
}

// absentFrom proves it of one log, and reports whether that says anything of the time.
func (m *maker) absentFrom(ctx context.Context, e *excerpt) (bool, error) {
	w := m.b.Claim.window()
	var s span
	var before *ledger.Manifest // the newest that was sealed before the time
	done := false
	e.again = func() { s, before, done = span{}, nil, false }
	err := m.log(ctx, e, func(man *ledger.Manifest) (bool, error) {
		s.add(man)
		switch {
		case done:
			return false, nil
		case w.before(s.last):
			before = man
			// In version 1 nobody signed how far time had come: all that led there shows it.
			return man.Predicate.Time == nil, nil
		}
		if before != nil {
			if err := m.manifest(e, before); err != nil {
				return false, err
			}
			before = nil
		}
		if done = w.after(s.last); done {
			return true, nil
		}
		return true, m.excluded(ctx, e.Log, man)
	})
	if err != nil {
		return false, err
	}
	met, reason := s.meets(w)
	if reason != "" {
		return false, fmt.Errorf("log %s %s: name the logs that the claim is to be about (--log)", e.Log.Log, reason)
	}
	return met, nil
}

// span is the time of which a log says something.
type span struct {
	began       bool
	from        int64 // the oldest manifest
	first, last time.Time
	closed      bool // by its writer, or by another that retired it
	retired     bool
}

func (s *span) add(man *ledger.Manifest) {
	at := man.SealedAt()
	if !s.began {
		s.began, s.from, s.first = true, man.Predicate.Seq, at
	}
	if at.After(s.last) {
		s.last = at
	}
	s.closed, s.retired = man.Predicate.Kind.Ends(), man.Predicate.Kind == ledger.KindRetire
}

// meets reports whether the log says something of the time of a claim. Where it does not,
// and that leaves open what was sealed then, the reason says why.
func (s *span) meets(w window) (met bool, reason string) {
	switch {
	case w.after(s.first) && s.from > 0:
		return false, "has no manifest of that time any more"
	case w.before(s.last) && !s.closed:
		return false, "was not closed, and ends before that time, at " + s.last.UTC().Format(time.RFC3339)
	}
	return !w.after(s.first) && !w.before(s.last), ""
}

// excluded makes sure that an object does not hold the session: by its set of
// sessions, or by its lines where the set cannot exclude it.
func (m *maker) excluded(ctx context.Context, l *Log, man *ledger.Manifest) error {
	for i := range man.Predicate.Objects {
		o := &man.Predicate.Objects[i]
		if ledger.KindOf(o) == "" {
			return fmt.Errorf("%s: %w", o.Key, ledger.ErrNewerVersion)
		}
		if !o.Sessions.Has(m.o.Session) {
			continue
		}
		file := fmt.Sprintf("objects/%s/%012d-%03d.jsonl", l.Log, man.Predicate.Seq, i)
		out, err := m.out.create(file)
		if err != nil {
			return err
		}
		s := search{session: m.o.Session}
		var failed error
		err = ledger.ReadObject(ctx, m.r, man, o, func(line ledger.EventLine) {
			if failed == nil {
				failed = s.line(line.Line)
			}
			if failed == nil {
				_, failed = io.WriteString(out, string(line.Line)+"\n")
			}
		})
		if err = errors.Join(err, failed); errors.Is(err, ErrPresent) {
			return fmt.Errorf("%w: %s line %d: leave out the time to prove its events", ErrPresent, o.Key, s.n)
		}
		if err != nil {
			return err
		}
		l.Objects = append(l.Objects, Object{File: file, Seq: man.Predicate.Seq, Object: o.Key})
	}
	return nil
}

// search looks for a session in the lines of an object.
type search struct {
	session string
	n       int // lines so far
	reader  semconv.LineReader
}

func (s *search) line(line []byte) error {
	s.n++
	e, err := s.reader.Scan(line)
	switch {
	case err != nil:
		return fmt.Errorf("line %d: %w", s.n, err)
	case e.SessionID == s.session || e.RunID == s.session:
		return ErrPresent
	}
	return nil
}
