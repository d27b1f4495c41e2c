package runs

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// policy is what becomes of a field where one record takes in what another says.
type policy uint8

const (
	never policy = iota
	fill         // taken where the event has none
	lead         // likewise, and the fields that follow it with it
	join         // put behind what the event has
)

// rule says of a field what becomes of it in each of the ways in which records meet.
// Nothing that a record states itself is ever replaced.
type rule struct {
	same  policy // another record of the same thing
	frame policy // the inner one of two spans around one run
	parts policy // one of several messages of a call, which are told apart
	// follows is the field that is taken or not taken together with this one.
	follows string
	// shared is set where every event that a record gives has the field.
	shared bool
}

// rules has every field of the schema: see TestEveryFieldHasARule.
var rules = map[string]rule{
	"schema_version": {}, "event_id": {}, "event_type": {}, "timestamp": {shared: true}, "end_timestamp": {}, "recorded_at": {},
	"session_id": {same: fill, frame: fill, shared: true}, "run_id": {shared: true}, "step_number": {}, "parent_event_id": {},
	"agent_id": {shared: true}, "agent_name": {shared: true}, // taken together: see absorb
	"agent_version": {same: fill, frame: fill, shared: true}, "user_id": {same: fill, frame: fill, shared: true},
	"model_id": {same: fill, shared: true}, "response_model_id": {same: fill}, "provider": {same: fill, shared: true},
	"system_prompt_hash": {}, // of the draft's prompt
	"content":            {}, // of what is left: see leftovers
	"trace_id":           {shared: true}, "span_id": {shared: true}, "parent_span_id": {shared: true}, "source": {},
	"missing_fields": {}, "derived_fields": {shared: true}, "oversize": {}, "layer_of": {}, "alternates": {}, "content_state": {},
	"sender": {}, "retention": {},

	"user_message": {frame: fill}, "tools_available": {same: lead, frame: fill}, "final_output": {frame: fill},
	"outcome": {same: fill, frame: fill}, "reason": {same: fill},

	"operation": {same: fill}, "input_messages": {same: fill, parts: join},
	"output_messages": {same: lead, parts: join}, "output_text": {same: fill, parts: join, follows: "output_messages"},
	"reasoning": {same: fill, parts: fill, follows: "output_messages"}, "tool_calls_requested": {same: fill, parts: join, follows: "output_messages"},
	"tools_hash": {same: fill, follows: "tools_available"}, "finish_reasons": {same: fill, parts: join},
	"input_tokens": {same: fill}, "output_tokens": {same: fill}, "cached_input_tokens": {same: fill}, "reasoning_tokens": {same: fill},
	"latency_ms": {}, "time_to_first_token_ms": {same: fill}, "temperature": {same: fill}, "top_p": {same: fill}, "max_tokens": {same: fill},
	"seed": {same: fill}, "response_id": {same: fill}, "cost_usd": {same: fill},
	"error": {same: lead, frame: lead}, "error_type": {same: fill, frame: fill, follows: "error"},

	"tool_name":    {}, // two names of one tool are two claims
	"tool_call_id": {same: fill}, "tool_type": {same: fill}, "tool_description": {same: fill}, "tool_input": {same: fill},
	"tool_output": {same: fill}, "execution_time_ms": {}, "requires_approval": {same: fill}, "approval_status": {same: fill},
	"approver_id": {same: fill}, "mcp_server": {same: fill}, "mcp_session_id": {same: fill},

	"query": {same: fill}, "documents": {same: fill}, "data_source": {same: fill},
	"approval_reason": {same: fill}, "approval_source": {same: fill}, "actor_id": {same: fill},
	"guardrail_name": {same: fill}, "verdict": {same: fill}, "score": {same: fill},
	"stack":          {same: fill, frame: fill, follows: "error"},
	"sent_timestamp": {shared: true}, "agent_instance_id": {same: fill, frame: fill, shared: true}, "parent_agent_id": {shared: true}, "derived_from": {}, "event_problems": {},
	"content_refs": {same: fill}, "content_at": {}, "masked_fields": {}, "from_agent": {same: fill}, "to_agent": {same: fill},
	"tool_description_hash": {same: fill}, "mcp_server_version": {same: fill}, "mcp_method": {same: fill}, "approved_input": {same: fill}, "approval_at": {same: fill},
	"finding_id": {}, "engine_version": {}, "exposed": {}, "acted": {}, "carrier": {}, "read": {}, "act": {},
	"erasure_id": {}, "erasure_state": {}, "erasure_object": {}, "erasure_frames": {}, "erasure_events": {}, "erasure_request": {}, "final_at": {},
	"rule": {}, "rules_sha256": {}, "severity": {}, "message": {}, "evidence": {},
}

