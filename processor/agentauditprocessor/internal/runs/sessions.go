package runs

import (
	"time"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// session is what is remembered of a session across its runs, under a key of its
// own: a decision comes in another run than the request, and an agent that sends
// log records alone may never say that it has ended.
func (b *batch) session(n *node) *run {
	return b.cache.get(b.sessionKey(n), b.now)
}

func (b *batch) sessionKey(n *node) string {
	return "session/" + b.sender + "/" + n.d.Record.Service + "/" + n.d.SessionID
}

// silent is the last that was heard of a session that is told by log records alone:
// what its end by silence is made of.
type silent struct {
	service string
	last    Event
	framed  bool // spans tell of the ends of its runs
	ended   bool
}

// heard notes for each session that names itself what this request told of it last.
func (b *batch) heard() {
	for _, p := range b.out {
		d := p.n.d
		if p.ev.SessionID == "" || d.Derived("session_id") {
			continue
		}
		if !d.Record.Log || d.Record.OfSpan {
			if p == p.n.end {
				if s, ok := b.cache.lru.Peek(b.sessionKey(p.n)); ok && s.silent != nil {
					s.silent.framed = true
				}
			}
			continue
		}
		s := b.session(p.n)
		if s.silent == nil {
			s.silent = &silent{framed: len(p.n.run.frames) > 0}
		}
		l := s.silent
		if l.last.Event != nil && l.last.Timestamp.After(p.ev.Timestamp) {
			continue
		}
		l.service = d.Record.Service
		l.ended = p.ev.EventType == semconv.TypeSessionEnd || p.ev.EventType == semconv.TypeSessionTimeout
		l.last = Event{Event: base(p.n), Dialect: p.ev.Dialect, From: b.sender, Workload: p.ev.Workload}
		l.last.Timestamp, l.last.StepNumber, l.last.Source = p.ev.Timestamp, p.ev.StepNumber, p.ev.Source
	}
}

// idle makes the ends of sessions of which nothing was heard for as long as runs are
// remembered. The id is made of the last record, so that a second collector that
// heard the same says the same.
func (c *cache) idle() []*Event {
	var ends []*Event
	for _, l := range c.expired {
		e := l.last
		e.EventType, e.Reason = semconv.TypeSessionTimeout, "idle"
		e.EventID = semconv.RecordEventID("idle", l.service, e.SessionID, e.Timestamp.UTC().Format(time.RFC3339Nano))
		e.StepNumber = semconv.Some(e.StepNumber.Value + 1)
		ends = append(ends, &e)
	}
	c.expired = nil
	return ends
}
