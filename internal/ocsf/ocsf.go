// Package ocsf writes audit events as events of the Open Cybersecurity Schema Framework
// (https://schema.ocsf.io), so that a SIEM reads them without a parser of its own.
package ocsf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Version of the schema that is written, and its class and profiles. An AI agent's
// class of its own is a draft; until it is released, the schema's authors put what
// agents do under API Activity.
const (
	Version       = "1.9.0"
	classUID      = 6003
	className     = "API Activity"
	categoryUID   = 6
	categoryName  = "Application Activity"
	activityOther = 99
)

var profiles = []string{"ai_operation", "security_control", "trace"}

// Sealed is an audit event and where it is sealed.
type Sealed struct {
	*semconv.Event        // of Shown
	Line           []byte // byte for byte as sealed
	// Shown is the line with what others say of the event in place; nil is Line.
	Shown []byte
	// Notes are what the reader says of the event beside its fields, by names that are
	// none of the schema's.
	Notes map[string]json.RawMessage

	Log    string
	Object string // key
	N      int    // of the line in the object, from 1
}

// Append appends the event as one JSON object on one line, with the newline. The
// product's version is that of the program.
//
// Nothing is lost: a field whose value has no place in the schema, or is only
// normalized there, stands under `unmapped` by its own name.
func Append(dst []byte, s *Sealed, productVersion string) ([]byte, error) {
	m := mapper{Sealed: s, placed: map[string]bool{}}
	a := m.activity(productVersion)
	var err error
	if a.Unmapped, err = m.unmapped(); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(a)
	return out.Bytes(), err
}

// unmapped are the fields of the event that were not placed, and what its reader says of it.
func (m *mapper) unmapped() (map[string]json.RawMessage, error) {
	line := m.Shown
	if line == nil {
		line = m.Line
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, err
	}
	for name := range m.placed {
		delete(fields, name)
	}
	maps.Copy(fields, m.Notes)
	return fields, nil
}

// digest is the hash of the line as it is sealed.
func (m *mapper) digest() *fingerprint {
	sum := sha256.Sum256(m.Line)
	return &fingerprint{AlgorithmID: 3, Algorithm: "SHA-256", Value: hex.EncodeToString(sum[:])}
}

// What follows is the part of the schema that is written. Times are milliseconds since
// the epoch.

type activity struct {
	ActivityID     int                        `json:"activity_id"`
	ActivityName   string                     `json:"activity_name"`
	CategoryUID    int                        `json:"category_uid"`
	CategoryName   string                     `json:"category_name"`
	ClassUID       int                        `json:"class_uid"`
	ClassName      string                     `json:"class_name"`
	TypeUID        int                        `json:"type_uid"`
	TypeName       string                     `json:"type_name"`
	Time           int64                      `json:"time"`
	SeverityID     int                        `json:"severity_id"`
	Severity       string                     `json:"severity"`
	StatusID       int                        `json:"status_id"`
	Status         string                     `json:"status"`
	StatusCode     string                     `json:"status_code,omitempty"`
	StatusDetail   string                     `json:"status_detail,omitempty"`
	Message        string                     `json:"message"`
	ActionID       int                        `json:"action_id,omitempty"`
	Action         string                     `json:"action,omitempty"`
	DispositionID  int                        `json:"disposition_id,omitempty"`
	Disposition    string                     `json:"disposition,omitempty"`
	IsAlert        bool                       `json:"is_alert,omitempty"`
	Policy         *named                     `json:"policy,omitempty"`
	Actor          actor                      `json:"actor"`
	API            api                        `json:"api"`
	SrcEndpoint    endpoint                   `json:"src_endpoint"`
	Resources      []resource                 `json:"resources,omitempty"`
	AIAgent        *aiAgent                   `json:"ai_agent,omitempty"`
	AIModel        *aiModel                   `json:"ai_model,omitempty"`
	MessageContext *messageContext            `json:"message_context,omitempty"`
	Trace          *trace                     `json:"trace,omitempty"`
	Metadata       metadata                   `json:"metadata"`
	RawDataHash    *fingerprint               `json:"raw_data_hash"`
	RawDataSize    int                        `json:"raw_data_size"`
	Unmapped       map[string]json.RawMessage `json:"unmapped,omitempty"`
}

type named struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type actor struct {
	AppName string   `json:"app_name,omitempty"`
	AppUID  string   `json:"app_uid,omitempty"`
	Session *session `json:"session,omitempty"`
	User    *user    `json:"user,omitempty"`
}

type session struct {
	UID string `json:"uid"`
}

type user struct {
	UID    string `json:"uid"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type api struct {
	Operation string    `json:"operation"`
	Service   *named    `json:"service,omitempty"`
	Request   *request  `json:"request,omitempty"`
	Response  *response `json:"response,omitempty"`
}

type request struct {
	UID  string          `json:"uid"`
	Data json.RawMessage `json:"data,omitempty"`
}

type response struct {
	Error        string          `json:"error,omitempty"`
	ErrorMessage string          `json:"error_message,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
}

type endpoint struct {
	SvcName string `json:"svc_name"`
}

type resource struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	RoleID int    `json:"role_id"`
	Role   string `json:"role"`
}

type aiAgent struct {
	UID         string   `json:"uid"`
	InstanceUID string   `json:"instance_uid,omitempty"`
	Name        string   `json:"name,omitempty"`
	Version     string   `json:"version,omitempty"`
	AIModel     *aiModel `json:"ai_model,omitempty"`
}

type aiModel struct {
	ModelName  string `json:"model_name"`
	AIProvider string `json:"ai_provider"`
	UID        string `json:"uid,omitempty"`
}

type messageContext struct {
	UID              string `json:"uid,omitempty"`
	AIRoleID         int    `json:"ai_role_id"`
	AIRole           string `json:"ai_role"`
	Application      *named `json:"application,omitempty"`
	Service          *named `json:"service,omitempty"`
	PromptText       string `json:"prompt_text,omitempty"`
	ResponseText     string `json:"response_text,omitempty"`
	PromptTokens     *int64 `json:"prompt_tokens,omitempty"`
	CompletionTokens *int64 `json:"completion_tokens,omitempty"`
	TotalTokens      *int64 `json:"total_tokens,omitempty"`
}

type trace struct {
	UID  string `json:"uid"`
	Span *span  `json:"span,omitempty"`
}

type span struct {
	UID       string `json:"uid"`
	ParentUID string `json:"parent_uid,omitempty"`
	StartTime int64  `json:"start_time"`
	EndTime   int64  `json:"end_time"`
}

type metadata struct {
	Version          string   `json:"version"`
	Product          product  `json:"product"`
	Profiles         []string `json:"profiles"`
	UID              string   `json:"uid,omitempty"`
	EventCode        string   `json:"event_code"`
	CorrelationUID   string   `json:"correlation_uid,omitempty"`
	Sequence         *int64   `json:"sequence,omitempty"`
	OriginalTime     string   `json:"original_time,omitempty"`
	OriginalEventUID string   `json:"original_event_uid"` // object#line
	LoggedTime       int64    `json:"logged_time,omitempty"`
	LogName          string   `json:"log_name"`
	LogProvider      string   `json:"log_provider"`
	LogSource        string   `json:"log_source"`
	LogVersion       string   `json:"log_version"`
	IsTruncated      bool     `json:"is_truncated,omitempty"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version"`
}

type fingerprint struct {
	AlgorithmID int    `json:"algorithm_id"`
	Algorithm   string `json:"algorithm"`
	Value       string `json:"value"`
}
