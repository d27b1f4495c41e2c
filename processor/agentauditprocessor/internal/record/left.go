package record

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Ignored is a key, or the name of an event of a span, that is not kept under content, and
// why not. A final * stands for any rest.
type Ignored [2]string

// Rest is the content object of an event: what nothing took of the record, and what of that
// which was taken is not among the leaves, which are those of the event. Nothing is in
// neither: a reader that took a value and could not read it loses nothing. It is nil when
// there is nothing.
func (r *Record) Rest(ignore []Ignored, leaves *jsontext.Leaves) []byte {
	w := restWriter{ignore: ignore, leaves: leaves}
	o := objectWriter{}
	w.attributes(r.attrs, &o)
	w.body(r, &o)
	if list := w.events(r); list != nil {
		o.put("span_events", string(list))
	}
	if list := w.links(r); list != nil {
		o.put("links", string(list))
	}
	if r.StatusText != "" && !leaves.HasText(r.StatusText) && !chat.Withheld(r.StatusText) {
		o.put("status_message", JSONString(r.StatusText))
	}
	if r.SentEnd > 0 {
		o.put("sent_end_timestamp", JSONString(strconv.FormatUint(r.SentEnd, 10)))
	}
	if all := r.of.around(); all != "" {
		o.put("resource", all)
	}
	return o.close()
}

// JSONString is a text as a JSON string.
func JSONString(s string) string { return string(jsontext.AppendString(nil, s)) }

type restWriter struct {
	ignore []Ignored
	leaves *jsontext.Leaves
}

func (w *restWriter) attributes(attrs []attr, o *objectWriter) {
	for i := range attrs {
		a := &attrs[i]
		if ignored(a.key, w.ignore) || ignored(a.key, secrets) {
			continue
		}
		if !a.used {
			o.value(a.key, a.val)
		} else if ignored(a.key, routed) || shapeOf(a) {
			continue
		} else if raw, ok := w.unknown(a.val); ok {
			o.put(a.key, raw)
		}
	}
}

// shapeOf reports whether an attribute only names the shape of a message that is told in
// several keys.
func shapeOf(a *attr) bool {
	return (strings.HasSuffix(a.key, ".role") || strings.HasSuffix(a.key, ".type")) && a.val.Type() == pcommon.ValueTypeStr && len(a.val.Str()) < 40 && strings.IndexByte(a.val.Str(), ' ') < 0
}

// unknown is what of a value that was taken is in no field.
func (w *restWriter) unknown(v pcommon.Value) (raw string, ok bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		if s == "" || (s[0] == '{' || s[0] == '[') && w.leaves.HasAll(s) {
			return "", false
		}
		if chat.Withheld(s) || w.leaves.HasText(s) {
			return "", false
		}
		raw = JSON(v).Raw
	case pcommon.ValueTypeEmpty:
		return "", false
	default:
		raw = string(semconv.AppendValue(nil, v))
		if w.leaves.HasAll(raw) {
			return "", false
		}
	}
	whole := chat.IsSystem
	if !chat.MaybeSystem(raw) {
		whole = nil
	}
	out, ok := w.leaves.AppendUnknown(nil, raw, whole)
	return string(out), ok
}

func (w *restWriter) body(r *Record, o *objectWriter) {
	switch {
	case !r.Log || r.BodyTold || r.Body.Type() == pcommon.ValueTypeEmpty || strings.HasSuffix(r.Body.AsString(), r.Name) && r.Name != "" && !r.named:
	case !r.BodyRead:
		o.put("body", JSON(r.Body).Raw)
	default:
		if raw, ok := w.unknown(r.Body); ok {
			o.put("body", raw)
		}
	}
}

// events lists what is left of the events of a span.
func (w *restWriter) events(r *Record) []byte {
	list := []byte{'['}
	for i, ev := range r.Events.All() {
		keys, read := r.eventsRead[i]
		if ignored(ev.Name(), w.ignore) || r.eventsTold[i] {
			continue
		}
		t := r.SpanEvent(ev)
		if read && len(keys) == 0 {
			for i := range t.attrs {
				t.attrs[i].used = true
			}
		}
		t.Use(keys...)
		o := objectWriter{}
		o.put("name", JSONString(ev.Name()))
		if !t.Start.IsZero() {
			o.put("timestamp", JSONString(t.Start.Format(time.RFC3339Nano)))
		}
		attrs := objectWriter{}
		w.attributes(t.attrs, &attrs)
		if a := attrs.close(); a != nil {
			o.put("attributes", string(a))
		} else if read {
			continue
		}
		list = jsontext.AppendElement(list, string(o.close()))
	}
	if len(list) == 1 {
		return nil
	}
	return append(list, ']')
}

