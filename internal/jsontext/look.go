package jsontext

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// What dialects read is JSON in canonical form (Append): where a value of
// it ends is told by its quotes and brackets, and most values are passed over without
// being read.

// Parse is JSON in canonical form as a value; it must not be changed after.
func Parse(canonical []byte) gjson.Result {
	return Read(unsafe.String(unsafe.SliceData(canonical), len(canonical))) //nolint:gosec // as said: not changed after
}

// Quote is a text as a JSON string.
func Quote(s string) gjson.Result { return Parse(AppendString(nil, s)) }

// Read is the value that a text in canonical form is.
func Read(raw string) gjson.Result {
	v := Unread(raw)
	if v.Type == gjson.String && v.Str == "" {
		v.Str, _ = ParseString(raw)
	}
	return v
}

// Unread is Read, but that it leaves Str empty of a string that has an escape: for who
// wants the string as it is written.
func Unread(raw string) gjson.Result {
	switch {
	case raw == "":
		return gjson.Result{}
	case raw[0] == '{' || raw[0] == '[':
		return gjson.Result{Type: gjson.JSON, Raw: raw}
	case raw[0] == '"' && len(raw) >= 2:
		v := gjson.Result{Type: gjson.String, Raw: raw}
		if strings.IndexByte(raw, '\\') < 0 {
			v.Str = raw[1 : len(raw)-1]
		}
		return v
	}
	return gjson.Parse(raw)
}

// Elements calls f with each element of an array.
func Elements(v gjson.Result, f func(gjson.Result)) {
	s := v.Raw
	for i := 1; i < len(s) && s[i] != ']'; i++ { // past the comma
		end := ValueEnd(s, i)
		f(Unread(s[i:end]))
		i = end
	}
}

// AppendMembers appends the members of an object; of anything else there is none.
func AppendMembers(o Object, v gjson.Result) Object {
	if !v.IsObject() {
		return o
	}
	s := v.Raw
	for i := 1; i < len(s) && s[i] == '"'; i++ { // past the comma
		colon := stringEnd(s, i)
		key := Read(s[i:colon]).Str
		if colon+1 >= len(s) {
			break
		}
		end := ValueEnd(s, colon+1)
		o = append(o, member{key, s[colon+1 : end]})
		i = end
	}
	return o
}

// Get is the value at a path: keys of objects without escapes and numbers of elements of
// arrays, with dots between them.
func Get(v gjson.Result, path string) gjson.Result {
	raw := v.Raw
	for more := true; more && raw != ""; {
		var key string
		key, path, more = strings.Cut(path, ".")
		raw = below(raw, key)
	}
	return Read(raw)
}

// below is the text of the member or element of a value; "" where there is none.
func below(s, key string) string {
	switch {
	case len(s) < 2:
	case s[0] == '{':
		for i := 1; i < len(s) && s[i] == '"'; i++ { // past the comma
			colon := stringEnd(s, i)
			if colon+1 >= len(s) {
				break
			}
			end := ValueEnd(s, colon+1)
			if s[i+1:colon-1] == key {
				return s[colon+1 : end]
			}
			i = end
		}
	case s[0] == '[':
		n, err := strconv.Atoi(key)
		for i := 1; err == nil && i < len(s) && s[i] != ']'; i++ { // past the comma
			end := ValueEnd(s, i)
			if n == 0 {
				return s[i:end]
			}
			n--
			i = end
		}
	}
	return ""
}

// ValueEnd is where the value ends that begins at s[i].
func ValueEnd(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = stringEnd(s, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// stringEnd is where the string ends that begins at s[i]: after the first quote that
// has an even number of backslashes before it.
func stringEnd(s string, i int) int {
	for j := i + 1; ; {
		n := strings.IndexByte(s[j:], '"')
		if n < 0 {
			return len(s)
		}
		j += n + 1
		k := j - 2
		for k > i && s[k] == '\\' {
			k--
		}
		if (j-k)%2 == 0 {
			return j
		}
	}
}

// AppendElement appends a value to an array that is being written.
func AppendElement(out []byte, raw string) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	return append(out, raw...)
}
