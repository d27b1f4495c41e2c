package trail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// shown is how many characters of a text a table shows.
const shown = 200

const (
	dayFormat  = "2006-01-02"
	timeFormat = "15:04:05.000"
)

// Look is how a table is written.
type Look struct {
	terminal.Terminal
	Full   bool // whole texts, their line breaks as line breaks
	ByTime bool // in the order of the agents' clocks, not of the steps of runs
}

// Table writes the session for a person: one event a line, and below it what was
// said, asked and done. Times are UTC. Everything that came from telemetry is made
// safe for a terminal.
func (t *Trail) Table(w io.Writer, look Look) error {
	p := &printer{w: w, look: look, told: map[string]bool{}}
	if len(t.Events) == 0 {
		p.line("session %s: no event", termsafe.Line(t.Session))
		return p.err
	}
	// The order is that of runs and their steps: a root that ended last has the last step.
	byTime := func(a, b *Event) int { return a.Timestamp.Compare(b.Timestamp) }
	first, last := slices.MinFunc(t.Events, byTime), slices.MaxFunc(t.Events, byTime)
	sessions := t.distinct(func(e *Event) string { return e.SessionID })
	what := "session " + strings.Join(sessions, ", ")
	if !slices.Contains(sessions, t.Session) {
		what = "run " + t.Session + " of " + what
	}
	p.day = first.Timestamp.UTC().Format(dayFormat)
	end := last.Timestamp.UTC().Format(timeFormat)
	if d := last.Timestamp.UTC().Format(dayFormat); d != p.day {
		end = d + " " + end
	}
	p.line("%s · %d events · %s %s to %s UTC", termsafe.Short(what, shown), len(t.Events), p.day, first.Timestamp.UTC().Format(timeFormat), end)
	agents := t.distinct(func(e *Event) string { return e.AgentID })
	p.agents = len(agents) > 1
	var who []string
	for _, f := range []struct {
		label  string
		values []string
	}{
		{"agent", agents},
		{"version", t.distinct(func(e *Event) string { return e.AgentVersion })},
		{"user", t.distinct(func(e *Event) string { return e.UserID })},
	} {
		if len(f.values) > 0 {
			who = append(who, f.label+" "+termsafe.Short(strings.Join(f.values, ", "), shown))
		}
	}
	p.line("%s", strings.Join(who, " · "))
	p.line("")
	runs := t.distinct(runOf)
	p.senders = t.senders()
	p.day = t.Events[0].Timestamp.UTC().Format(dayFormat)
	if p.day != first.Timestamp.UTC().Format(dayFormat) {
		p.line("%s", p.day)
	}
	events := t.Events
	if look.ByTime {
		events = slices.SortedStableFunc(slices.Values(t.Events), byTime)
	}
	for _, e := range events {
		if run := runOf(e); len(runs) > 1 && run != p.run {
			p.run = run
			p.line("%s", termsafe.Short(run, shown))
		}
		p.event(e)
	}
	p.legend()
	return p.err
}

// legend says what the marks mean that were used.
func (p *printer) legend() {
	if p.marked {
		p.line("")
		p.line("~ a field was filled by a fallback or from the run; --full names it")
	}
}

// runOf is the run whose number the step of an event is.
func runOf(e *Event) string {
	if e.RunID == "" {
		return "no run"
	}
	return "run " + e.RunID
}

// senders are the runs that several tell of: each counts its own steps.
func (t *Trail) senders() map[string]bool {
	several, first := map[string]bool{}, map[string]string{}
	for _, e := range t.Events {
		if of, ok := first[e.RunID]; ok && of != string(e.Sender) {
			several[e.RunID] = true
		} else if !ok {
			first[e.RunID] = string(e.Sender)
		}
	}
	return several
}

// distinct lists what the events have, each once, in their order.
func (t *Trail) distinct(of func(*Event) string) []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, e := range t.Events {
		if v := of(e); !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	return list
}

type printer struct {
	w       io.Writer
	look    Look
	marked  bool // a mark was used that the legend explains
	err     error
	day     string          // of the event before
	run     string          // of the event before, where there are several
	senders map[string]bool // runs that several tell of
	agents  bool            // more than one agent: each event names its own
	told    map[string]bool // what the table shows already, by run
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.TrimRight(format, " ")+"\n", args...)
	}
}

// detail writes an indented line, unless there is nothing to say.
func (p *printer) detail(label, text string) {
	if text == "" {
		return
	}
	const indent = 15
	label = p.look.Paint("2", fmt.Sprintf("%-10s", label))
	switch {
	case p.look.Full:
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if i > 0 {
				label = fmt.Sprintf("%-10s", "")
			}
			p.line("    %s %s", label, termsafe.Line(line))
		}
	case p.look.Width > indent:
		p.line("    %s %s", label, termsafe.Fit(text, min(p.look.Width-indent, shown)))
	default:
		p.line("    %s %s", label, termsafe.Short(text, shown))
	}
}

