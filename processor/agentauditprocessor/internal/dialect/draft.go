package dialect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

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
		return e.SetJSON(field, jsontext.Bytes(record.JSON(v).Raw))
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
	e.input(ReadMessages(record.JSON(v), "user"))
	return len(e.InputMessages) > 0
}

// asOutput reads messages that a model answered.
func asOutput(e *Draft, v pcommon.Value) bool {
	e.output(ReadMessages(record.JSON(v), "assistant"))
	return len(e.OutputMessages) > 0
}

// asSystem reads a system prompt: text, or a list of parts or messages.
func asSystem(e *Draft, v pcommon.Value) bool {
	e.system(record.JSON(v))
	return e.Prompt != ""
}

func (e *Draft) system(v gjson.Result) {
	if v.Type == gjson.String {
		e.Prompt = v.Str
		e.Secrets = append(e.Secrets, v.Str)
		return
	}
	w := &writer{c: &Conversation{}, role: "system"}
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
	e.UserJSON = cmp.Or(e.UserJSON, c.user)
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
	list := record.JSON(v)
	out := []byte{'['}
	list.ForEach(func(_, t gjson.Result) bool {
		out = jsontext.AppendElement(out, jsontext.OpenString(t).Raw)
		return true
	})
	return e.SetJSON("tools_available", append(out, ']'))
}

// failure reads the status, the exception and error.type.
func (e *Draft) failure() {
	r := e.Record
	errType := r.TakeText("error.type")
	if !r.Failed && r.Exception == (record.Exception{}) && errType == "" {
		return
	}
	e.Error = cmp.Or(e.Error, r.StatusText, r.Exception.Message, r.TakeText("error.message"), errType, r.Exception.Type, "error")
	e.ErrorType = cmp.Or(e.ErrorType, errType, r.Exception.Type)
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

// complete derives what follows from what is there.
func (e *Draft) complete() {
	if e.Kind == Tool || e.Kind == Agent {
		e.Record.Use("gen_ai.operation.name") // the type of the event says it
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
	e.Record.UnreadEvents(func(ev ptrace.SpanEvent) {
		if name := ev.Name(); name != "gen_ai.system.message" && name != "gen_ai.system.instructions" {
			return
		}
		other := &Draft{}
		for _, key := range []string{"content", "gen_ai.event.content"} {
			if v, ok := ev.Attributes().Get(key); ok {
				other.system(record.JSON(v))
			}
		}
		e.Secrets = append(e.Secrets, other.Secrets...)
	})
}

// override applies the audit.* attributes that the application set itself.
func (e *Draft) override() {
	e.Record.Claims(func(field string, v pcommon.Value) bool { return e.Set(field, v) })
}

// Leftover is the content object: what no field took, and what is not to be ignored.
// It is nil when there is nothing.
func (e *Draft) Leftover() []byte { return e.Record.Left(e.Dialect.Ignore) }
