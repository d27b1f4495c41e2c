package termsafe

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Cells is how many cells of a terminal a safe text takes: two for wide characters of East
// Asia and pictures, none for marks that stand on another character.
func Cells(s string) (n int) {
	for _, r := range s {
		n += cells(r)
	}
	return n
}

func cells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Fit is Line of at most n cells; what is cut is marked. n of 0 and less bounds nothing.
func Fit(s string, n int) string {
	if n <= 0 {
		return Line(s)
	}
	s = Short(s, 4*n) // for long texts: marks take no cells
	if Cells(s) <= n {
		return s
	}
	var b strings.Builder
	left := n - 1
	for _, r := range s {
		if left -= cells(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// Pad is a safe text with blanks behind it, up to n cells.
func Pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-Cells(s), 0))
}

// Wrap is Line broken between words into lines of at most n cells; a word that is longer is
// broken anywhere. n of 0 and less bounds nothing.
func Wrap(s string, n int) (lines []string) {
	s = Line(s)
	if n <= 0 || Cells(s) <= n {
		return []string{s}
	}
	var line strings.Builder
	used := 0
	end := func() {
		lines = append(lines, line.String())
		line.Reset()
		used = 0
	}
	for word := range strings.FieldsSeq(s) {
		size := Cells(word)
		if used > 0 && used+1+size > n {
			end()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		for _, r := range word {
			if c := cells(r); used > 0 && used+c > n {
				end()
			}
			line.WriteRune(r)
			used += cells(r)
		}
	}
	if used > 0 {
		end()
	}
	return lines
}

// Split cuts a safe text at the last blank within n cells, or else behind n cells.
func Split(s string, n int) (first, rest string) {
	used, blank := 0, -1
	for i, r := range s {
		if r == ' ' && i > 0 {
			blank = i
		}
		if used += cells(r); used > n {
			if blank < 0 {
				blank = i
			}
			return strings.TrimRight(s[:blank], " "), strings.TrimLeft(s[blank:], " ")
		}
	}
	return s, ""
}
