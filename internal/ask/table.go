package ask

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
)

// questions are what is asked, and the statements that answer it.
var questions = []struct {
	text  string
	asks  []string
	whole bool // about the session, besides
}{
	{"1 What reasoning led to each action?", []string{AsksReasoning}, false},
	{"2 Which tool ran, with which parameters; was it what was asked for and approved?", []string{AsksParameters, AsksRan, AsksRequested, AsksApprovedAs}, false},
	{"3 Did it agree with the system prompt?", []string{AsksPrompt, AsksPromptSame, AsksPromptText, AsksAgreement}, true},
	{"4 Was there an instruction in what the agent read?", []string{AsksInstruction, AsksCameBack}, true},
	{"5 Did a human approve it, who, when, before or after?", []string{AsksHuman, AsksBefore}, false},
}

// maxQuote is how many cells of a text are shown where the width is not known.
const maxQuote = 200

var colours = map[Answer]string{Yes: "32", No: "31", Unknown: "33"}

// Table writes the answers for a person. All that came from telemetry is made safe.
func (a *Answers) Table(w io.Writer, on terminal.Terminal, full bool) error {
	t := &table{w: w, on: on, full: full}
	t.line("session %s · %d events · %d actions", termsafe.Line(a.Session), a.Events, len(a.Actions))
	for _, q := range questions {
		t.line("")
		for _, line := range termsafe.Wrap(q.text, on.Width) {
			t.line("%s", on.Paint("1", line))
		}
		if len(a.Actions) == 0 && !q.whole {
			t.line("  no action is told in this session")
		}
		for i, x := range a.Actions {
			if list := of(x.Statements, q.asks); len(list) > 0 {
				t.line("  %s", t.fit(fmt.Sprintf("%d %s · %s · event %s", i+1, x.Tool, x.At, x.Event), 2))
				t.statements(list, "    ")
			}
		}
		t.statements(of(a.Whole, q.asks), "  ")
	}
	return t.err
}

func of(list []Statement, asks []string) (out []Statement) {
	for _, name := range asks {
		for _, s := range list {
			if s.Asks == name {
				out = append(out, s)
			}
		}
	}
	return out
}

type table struct {
	w    io.Writer
	on   terminal.Terminal
	full bool
	err  error
}

func (t *table) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// fit is a text with what is left of a line behind some cells.
func (t *table) fit(s string, behind int) string {
	switch {
	case t.full:
		return termsafe.Line(s)
	case t.on.Width > 0:
		return termsafe.Fit(s, max(t.on.Width-behind, 8))
	}
	return termsafe.Fit(s, maxQuote)
}

func (t *table) statements(list []Statement, indent string) {
	for _, s := range list {
		answer := termsafe.Pad(string(s.Answer), len(Unknown))
		inner := indent + strings.Repeat(" ", len(Unknown)+2)
		for i, line := range t.wrap(s.Asks+": "+s.Says, len(inner)) {
			if i > 0 {
				answer = termsafe.Pad("", len(Unknown))
			}
			t.line("%s%s  %s", indent, t.on.Paint(colours[s.Answer], answer), line)
		}
		if s.Quote != "" {
			t.line("%s%s", inner, t.fit(s.Quote, len(inner)))
		}
		for _, text := range missing(s.Missing) {
			for _, line := range t.wrap(text, len(inner)) {
				t.line("%s%s", inner, line)
			}
		}
		if len(s.Events) > 0 {
			t.line("%s%s", inner, t.fit("events "+strings.Join(s.Events, " "), len(inner)))
		}
	}
}

// wrap is a text in lines of what is left behind some cells.
func (t *table) wrap(s string, behind int) []string {
	if t.on.Width <= 0 {
		return []string{termsafe.Line(s)}
	}
	return termsafe.Wrap(s, max(t.on.Width-behind, 8))
}

// missing says what was not captured, each field once.
func missing(list []Missing) (lines []string) {
	for _, m := range list {
		text := "not captured: " + m.Field + "; no setting is known that captures it"
		if m.Setting != "" {
			text = "not captured: " + m.Field + "; " + m.Setting + " captures it"
		}
		if !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	return lines
}
