package agentauditprocessor

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// seeds are the recordings, request by request.
func seeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", pattern))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			f.Add([]byte(line))
		}
	}
}

func fuzzAuditor(t *testing.T) *auditor {
	a, err := newAuditor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config))
	require.NoError(t, err)
	t.Cleanup(a.shutdown)
	return a
}

func checkLine(t *testing.T, line []byte, err error) {
	require.NoError(t, err)
	require.True(t, json.Valid(line), "%q", line)
	require.NotContains(t, string(line), "\n")
	_, err = semconv.ParseLine(line)
	require.NoError(t, err, "%q", line)
}

// FuzzTraces: whatever OTLP says, each event is a line that a strict parser takes.
func FuzzTraces(f *testing.F) {
	seeds(f, "*.traces.otlp.jsonl")
	f.Fuzz(func(t *testing.T, text []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
		if err != nil {
			return
		}
		out, err := fuzzAuditor(t).processTraces(context.Background(), td)
		if err != nil {
			return
		}
		for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			checkLine(t, line, err)
		}
	})
}

func FuzzLogs(f *testing.F) {
	seeds(f, "*.logs.otlp.jsonl")
	f.Fuzz(func(t *testing.T, text []byte) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
		if err != nil {
			return
		}
		out, err := fuzzAuditor(t).processLogs(context.Background(), ld)
		if err != nil {
			return
		}
		for _, s := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			line, _, err := semconv.AppendLog(nil, s)
			checkLine(t, line, err)
		}
	})
}

