package ask

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/search"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/values"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// noRequest says of an action that it is not known which request of a model led to it.
const noRequest = "it is not known which model call asked for it"

func unknown(asks, says string, missing ...Missing) Statement {
	return Statement{Asks: asks, Answer: Unknown, Says: says, Missing: missing}
}

func (q *asking) reasoning(x *Action, r *request, why []Missing) Statement {
	switch {
	case r == nil:
		return unknown(AsksReasoning, noRequest, why...)
	case r.whole.Reasoning != "":
		return Statement{
			Asks: AsksReasoning, Answer: Yes, Says: "the model call that asked for it tells its reasoning",
			Quote: r.whole.Reasoning, Events: ids(r.event, x.e),
		}
	case r.whole.ReasoningTokens.Valid && r.whole.ReasoningTokens.Value == 0:
		return Statement{
			Asks: AsksReasoning, Answer: No, Says: "the model call that asked for it had 0 tokens of reasoning", Events: ids(r.event, x.e),
		}
	}
	s := unknown(AsksReasoning, "the model call that asked for it tells no reasoning: it had none, or it was not captured",
		q.lacks(r.event, "reasoning", "output_messages"))
	s.Events = ids(r.event, x.e)
	return s
}

func (q *asking) parameters(x *Action) Statement {
	switch {
	case len(x.w.ToolInput) == 0:
		s := unknown(AsksParameters, "the parameters of "+named(x.w.ToolName)+" were not captured", q.lacks(x.e, "tool_input"))
		s.Events = ids(x.e)
		return s
	case values.Cut(x.w, "tool_input"):
		return Statement{
			Asks: AsksParameters, Answer: Unknown, Says: "only a part of the parameters is in the line", Quote: string(x.w.ToolInput),
			Events: ids(x.e), Missing: []Missing{{Field: "tool_input", Event: x.e.EventID, Setting: "agentaudit trail -o json shows full texts"}},
		}
	}
	return Statement{Asks: AsksParameters, Answer: Yes, Says: named(x.w.ToolName) + " with", Quote: string(x.w.ToolInput), Events: ids(x.e)}
}

func named(tool string) string { return cmp.Or(tool, "a tool without a name") }

func (q *asking) ran(x *Action) Statement {
	s := Statement{Asks: AsksRan, Events: ids(x.e)}
	switch x.w.Outcome {
	case semconv.OutcomeSuccess:
		s.Answer, s.Says = Yes, "it ran, and succeeded"
	case semconv.OutcomeError:
		s.Answer, s.Says = Unknown, "it failed: whether it had an effect before that is not told"
		s.Quote = strings.TrimSpace(x.w.ErrorType + " " + x.w.Error)
	case semconv.OutcomeDenied:
		s.Answer, s.Says = No, "it was refused, and did not run"
	default:
		s.Answer, s.Says, s.Missing = Unknown, "how it ended is not told", []Missing{q.lacks(x.e, "outcome")}
	}
	return s
}

func (q *asking) asRequested(x *Action, r *request, why []Missing) Statement {
	switch {
	case r == nil:
		return unknown(AsksRequested, noRequest, why...)
	case len(r.Arguments) == 0:
		return unknown(AsksRequested, "the parameters that the model asked for were not captured",
			q.lacks(r.event, "tool_calls_requested", "output_messages"))
	}
	if s := q.comparable(AsksRequested, x); s != nil {
		return *s
	}
	s := compared(AsksRequested, compare(r.Arguments, x.w.ToolInput), "the model asked for", string(r.Arguments))
	if values.Cut(r.whole, "tool_calls_requested") && s.Answer != Yes {
		s = unknown(AsksRequested, "only a part of what the model asked for is in the line")
	}
	s.Events = ids(r.event, x.e)
	return s
}

// comparable says why the parameters of an action cannot be compared; nil where they can be.
func (q *asking) comparable(asks string, x *Action) *Statement {
	switch {
	case len(x.w.ToolInput) == 0:
		s := unknown(asks, "the parameters that it ran with were not captured", q.lacks(x.e, "tool_input"))
		return &s
	case values.Cut(x.w, "tool_input"):
		s := unknown(asks, "only a part of the parameters that it ran with is in the line")
		return &s
	}
	return nil
}

