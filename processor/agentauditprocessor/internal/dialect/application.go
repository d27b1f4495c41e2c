package dialect

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

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
		if t := claimedType(r.TakeText(semconv.AttrEventType)); t.Valid() {
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

// applicationKind goes by audit.event_type, as it is or with other capitals, spaces or dashes;
// else, on a record that no dialect explains, by what is there: a decision is an approval, a tool
// a tool call.
func applicationKind(r *record.Record) Kind {
	if v, ok := r.Get(semconv.AttrEventType); ok {
		if k := kindOf[claimedType(v.AsString())]; k != Other {
			return k
		}
	}
	if conventional(r) || r.HasPrefix("gen_ai.") || r.HasPrefix("ai.") {
		return Other
	}
	switch {
	case r.Has(semconv.AttrApprovalStatus):
		return Approval
	case r.Has(semconv.AttrToolName):
		return Tool
	}
	return Other
}

// claimedType is the event type that an application names.
func claimedType(s string) semconv.EventType {
	return semconv.EventType(strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(s))))
}

// decisionWords are the words for a decision that can mean nothing else.
var decisionWords = map[string]string{
	"approved": semconv.ApprovalApproved, "approve": semconv.ApprovalApproved, "accepted": semconv.ApprovalApproved, "accept": semconv.ApprovalApproved, "allowed": semconv.ApprovalApproved,
	"allow": semconv.ApprovalApproved, "granted": semconv.ApprovalApproved, "yes": semconv.ApprovalApproved, "y": semconv.ApprovalApproved, "true": semconv.ApprovalApproved,
	"rejected": semconv.ApprovalRejected, "reject": semconv.ApprovalRejected, "denied": semconv.ApprovalRejected, "deny": semconv.ApprovalRejected, "declined": semconv.ApprovalRejected,
	"refused": semconv.ApprovalRejected, "no": semconv.ApprovalRejected, "n": semconv.ApprovalRejected, "false": semconv.ApprovalRejected,
	"pending": semconv.ApprovalPending, "requested": semconv.ApprovalPending, "waiting": semconv.ApprovalPending,
}

// override applies the audit.* attributes that the application set itself, and says of those
// that are wrong what is.
func (e *Draft) override() {
	wrong := func(format string, args ...any) {
		if len(e.EventProblems) < maxProblems {
			e.EventProblems = append(e.EventProblems, fmt.Sprintf(format, args...))
		}
	}
	if v, ok := e.Record.Get(semconv.AttrEventType); ok && !semconv.EventType(v.AsString()).Valid() {
		wrong("%s: %.60q is no event type", semconv.AttrEventType, v.AsString())
		e.Record.Keep(semconv.AttrEventType)
	}
	e.Record.Claims(func(field string, v pcommon.Value) bool {
		if field == "approval_status" {
			if word := strings.ToLower(strings.TrimSpace(v.AsString())); decisionWords[word] != word {
				if decisionWords[word] != "" {
					e.ApprovalStatus = decisionWords[word]
				} else {
					e.ApprovalStatus = ""
				}
				wrong("%s: %.60q is none of approved, rejected, pending", semconv.AttrApprovalStatus, v.AsString())
				return false
			}
			v = pcommon.NewValueStr(strings.ToLower(strings.TrimSpace(v.AsString())))
		}
		if e.Set(field, v) {
			return true
		}
		if semconv.FieldNamed(field) == nil {
			wrong("audit.%.60s: there is no such field", field)
		} else {
			wrong("audit.%s: %.60q is no value of it", field, v.AsString())
		}
		return false
	})
	if id := e.ApproverID; id != "" && e.EventType == semconv.TypeApproval && (id == e.AgentID || id == e.AgentName || id == e.Record.FromResource("agent_id") || id == e.Record.FromResource("agent_name")) {
		e.ApprovalSource = semconv.SourceAgent // which approved of itself
	}
}

// maxProblems bounds what is said to be wrong with one record.
const maxProblems = 16
