package semconv

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// ErrNotAuditEvent is the answer to a record without a known audit.event_type.
var ErrNotAuditEvent = errors.New("not an audit event")

// timeLayout is RFC 3339 with all nine digits of the nanoseconds, so that lines
// sort and compress well.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Meta is what the description of a sealed object needs to know of one line.
type Meta struct {
	EventType  string
	EventID    string
	SessionID  string
	Timestamp  time.Time
	Missing    []string
	Quarantine bool
	// SystemPrompt is the text to be kept under SystemPromptHash, where the
	// processor was told to store prompts.
	SystemPrompt     string
	SystemPromptHash string
	// OversizeText are the full texts of fields that were too long for the line.
	OversizeText []string
}

// AppendSpan appends the line of an audit record that is a span, without a
// newline. Whatever bytes the attributes hold, the line is valid JSON: a value
// that does not fit its field, and attributes that are no field, are kept under
// content. The error is ErrNotAuditEvent, wrapped, and dst is then unchanged.
func AppendSpan(dst []byte, span ptrace.Span) ([]byte, Meta, error) {
	return appendRecord(dst, record{
		attrs: span.Attributes(), start: span.StartTimestamp(), end: span.EndTimestamp(),
		trace: span.TraceID(), span: span.SpanID(), parent: span.ParentSpanID(),
	})
}

// AppendLog appends the line of an audit record that is a log record, as AppendSpan does.
func AppendLog(dst []byte, rec plog.LogRecord) ([]byte, Meta, error) {
	start := rec.Timestamp()
	if start == 0 {
		start = rec.ObservedTimestamp()
	}
	return appendRecord(dst, record{attrs: rec.Attributes(), start: start, trace: rec.TraceID(), span: rec.SpanID()})
}

type record struct {
	attrs        pcommon.Map
	start, end   pcommon.Timestamp
	trace        pcommon.TraceID
	span, parent pcommon.SpanID
}

func appendRecord(dst []byte, r record) ([]byte, Meta, error) {
	var m Meta
	var vals [maxFields]pcommon.Value // by place in fields; the zero Value is absent
	var extra []extraAttr
	typ := EventType("")
	for k, v := range r.attrs.All() {
		if v.Type() == pcommon.ValueTypeEmpty {
			continue
		}
		i, ok := fieldIndex[k]
		switch {
		case ok && vals[i] == (pcommon.Value{}) && fits(&fields[i], v):
			vals[i] = v
			if k == AttrEventType {
				typ = EventType(v.AsString())
			}
		case k == AttrQuarantine:
			m.Quarantine = v.Type() == pcommon.ValueTypeBool && v.Bool()
		case k == AttrSystemPrompt:
			m.SystemPrompt = v.AsString()
		case k == AttrOversizeText && v.Type() == pcommon.ValueTypeMap:
			for _, text := range v.Map().All() {
				m.OversizeText = append(m.OversizeText, text.AsString())
			}
		default:
			extra = append(extra, extraAttr{k, v})
		}
	}
	if typ == "" {
		return dst, m, fmt.Errorf("%w: no attribute %s", ErrNotAuditEvent, AttrEventType)
	}
	if !typ.Valid() {
		return dst, m, fmt.Errorf("%w: unknown %s %q", ErrNotAuditEvent, AttrEventType, typ)
	}
	m.EventType = string(typ)

	dst = append(dst, `{"schema_version":"1"`...)
	for i := range fields {
		f, v := &fields[i], vals[i]
		has := v != pcommon.Value{}
		if !has && !f.made {
			continue
		}
		switch f.Name {
		case "schema_version":
			continue
		case "event_id":
			m.EventID = SpanEventID(r.trace, r.span, string(typ))
			if has {
				m.EventID = validText(v.AsString())
			}
			dst = AppendString(f.appendKey(dst), m.EventID)
			continue
		case "timestamp", "end_timestamp":
			t, ok := r.time(f.Name, v, has)
			if f.Name == "timestamp" {
				m.Timestamp = t
			}
			if ok {
				dst = appendTime(f.appendKey(dst), t)
			}
			continue
		case "trace_id":
			if !has && !r.trace.IsEmpty() {
				dst = appendHex(f.appendKey(dst), r.trace[:])
			}
		case "span_id":
			if !has && !r.span.IsEmpty() {
				dst = appendHex(f.appendKey(dst), r.span[:])
			}
		case "parent_span_id":
			if !has && !r.parent.IsEmpty() {
				dst = appendHex(f.appendKey(dst), r.parent[:])
			}
		case "session_id":
			if has {
				m.SessionID = validText(v.AsString())
			}
		case "system_prompt_hash":
			if has {
				m.SystemPromptHash = v.AsString()
			}
		case "content":
			if len(extra) > 0 {
				dst = appendContent(f.appendKey(dst), v, has, extra)
				continue
			}
		case "missing_fields":
			m.Missing = missing(v, has, &vals)
			if len(m.Missing) > 0 {
				dst = appendStrings(f.appendKey(dst), m.Missing)
			}
			continue
		}
		if has {
			dst = appendField(f.appendKey(dst), f, v)
		}
	}
	dst = append(dst, '}')
	return dst, m, nil
}

