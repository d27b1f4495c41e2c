package jsontext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth bounds the nesting of JSON that is embedded in a line, well below
// what common parsers refuse (Python about 1,000, Go 10,000).
const MaxDepth = 100

// Append appends src, one JSON text, to dst in canonical form: no space
// between tokens, strings with the fewest escapes. It reports false and returns
// dst unchanged where a strict parser might object to src: it is no JSON or more
// than one text, is not UTF-8, holds an object with the same key twice, a number
// beyond float64, or nests deeper than 100 levels.
func Append[T string | []byte](dst []byte, src T) ([]byte, bool) {
	return compact(dst, bytesOf(src), MaxDepth)
}

// bytesOf is a text as bytes that are only read.
func bytesOf[T string | []byte](s T) []byte {
	switch s := any(s).(type) {
	case string:
		return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // no caller writes to it
	case []byte:
		return s
	}
	return nil
}

func compact(dst, src []byte, depth int) ([]byte, bool) {
	keys := keyPool.Get().(*[]span)
	c := compactor{src: src, dst: dst, base: len(dst), max: depth, keys: (*keys)[:0]}
	ok := c.text()
	*keys = c.keys
	keyPool.Put(keys)
	switch {
	case !ok:
		return dst, false
	case !c.copied:
		return append(dst, src...), true
	}
	return c.dst, true
}

// Canonical is Append to nothing. A text that is in canonical form, as many are, is
// returned as it is.
func Canonical(src string) (string, bool) {
	keys := keyPool.Get().(*[]span)
	c := compactor{src: bytesOf(src), max: MaxDepth, keys: (*keys)[:0]}
	ok := c.text()
	*keys = c.keys
	keyPool.Put(keys)
	switch {
	case !ok:
		return "", false
	case !c.copied:
		return src, true
	}
	return unsafe.String(unsafe.SliceData(c.dst), len(c.dst)), true //nolint:gosec // nobody else has it
}

// keyPool has the lists of keys of compactors.
var keyPool = sync.Pool{New: func() any { return new([]span) }}

// text reads the one JSON text that src must be.
func (c *compactor) text() bool {
	c.space()
	if !c.value(0) {
		return false
	}
	c.space()
	return c.pos == len(c.src)
}

// AppendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(slices.Grow(dst, len(s)+2), '"')
	start := 0
	for i := 0; i < len(s); {
		if i += plainPrefix(bytesOf(s[i:])); i == len(s) {
			break
		}
		b := s[i]
		if b >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, b)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
}

// compactor reads one JSON text and writes its canonical form. As long as the text is in
// that form nothing is copied.
type compactor struct {
	src    []byte
	pos    int
	dst    []byte
	base   int    // where the canonical form begins in dst
	copied bool   // dst has it, up to here; else it is src[:pos] up to here
	max    int    // levels of nesting
	keys   []span // in dst, of the objects that are open
}

// differ has dst hold the canonical form from now on, which is src[:at] up to here.
func (c *compactor) differ(at int) {
	if !c.copied {
		c.dst = append(slices.Grow(c.dst, len(c.src)), c.src[:at]...) // seldom longer than src
		c.copied = true
	}
}

// end is where the canonical form ends in dst up to here.
func (c *compactor) end() int {
	if c.copied {
		return len(c.dst)
	}
	return c.base + c.pos
}

// at is a part of the canonical form.
func (c *compactor) at(s span) []byte {
	if c.copied {
		return c.dst[s.from:s.to]
	}
	return c.src[s.from-c.base : s.to-c.base]
}

// take takes n bytes as they are.
func (c *compactor) take(n int) {
	if c.copied {
		c.dst = append(c.dst, c.src[c.pos:c.pos+n]...)
	}
	c.pos += n
}

// byte takes a byte, if it is the next.
func (c *compactor) byte(b byte) bool {
	if c.pos >= len(c.src) || c.src[c.pos] != b {
		return false
	}
	if c.copied {
		c.dst = append(c.dst, b)
	}
	c.pos++
	return true
}

func (c *compactor) space() {
	from := c.pos
	for c.pos < len(c.src) {
		switch c.src[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
			continue
		}
		break
	}
	if c.pos > from {
		c.differ(from)
	}
}

