package dialect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Draft is an audit event in the making, and what the mapping of a whole run needs
// to know of it.
type Draft struct {
	semconv.Event
	Kind    Kind
	Dialect *Dialect
	Record  *record.Record

	Prompt    string         // the system prompt, as text
	Secrets   []string       // every system text on the record, part by part
	UserJSON  string         // the first thing the user said, in what was sent to a model, as a JSON string
	Requested []chat.Call    // the tool calls that a model asked for
	Answers   []chat.Answer  // decisions told inside messages
	Asks      []chat.Asked   // requests for a decision that the record tells of
	Decisions []Decision     // decisions on requests that an earlier run stopped for, in their order
	Of        pcommon.SpanID // the span whose event this completes or belongs to
	Keys      []string       // what else identifies the fact that this event tells of
	Joins     []string       // keys of the event that this one completes, where it is in sight
	Parts     bool           // the outcome stands on other spans: see Part
	Reported  bool           // a refused call has a record of its own, so that the decision need not stand for it
	Frame     func()         // reads what only the frame of a run needs, where the record may be one; may be nil
	EndedBy   string         // a limit that stopped the run: a reason of session_timeout
	Alone     bool           // a single value was unwrapped from tool_input
	Skip      bool           // the record turned out to tell of nothing
	Glue      bool           // a step of a framework that gave no event: it repeats what others tell
	From      []From         // where derived fields are from
	Joined    []*Draft       // the records that completed this one
	Beside    []*Draft       // what else the record tells of, each a thing of its own: see beside

	took        map[string]string // which key gave each field: only where that is asked
	cut, hidden bool              // a part was cut, or withheld, at the source: see State
}

// Decision is what was decided on a request.
type Decision struct {
	Status string // one of approval_status; "" where the word is not known
	Word   string // of the source
	Reason string
	Edited []byte // JSON: the parameters that were put in the place of those asked for
}

// Derive notes that a field was filled by a fallback rather than by the source.
func (e *Draft) Derive(field string) {
	if !e.Derived(field) {
		if e.DerivedFields == nil {
			e.DerivedFields = make([]string, 0, 8)
		}
		e.DerivedFields = append(e.DerivedFields, field)
	}
}

// DeriveFrom is Derive, and says which event the value is from, where one tells it.
func (e *Draft) DeriveFrom(field, event string) {
	e.Derive(field)
	if event != "" {
		if e.From == nil {
			e.From = make([]From, 0, 4)
		}
		e.From = append(e.From, From{field, event})
	}
}

// Underive notes that a field is the source's own after all.
func (e *Draft) Underive(field string) {
	if i := slices.Index(e.DerivedFields, field); i >= 0 {
		e.DerivedFields = slices.Delete(slices.Clone(e.DerivedFields), i, i+1)
	}
}

// From says which event a derived field is from.
type From struct{ Field, Event string }

// Derived reports whether a field was filled by a fallback.
func (e *Draft) Derived(field string) bool { return slices.Contains(e.DerivedFields, field) }

// complete derives what follows from what is there.
func (e *Draft) complete() {
	if e.Kind == Tool || e.Kind == Agent {
		e.Record.Use("gen_ai.operation.name") // the type of the event says it
	}
	if e.Kind == Agent || e.Kind == Chain {
		e.completeRun()
	}
	if e.Kind == Tool && (e.EventType == semconv.TypeToolCall || e.EventType == semconv.TypeToolResult) {
		e.completeTool()
	}
	if e.EventType == semconv.TypeLLMCall && !e.LatencyMS.Valid && !e.EndTimestamp.IsZero() {
		e.LatencyMS = semconv.Some(float64(e.EndTimestamp.Sub(e.Timestamp).Nanoseconds()) / 1e6)
	}
	if len(e.Requested) > 0 && (e.Kind == LLM || e.Kind == Message) {
		e.ToolCallsRequested = listOf(e.Requested)
	}
	if len(e.ToolsAvailable) > 0 && e.EventType == semconv.TypeLLMCall {
		sum := sha256.Sum256(e.ToolsAvailable)
		e.ToolsHash = hex.EncodeToString(sum[:])
	}
	e.references()
	e.secretEvents()
	e.cut = e.cut || e.Record.Dropped
}

func (e *Draft) completeRun() {
	if e.EndedBy == "" {
		e.EndedBy = limit(append([]string{e.Error, e.ErrorType}, e.FinishReasons...)...)
	}
	if e.Kind == Agent && e.FinalOutput == "" && len(e.OutputMessages) > 0 && len(e.Asks) == 0 {
		e.FinalOutput = answerOf(jsontext.Parse(e.OutputMessages))
	}
}

func (e *Draft) completeTool() {
	e.unwrapInput()
	if server, _, ok := strings.Cut(strings.TrimPrefix(e.ToolName, "mcp__"), "__"); ok && e.MCPServer == "" && strings.HasPrefix(e.ToolName, "mcp__") {
		e.MCPServer = server
		e.Derive("mcp_server")
	}
	e.concludeOutcome()
	if !e.ExecutionTimeMS.Valid && !e.EndTimestamp.IsZero() {
		e.ExecutionTimeMS = semconv.Some(float64(e.EndTimestamp.Sub(e.Timestamp).Nanoseconds()) / 1e6)
	}
}

