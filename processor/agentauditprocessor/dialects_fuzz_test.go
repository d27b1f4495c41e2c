package agentauditprocessor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A target for each dialect, so that each can be fuzzed from its own records:
// `make fuzz` runs them all. Seeds are in testdata/fuzz: records of the recordings and
// of the examples, written by `go test -run 'Test' -corpus`.

func FuzzVoltAgent(f *testing.F)     { fuzzDialect(f) }
func FuzzSpringAI(f *testing.F)      { fuzzDialect(f) }
func FuzzQuarkus(f *testing.F)       { fuzzDialect(f) }
func FuzzMCPGo(f *testing.F)         { fuzzDialect(f) }
func FuzzMirascope(f *testing.F)     { fuzzDialect(f) }
func FuzzLogfire(f *testing.F)       { fuzzDialect(f) }
func FuzzUntabled(f *testing.F)      { fuzzDialect(f) }
func FuzzAgentOps(f *testing.F)      { fuzzDialect(f) }
func FuzzAG2(f *testing.F)           { fuzzDialect(f) }
func FuzzAutoGen(f *testing.F)       { fuzzDialect(f) }
func FuzzBeeAI(f *testing.F)         { fuzzDialect(f) }
func FuzzLlamaIndex(f *testing.F)    { fuzzDialect(f) }
func FuzzHaystack(f *testing.F)      { fuzzDialect(f) }
func FuzzLaminar(f *testing.F)       { fuzzDialect(f) }
func FuzzLangWatch(f *testing.F)     { fuzzDialect(f) }
func FuzzShaped(f *testing.F)        { fuzzDialect(f) }
func FuzzClaudeCode(f *testing.F)    { fuzzDialect(f) }
func FuzzCodex(f *testing.F)         { fuzzDialect(f) }
func FuzzCopilot(f *testing.F)       { fuzzDialect(f) }
func FuzzFlue(f *testing.F)          { fuzzDialect(f) }
func FuzzGeminiCLI(f *testing.F)     { fuzzDialect(f) }
func FuzzGenkit(f *testing.F)        { fuzzDialect(f) }
func FuzzGoogleADK(f *testing.F)     { fuzzDialect(f) }
func FuzzLangfuse(f *testing.F)      { fuzzDialect(f) }
func FuzzLangSmith(f *testing.F)     { fuzzDialect(f) }
func FuzzLiveKit(f *testing.F)       { fuzzDialect(f) }
func FuzzMastra(f *testing.F)        { fuzzDialect(f) }
func FuzzMLflow(f *testing.F)        { fuzzDialect(f) }
func FuzzMicrosoft(f *testing.F)     { fuzzDialect(f) }
func FuzzOpenInference(f *testing.F) { fuzzDialect(f) }
func FuzzOpenLLMetry(f *testing.F)   { fuzzDialect(f) }
func FuzzOpenRouter(f *testing.F)    { fuzzDialect(f) }
func FuzzOTelGenAI(f *testing.F)     { fuzzDialect(f) }
func FuzzPydanticAI(f *testing.F)    { fuzzDialect(f) }
func FuzzStrands(f *testing.F)       { fuzzDialect(f) }
func FuzzVercelAI(f *testing.F)      { fuzzDialect(f) }
func FuzzApplication(f *testing.F)   { fuzzDialect(f) }

// targets are the dialects by the names of their targets.
var targets = map[string]string{
	"voltagent": "FuzzVoltAgent", "spring-ai": "FuzzSpringAI", "quarkus-langchain4j": "FuzzQuarkus", "mcp-go": "FuzzMCPGo", "mirascope": "FuzzMirascope", "logfire": "FuzzLogfire", "untabled": "FuzzUntabled",
	"agentops": "FuzzAgentOps", "ag2": "FuzzAG2", "autogen": "FuzzAutoGen", "beeai": "FuzzBeeAI", "llamaindex": "FuzzLlamaIndex", "haystack": "FuzzHaystack", "laminar": "FuzzLaminar", "langwatch": "FuzzLangWatch", "untabled-shape": "FuzzShaped",
	"claude-code": "FuzzClaudeCode", "codex": "FuzzCodex", "copilot": "FuzzCopilot", "flue": "FuzzFlue", "gemini-cli": "FuzzGeminiCLI",
	"genkit": "FuzzGenkit", "google-adk": "FuzzGoogleADK", "langfuse": "FuzzLangfuse", "langsmith": "FuzzLangSmith", "livekit": "FuzzLiveKit", "mastra": "FuzzMastra", "mlflow": "FuzzMLflow",
	"microsoft": "FuzzMicrosoft", "openinference": "FuzzOpenInference", "openllmetry": "FuzzOpenLLMetry", "openrouter": "FuzzOpenRouter", "otel-genai": "FuzzOTelGenAI",
	"pydantic-ai": "FuzzPydanticAI", "strands": "FuzzStrands", "vercel-ai": "FuzzVercelAI", "audit": "FuzzApplication",
}

