package agentauditprocessor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

const prompt = "You are \"careful\".\nRefunds above 100 € need a human."

// call is a request of one model call that repeats its system prompt in many places.
func call() ptrace.Traces {
	td := ptrace.NewTraces()
	quoted, _ := json.Marshal(prompt)
	twice, _ := json.Marshal(string(quoted))
	span(td, "x", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "session.id": "s", "gen_ai.agent.id": "a",
		"gen_ai.system_instructions": `[{"type":"text","content":` + string(quoted) + `}]`,
		"gen_ai.input.messages":      `[{"role":"system","parts":[{"type":"text","content":` + string(quoted) + `}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
		"gen_ai.output.messages":     `[{"role":"assistant","parts":[{"type":"text","content":` + string(quoted) + `}]}]`,
		"vendor.raw":                 `{"request":` + string(twice) + `,"text":"it said: ` + strings.Trim(string(quoted), `"`) + `"}`,
		"vendor.text":                "x " + prompt + " y",
		"vendor.same":                prompt,
	})
	return td
}

func hexSHA(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestSystemPromptHash: the text is hashed where it is the system prompt, and in a value
// that is the same text; what the model answered and what else repeats it is evidence.
func TestSystemPromptHash(t *testing.T) {
	r := newRig(t, nil)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), call()))
	e := r.events()[0]
	marker := "[system prompt sha256:" + hexSHA(prompt) + "]"
	require.Equal(t, hexSHA(prompt), e.SystemPromptHash)
	require.JSONEq(t, `[{"role":"system","parts":[{"type":"text","content":"`+marker+`"}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]`, text(e.InputMessages))
	require.Equal(t, prompt, e.OutputText)
	require.Equal(t, "x "+prompt+" y", gjson.GetBytes(e.Content, `vendor\.text`).Str)
	require.Equal(t, marker, gjson.GetBytes(e.Content, `vendor\.same`).Str)
}

// TestSystemPromptOfAnyDialect: a system message is known by its shape, also under a key that
// the dialect of the record does not know.
func TestSystemPromptOfAnyDialect(t *testing.T) {
	const secret = "Never refund more than 100 EUR."
	for name, value := range map[string]string{
		"messages":            `[{"role":"system","content":"` + secret + `"}]`,
		"a part":              `{"x":{"messages":[{"role":"developer","content":[{"type":"text","text":"` + secret + `"}]}]}}`,
		"instructions":        `{"agent":{"instructions":"` + secret + `"}}`,
		"Gemini":              `{"config":{"systemInstruction":{"parts":[{"text":"` + secret + `"}]}}}`,
		"LangChain":           `[{"lc":1,"type":"constructor","id":["langchain","schema","SystemMessage"],"kwargs":{"content":"` + secret + `"}}]`,
		"a tuple":             `[["system","` + secret + `"],["user","hi"]]`,
		"JSON in JSON":        `{"raw":"{\"system\":\"` + secret + `\"}"}`,
		"Python":              `[SystemMessage(content='` + secret + `'), HumanMessage(content='hi')]`,
		"Python's JSON":       `[{'role': 'system', 'content': '` + secret + `'}]`,
		"LlamaIndex":          `[ChatMessage(role=<MessageRole.SYSTEM: 'system'>, additional_kwargs={}, text='` + secret + `')]`,
		"LlamaIndex's blocks": `ChatMessage(role=<MessageRole.SYSTEM: 'system'>, additional_kwargs={}, blocks=[TextBlock(block_type='text', text='` + secret + `')])`,
		"Python, in double":   `[SystemMessage(content="` + secret + `")]`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			span(td, "x", "chat m", 1, 9, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "vendor.raw": value})
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			e := r.events()[0]
			require.NotContains(t, text(e.Content), secret)
			require.Contains(t, text(e.Content), hexSHA(secret))
		})
	}
	for name, value := range map[string]string{
		"a user":             `[{"role":"user","content":"` + secret + `"}]`,
		"a tool":             `{"name":"system","arguments":{"text":"` + secret + `"}}`,
		"a human":            `[HumanMessage(content='` + secret + `')]`,
		"an LlamaIndex user": `[ChatMessage(role=<MessageRole.USER: 'user'>, text='` + secret + `')]`,
	} {
		t.Run("not of "+name, func(t *testing.T) {
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			span(td, "x", "chat m", 1, 9, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "vendor.raw": value})
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			require.Contains(t, text(r.events()[0].Content), secret)
		})
	}
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "vendor.messages.0.role": "system", "vendor.messages.0.content": secret, "vendor.messages.1.role": "user", "vendor.messages.1.content": "hi " + secret,
	})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.NotContains(t, text(r.events()[0].Content), `"`+secret)
	require.Contains(t, text(r.events()[0].Content), "hi "+secret)
}

