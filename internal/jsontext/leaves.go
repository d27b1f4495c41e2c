package jsontext

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/tidwall/gjson"
)

// Leaves are the texts, numbers and truth values that are known to be somewhere. The zero
// Leaves knows of none.
type Leaves struct {
	known hashSet
	buf   []byte // for a text as it stands in JSON
}

// hashSet is a set of hashes that is emptied at no cost.
type hashSet struct {
	slots []hashSlot // a power of two, at most half of them in use
	n     int
	round uint32
}

type hashSlot struct {
	hash  uint64
	round uint32
}

func (h *hashSet) add(x uint64) {
	if 2*h.n >= len(h.slots) {
		before, round := h.slots, h.round
		h.slots, h.round, h.n = make([]hashSlot, max(128, 2*len(before))), 1, 0
		for _, s := range before {
			if s.round == round && round > 0 {
				h.add(s.hash)
			}
		}
	}
	for i := x; ; i++ {
		s := &h.slots[i&uint64(len(h.slots)-1)]
		if s.round != h.round {
			*s = hashSlot{x, h.round}
			h.n++
			return
		}
		if s.hash == x {
			return
		}
	}
}

func (h *hashSet) has(x uint64) bool {
	if len(h.slots) == 0 {
		return false
	}
	for i := x; ; i++ {
		s := h.slots[i&uint64(len(h.slots)-1)]
		if s.round != h.round {
			return false
		}
		if s.hash == x {
			return true
		}
	}
}

// each calls f with each hash in the set.
func (h *hashSet) each(f func(uint64)) {
	for i := range h.slots {
		if s := &h.slots[i]; s.round == h.round && h.n > 0 {
			f(s.hash)
		}
	}
}

func (h *hashSet) reset() {
	h.n = 0
	if h.round++; h.round == 0 { // once in four thousand million times
		clear(h.slots)
		h.round = 1
	}
}

var leafSeed = maphash.MakeSeed()

// The hashes of a text as it stands in JSON, of a number however it is written, of a truth
// value, and of a time.
func textHash(s string) uint64 { return maphash.String(leafSeed, s) }

func numberHash(token string) uint64 {
	switch {
	case token == "true":
		return truthHash(true)
	case token == "false":
		return truthHash(false)
	case len(token) > 15 && !strings.ContainsAny(token, ".eE"):
		return ^textHash(token) // too long for a float to tell apart
	}
	x, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return ^textHash(token)
	}
	return floatHash(x)
}

func floatHash(x float64) uint64 { return maphash.Comparable(leafSeed, x) }

func truthHash(b bool) uint64 { return maphash.Comparable(leafSeed, b) }

func timeHash(t time.Time) uint64 { return maphash.Comparable(leafSeed, t.UnixNano()) }

// Reset forgets all.
func (l *Leaves) Reset() { l.known.reset() }

// Add takes in what is in a text of canonical JSON. JSON in strings is not opened.
func (l *Leaves) Add(raw string) {
	scanLeaves(raw, func(leaf string) bool {
		if leaf[0] == '"' {
			l.known.add(textHash(leaf[1 : len(leaf)-1]))
		} else {
			l.known.add(numberHash(leaf))
		}
		return true
	})
}

// Take takes in what others know.
func (l *Leaves) Take(others *Leaves) { others.known.each(l.known.add) }

// AddJSON is Add.
func (l *Leaves) AddJSON(raw []byte) { l.Add(unsafe.String(unsafe.SliceData(raw), len(raw))) } //nolint:gosec // only read

// AddWhole takes in a text as it is, whatever is in it.
func (l *Leaves) AddWhole(s string) {
	if s != "" {
		l.known.add(textHash(l.inner(s)))
	}
}

// AddText takes in a text, and what is in it where it is JSON.
func (l *Leaves) AddText(s string) {
	if s == "" {
		return
	}
	l.known.add(textHash(l.inner(s)))
	if s[0] == '{' || s[0] == '[' {
		if v, ok := Open(s); ok && v.Type == gjson.JSON {
			l.Add(v.Raw)
		}
	}
}

// AddNumber takes in a number.
func (l *Leaves) AddNumber(x float64) { l.known.add(floatHash(x)) }

// AddTruth takes in a truth value.
func (l *Leaves) AddTruth(b bool) { l.known.add(truthHash(b)) }

