package dialect

import (
	"encoding/json"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Explanation says how one record is read, before it is joined with others of its run.
type Explanation struct {
	Dialect, Title string           // of the dialect that reads it; empty where none does
	Type           string           // the event type; step where it is kept as it is, empty where it gives no event
	RecognisedBy   []string         // keys without which another dialect, or none, would read it
	Fields         []Origin         // in the order of the schema
	LeftOut        []record.Ignored // keys that are in no event, and why
	Kept           []string         // keys that are in no field: they are under content
}

// Origin is a field with the keys that gave it; without a key it follows from other fields.
type Origin struct {
	Field string
	Keys  []string
}

// Explain explains a record. make gives it anew, without one attribute, one kind of event of
// its span ("event NAME") or the body of its log; with "" whole. What a key gave is what is
// otherwise without it.
func Explain(make func(without string) *record.Record) Explanation {
	r := make("")
	d := Detect(r)
	if d == nil {
		return Explanation{}
	}
	whole := &Draft{took: map[string]string{}}
	d.into(r, whole)
	x := Explanation{Dialect: d.Name, Title: d.Title, Type: string(whole.EventType)}
	values := whole.values()
	gave, lost := map[string][]string{}, map[string][]string{}
	for _, key := range keysOfRecord(r) {
		without := make(key)
		if Detect(without) != d {
			x.RecognisedBy = append(x.RecognisedBy, key)
			if !d.Match(without) {
				continue
			}
		}
		e := d.Map(without)
		of := gave
		if e.EventType != whole.EventType { // of another type all else may be different
			gave["event_type"] = append(gave["event_type"], key)
			of = lost
		}
		left := e.values()
		for field, value := range values {
			if left[field] != value {
				of[field] = append(of[field], key)
			}
		}
	}
	for field, keys := range lost {
		if len(gave[field]) == 0 && whole.took[field] == "" {
			gave[field] = keys
		}
	}
	for field, key := range whole.took { // told twice: neither is missed
		if len(gave[field]) == 0 {
			gave[field] = []string{key}
		}
	}
	used := map[string]bool{}
	for _, name := range fieldNames() {
		if _, has := values[name]; has || len(gave[name]) > 0 {
			x.Fields = append(x.Fields, Origin{name, gave[name]})
			for _, key := range gave[name] {
				used[key] = true
			}
		}
	}
	x.rest(r, d, used)
	return x
}

// rest sorts the keys that gave no field.
func (x *Explanation) rest(r *record.Record, d *Dialect, used map[string]bool) {
	for _, key := range keysOfRecord(r) {
		if used[key] {
			continue
		}
		if i := slices.IndexFunc(d.Ignore, func(i record.Ignored) bool { return record.IgnoredBy([]record.Ignored{i}, key) }); i >= 0 {
			x.LeftOut = append(x.LeftOut, record.Ignored{key, d.Ignore[i][1]})
		} else if record.IgnoredBy(nil, key) {
			x.LeftOut = append(x.LeftOut, record.Ignored{key, "says what the record is, or may hold credentials"})
		} else {
			x.Kept = append(x.Kept, key)
		}
	}
}

// keysOfRecord are the attributes, events and the body of a record.
func keysOfRecord(r *record.Record) (keys []string) {
	for key := range r.All() {
		keys = append(keys, key)
	}
	for _, ev := range r.Events.All() {
		if key := "event " + ev.Name(); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if r.Body != (pcommon.Value{}) && r.Body.Type() != pcommon.ValueTypeEmpty {
		keys = append(keys, "body")
	}
	return keys
}

func fieldNames() (names []string) {
	for _, f := range semconv.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// ofTheRecord are fields that every event has from the record's own frame, not its keys.
var ofTheRecord = []string{"schema_version", "event_id", "event_type", "timestamp", "end_timestamp", "recorded_at", "trace_id", "span_id", "parent_span_id", "source", "derived_fields", "missing_fields", "content", "latency_ms", "execution_time_ms"}

// values are the fields of a draft as JSON, and what the run makes fields of.
func (e *Draft) values() map[string]string {
	span := ptrace.NewSpan()
	span.SetTraceID(pcommon.TraceID{1})
	ev := e.Event
	if ev.EventType == "" {
		ev.EventType = semconv.TypeStep
	}
	semconv.WriteSpan(&ev, span)
	line, _, err := semconv.AppendSpan(nil, span)
	all := map[string]json.RawMessage{}
	if err != nil || json.Unmarshal(line, &all) != nil {
		return nil
	}
	out := map[string]string{}
	for name, value := range all {
		if !slices.Contains(ofTheRecord, name) {
			out[name] = string(value)
		}
	}
	if e.Prompt != "" {
		out["system_prompt_hash"] = e.Prompt
	}
	if len(e.Asks)+len(e.Answers)+len(e.Decisions) > 0 {
		var b strings.Builder
		for _, a := range e.Asks {
			b.WriteString(a.Name + a.ID + a.Reason)
		}
		for _, a := range e.Answers {
			b.WriteString(a.Name + a.CallID + a.ID + a.Reason)
		}
		for _, d := range e.Decisions {
			b.WriteString(d.Word + d.Reason)
		}
		out["approval_status"] = b.String()
	}
	return out
}
