package semconv

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxJSONDepth bounds the nesting of JSON that is embedded in a line, well below
// what common parsers refuse (Python about 1,000, Go 10,000).
const maxJSONDepth = 100

// AppendJSON appends src, one JSON text, to dst in canonical form: no space
// between tokens, strings with the fewest escapes. It reports false and returns
// dst unchanged where a strict parser might object to src: it is no JSON or more
// than one text, is not UTF-8, holds an object with the same key twice, a number
// beyond float64, or nests deeper than 100 levels.
func AppendJSON[T string | []byte](dst []byte, src T) ([]byte, bool) {
	return compact(dst, bytesOf(src), maxJSONDepth)
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
	// The canonical form is seldom longer.
	c := compactor{src: src, dst: slices.Grow(dst, len(src)), max: depth, keys: (*keys)[:0]}
	ok := c.text()
	*keys = c.keys
	keyPool.Put(keys)
	if !ok {
		return dst, false
	}
	return c.dst, true
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

// compactor reads one JSON text and writes its canonical form.
type compactor struct {
	src  []byte
	pos  int
	dst  []byte
	max  int    // levels of nesting
	keys []span // in dst, of the objects that are open
}

func (c *compactor) space() {
	for c.pos < len(c.src) {
		switch c.src[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
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
	c.pos += len(s)
	c.dst = append(c.dst, s...)
	return true
}

func (c *compactor) array(depth int) bool {
	c.pos++
	c.dst = append(c.dst, '[')
	c.space()
	if c.pos < len(c.src) && c.src[c.pos] == ']' {
		c.pos++
		c.dst = append(c.dst, ']')
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		c.space()
		if c.pos >= len(c.src) {
			return false
		}
		b := c.src[c.pos]
		c.pos++
		c.dst = append(c.dst, b)
		switch b {
		case ',':
			c.space()
		case ']':
			return true
		default:
			return false
		}
	}
}

func (c *compactor) object(depth int) bool { return c.members(depth, nil) }

// members reads an object; each, if any, is told of every member, once its value was
// copied: its key as it stands between the quotes, and where its value begins in dst.
func (c *compactor) members(depth int, each func(key []byte, from int)) bool {
	if c.pos >= len(c.src) || c.src[c.pos] != '{' {
		return false
	}
	c.pos++
	c.dst = append(c.dst, '{')
	c.space()
	if c.pos < len(c.src) && c.src[c.pos] == '}' {
		c.pos++
		c.dst = append(c.dst, '}')
		return true
	}
	base := len(c.keys)
	defer func() { c.keys = c.keys[:base] }()
	var seen map[string]struct{}
	for {
		if c.pos >= len(c.src) || c.src[c.pos] != '"' {
			return false
		}
		key := len(c.dst)
		if !c.string() || !c.newKey(base, &seen, span{key, len(c.dst)}) {
			return false
		}
		c.space()
		if c.pos >= len(c.src) || c.src[c.pos] != ':' {
			return false
		}
		end := len(c.dst)
		c.pos++
		c.dst = append(c.dst, ':')
		c.space()
		if !c.value(depth + 1) {
			return false
		}
		if each != nil {
			each(c.dst[key+1:end-1], end+1)
		}
		c.space()
		if c.pos >= len(c.src) {
			return false
		}
		b := c.src[c.pos]
		c.pos++
		c.dst = append(c.dst, b)
		switch b {
		case ',':
			c.space()
		case '}':
			return true
		default:
			return false
		}
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

// string copies a string token; escapes are written anew, so that equal strings have
// equal bytes.
func (c *compactor) string() bool {
	from := c.pos + 1
	c.dst = append(c.dst, '"')
	ascii := true
	for i := from; i < len(c.src); {
		if i += plainPrefix(c.src[i:]); i == len(c.src) {
			return false
		}
		if plain[c.src[i]] {
			ascii = false
			i++
			continue
		}
		if !ascii && !utf8.Valid(c.src[from:i]) {
			return false
		}
		c.dst = append(c.dst, c.src[from:i]...)
		switch c.src[i] {
		case '"':
			c.dst = append(c.dst, '"')
			c.pos = i + 1
			return true
		case '\\':
			r, n, ok := escape(c.src[i:])
			if !ok {
				return false
			}
			if r < utf8.RuneSelf && !plain[r] {
				c.dst = appendEscape(c.dst, byte(r))
			} else {
				c.dst = utf8.AppendRune(c.dst, r)
			}
			i += n
			from = i
		default: // a raw control character
			return false
		}
	}
	return false
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

// unescape is the text of a string token without its quotes.
func unescape(tok []byte) (string, bool) {
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
	return unescape(bytesOf(raw[1 : len(raw)-1]))
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}

func (c *compactor) number() bool {
	from := c.pos
	i := from
	digits := func() bool {
		n := i
		for i < len(c.src) && c.src[i] >= '0' && c.src[i] <= '9' {
			i++
		}
		return i > n
	}
	if i < len(c.src) && c.src[i] == '-' {
		i++
	}
	if i < len(c.src) && c.src[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(c.src) && c.src[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	exp := false
	if i < len(c.src) && (c.src[i] == 'e' || c.src[i] == 'E') {
		exp = true
		i++
		if i < len(c.src) && (c.src[i] == '+' || c.src[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	tok := c.src[from:i]
	if exp || len(tok) > 300 {
		if _, err := strconv.ParseFloat(string(tok), 64); err != nil {
			return false
		}
	}
	c.pos = i
	c.dst = append(c.dst, tok...)
	return true
}

// span is a part of a text.
type span struct{ from, to int }

// manyKeys is from how many keys on an object's keys are looked up in a map.
const manyKeys = 32

// newKey notes the key of the object whose keys begin at base; it reports false when
// the object had it already. Small objects, which most are, are searched.
func (c *compactor) newKey(base int, seen *map[string]struct{}, key span) bool {
	text := c.dst[key.from:key.to]
	if *seen == nil {
		for _, k := range c.keys[base:] {
			if bytes.Equal(c.dst[k.from:k.to], text) {
				return false
			}
		}
		c.keys = append(c.keys, key)
		if len(c.keys)-base == manyKeys {
			*seen = make(map[string]struct{}, 2*manyKeys)
			for _, k := range c.keys[base:] {
				(*seen)[string(c.dst[k.from:k.to])] = struct{}{}
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

// Text returns the JSON string s as a JSON value, for fields that hold JSON.
func Text(s string) json.RawMessage { return AppendString(nil, s) }