type extraAttr struct {
	key   string
	value pcommon.Value
}

// missing is the list the processor gave, and what every event needs and this
// record, perhaps set by hand, does not have.
func missing(v pcommon.Value, has bool, vals *[maxFields]pcommon.Value) []string {
	var list []string
	if has {
		list = stringList(v)
	}
next:
	for _, name := range requiredAlways {
		if name == "event_id" || name == "timestamp" || vals[fieldNames[name]] != (pcommon.Value{}) {
			continue
		}
		for _, have := range list {
			if have == name {
				continue next
			}
		}
		list = append(list, name)
	}
	return list
}

func (f *Field) appendKey(dst []byte) []byte { return append(dst, f.key...) }

// time is a time field of the record: from its attribute, else its own. A span
// that ended when it began did not last.
func (r *record) time(name string, v pcommon.Value, has bool) (time.Time, bool) {
	if has {
		t, _ := parseTime(v)
		return t, true
	}
	if name == "timestamp" {
		return r.start.AsTime(), true
	}
	return r.end.AsTime(), r.end > r.start
}

// fits reports whether a value can be written as the field's kind; what does not
// fit is kept under content.
func fits(f *Field, v pcommon.Value) bool {
	switch f.Kind {
	case KindString:
		return isScalar(v) && v.AsString() != ""
	case KindInt:
		_, ok := asInt(v)
		return ok
	case KindFloat:
		_, ok := asFloat(v)
		return ok
	case KindBool:
		_, ok := asBool(v)
		return ok
	case KindTime:
		_, ok := parseTime(v)
		return ok
	case KindObject:
		return v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeStr && v.Str() != ""
	case KindArray:
		return v.Type() == pcommon.ValueTypeSlice || v.Type() == pcommon.ValueTypeStr && v.Str() != ""
	case KindStrings:
		return v.Type() == pcommon.ValueTypeStr && plainList(v.Str()) || len(stringList(v)) > 0
	}
	if v.Type() != pcommon.ValueTypeStr {
		return true
	}
	s := strings.TrimSpace(v.Str())
	return s != "" && s != "null" // what is unknown is absent, never null
}

func isScalar(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeBool, pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return true
	}
	return false
}

