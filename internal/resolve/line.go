package resolve

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Layer is an event that tells of the same thing as another, with its line as sealed.
type Layer struct {
	*semconv.Event
	Line []byte
}

// identity are the fields that stay those of the event itself, whatever its layers tell: which
// event it is, whose, where it comes from, and what is said of its own record.
var identity = map[string]bool{
	"schema_version": true, "event_id": true, "event_type": true, "timestamp": true, "end_timestamp": true,
	"recorded_at": true, "sent_timestamp": true, "session_id": true, "run_id": true, "step_number": true,
	"parent_event_id": true, "agent_id": true, "agent_name": true, "agent_version": true, "agent_instance_id": true,
	"parent_agent_id": true, "user_id": true, "content": true, "trace_id": true, "span_id": true, "parent_span_id": true,
	"source": true, "missing_fields": true, "derived_fields": true, "derived_from": true, "event_problems": true,
	"oversize": true, "layer_of": true, "alternates": true, "content_state": true, "content_refs": true,
	"content_at": true, "masked_fields": true, "sender": true, "retention": true,
}

// Filled are the fields that an event has not and a layer of it tells, by name, with the layer;
// those of which a layer tells the same and more, as of a call's input; and those that a layer
// derived from its own record, where no layer says them. A layer of another service is named,
// and fills nothing: nobody's words are put into another's mouth.
func Filled(e *semconv.Event, layers []Layer) map[string]*Layer {
	filled := map[string]*Layer{}
	for _, derived := range []bool{false, true} {
		for i := range layers {
			l := &layers[i]
			if l.EventType != e.EventType || service(l.Source) != service(e.Source) {
				continue
			}
			from := members(l.DerivedFrom)
			for _, f := range semconv.Fields() {
				if identity[f.Name] || filled[f.Name] != nil || !l.Has(f.Name) || from[f.Name] != nil ||
					slices.Contains(l.DerivedFields, f.Name) != derived || e.Has(f.Name) && (derived || !more(&f, l.Event, e)) {
					continue
				}
				filled[f.Name] = l
			}
		}
	}
	return filled
}

// more reports whether an object that a holds has all members of b's, and others.
func more(f *semconv.Field, a, b *semconv.Event) bool {
	if f.Kind != semconv.KindAny && f.Kind != semconv.KindObject {
		return false
	}
	one, _ := a.Text(f.Name)
	other, _ := b.Text(f.Name)
	x, y := members([]byte(one)), members([]byte(other))
	if y == nil || len(x) <= len(y) {
		return false
	}
	for name, value := range y {
		if !bytes.Equal(x[name], value) {
			return false
		}
	}
	return true
}

// Place is where a line is sealed.
type Place struct {
	Log    string `json:"log"`
	Object string `json:"object"`
	Line   int    `json:"line"` // from 1
}

// notes are what a reader says of an event beside its fields.
type notes struct {
	ResolvedFields []string            `json:"resolved_fields,omitempty"`
	ResolvedFrom   map[string]string   `json:"resolved_from,omitempty"` // an event that says so, by field
	Conflicts      map[string][]string `json:"conflicts,omitempty"`
	More           map[string]int      `json:"conflicts_more,omitempty"` // values beyond maxFrom, by field
	Errata         []noted             `json:"errata,omitempty"`
	Layers         []string            `json:"layers,omitempty"`  // ids of events
	Doubles        int                 `json:"doubles,omitempty"` // further lines that tell the same
}

type noted struct {
	ID    string `json:"id"`
	Field string `json:"field,omitempty"`
	Says  string `json:"says"`
}

// View is an event with all that a reader shows of it.
type View struct {
	*Resolution
	Event   *semconv.Event // as sealed
	Line    []byte         // as sealed
	Errata  []Erratum
	Layers  []Layer
	Doubles int
	Place   Place
}