func (c *compactor) value(depth int) bool {
	if c.pos >= len(c.src) {
		return false
	}
	switch c.src[c.pos] {
	case '{':
		return depth < c.max && c.object(depth)
	case '[':
		return depth < c.max && c.array(depth)
	case '"':
		return c.string()
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	default:
		return c.number()
	}
}

func (c *compactor) literal(s string) bool {
	if !bytes.HasPrefix(c.src[c.pos:], []byte(s)) {
		return false
	}
	c.take(len(s))
	return true
}

func (c *compactor) array(depth int) bool {
	c.byte('[')
	c.space()
	if c.byte(']') {
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		c.space()
		if c.byte(']') {
			return true
		}
		if !c.byte(',') {
			return false
		}
		c.space()
	}
}

func (c *compactor) object(depth int) bool { return c.members(depth, nil) }

// members reads an object; each, if any, is told of every member, once its value was
// read: its key as it stands between the quotes, and where its value begins in dst.
func (c *compactor) members(depth int, each func(key []byte, from int)) bool {
	if !c.byte('{') {
		return false
	}
	c.space()
	if c.byte('}') {
		return true
	}
	base := len(c.keys)
	defer func() { c.keys = c.keys[:base] }()
	var seen map[string]struct{}
	for {
		if c.pos >= len(c.src) || c.src[c.pos] != '"' {
			return false
		}
		key := span{from: c.end()}
		if !c.string() {
			return false
		}
		key.to = c.end()
		if !c.newKey(base, &seen, key) {
			return false
		}
		c.space()
		if !c.byte(':') {
			return false
		}
		c.space()
		from := c.end()
		if !c.value(depth + 1) {
			return false
		}
		if each != nil {
			each(c.at(span{key.from + 1, key.to - 1}), from)
		}
		c.space()
		if c.byte('}') {
			return true
		}
		if !c.byte(',') {
			return false
		}
		c.space()
	}
}

// plain are the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= ' ' && i != '"' && i != '\\'
	}
	return t
}()

// plainPrefix is how many bytes a text begins with that are ASCII and stand for
// themselves in a string. It looks at eight at a time.
func plainPrefix(s []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		// The high bit of a byte is set where it is below ' ', a quote, a backslash, or no
		// ASCII; perhaps also of one above such a byte, which the loop below sorts out.
		if (x|(x-' '*ones)|(quote-ones)|(slash-ones))&highs != 0 {
			break
		}
	}
	for i < len(s) && s[i] < utf8.RuneSelf && plain[s[i]] {
		i++
	}
	return i
}

// string reads a string token; escapes are written anew where they are not canonical, so
// that equal strings have equal bytes.
func (c *compactor) string() bool {
	src := c.src
	from := c.pos // what comes from here on is not in dst, where that is copied to
	check := c.pos + 1
	ascii := true
	for i := check; i < len(src); {
		if i += plainPrefix(src[i:]); i == len(src) {
			return false
		}
		if plain[src[i]] {
			ascii = false
			i++
			continue
		}
		if !ascii && !utf8.Valid(src[check:i]) {
			return false
		}
		switch src[i] {
		case '"':
			if c.copied {
				c.dst = append(c.dst, src[from:i+1]...)
			}
			c.pos = i + 1
			return true
		case '\\':
			r, n, ok := escape(src[i:])
			if !ok {
				return false
			}
			var buf [6]byte
			if written := appendRune(buf[:0], r); string(written) != string(src[i:i+n]) {
				if c.copied {
					c.dst = append(c.dst, src[from:i]...)
				} else {
					c.differ(i)
				}
				c.dst = append(c.dst, written...)
				from = i + n
			}
			i += n
			check, ascii = i, true
		default: // a raw control character
			return false
		}
	}
	return false
}

// appendRune appends a character of a string with the fewest escapes.
func appendRune(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf && !plain[r] {
		return appendEscape(dst, byte(r))
	}
	return utf8.AppendRune(dst, r)
}

// escape reads the escape sequence that b begins with, and its length. Half a
// surrogate pair alone has no UTF-8 form: it is U+FFFD, as Go and most parsers have it.
func escape(b []byte) (r rune, n int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'u':
		if r, ok = hex4(b[2:]); !ok {
			return 0, 0, false
		}
		if !utf16.IsSurrogate(r) {
			return r, 6, true
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if lo, ok := hex4(b[8:]); ok {
				if pair := utf16.DecodeRune(r, lo); pair != utf8.RuneError {
					return pair, 12, true
				}
			}
		}
		return utf8.RuneError, 6, true
	}
	return 0, 0, false
}

