package dialect

import "github.com/agentaudit/otelcol-agentaudit/semconv"

// application is an event that the agent's own code tells of with audit.* attributes.
var application = &Dialect{
	Name:  "audit",
	Title: "Application attributes (`audit.*`)",
	Match: func(r *Record) bool { return applicationKind(r) != Other },
	Kind:  applicationKind,
	Finish: func(r *Record, e *Draft) {
		if t := semconv.EventType(r.takeText(semconv.AttrEventType)); t.Valid() {
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
func applicationKind(r *Record) Kind {
	if v, ok := r.get(semconv.AttrEventType); ok {
		return kindOf[semconv.EventType(v.AsString())]
	}
	if r.has(semconv.AttrApprovalStatus) && !r.hasPrefix("gen_ai.") && !r.has("openinference.span.kind") && !r.has("traceloop.span.kind") && !r.hasPrefix("ai.") {
		return Approval
	}
	return Other
}
