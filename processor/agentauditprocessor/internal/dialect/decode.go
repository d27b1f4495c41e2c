package dialect

import (
	"strings"
	"unsafe"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// firstOf is the first of the paths that is there and not null.
func firstOf(v gjson.Result, paths ...string) gjson.Result {
	for _, p := range paths {
		if r := get(v, p); r.Exists() && r.Type != gjson.Null {
			return r
		}
	}
	return gjson.Result{}
}

// object is the members of a JSON object.
type object []member

type member struct{ key, raw string }

// get is the member of that key or, after a dot, a member of it.
func (o object) get(path string) gjson.Result { return read(o.raw(path)) }

// raw is get as the text that it is; "" where there is none.
func (o object) raw(path string) string {
	for i := range o {
		if o[i].key == path {
			return o[i].raw
		}
	}
	if head, rest, ok := strings.Cut(path, "."); ok {
		for i := range o {
			if o[i].key == head {
				return get(read(o[i].raw), rest).Raw
			}
		}
	}
	return ""
}

// has reports whether there is a member of that key.
func (o object) has(path string) bool { return o.raw(path) != "" }

// first is firstOf for an object.
func (o object) first(paths ...string) gjson.Result { return read(o.firstRaw(paths...)) }

func (o object) firstRaw(paths ...string) string {
	for _, p := range paths {
		if raw := o.raw(p); raw != "" && raw != "null" {
			return raw
		}
	}
	return ""
}

func lastOf(v gjson.Result) gjson.Result {
	if a := v.Array(); len(a) > 0 {
		return a[len(a)-1]
	}
	return gjson.Result{}
}

// decodeString opens JSON that was put into a string, once more where it was done
// twice; anything else stays as it is.
func decodeString(v gjson.Result) gjson.Result {
	for range 2 {
		if v.Type != gjson.String {
			return v
		}
		in, ok := parseJSON(v.Str)
		if !ok {
			return v
		}
		v = in
	}
	return v
}

// jsonOf is v as the JSON of a field: a string that holds JSON is opened, other
// text stays text, and what is absent is nil.
func jsonOf(v gjson.Result) []byte {
	if !v.Exists() || v.Type == gjson.Null {
		return nil
	}
	return bytesOf(decodeString(v).Raw)
}

// bytesOf is a text as the JSON of a field, which is replaced, never written to.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // as said: not written to
}

// parseJSON reads text that looks like a JSON object, array or string.
func parseJSON(s string) (gjson.Result, bool) {
	t := strings.TrimLeft(s, " \t\r\n")
	if t == "" || t[0] != '{' && t[0] != '[' && t[0] != '"' {
		return gjson.Result{}, false
	}
	out, ok := jsontext.Canonical(t)
	if !ok {
		return gjson.Result{}, false
	}
	return read(out), true
}

// valueJSON is an attribute as JSON: maps and arrays as they are, a string opened
// where it holds JSON, scalars as JSON scalars.
func valueJSON(v pcommon.Value) gjson.Result {
	if v.Type() == pcommon.ValueTypeStr {
		if r, ok := parseJSON(v.Str()); ok {
			return decodeString(r)
		}
		return jsonString(v.Str())
	}
	return parse(semconv.AppendValue(nil, v))
}

// withheld recognises what libraries write in the place of content that they were
// told not to record.
func withheld(s string) bool {
	switch s {
	case "<REDACTED>", "[REDACTED]", "__REDACTED__", "<not specified>", "<not serializable>", "<non-serializable>", "<replaced>", "FILTERED":
		return true
	}
	return strings.HasPrefix(s, "<") && (strings.HasSuffix(s, "; not recorded>") || strings.HasPrefix(s, "<not recorded:"))
}

// cutAtSource recognises the marks of content that a library shortened.
func cutAtSource(s string) bool {
	tail := s[max(0, len(s)-64):]
	return strings.Contains(tail, "[truncated]") || strings.Contains(tail, "[TRUNCATED") || strings.Contains(tail, "... telemetry preview truncated ...")
}

// leaf is a value inside a message: text stays text, even where it is JSON, except
// a list of content blocks that was put into a string.
func leaf(key string, v pcommon.Value) gjson.Result {
	if v.Type() != pcommon.ValueTypeStr {
		return valueJSON(v)
	}
	if key == "content" || key == "message" || key == "tool_calls" {
		if r, ok := parseJSON(v.Str()); ok {
			if first := get(r, "0"); r.IsArray() && first.IsObject() || r.IsObject() && key == "message" {
				return r
			}
		}
	}
	return jsonString(v.Str())
}
