package mapping

import (
	"bytes"
	"context"
	"math/rand"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestOneFact: a model call that two libraries, or an agent and a gateway, tell of is counted
// once, though they share no span: also where each record comes in a request of its own, in any
// order. Both are kept.
func TestOneFact(t *testing.T) {
	for name, events := range map[string]int{"gateway": 6, "wrapper": 6} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "..", "testdata", "onefact", name+".traces.otlp.jsonl")
			check := func(lines []byte) {
				calls, counted := 0, 0
				for line := range bytes.Lines(lines) {
					e, err := semconv.ParseLine(bytes.TrimSpace(line))
					require.NoError(t, err)
					if e.EventType != semconv.TypeLLMCall {
						continue
					}
					if calls++; e.LayerOf == "" {
						counted++
					}
				}
				require.Equal(t, []int{events, 3}, []int{calls, counted})
			}
			parts := pieces(t, []string{file})
			for seed := range int64(20) {
				var out bytes.Buffer
				m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
				require.NoError(t, err)
				if seed == 0 {
					require.NoError(t, m.Read(context.Background(), bytes.NewReader(bytes.Join(parts, []byte("\n")))))
				}
				for _, i := range rand.New(rand.NewSource(seed)).Perm(len(parts)) {
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
