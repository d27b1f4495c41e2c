package semconv

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// Writer writes events as records. It remembers the texts that the events of a request
// have in common. The zero Writer is ready; it is not safe for concurrent use.
type Writer struct {
	at    time.Time
	text  string // of at
	lists []listText
}

type listText struct {
	list []string
	text string // of list
}

// WriteSpan is that of a Writer, for one event.
func WriteSpan(e *Event, span ptrace.Span) { (&Writer{}).WriteSpan(e, span) }

// WriteLog is that of a Writer, for one event.
func WriteLog(e *Event, rec plog.LogRecord) { (&Writer{}).WriteLog(e, rec) }

// WriteSpan makes span the audit record of e: attributes for the fields, the
// span's own times and ids for the rest. The span should be empty. The span shares
// the JSON of the event, which is not to be changed in place after.
func (w *Writer) WriteSpan(e *Event, span ptrace.Span) {
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
	w.attributes(e, span.Attributes(), false)
}

// WriteLog makes rec the audit record of e, as WriteSpan does. The record should be empty.
func (w *Writer) WriteLog(e *Event, rec plog.LogRecord) {
	rec.SetEventName(string(e.EventType))
	rec.SetTimestamp(pcommon.NewTimestampFromTime(e.Timestamp))
	rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(e.RecordedAt))
	rec.SetTraceID(parseTraceID(e.TraceID))
	rec.SetSpanID(parseSpanID(e.SpanID))
	w.attributes(e, rec.Attributes(), true)
}

func (w *Writer) attributes(e *Event, m pcommon.Map, log bool) {
	m.EnsureCapacity(32) // seldom more, and never many
	for i := range fields {
		f := &fields[i]
		if !f.Has(e) || f.ofSpan && !log || f.ofLog && log {
			continue
		}
		switch f.held {
		case heldString:
			m.PutStr(f.attr, *in[string](e, f))
		case heldJSON:
			p := *in[json.RawMessage](e, f)
			m.PutStr(f.attr, unsafe.String(unsafe.SliceData(p), len(p))) //nolint:gosec // an event's JSON is replaced, never written to
		case heldStrings:
			m.PutStr(f.attr, w.listText(*in[[]string](e, f)))
		case heldTime:
			m.PutStr(f.attr, w.timeText(*in[time.Time](e, f)))
		case heldInt:
			m.PutInt(f.attr, in[Optional[int64]](e, f).Value)
		case heldFloat:
			m.PutDouble(f.attr, in[Optional[float64]](e, f).Value)
		case heldBool:
			m.PutBool(f.attr, in[Optional[bool]](e, f).Value)
		}
	}
}

func (w *Writer) timeText(t time.Time) string {
	if w.text == "" || !t.Equal(w.at) {
		text := appendTime(nil, t)
		w.at, w.text = t, string(text[1:len(text)-1])
	}
	return w.text
}

// maxLists bounds how many lists a Writer looks through.
const maxLists = 8

func (w *Writer) listText(list []string) string {
	for i := range w.lists {
		if slices.Equal(w.lists[i].list, list) {
			return w.lists[i].text
		}
	}
	text := string(appendStrings(nil, list))
	if len(w.lists) < maxLists {
		w.lists = append(w.lists, listText{list, text})
	}
	return text
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(dst, s)
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
	return ok && fields[i].Set(e, v)
}

// Set is that of an event.
func (f *Field) Set(e *Event, v pcommon.Value) bool {
	if !fits(f, v) {
		return false
	}
	switch f.held {
	case heldString:
		*in[string](e, f) = v.AsString()
	case heldJSON:
		*in[json.RawMessage](e, f) = appendJSONValue(nil, f.Kind, v)
	case heldStrings:
		*in[[]string](e, f) = stringList(v)
	case heldTime:
		*in[time.Time](e, f), _ = parseTime(v)
	case heldInt:
		n, _ := asInt(v)
		*in[Optional[int64]](e, f) = Some(n)
	case heldFloat:
		x, _ := asFloat(v)
		*in[Optional[float64]](e, f) = Some(x)
	case heldBool:
		b, _ := asBool(v)
		*in[Optional[bool]](e, f) = Some(b)
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
		if fields[i].held == heldString && fields[i].Name != "event_type" {
			if p := in[string](e, &fields[i]); *p != "" {
				*p = f(*p)
			}
		}
	}
}

// EachJSON replaces every field that holds JSON by what f makes of it, which must
// be JSON of the same shape.
func (e *Event) EachJSON(f func([]byte) []byte) {
	for i := range fields {
		if fields[i].held == heldJSON {
			if p := in[json.RawMessage](e, &fields[i]); len(*p) > 0 {
				*p = f(*p)
			}
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
		switch f := &fields[i]; f.held {
		case heldString:
			n = len(*in[string](e, f))
		case heldJSON:
			n = len(*in[json.RawMessage](e, f))
		}
		if n > limit {
			long = append(long, fields[i])
		}
	}
	return long
}

// Clear empties the field of that name.
func (e *Event) Clear(name string) {
	if i, ok := fieldNames[name]; ok {
		fields[i].clear(e)
	}
}

func (f *Field) clear(e *Event) {
	switch f.held {
	case heldString:
		*in[string](e, f) = ""
	case heldJSON:
		*in[json.RawMessage](e, f) = nil
	case heldStrings:
		*in[[]string](e, f) = nil
	case heldTime:
		*in[time.Time](e, f) = time.Time{}
	case heldInt:
		*in[Optional[int64]](e, f) = Optional[int64]{}
	case heldFloat:
		*in[Optional[float64]](e, f) = Optional[float64]{}
	case heldBool:
		*in[Optional[bool]](e, f) = Optional[bool]{}
	}
}
