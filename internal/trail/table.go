package trail

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// shown is how many characters of a text a table shows.
const shown = 200

// Table writes the session for a person: one event a line, and below it what was
// said, asked and done. Everything that came from telemetry is made safe for a
// terminal.
func (t *Trail) Table(w io.Writer) error {
	p := &printer{w: w}
	if len(t.Events) == 0 {
		p.line("session %s: no event", termsafe.Line(t.Session))
		return p.err
	}
	first := t.Events[0]
	p.line("session %s · %d events", termsafe.Line(first.SessionID), len(t.Events))
	who := []string{}
	for _, s := range []string{"agent " + first.AgentID, "version " + first.AgentVersion, "user " + first.UserID} {
		if _, v, _ := strings.Cut(s, " "); v != "" {
			who = append(who, termsafe.Short(s, shown))
		}
	}
	p.line("%s", strings.Join(who, " · "))
	p.line("")
	for _, e := range t.Events {
		p.event(e)
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.TrimRight(format, " ")+"\n", args...)
	}
}

// detail writes an indented line, unless there is nothing to say.
func (p *printer) detail(label, text string) {
	if text != "" {
		p.line("    %-10s %s", label, termsafe.Short(text, shown))
	}
}

func (p *printer) event(e *Event) {
	head := []string{e.Timestamp.UTC().Format("15:04:05.000"), fmt.Sprintf("%3d", e.StepNumber.Value), fmt.Sprintf("%-13s", e.EventType)}
	for _, s := range []string{subject(e), status(e), cost(e), marks(e)} {
		if s != "" {
			head = append(head, termsafe.Short(s, shown))
		}
	}
	p.line("%s", strings.Join(head, " "))
	p.detail("user", e.UserMessage)
	p.detail("reasoning", e.Reasoning)
	p.detail("says", e.OutputText)
	p.detail("asks for", requested(e.ToolCallsRequested))
	if e.EventType == semconv.TypeToolCall || e.EventType == semconv.TypeToolResult || e.EventType == semconv.TypeApproval {
		p.detail("input", string(e.ToolInput))
		p.detail("output", string(either(e, func(e *Event) json.RawMessage { return e.ToolOutput })))
	}
	p.detail("reason", strings.TrimSpace(e.ApprovalReason+" "+e.Reason))
	p.detail("query", e.Query)
	p.detail("found", string(e.Documents))
	p.detail("verdict", e.Verdict)
	p.detail("answer", e.FinalOutput)
	p.detail("error", strings.TrimSpace(e.ErrorType+" "+e.Error))
	p.detail("finding", e.Message)
	if e.EventType == semconv.TypeMessage {
		p.detail("message", string(e.InputMessages)+string(e.OutputMessages))
	}
}

// either is a value of the event, else of a layer of it.
func either(e *Event, of func(*Event) json.RawMessage) json.RawMessage {
	if v := of(e); len(v) > 0 {
		return v
	}
	for _, l := range e.Layers {
		if v := of(l); len(v) > 0 {
			return v
		}
	}
	return nil
}

func subject(e *Event) string {
	switch e.EventType {
	case semconv.TypeLLMCall:
		return e.ModelID
	case semconv.TypeToolCall, semconv.TypeToolResult, semconv.TypeApproval:
		return e.ToolName
	case semconv.TypeGuardrail:
		return e.GuardrailName
	case semconv.TypeFinding:
		return e.Rule
	}
	return e.AgentName
}

func status(e *Event) string {
	var s []string
	if e.ApprovalStatus != "" {
		by := first(e.ApproverID, "unknown")
		s = append(s, e.ApprovalStatus+" by "+by)
		if e.ApprovalSource != "" {
			s = append(s, "("+e.ApprovalSource+")")
		}
	}
	if e.EventType == semconv.TypeApproval && e.ApprovalStatus == "" {
		s = append(s, "undecided")
	}
	if e.Outcome != "" {
		s = append(s, e.Outcome)
	}
	return strings.Join(s, " ")
}

func cost(e *Event) string {
	var s []string
	if e.InputTokens.Valid || e.OutputTokens.Valid {
		s = append(s, fmt.Sprintf("%d+%d tokens", e.InputTokens.Value, e.OutputTokens.Value))
	}
	if e.SystemPromptHash != "" && e.EventType == semconv.TypeLLMCall {
		s = append(s, "prompt "+e.SystemPromptHash[:min(16, len(e.SystemPromptHash))])
	}
	return strings.Join(s, " ")
}

// marks says what is not as it should be: so that "no input" never reads as "there
// was none".
func marks(e *Event) string {
	var m []string
	if len(e.MissingFields) > 0 {
		var left []string
		for _, f := range e.MissingFields {
			if !slices.Contains(e.Completed, f) {
				left = append(left, f)
			}
		}
		if len(left) > 0 {
			m = append(m, "missing: "+strings.Join(left, ", "))
		}
	}
	if len(e.DerivedFields) > 0 {
		m = append(m, "derived: "+strings.Join(e.DerivedFields, ", "))
	}
	switch e.ContentState {
	case semconv.ContentWithheld:
		m = append(m, "content withheld at the source")
	case semconv.ContentTruncatedAtSource:
		m = append(m, "content cut at the source")
	case semconv.ContentNotCaptured:
		if len(e.Layers) == 0 {
			m = append(m, "content not captured")
		}
	}
	if len(e.Oversize) > 0 {
		m = append(m, "shortened")
	}
	if n := len(e.Layers); n > 0 {
		m = append(m, fmt.Sprintf("told %d times", n+1))
	}
	if len(m) == 0 {
		return ""
	}
	return "[" + strings.Join(m, "; ") + "]"
}

func requested(raw json.RawMessage) string {
	var calls []struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(raw, &calls) != nil {
		return string(raw)
	}
	var s []string
	for _, c := range calls {
		s = append(s, c.Name+"("+string(c.Arguments)+")")
	}
	return strings.Join(s, ", ")
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