// Unescape is the text of a string token without its quotes.
func Unescape(tok []byte) (string, bool) {
	at := bytes.IndexByte(tok, '\\')
	if at < 0 {
		return string(tok), true
	}
	var out strings.Builder
	out.Grow(len(tok))
	for at >= 0 {
		r, n, ok := escape(tok[at:])
		if !ok {
			return "", false
		}
		out.Write(tok[:at])
		out.WriteRune(r)
		tok = tok[at+n:]
		at = bytes.IndexByte(tok, '\\')
	}
	out.Write(tok)
	return out.String(), true
}

// ParseString reads a JSON string. It reports false where raw is none.
func ParseString(raw string) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	return Unescape(bytesOf(raw[1 : len(raw)-1]))
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}

func (c *compactor) number() bool {
	from, i := c.pos, c.pos
	if c.is(i, '-') {
		i++
	}
	if c.is(i, '0') {
		i++
	} else if i = c.digits(i); i < 0 {
		return false
	}
	if c.is(i, '.') {
		if i = c.digits(i + 1); i < 0 {
			return false
		}
	}
	exp := c.is(i, 'e') || c.is(i, 'E')
	if exp {
		if i++; c.is(i, '+') || c.is(i, '-') {
			i++
		}
		if i = c.digits(i); i < 0 {
			return false
		}
	}
	tok := c.src[from:i]
	if exp || len(tok) > 300 {
		if _, err := strconv.ParseFloat(string(tok), 64); err != nil {
			return false
		}
	}
	c.take(len(tok))
	return true
}

// is reports whether that byte is at that place.
func (c *compactor) is(i int, b byte) bool { return i < len(c.src) && c.src[i] == b }

// digits is where the digits end that begin at a place, -1 where there is none.
func (c *compactor) digits(i int) int {
	from := i
	for i < len(c.src) && c.src[i] >= '0' && c.src[i] <= '9' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

// span is a part of a text.
type span struct{ from, to int }

// manyKeys is from how many keys on an object's keys are looked up in a map.
const manyKeys = 32

// newKey notes the key of the object whose keys begin at base; it reports false when
// the object had it already. Small objects, which most are, are searched.
func (c *compactor) newKey(base int, seen *map[string]struct{}, key span) bool {
	text := c.at(key)
	if *seen == nil {
		for _, k := range c.keys[base:] {
			if bytes.Equal(c.at(k), text) {
				return false
			}
		}
		c.keys = append(c.keys, key)
		if len(c.keys)-base == manyKeys {
			*seen = make(map[string]struct{}, 2*manyKeys)
			for _, k := range c.keys[base:] {
				(*seen)[string(c.at(k))] = struct{}{}
			}
		}
		return true
	}
	if _, twice := (*seen)[string(text)]; twice {
		return false
	}
	(*seen)[string(text)] = struct{}{}
	return true
}

// ObjectReader reads many objects. The zero ObjectReader is ready; it is not safe for
// concurrent use.
type ObjectReader struct{ keys []span }

// Errors of ObjectReader.
var (
	errText   = errors.New("not a JSON text that every parser reads alike")
	errObject = errors.New("not a JSON object")
)

// Object appends an object in canonical form to dst, as Append does with depth as
// the bound, and calls each with every member of it: its key as it stands between the quotes, and
// where its value is in what is returned.
func (r *ObjectReader) Object(dst, src []byte, depth int, each func(key []byte, from, to int)) ([]byte, error) {
	c := compactor{src: src, dst: dst, base: len(dst), max: depth, keys: r.keys[:0]}
	c.space()
	if c.pos < len(src) && src[c.pos] != '{' {
		if !c.value(0) {
			return dst, errText
		}
		return dst, errObject
	}
	ok := c.members(0, func(key []byte, from int) { each(key, from, c.end()) })
	c.space()
	if !c.copied {
		c.dst = append(c.dst, src...) // which is the caller's
	}
	r.keys = c.keys
	if !ok || c.pos != len(src) {
		return c.dst, errText
	}
	return c.dst, nil
}

// ValidText is s as AppendString writes it: U+FFFD for each byte that is no UTF-8.
func ValidText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
