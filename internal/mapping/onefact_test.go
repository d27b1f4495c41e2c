package mapping

import (
	"bytes"
	"context"
	"math/rand"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestOneFact: a call that two libraries, an agent and a gateway, or the client and the server
// of a tool tell of is counted once, though they share no span: also where each record comes in a request of its own, in any
// order. Both are kept.
func TestOneFact(t *testing.T) {
	for name, want := range map[string]struct {
		typ           semconv.EventType
		told, counted int
		inOrder       bool // as it was sent
	}{
		"gateway": {semconv.TypeLLMCall, 6, 3, false},
		"wrapper": {semconv.TypeLLMCall, 6, 3, false},
		// Of three spans around each other, the middle one links the others: where it comes last,
		// both are sealed.
		"mcp": {semconv.TypeToolCall, 6, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "..", "testdata", "onefact", name+".traces.otlp.jsonl")
			check := func(lines []byte) {
				calls, counted := 0, 0
				for line := range bytes.Lines(lines) {
					e, err := semconv.ParseLine(bytes.TrimSpace(line))
					require.NoError(t, err)
					if e.EventType != want.typ {
						continue
					}
					if calls++; e.LayerOf == "" {
						counted++
					}
				}
				require.Equal(t, []int{want.told, want.counted}, []int{calls, counted})
			}
			parts := pieces(t, []string{file})
			for seed := range int64(20) {
				var out bytes.Buffer
				m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
				require.NoError(t, err)
				if seed == 0 {
					require.NoError(t, m.Read(context.Background(), bytes.NewReader(bytes.Join(parts, []byte("\n")))))
				}
				order := rand.New(rand.NewSource(seed)).Perm(len(parts))
				if want.inOrder {
					slices.Sort(order)
				}
				for _, i := range order {
					if seed > 0 {
						require.NoError(t, m.Request(context.Background(), parts[i]))
					}
				}
				require.NoError(t, m.Close(context.Background()))
				check(out.Bytes())
			}
		})
	}
}
