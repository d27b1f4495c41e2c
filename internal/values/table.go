package values

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
)

// Seen is a place where a value came in or went out, for other programs.
type Seen struct {
	Direction string `json:"direction"` // in or out
	Source    Source `json:"source"`
	Event     string `json:"event"`
	Type      string `json:"event_type"`
	Subject   string `json:"subject,omitempty"` // the tool, the model
	Time      string `json:"timestamp"`
	Field     string `json:"field"`
	Path      string `json:"path,omitempty"`
	Text      string `json:"text"`
}

// List is the trace in the order of the session.
func (t *Trace) List() []Seen {
	type row struct {
		Seen
		place int
	}
	var rows []row
	add := func(direction string, list []Text) {
		for _, x := range list {
			e := x.Event
			rows = append(rows, row{Seen{
				direction, x.Source, e.EventID, string(e.EventType), trail.Subject(e.Event),
				e.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z07:00"), x.Field, x.Path, x.Text,
			}, x.Place})
		}
	}
	add("out", t.Out) // a call is before what it gave
	add("in", t.In)
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.place, b.place) })
	list := make([]Seen, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.Seen)
	}
	return list
}

// gaps are the fields that were not captured, with how many events lack each.
func (f *Flow) gaps() (lines []string) {
	count := map[string]int{}
	for _, g := range f.Unknown {
		count[g.Field]++
	}
	for _, g := range f.Unknown {
		if n := count[g.Field]; n > 0 {
			lines = append(lines, fmt.Sprintf("%s of %d events", g.Field, n))
			count[g.Field] = 0
		}
	}
	return lines
}

// Table writes where a value came in and went out for a person.
func (f *Flow) Table(w io.Writer, on terminal.Terminal, t *Trace, value string, full bool) error {
	var err error
	line := func(indent int, text string) {
		width := on.Width
		if width == 0 {
			width = 200
		}
		if text = termsafe.Line(text); !full {
			text = termsafe.Fit(text, max(width-indent, 8))
		}
		if err == nil {
			_, err = fmt.Fprintln(w, strings.Repeat(" ", indent)+text)
		}
	}
	switch {
	case t.First != nil:
		line(0, fmt.Sprintf("%s first came in by the %s: %s of event %s", value, t.First.Source, t.First.Field, t.First.Event.EventID))
	case len(t.Out) > 0:
		line(0, value+" went out, and nothing that is captured brought it in")
	default:
		line(0, value+" is in nothing that is captured of this session")
	}
	for _, s := range t.List() {
		arrow := "<-"
		if s.Direction == "out" {
			arrow = "->"
		}
		place := s.Field
		if s.Path != "" {
			place += " " + s.Path
		}
		line(2, fmt.Sprintf("%s %s %-9s %s · %s: %s", s.Time, arrow, s.Source, cmp.Or(s.Subject, s.Type), place, s.Text))
		if full {
			line(6, "event "+s.Event)
		}
	}
	for _, gap := range f.gaps() {
		line(0, "not known: "+gap+" was not captured, or not whole")
	}
	return err
}
