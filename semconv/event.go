package semconv

import (
	"encoding/json"
	"time"
)

// SchemaVersion is the value of schema_version on every event.
const SchemaVersion = "1"

// EventType says what happened.
type EventType string

// The event types of schema version 1.
const (
	TypeSessionStart   EventType = "session_start"   // an agent run began
	TypeSessionEnd     EventType = "session_end"     // an agent run ended
	TypeSessionTimeout EventType = "session_timeout" // a run was stopped by its turn, iteration or time limit
	TypeLLMCall        EventType = "llm_call"        // a model was called
	TypeMessage        EventType = "message"         // a message of a model call, reported apart from it
	TypeToolCall       EventType = "tool_call"       // a tool was run: its input and its output
	TypeToolResult     EventType = "tool_result"     // a result that came back with no record of its own call
	TypeRetrieval      EventType = "retrieval"       // documents or data the agent read
	TypeApproval       EventType = "approval"        // a decision on an action, by a person, a policy or a hook
	TypeIntervention   EventType = "intervention"    // a person stopped, edited or took over
	TypeGuardrail      EventType = "guardrail"       // a check on content ran
	TypeError          EventType = "error"           // something failed that no other event tells of
	TypeFinalOutput    EventType = "final_output"    // the answer of a run, where no end of the run tells it
	TypeFinding        EventType = "finding"         // something the collector noticed; names the events it is about
)

var eventTypes = []EventType{
	TypeSessionStart, TypeSessionEnd, TypeSessionTimeout, TypeLLMCall, TypeMessage, TypeToolCall, TypeToolResult,
	TypeRetrieval, TypeApproval, TypeIntervention, TypeGuardrail, TypeError, TypeFinalOutput, TypeFinding,
}

// EventTypes lists every event type of the schema.
func EventTypes() []EventType { return append([]EventType(nil), eventTypes...) }

// Valid reports whether t is a type of the schema.
func (t EventType) Valid() bool {
	for _, v := range eventTypes {
		if t == v {
			return true
		}
	}
	return false
}

// Values of outcome.
const (
	OutcomeSuccess = "success"
	OutcomeError   = "error"
	OutcomeDenied  = "denied"
)

// Values of approval_status.
const (
	ApprovalApproved = "approved"
	ApprovalRejected = "rejected"
	ApprovalPending  = "pending"
)

// Values of approval_source.
const (
	SourceHuman  = "human"
	SourceConfig = "config"
	SourceHook   = "hook"
	SourcePolicy = "policy"
)

// Values of content_state.
const (
	ContentPresent           = "present"
	ContentWithheld          = "withheld"
	ContentTruncatedAtSource = "truncated_at_source"
	ContentNotCaptured       = "not_captured"
)

// Optional is a value that may be absent: a count of zero is not "unknown".
type Optional[T any] struct {
	Value T
	Valid bool
}

// Some is a value that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Valid: true} }

// Event is one audit event, schema version 1. The fields table of this package
// gives each one its name, kind and order; what is empty is absent from the line.
// A json.RawMessage holds one JSON value.
type Event struct {
	SchemaVersion string
	EventID       string
	EventType     EventType
	Timestamp     time.Time
	EndTimestamp  time.Time
	RecordedAt    time.Time
	SessionID     string
	RunID         string
	StepNumber    Optional[int64]
	ParentEventID string

	AgentID          string
	AgentName        string
	AgentVersion     string
	UserID           string
	ModelID          string
	ResponseModelID  string
	Provider         string
	SystemPromptHash string
	Content          json.RawMessage

	TraceID       string
	SpanID        string
	ParentSpanID  string
	Source        json.RawMessage
	MissingFields []string
	DerivedFields []string
	Oversize      json.RawMessage
	LayerOf       string
	Alternates    json.RawMessage
	ContentState  string
	Sender        json.RawMessage
	Retention     string

	UserMessage    string
	ToolsAvailable json.RawMessage
	FinalOutput    string
	Outcome        string
	Reason         string

	Operation          string
	InputMessages      json.RawMessage
	OutputMessages     json.RawMessage
	OutputText         string
	Reasoning          string
	ToolCallsRequested json.RawMessage
	ToolsHash          string
	FinishReasons      []string
	InputTokens        Optional[int64]
	OutputTokens       Optional[int64]
	CachedInputTokens  Optional[int64]
	ReasoningTokens    Optional[int64]
	LatencyMS          Optional[float64]
	TimeToFirstTokenMS Optional[float64]
	Temperature        Optional[float64]
	TopP               Optional[float64]
	MaxTokens          Optional[int64]
	Seed               Optional[int64]
	ResponseID         string
	CostUSD            Optional[float64]
	Error              string

	ToolName         string
	ToolCallID       string
	ToolType         string
	ToolDescription  string
	ToolInput        json.RawMessage
	ToolOutput       json.RawMessage
	ErrorType        string
	ExecutionTimeMS  Optional[float64]
	RequiresApproval Optional[bool]
	ApprovalStatus   string
	ApproverID       string
	MCPServer        string
	MCPSessionID     string

	Query      string
	Documents  json.RawMessage
	DataSource string

	ApprovalReason string
	ApprovalSource string

	ActorID string

	GuardrailName string
	Verdict       string
	Score         Optional[float64]

	Stack string

	Rule        string
	RulesSHA256 string
	Severity    string
	Message     string
	Evidence    []string
}