func appendField(dst []byte, f *Field, v pcommon.Value) []byte {
	switch f.Kind {
	case KindString:
		return AppendString(dst, v.AsString())
	case KindInt:
		n, _ := asInt(v)
		return strconv.AppendInt(dst, n, 10)
	case KindFloat:
		x, _ := asFloat(v)
		return appendFloat(dst, x)
	case KindBool:
		b, _ := asBool(v)
		return strconv.AppendBool(dst, b)
	case KindTime:
		t, _ := parseTime(v)
		return appendTime(dst, t)
	case KindStrings:
		if v.Type() == pcommon.ValueTypeStr && plainList(v.Str()) {
			return append(dst, v.Str()...)
		}
		return appendStrings(dst, stringList(v))
	}
	return appendJSONValue(dst, f.Kind, v)
}

// appendJSONValue writes a field that holds JSON: a string attribute as the JSON
// it holds. Text that is no such JSON is kept as text, in an object or an array
// where the field must be one.
func appendJSONValue(dst []byte, kind Kind, v pcommon.Value) []byte {
	if v.Type() != pcommon.ValueTypeStr {
		return AppendValue(dst, v)
	}
	s := strings.TrimLeft(v.Str(), " \t\r\n")
	if kind == KindAny || kind == KindObject && strings.HasPrefix(s, "{") || kind == KindArray && strings.HasPrefix(s, "[") {
		if out, ok := AppendJSON(dst, s); ok {
			return out
		}
	}
	switch kind {
	case KindObject:
		return append(AppendString(append(dst, `{"text":`...), v.Str()), '}')
	case KindArray:
		return append(AppendString(append(dst, '['), v.Str()), ']')
	}
	return AppendString(dst, v.Str())
}

// appendContent writes the content object with the further attributes as members.
// One whose key is taken gets a prime.
func appendContent(dst []byte, v pcommon.Value, has bool, extra []extraAttr) []byte {
	text := []byte("{}")
	taken := map[string]json.RawMessage{}
	if has {
		text = appendJSONValue(nil, KindObject, v)
		_ = json.Unmarshal(text, &taken)
	}
	dst = append(dst, text[:len(text)-1]...)
	for _, a := range extra {
		key := validText(a.key)
		for {
			if _, dup := taken[key]; !dup {
				break
			}
			key += "'"
		}
		if len(taken) > 0 {
			dst = append(dst, ',')
		}
		taken[key] = nil
		dst = append(AppendString(dst, key), ':')
		dst = AppendValue(dst, a.value)
	}
	return append(dst, '}')
}

// AppendValue writes an attribute value as the JSON of its OTLP type; a string
// stays a string, bytes become base64.
func AppendValue(dst []byte, v pcommon.Value) []byte { return appendValue(dst, v, 0) }

func appendValue(dst []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return AppendString(dst, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendFloat(dst, v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeBytes:
		return AppendString(dst, base64.StdEncoding.EncodeToString(v.Bytes().AsRaw()))
	case pcommon.ValueTypeSlice:
		if depth >= maxJSONDepth-1 {
			return AppendString(dst, v.AsString())
		}
		dst = append(dst, '[')
		for i, el := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, el, depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		if depth >= maxJSONDepth-1 {
			return AppendString(dst, v.AsString())
		}
		return appendMap(dst, v.Map(), depth)
	}
	return append(dst, "null"...)
}

// appendMap writes a map; of a key that comes twice, which OTLP allows on the
// wire, the later ones get a prime.
func appendMap(dst []byte, m pcommon.Map, depth int) []byte {
	dst = append(dst, '{')
	seen := make(map[string]struct{}, m.Len())
	for k, el := range m.All() {
		k = validText(k)
		for {
			if _, dup := seen[k]; !dup {
				break
			}
			k += "'"
		}
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		seen[k] = struct{}{}
		dst = append(AppendString(dst, k), ':')
		dst = appendValue(dst, el, depth+1)
	}
	return append(dst, '}')
}

func appendFloat(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return AppendString(dst, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, timeLayout)
	return append(dst, '"')
}

func appendHex(dst []byte, id []byte) []byte {
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, id)
	return append(dst, '"')
}

// validText is s as AppendString writes it: U+FFFD for each byte that is no UTF-8.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
