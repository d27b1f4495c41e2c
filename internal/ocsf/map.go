package ocsf

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// mapper places the fields of one event.
type mapper struct {
	*Sealed
	placed map[string]bool // fields whose value stands in the schema as it is
}

// place notes that a field's value stands in the schema as it is, and returns it.
func (m *mapper) place(field, value string) string {
	if value != "" {
		m.placed[field] = true
	}
	return value
}

// unknown stands where the schema requires a name that the event does not have.
const unknown = "unknown"

func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (m *mapper) activity(productVersion string) *activity {
	service := gjson.GetBytes(m.Source, "service").Str
	id, name := m.verb()
	a := &activity{
		ActivityID: id, ActivityName: name,
		CategoryUID: categoryUID, CategoryName: categoryName, ClassUID: classUID, ClassName: className,
		TypeUID: classUID*100 + id, TypeName: className + ": " + name,
		Time:        m.time(),
		Actor:       m.actor(service),
		API:         m.api(service),
		SrcEndpoint: endpoint{SvcName: or(service, m.AgentName, m.AgentID, unknown)},
		Trace:       m.trace(),
		Metadata:    m.metadata(productVersion),
		RawDataHash: m.digest(),
		RawDataSize: len(m.Line),
	}
	a.StatusID, a.Status = m.status()
	a.StatusCode = m.place("error_type", m.ErrorType)
	a.StatusDetail = m.detail()
	a.ActionID, a.Action, a.DispositionID, a.Disposition = m.disposition()
	a.SeverityID, a.Severity = m.severity(a)
	a.IsAlert = m.EventType == semconv.TypeFinding || m.EventType == semconv.TypeGuardrail && a.ActionID == actionDenied
	if m.GuardrailName != "" {
		a.Policy = &named{Name: m.place("guardrail_name", m.GuardrailName)}
	}
	switch {
	case m.ToolName != "":
		a.Resources = []resource{{Name: m.place("tool_name", m.ToolName), Type: "tool", RoleID: 1, Role: "Target"}}
	case m.DataSource != "":
		a.Resources = []resource{{Name: m.place("data_source", m.DataSource), Type: "data source", RoleID: 1, Role: "Target"}}
	}
	a.MessageContext = m.messageContext(service)
	if model := m.aiModel(); m.AgentID != "" {
		a.AIAgent = &aiAgent{
			UID: m.place("agent_id", m.AgentID), InstanceUID: m.SessionID, Name: m.place("agent_name", m.AgentName),
			Version: m.place("agent_version", m.AgentVersion), AIModel: model,
		}
	} else {
		a.AIModel = model
	}
	a.Message = or(m.place("message", m.Message), strings.TrimSpace(fmt.Sprintf("%s %s", m.EventType, or(m.ToolName, m.ModelID, m.GuardrailName, m.DataSource))))
	return a
}

// verb is the activity: one of create, read, update and delete where it is one, else
// the type of the event.
func (m *mapper) verb() (int, string) {
	switch m.EventType {
	case semconv.TypeSessionStart:
		return 1, "Create"
	case semconv.TypeRetrieval:
		return 2, "Read"
	}
	return activityOther, string(m.EventType)
}

