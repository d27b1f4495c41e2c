package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Record is one span or log record as a dialect reads it. It remembers which
// attributes were read, so that what no field took is kept under content.
type Record struct {
	Log          bool
	Name         string // of the span, or of the log event
	Scope        string
	ScopeVersion string
	Service      string
	Instance     string // service.instance.id
	Resource     pcommon.Map
	TraceID      pcommon.TraceID
	SpanID       pcommon.SpanID
	ParentID     pcommon.SpanID
	Start, End   time.Time // zero where what was sent cannot be a time
	SentTime     string    // what was sent in the place of Start, where that is so
	SentEnd      uint64    // what was sent as the end, where it is before the start
	Failed       bool      // span status ERROR, or a log record of severity ERROR or worse
	Succeeded    bool      // span status OK
	Dropped      bool      // the sender says that it dropped attributes or events of the span
	StatusText   string    // the status message
	Exception    Exception
	Events       ptrace.SpanEventSlice // of a span
	Links        ptrace.SpanLinkSlice  // likewise
	OfSpan       bool                  // an event of a span, read as a log record
	Body         pcommon.Value         // of a log record

	of         *Scope
	attrs      []attr
	marks      uint64         // keyMark of every key
	begins     uint64         // prefixMark of every key
	index      map[string]int // of the attributes by key, where they are many
	BodyRead   bool
	BodyTold   bool // all of the body is in fields: it is text of a grammar that no walk of leaves knows
	distrusted bool
	eventsRead map[int][]string // by the index in Events: which keys; nil is all of them
	eventsTold map[int]bool
	named      bool // after its body, which is not left out then
}

// Exception is what an exception event says.
type Exception struct{ Type, Message, Stack string }

type attr struct {
	key    string
	val    pcommon.Value
	used   bool
	hidden bool // not to be found: it comes after another of its key, or is not trusted
}

// Scope is what all records of one instrumentation scope share.
type Scope struct {
	Resource      pcommon.Map
	Name, Version string
	Service       string
	Instance      string

	identity [5]string // what FromResource gives, in the order of fromResource
	workload string
	sources  map[origin][]byte
	attrs    pcommon.Map // of the scope
	left     *string     // see around
}

var noEvents, noLinks = ptrace.NewSpanEventSlice(), ptrace.NewSpanLinkSlice()

// origin is what the sources of a scope's records differ in.
type origin struct{ dialect, signal string }

// NewScope reads the resource and the scope once for their records.
func NewScope(res pcommon.Resource, scope pcommon.InstrumentationScope) *Scope {
	s := &Scope{Resource: res.Attributes(), Name: scope.Name(), Version: scope.Version(), attrs: scope.Attributes()}
	if v, ok := s.Resource.Get("service.name"); ok {
		s.Service = v.AsString()
	}
	s.Instance = AttrText(s.Resource, "service.instance.id")
	for i, of := range fromResource {
		for _, key := range of.keys {
			s.identity[i] = cmp.Or(s.identity[i], AttrText(s.Resource, key))
		}
	}
	s.workload = cmp.Or(s.fromResource("agent_id"), s.Service)
	s.sources = map[origin][]byte{}
	return s
}

// Span makes the record of a span.
func (s *Scope) Span(span ptrace.Span) *Record {
	r := s.record(span.Attributes())
	r.Name = span.Name()
	r.TraceID, r.SpanID, r.ParentID = span.TraceID(), span.SpanID(), span.ParentSpanID()
	r.Start, r.SentTime = timeOf(span.StartTimestamp())
	r.End, _ = timeOf(span.EndTimestamp())
	if r.End.Before(r.Start) {
		r.End, r.SentEnd = r.Start, uint64(span.EndTimestamp())
	}
	r.Failed = span.Status().Code() == ptrace.StatusCodeError
	r.Dropped = span.DroppedAttributesCount() > 0 || span.DroppedEventsCount() > 0
	r.Succeeded = span.Status().Code() == ptrace.StatusCodeOk
	r.StatusText = span.Status().Message()
	r.Events, r.Links = span.Events(), span.Links()
	last := -1
	for i, e := range r.Events.All() {
		if e.Name() == "exception" {
			r.Exception = Exception{AttrText(e.Attributes(), "exception.type"), AttrText(e.Attributes(), "exception.message"), AttrText(e.Attributes(), "exception.stacktrace")}
			last = i
		}
	}
	if last >= 0 {
		r.ReadEvent(last, "exception.type", "exception.message", "exception.stacktrace", "exception.escaped")
	}
	return r
}