func compared(asks string, how likeness, who, quote string) Statement {
	s := Statement{Asks: asks, Quote: quote}
	switch how {
	case same:
		s.Answer, s.Says = Yes, "the parameters are those that "+who
	case unlike:
		s.Answer, s.Says = No, "the parameters differ from those that "+who
	default:
		s.Answer, s.Says = Unknown, "the parameters are told in another form than those that "+who+
			": one telling has what the other has not, and what both have is the same"
	}
	return s
}

func (q *asking) asApproved(x *Action, list []approval, ambiguous bool) Statement {
	if ambiguous {
		return unknown(AsksApprovedAs, sharedID, q.lacks(x.e, "tool_call_id"))
	}
	var best *approval
	for i := range list {
		if a := &list[i]; a.w.ApprovalStatus == semconv.ApprovalApproved && (best == nil || len(best.input) == 0) {
			best = a
		}
	}
	switch {
	case best == nil && slices.ContainsFunc(list, func(a approval) bool { return a.w.ApprovalStatus == semconv.ApprovalRejected }):
		return Statement{Asks: AsksApprovedAs, Answer: No, Says: "it was rejected", Events: ids(events(list)...)}
	case best == nil && len(list) > 0:
		s := unknown(AsksApprovedAs, "no approval is told that was granted", q.lacks(list[0].event, "approval_status"))
		s.Events = ids(events(list)...)
		return s
	case best == nil:
		return unknown(AsksApprovedAs, noApproval, q.lacks(x.e, "approval_status"))
	case len(best.input) == 0:
		s := unknown(AsksApprovedAs, "the approval does not tell which parameters were approved", q.lacks(best.event, "approved_input", "tool_input"))
		s.Events = ids(best.event, x.e)
		return s
	}
	if s := q.comparable(AsksApprovedAs, x); s != nil {
		return *s
	}
	s := compared(AsksApprovedAs, compare(best.input, x.w.ToolInput), "were approved", string(best.input))
	if s.Answer == No && (values.Cut(best.w, "tool_input") || values.Cut(best.w, "approved_input")) {
		s = unknown(AsksApprovedAs, "only a part of the approved parameters is in the line")
	}
	s.Events = ids(best.event, x.e)
	return s
}

const (
	noApproval = "no approval of it is told: there was none, or it was not captured"
	sharedID   = "several actions have its id: it is not known which of them was approved"
)

func events(list []approval) (out []*trail.Event) {
	for i := range list {
		out = append(out, list[i].event)
	}
	return out
}

// human answers whether a human approved the action; the approval is that of a yes.
func (q *asking) human(x *Action, list []approval, ambiguous bool) (Statement, *approval) {
	switch {
	case ambiguous:
		return unknown(AsksHuman, sharedID, q.lacks(x.e, "tool_call_id")), nil
	case len(list) == 0:
		says := noApproval
		if x.w.RequiresApproval.Valid && !x.w.RequiresApproval.Value {
			says = "no approval of it is told; it is told to need none"
		}
		return unknown(AsksHuman, says, q.lacks(x.e, "approval_status")), nil
	}
	var decisions []*approval
	for i := range list {
		if list[i].decided() {
			decisions = append(decisions, &list[i])
		}
	}
	if slices.ContainsFunc(decisions, func(a *approval) bool { return !a.own }) {
		decisions = slices.DeleteFunc(decisions, func(a *approval) bool { return a.own }) // which tells it again
	}
	if len(decisions) == 0 {
		s := unknown(AsksHuman, "an approval was asked for; how it was decided is not told", q.lacks(list[0].event, "approval_status"))
		s.Events = ids(events(list)...)
		return s, nil
	}
	for _, a := range decisions {
		if a.w.ApprovalSource == semconv.SourceHuman && a.w.ApprovalStatus == semconv.ApprovalApproved {
			return q.humanYes(x, a), a
		}
	}
	s := Statement{Asks: AsksHuman, Answer: No, Events: ids(events(list)...)}
	var open []Missing
	var by []string
	for _, a := range decisions {
		switch {
		case a.w.ApprovalStatus == semconv.ApprovalRejected:
			by = append(by, rejected(a.w))
		case a.w.ApprovalSource == "":
			open = append(open, q.lacks(a.event, "approval_source", "approver_id"))
		default:
			by = append(by, "approved by a "+a.w.ApprovalSource+who(a.w.ApproverID, a.w.ApprovalSource))
		}
	}
	if len(open) > 0 {
		s.Answer, s.Says, s.Missing = Unknown, "it was approved; whether by a human is not told", open
		return s, nil
	}
	s.Says = strings.Join(slices.Compact(by), ", ") + "; no decision of a human for it is told"
	if strings.HasPrefix(by[len(by)-1], "rejected") {
		s.Says = strings.Join(slices.Compact(by), ", ")
	}
	return s, nil
}

