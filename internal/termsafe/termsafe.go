// Package termsafe makes text that came from outside safe to show in a terminal.
package termsafe

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is s on one line: control characters, escape sequences, and characters that
// change the direction or the look of what follows are shown as escapes such as
// \u001b, so that nothing a sender wrote acts on the terminal or forges another line.
func Line(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unsafe(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case unsafe(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe reports characters that a terminal acts on or that hide: controls (Cc),
// format characters (Cf: bidirectional overrides, zero-width joiners, tags), line
// and paragraph separators, private use and surrogates.
func unsafe(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Short is Line of at most n characters; what is cut is marked.
func Short(s string, n int) string {
	cut := false
	for i, count := 0, 0; i < len(s); count++ { // cut before escaping, for long texts
		if count == n {
			s, cut = s[:i], true
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	s = Line(s)
	if r := []rune(s); len(r) > n {
		s, cut = string(r[:n]), true
	}
	if cut {
		s += "…"
	}
	return s
}