// TellEvent marks an event of a span as one that has an audit event of its own.
func (r *Record) TellEvent(i int) {
	if r.eventsTold == nil {
		r.eventsTold = map[int]bool{}
	}
	r.eventsTold[i] = true
}

// ReadEvent marks keys of an event of a span as read, or all where none is named.
func (r *Record) ReadEvent(i int, keys ...string) {
	if r.eventsRead == nil {
		r.eventsRead = map[int][]string{}
	}
	r.eventsRead[i] = keys
}

// SpanEvent makes a record of an event of a span, as of a log record of the span.
func (r *Record) SpanEvent(ev ptrace.SpanEvent) *Record {
	t := r.of.record(ev.Attributes())
	t.Log, t.OfSpan = true, true
	t.Name = ev.Name()
	t.TraceID, t.SpanID = r.TraceID, r.SpanID
	if t.Start, _ = timeOf(ev.Timestamp()); t.Start.IsZero() {
		t.Start = r.Start
	}
	t.Events, t.Links = noEvents, noLinks
	t.Body = pcommon.NewValueEmpty()
	if r.distrusted {
		t.Distrust()
	}
	return t
}

// Within is a record of something that this one tells of beside itself: it has no attributes,
// and the time of this one.
func (r *Record) Within() *Record {
	t := r.of.record(pcommon.NewMap())
	t.Log, t.OfSpan = true, true
	t.Name, t.TraceID, t.SpanID, t.Start, t.End = r.Name, r.TraceID, r.SpanID, r.Start, r.End
	t.Events, t.Links = noEvents, noLinks
	t.Body = pcommon.NewValueEmpty()
	return t
}

// LogRecord makes the record of a log record. Its time is the record's, else the
// event.timestamp attribute, else when it was observed; its name the event name,
// else what stands in its place.
func (s *Scope) LogRecord(lr plog.LogRecord) *Record {
	r := s.record(lr.Attributes())
	r.Log = true
	r.TraceID, r.SpanID = lr.TraceID(), lr.SpanID()
	r.Dropped = lr.DroppedAttributesCount() > 0
	r.Failed = lr.SeverityNumber() >= plog.SeverityNumberError
	r.Body = lr.Body()
	r.Events, r.Links = noEvents, noLinks
	r.Name = lr.EventName()
	for _, key := range []string{"event.name", "event_name"} {
		// Where both are set, a name with a space or a colon is a call site, not a name.
		if v := r.Text(key); v != "" && (r.Name == "" || strings.ContainsAny(r.Name, " :")) {
			r.Name = v
			r.Use(key)
		}
	}
	if b := r.Body; r.Name == "" && b.Type() == pcommon.ValueTypeMap {
		r.Name = AttrText(b.Map(), "event.name")
	}
	if b := r.Body; r.Name == "" && b.Type() == pcommon.ValueTypeStr && len(b.Str()) < 128 && !strings.ContainsAny(b.Str(), " {[\"\n") {
		r.Name, r.named = b.Str(), true
	}
	switch t, err := time.Parse(time.RFC3339Nano, r.Text("event.timestamp")); {
	case lr.Timestamp() != 0:
		r.Start, r.SentTime = timeOf(lr.Timestamp())
	case err == nil:
		r.Start = t.UTC()
	default:
		r.Start, r.SentTime = timeOf(lr.ObservedTimestamp())
	}
	r.Use("event.timestamp")
	return r
}

