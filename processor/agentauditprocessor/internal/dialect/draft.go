package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// keep puts attributes back among what no field took.
func (r *Record) keep(keys ...string) {
	for _, k := range keys {
		if a := r.find(k); a != nil {
			a.used = false
		}
	}
}

// Derive notes that a field was filled by a fallback rather than by the source.
func (e *Draft) Derive(field string) {
	if !e.Derived(field) {
		e.DerivedFields = append(e.DerivedFields, field)
	}
}

// Derived reports whether a field was filled by a fallback.
func (e *Draft) Derived(field string) bool { return slices.Contains(e.DerivedFields, field) }

// asJSON sets a field that holds JSON, opening JSON that was sent as a string.
func asJSON(field string) Decoder {
	return func(e *Draft, v pcommon.Value) bool {
		if v.Type() == pcommon.ValueTypeStr && cutAtSource(v.Str()) {
			e.ContentState = semconv.ContentTruncatedAtSource
		}
		return e.SetJSON(field, jsontext.Bytes(valueJSON(v).Raw))
	}
}

// asSeconds sets a field in milliseconds from seconds.
func asSeconds(field string) Decoder {
	return func(e *Draft, v pcommon.Value) bool {
		x, ok := semconv.ParseFloat(v.AsString())
		return ok && e.Set(field, pcommon.NewValueDouble(x*1000))
	}
}

// asInput reads messages that were sent to a model.
func asInput(e *Draft, v pcommon.Value) bool {
	if v.Type() == pcommon.ValueTypeStr && cutAtSource(v.Str()) {
		e.ContentState = semconv.ContentTruncatedAtSource
	}
	e.input(ReadMessages(valueJSON(v), "user"))
	return len(e.InputMessages) > 0
}

// asOutput reads messages that a model answered.
func asOutput(e *Draft, v pcommon.Value) bool {
	e.output(ReadMessages(valueJSON(v), "assistant"))
	return len(e.OutputMessages) > 0
}

// asSystem reads a system prompt: text, or a list of parts or messages.
func asSystem(e *Draft, v pcommon.Value) bool {
	e.system(valueJSON(v))
	return e.Prompt != ""
}

func (e *Draft) system(v gjson.Result) {
	if v.Type == gjson.String {
		e.Prompt = v.Str
		e.Secrets = append(e.Secrets, v.Str)
		return
	}
	w := &messageWriter{c: &Conversation{}, role: "system"}
	if p := jsontext.Get(v, "0"); v.IsArray() && (jsontext.Get(p, "role").Exists() || jsontext.Get(p, "parts").Exists()) {
		w.list(v, "system", 0)
	} else {
		w.content(v)
	}
	e.Prompt = strings.Join(w.c.System, "\n")
	e.Secrets = append(e.Secrets, w.c.System...)
}

func (e *Draft) input(c *Conversation) {
	e.InputMessages = c.JSON
	e.UserJSON = first(e.UserJSON, c.user)
	e.Secrets = append(e.Secrets, c.System...)
	if e.Prompt == "" {
		e.Prompt = strings.Join(c.System, "\n")
	}
	if e.UserMessage == "" && (e.Kind == Agent || e.Kind == Chain || e.Kind == Start) {
		e.UserMessage = c.User()
	}
	e.Answers = append(e.Answers, c.Approvals...)
	if c.Withheld {
		e.ContentState = semconv.ContentWithheld
	}
}

func (e *Draft) output(c *Conversation) {
	e.OutputMessages = c.JSON
	e.OutputText = c.Text()
	e.Reasoning = c.Reasoning()
	e.Requested = c.Calls
	e.Asks = append(e.Asks, c.Asks...)
	if len(e.FinishReasons) == 0 {
		e.FinishReasons = c.Finish
	}
	if c.Withheld {
		e.ContentState = semconv.ContentWithheld
	}
}

// asTools reads the tools that were offered, in whatever shape; a list of JSON
// texts is a list of JSON.
func asTools(e *Draft, v pcommon.Value) bool {
	list := valueJSON(v)
	out := []byte{'['}
	list.ForEach(func(_, t gjson.Result) bool {
		out = appendElement(out, jsontext.OpenString(t).Raw)
		return true
	})
	return e.SetJSON("tools_available", append(out, ']'))
}

func appendElement(out []byte, raw string) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	return append(out, raw...)
}

// failure reads the status, the exception and error.type.
func (e *Draft) failure() {
	r := e.Record
	errType := r.takeText("error.type")
	if !r.Failed && r.Exception == (Exception{}) && errType == "" {
		return
	}
	e.Error = first(e.Error, r.StatusText, r.Exception.Message, r.takeText("error.message"), errType, r.Exception.Type, "error")
	e.ErrorType = first(e.ErrorType, errType, r.Exception.Type)
	e.Stack = r.Exception.Stack
	if e.Outcome == "" {
		e.Outcome = semconv.OutcomeError
	}
}

// limits are the words by which frameworks say that a run was stopped.
var limits = []struct {
	reason string
	words  *regexp.Regexp
}{
	{"max_iterations", regexp.MustCompile(`(?i)recursion.?limit|max(imum)?[ _]?(number of )?(turns|iterations|steps)|(turn|iteration|step)s? limit`)},
	{"deadline", regexp.MustCompile(`(?i)deadline[ _]?exceeded|execution timed? ?out|run timed? ?out|max(imum)? execution time`)},
}

