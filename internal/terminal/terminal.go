// Package terminal says what the place is like to which a command writes.
package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
)

// Terminal is what is known of an output.
type Terminal struct {
	Is     bool // a terminal, and no file or pipe
	Width  int  // in cells; 0 bounds nothing
	Colour bool // it shows colours, and nobody asked for none (https://no-color.org)
}

// Of looks at an output. COLUMNS, where it is set, is its width.
func Of(w io.Writer) (t Terminal) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.Is = true
		t.Width, _, _ = term.GetSize(int(f.Fd()))
		t.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		t.Width = n
	}
	return t
}

// Paint is a text in a colour, by the number of its ANSI code, where the terminal has colours.
func (t Terminal) Paint(ansi, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	return "\x1b[" + ansi + "m" + text + "\x1b[0m"
}

// Visible is w for what may hold text of others: to a terminal characters that act on it are
// made visible, elsewhere nothing is changed.
func Visible(w io.Writer) io.Writer {
	if Of(w).Is {
		return termsafe.NewWriter(w)
	}
	return w
}