func (s *Scope) record(m pcommon.Map) *Record {
	r := &Record{of: s, Scope: s.Name, ScopeVersion: s.Version, Service: s.Service, Instance: s.Instance, Resource: s.Resource}
	r.attrs = make([]attr, 0, m.Len())
	if m.Len() > manyAttrs {
		r.index = make(map[string]int, m.Len())
	}
	for k, v := range m.All() {
		// The empty value is absent; of a key that comes twice the first counts, the
		// other stays what it is: content.
		if v.Type() == pcommon.ValueTypeEmpty {
			continue
		}
		dup := r.find(k) != nil
		if r.index != nil && !dup {
			r.index[k] = len(r.attrs)
		}
		r.marks |= KeyMark(k)
		r.begins |= prefixMark(k)
		r.attrs = append(r.attrs, attr{key: k, val: v, hidden: dup})
	}
	return r
}

// manyAttrs is how many attributes are searched one by one.
const manyAttrs = 48

// KeyMark is one bit of 64 that says something of a key: keys whose marks differ do.
func KeyMark(key string) uint64 {
	if key == "" {
		return 1
	}
	return 1 << ((uint(len(key))*5 + uint(key[len(key)-1])) % 64)
}

// prefixMark is one bit of 64 that says something of what a key of two bytes or more
// begins with.
func prefixMark(key string) uint64 {
	if len(key) < 2 {
		return 0
	}
	return 1 << ((uint(key[0])*11 + uint(key[1])) % 64)
}

// find is the attribute of that key, or nil. Most keys that a dialect asks for are not
// there, and most of these are told by their mark alone.
func (r *Record) find(key string) *attr {
	if r.marks&KeyMark(key) == 0 {
		return nil
	}
	if r.index != nil {
		if i, ok := r.index[key]; ok && !r.attrs[i].hidden {
			return &r.attrs[i]
		}
		return nil
	}
	for i := range r.attrs {
		if a := &r.attrs[i]; a.key == key && !a.hidden {
			return a
		}
	}
	return nil
}

// Distrust takes the audit.* attributes of the record for content, which anybody who
// can reach the receiver may have written.
func (r *Record) Distrust() {
	r.distrusted = true
	for i := range r.attrs {
		if strings.HasPrefix(r.attrs[i].key, "audit.") {
			r.attrs[i].hidden = true
		}
	}
}

// Distrusted reports whether audit.* attributes are taken for content.
func (r *Record) Distrusted() bool { return r.distrusted }

// Get is the attribute of that key.
func (r *Record) Get(key string) (pcommon.Value, bool) {
	if a := r.find(key); a != nil {
		return a.val, true
	}
	return pcommon.Value{}, false
}

// Has reports whether there is an attribute of that key.
func (r *Record) Has(key string) bool { return r.find(key) != nil }

// All are the attributes of the record, in their order.
func (r *Record) All() iter.Seq2[string, pcommon.Value] {
	return func(yield func(string, pcommon.Value) bool) {
		for i := range r.attrs {
			if a := &r.attrs[i]; !a.hidden && !yield(a.key, a.val) {
				return
			}
		}
	}
}

// HasAny reports whether one of the keys is there.
func (r *Record) HasAny(keys []string) bool {
	for _, k := range keys {
		if r.find(k) != nil {
			return true
		}
	}
	return false
}

// Text is an attribute as text, "" when absent; it does not count as read.
func (r *Record) Text(key string) string {
	if v, ok := r.Get(key); ok {
		return v.AsString()
	}
	return ""
}

// Use marks attributes as read.
func (r *Record) Use(keys ...string) {
	for _, k := range keys {
		if a := r.find(k); a != nil {
			a.used = true
		}
	}
}

// Take is the first of the keys that holds something, which counts as read, and so
// do the others where they say the same.
func (r *Record) Take(keys ...string) (pcommon.Value, bool) {
	var got pcommon.Value
	found := false
	for _, k := range keys {
		v, ok := r.Get(k)
		if !ok || v.Type() == pcommon.ValueTypeStr && v.Str() == "" {
			continue
		}
		if !found {
			got, found = v, true
			r.Use(k)
		} else if v.Equal(got) {
			r.Use(k)
		}
	}
	return got, found
}

