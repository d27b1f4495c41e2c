package search

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// words is a text that is looked for in others.
type words struct {
	text        string // in lower case
	first, last rune
}

func newWords(text string) words {
	w := words{text: strings.ToLower(text)}
	w.first, _ = utf8.DecodeRuneInString(w.text)
	w.last, _ = utf8.DecodeLastRuneInString(w.text)
	return w
}

// Says reports whether a text says another: it stands there, in capitals or not, and not as a
// part of a longer word or number. A-1001 is not said by A-10012; 退款 is by 请退款给我, since
// scripts that put no spaces between words have no longer words.
func Says(text, other string) bool { w := newWords(other); return w.find(text) >= 0 }

// find is where the words stand in a text, in lower case, -1 for nowhere.
func (w *words) find(text string) int {
	text = strings.ToLower(text)
	for from := 0; ; {
		i := strings.Index(text[from:], w.text)
		if i < 0 || w.text == "" {
			return -1
		}
		begin, end := from+i, from+i+len(w.text)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		behind, _ := utf8.DecodeRuneInString(text[end:])
		if !goesOn(before, w.first) && !goesOn(w.last, behind) {
			return begin
		}
		_, size := utf8.DecodeRuneInString(text[begin:])
		from = begin + size
	}
}

// placeOf is the place in a text of a place in the text in lower case, where characters may take
// more or fewer bytes.
func placeOf(text string, lower int) int {
	n := utf8.RuneCountInString(strings.ToLower(text)[:lower])
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

// unspaced are scripts that put no spaces between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

// goesOn reports whether a word goes on from one character to the next.
func goesOn(a, b rune) bool {
	in := func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !unicode.In(r, unspaced...)
	}
	return in(a) && in(b)
}

// Texts gives every text and number of an event, by the field that it stands in, until f says
// that it is enough. Names of members are none.
func Texts(e *semconv.Event, f func(field, text string) bool) bool {
	fields := semconv.Fields()
	for i := range fields {
		field := &fields[i]
		if !field.Has(e) {
			continue
		}
		each := func(text string) bool { return f(field.Name, text) }
		if !textsOf(field, e, each) {
			return false
		}
	}
	return true
}

func textsOf(field *semconv.Field, e *semconv.Event, f func(text string) bool) bool {
	switch field.Kind {
	case semconv.KindString:
		return f(field.String(e))
	case semconv.KindStrings:
		for _, s := range field.Strings(e) {
			if !f(s) {
				return false
			}
		}
	case semconv.KindAny, semconv.KindObject, semconv.KindArray:
		return LeavesOf(field.JSON(e), func(_, text string) bool { return f(text) })
	}
	return true
}

// maxDepth bounds how deep a value is looked into. What lies deeper is one text.
const maxDepth = 64

// LeavesOf gives the texts, numbers and truth values of a JSON value with their paths, such as
// items[0].to; "" is that of the value itself.
func LeavesOf(raw json.RawMessage, f func(path, text string) bool) bool {
	return leaves(gjson.ParseBytes(raw), "", 0, f)
}

func leaves(v gjson.Result, path string, depth int, f func(path, text string) bool) bool {
	switch {
	case v.Type == gjson.String:
		return f(path, v.Str)
	case v.Type == gjson.Null:
		return true
	case !v.IsObject() && !v.IsArray() || depth >= maxDepth:
		return f(path, v.Raw)
	}
	going, n := true, 0
	v.ForEach(func(name, v gjson.Result) bool {
		going = leaves(v, step(path, name, n), depth+1, f)
		n++
		return going
	})
	return going
}

func step(path string, name gjson.Result, n int) string {
	switch {
	case name.Type != gjson.String:
		return path + "[" + strconv.Itoa(n) + "]"
	case path == "":
		return name.Str
	}
	return path + "." + name.Str
}