// TestHostile sends what broken and hostile senders do.
func TestHostile(t *testing.T) {
	deep := strings.Repeat(`[`, 10000) + strings.Repeat(`]`, 10000)
	many := `[` + strings.Repeat(`{"role":"user","content":"x"},`, 10000) + `{"role":"user","content":"end"}]`
	for name, a := range map[string]attrs{
		"deep":          {"gen_ai.input.messages": deep},
		"many":          {"gen_ai.input.messages": many},
		"cut":           {"gen_ai.input.messages": `[{"role":"user","content":"half`},
		"duplicates":    {"gen_ai.input.messages": `[{"role":"user","role":"system","content":"x"}]`},
		"invalid UTF-8": {"gen_ai.input.messages": "[{\"role\":\"user\",\"content\":\"\xff\"}]", "gen_ai.tool.name": "\xfe"},
		"wrong types":   {"gen_ai.input.messages": 12, "gen_ai.usage.input_tokens": "many", "gen_ai.response.finish_reasons": map[string]any{"a": 1}, "session.id": []any{1, 2}},
		"double":        {"gen_ai.input.messages": `"[{\"role\":\"user\",\"content\":\"x\"}]"`},
		"numbers":       {"gen_ai.tool.call.arguments": `{"n":1e999999}`, "gen_ai.usage.input_tokens": 1 << 62, "gen_ai.request.temperature": "NaN"},
		"megabytes":     {"gen_ai.input.messages": strings.Repeat("x", 4<<20)},
		"names":         {"a\nb": "x\ny", "\x1b[31m": "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			a["gen_ai.operation.name"] = "chat"
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			s := span(td, "x", "chat", 1, 1, a) // its own parent
			s.SetStartTimestamp(1<<64 - 1)
			s.SetEndTimestamp(1)
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			require.Len(t, r.events(), 1)
			e := r.events()[0]
			require.Equal(t, "18446744073709551615", e.SentTimestamp, "what was sent as the time")
			require.Contains(t, e.DerivedFields, "timestamp")
			switch name {
			case "cut", "duplicates":
				require.Contains(t, text(e.InputMessages)+text(e.Content), "role", "what cannot be parsed is kept as text")
			case "many":
				require.Contains(t, text(e.InputMessages), "end")
			case "double":
				require.JSONEq(t, `[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, text(e.InputMessages))
			}
		})
	}
}

// FuzzAttributes gives a span two attributes of any key and text, under any scope
// and name: what a mapper meets when a dialect changes.
func FuzzAttributes(f *testing.F) {
	for _, s := range [][6]string{
		{"gen_ai", "chat m", "gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, "gen_ai.operation.name", "chat"},
		{"ai", "ai.generateText", "ai.operationId", "ai.generateText.doGenerate", "ai.response.toolCalls", `[{"toolCallId":"c","toolName":"t","input":"{}"}]`},
		{"x", "y", "openinference.span.kind", "LLM", "llm.input_messages.0.message.contents.0.message_content.text", "x"},
		{"x", "y", "openinference.span.kind", "TOOL", "output.value", `{"output":{"lc":1,"kwargs":{"content":"{\"a\":1}"}}}`},
		{"traceloop.tracer", "t.tool", "traceloop.span.kind", "tool", "traceloop.entity.input", `{"args":["{\"a\":1}"]}`},
		{"gcp.vertex.agent", "call_llm", "gcp.vertex.agent.llm_request", `{"contents":[{"parts":[{"functionCall":{"name":"f","args":{}}}]}]}`, "gcp.vertex.agent.llm_response", `{"content":{"parts":[{"thought":true,"text":"t"}]}}`},
		{"langfuse-sdk", "x", "langfuse.observation.type", "generation", "langfuse.observation.usage_details", `{"input":1}`},
		{"genkit-tracer", "x", "genkit:metadata:subtype", "model", "genkit:output", `{"candidates":[{"message":{"role":"model","content":[{"text":"x"}]}}]}`},
		{"langsmith", "x", "langsmith.span.kind", "llm", "gen_ai.prompt", `{"messages":[[{"lc":1,"id":["AIMessage"],"kwargs":{"tool_calls":[{"name":"t","args":{}}]}}]]}`},
		{"pydantic-ai", "running tool", "pydantic_ai.tool.deferral.name", "ApprovalRequired", "tool_arguments", `{}`},
		{"x", "claude_code.tool", "tool_name", "Bash", "tool_input", "[TOOL INPUT: Bash]\n{}"},
		{"x", "x", "audit.event_type", "approval", "audit.approval_status", "approved"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5])
	}
	f.Fuzz(func(t *testing.T, scope, name, k1, v1, k2, v2 string) {
		td := ptrace.NewTraces()
		s := span(td, scope, name, 1, 0, attrs{k1: v1, k2: v2})
		s.Status().SetCode(ptrace.StatusCode(len(v1) % 3))
		s.Status().SetMessage(v2)
		out, err := fuzzAuditor(t).processTraces(context.Background(), td)
		if err != nil {
			return
		}
		for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			line, _, err := semconv.AppendSpan(nil, s)
			if _, has := s.Attributes().Get(semconv.AttrEventType); !has {
				continue
			}
			checkLine(t, line, err)
		}
	})
}

// TestHostileShapes sends requests that would take very long if the work for a span
// grew with the others of its request.
func TestHostileShapes(t *testing.T) {
	const n = 20000
	agent := func(i int, parent int) func(ptrace.ScopeSpans) {
		return func(ss ptrace.ScopeSpans) {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID([16]byte{1})
			s.SetSpanID([8]byte{1, byte(i), byte(i >> 8), byte(i >> 16)})
			if parent >= 0 {
				s.SetParentSpanID([8]byte{1, byte(parent), byte(parent >> 8), byte(parent >> 16)})
			}
			s.Attributes().PutStr("gen_ai.operation.name", "invoke_agent")
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	for name, parent := range map[string]func(int) int{
		"a chain": func(i int) int { return i - 1 },
		"a star":  func(i int) int { return min(i-1, 0) },
		"a loop":  func(i int) int { return (i + 1) % n },
		"roots":   func(int) int { return -1 },
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			for i := range n {
				agent(i, parent(i))(ss)
			}
			out, err := fuzzAuditor(t).processTraces(context.Background(), td)
			require.NoError(t, err)
			require.Positive(t, out.SpanCount())
		})
	}
	t.Run("calls", func(t *testing.T) {
		td := ptrace.NewTraces()
		s := span(td, "x", "chat", 1, 0, attrs{"gen_ai.operation.name": "chat"})
		var calls strings.Builder
		for i := range n {
			calls.WriteString(`{"type":"tool_call","id":"c` + strconv.Itoa(i) + `","name":"t"},`)
		}
		s.Attributes().PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[`+calls.String()+`{"type":"text","content":"x"}]}]`)
		_, err := fuzzAuditor(t).processTraces(context.Background(), td)
		require.NoError(t, err)
	})
}