// First is the first of the keys that holds something.
func (r *Record) First(keys ...string) string {
	for _, k := range keys {
		if v, ok := r.Get(k); ok && (v.Type() != pcommon.ValueTypeStr || v.Str() != "") {
			return k
		}
	}
	return ""
}

// TakeText is take for text.
func (r *Record) TakeText(keys ...string) string {
	if v, ok := r.Take(keys...); ok {
		return v.AsString()
	}
	return ""
}

// HasPrefix reports whether a key begins so, with two bytes or more.
func (r *Record) HasPrefix(prefix string) bool {
	if r.begins&prefixMark(prefix) == 0 {
		return false
	}
	for i := range r.attrs {
		if strings.HasPrefix(r.attrs[i].key, prefix) {
			return true
		}
	}
	return false
}

// AttrText is an attribute as text, "" when absent.
func AttrText(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return v.AsString()
	}
	return ""
}

// Source says where a record that a dialect reads came from, as the JSON of the field,
// which is shared and not to be written to.
func (r *Record) Source(dialectName string) []byte {
	of := origin{dialectName, "traces"}
	if r.Log && !r.OfSpan {
		of.signal = "logs"
	}
	if text, ok := r.of.sources[of]; ok {
		return text
	}
	out := []byte{'{'}
	for _, m := range [][2]string{
		{"dialect", of.dialect},
		{"scope", r.Scope},
		{"scope_version", r.ScopeVersion},
		{"service", r.Service},
		{"service_version", AttrText(r.Resource, "service.version")},
		{"signal", of.signal},
	} {
		if m[1] == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(jsontext.AppendString(out, m[0]), ':')
		out = jsontext.AppendString(out, m[1])
	}
	out = append(out, '}')
	r.of.sources[of] = out
	return out
}

// Fingerprint is a digest of what the record says, for records that share all else.
func (r *Record) Fingerprint() string {
	h := sha256.New()
	var buf []byte
	for i := range r.attrs {
		buf = jsontext.AppendString(buf[:0], r.attrs[i].key)
		buf = semconv.AppendValue(append(buf, ':'), r.attrs[i].val)
		h.Write(buf)
	}
	if r.Body != (pcommon.Value{}) {
		h.Write(semconv.AppendValue(buf[:0], r.Body))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Claims calls f with each audit.* attribute that may decide, by the name of its field;
// where f takes it, it counts as read.
func (r *Record) Claims(f func(field string, v pcommon.Value) bool) {
	if r.distrusted {
		return
	}
	for i := range r.attrs {
		a := &r.attrs[i]
		if field, ok := strings.CutPrefix(a.key, "audit."); ok && field != "event_type" {
			a.used = a.used || f(field, a.val)
		}
	}
}

// Unread are the attributes of the record that were not read, in their order.
func (r *Record) Unread() iter.Seq2[string, pcommon.Value] {
	return func(yield func(string, pcommon.Value) bool) {
		for i := range r.attrs {
			if a := &r.attrs[i]; !a.hidden && !a.used && !yield(a.key, a.val) {
				return
			}
		}
	}
}

// UnreadEvents calls f with each event of the span of which nothing was read.
func (r *Record) UnreadEvents(f func(ptrace.SpanEvent)) {
	for i, ev := range r.Events.All() {
		if _, read := r.eventsRead[i]; !read {
			f(ev)
		}
	}
}

// MayHave reports whether one of the keys that the marks are of may be there.
func (r *Record) MayHave(marks uint64) bool { return r.marks&marks != 0 }

// Before and after these there was no telemetry of agents.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// timeOf is a time that was sent; where it cannot be one, zero and what was sent.
func timeOf(ts pcommon.Timestamp) (t time.Time, sent string) {
	if ts < 1<<63 {
		if t = ts.AsTime(); t.After(earliest) && t.Before(latest) {
			return t, ""
		}
	}
	return time.Time{}, strconv.FormatUint(uint64(ts), 10)
}