func rejected(w *semconv.Event) string {
	if by := cmp.Or(w.ApproverID, w.ApprovalSource); by != "" {
		return "rejected by " + by
	}
	return "rejected; by whom is not told"
}

func who(approver, source string) string {
	if approver == "" || approver == source {
		return ""
	}
	return " (" + approver + ")"
}

func (q *asking) humanYes(x *Action, a *approval) Statement {
	s := Statement{Asks: AsksHuman, Answer: Yes, Says: "a human approved it: " + a.w.ApproverID, Events: ids(a.event, x.e)}
	if a.w.ApproverID == "" || slices.Contains(a.w.DerivedFields, "approver_id") {
		s.Says = "a human approved it; who, is not told"
		s.Missing = []Missing{q.lacks(a.event, "approver_id")}
	}
	return s
}

// before answers whether the approval came before the action began.
func (q *asking) before(x *Action, a *approval) Statement {
	at := a.w.ApprovalAt
	if at.IsZero() && !a.own {
		at = a.w.Timestamp
		if a.w.EndTimestamp.After(at) {
			at = a.w.EndTimestamp // it was decided at its end at the latest
		}
	}
	if at.IsZero() || x.w.Timestamp.IsZero() {
		s := unknown(AsksBefore, "when it was decided is not told", q.lacks(a.event, "approval_at"))
		s.Events = ids(a.event, x.e)
		return s
	}
	s := Statement{Asks: AsksBefore, Events: ids(a.event, x.e)}
	when := at.UTC().Format(time.RFC3339Nano)
	switch {
	case service(a.w) != service(x.w):
		s.Answer, s.Says = Unknown, "decided at "+when+", by the clock of another service than that of the action"
	case !at.After(x.w.Timestamp):
		s.Answer, s.Says = Yes, "decided at "+when+", before it began at "+x.w.Timestamp.UTC().Format(time.RFC3339Nano)
	case !a.w.ApprovalAt.IsZero() || a.w.Timestamp.After(x.w.Timestamp) && !during(x.w, a.w):
		s.Answer, s.Says = No, "decided at "+when+", after it began at "+x.w.Timestamp.UTC().Format(time.RFC3339Nano)
	default:
		s.Answer, s.Says = Unknown, "the decision and the action overlap in time"
		s.Missing = []Missing{q.lacks(a.event, "approval_at")}
	}
	return s
}

// during reports whether an approval is told within the time of the action: frameworks count
// the wait for a person as a part of the call.
func during(action, approval *semconv.Event) bool {
	return !action.EndTimestamp.IsZero() && !approval.Timestamp.Before(action.Timestamp) && !approval.Timestamp.After(action.EndTimestamp)
}

func (q *asking) prompt(x *Action, r *request, why []Missing) Statement {
	switch {
	case r == nil:
		return unknown(AsksPrompt, noRequest, why...)
	case r.whole.SystemPromptHash == "":
		s := unknown(AsksPrompt, "the system prompt of the model call that asked for it was not captured", q.lacks(r.event, "system_prompt_hash"))
		s.Events = ids(r.event, x.e)
		return s
	}
	if ownPrompt(r.event, r.whole) == "" {
		s := unknown(AsksPrompt, "the run tells a system prompt of the agent; the model call that asked for it tells none itself",
			q.lacks(r.event, "system_prompt_hash"))
		s.Quote, s.Events = r.whole.SystemPromptHash, ids(r.event, x.e)
		return s
	}
	return Statement{
		Asks: AsksPrompt, Answer: Yes, Says: "the model call that asked for it had the system prompt", Quote: r.whole.SystemPromptHash,
		Events: ids(r.event, x.e),
	}
}

