package semconv

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whether a field is content is never left open: an index keeps the two apart, and a field
// that nobody thought about would be shown to who may not see content.
func TestEveryFieldIsContentOrNot(t *testing.T) {
	for _, f := range Fields() {
		yes, no := slices.Contains(contentFields, f.Name), slices.Contains(plainFields, f.Name)
		require.NotEqual(t, yes, no, "say in content.go whether %s is content", f.Name)
		require.Equal(t, yes, f.Content(), f.Name)
	}
	for _, name := range slices.Concat(contentFields, plainFields) {
		require.NotNil(t, FieldNamed(name), name)
	}
}

// Read gives what ParseLine gives, whatever line was read before.
func TestLineReaderRead(t *testing.T) {
	var r LineReader
	lines := []string{
		`{"schema_version":"1","event_id":"a","event_type":"tool_call","timestamp":"2026-11-23T10:00:00Z","session_id":"s","agent_id":"x","tool_input":{"a":1},"missing_fields":["user_id"],"seed":7}`,
		`{"schema_version":"1.1","event_id":"b","event_type":"error","timestamp":"2026-11-23T10:00:00Z","session_id":"s","agent_id":"x","error":"no"}`,
		`{"schema_version":"1.1","event_id":"c"}`,
		`{"schema_version":"1","event_id":"a","event_type":"tool_call","timestamp":"2026-11-23T10:00:00Z","session_id":"t","agent_id":"x"}`,
	}
	for _, line := range lines {
		want, wantErr := ParseLine([]byte(line))
		have, err := r.Read([]byte(line))
		require.Equal(t, wantErr, err)
		if err == nil {
			require.Equal(t, want, have)
		}
	}
}

func TestValuesByKind(t *testing.T) {
	e := &Event{
		EventID: "a", EventType: TypeToolCall, StepNumber: Some(int64(3)), LatencyMS: Some(1.5),
		RequiresApproval: Some(false), MissingFields: []string{"user_id"}, ToolInput: []byte(`{"a":1}`),
	}
	require.Equal(t, "a", FieldNamed("event_id").String(e))
	require.Equal(t, "tool_call", FieldNamed("event_type").String(e))
	require.Equal(t, Some(int64(3)), FieldNamed("step_number").Int(e))
	require.Equal(t, Some(1.5), FieldNamed("latency_ms").Float(e))
	require.Equal(t, Some(false), FieldNamed("requires_approval").Bool(e))
	require.Equal(t, []string{"user_id"}, FieldNamed("missing_fields").Strings(e))
	require.JSONEq(t, `{"a":1}`, string(FieldNamed("tool_input").JSON(e)))
	require.True(t, FieldNamed("timestamp").Time(e).IsZero())
}
