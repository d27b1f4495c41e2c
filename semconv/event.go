package semconv

import (
	"encoding/json"
	"slices"
	"time"
)

// SchemaVersion is the value of schema_version on every event that is written.
const SchemaVersion = "1.1"

// versions are the schema versions that are read, the oldest first. A field or an event
// type belongs to the one that brought it and to those after it.
var versions = []string{"1", SchemaVersion}

// versionPlace is the place of a version in versions, or -1.
func versionPlace(version string) int { return slices.Index(versions, version) }

// EventType says what happened.
type EventType string

// The event types. The last four are of version 1.1.
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

	TypeHandoff    EventType = "handoff"     // an agent gave the run to another
	TypeStep       EventType = "step"        // a step of a workflow that is none of the others
	TypeMCPRequest EventType = "mcp_request" // an MCP server asked something of the agent
	TypeErasure    EventType = "erasure"     // content was ordered to be erased, or is
)

// eventTypes are the event types of every version, those of a later one behind.
var eventTypes = []EventType{
	TypeSessionStart, TypeSessionEnd, TypeSessionTimeout, TypeLLMCall, TypeMessage, TypeToolCall, TypeToolResult,
	TypeRetrieval, TypeApproval, TypeIntervention, TypeGuardrail, TypeError, TypeFinalOutput, TypeFinding,
	TypeHandoff, TypeStep, TypeMCPRequest, TypeErasure,
}

// typesOf is how many of eventTypes a version has, by its place in versions.
var typesOf = []int{14, 18}

// EventTypes lists every event type of the schema.
func EventTypes() []EventType { return append([]EventType(nil), eventTypes...) }

// Valid reports whether t is a type of the schema.
func (t EventType) Valid() bool { return t.validIn(len(versions) - 1) }

// validIn reports whether t is a type of the version at that place in versions.
func (t EventType) validIn(version int) bool {
	for _, v := range eventTypes[:typesOf[version]] {
		if t == v {
			return true
		}
	}
	return false
}

// Values of outcome. Those of the second list are a run's: they stand on session_end,
// session_timeout and final_output, never on a tool call or its result.
const (
	OutcomeSuccess = "success"
	OutcomeError   = "error"
	OutcomeDenied  = "denied" // it did not run, whoever refused

	OutcomeSuspended = "suspended" // the run waits for a person
	OutcomeBlocked   = "blocked"   // a guardrail or a policy stopped it
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
	SourceAgent  = "agent"
)

// Values of content_state, which tells what was captured: erasing changes nothing of it.
// Of several that hold of parts of an event, the first in this order is given.
const (
	ContentTruncatedAtSource = "truncated_at_source"
	ContentWithheld          = "withheld"     // the source redacts
	ContentByReference       = "by_reference" // it lies elsewhere: see content_refs
	ContentPresent           = "present"
	ContentNotCaptured       = "not_captured"
)

// Values of mcp_method.
const (
	MCPElicitation = "elicitation"
	MCPSampling    = "sampling"
	MCPRoots       = "roots"
)

// Values of erasure_state.
const (
	ErasureOrdered = "ordered"
	ErasureDone    = "done"
)

// Optional is a value that may be absent: a count of zero is not "unknown".
type Optional[T any] struct {
	Value T
	Valid bool
}

// Some is a value that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Valid: true} }

// Event is one audit event, of any version that is read. The fields table of this package
// gives each one its name, kind and order; what is empty is absent from the line.
// A json.RawMessage holds one JSON value.
type Event struct {
	SchemaVersion string
	EventID       string
	EventType     EventType
	Timestamp     time.Time
	EndTimestamp  time.Time
	RecordedAt    time.Time
	SentTimestamp string
	SessionID     string
	RunID         string
	StepNumber    Optional[int64]
	ParentEventID string

	AgentID          string
	AgentName        string
	AgentVersion     string
	AgentInstanceID  string
	ParentAgentID    string
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
	DerivedFrom   json.RawMessage
	EventProblems []string
	Oversize      json.RawMessage
	LayerOf       string
	Alternates    json.RawMessage
	ContentState  string
	ContentRefs   json.RawMessage
	ContentAt     json.RawMessage
	MaskedFields  []string
	Sender        json.RawMessage
	Retention     string

	UserMessage    string
	ToolsAvailable json.RawMessage
	FinalOutput    string
	Outcome        string
	Reason         string
	FromAgent      string
	ToAgent        string

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

	ToolName            string
	ToolCallID          string
	ToolType            string
	ToolDescription     string
	ToolDescriptionHash string
	ToolInput           json.RawMessage
	ToolOutput          json.RawMessage
	ErrorType           string
	ExecutionTimeMS     Optional[float64]
	RequiresApproval    Optional[bool]
	ApprovalStatus      string
	ApproverID          string
	MCPServer           string
	MCPServerVersion    string
	MCPSessionID        string
	MCPMethod           string

	Query      string
	Documents  json.RawMessage
	DataSource string

	ApprovalReason string
	ApprovalSource string
	ApprovedInput  json.RawMessage
	ApprovalAt     time.Time

	ActorID string

	GuardrailName string
	Verdict       string
	Score         Optional[float64]

	Stack string

	FindingID     string
	Rule          string
	RulesSHA256   string
	EngineVersion string
	Severity      string
	Message       string
	Evidence      []string
	Exposed       Optional[bool]
	Acted         Optional[bool]
	Carrier       []string
	Read          []string
	Act           []string

	ErasureID      string
	ErasureState   string
	ErasureObject  string
	ErasureFrames  json.RawMessage
	ErasureEvents  []string
	ErasureRequest string
	FinalAt        time.Time
}
