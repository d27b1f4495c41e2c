package table

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

const (
	minToken = 3   // characters
	maxToken = 128 // bytes
	maxArgs  = 256 // leaves of arguments
	maxDepth = 32  // of what is looked into
)

// AddTokens adds the rows of a line to a batch of Tokens: each word of its content once.
func (b *Batch) AddTokens(e *semconv.Event, at *At) {
	list := tokensOf(e)
	for i, token := range list {
		if i > 0 && token == list[i-1] {
			continue
		}
		b.Row()
		b.Text(0, token)
		b.Int(1, at.Day)
		b.Text(2, at.Object)
		b.Int(3, at.Line)
	}
}

// tokensOf are the words of the content of an event that look like identifiers, sorted.
func tokensOf(e *semconv.Event) (list []string) {
	for i := range contentColumns {
		switch f := &contentColumns[i].field; f.Kind {
		case semconv.KindString:
			list = appendTokens(list, f.String(e))
		case semconv.KindStrings:
			for _, s := range f.Strings(e) {
				list = appendTokens(list, s)
			}
		case semconv.KindAny, semconv.KindObject, semconv.KindArray:
			eachText(gjson.Parse(textOf(f.JSON(e))), 0, func(s string) { list = appendTokens(list, s) })
		}
	}
	slices.Sort(list)
	return list
}

// eachText gives the texts and numbers in a JSON value, names of members left out. What lies too
// deep is one text.
func eachText(v gjson.Result, depth int, f func(string)) {
	switch {
	case v.Type == gjson.String:
		f(v.Str)
	case v.Type == gjson.Number:
		f(v.Raw)
	case v.IsObject() || v.IsArray():
		if depth >= maxDepth {
			f(v.Raw)
			return
		}
		v.ForEach(func(_, v gjson.Result) bool { eachText(v, depth+1, f); return true })
	}
}

// Words are the words of a text that look like identifiers, as the index holds them.
func Words(text string) []string { return appendTokens(nil, text) }

// Finds reports whether a value is a word as the index holds them, so that it is found where it
// was said. Any other is found where it is an id.
func Finds(value string) bool {
	words := Words(value)
	return len(words) == 1 && words[0] == strings.ToLower(value)
}

// appendTokens appends the words of a text that look like identifiers: runs of letters,
// digits and . _ - @ +, of 3 characters to 128 bytes, with a digit or an @ in them, in lower
// case. A number counts from 4 digits on, where it has no fraction.
func appendTokens(list []string, text string) []string {
	begin, telling := -1, false
	take := func(end int) {
		if begin >= 0 && telling {
			word := strings.Trim(text[begin:end], "._-+@")
			if len(word) <= maxToken && utf8.RuneCountInString(word) >= minToken && identifies(word) {
				list = append(list, strings.ToLower(word))
			}
		}
		begin, telling = -1, false
	}
	for i, r := range text {
		switch {
		case '0' <= r && r <= '9' || r == '@':
			telling = true
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '.' || r == '_' || r == '-' || r == '+':
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
		default:
			take(i)
			continue
		}
		if begin < 0 {
			begin = i
		}
	}
	take(len(text))
	return list
}

// identifies is false for words without a digit or an @, and for short numbers, which are
// amounts and counts.
func identifies(word string) bool {
	digits, letters, at, dots := 0, 0, 0, 0
	for _, r := range word {
		switch {
		case unicode.IsDigit(r):
			digits++
		case r == '@':
			at++
		case r == '.':
			dots++
		case r != '_' && r != '-' && r != '+':
			letters++
		}
	}
	return letters > 0 && digits+at > 0 || digits > 3 && dots != 1
}

// leavesOf are the leaves of a JSON value by their path.
func leavesOf(raw []byte) (pairs [][2]string) {
	if len(raw) == 0 {
		return nil
	}
	var walk func(path string, v gjson.Result, depth int)
	walk = func(path string, v gjson.Result, depth int) {
		if len(pairs) == maxArgs {
			return
		}
		if (v.IsObject() || v.IsArray()) && depth < maxDepth {
			n := 0
			v.ForEach(func(name, v gjson.Result) bool {
				part := name.Str
				if name.Type != gjson.String {
					part = strconv.Itoa(n)
				}
				n++
				if path != "" {
					part = path + "." + part
				}
				walk(part, v, depth+1)
				return len(pairs) < maxArgs
			})
			return
		}
		if v.Type == gjson.Null {
			return
		}
		pairs = append(pairs, [2]string{path, v.String()})
	}
	walk("", gjson.Parse(textOf(raw)), 0)
	// Names that differ only by where their dots stand would be one key twice.
	seen := map[string]bool{}
	return slices.DeleteFunc(pairs, func(p [2]string) bool { twice := seen[p[0]]; seen[p[0]] = true; return twice })
}

// textOf is JSON as text, which must not be changed while it is used.
func textOf(raw []byte) string {
	return unsafe.String(unsafe.SliceData(raw), len(raw)) //nolint:gosec // only read
}
