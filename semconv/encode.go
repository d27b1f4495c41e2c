package semconv

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
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
	Class      string        // of its retention, which who seals it says; "" is the default
	Kept       time.Duration // how long that class was kept when it was said
	// SystemPrompt is the text to be kept under SystemPromptHash, where the
	// processor was told to store prompts.
	SystemPrompt     string
	SystemPromptHash string
	// OversizeText are the full texts of fields that were too long for the line.
	OversizeText []string
}

// Encoder writes audit records as lines. It remembers the texts that the records of a
// request have in common. The zero Encoder is ready; it is not safe for concurrent use.
type Encoder struct {
	recordedAt string            // in canonical form
	json       [maxFields]string // by place in fields: the last, where it was in canonical form
	missing    string
	list       []string // of missing
}

// AppendSpan is that of an Encoder, for one record.
func AppendSpan(dst []byte, span ptrace.Span) ([]byte, Meta, error) {
	return (&Encoder{}).AppendSpan(dst, span)
}

// AppendLog is that of an Encoder, for one record.
func AppendLog(dst []byte, rec plog.LogRecord) ([]byte, Meta, error) {
	return (&Encoder{}).AppendLog(dst, rec)
}

// AppendSpan appends the line of an audit record that is a span, without a
// newline. Whatever bytes the attributes hold, the line is valid JSON: a value
// that does not fit its field, and attributes that are no field, are kept under
// content. The error is ErrNotAuditEvent, wrapped, and dst is then unchanged.
func (c *Encoder) AppendSpan(dst []byte, span ptrace.Span) ([]byte, Meta, error) {
	return c.append(dst, &record{
		attrs: span.Attributes(), start: span.StartTimestamp(), end: span.EndTimestamp(),
		trace: span.TraceID(), span: span.SpanID(), parent: span.ParentSpanID(),
	})
}

// AppendLog appends the line of an audit record that is a log record, as AppendSpan does.
func (c *Encoder) AppendLog(dst []byte, rec plog.LogRecord) ([]byte, Meta, error) {
	start := rec.Timestamp()
	if start == 0 {
		start = rec.ObservedTimestamp()
	}
	return c.append(dst, &record{attrs: rec.Attributes(), start: start, trace: rec.TraceID(), span: rec.SpanID()})
}

type record struct {
	attrs        pcommon.Map
	start, end   pcommon.Timestamp
	trace        pcommon.TraceID
	span, parent pcommon.SpanID

	has  fieldSet
	vals [maxFields]pcommon.Value // by place in fields
}

// place is the field of an attribute. Attributes mostly come in the order of the
// schema: it is looked for from where the last one was.
func place(key string, from int) (int, bool) {
	for i := from; i < min(from+32, len(attrKeys)); i++ {
		if attrKeys[i] == key {
			return i, true
		}
	}
	i, ok := fieldIndex[key]
	return i, ok
}

// made are the fields that are written without an attribute.
var made = setOf("schema_version", "event_id", "timestamp", "end_timestamp", "content", "trace_id", "span_id", "parent_span_id", "missing_fields")