// ownPrompt is the hash that a model call tells itself, "" for one that it has from its run.
func ownPrompt(e *trail.Event, w *semconv.Event) string {
	if e.Get("system_prompt_hash") != "" || slices.Contains(w.DerivedFields, "system_prompt_hash") {
		return ""
	}
	return w.SystemPromptHash
}

// agentPrompts is what is known of the system prompts of one agent.
type agentPrompts struct {
	agent  string
	hashes []string
	first  map[string]*trail.Event
	none   []*trail.Event // model calls without
	calls  int
}

// prompts answers about the system prompts of the session, an agent at a time, and about each
// text.
func (q *asking) prompts() (list []Statement, err error) {
	byAgent := map[string]*agentPrompts{}
	for i, e := range q.t.Events {
		w := q.whole[i]
		if w.EventType != semconv.TypeLLMCall || w.Operation == "embeddings" {
			continue
		}
		// An agent of another sender is another, whatever its id.
		of := w.AgentID + "\x00" + string(w.Sender)
		a := byAgent[of]
		if a == nil {
			a = &agentPrompts{agent: trail.Agent(w), first: map[string]*trail.Event{}}
			byAgent[of] = a
		}
		hash := ownPrompt(e, w)
		switch a.calls++; {
		case hash == "":
			a.none = append(a.none, e)
		case a.first[hash] == nil:
			a.hashes, a.first[hash] = append(a.hashes, hash), e
		}
	}
	hashes := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(byAgent)) {
		a := byAgent[id]
		list = append(list, q.onePrompt(a))
		for _, h := range a.hashes {
			hashes[h] = true
		}
	}
	for _, h := range slices.Sorted(maps.Keys(hashes)) {
		s, err := q.promptText(h)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return append(list, unknown(AsksAgreement, "whether an action agrees with what the prompt says is for a person to judge: "+
		"`agentaudit prompt` shows the text where it is kept")), nil
}

func (q *asking) onePrompt(a *agentPrompts) Statement {
	s := Statement{Asks: AsksPromptSame}
	for _, h := range a.hashes {
		s.Events = append(s.Events, a.first[h].EventID)
	}
	of := "the model calls of " + cmp.Or(a.agent, "an agent without a name")
	switch {
	case len(a.hashes) > 1:
		s.Answer, s.Says, s.Quote = No, of+" had different system prompts", strings.Join(a.hashes, " ")
	case len(a.none) > 0:
		s.Answer, s.Says = Unknown, fmt.Sprintf("%d of %d of %s tell no system prompt themselves", len(a.none), a.calls, of)
		s.Missing = []Missing{q.lacks(a.none[0], "system_prompt_hash")}
	default:
		s.Answer, s.Says, s.Quote = Yes, of+" had one system prompt", a.hashes[0]
	}
	return s
}

func (q *asking) promptText(hash string) (Statement, error) {
	s := Statement{Asks: AsksPromptText, Quote: hash}
	if q.Prompt == nil {
		s.Answer, s.Says = Unknown, "it was not looked whether its text is kept"
		return s, nil
	}
	_, ok, err := q.Prompt(hash)
	switch {
	case err != nil:
		return s, err
	case ok:
		s.Answer, s.Says = Yes, "its text is kept: `agentaudit prompt` shows it"
	default:
		s.Answer, s.Says = No, "its text is not kept with the trail; `agentaudit prompt --file` compares one that you have"
	}
	return s, nil
}

// instruction answers whether an instruction was found in what the agent read. That nothing was
// found proves nothing: no answer is no.
func (q *asking) instruction() Statement {
	var read []*trail.Event
	for i, e := range q.t.Events {
		switch w := q.whole[i]; {
		case w.EventType == semconv.TypeFinding && len(w.Carrier) > 0:
			return Statement{
				Asks: AsksInstruction, Answer: Yes, Says: "a rule found one: " + w.Rule, Quote: w.Message,
				Events: append(ids(e), w.Carrier...),
			}
		case w.EventType == semconv.TypeRetrieval, len(w.ToolOutput) > 0:
			read = append(read, e)
		}
	}
	s := unknown(AsksInstruction, fmt.Sprintf("no finding of a rule tells of one in what %d events gave the agent to read: "+
		"read it", len(read)), Missing{Field: "finding"})
	s.Events = ids(read...)
	return s
}