// value is a JSON value as it is shown: a text as it is where texts are shown whole.
func (p *printer) value(raw json.RawMessage) string {
	if p.look.Full && len(raw) > 0 && raw[0] == '"' {
		return plain(raw)
	}
	return string(raw)
}

// once reports whether a text is new to the run.
func (p *printer) once(e *semconv.Event, text string) bool {
	k := e.RunID + "\x00" + text
	before := p.told[k]
	p.told[k] = true
	return !before
}

func (p *printer) event(ev *Event) {
	e := Complete(ev)
	if d := e.Timestamp.UTC().Format(dayFormat); d != p.day {
		p.day = d
		p.line("%s", d)
	}
	step := ""
	if e.StepNumber.Valid {
		step = fmt.Sprint(e.StepNumber.Value)
	}
	head := []string{e.Timestamp.UTC().Format(timeFormat), fmt.Sprintf("%3s", step), fmt.Sprintf("%-13s", e.EventType)}
	for _, s := range []string{p.subject(e), Status(e), cost(e), p.marks(ev)} {
		if s != "" {
			head = append(head, termsafe.Short(s, shown))
		}
	}
	p.heads(strings.TrimRight(strings.Join(head, " "), " "), e)

	p.detail("user", e.UserMessage)
	p.once(e, e.UserMessage)
	switch e.EventType {
	case semconv.TypeLLMCall:
		// What a model is given is the whole conversation again; the newest of it is shown,
		// where the trail does not show it as what a user said or a tool gave.
		if in := Given(ev); len(in) > 0 && p.once(e, in[len(in)-1].Text) {
			p.detail("given", in[len(in)-1].String())
		}
	case semconv.TypeMessage:
		for _, m := range append(Conversation(e.InputMessages), Conversation(e.OutputMessages)...) {
			p.detail("message", m.String())
			p.once(e, m.Text)
		}
	case semconv.TypeToolCall, semconv.TypeToolResult, semconv.TypeApproval:
		p.detail("input", p.value(e.ToolInput))
		p.detail("output", p.value(e.ToolOutput))
		p.once(e, plain(e.ToolOutput))
	}
	if e.EventType != semconv.TypeMessage {
		p.detail("reasoning", e.Reasoning)
		p.detail("says", e.OutputText)
		p.detail("asks for", requested(e.ToolCallsRequested))
	}
	p.detail("reason", strings.TrimSpace(e.ApprovalReason+" "+e.Reason))
	if e.EventType == semconv.TypeApproval || e.EventType == semconv.TypeIntervention || p.senders[e.RunID] {
		p.detail("sent by", string(e.Sender))
	}
	p.detail("query", e.Query)
	p.detail("found", string(e.Documents))
	p.detail("verdict", e.Verdict)
	p.detail("answer", e.FinalOutput)
	p.detail("error", strings.TrimSpace(e.ErrorType+" "+e.Error))
	p.detail("finding", e.Message)
	p.detail("about", strings.Join(e.Evidence, " "))
	p.detail("also told", string(e.Alternates))
}

// heads writes the line of an event, and what does not fit below it.
func (p *printer) heads(text string, e *semconv.Event) {
	colour := map[string]string{semconv.OutcomeError: "31", semconv.OutcomeDenied: "33", semconv.OutcomeBlocked: "33"}[e.Outcome]
	const indent, least = 17, 40
	width := max(p.look.Width, least)
	if p.look.Width <= 0 || termsafe.Cells(text) <= width {
		p.line("%s", p.look.Paint(colour, text))
		return
	}
	first, rest := termsafe.Split(text, width)
	p.line("%s", p.look.Paint(colour, first))
	for _, line := range termsafe.Wrap(rest, width-indent) {
		p.line("%s%s", strings.Repeat(" ", indent), p.look.Paint(colour, line))
	}
}

// Complete is an event with what it lacks from its layers and messages.
func Complete(ev *Event) *semconv.Event {
	e := *ev.Event
	for name, l := range resolve.Filled(&e, ev.View().Layers) {
		semconv.FieldNamed(name).Copy(&e, l.Event)
	}
	for _, o := range ev.Messages {
		for _, f := range []struct{ have, other *string }{
			{&e.UserMessage, &o.UserMessage}, {&e.Reasoning, &o.Reasoning}, {&e.OutputText, &o.OutputText},
		} {
			*f.have = cmp.Or(*f.have, *f.other)
		}
		if len(e.ToolCallsRequested) == 0 {
			e.ToolCallsRequested = o.ToolCallsRequested
		}
	}
	return &e
}