// uploaded are the keys that say where content lies that was uploaded elsewhere, by the field
// that it is of. Source: open-telemetry/opentelemetry-python-contrib,
// util/opentelemetry-util-genai, completion hook.
var uploaded = [...][2]string{
	{"input_messages", "gen_ai.input.messages_ref"},
	{"output_messages", "gen_ai.output.messages_ref"},
	{SystemPrompt, "gen_ai.system_instructions_ref"},
	{"tools_available", "gen_ai.tool.definitions_ref"},
}

// digestName is the name of a file that is called by the digest of what it holds.
var digestName = regexp.MustCompile(`(?:^|/)([0-9a-f]{64})[^/]*$`)

// references reads where content lies that the record has not. The file of a system prompt is
// called by the digest of its text, which is what the hash of a prompt is.
func (e *Draft) references() {
	var refs []byte
	for _, u := range uploaded {
		at := e.Record.TakeText(u[1])
		if at == "" {
			continue
		}
		if refs == nil {
			refs = append(refs, '{')
		} else {
			refs = append(refs, ',')
		}
		refs = jsontext.AppendString(append(jsontext.AppendString(refs, u[0]), ':'), at)
		if m := digestName.FindStringSubmatch(at); m != nil && u[0] == SystemPrompt && e.Prompt == "" && e.SystemPromptHash == "" {
			e.SystemPromptHash = m[1]
		}
	}
	if refs != nil {
		e.ContentRefs = append(refs, '}')
	}
}

// listOf is calls as a JSON list.
func listOf(calls []chat.Call) []byte {
	out := []byte{'['}
	for _, c := range calls {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = c.AppendJSON(out)
	}
	return append(out, ']')
}

// concludeOutcome says of a tool call that it succeeded where its record does, and concludes
// how it ended from a result that came back. Of others nothing is known: a span also ends, and
// well, because the run stopped to ask a person; then what the tool was given is there, and no
// result is.
func (e *Draft) concludeOutcome() {
	if e.Outcome != "" || e.Kind != Tool || len(e.Asks) > 0 {
		return
	}
	r := jsontext.Parse(e.ToolOutput)
	if reason, yes := chat.Refused(r); yes {
		e.Outcome = semconv.OutcomeDenied
		e.Answers = append(e.Answers, chat.Answer{ID: e.ToolCallID, Name: e.ToolName, Reason: reason})
		return
	}
	failed := jsontext.First(r, "isError", "is_error").Bool()
	switch jsontext.Get(r, "status").Str {
	case "error", "failure", "failed":
		failed = true
	}
	switch {
	case failed:
		e.Outcome = semconv.OutcomeError
		e.Derive("outcome")
	case jsontext.Get(r, "error").Type == gjson.String:
		// An error, a refusal, or that a person is asked: in the words of the tool.
	case e.Record.Succeeded && (len(e.ToolOutput) > 0 || len(e.ToolInput) == 0):
		e.Outcome = semconv.OutcomeSuccess
	case len(e.ToolOutput) > 0 && string(e.ToolOutput) != `""`: // which some write for nothing at all
		e.Outcome = semconv.OutcomeSuccess
		e.Derive("outcome")
	}
}

// State is the content_state of an event of the draft. Nobody sets it: it is the first
// that holds of any part of the event, and the application's own word where it gave one.
func (e *Draft) State(ev *semconv.Event) string {
	switch {
	case ev.ContentState != "":
		return ev.ContentState
	case e.cut:
		return semconv.ContentTruncatedAtSource
	case e.hidden:
		return semconv.ContentWithheld
	case len(ev.ContentRefs) > 0:
		return semconv.ContentByReference
	case ev.EventType != semconv.TypeLLMCall && ev.EventType != semconv.TypeToolCall:
		return ""
	case len(ev.InputMessages) > 0, len(ev.OutputMessages) > 0, ev.OutputText != "", len(ev.ToolInput) > 0, len(ev.ToolOutput) > 0:
		return semconv.ContentPresent
	}
	return semconv.ContentNotCaptured
}

// Complete takes over what another record of the same thing knows beside its fields.
func (e *Draft) Complete(from *Draft) {
	e.Prompt, e.UserJSON = cmp.Or(e.Prompt, from.Prompt), cmp.Or(e.UserJSON, from.UserJSON)
	e.Secrets = append(e.Secrets, from.Secrets...)
	e.cut, e.hidden = e.cut || from.cut, e.hidden || from.hidden
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

// Rest is the content object of an event of the draft whose leaves are known: what of the
// record is in none of them.
func (e *Draft) Rest(leaves *jsontext.Leaves) []byte { return e.Record.Rest(e.Dialect.Ignore, leaves) }
