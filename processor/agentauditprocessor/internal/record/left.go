package record

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Left is what nothing took of the record, as a JSON object, without what is to be ignored.
// It is nil when there is nothing.
func (r *Record) Left(ignore []string) []byte {
	o := objectWriter{}
	leftOf(r.attrs, ignore, &o)
	if r.Log && !r.BodyRead && r.Body.Type() != pcommon.ValueTypeEmpty && !strings.HasSuffix(r.Body.AsString(), r.Name) {
		o.put("body", JSON(r.Body).Raw)
	}
	if list := r.leftEvents(ignore); list != nil {
		o.put("span_events", string(list))
	}
	return o.close()
}

func leftOf(attrs []attr, ignore []string, o *objectWriter) {
	for i := range attrs {
		a := &attrs[i]
		if a.used || ignored(a.key, ignore) || ignored(a.key, secrets) {
			continue
		}
		o.value(a.key, a.val)
	}
}

// leftEvents lists the events of a span that no field took.
func (r *Record) leftEvents(ignore []string) []byte {
	list := []byte{'['}
	for i, ev := range r.Events.All() {
		keys, read := r.eventsRead[i]
		if read && len(keys) == 0 || ignored(ev.Name(), ignore) {
			continue
		}
		t := r.SpanEvent(ev)
		t.Use(keys...)
		o := objectWriter{}
		o.put("name", string(jsontext.AppendString(nil, ev.Name())))
		o.put("timestamp", string(jsontext.AppendString(nil, t.Start.Format(time.RFC3339Nano))))
		attrs := objectWriter{}
		leftOf(t.attrs, ignore, &attrs)
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

// secrets are keys that may hold credentials whatever the dialect.
var secrets = []string{"ai.request.headers.*", "llm.headers", "gen_ai.headers", "http.request.header.*", "http.response.header.*", "process.command_args", "auth.*"}

func ignored(key string, patterns []string) bool {
	for _, p := range patterns {
		if pre, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(key, pre) || key == p {
			return true
		}
	}
	return false
}
