package trailtest

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// LineWith is a line of an event with a field in it.
func LineWith(t require.TestingT, name, value string) []byte {
	have := map[string]string{
		"schema_version": `"1.1"`, "event_id": `"e"`, "event_type": `"tool_call"`, "timestamp": `"2026-11-23T10:00:00Z"`,
	}
	var missing []string
	for _, f := range semconv.Required(semconv.TypeToolCall) {
		if have[f] == "" && f != name {
			missing = append(missing, f)
		}
	}
	text, err := json.Marshal(missing)
	require.NoError(t, err)
	have["missing_fields"] = string(text)
	have[name] = value
	line := []byte{'{'}
	for _, f := range semconv.Fields() {
		if have[f.Name] != "" {
			if len(line) > 1 {
				line = append(line, ',')
			}
			line = append(line, `"`+f.Name+`":`+have[f.Name]...)
		}
	}
	require.True(t, json.Valid(append(line, '}')))
	return append(line, '}')
}
