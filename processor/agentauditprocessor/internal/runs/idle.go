package runs

import (
	"time"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// heard notes for each session that names itself what this request told of it last.
func (b *batch) heard() {
	for _, p := range b.out {
		d := p.n.d
		if p.ev.SessionID == "" || d.Derived("session_id") {
			continue
		}
		if !d.Record.Log || d.Record.OfSpan {
			if p == p.n.end {
				b.view.Session(p.n.of, d.SessionID, false, func(s *memory.Session) {
					if l := s.Silent(); l != nil {
						l.Framed = true
					}
				})
			}
			continue
		}
		b.view.Session(p.n.of, d.SessionID, true, func(s *memory.Session) { b.lastHeard(s, p) })
	}
}

func (b *batch) lastHeard(s *memory.Session, p *placed) {
	l := s.Silent()
	if l == nil {
		l = &memory.Silent{Framed: len(p.n.part.Frames) > 0}
	} else if l.Last.Timestamp.After(p.ev.Timestamp) {
		return
	}
	l.Service = p.n.d.Record.Service
	l.Ended = p.ev.EventType == semconv.TypeSessionEnd || p.ev.EventType == semconv.TypeSessionTimeout
	l.Last, l.Dialect, l.From, l.Workload = *base(p.n), p.ev.Dialect, b.sender.Name, p.ev.Workload
	l.Last.Timestamp, l.Last.StepNumber, l.Last.Source = p.ev.Timestamp, p.ev.StepNumber, p.ev.Source
	s.Heard(l)
}

// idle makes the ends of sessions of which nothing was heard for as long as runs are
// remembered, with room for more events. The id is made of the last record, so that a
// second collector that heard the same says the same.
func idle(silent []*memory.Silent, more int) []*Event {
	events := make([]*Event, 0, len(silent)+more)
	for _, l := range silent {
		e := &Event{Event: &l.Last, Dialect: l.Dialect, From: l.From, Workload: l.Workload}
		e.EventType, e.Reason = semconv.TypeSessionTimeout, "idle"
		e.EventID = semconv.RecordEventID("idle", l.Service, e.SessionID, e.Timestamp.UTC().Format(time.RFC3339Nano))
		e.StepNumber = semconv.Some(e.StepNumber.Value + 1)
		events = append(events, e)
	}
	return events
}
