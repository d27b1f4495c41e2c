package dialect

import (
	"cmp"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// langfuse is the Langfuse SDK: observations of a type, with their input and output
// as JSON or text.
var langfuse = &Dialect{
	Name:  "langfuse",
	Title: "Langfuse SDK",
	Match: func(r *record.Record) bool {
		if r.Has("ai.operationId") && !r.Has("langfuse.observation.type") {
			return false // a span of Vercel's that only carries the trace's attributes
		}
		if r.Log || strings.HasPrefix(r.Scope, "langfuse-sdk") {
			return !r.Log
		}
		if r.Has("langfuse.observation.type") || r.Has("langfuse.observation.input") || r.Has("langfuse.observation.output") {
			return true
		}
		// Its SDK copies what is said of a trace onto every span of the process.
		return (r.HasPrefix("langfuse.observation.") || r.HasPrefix("langfuse.trace.")) && !conventional(r)
	},
	Kind: func(r *record.Record) Kind {
		switch r.Text("langfuse.observation.type") {
		case "generation", "embedding":
			return LLM
		case "tool":
			return Tool
		case "agent":
			return Agent
		case "retriever":
			return Retrieval
		case "guardrail", "evaluator":
			return Guardrail
		case "event":
			return Other
		case "span", "chain", "":
			// Older SDKs say span though it is a generation.
			if r.Has("langfuse.observation.model.name") {
				return LLM
			}
			if k := otelKind(r); k != Chain {
				return k
			}
		}
		return Chain
	},
	Fields: []Source{
		{Field: SystemPrompt, Keys: []string{"langfuse.observation.metadata.instructions", "langfuse.observation.metadata.system_prompt"}, As: asSystem},
		{Field: "response_model_id", Keys: []string{"langfuse.observation.model.name"}},
		{Field: "input_messages", Keys: []string{"langfuse.observation.input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"langfuse.observation.output"}, As: asOutput},
		{Field: "tool_input", Keys: []string{"langfuse.observation.input"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"langfuse.observation.output"}, As: asLangChainResult},
		{Field: "query", Keys: []string{"langfuse.observation.input"}},
		{Field: "documents", Keys: []string{"langfuse.observation.output"}, As: asJSON("documents")},
		{Field: "verdict", Keys: []string{"langfuse.observation.output"}},
	},
	Finish: langfuseFinish,
	Settings: map[string]string{
		"session_id":    "propagateAttributes({sessionId})",
		"user_id":       "propagateAttributes({userId})",
		"agent_version": "the version or release of the trace",
	},
	Ignore: []record.Ignored{{"langfuse.observation.type", "the event type"}},
}

func langfuseFinish(r *record.Record, e *Draft) {
	if r.Text("langfuse.observation.level") == "ERROR" && spoken(e.Error) == "" { // the span's status may stay unset
		e.Error = cmp.Or(r.TakeText("langfuse.observation.status_message"), e.Error, "error")
		e.Outcome = semconv.OutcomeError
	}
	switch e.Kind {
	case LLM:
		e.langfuseCall(r)
	case Tool:
		if e.ToolName == "" {
			e.ToolName = r.Name
		}
	case Agent, Chain:
		if e.AgentName == "" && e.Kind == Agent {
			e.AgentName = r.Name
		}
		if v, ok := r.Take("langfuse.observation.input", "langfuse.trace.input"); ok && e.UserMessage == "" {
			e.UserMessage = userText(v)
		}
		if v, ok := r.Take("langfuse.observation.output", "langfuse.trace.output"); ok && e.FinalOutput == "" {
			e.FinalOutput = answerText(v)
		}
	case Guardrail:
		e.GuardrailName = cmp.Or(e.GuardrailName, r.Name)
	}
}

// langfuseCall reads what a model was asked with.
func (e *Draft) langfuseCall(r *record.Record) {
	if v, ok := r.Get("langfuse.observation.input"); ok && len(e.ToolsAvailable) == 0 {
		if t := jsontext.Get(record.JSON(v), "tools"); t.IsArray() {
			e.tools(t, "")
		}
	}
	if v, ok := r.Take("langfuse.observation.model.parameters"); ok {
		p := record.JSON(v)
		for field, path := range map[string]string{"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", "seed": "seed"} {
			if x := p.Get(path); x.Exists() && x.String() != "" && !e.Has(field) {
				e.Set(field, pcommon.NewValueStr(x.String()))
			}
		}
	}
	e.langfuseUsage(r)
	if v := jsontext.OpenString(gjson.Parse(r.Text("langfuse.observation.completion_start_time"))); v.Exists() {
		if t, err := time.Parse(time.RFC3339Nano, v.Str); err == nil && t.After(r.Start) {
			e.TimeToFirstTokenMS = semconv.Some(float64(t.Sub(r.Start).Microseconds()) / 1000)
		}
	}
	if e.Operation == "" {
		e.Operation = "chat"
	}
	e.fallbackModel()
}

// langfuseUsage reads counts that leave out what the cache gave and what was
// reasoning, each told apart.
func (e *Draft) langfuseUsage(r *record.Record) {
	if v, ok := r.Get("langfuse.observation.cost_details"); ok && !e.CostUSD.Valid {
		if total := jsontext.Get(record.JSON(v), "total"); total.Type == gjson.Number {
			e.CostUSD = semconv.Some(total.Num)
		}
	}
	v, ok := r.Take("langfuse.observation.usage_details")
	if !ok {
		return
	}
	u := record.JSON(v)
	sum := func(paths ...string) (n int64, found bool) {
		for _, p := range paths {
			if x := u.Get(p); x.Type == gjson.Number {
				n += x.Int()
				found = true
			}
		}
		return n, found
	}
	// Under "input" and "output" the parts are told apart; the names of providers are of sums.
	if jsontext.Get(u, "input").Exists() {
		if n, ok := sum("input", "input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "input_cache_creation", "cache_creation_input_tokens"); ok {
			e.InputTokens = semconv.Some(n)
		}
		if n, ok := sum("output", "output_reasoning_tokens", "output_reasoning"); ok {
			e.OutputTokens = semconv.Some(n)
		}
	}
	if n, ok := sum("input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "cached_input"); ok {
		e.CachedInputTokens = semconv.Some(n)
	}
	if n, ok := sum("output_reasoning_tokens", "output_reasoning"); ok {
		e.ReasoningTokens = semconv.Some(n)
	}
	e.usage(u)
}
