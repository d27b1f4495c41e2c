package mapping

import (
	"bytes"
	"context"
	"math/rand"
	"path/filepath"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/otlptest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// pieces cuts recordings into export requests of one record each.
func pieces(t *testing.T, files []string) (out [][]byte) {
	t.Helper()
	for _, r := range otlptest.Records(t, files...) {
		out = append(out, r.JSON(t))
	}
	return out
}

// TestAnyOrder sends every record of a recording in a request of its own, in many
// orders: model calls and tool calls are counted once whatever comes first, and a
// record keeps the event ids it has when all come together.
func TestAnyOrder(t *testing.T) {
	for _, name := range []string{
		"openinference-openai/agent", "openinference-anthropic/agent", "openinference-langgraph/agent", "openinference-bedrock/agent", "openinference-mcp/agent",
		"otel-openai/agent", "vercel-ai/agent", "vercel-ai/legacy", "traceloop/agent", "langfuse/agent", "google-adk/agent", "genkit/agent", "claude-code/allowed",
		"codex/run", "gemini-cli/yolo",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(captures, name+".*.otlp.jsonl"))
			require.NoError(t, err)
			sort.Strings(files)
			whole := mapFiles(t, files...)
			parts := pieces(t, files)
			for seed := range int64(20) {
				order := rand.New(rand.NewSource(seed)).Perm(len(parts))
				var out bytes.Buffer
				m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
				require.NoError(t, err)
				for _, i := range order {
					require.NoError(t, m.Request(context.Background(), parts[i]))
				}
				require.NoError(t, m.Close(context.Background()))
				var events []*semconv.Event
				for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
					e, err := semconv.ParseLine(line)
					require.NoError(t, err)
					events = append(events, e)
				}
				for _, typ := range []semconv.EventType{semconv.TypeLLMCall, semconv.TypeToolCall, semconv.TypeApproval} {
					require.Equal(t, countType(whole, typ), countType(events, typ), "%s, order %v", typ, order)
				}
				require.Subset(t, ids(events), mainIDs(whole), "order %v", order)
			}
		})
	}
}

func countType(events []*semconv.Event, typ semconv.EventType) (n int) {
	for _, e := range events {
		if e.EventType == typ && e.LayerOf == "" {
			n++
		}
	}
	return n
}

func ids(events []*semconv.Event) (out []string) {
	for _, e := range events {
		out = append(out, e.EventID)
	}
	return out
}

// mainIDs are the ids of what happened: calls of models and of tools.
func mainIDs(events []*semconv.Event) (out []string) {
	for _, e := range events {
		if e.EventType == semconv.TypeLLMCall || e.EventType == semconv.TypeToolCall {
			out = append(out, e.EventID)
		}
	}
	return out
}