// AppendResolved appends the event as Resolved, with the notes behind its own fields, and in
// sealed where its line is.
func (v *View) AppendResolved(dst []byte) []byte {
	line, n := v.resolved()
	dst = append(dst, line[:len(line)-1]...)
	for _, o := range []any{n, struct {
		Sealed Place `json:"sealed"`
	}{v.Place}} {
		if text := marshal(o); len(text) > len(`{}`) {
			dst = append(append(dst, ','), text[1:len(text)-1]...)
		}
	}
	return append(dst, '}')
}

// Resolved is the line of the event with what others say of it in place: what its run gives,
// and what its layers tell and it does not. It is a line of the schema, and was never sealed.
// Notes are what there is to know beside: resolved_fields, which are no longer among the
// missing or derived ones, resolved_from, conflicts,
// conflicts_more, errata, layers and doubles.
func (v *View) Resolved() (line []byte, notes map[string]json.RawMessage) {
	line, n := v.resolved()
	return line, members(marshal(n))
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("bad notes: " + err.Error()) // they are texts and numbers
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (v *View) resolved() (line []byte, n *notes) {
	n = &notes{Doubles: v.Doubles}
	values := map[string][]byte{}
	give := func(name string, value []byte, from string) {
		values[name] = value
		if n.ResolvedFrom == nil {
			n.ResolvedFrom = map[string]string{}
		}
		n.ResolvedFrom[name] = from
	}
	for _, f := range v.Fields {
		give(f.Name, semconv.Text(f.Value), f.From[0])
	}
	oversize, derived := map[string]json.RawMessage{}, []string(nil)
	for name, l := range Filled(v.Event, v.Layers) {
		if values[name] != nil {
			continue
		}
		fields := members(l.Line)
		give(name, fields[name], l.EventID)
		if cut := members(l.Oversize)[name]; cut != nil {
			oversize[name] = cut
		}
		if slices.Contains(l.DerivedFields, name) {
			derived = append(derived, name)
		}
	}
	n.ResolvedFields = slices.Sorted(maps.Keys(values))
	for _, l := range v.Layers {
		n.Layers = append(n.Layers, l.EventID)
	}
	for _, c := range v.Conflicts {
		if n.Conflicts == nil {
			n.Conflicts = map[string][]string{}
		}
		n.Conflicts[c.Name] = c.Values[:min(len(c.Values), maxFrom)]
		if more := len(c.Values) - maxFrom; more > 0 {
			if n.More == nil {
				n.More = map[string]int{}
			}
			n.More[c.Name] = more
		}
	}
	for _, x := range v.Errata {
		n.Errata = append(n.Errata, noted{x.ID, x.Field, x.Says})
	}
	return v.withValues(values, derived, oversize), n
}

// withValues is the line with values in place, in the order of the schema. Those of derived stay
// marked as that.
func (v *View) withValues(values map[string][]byte, derived []string, oversize map[string]json.RawMessage) []byte {
	if len(values) == 0 {
		return v.Line
	}
	fields := members(v.Line)
	for name, value := range values {
		fields[name] = value
	}
	left := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(f string) bool { return values[f] != nil })
	}
	for name, list := range map[string][]string{
		"missing_fields": left(v.Event.MissingFields), "derived_fields": append(left(v.Event.DerivedFields), derived...),
	} {
		delete(fields, name)
		if len(list) > 0 {
			slices.Sort(list)
			fields[name] = marshal(list)
		}
	}
	if len(oversize) > 0 {
		maps.Copy(oversize, members(fields["oversize"]))
		fields["oversize"] = marshal(oversize)
	}
	line := []byte{'{'}
	for _, f := range semconv.Fields() {
		if value := fields[f.Name]; value != nil {
			if len(line) > 1 {
				line = append(line, ',')
			}
			line = append(append(jsontext.AppendString(line, f.Name), ':'), value...)
		}
	}
	return append(line, '}')
}

// members are the members of a JSON object; nil for what is none.
func members(object []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return nil
	}
	return m
}
