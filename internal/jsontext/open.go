package jsontext

import (
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// First is the first of the paths that is there and not null.
func First(v gjson.Result, paths ...string) gjson.Result {
	for _, p := range paths {
		if r := Get(v, p); r.Exists() && r.Type != gjson.Null {
			return r
		}
	}
	return gjson.Result{}
}

// Object is the members of a JSON object.
type Object []member

type member struct{ Key, Raw string }

// Get is the member of that key or, after a dot, a member of it.
func (o Object) Get(path string) gjson.Result { return Read(o.Raw(path)) }

// Raw is Get as the text that it is; "" where there is none.
func (o Object) Raw(path string) string {
	for i := range o {
		if o[i].Key == path {
			return o[i].Raw
		}
	}
	if head, rest, ok := strings.Cut(path, "."); ok {
		for i := range o {
			if o[i].Key == head {
				return Get(Read(o[i].Raw), rest).Raw
			}
		}
	}
	return ""
}

// Has reports whether there is a member of that key.
func (o Object) Has(path string) bool { return o.Raw(path) != "" }

// First is the first of the paths that is there and not null.
func (o Object) First(paths ...string) gjson.Result { return Read(o.FirstRaw(paths...)) }

// FirstRaw is First as the text that it is.
func (o Object) FirstRaw(paths ...string) string {
	for _, p := range paths {
		if raw := o.Raw(p); raw != "" && raw != "null" {
			return raw
		}
	}
	return ""
}

// LastOf is the last element of an array.
func LastOf(v gjson.Result) gjson.Result {
	if a := v.Array(); len(a) > 0 {
		return a[len(a)-1]
	}
	return gjson.Result{}
}

// OpenString opens JSON that was put into a string, once more where it was done
// twice; anything else stays as it is.
func OpenString(v gjson.Result) gjson.Result {
	for range 2 {
		if v.Type != gjson.String {
			return v
		}
		in, ok := Open(v.Str)
		if !ok {
			return v
		}
		v = in
	}
	return v
}

// Value is v as the JSON of a field: a string that holds JSON is opened, other
// text stays text, and what is absent is nil.
func Value(v gjson.Result) []byte {
	if !v.Exists() || v.Type == gjson.Null {
		return nil
	}
	return Bytes(OpenString(v).Raw)
}

// Bytes is a text as the JSON of a field, which is replaced, never written to.
func Bytes(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // as said: not written to
}

// Open reads text that looks like a JSON object, array or string.
func Open(s string) (gjson.Result, bool) {
	t := strings.TrimLeft(s, " \t\r\n")
	if t == "" || t[0] != '{' && t[0] != '[' && t[0] != '"' {
		return gjson.Result{}, false
	}
	out, ok := Canonical(t)
	if !ok {
		return gjson.Result{}, false
	}
	return Read(out), true
}