// Given is what a model call was given: by itself, else by a layer of it, else by the
// messages that were reported apart.
func Given(ev *Event) []Message {
	for _, e := range append([]*Event{ev}, ev.Layers...) {
		if list := Conversation(e.InputMessages); len(list) > 0 {
			return list
		}
	}
	var list []Message
	for _, m := range ev.Messages {
		list = append(list, Conversation(m.InputMessages)...)
	}
	return list
}

// subject is Subject, with whose event it is where there are several agents.
func (p *printer) subject(e *semconv.Event) string {
	s, agent := Subject(e), Agent(e)
	if p.agents && agent != "" && s != agent {
		return agent + ": " + s
	}
	return s
}

// Agent is the agent of an event by its name, or else by its id.
func Agent(e *semconv.Event) string { return cmp.Or(e.AgentName, e.AgentID) }

// Subject is what an event is about: which model, which tool, who.
func Subject(e *semconv.Event) string {
	var s string
	switch e.EventType {
	case semconv.TypeLLMCall:
		s = cmp.Or(e.ModelID, e.ResponseModelID)
	case semconv.TypeToolCall, semconv.TypeToolResult, semconv.TypeApproval:
		s = e.ToolName
		if e.MCPServer != "" {
			s += " at " + e.MCPServer
		}
	case semconv.TypeRetrieval:
		s = e.DataSource
	case semconv.TypeGuardrail:
		s = e.GuardrailName
	case semconv.TypeIntervention:
		s = e.ActorID
	case semconv.TypeFinding:
		s = strings.TrimSpace(e.Severity + " " + e.Rule)
	case semconv.TypeHandoff:
		s = e.FromAgent + " to " + e.ToAgent
	case semconv.TypeMCPRequest:
		s = strings.TrimSpace(e.MCPMethod + " of " + e.MCPServer)
	default:
		return Agent(e)
	}
	return s
}

// Status is what was decided and how it came out.
func Status(e *semconv.Event) string {
	var s []string
	switch {
	case e.ApprovalStatus == semconv.ApprovalPending && e.ApproverID == "":
		s = append(s, e.ApprovalStatus)
	case e.ApprovalStatus != "":
		s = append(s, e.ApprovalStatus+" by "+cmp.Or(e.ApproverID, "unknown"))
	case e.EventType == semconv.TypeApproval:
		s = append(s, "undecided")
	case e.RequiresApproval.Value:
		s = append(s, "needs approval, none told")
	}
	if e.ApprovalStatus != "" && e.ApprovalSource != "" {
		s = append(s, "("+e.ApprovalSource+")")
	}
	if e.Outcome != "" {
		s = append(s, e.Outcome)
	}
	return strings.Join(s, " ")
}

func cost(e *semconv.Event) string {
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
func (p *printer) marks(e *Event) string {
	var m []string
	mark := func(label string, fields []string) {
		// What the run completed is neither missing nor a fallback any more.
		fields = slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return e.Get(f) != "" })
		if len(fields) > 0 {
			m = append(m, label+": "+strings.Join(fields, ", "))
		}
	}
	mark("missing", e.MissingFields)
	filled := len(e.Fields) > 0 ||
		slices.ContainsFunc(e.DerivedFields, func(f string) bool { return e.Get(f) == "" })
	if p.look.Full {
		mark("derived", e.DerivedFields)
	}
	var given []string
	for _, f := range e.Fields {
		given = append(given, f.Name)
	}
	slices.Sort(given)
	if len(given) > 0 && p.look.Full {
		m = append(m, "from the run: "+strings.Join(given, ", "))
	}
	for _, c := range e.Conflicts {
		m = append(m, "the run says of "+c.Name+": "+termsafe.Short(strings.Join(c.Values, " or "), shown))
	}
	for _, x := range e.Errata {
		m = append(m, "may be wrong: "+cmp.Or(x.Field, "text")+" ("+x.ID+")")
	}
	switch e.ContentState {
	case semconv.ContentWithheld:
		m = append(m, "content withheld at the source")
	case semconv.ContentTruncatedAtSource:
		m = append(m, "content cut at the source")
	case semconv.ContentNotCaptured:
		if len(e.Layers)+len(e.Messages) == 0 {
			m = append(m, "content not captured")
		}
	}
	if len(e.Oversize) > 0 {
		m = append(m, e.shortenedMark())
	}
	if n := len(e.Layers); n > 0 {
		m = append(m, fmt.Sprintf("told %d times", n+1))
	}
	text := ""
	if filled && !p.look.Full {
		text, p.marked = "~", true
	}
	if len(m) > 0 {
		text = strings.TrimSpace(text + " [" + strings.Join(m, "; ") + "]")
	}
	return text
}

// requested is the tool calls that a model asked for, as a person writes calls.
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
