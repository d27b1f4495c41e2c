package semconv

// Every event needs these.
var requiredAlways = []string{"event_id", "event_type", "timestamp", "session_id", "agent_id", "step_number"}

var requiredByType = map[EventType][]string{
	TypeLLMCall:    {"model_id", "system_prompt_hash"},
	TypeToolCall:   {"tool_name"},
	TypeToolResult: {"tool_name"},
	TypeApproval:   {"approval_status", "approver_id"},
}

// Required lists the fields that the schema requires of an event type, the ones
// that it requires of every event first. An operator may require more.
func Required(t EventType) []string {
	return append(append([]string(nil), requiredAlways...), requiredByType[t]...)
}

// Has reports whether the event holds a value for the field of that name.
func (e *Event) Has(name string) bool {
	i, ok := fieldNames[name]
	return ok && fields[i].Has(e)
}
