package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// application is an event that the agent's own code tells of with audit.* attributes.
var application = &Dialect{
	Name:  "audit",
	Title: "Application attributes (`audit.*`)",
	Match: func(r *record.Record) bool { return applicationKind(r) != Other },
	Kind:  applicationKind,
	Finish: func(r *record.Record, e *Draft) {
		if t := semconv.EventType(r.TakeText(semconv.AttrEventType)); t.Valid() {
			e.EventType = t
		}
	},
}

var kindOf = map[semconv.EventType]Kind{
	semconv.TypeSessionStart: Start, semconv.TypeSessionEnd: Start, semconv.TypeSessionTimeout: Start, semconv.TypeFinalOutput: Message,
	semconv.TypeLLMCall: LLM, semconv.TypeMessage: Message, semconv.TypeToolCall: Tool, semconv.TypeToolResult: Tool,
	semconv.TypeRetrieval: Retrieval, semconv.TypeApproval: Approval, semconv.TypeIntervention: Intervention,
	semconv.TypeGuardrail: Guardrail, semconv.TypeError: Failure, semconv.TypeFinding: Failure,
}

// applicationKind goes by audit.event_type; a decision alone, on a record that no
// dialect explains, is an approval.
func applicationKind(r *record.Record) Kind {
	if v, ok := r.Get(semconv.AttrEventType); ok {
		return kindOf[semconv.EventType(v.AsString())]
	}
	if r.Has(semconv.AttrApprovalStatus) && !r.HasPrefix("gen_ai.") && !r.Has("openinference.span.kind") && !r.Has("traceloop.span.kind") && !r.HasPrefix("ai.") {
		return Approval
	}
	return Other
}