// fuzzDialect: whatever a record of the dialect says, each event that comes of it is a
// line that a strict parser takes, and nothing of the record is lost.
func fuzzDialect(f *testing.F) {
	f.Fuzz(func(t *testing.T, record []byte) {
		var leaves []dialecttest.Leaf
		var lines [][]byte
		if td := dialecttest.SpanOf(record); td.SpanCount() > 0 {
			leaves = dialecttest.OfSpan(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
			out, err := fuzzAuditor(t).processTraces(context.Background(), td)
			if err != nil {
				return
			}
			for _, s := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				line, _, err := semconv.AppendSpan(nil, s)
				checkLine(t, line, err)
				lines = append(lines, line)
			}
		} else {
			ld := dialecttest.LogOf(record)
			leaves = dialecttest.OfLog(ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
			out, err := fuzzAuditor(t).processLogs(context.Background(), ld)
			if err != nil {
				return
			}
			for _, s := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
				line, _, err := semconv.AppendLog(nil, s)
				checkLine(t, line, err)
				lines = append(lines, line)
			}
		}
		read, err := dialecttest.Read(lines)
		require.NoError(t, err)
		require.Empty(t, read.Lost(leaves))
	})
}

// TestSeedsAreOfTheirDialect: a target reaches the dialect that it is for.
func TestSeedsAreOfTheirDialect(t *testing.T) {
	for dialect, target := range targets {
		files, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "seed-*"))
		require.NoError(t, err)
		require.NotEmpty(t, files, target)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, quoted, ok := strings.Cut(string(text), "[]byte(")
			require.True(t, ok, file)
			record, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(quoted), ")"))
			require.NoError(t, err, file)
			require.Contains(t, dialectsOf(t, []byte(record)), dialect, file)
		}
	}
}

// dialectsOf are the dialects of the events that come of a record alone.
func dialectsOf(t *testing.T, record []byte) (list []string) {
	r := newRig(t, nil)
	if td := dialecttest.SpanOf(record); td.SpanCount() > 0 {
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	} else {
		require.NoError(t, r.logs.ConsumeLogs(context.Background(), dialecttest.LogOf(record)))
	}
	for _, e := range r.events() {
		list = append(list, sourceOf(e)["dialect"])
	}
	return list
}

var corpus = flag.Bool("corpus", false, "write seeds for fuzzing from the recordings and the examples")

// seedsEach bounds the seeds of a dialect, and seedSize their size, in bytes.
const (
	seedsEach = 40
	seedSize  = 16 << 10
)

