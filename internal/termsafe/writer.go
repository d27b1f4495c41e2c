package termsafe

import (
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer makes what is written to it safe for a terminal. Line breaks stay; every other
// character that Line shows as an escape is written as an escape of JSON, so that a JSON text
// stays the same value.
type Writer struct {
	w    io.Writer
	rest []byte // of a character that is not whole yet
	out  []byte
}

// NewWriter makes a writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements io.Writer. The beginning of a character at the end of p waits for its rest.
func (s *Writer) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	s.out = s.out[:0]
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || !unsafe(r):
			s.out = utf8.AppendRune(s.out, r) // what is no UTF-8 becomes U+FFFD
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			s.out = fmt.Appendf(s.out, `\u%04x\u%04x`, high, low)
		default:
			s.out = fmt.Appendf(s.out, `\u%04x`, r)
		}
		text = text[size:]
	}
	s.rest = append([]byte(nil), text...)
	if _, err := s.w.Write(s.out); err != nil {
		return 0, err
	}
	return len(p), nil
}