func (c *Encoder) append(dst []byte, r *record) ([]byte, Meta, error) {
	var m Meta
	var extra []extraAttr
	typ := EventType("")
	next := 0
	for k, v := range r.attrs.All() {
		if v.Type() == pcommon.ValueTypeEmpty {
			continue
		}
		i, ok := place(k, next)
		switch {
		case ok && !r.has.has(i) && c.fits(i, v):
			r.has.add(i)
			r.vals[i] = v
			next = i + 1
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

	dst = append(dst, `{"schema_version":"`+SchemaVersion+`"`...)
	for word, set := range r.has {
		for set |= made[word]; set != 0; set &= set - 1 {
			i := word*64 + bits.TrailingZeros64(set)
			dst = c.appendMember(dst, &m, r, i, extra)
		}
	}
	return append(dst, '}'), m, nil
}

// appendMember appends the field at place i of a record, if there is one.
func (c *Encoder) appendMember(dst []byte, m *Meta, r *record, i int, extra []extraAttr) []byte {
	f, v, has := &fields[i], r.vals[i], r.has.has(i)
	switch f.role {
	case roleSchemaVersion:
		return dst
	case roleEventID:
		if has {
			m.EventID = jsontext.ValidText(v.AsString())
		} else {
			m.EventID = SpanEventID(r.trace, r.span, m.EventType)
		}
		return jsontext.AppendString(f.appendKey(dst), m.EventID)
	case roleTimestamp, roleEndTimestamp:
		t, ok := r.time(f, v, has)
		if f.role == roleTimestamp {
			m.Timestamp = t
		}
		if ok {
			dst = appendTime(f.appendKey(dst), t)
		}
		return dst
	case roleTraceID:
		if !has && !r.trace.IsEmpty() {
			dst = appendHex(f.appendKey(dst), r.trace[:])
		}
	case roleSpanID:
		if !has && !r.span.IsEmpty() {
			dst = appendHex(f.appendKey(dst), r.span[:])
		}
	case roleParentSpanID:
		if !has && !r.parent.IsEmpty() {
			dst = appendHex(f.appendKey(dst), r.parent[:])
		}
	case roleSessionID:
		m.SessionID = jsontext.ValidText(v.AsString())
	case rolePromptHash:
		m.SystemPromptHash = v.AsString()
	case roleContent:
		if len(extra) > 0 {
			return appendContent(f.appendKey(dst), v, has, extra)
		}
	case roleMissing:
		m.Missing = c.missingFields(r, i)
		if len(m.Missing) > 0 {
			dst = appendStrings(f.appendKey(dst), m.Missing)
		}
		return dst
	}
	if has {
		dst = c.appendField(f.appendKey(dst), i, v)
	}
	return dst
}

type extraAttr struct {
	key   string
	value pcommon.Value
}

// needed are the fields that every event needs, but those that the encoder makes.
var needed = func() (list []int) {
	for _, name := range requiredAlways {
		if name != "event_id" && name != "timestamp" {
			list = append(list, fieldNames[name])
		}
	}
	return list
}()

// missingFields is the list the processor gave, at place i, and what every event needs and
// this record, perhaps set by hand, does not have.
func (c *Encoder) missingFields(r *record, i int) []string {
	var list []string
	if r.has.has(i) {
		if v := r.vals[i]; v.Type() != pcommon.ValueTypeStr || v.Str() != c.missing {
			c.missing, c.list = v.AsString(), slices.Clip(stringList(v))
		}
		list = c.list
	}
	for _, n := range needed {
		if name := fields[n].Name; !r.has.has(n) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func (f *Field) appendKey(dst []byte) []byte { return append(dst, f.key...) }

// time is a time field of the record: from its attribute, else its own. A span
// that ended when it began did not last.
func (r *record) time(f *Field, v pcommon.Value, has bool) (time.Time, bool) {
	if has {
		t, _ := parseTime(v)
		return t, true
	}
	if f.role == roleTimestamp {
		return r.start.AsTime(), true
	}
	return r.end.AsTime(), r.end > r.start
}

// fits is the function fits for the field at place i; it does not read a time again that
// the records of the request have in common.
func (c *Encoder) fits(i int, v pcommon.Value) bool {
	f := &fields[i]
	if f.Kind == KindTime && v.Type() == pcommon.ValueTypeStr && v.Str() == c.recordedAt && c.recordedAt != "" {
		return true
	}
	return fits(f, v)
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

// appendField appends the value of the field at place i.
func (c *Encoder) appendField(dst []byte, i int, v pcommon.Value) []byte {
	f := &fields[i]
	switch f.Kind {
	case KindString:
		return jsontext.AppendString(dst, v.AsString())
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
		if v.Type() == pcommon.ValueTypeStr && v.Str() == c.recordedAt {
			return append(append(append(dst, '"'), c.recordedAt...), '"')
		}
		t, _ := parseTime(v)
		from := len(dst)
		dst = appendTime(dst, t)
		if text := dst[from+1 : len(dst)-1]; v.Type() == pcommon.ValueTypeStr && v.Str() == string(text) {
			c.recordedAt = v.Str()
		}
		return dst
	case KindStrings:
		if v.Type() == pcommon.ValueTypeStr && plainList(v.Str()) {
			return append(dst, v.Str()...)
		}
		return appendStrings(dst, stringList(v))
	}
	if v.Type() != pcommon.ValueTypeStr {
		return appendJSONValue(dst, f.Kind, v)
	}
	if s := v.Str(); s == c.json[i] {
		return append(dst, s...)
	}
	from := len(dst)
	dst = appendJSONValue(dst, f.Kind, v)
	if s := v.Str(); s == string(dst[from:]) {
		c.json[i] = s
	}
	return dst
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
		if out, ok := jsontext.Append(dst, s); ok {
			return out
		}
	}
	switch kind {
	case KindObject:
		return append(jsontext.AppendString(append(dst, `{"text":`...), v.Str()), '}')
	case KindArray:
		return append(jsontext.AppendString(append(dst, '['), v.Str()), ']')
	}
	return jsontext.AppendString(dst, v.Str())
}

// appendContent writes the content object with the further attributes as members.
func appendContent(dst []byte, v pcommon.Value, has bool, extra []extraAttr) []byte {
	text := []byte("{}")
	var keys jsontext.Keys
	if has {
		text = appendJSONValue(nil, KindObject, v)
		have := map[string]json.RawMessage{}
		_ = json.Unmarshal(text, &have)
		for k := range have {
			keys.Add(k)
		}
	}
	dst = append(dst, text[:len(text)-1]...)
	for _, a := range extra {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, keys.Add(a.key)), ':')
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
		return jsontext.AppendString(dst, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendFloat(dst, v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeBytes:
		return jsontext.AppendString(dst, base64.StdEncoding.EncodeToString(v.Bytes().AsRaw()))
	case pcommon.ValueTypeSlice:
		if depth >= jsontext.MaxDepth-1 {
			return jsontext.AppendString(dst, v.AsString())
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
		if depth >= jsontext.MaxDepth-1 {
			return jsontext.AppendString(dst, v.AsString())
		}
		return appendMap(dst, v.Map(), depth)
	}
	return append(dst, "null"...)
}

// appendMap writes a map, of which OTLP lets several members have one key: see Keys.
func appendMap(dst []byte, m pcommon.Map, depth int) []byte {
	dst = append(dst, '{')
	var keys jsontext.Keys
	for k, el := range m.All() {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, keys.Add(k)), ':')
		dst = appendValue(dst, el, depth+1)
	}
	return append(dst, '}')
}

func appendFloat(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return jsontext.AppendString(dst, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

// appendTime is timeLayout, written out: a line has three times.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return append(t.AppendFormat(append(dst, '"'), timeLayout), '"')
	}
	hour, minute, second := t.Clock()
	dst = append(dst, '"')
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond(), 9)
	return append(dst, 'Z', '"')
}

// appendDigits appends n, which has at most that many digits, with zeros before it.
func appendDigits(dst []byte, n, digits int) []byte {
	dst = append(dst, "000000000"[:digits]...)
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

func appendHex(dst []byte, id []byte) []byte {
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, id)
	return append(dst, '"')
}
