package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// vercel is the Vercel AI SDK: ai.* attributes (legacy), or the keys of
// OpenTelemetry under the scope gen_ai (new).
var vercel = &Dialect{
	Name:  "vercel-ai",
	Title: "Vercel AI SDK",
	Match: func(r *record.Record) bool {
		if r.Log {
			return false
		}
		return r.Has("ai.operationId") || strings.HasPrefix(r.Text("operation.name"), "ai.") || r.HasPrefix("ai.toolCall.") || r.Scope == "ai" && r.HasPrefix("ai.") || r.Scope == "gen_ai" && r.Has("gen_ai.operation.name")
	},
	Kind: func(r *record.Record) Kind {
		id := vercelOperation(r)
		if id == "" {
			if r.HasPrefix("ai.toolCall.") {
				return Tool
			}
			if r.Text("gen_ai.operation.name") == "agent_step" {
				return Copy // around a call that tells it
			}
			return otelKind(r)
		}
		switch {
		case strings.HasPrefix(id, "ai.toolCall"):
			return Tool
		case strings.Contains(id, ".do"): // doGenerate, doStream, doEmbed: the call itself
			return LLM
		case strings.HasPrefix(id, "ai.generate"), strings.HasPrefix(id, "ai.stream"):
			return Agent
		}
		return Other
	},
	Fields: []Source{
		{Field: "model_id", Keys: []string{"ai.model.id"}},
		{Field: "provider", Keys: []string{"gen_ai.provider.name", "gen_ai.system", "ai.model.provider"}, As: asVercelProvider},
		{Field: "response_model_id", Keys: []string{"ai.response.model"}},
		{Field: "response_id", Keys: []string{"ai.response.id"}},
		{Field: "finish_reasons", Keys: []string{"ai.response.finishReason", "ai.finishReason"}},
		{Field: SystemPrompt, Keys: []string{"ai.prompt"}, As: asVercelPrompt},
		{Field: "input_messages", Keys: []string{"ai.prompt.messages", "ai.prompt"}, As: asInput},
		{Field: "tools_available", Keys: []string{"ai.prompt.tools"}, As: asTools},
		{Field: "input_tokens", Keys: []string{"ai.usage.inputTokens", "ai.usage.promptTokens"}},
		{Field: "output_tokens", Keys: []string{"ai.usage.outputTokens", "ai.usage.completionTokens"}},
		{Field: "cached_input_tokens", Keys: []string{"ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens"}},
		{Field: "reasoning_tokens", Keys: []string{"ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"}},
		{Field: "time_to_first_token_ms", Keys: []string{"ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"}},
		{Field: "temperature", Keys: []string{"ai.settings.temperature"}},
		{Field: "top_p", Keys: []string{"ai.settings.topP"}},
		{Field: "max_tokens", Keys: []string{"ai.settings.maxOutputTokens", "ai.settings.maxTokens"}},
		{Field: "seed", Keys: []string{"ai.settings.seed"}},
		{Field: "tool_name", Keys: []string{"ai.toolCall.name"}},
		{Field: "tool_call_id", Keys: []string{"ai.toolCall.id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"ai.toolCall.args", "ai.toolCall.input"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"ai.toolCall.result", "ai.toolCall.output"}, As: asResult},
	},
	Finish: vercelFinish,
	Settings: map[string]string{
		"input_messages":  "recordInputs / recordOutputs: true",
		"output_messages": "recordInputs / recordOutputs: true",
		"tool_input":      "recordInputs / recordOutputs: true",
		"tool_output":     "recordInputs / recordOutputs: true",
		"session_id":      "runtime context sessionId, with includeRuntimeContext",
		"user_id":         "runtime context userId, with includeRuntimeContext",
		"agent_id":        "functionId",
	},
	Ignore: []record.Ignored{{"operation.name", "the record's name"}, {"resource.name", "the record's name"}, {"ai.operationId", "the event type"}, {"ai.usage.totalTokens", "a sum of fields"}, {"ai.usage.tokens", "of the library itself"}, {"ai.request.headers.*", "may hold credentials"}},
}

// vercelOperation is what the SDK did; its other key has the name of the function behind it.
func vercelOperation(r *record.Record) string {
	id, _, _ := strings.Cut(r.Text("operation.name"), " ")
	return cmp.Or(r.Text("ai.operationId"), id)
}

func vercelFinish(r *record.Record, e *Draft) {
	if e.Kind == LLM || e.Kind == Agent {
		e.vercelOutput(r)
		if e.Operation == "" {
			e.Operation = "chat"
			if strings.Contains(vercelOperation(r), "mbed") {
				e.Operation = "embeddings"
			}
		}
	}
	if e.Kind == Agent {
		if e.AgentName == "" {
			e.AgentName = r.Text("ai.telemetry.functionId")
		}
		e.FinalOutput = e.OutputText
		// The root repeats every call of its children beside the answer.
		e.Requested = nil
	}
	e.fallbackModel()
}

// vercelOutput puts the legacy answer, which is in several attributes, into one message.
func (e *Draft) vercelOutput(r *record.Record) {
	if len(e.OutputMessages) > 0 {
		return
	}
	text := r.TakeText("ai.response.text", "ai.result.text")
	reasoning := r.TakeText("ai.response.reasoning")
	object := r.TakeText("ai.response.object", "ai.result.object")
	var calls gjson.Result
	if v, ok := r.Take("ai.response.toolCalls", "ai.result.toolCalls"); ok {
		calls = record.JSON(v)
	}
	if text == "" && reasoning == "" && object == "" && len(calls.Array()) == 0 {
		return
	}
	e.output(chat.Reply(jsontext.Quote(reasoning), jsontext.Quote(cmp.Or(text, object)), calls))
}

func asVercelPrompt(e *Draft, v pcommon.Value) bool {
	e.Prompt = jsontext.First(record.JSON(v), "system", "instructions").Str
	e.Secrets = append(e.Secrets, e.Prompt)
	return e.Prompt != ""
}

// asVercelProvider cuts the SDK's own suffix, as in openai.chat.
func asVercelProvider(e *Draft, v pcommon.Value) bool {
	name := v.AsString()
	for _, suffix := range []string{".chat", ".responses", ".completion", ".messages", ".generative-ai", ".embedding"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return asProvider(e, pcommon.NewValueStr(name))
}