// links lists the spans that a span names beside its parent.
func (w *restWriter) links(r *Record) []byte {
	if r.Links.Len() == 0 {
		return nil
	}
	list := []byte{'['}
	for _, l := range r.Links.All() {
		o := objectWriter{}
		o.put("trace_id", JSONString(l.TraceID().String()))
		o.put("span_id", JSONString(l.SpanID().String()))
		if l.Attributes().Len() > 0 {
			attrs := objectWriter{}
			for k, v := range l.Attributes().All() {
				attrs.value(k, v)
			}
			o.put("attributes", string(attrs.close()))
		}
		list = jsontext.AppendElement(list, string(o.close()))
	}
	return append(list, ']')
}

// ofMachine are the attributes of resources that say what runs the program, and of the
// fields: they are not kept with every event.
var ofMachine = []Ignored{
	{"service.*", "source, agent_version"},
	{"telemetry.*", "the SDK"},
	{"process.*", "the machine"},
	{"host.*", "the machine"},
	{"os.*", "the machine"},
	{"container.*", "the machine"},
	{"session.id", "session_id"},
	{"gen_ai.*", "the identity of the agent"},
	{"enduser.*", "user_id"},
	{"user.*", "user_id"},
}

// longID is from how many bytes on an id is no longer itself in the field that has it.
const longID = 256

// around is what the resource and the scope say that no field has, as JSON.
func (s *Scope) around() string {
	if s.left == nil {
		o := objectWriter{}
		for k, v := range s.Resource.All() {
			if (!ignored(k, ofMachine) || len(v.AsString()) > longID) && !ignored(k, secrets) && v.Type() != pcommon.ValueTypeEmpty {
				o.value(k, v)
			}
		}
		if s.attrs.Len() > 0 {
			attrs := objectWriter{}
			for k, v := range s.attrs.All() {
				attrs.value(k, v)
			}
			o.put("scope", string(attrs.close()))
		}
		text := string(o.close())
		s.left = &text
	}
	return *s.left
}

// objectWriter writes a JSON object whose keys differ.
type objectWriter struct {
	out  []byte
	keys jsontext.Keys
}

// key begins a member.
func (o *objectWriter) key(key string) {
	if o.out == nil {
		o.out = append(make([]byte, 0, 128), '{')
	} else {
		o.out = append(o.out, ',')
	}
	o.out = append(jsontext.AppendString(o.out, o.keys.Add(key)), ':')
}

func (o *objectWriter) put(key, raw string) {
	o.key(key)
	o.out = append(o.out, raw...)
}

// value is put for an attribute.
func (o *objectWriter) value(key string, v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeStr {
		o.put(key, JSON(v).Raw)
		return
	}
	o.key(key)
	o.out = semconv.AppendValue(o.out, v)
}

// close ends the object; it is nil where there is nothing in it.
func (o *objectWriter) close() []byte {
	if o.out == nil {
		return nil
	}
	return append(o.out, '}')
}

// routed are keys that say what a record is: where they were read, the event says it.
var routed = []Ignored{
	{"gen_ai.operation.name", "the event type"}, {"event.name", "the record's name"}, {"event_name", "the record's name"}, {"event.timestamp", "timestamp"}, {"audit.event_type", "event_type"},
}

// secrets are keys that may hold credentials whatever the dialect.
var secrets = []Ignored{
	{"ai.request.headers.*", "may hold credentials"},
	{"llm.headers", "may hold credentials"},
	{"gen_ai.headers", "may hold credentials"},
	{"http.request.header.*", "may hold credentials"},
	{"http.response.header.*", "may hold credentials"},
	{"process.command_args", "may hold credentials"},
	{"auth.*", "may hold credentials"},
}

func ignored(key string, patterns []Ignored) bool {
	for i := range patterns {
		p := patterns[i][0]
		if pre, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(key, pre) || key == p {
			return true
		}
	}
	return false
}

// IgnoredBy reports whether a key is one of those, or may hold credentials.
func IgnoredBy(list []Ignored, key string) bool {
	return ignored(key, list) || ignored(key, routed) || ignored(key, secrets)
}

// OfMachine reports whether an attribute of a resource is left out of content.
func OfMachine(key string) bool { return ignored(key, ofMachine) || ignored(key, secrets) }
