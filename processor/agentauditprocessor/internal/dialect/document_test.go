package dialect

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var update = flag.Bool("update", false, "write docs/dialects.md anew")

const page = "../../../../docs/dialects.md"

func TestDocumentIsTheTables(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(Document()), 0o644))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, Document(), string(have), "run go test ./processor/agentauditprocessor/internal/dialect -update")
}

// TestTablesNameFields: a misspelt field would never be filled.
func TestTablesNameFields(t *testing.T) {
	known := map[string]bool{SystemPrompt: true}
	for _, f := range semconv.Fields() {
		known[f.Name] = true
	}
	names := map[string]bool{}
	for _, d := range dialects {
		require.False(t, names[d.Name], d.Name)
		names[d.Name] = true
		require.NotEmpty(t, d.Title)
		for _, s := range append(append([]Source{}, identity...), d.Fields...) {
			require.True(t, known[s.Field], "%s: %s", d.Name, s.Field)
			require.NotEmpty(t, s.Keys)
		}
		for f := range d.Settings {
			require.True(t, known[f], "%s: %s", d.Name, f)
		}
	}
}
