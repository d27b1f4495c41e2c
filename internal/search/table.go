package search

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Widths of columns, in cells: what is longer is cut, but for ids, which are needed whole.
const (
	maxWhat   = 28
	maxStatus = 24
	minSaid   = 16  // with less room left, what was said stands on a line of its own
	maxSaid   = 200 // where the width is not known
	clock     = "2006-01-02 15:04:05.000"
)

func agentOf(e *semconv.Event) string { return trail.Agent(e) }

// Table writes hits for a person: a head for each session, and a line for each event. All that
// came from telemetry is made safe for a terminal. Times are UTC.
type Table struct {
	w       io.Writer
	t       terminal.Terminal
	full    bool
	session string
	any     bool
	err     error
}

// NewTable makes a table that is written to w, which comes to a terminal. With full, nothing is cut and the ids of events are shown.
func NewTable(w io.Writer, t terminal.Terminal, full bool) *Table {
	return &Table{w: w, t: t, full: full}
}

func (t *Table) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// fit cuts a text to the room that there is, n cells at the most; 0 is all there is.
func (t *Table) fit(s string, n int) string {
	switch {
	case t.full:
		return termsafe.Line(s)
	case t.t.Width > 0 && (n == 0 || n > t.t.Width):
		n = t.t.Width
	}
	return termsafe.Fit(s, n)
}

// Add writes a hit.
func (t *Table) Add(h *Hit) error {
	e := Shown(h.Event)
	if !t.any || e.SessionID != t.session {
		t.head(e)
	}
	what := termsafe.Pad(t.fit(trail.Subject(e), maxWhat), 12)
	if e.EventType != semconv.TypeSessionStart && e.EventType != semconv.TypeSessionEnd && agentOf(e) != "" {
		what = termsafe.Pad(t.fit(agentOf(e), maxWhat), 8) + "  " + what
	}
	head := fmt.Sprintf("  %s  %-13s  %s  %s", e.Timestamp.UTC().Format(clock), e.EventType, what,
		termsafe.Pad(t.fit(trail.Status(e), maxStatus), 7))
	said := t.excerpt(h, e)
	left := maxSaid
	if t.t.Width > 0 {
		left = t.t.Width - termsafe.Cells(head) - 2
	}
	switch {
	case said == "":
		t.line("%s", head)
	case left < minSaid:
		t.line("%s", head)
		t.line("%s", t.fit("      "+said, 0))
	default:
		t.line("%s  %s", head, t.fit(said, left))
	}
	if t.full {
		t.line("      event %s · %s line %d", termsafe.Line(e.EventID), termsafe.Line(h.Object), h.N)
	}
	return t.err
}

func (t *Table) head(e *semconv.Event) {
	if t.any {
		t.line("")
	}
	t.any, t.session = true, e.SessionID
	session := "no session"
	if e.SessionID != "" {
		session = "session " + e.SessionID
	}
	if e.UserID != "" {
		session += " · user " + e.UserID
	}
	t.line("%s", t.t.Paint("1", termsafe.Line(session)))
}

// excerpt is what of the event is shown: what stands around the text that was looked for, or
// else the most telling of its texts.
func (t *Table) excerpt(h *Hit, e *semconv.Event) string {
	field, text := h.Field, h.Said
	if field == "" {
		field, text = telling(e)
	}
	if text == "" {
		return ""
	}
	if !t.full && h.Around > 0 {
		text = from(text, h.Around)
	}
	return field + ": " + text
}

// from is a text from a little before a place on.
func from(text string, at int) string {
	const before = 24
	begin := max(at-before, 0)
	for begin > 0 && begin < len(text) && !utf8.RuneStart(text[begin]) {
		begin--
	}
	if begin == 0 || begin >= len(text) {
		return text
	}
	return "…" + text[begin:]
}

// telling is the field that says most of what an event is, and its text.
func telling(e *semconv.Event) (field, text string) {
	for _, name := range []string{
		"error", "message", "tool_input", "query", "approval_reason", "reason", "user_message", "final_output",
		"output_text", "tool_calls_requested", "tool_output", "reasoning", "verdict", "output_messages", "input_messages",
	} {
		if text, _ := e.Text(name); text != "" {
			return name, text
		}
	}
	return "", ""
}

// WriteSessions writes sessions for a person.
func WriteSessions(w io.Writer, on terminal.Terminal, list []*Session, full bool) error {
	t := NewTable(w, on, full)
	for _, s := range list {
		id := s.ID
		if id == "" {
			id = "(no session)"
		} else if s.Derived {
			id += " (id not told by the agent)"
		}
		t.line("%s", t.t.Paint("1", termsafe.Line(id)))
		parts := []string{
			s.Begin.UTC().Format(clock) + " for " + lasted(s), count(s.Events, "event"), count(s.Runs, "run"), count(s.Calls, "tool call"),
		}
		if s.Failed > 0 {
			parts = append(parts, fmt.Sprintf("%d failed", s.Failed))
		}
		if s.Denied > 0 {
			parts = append(parts, fmt.Sprintf("%d denied", s.Denied))
		}
		t.line("%s", t.fit("  "+strings.Join(parts, " · "), 0))
		var who []string
		for _, f := range []struct {
			label  string
			values []string
		}{{"agent", s.Agents}, {"user", s.Users}, {"model", s.Models}, {"tools", s.Tools}} {
			if len(f.values) > 0 {
				who = append(who, f.label+" "+strings.Join(f.values, ", "))
			}
		}
		if s.More {
			who = append(who, "and more")
		}
		if len(who) > 0 {
			t.line("%s", t.fit("  "+strings.Join(who, " · "), 0))
		}
	}
	return t.err
}

func lasted(s *Session) string {
	if d := s.End.Sub(s.Begin); d > 0 {
		return d.Round(1e6).String()
	}
	return "0s"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
