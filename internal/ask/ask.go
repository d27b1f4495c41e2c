// Package ask answers the five questions of an auditor about a session, from its events:
//
//  1. What reasoning led to each action?
//  2. Which tool ran, with which parameters; was it what the model asked for, and what was approved?
//  3. Did it agree with the system prompt?
//  4. Was there an instruction in what the agent read?
//  5. Did a human approve it, who, when, before or after?
//
// Each is taken apart into statements of which events say yes or no. What they do not say cannot
// be known: then the fields are named that were not captured, and what makes the library of the
// agent send them. Nothing is guessed: neither no from what is not there, nor yes from what is
// like it.
package ask

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/values"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Answer is what the events say to a statement.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "cannot be known"
)

// Missing is a field that would tell, and was not captured.
type Missing struct {
	Field   string `json:"field"`
	Event   string `json:"event,omitempty"`   // that lacks it
	Setting string `json:"setting,omitempty"` // makes the library send it; "" where none is known
}

// Statement is one thing that is asked, with its answer.
type Statement struct {
	Asks    string    `json:"asks"` // one of the names below
	Answer  Answer    `json:"answer"`
	Says    string    `json:"says"`              // the answer in words
	Quote   string    `json:"quote,omitempty"`   // of the agent's telemetry
	Events  []string  `json:"events,omitempty"`  // that say so
	Missing []Missing `json:"missing,omitempty"` // where it cannot be known
}

// What statements ask.
const (
	AsksReasoning   = "reasoning"    // is the reasoning known that led to the action
	AsksParameters  = "parameters"   // are its parameters known
	AsksRan         = "ran"          // did it run
	AsksRequested   = "as requested" // were they what the model asked for
	AsksApprovedAs  = "as approved"  // were they what was approved
	AsksPrompt      = "prompt"       // is the hash of the system prompt known that was in force
	AsksPromptSame  = "one prompt"   // was it the same for all of the agent's model calls
	AsksPromptText  = "prompt text"  // is the text kept
	AsksAgreement   = "agreement"    // does the action agree with it
	AsksInstruction = "instruction"  // was an instruction found in what the agent read
	AsksCameBack    = "came back"    // did a value of what it read come back in this call
	AsksHuman       = "human"        // did a human approve the action
	AsksBefore      = "before"       // before it began
)

// Action is a tool call of a session, and what is answered about it.
type Action struct {
	Event      string      `json:"event"`
	Tool       string      `json:"tool"`
	Agent      string      `json:"agent,omitempty"`
	At         string      `json:"at"`
	Input      string      `json:"input,omitempty"`
	Statements []Statement `json:"statements"`

	e     *trail.Event
	w     *semconv.Event // with what its layers tell
	place int
}

// Answers are the answers about a session.
type Answers struct {
	Session string      `json:"session"`
	Events  int         `json:"events"`
	Actions []*Action   `json:"actions"`
	Whole   []Statement `json:"statements"` // about the session
}

// Asker says what is known beside the events.
type Asker struct {
	// Setting names what makes the library of a dialect send a field, "" where none is known.
	Setting func(dialect, field string) string
	// Prompt is the stored text of a system prompt by its hash; ok is false where none is kept.
	Prompt func(hash string) (text string, ok bool, err error)
}

// asking is one session that is asked about.
type asking struct {
	*Asker
	t        *trail.Trail
	whole    []*semconv.Event // of t.Events, with what their layers tell
	flow     *values.Flow
	requests []request
}

// Ask answers about a session.
func (a *Asker) Ask(t *trail.Trail) (*Answers, error) {
	q := &asking{Asker: a, t: t, flow: values.Of(t, nil)}
	out := &Answers{Session: t.Session, Events: len(t.Events), Actions: []*Action{}, Whole: []Statement{}}
	for i, e := range t.Events {
		w := trail.Complete(e)
		q.whole = append(q.whole, w)
		q.ask(i, e, w)
		if w.EventType == semconv.TypeToolCall || w.EventType == semconv.TypeToolResult {
			out.Actions = append(out.Actions, &Action{
				Event: e.EventID, Tool: w.ToolName, Agent: trail.Agent(w), At: w.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
				Input: string(w.ToolInput), Statements: []Statement{}, e: e, w: w, place: i,
			})
		}
	}
	for _, x := range out.Actions {
		say := func(s ...Statement) { x.Statements = append(x.Statements, s...) }
		r, why := q.request(x, out.Actions)
		say(q.reasoning(x, r, why))
		say(q.parameters(x), q.ran(x), q.asRequested(x, r, why))
		approvals, ambiguous := q.approvals(x)
		say(q.asApproved(x, approvals, ambiguous))
		say(q.prompt(x, r, why))
		say(q.cameBack(x, r, why))
		human, decision := q.human(x, approvals, ambiguous)
		if say(human); human.Answer == Yes {
			say(q.before(x, decision))
		}
	}
	prompts, err := q.prompts()
	if err != nil {
		return nil, err
	}
	out.Whole = append(out.Whole, prompts...)
	out.Whole = append(out.Whole, q.instruction())
	return out, nil
}

// lacks is a field that an event lacks, with the setting of the event's library. also are fields
// that hold it, whose setting captures it where the event has none of them.
func (q *asking) lacks(e *trail.Event, field string, also ...string) Missing {
	m := Missing{Field: field, Event: e.EventID}
	if q.Setting == nil {
		return m
	}
	also = slices.DeleteFunc(also, trail.Complete(e).Has)
	for _, t := range append([]*trail.Event{e}, e.Layers...) {
		for _, f := range append([]string{field}, also...) {
			if m.Setting == "" {
				m.Setting = q.Setting(dialect(t.Source), f)
			}
		}
	}
	return m
}

// ids are the ids of events, each once.
func ids(events ...*trail.Event) (list []string) {
	for _, e := range events {
		if e != nil && !slices.Contains(list, e.EventID) {
			list = append(list, e.EventID)
		}
	}
	return list
}