// AddTime takes in a time.
func (l *Leaves) AddTime(t time.Time) { l.known.add(timeHash(t)) }

// inner is a text as it stands inside a JSON string, good until the next call.
func (l *Leaves) inner(s string) string {
	if plainPrefix(bytesOf(s)) == len(s) {
		return s
	}
	l.buf = AppendString(l.buf[:0], s)
	b := l.buf[1 : len(l.buf)-1]
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // as said
}

// HasText reports whether a text is known, perhaps as a number, a time, or in small letters.
func (l *Leaves) HasText(s string) bool { return s == "" || l.hasInner(l.inner(s)) }

func (l *Leaves) hasInner(s string) bool {
	switch {
	case s == "" || l.known.has(textHash(s)):
		return true
	case len(s) > 64:
		return false
	case s[0] == '-' || s[0] >= '0' && s[0] <= '9':
		if len(s) >= 20 && s[4] == '-' && s[10] == 'T' {
			t, err := time.Parse(time.RFC3339Nano, s)
			return err == nil && l.known.has(timeHash(t))
		}
		return l.known.has(numberHash(s))
	case s == "true" || s == "false":
		return l.known.has(numberHash(s))
	}
	low := strings.ToLower(s)
	return low != s && l.known.has(textHash(low))
}

// hasLeaf reports whether a string with its quotes, a number or a truth value is known.
func (l *Leaves) hasLeaf(leaf string) bool {
	if leaf[0] == '"' {
		return l.hasInner(leaf[1 : len(leaf)-1])
	}
	return l.known.has(numberHash(leaf)) || l.known.has(textHash(leaf))
}

// HasAll reports whether all in a text of JSON, canonical or not, is known. Of what is no
// JSON, and of texts in other writings, it may report false.
func (l *Leaves) HasAll(text string) bool {
	return scanLeaves(text, l.hasLeaf)
}

// scanLeaves calls f with each string that is no key, each number and each truth value of a
// JSON text until it returns false, but for the words by which an object names its shape. It
// reports whether f never did, and the text holds nothing that stands in no JSON.
func scanLeaves(s string, f func(leaf string) bool) bool {
	shape := false // the last key was one of a shape
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			end := stringEnd(s, i)
			if end > len(s) || end-i < 2 || s[end-1] != '"' {
				return false
			}
			if isKey(s, end) {
				shape = shapeKey(s[i+1 : end-1])
			} else {
				if (!shape || !shapeWord(s[i:end])) && !f(s[i:end]) {
					return false
				}
				shape = false
			}
			i = end
		case strings.IndexByte("-0123456789tfn", c) >= 0:
			end := tokenEnd(s, i)
			if tok := s[i:end]; tok != "null" && (tok[0] == 'n' || !f(tok)) {
				return false
			}
			i, shape = end, false
		case strings.IndexByte("{}[],: \n\t\r", c) >= 0:
			shape = shape && c != '{' && c != '['
			i++
		default:
			return false
		}
	}
	return true
}

// isKey reports whether a colon follows the string that ends at s[i].
func isKey(s string, i int) bool {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i < len(s) && s[i] == ':'
}

// tokenEnd is where the number or word ends that begins at s[i].
func tokenEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		if c := s[i]; c != '.' && c != '-' && c != '+' && c != 'E' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			break
		}
	}
	return i
}

// AppendUnknown appends what of a value of canonical JSON is not known, in the objects and
// arrays that it is in, with JSON in strings opened; ok reports whether there is anything.
// The words by which an object names its own shape (type, role, object) are nothing by
// themselves; an object that whole chooses keeps the first of them.
func (l *Leaves) AppendUnknown(dst []byte, raw string, whole func(Object) bool) (out []byte, ok bool) {
	p := pruner{l: l, whole: whole, out: dst}
	ok = raw != "" && p.value(raw)
	return p.out, ok
}

// pruner writes what is not known of a value.
type pruner struct {
	l      *Leaves
	whole  func(Object) bool
	out    []byte
	opened int
}

// maxOpened bounds how often JSON in a string in JSON is opened.
const maxOpened = 4

// value writes what is not known of a value, and reports whether there is anything.
func (p *pruner) value(s string) bool {
	_, ok := p.at(s, 0)
	return ok
}