// TestCorpus writes the seeds of the recordings; seed takes those of the examples.
func TestCorpus(t *testing.T) {
	if !*corpus {
		t.Skip("writes nothing without -corpus")
	}
	for _, lines := range [][]string{
		{"span", "openrouter", "chat", "gen_ai.operation.name", "chat", "gen_ai.prompt", `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}`, "gen_ai.completion", `{"completion":"hello"}`, "^service.name", "openrouter"},
		{"span", "livekit-agents", "llm_request", "lk.chat_ctx", `{"items":[{"type":"message","role":"user","content":["hi"]}]}`, "lk.response.text", "hello", "gen_ai.request.model", "m"},
		{"span", "livekit-agents", "function_tool", "lk.function_tool.name", "get_weather", "lk.function_tool.id", "c1", "lk.function_tool.arguments", `{"city":"Paris"}`, "lk.function_tool.output", "rain"},
		{"span", "mirascope.ops", "get_weather", "mirascope.type", "tool", "mirascope.fn.qualname", "get_weather", "mirascope.trace.arg_values", `{"city":"Paris"}`, "mirascope.trace.output", `"rain"`, "mirascope.ops.session.id", "s"},
		{"span", "acme", "answer", "acme.span.type", "llm", "acme.input", `[{"role":"user","content":"hi"}]`, "acme.output", "hello", "acme.model", "m", "acme.usage", `{"prompt_tokens":3,"completion_tokens":1}`, "acme.session_id", "s"},
		{"span", "acme", "get_weather", "acme.span.kind", "TOOL", "acme.input", `{"args":[],"kwargs":{"city":"Paris"}}`, "acme.output", `"rain"`},
		{"span", "acme", "weather", "acme.span.kind", "agent", "acme.input", `{"question":"And now?"}`, "acme.output", `{"answer":"rain"}`, "acme.user_id", "u"},
		{"span", "shop", "review", semconv.AttrEventType, "approval", semconv.AttrApprovalStatus, "approved", semconv.AttrApproverID, "ann", semconv.AttrToolName, "pay"},
		{"log", "shop", "paid", semconv.AttrEventType, "tool_call", semconv.AttrToolName, "pay", semconv.AttrToolInput, `{"to":"bob"}`, semconv.AttrOutcome, "error", semconv.AttrError, "no money"},
	} {
		seed(t, lines)
	}
	for pattern, each := range map[string]func([]byte){
		"*.traces.otlp.jsonl": func(line []byte) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			require.NoError(t, err)
			seedTraces(t, td)
		},
		"*.logs.otlp.jsonl": func(line []byte) {
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
			require.NoError(t, err)
			seedLogs(t, ld)
		},
	} {
		files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range bytes.Lines(text) {
				each(line)
			}
		}
	}
}

func seedTraces(t *testing.T, td ptrace.Traces) {
	if !*corpus {
		return
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				lines := append([]string{"span", ss.Scope().Name(), s.Name()}, flat("", s.Attributes())...)
				if s.Status().Code() == ptrace.StatusCodeError {
					lines = append(lines, "^status", s.Status().Message())
				}
				for _, e := range s.Events().All() {
					lines = append(lines, flat("\t"+e.Name()+"\t", e.Attributes())...)
				}
				seed(t, append(lines, flat("^", rs.Resource().Attributes())...))
			}
		}
	}
}

func seedLogs(t *testing.T, ld plog.Logs) {
	if !*corpus {
		return
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				lines := append([]string{"log", sl.Scope().Name(), flatValue(r.Body())}, flat("", r.Attributes())...)
				if r.EventName() != "" {
					lines = append(lines, "^event", r.EventName())
				}
				seed(t, append(lines, flat("^", rl.Resource().Attributes())...))
			}
		}
	}
}

func flat(prefix string, m pcommon.Map) (lines []string) {
	for k, v := range m.All() {
		lines = append(lines, prefix+k, flatValue(v))
	}
	return lines
}

func flatValue(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeSlice {
		return v.AsString() + "\t"
	}
	return v.AsString()
}

// seed keeps a record for the target of its dialect, where it adds a set of keys that
// no seed of the dialect has.
func seed(t *testing.T, lines []string) {
	for i := range lines {
		lines[i] = strings.ReplaceAll(strings.ReplaceAll(lines[i], dialecttest.LineBreak, " "), "\n", dialecttest.LineBreak)
	}
	record := strings.Join(lines, "\n")
	if len(record) > seedSize {
		return
	}
	for _, dialect := range slices.Compact(dialectsOf(t, []byte(record))) {
		dir := filepath.Join("testdata", "fuzz", targets[dialect])
		require.NoError(t, os.MkdirAll(dir, 0o755))
		keys := lines[1]
		for i := 3; i < len(lines); i += 2 {
			if !strings.HasPrefix(lines[i], "^") {
				keys += "\n" + lines[i]
			}
		}
		shape := sha256.Sum256([]byte(lines[0] + keys))
		file := filepath.Join(dir, "seed-"+hex.EncodeToString(shape[:8]))
		have, err := filepath.Glob(filepath.Join(dir, "seed-*"))
		require.NoError(t, err)
		if len(have) < seedsEach {
			require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", record)), 0o644))
		}
	}
}