func TestSystemPromptOfSeveralParts(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
		"gen_ai.system_instructions": `[{"type":"text","content":"First, be careful."},{"type":"text","content":"Second, be kind."}]`,
		"vendor":                     "Second, be kind.",
	})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	e := r.events()[0]
	require.Equal(t, hexSHA("First, be careful.\nSecond, be kind."), e.SystemPromptHash, "parts are joined by one newline")
	require.NotContains(t, text(e.Content), "be kind")
}

func TestShortSystemPromptIsTakenOutOfItsMessageOnly(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "x", "chat m", 1, 9, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
		"gen_ai.input.messages": `[{"role":"system","content":"Be brief"},{"role":"user","content":"Be brief, please"}]`,
	})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	in := text(r.events()[0].InputMessages)
	require.NotContains(t, in, `"Be brief"`)
	require.Contains(t, in, `"Be brief, please"`)
}

func TestSystemPromptHMAC(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SystemPrompt.HMACKey = "0123456789abcdef" })
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), call()))
	h := hmac.New(sha256.New, []byte("0123456789abcdef"))
	h.Write([]byte(prompt))
	require.Equal(t, hex.EncodeToString(h.Sum(nil)), r.events()[0].SystemPromptHash)
	require.NotContains(t, text(r.events()[0].InputMessages), hexSHA(prompt), "a guess cannot be confirmed without the key")
}

func TestSystemPromptKeep(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SystemPrompt.Mode = "keep" })
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), call()))
	e := r.events()[0]
	require.Equal(t, hexSHA(prompt), e.SystemPromptHash)
	require.Contains(t, text(e.InputMessages), "100 €")
}

func TestSystemPromptStore(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SystemPrompt.Mode = "store" })
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), call()))
	span := r.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	line, meta, err := semconv.AppendSpan(nil, span)
	require.NoError(t, err)
	require.Equal(t, prompt, meta.SystemPrompt, "for the exporter to seal")
	require.Equal(t, hexSHA(prompt), meta.SystemPromptHash)
	require.NotContains(t, gjson.GetBytes(line, "input_messages").Raw, "100 €")
}

func TestContentPolicy(t *testing.T) {
	for _, policy := range []string{"hash", "drop"} {
		t.Run(policy, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Content = policy })
			td := ptrace.NewTraces()
			span(td, "x", "execute_tool pay", 1, 9, attrs{
				"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": `{"iban":"DE02"}`, "gen_ai.tool.call.result": "paid", "note": "DE02",
			})
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			e := r.events()[0]
			require.Equal(t, "pay", e.ToolName)
			require.Equal(t, semconv.ContentWithheld, e.ContentState)
			if policy == "drop" {
				require.Empty(t, e.ToolInput)
				require.Empty(t, e.ToolOutput)
				require.Empty(t, e.Content)
				return
			}
			require.JSONEq(t, `{"sha256":"`+hexSHA(`{"iban":"DE02"}`)+`","bytes":15}`, text(e.ToolInput))
			require.NotContains(t, text(e.Content), "DE02")
		})
	}
}

