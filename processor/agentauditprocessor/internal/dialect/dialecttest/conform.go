package dialecttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Conform checks what every dialect must have: a name, a rule, a table of fields of the
// schema, and a reason for each key that it leaves out. That nothing of its records is lost is
// checked on records: see Lines.Lost.
func Conform(t *testing.T, d *dialect.Dialect) {
	t.Helper()
	require.NotEmpty(t, d.Name)
	require.NotEmpty(t, d.Title, "for the documentation")
	require.NotNil(t, d.Match)
	require.NotNil(t, d.Kind)
	for _, s := range d.Fields {
		require.NotEmpty(t, s.Keys)
		require.True(t, s.Field == dialect.Ignored || s.Field == dialect.SystemPrompt || semconv.FieldNamed(s.Field) != nil, "%q is no field", s.Field)
		require.True(t, s.As != nil || s.Field != dialect.SystemPrompt, "a system prompt needs a decoder")
	}
	for f := range d.Settings {
		require.True(t, f == "system_prompt_hash" || semconv.FieldNamed(f) != nil, "%q is no field", f)
	}
	for _, i := range d.Ignore {
		require.NotEmpty(t, i[0])
		require.NotEmpty(t, i[1], "%s is left out for a reason", i[0])
		require.NotEqual(t, "*", i[0], "leaves out everything")
	}
}
