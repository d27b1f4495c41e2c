package table

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A word is found however deep a sender lays it.
func TestNamesWhatLiesDeep(t *testing.T) {
	for _, depth := range []int{0, 1, maxDepth - 1, maxDepth, maxDepth + 1, 10 * maxDepth} {
		e := &semconv.Event{ToolInput: []byte(strings.Repeat(`{"a":[`, depth) + `"A-1001"` + strings.Repeat(`]}`, depth))}
		require.True(t, Names(e, "A-1001"), depth)
	}
}

// Finds knows what words are: what it says no to is not found where it was said.
func TestFinds(t *testing.T) {
	for value, want := range map[string]bool{
		"A-1001": true, "ann@example.com": true, "1234567": true,
		"refund": false, "A-1001 paid": false, "A-1001.": false, "120": false, "a1": false, strings.Repeat("a1", 100): false,
	} {
		require.Equal(t, want, Finds(value), value)
		require.Equal(t, want, Names(&semconv.Event{ToolInput: []byte(`"` + value + `"`)}, value), value)
	}
}