func TestOversize(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxFieldBytes = 1024 })
	long := strings.Repeat("é", 2000)
	td := ptrace.NewTraces()
	span(td, "x", "execute_tool pay", 1, 9, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": `{"a":"` + long + `"}`, "error.type": long})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	e := r.events()[0]
	var marks map[string]struct {
		Bytes  int
		SHA256 string
	}
	require.NoError(t, json.Unmarshal(e.Oversize, &marks))
	require.Equal(t, len(`{"a":"`+long+`"}`), marks["tool_input"].Bytes)
	require.Equal(t, hexSHA(`{"a":"`+long+`"}`), marks["tool_input"].SHA256)
	var begin string
	require.NoError(t, json.Unmarshal(e.ToolInput, &begin), "what is left of JSON is text")
	require.True(t, strings.HasPrefix(`{"a":"`+long, begin) && len(begin) > 1000)
	require.True(t, strings.HasPrefix(long, e.ErrorType) && len(e.ErrorType) <= 1024, "cut between characters")
	whole, ok := r.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(semconv.AttrOversizeText)
	require.True(t, ok)
	require.Equal(t, map[string]any{"tool_input": `{"a":"` + long + `"}`, "error": long, "error_type": long}, whole.Map().AsRaw(), "for the exporter to store")
	metadatatest.AssertEqualAgentauditProcessorOversize(t, r.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("field", "error"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("field", "error_type"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("field", "tool_input"))},
	}, metricdatatest.IgnoreTimestamp())
}

// bare is a model call without its required model and prompt.
func bare() ptrace.Traces {
	td := ptrace.NewTraces()
	span(td, "x", "chat", 1, 9, attrs{"gen_ai.operation.name": "chat"})
	return td
}

func TestOnMissing(t *testing.T) {
	lack := []string{"model_id", "system_prompt_hash"}
	t.Run("flag", func(t *testing.T) {
		r := newRig(t, nil)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), bare()))
		require.Equal(t, lack, r.events()[0].MissingFields)
		of := func(f string) metricdata.DataPoint[int64] {
			return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(attribute.String("field", f), attribute.String("event_type", "llm_call"), attribute.String("dialect", "otel-genai"))}
		}
		metadatatest.AssertEqualAgentauditProcessorMissingFields(t, r.tel, []metricdata.DataPoint[int64]{of(lack[0]), of(lack[1])}, metricdatatest.IgnoreTimestamp())
	})
	t.Run("quarantine", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.OnMissing = "quarantine" })
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), bare()))
		_, meta, err := semconv.AppendSpan(nil, r.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
		require.NoError(t, err)
		require.True(t, meta.Quarantine)
	})
	t.Run("reject", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.OnMissing = "reject" })
		err := r.traces.ConsumeTraces(context.Background(), bare())
		require.ErrorContains(t, err, "refused: required fields are missing: llm_call (span 0100000000000000): model_id, system_prompt_hash")
		require.True(t, consumererror.IsPermanent(err))
		require.Empty(t, r.spans.AllTraces())
	})
	t.Run("more", func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			c.Required = map[string][]string{"all": {"user_id"}, "llm_call": {"response_id"}, "tool_call": {"tool_call_id"}}
		})
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), bare()))
		require.Equal(t, append(lack, "user_id", "response_id"), r.events()[0].MissingFields)
	})
}

func TestWhatIsNotGenAIIsDroppedAndCounted(t *testing.T) {
	r := newRig(t, nil)
	td := ptrace.NewTraces()
	span(td, "http", "GET /", 1, 0, attrs{"http.request.method": "GET"})
	span(td, "gen_ai", "step 1", 2, 1, attrs{"gen_ai.operation.name": "agent_step"})
	span(td, "traceloop.tracer", "task", 3, 1, attrs{"traceloop.span.kind": "task", "traceloop.entity.input": "x"})
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Empty(t, r.spans.AllTraces())
	metadatatest.AssertEqualAgentauditProcessorDropped(t, r.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "not_genai"), attribute.String("dialect", ""))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "copy"), attribute.String("dialect", "vercel-ai"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "glue"), attribute.String("dialect", "openllmetry"))},
	}, metricdatatest.IgnoreTimestamp())
}

