package chat

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
)

// Open is what Python printed of a container or a class in the place of JSON, as JSON;
// another value is itself.
func Open(v gjson.Result) gjson.Result {
	if v.Type != gjson.String {
		return v
	}
	if raw, ok := pytext.JSON(v.Str); ok {
		return jsontext.Parse([]byte(raw))
	}
	return v
}

// mayBePrinted reports whether a JSON string may be what Python prints of an object or of a
// dictionary.
func mayBePrinted(s string) bool {
	if len(s) < 8 {
		return false
	}
	if b := s[1]; b >= 'A' && b <= 'Z' {
		return strings.IndexByte(s[:min(len(s), 80)], '(') > 0
	}
	return strings.HasPrefix(s[1:], `{'`)
}

// printed writes what a library printed of an object in the place of what the model said,
// where the object is a part of an answer; it reports false for the words of a model. What
// was printed of another object is nobody's words: it is left to what is kept of the record.
func (w *writer) printed(s string) bool {
	if w.role != "assistant" || !mayBePrinted(s) {
		return false
	}
	text := jsontext.Read(s).Str
	raw, ok := pytext.JSON(text)
	if !ok {
		return pytext.Printed(text) && strings.HasSuffix(text, ")")
	}
	v := jsontext.Parse([]byte(raw))
	o := w.members(v)
	defer func() { w.release(o) }()
	calls := o.First("tool_calls", "toolCalls")
	switch {
	case o.Get("role").Str != "" && (calls.IsArray() || o.Has("content")):
		w.content(jsontext.Unread(o.Raw("content")))
		w.toolCalls(calls)
	case calls.IsArray():
		w.toolCalls(calls)
	case o.Get("type").Str != "" && len(o) > 1:
		w.part(v)
	default:
		return o.Has(pytext.Class)
	}
	return true
}
