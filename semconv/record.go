package semconv

import (
	"encoding/hex"
	"encoding/json"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// WriteSpan makes span the audit record of e: attributes for the fields, the
// span's own times and ids for the rest. The span should be empty. The span shares
// the JSON of the event, which is not to be changed in place after.
func WriteSpan(e *Event, span ptrace.Span) {
	span.SetName(string(e.EventType))
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(e.Timestamp))
	end := e.EndTimestamp
	if end.IsZero() {
		end = e.Timestamp
	}
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	span.SetTraceID(parseTraceID(e.TraceID))
	span.SetSpanID(parseSpanID(e.SpanID))
	span.SetParentSpanID(parseSpanID(e.ParentSpanID))
	writeAttributes(e, span.Attributes(), false)
}

// WriteLog makes rec the audit record of e, as WriteSpan does. The record should be empty.
func WriteLog(e *Event, rec plog.LogRecord) {
	rec.SetEventName(string(e.EventType))
	rec.SetTimestamp(pcommon.NewTimestampFromTime(e.Timestamp))
	rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(e.RecordedAt))
	rec.SetTraceID(parseTraceID(e.TraceID))
	rec.SetSpanID(parseSpanID(e.SpanID))
	writeAttributes(e, rec.Attributes(), true)
}

func writeAttributes(e *Event, m pcommon.Map, log bool) {
	m.EnsureCapacity(32) // seldom more, and never many
	for i := range fields {
		f := &fields[i]
		if f.ofSpan && !log || f.ofLog && log {
			continue
		}
		switch p := f.ref(e).(type) {
		case *string:
			if *p != "" {
				m.PutStr(f.Attr(), *p)
			}
		case *EventType:
			m.PutStr(f.Attr(), string(*p))
		case *json.RawMessage:
			if len(*p) > 0 {
				m.PutStr(f.Attr(), unsafe.String(unsafe.SliceData(*p), len(*p))) //nolint:gosec // an event's JSON is replaced, never written to
			}
		case *[]string:
			if len(*p) > 0 {
				m.PutStr(f.Attr(), string(appendStrings(nil, *p)))
			}
		case *time.Time:
			if !p.IsZero() {
				m.PutStr(f.Attr(), p.UTC().Format(timeLayout))
			}
		case *Optional[int64]:
			if p.Valid {
				m.PutInt(f.Attr(), p.Value)
			}
		case *Optional[float64]:
			if p.Valid {
				m.PutDouble(f.Attr(), p.Value)
			}
		case *Optional[bool]:
			if p.Valid {
				m.PutBool(f.Attr(), p.Value)
			}
		}
	}
}

// present reports whether a field reference holds a value.
func present(ref any) bool {
	switch p := ref.(type) {
	case *string:
		return *p != ""
	case *EventType:
		return *p != ""
	case *json.RawMessage:
		return len(*p) > 0
	case *[]string:
		return len(*p) > 0
	case *time.Time:
		return !p.IsZero()
	case *Optional[int64]:
		return p.Valid
	case *Optional[float64]:
		return p.Valid
	case *Optional[bool]:
		return p.Valid
	}
	return false
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, s)
	}
	return append(dst, ']')
}

func parseTraceID(s string) (id pcommon.TraceID) {
	if len(s) == 2*len(id) {
		_, _ = hex.Decode(id[:], []byte(s))
	}
	return id
}

func parseSpanID(s string) (id pcommon.SpanID) {
	if len(s) == 2*len(id) {
		_, _ = hex.Decode(id[:], []byte(s))
	}
	return id
}

// Set sets the field of that name from an attribute value as the encoder would
// read it. It reports false, and leaves the event alone, where there is no such
// field or the value does not fit it.
func (e *Event) Set(name string, v pcommon.Value) bool {
	i, ok := fieldNames[name]
	if !ok || !fits(&fields[i], v) {
		return false
	}
	f := &fields[i]
	switch p := f.ref(e).(type) {
	case *string:
		*p = v.AsString()
	case *EventType:
		*p = EventType(v.AsString())
	case *json.RawMessage:
		*p = appendJSONValue(nil, f.Kind, v)
	case *[]string:
		*p = stringList(v)
	case *time.Time:
		*p, _ = parseTime(v)
	case *Optional[int64]:
		n, _ := asInt(v)
		*p = Some(n)
	case *Optional[float64]:
		x, _ := asFloat(v)
		*p = Some(x)
	case *Optional[bool]:
		b, _ := asBool(v)
		*p = Some(b)
	}
	return true
}

// SetJSON sets a field that holds JSON, which text must be. It reports false where
// there is no such field, or the text does not have the field's shape or is null.
func (e *Event) SetJSON(name string, text []byte) bool {
	i, ok := fieldNames[name]
	if !ok || len(text) == 0 {
		return false
	}
	p, ok := fields[i].ref(e).(*json.RawMessage)
	return ok && decodeField(p, fields[i].Kind, text) == nil
}

// EachText replaces every string field of the event by what f makes of it.
func (e *Event) EachText(f func(string) string) {
	for i := range fields {
		if p, ok := fields[i].ref(e).(*string); ok && *p != "" {
			*p = f(*p)
		}
	}
}

// EachJSON replaces every field that holds JSON by what f makes of it, which must
// be JSON of the same shape.
func (e *Event) EachJSON(f func([]byte) []byte) {
	for i := range fields {
		if p, ok := fields[i].ref(e).(*json.RawMessage); ok && len(*p) > 0 {
			*p = f(*p)
		}
	}
}

// Text is the string field of that name, or the text of one that holds JSON; the
// second result tells which. Set and SetJSON are its counterparts.
func (e *Event) Text(name string) (text string, isJSON bool) {
	i, ok := fieldNames[name]
	if !ok {
		return "", false
	}
	switch p := fields[i].ref(e).(type) {
	case *string:
		return *p, false
	case *json.RawMessage:
		return string(*p), true
	}
	return "", false
}

// Longer lists the fields of more than limit bytes of text or JSON, in the order of
// the schema.
func (e *Event) Longer(limit int) []Field {
	var long []Field
	for i := range fields {
		n := 0
		switch p := fields[i].ref(e).(type) {
		case *string:
			n = len(*p)
		case *json.RawMessage:
			n = len(*p)
		}
		if n > limit {
			long = append(long, fields[i])
		}
	}
	return long
}

// Clear empties the field of that name.
func (e *Event) Clear(name string) {
	i, ok := fieldNames[name]
	if !ok {
		return
	}
	switch p := fields[i].ref(e).(type) {
	case *string:
		*p = ""
	case *EventType:
		*p = ""
	case *json.RawMessage:
		*p = nil
	case *[]string:
		*p = nil
	case *time.Time:
		*p = time.Time{}
	case *Optional[int64]:
		*p = Optional[int64]{}
	case *Optional[float64]:
		*p = Optional[float64]{}
	case *Optional[bool]:
		*p = Optional[bool]{}
	}
}
