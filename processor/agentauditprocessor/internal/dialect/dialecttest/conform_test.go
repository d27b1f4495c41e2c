package dialecttest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
)

func TestConform(t *testing.T) {
	names := map[string]bool{}
	for _, d := range dialect.All() {
		t.Run(d.Name, func(t *testing.T) { dialecttest.Conform(t, d) })
		require.False(t, names[d.Name], "two dialects of one name")
		names[d.Name] = true
	}
}

// TestWalker: it finds what is lost, and what is not.
func TestWalker(t *testing.T) {
	lines, err := dialecttest.Read([][]byte{[]byte(`{"tool_input":{"a":["kept",7,true]},"text":"JSON: {\"x\":1}","raw":"{\"in\":\"side\"}","timestamp":"2026-11-23T10:00:00Z","source":{"dialect":"openinference"}}`)})
	require.NoError(t, err)
	leaf := func(key string, v any) dialecttest.Leaf { return dialecttest.Leaf{Key: key, Value: v} }
	require.Empty(t, lines.Lost([]dialecttest.Leaf{leaf("k", "kept"), leaf("k", "ept"), leaf("k", 7.0), leaf("k", true), leaf("k", "KEPT"), leaf("k", "side"), leaf("k", "7"), leaf("k", "2026-11-23T10:00:00.000Z"), leaf("input.mime_type", "application/json"), leaf("k", "__REDACTED__")}))
	gone := []dialecttest.Leaf{leaf("k", "lost"), leaf("k", 8.0), leaf("k", false), leaf("input.value", "application/json")}
	require.Equal(t, gone, lines.Lost(gone))
}