// time is when it happened, or for want of that when it was recorded.
func (m *mapper) time() int64 {
	if m.Timestamp.IsZero() {
		return milliseconds(m.RecordedAt)
	}
	return milliseconds(m.Timestamp)
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// actor is who decided or acted, on behalf of whom.
func (m *mapper) actor(service string) actor {
	a := actor{AppName: m.place("agent_name", m.AgentName), AppUID: m.place("agent_id", m.AgentID)}
	if m.SessionID != "" {
		a.Session = &session{UID: m.place("session_id", m.SessionID)}
	}
	switch {
	case m.EventType == semconv.TypeApproval && m.ApproverID != "":
		a.User = &user{UID: m.place("approver_id", m.ApproverID), Type: "Unknown"}
		switch m.ApprovalSource {
		case "":
		case semconv.SourceHuman:
			a.User.TypeID, a.User.Type = 1, "User"
		default:
			a.User.TypeID, a.User.Type = 99, m.place("approval_source", m.ApprovalSource)
		}
	case m.EventType == semconv.TypeIntervention && m.ActorID != "":
		a.User = &user{UID: m.place("actor_id", m.ActorID), TypeID: 1, Type: "User"}
	case m.UserID != "":
		a.User = &user{UID: m.place("user_id", m.UserID), Type: "Unknown"}
	}
	if a == (actor{}) {
		a.AppName = or(service, unknown)
	}
	return a
}

func (m *mapper) api(service string) api {
	a := api{Operation: string(m.EventType)}
	switch {
	case m.ToolName != "" && m.EventType != semconv.TypeApproval:
		a.Operation = m.place("tool_name", m.ToolName)
	case m.Operation != "":
		a.Operation = m.place("operation", m.Operation)
	}
	switch {
	case m.MCPServer != "":
		a.Service = &named{Name: m.place("mcp_server", m.MCPServer)}
	case m.Provider != "":
		a.Service = &named{Name: m.place("provider", m.Provider)}
	case service != "":
		a.Service = &named{Name: service}
	}
	call := m.place("tool_call_id", m.ToolCallID)
	if data := m.first(raw{"tool_input", m.ToolInput}, raw{"input_messages", m.InputMessages}, raw{"query", text(m.Query)}); call != "" || data != nil {
		a.Request = &request{UID: or(call, m.EventID, unknown), Data: data}
	}
	r := response{
		Error: m.place("error_type", m.ErrorType), ErrorMessage: m.place("error", m.Error),
		Data: m.first(raw{"tool_output", m.ToolOutput}, raw{"output_messages", m.OutputMessages}, raw{"documents", m.Documents}),
	}
	if r.Error != "" || r.ErrorMessage != "" || r.Data != nil {
		a.Response = &r
	}
	return a
}

type raw struct {
	field string
	json  json.RawMessage
}

func text(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return semconv.Text(s)
}

// first places the first value that is there.
func (m *mapper) first(values ...raw) json.RawMessage {
	for _, v := range values {
		if v.json != nil {
			m.placed[v.field] = true
			return v.json
		}
	}
	return nil
}

func (m *mapper) aiModel() *aiModel {
	name := or(m.place("model_id", m.ModelID), m.ResponseModelID)
	if name == "" {
		return nil
	}
	return &aiModel{ModelName: name, AIProvider: or(m.place("provider", m.Provider), unknown), UID: m.place("response_model_id", m.ResponseModelID)}
}

// roles is the part that the model, tool or agent plays, as the schema counts them.
var roles = map[semconv.EventType]struct {
	id   int
	name string
}{
	semconv.TypeLLMCall:        {2, "Assistant"},
	semconv.TypeToolCall:       {3, "Tool"},
	semconv.TypeToolResult:     {3, "Tool"},
	semconv.TypeSessionStart:   {4, "Agent"},
	semconv.TypeSessionEnd:     {4, "Agent"},
	semconv.TypeSessionTimeout: {4, "Agent"},
	semconv.TypeFinalOutput:    {4, "Agent"},
	semconv.TypeRetrieval:      {6, "Retriever"},
}

// messageContext is nil where neither application nor service is known: the schema
// asks for one of them.
func (m *mapper) messageContext(service string) *messageContext {
	role, ok := roles[m.EventType]
	provider := or(m.MCPServer, m.Provider, m.DataSource)
	if !ok || service == "" && provider == "" {
		return nil
	}
	c := &messageContext{
		UID: m.SessionID, AIRoleID: role.id, AIRole: role.name,
		PromptText:   m.place("user_message", m.UserMessage),
		ResponseText: m.place("output_text", m.OutputText),
	}
	if c.ResponseText == "" {
		c.ResponseText = m.place("final_output", m.FinalOutput)
	}
	if service != "" {
		c.Application = &named{Name: service}
	}
	if provider != "" {
		c.Service = &named{Name: provider}
	}
	c.PromptTokens = m.integer("input_tokens", m.InputTokens)
	c.CompletionTokens = m.integer("output_tokens", m.OutputTokens)
	if c.PromptTokens != nil && c.CompletionTokens != nil && *c.PromptTokens+*c.CompletionTokens <= math.MaxInt32 {
		total := *c.PromptTokens + *c.CompletionTokens
		c.TotalTokens = &total
	}
	return c
}

// integer places a count that fits the schema's integer_t, which has 32 bits.
func (m *mapper) integer(field string, n semconv.Optional[int64]) *int64 {
	if !n.Valid || n.Value < math.MinInt32 || n.Value > math.MaxInt32 {
		return nil
	}
	m.placed[field] = true
	return &n.Value
}

func (m *mapper) trace() *trace {
	if m.TraceID == "" {
		return nil
	}
	t := &trace{UID: m.place("trace_id", m.TraceID)}
	if m.RunID == m.TraceID {
		m.placed["run_id"] = true
	}
	if m.SpanID != "" && !m.Timestamp.IsZero() && !m.EndTimestamp.IsZero() { // all of which the schema requires
		t.Span = &span{
			UID: m.place("span_id", m.SpanID), ParentUID: m.place("parent_span_id", m.ParentSpanID),
			StartTime: milliseconds(m.Timestamp), EndTime: milliseconds(m.EndTimestamp),
		}
	}
	return t
}

func (m *mapper) metadata(productVersion string) metadata {
	md := metadata{
		Version:          Version,
		Product:          product{Name: "Agent Audit", VendorName: "Agent Audit", Version: productVersion},
		Profiles:         profiles,
		UID:              m.place("event_id", m.EventID),
		EventCode:        m.place("event_type", string(m.EventType)),
		CorrelationUID:   m.SessionID,
		Sequence:         m.integer("step_number", m.StepNumber),
		OriginalTime:     m.place("timestamp", gjson.GetBytes(m.Line, "timestamp").Str), // with its nanoseconds
		OriginalEventUID: fmt.Sprintf("%s#%d", m.Object, m.N),
		LoggedTime:       milliseconds(m.RecordedAt),
		LogName:          m.Log,
		LogProvider:      "otelcol-agentaudit",
		LogSource:        m.Object,
		LogVersion:       m.place("schema_version", m.SchemaVersion),
		IsTruncated:      m.Oversize != nil,
	}
	return md
}

// status is the outcome. What tells nothing of it is of unknown status, also a model
// call that nobody says has ended.
func (m *mapper) status() (int, string) {
	switch {
	case m.Outcome == semconv.OutcomeError, m.Outcome == semconv.OutcomeDenied, m.Error != "", m.ErrorType != "",
		m.EventType == semconv.TypeError, m.EventType == semconv.TypeSessionTimeout:
		return 2, "Failure"
	case m.Outcome == semconv.OutcomeSuccess,
		m.EventType == semconv.TypeLLMCall && (len(m.FinishReasons) > 0 || m.OutputTokens.Valid || m.OutputMessages != nil || m.OutputText != ""),
		m.EventType == semconv.TypeApproval && (m.ApprovalStatus == semconv.ApprovalApproved || m.ApprovalStatus == semconv.ApprovalRejected):
		return 1, "Success" // a decision was made, whichever
	}
	return 0, "Unknown"
}

func (m *mapper) detail() string {
	switch {
	case m.Error != "":
		return m.place("error", m.Error)
	case m.Reason != "":
		return m.place("reason", m.Reason)
	}
	return m.place("approval_reason", m.ApprovalReason)
}

const (
	actionAllowed = 1
	actionDenied  = 2
	actionOther   = 99
)

// verdicts are the words of guardrails that say clearly whether they let something pass.
var verdicts = map[string]int{
	"pass": actionAllowed, "passed": actionAllowed, "allow": actionAllowed, "allowed": actionAllowed,
	"block": actionDenied, "blocked": actionDenied, "deny": actionDenied, "denied": actionDenied, "reject": actionDenied, "rejected": actionDenied,
}

// disposition is what a control decided: who approves, a guardrail, or what denied a
// tool.
func (m *mapper) disposition() (actionID int, action string, dispositionID int, disposition string) {
	switch {
	case m.ApprovalStatus == semconv.ApprovalApproved:
		return actionAllowed, "Allowed", 8, "Approved"
	case m.ApprovalStatus == semconv.ApprovalRejected:
		return actionDenied, "Denied", 25, "Rejected"
	case m.ApprovalStatus != "":
		return actionOther, m.ApprovalStatus, 99, m.ApprovalStatus
	case m.Outcome == semconv.OutcomeDenied, verdicts[strings.ToLower(m.Verdict)] == actionDenied:
		return actionDenied, "Denied", 2, "Blocked"
	case verdicts[strings.ToLower(m.Verdict)] == actionAllowed:
		return actionAllowed, "Allowed", 1, "Allowed"
	case m.Verdict != "":
		return actionOther, m.Verdict, 99, m.Verdict
	}
	return 0, "", 0, ""
}

// severities are the words for the severity of findings.
var severities = map[string]int{
	"info": 1, "informational": 1, "low": 2, "medium": 3, "warning": 3, "high": 4, "error": 4, "critical": 5, "fatal": 6,
}

var severityNames = []string{"Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"}

// severity is a finding's own; otherwise failures and refusals stand out from what is
// merely on record.
func (m *mapper) severity(a *activity) (int, string) {
	id := 1
	switch {
	case m.EventType == semconv.TypeFinding && m.Severity == "":
		id = 0
	case m.EventType == semconv.TypeFinding:
		if id = severities[strings.ToLower(m.Severity)]; id == 0 {
			return 99, m.Severity
		}
	case m.EventType == semconv.TypeError, m.EventType == semconv.TypeGuardrail && a.ActionID == actionDenied:
		id = 3
	case a.StatusID == 2, a.ActionID == actionDenied, m.EventType == semconv.TypeIntervention:
		id = 2
	}
	return id, severityNames[id]
}