// TestSteps: what no dialect has a type for is kept as a step, and the steps of frameworks
// where the operator says so.
func TestSteps(t *testing.T) {
	send := func(change func(*Config)) []*semconv.Event {
		r := newRig(t, change)
		td := ptrace.NewTraces()
		span(td, "nobody.knows", "think", 1, 0, attrs{"llamaindex.step.input": "what to do", "n": 7, "session.id": "s"})
		span(td, "traceloop.tracer", "task", 3, 1, attrs{"traceloop.span.kind": "task", "traceloop.entity.input": `{"inputs":"do it"}`})
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		return r.events()
	}
	events := send(nil)
	require.Len(t, events, 1)
	require.Equal(t, semconv.TypeStep, events[0].EventType)
	require.Equal(t, "s", events[0].SessionID)
	require.JSONEq(t, `{"llamaindex.step.input":"what to do","n":7}`, text(events[0].Content))
	events = send(func(c *Config) { c.Steps = "keep" })
	require.Len(t, events, 2)
	require.Contains(t, text(events[1].Content), "do it")
}

func TestRunCacheIsBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RunCache.MaxRuns = 2 })
	td := ptrace.NewTraces()
	for id := byte(1); id < 6; id++ {
		s := span(td, "x", "chat m", id, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
		s.SetTraceID([16]byte{id})
	}
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Len(t, r.events(), 5, "what is forgotten costs no event")
	metadatatest.AssertEqualAgentauditProcessorRunCacheEvictions(t, r.tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
}

// What senders make up, however much of it, makes no new series of metrics.
func TestMetricsAreBounded(t *testing.T) {
	points := func(n int) map[string]int {
		r := newRig(t, func(c *Config) { c.RunCache.MaxRuns = 10 })
		for i := range n {
			td := ptrace.NewTraces()
			name := fmt.Sprint("made-up-", i)
			s := span(td, name, name, byte(i), 0, attrs{
				"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.agent.name": name, "gen_ai.conversation.id": name, "user.id": name,
				"gen_ai.provider.name": name, name: name, "error.type": name,
			})
			s.SetTraceID([16]byte{byte(i), byte(i >> 8), 1})
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
		}
		count := map[string]int{}
		for _, m := range []string{"events", "coverage", "missing_fields", "dropped", "oversize", "quarantined", "rejected"} {
			got, err := r.tel.GetMetric("otelcol_agentaudit_processor_" + m)
			if err == nil { // one that counted nothing is not there
				count[m] = len(sumPoints(t, got))
			}
		}
		return count
	}
	require.Equal(t, points(1), points(300))
}

// What the policy withholds is content to every reader, and what was approved is what the
// tool was to be given.
func TestWithheldIsContent(t *testing.T) {
	for _, name := range contentFields {
		require.True(t, semconv.FieldNamed(name).Content(), name)
	}
	e := &semconv.Event{ApprovedInput: []byte(`{"iban":"DE89"}`)}
	withhold(e, contentDrop)
	require.Empty(t, e.ApprovedInput)
}

// TestCutSystemPrompt: what Python printed of a system message and was cut off is no prompt that
// can be hashed, and not to be read either.
func TestCutSystemPrompt(t *testing.T) {
	for _, printed := range []string{
		"AgentSetup(input=[ChatMessage(role=<MessageRole.SYSTEM: 'system'>, additional_kwargs={}, blocks=[TextBlock(block_type='text', text='Be secret and ki...",
		`{'role': 'system', 'content': "Be secret and don't...`,
		`[SystemMessage(content='Be secret and kind. \`,
	} {
		e := one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "summary": printed})
		require.NotContains(t, text(e.Content), "Be secret", printed)
		require.Contains(t, text(e.Content), "[system prompt, cut off at the source]", printed)
		require.Empty(t, e.SystemPromptHash)
	}
	e := one(t, "x", "chat m", attrs{"gen_ai.operation.name": "chat", "summary": "ChatMessage(role=<MessageRole.USER: 'user'>, blocks=[TextBlock(block_type='text', text='SYSTEM: ref..."})
	require.Contains(t, text(e.Content), "SYSTEM: ref")
}