// minValue is how long a value is, in bytes, that is followed: shorter ones are everywhere.
const minValue = 3

// cameBack answers whether a value of what the agent read before is in the parameters of an
// action: to the letter, and first of all that had it.
func (q *asking) cameBack(x *Action, r *request, why []Missing) Statement {
	if s := q.comparable(AsksCameBack, x); s != nil {
		return *s
	}
	s := Statement{Asks: AsksCameBack}
	var quotes []string
	open, foreign := false, false
	for i := range q.flow.Out {
		out := &q.flow.Out[i]
		if out.Place != x.place || out.Source != values.Call || len(out.Text) < minValue || out.Text == "true" || out.Text == "false" {
			continue
		}
		how, from := q.origin(out)
		open, foreign = open || how == unsure, foreign || how == fromOthers
		if how == fromRead {
			quotes = append(quotes, fmt.Sprintf("%s = %s", cmp.Or(out.Path, "it"), out.Text))
			if !slices.Contains(s.Events, from.Event.EventID) {
				s.Events = append(s.Events, from.Event.EventID)
			}
		}
	}
	if len(quotes) > 0 {
		s.Answer, s.Says, s.Quote = Yes, "values stand in what it had read, and nothing before that had them", strings.Join(quotes, ", ")
		s.Events = append(s.Events, x.e.EventID)
		return s
	}
	if r == nil { // then it is not known what the model was given
		s.Missing = why
	}
	for _, g := range q.flow.Unknown {
		if g.In && g.Place < x.place && related(g.Event.Event, x.w) {
			s.Missing = append(s.Missing, q.lacks(g.Event, g.Field))
		}
	}
	if len(s.Missing) > 0 {
		s.Answer, s.Says = Unknown, "no value of what is captured came back; not all that it read is"
		return s
	}
	if open {
		s.Answer, s.Says = Unknown, "a value stands in a later message of the user: whether a user or a tool said it, such messages do not tell"
		return s
	}
	if foreign {
		s.Answer, s.Says = Unknown, "a value stands in what another sender told of this session: whether the agent had read it is not told"
		return s
	}
	s.Answer, s.Says, s.Events = No, "no value of what it had read came back to the letter, but for those that the user had said before", ids(x.e)
	return s
}

// origin is where a value came in first.
type origin int

const (
	nowhere origin = iota
	fromRead
	fromUser
	// unsure is a message of a user, as it is told, behind the first that a model was given:
	// some vendors tell the results of tools so.
	unsure
	// fromOthers is what only another sender tells. Anyone may name the session.
	fromOthers
)

// origin is where a value came from: what first had it of all that its own sender tells to have
// come in before it went out.
func (q *asking) origin(out *values.Text) (origin, *values.Text) {
	var first *values.Text
	foreign := false
	for i := range q.flow.In {
		in := &q.flow.In[i]
		if in.Source == values.Model || first != nil && first.Place <= in.Place || !values.Before(in, out) || !search.Says(in.Text, out.Text) {
			continue
		}
		if !related(in.Event.Event, out.Event.Event) {
			foreign = true
			continue
		}
		first = in
	}
	switch {
	case first == nil && foreign:
		return fromOthers, nil
	case first == nil:
		return nowhere, nil
	case first.Source == values.Tool || first.Source == values.Retrieval:
		return fromRead, first
	case first.Field == "input_messages" && q.modelBefore(first.Event.Event, first.Place):
		return unsure, first
	}
	return fromUser, first
}

// modelBefore reports whether the sender of an event called a model before a place.
func (q *asking) modelBefore(e *semconv.Event, place int) bool {
	return slices.ContainsFunc(q.whole[:place], func(w *semconv.Event) bool { return w.EventType == semconv.TypeLLMCall && related(w, e) })
}

func service(e *semconv.Event) string { return serviceOf(e.Source) }
