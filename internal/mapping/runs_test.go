package mapping

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestFactsOfRuns: the facts of a run stand on some of its spans. Whatever the order of
// the spans and however they are split over requests, the reader gives each event the
// same facts or says less of its agent, and no fact goes from one trace to another. A cache that is too small
// costs facts at the most, never an event.
func TestFactsOfRuns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		traces := []generated{generate(rt, 1), generate(rt, 2)}
		var spans []ptrace.Traces
		for _, g := range traces {
			spans = append(spans, g.spans...)
		}
		whole := mapped(rt, nil, together(spans))
		order := rapid.Permutation(spans).Draw(rt, "order")
		var requests []ptrace.Traces
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(rt, "in a request")
			requests, order = append(requests, together(order[:n])), order[n:]
		}
		split := mapped(rt, nil, requests...)
		for _, g := range traces {
			want, have := read(rt, whole, g.id), read(rt, split, g.id)
			require.ElementsMatch(rt, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(have)))
			for id, f := range have {
				// Which of several agents, the reader leaves open where it came too late.
				require.Contains(rt, []string{"", want[id].agent}, f.agent, id)
				f.agent = want[id].agent
				require.Equal(rt, want[id], f, id)
				if g.session != "" {
					require.Equal(rt, g.session, f.session, id)
				}
				require.Contains(rt, []string{"", g.user}, f.user, id)
			}
		}
		small := mapped(rt, func(c *agentauditprocessor.Config) { c.RunCache.MaxRuns = 1 }, requests...)
		require.Len(rt, parse(rt, small), len(parse(rt, split)))
	})
}

// generated is a trace: spans, each as a request of its own, and what some of them say.
type generated struct {
	id, session, user string
	spans             []ptrace.Traces
}

func generate(rt *rapid.T, n byte) generated {
	trace := pcommon.TraceID{n}
	g := generated{id: trace.String()}
	if rapid.Bool().Draw(rt, "has a session") {
		g.session = fmt.Sprintf("session %d", n)
	}
	if rapid.Bool().Draw(rt, "has a user") {
		g.user = fmt.Sprintf("user %d", n)
	}
	count := rapid.IntRange(1, 8).Draw(rt, "spans")
	teller := rapid.IntRange(0, count-1).Draw(rt, "who tells the session") // one at least
	kinds := make([]string, count)
	for i := range count {
		td := ptrace.NewTraces()
		s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(trace)
		s.SetSpanID(pcommon.SpanID{n, byte(i + 1)})
		kinds[i] = "agent"
		if i > 0 {
			parent := rapid.IntRange(0, i-1).Draw(rt, "parent")
			s.SetParentSpanID(pcommon.SpanID{n, byte(parent + 1)})
			kinds[i] = rapid.SampledFrom([]string{"agent", "call", "tool", "glue"}).Draw(rt, "kind")
			if kinds[parent] == "call" || kinds[parent] == "tool" {
				kinds[i] = "glue" // an HTTP request; calls within calls are layers, which have tests of their own
			}
			if kinds[parent] == "glue" && kinds[i] == "call" {
				kinds[i] = "tool"
			}
		}
		at := time.Date(2026, 11, 23, 10, int(n), i, 0, time.UTC)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
		a := s.Attributes()
		switch kinds[i] {
		case "agent":
			a.PutStr("gen_ai.operation.name", "invoke_agent")
			a.PutStr("gen_ai.agent.id", fmt.Sprintf("agent %d", i))
		case "call":
			a.PutStr("gen_ai.operation.name", "chat")
			a.PutStr("gen_ai.request.model", "m")
		case "tool":
			a.PutStr("gen_ai.operation.name", "execute_tool")
			a.PutStr("gen_ai.tool.name", fmt.Sprintf("tool %d", i))
		default:
			a.PutStr("http.request.method", "POST")
		}
		if g.session != "" && (i == teller || rapid.Bool().Draw(rt, "tells the session")) {
			a.PutStr("session.id", g.session)
		}
		if g.user != "" && rapid.Bool().Draw(rt, "tells the user") {
			a.PutStr("user.id", g.user)
		}
		g.spans = append(g.spans, td)
	}
	if kinds[teller] == "glue" {
		g.session = "" // which is told by nobody who counts, or by some
	}
	return g
}

func together(list []ptrace.Traces) ptrace.Traces {
	all := ptrace.NewTraces()
	for _, td := range list {
		td.ResourceSpans().At(0).CopyTo(all.ResourceSpans().AppendEmpty())
	}
	return all
}

// mapped maps requests, and gives the lines.
func mapped(rt *rapid.T, change func(*agentauditprocessor.Config), requests ...ptrace.Traces) []byte {
	cfg := agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config)
	if change != nil {
		change(cfg)
	}
	var out bytes.Buffer
	m, err := New(context.Background(), cfg, &out)
	require.NoError(rt, err)
	for _, td := range requests {
		b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(rt, err)
		require.NoError(rt, m.Request(context.Background(), b))
	}
	require.NoError(rt, m.Close(context.Background()))
	return out.Bytes()
}

func parse(rt *rapid.T, lines []byte) (events []*semconv.Event) {
	for line := range bytes.Lines(lines) {
		e, err := semconv.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
		require.NoError(rt, err)
		events = append(events, e)
	}
	return events
}

// facts are what the reader knows of an event.
type facts struct{ typ, session, user, agent string }

// read seals lines and reads one run back, completed.
func read(rt *rapid.T, lines []byte, run string) map[string]facts {
	s, key, _ := sealed(rt, lines)
	t, err := trail.Read(context.Background(), s, []ledger.PublicKey{key}, nil, run)
	require.NoError(rt, err)
	out := map[string]facts{}
	for e := range t.All() {
		require.Equal(rt, run, e.RunID)
		if e.LayerOf != "" {
			continue // told twice: what came too late for a merge
		}
		out[e.EventID] = facts{string(e.EventType), e.SessionID, e.UserID, e.AgentID}
	}
	return out
}