// step is one row of a merge, made of the rules once.
type step struct {
	*semconv.Field
	policy policy
	leads  []*semconv.Field
}

var merges = struct{ same, frame, parts []step }{
	steps(func(r rule) policy { return r.same }),
	steps(func(r rule) policy { return r.frame }),
	steps(func(r rule) policy { return r.parts }),
}

// sharedFields are the fields of base.
var sharedFields = func() (list []*semconv.Field) {
	for _, f := range semconv.Fields() {
		if rules[f.Name].shared {
			list = append(list, semconv.FieldNamed(f.Name))
		}
	}
	return list
}()

func steps(of func(rule) policy) (list []step) {
	for _, f := range semconv.Fields() {
		r := rules[f.Name]
		if p := of(r); p == never || r.follows != "" && p != join && of(rules[r.follows]) == lead {
			continue
		}
		s := step{Field: semconv.FieldNamed(f.Name), policy: of(r)}
		for _, g := range semconv.Fields() {
			if s.policy == lead && rules[g.Name].follows == f.Name && of(rules[g.Name]) != never {
				s.leads = append(s.leads, semconv.FieldNamed(g.Name))
			}
		}
		list = append(list, s)
	}
	return list
}

// merge takes in what another record says, as far as it is for an event of this type; the
// draft of a frame has the fields of the end of its run, too.
func merge(list []step, d, from *semconv.Event) {
	for i := range list {
		s := &list[i]
		if s.Has(d) || !s.Has(from) || s.Types != nil && d.EventType != semconv.TypeSessionStart && !slices.Contains(s.Types, d.EventType) {
			continue
		}
		s.Copy(d, from)
		for _, f := range s.leads {
			if !f.Has(d) {
				f.Copy(d, from)
			}
		}
	}
}

// complete fills what d lacks from another record of the same thing.
func complete(d, from *dialect.Draft) {
	requested := len(d.OutputMessages) == 0 && len(d.Requested) == 0
	if d.Derived("outcome") && from.Outcome != "" && !from.Derived("outcome") {
		d.Outcome = "" // which was concluded, and the other one knows
		d.Underive("outcome")
	}
	merge(merges.same, &d.Event, &from.Event)
	if requested {
		d.Requested = from.Requested
	}
	if from.Derived("outcome") && d.Outcome == from.Outcome && d.Outcome != "" {
		d.Derive("outcome")
	}
	d.Complete(from)
}

// absorb takes what the inner span of a run knows into the outer one. The name of an agent
// counts for more than that of a workflow around it.
func (n *node) absorb(inner *node) {
	o, i := n.d, inner.d
	if i.AgentID != "" && (o.AgentID == "" || o.Derived("agent_id")) || i.AgentName != "" && o.AgentID == "" && o.AgentName == "" || o.Kind == dialect.Chain && i.AgentName != "" && (o.AgentName == "" || o.Derived("agent_name")) {
		o.AgentID, o.AgentName = i.AgentID, i.AgentName
		o.Underive("agent_id")
		o.Underive("agent_name")
	}
	merge(merges.frame, &o.Event, &i.Event)
	o.EndedBy = or(o.EndedBy, i.EndedBy)
	o.Decisions = append(o.Decisions, i.Decisions...)
	o.Complete(i)
}

// base is an event with only what every event of its record has.
func base(n *node) *semconv.Event {
	e := &semconv.Event{}
	for _, f := range sharedFields {
		f.Copy(e, &n.d.Event)
	}
	e.DerivedFields = slices.DeleteFunc(slices.Clone(e.DerivedFields), func(name string) bool { return !rules[name].shared })
	return e
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