// limit is the reason of session_timeout that an error of a run stands for, or "".
func limit(texts ...string) string {
	for _, t := range texts {
		for _, l := range limits {
			if l.words.MatchString(t[:min(len(t), 2000)]) {
				return l.reason
			}
		}
	}
	return ""
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// complete derives what follows from what is there.
func (e *Draft) complete() {
	if e.Kind == Tool || e.Kind == Agent {
		e.Record.use("gen_ai.operation.name") // the type of the event says it
	}
	if (e.Kind == Agent || e.Kind == Chain) && e.EndedBy == "" {
		e.EndedBy = limit(append([]string{e.Error, e.ErrorType}, e.FinishReasons...)...)
	}
	if e.EventType == semconv.TypeToolCall && e.Kind == Tool {
		if e.Outcome == "" {
			e.Outcome = semconv.OutcomeSuccess
		}
		if !e.ExecutionTimeMS.Valid && !e.EndTimestamp.IsZero() {
			e.ExecutionTimeMS = semconv.Some(float64(e.EndTimestamp.Sub(e.Timestamp).Nanoseconds()) / 1e6)
		}
	}
	if e.EventType == semconv.TypeLLMCall && !e.LatencyMS.Valid && !e.EndTimestamp.IsZero() {
		e.LatencyMS = semconv.Some(float64(e.EndTimestamp.Sub(e.Timestamp).Nanoseconds()) / 1e6)
	}
	if len(e.Requested) > 0 && (e.Kind == LLM || e.Kind == Message) {
		out := []byte{'['}
		for _, c := range e.Requested {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = appendCall(append(out, '{'), c.ID, c.Name, c.Arguments)
		}
		e.ToolCallsRequested = append(out, ']')
	}
	if len(e.ToolsAvailable) > 0 && e.EventType == semconv.TypeLLMCall {
		sum := sha256.Sum256(e.ToolsAvailable)
		e.ToolsHash = hex.EncodeToString(sum[:])
	}
	e.secretEvents()
	if e.ContentState == "" && (e.EventType == semconv.TypeLLMCall || e.EventType == semconv.TypeToolCall) {
		e.ContentState = semconv.ContentNotCaptured
		if len(e.InputMessages) > 0 || len(e.OutputMessages) > 0 || e.OutputText != "" || len(e.ToolInput) > 0 || len(e.ToolOutput) > 0 {
			e.ContentState = semconv.ContentPresent
		}
	}
}

// secretEvents finds system prompts in the events of a span that no field took, which
// are kept as content.
func (e *Draft) secretEvents() {
	for i, ev := range e.Record.Events.All() {
		if _, read := e.Record.eventsRead[i]; read {
			continue
		}
		if name := ev.Name(); name != "gen_ai.system.message" && name != "gen_ai.system.instructions" {
			continue
		}
		other := &Draft{}
		for _, key := range []string{"content", "gen_ai.event.content"} {
			if v, ok := ev.Attributes().Get(key); ok {
				other.system(valueJSON(v))
			}
		}
		e.Secrets = append(e.Secrets, other.Secrets...)
	}
}

// override applies the audit.* attributes that the application set itself.
func (e *Draft) override() {
	if e.Record.distrusted {
		return
	}
	for i := range e.Record.attrs {
		a := &e.Record.attrs[i]
		if field, ok := strings.CutPrefix(a.key, "audit."); ok && field != "event_type" {
			a.used = a.used || e.Set(field, a.val)
		}
	}
}

// Leftover is the content object: what no field took, and what is not to be ignored.
// It is nil when there is nothing.
func (e *Draft) Leftover() []byte {
	r := e.Record
	o := objectWriter{}
	e.leftover(r.attrs, &o)
	if r.Log && !r.bodyRead && r.Body.Type() != pcommon.ValueTypeEmpty && !strings.HasSuffix(r.Body.AsString(), r.Name) {
		o.put("body", valueJSON(r.Body).Raw)
	}
	if list := e.leftoverEvents(); list != nil {
		o.put("span_events", string(list))
	}
	return o.close()
}

func (e *Draft) leftover(attrs []attr, o *objectWriter) {
	for i := range attrs {
		a := &attrs[i]
		if a.used || ignored(a.key, e.Dialect.Ignore) || ignored(a.key, secrets) {
			continue
		}
		o.value(a.key, a.val)
	}
}

// leftoverEvents lists the events of a span that no field took.
func (e *Draft) leftoverEvents() []byte {
	list := []byte{'['}
	for i, ev := range e.Record.Events.All() {
		keys, read := e.Record.eventsRead[i]
		if read && len(keys) == 0 || ignored(ev.Name(), e.Dialect.Ignore) {
			continue
		}
		t := e.Record.spanEvent(ev)
		t.use(keys...)
		o := objectWriter{}
		o.put("name", string(jsontext.AppendString(nil, ev.Name())))
		o.put("timestamp", string(jsontext.AppendString(nil, t.Start.Format(time.RFC3339Nano))))
		attrs := objectWriter{}
		e.leftover(t.attrs, &attrs)
		if a := attrs.close(); a != nil {
			o.put("attributes", string(a))
		} else if read {
			continue
		}
		list = appendElement(list, string(o.close()))
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
		o.put(key, valueJSON(v).Raw)
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