// at is value for the value that begins at s[i]; end is where it ends.
func (p *pruner) at(s string, i int) (end int, ok bool) {
	switch {
	case i >= len(s):
		return i, false
	case s[i] == '{':
		return p.members(s, i)
	case s[i] == '[':
		return p.elements(s, i)
	case s[i] == '"':
		end = stringEnd(s, i)
		return end, p.leaf(s[i:end])
	}
	end = tokenEnd(s, i)
	return end, s[i:end] != "null" && p.leaf(s[i:end])
}

func (p *pruner) leaf(raw string) bool {
	if p.l.hasLeaf(raw) {
		return false
	}
	if raw[0] == '"' && p.opened < maxOpened {
		if v, is := Open(Read(raw).Str); is && v.Type == gjson.JSON {
			p.opened++
			ok := p.value(v.Raw)
			p.opened--
			return ok
		}
	}
	p.out = append(p.out, raw...)
	return true
}

// members is value for an object.
func (p *pruner) members(s string, i int) (end int, ok bool) {
	begin, from := len(p.out), i
	shape := "" // the first member that names the shape
	langChain := false
	p.out = append(p.out, '{')
	for i++; i < len(s) && s[i] == '"'; i++ { // past the comma
		colon := stringEnd(s, i)
		if colon+1 >= len(s) {
			break
		}
		key, value := s[i+1:colon-1], s[colon+1:]
		langChain = langChain || key == "lc" && value[0] >= '0' && value[0] <= '9'
		switch {
		case shapeKey(key) && value[0] == '"' && shapeWord(value[:stringEnd(value, 0)]):
			end := colon + 1 + stringEnd(value, 0)
			if shape == "" {
				shape = s[i:end]
			}
			i = end
		case langChain && isClass(key, value):
			i = ValueEnd(s, colon+1)
		default:
			i, ok = p.member(s, i, colon, ok)
		}
		if i >= len(s) || s[i] != ',' {
			break
		}
	}
	end = min(i+1, len(s))
	ok = p.close(begin, '}', ok)
	if ok && p.whole != nil && (shape != "" || langChain) {
		p.mark(begin, s[from:end], shape, langChain)
	}
	return end, ok
}

// mark has what was written of an object that whole chooses, from begin on, say what it is.
func (p *pruner) mark(begin int, raw, shape string, langChain bool) {
	switch {
	case !p.whole(AppendMembers(nil, Unread(raw))):
	case langChain:
		p.out = append(p.out[:begin], raw...)
	default:
		p.out = slices.Insert(p.out, begin+1, []byte(shape+",")...)
	}
}

// isClass reports whether a member of an object of LangChain's, whose value raw begins with,
// names its class.
func isClass(key, raw string) bool {
	return key == "lc" || key == "id" && strings.HasPrefix(raw, `["`) && !strings.ContainsAny(raw[:ValueEnd(raw, 0)], ` 0123456789{`)
}

// member writes what is not known of a member, whose key ends at colon.
func (p *pruner) member(s string, i, colon int, before bool) (end int, ok bool) {
	at := len(p.out)
	if before {
		p.out = append(p.out, ',')
	}
	p.out = append(append(p.out, s[i:colon]...), ':')
	end, some := p.at(s, colon+1)
	if !some {
		p.out = p.out[:at]
	}
	return end, before || some
}

func (p *pruner) elements(s string, i int) (end int, ok bool) {
	begin := len(p.out)
	p.out = append(p.out, '[')
	for i++; i < len(s) && s[i] != ']'; i++ { // past the comma
		at := len(p.out)
		if ok {
			p.out = append(p.out, ',')
		}
		var some bool
		if i, some = p.at(s, i); !some {
			p.out = p.out[:at]
		}
		ok = ok || some
		if i >= len(s) || s[i] != ',' {
			break
		}
	}
	return min(i+1, len(s)), p.close(begin, ']', ok)
}

func (p *pruner) close(begin int, bracket byte, ok bool) bool {
	if ok {
		p.out = append(p.out, bracket)
	} else {
		p.out = p.out[:begin]
	}
	return ok
}

func shapeKey(key string) bool { return key == "type" || key == "role" || key == "object" }

// shapeWord reports whether a string may be the name of a shape.
func shapeWord(raw string) bool { return len(raw) < 40 && strings.IndexByte(raw, ' ') < 0 }
