package dialect

import (
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// googleADK is Google's Agent Development Kit.
var googleADK = &Dialect{
	Name:  "google-adk",
	Title: "Google ADK",
	Match: func(r *record.Record) bool {
		return (r.Scope == "gcp.vertex.agent" || r.Scope == adkRust || r.HasPrefix("gcp.vertex.agent.")) && (!r.Log || r.Scope == adkRust && adkTells(r.Name))
	},
	Kind: func(r *record.Record) Kind {
		switch {
		case r.Log:
			return Tool // what came back of it
		case r.Scope == adkRust && r.Name == "model.generate_content":
			return Copy // what stands around it tells all
		case r.Scope == adkRust && r.Name == "execute":
			return Part // of the tool's span
		case r.Scope == adkRust && r.Name == "run":
			return Other
		case r.Scope == adkRust && r.Name == "agent.execute":
			return Agent
		case r.Name == "gen_ai.generate":
			return LLM
		case r.Scope == "gcp.vertex.agent" && r.Text("gen_ai.tool.name") == "(merged tools)":
			return Copy // parallel calls once more, for the debugger
		case strings.HasPrefix(r.Name, "execute_tool "):
			if strings.Contains(r.Text("gcp.vertex.agent.tool_response"), "requires confirmation") {
				return Approval // asked about, and not run
			}
			return Tool // one that throws has no attribute at all
		case r.Name == "call_llm", strings.HasPrefix(r.Name, "generate_content"):
			return LLM
		case strings.HasPrefix(r.Name, "invoke_agent"), strings.HasPrefix(r.Name, "agent_run"):
			return Agent
		case r.Name == "invocation", strings.HasPrefix(r.Name, "invoke_workflow"):
			return Chain
		}
		return Other
	},
	Fields: []Source{
		{Field: "user_id", Keys: []string{"adk.user_id"}},
		{Field: "tool_name", Keys: []string{"tool.name"}},
		{Field: "cached_input_tokens", Keys: []string{"gen_ai.usage.cache_read_tokens"}},
		{Field: "reasoning_tokens", Keys: []string{"gen_ai.usage.thinking_tokens"}},
		{Field: "tool_input", Keys: []string{"gcp.vertex.agent.tool_call_args"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"gcp.vertex.agent.tool_response"}, As: asResult},
	},
	Finish: adkFinish,
	Tells:  adkTells,
	Settings: map[string]string{
		"input_messages":     "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"output_messages":    "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"tool_input":         "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"tool_output":        "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"system_prompt_hash": "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
	},
}

// adkRust is the scope of ADK for Rust. It tells of arguments in an event of the tool's span, of
// results in events of the run's. Source: zavora-ai/adk-rust, adk-telemetry and
// adk-agent/src/llm_agent.rs.
const adkRust = "adk-telemetry"

func adkTells(event string) bool { return event == "tool_result" || event == "tool_error" }

// adkReturned reads what came back of a tool. It has no id: the call is known by its name.
func (e *Draft) adkReturned(r *record.Record) {
	e.EventType = semconv.TypeToolResult
	if v, ok := r.Take("tool.result"); ok {
		asResult(e, v)
	}
	if e.Error = r.TakeText("error", "tool.error"); e.Error != "" {
		e.Outcome = semconv.OutcomeError
	}
}

// adkEvents reads what the events of a span of ADK for Rust say of it.
func (e *Draft) adkEvents(r *record.Record) {
	for i, ev := range r.Events.All() {
		switch name := ev.Name(); {
		case name == "tool_call" && e.Kind == Tool:
			if v, ok := ev.Attributes().Get("tool.args"); ok && len(e.ToolInput) == 0 && asJSON("tool_input")(e, v) {
				r.ReadEvent(i, "tool.name", "tool.args")
			}
		case name == "Agent execution complete" && e.Kind == Agent:
			e.Outcome = semconv.OutcomeSuccess
		case e.Kind == LLM && strings.HasPrefix(name, "Provider request failed"):
			// Each attempt has one; one that succeeded in the end has an answer, too.
			if !r.Has("gcp.vertex.agent.llm_response") {
				e.Error, e.ErrorType, e.Outcome = record.AttrText(ev.Attributes(), "error"), record.AttrText(ev.Attributes(), "error.code"), semconv.OutcomeError
			}
		}
	}
}

// adkIdentity is what ADK for JavaScript writes before an agent's own instruction. What those
// for Python and Java append to it is part of what the model was sent, whoever tells of it.
var adkIdentity = regexp.MustCompile(`(?s)^You are an agent\. Your internal name is "[^"]*"\.\s*(The description about you is "[^"]*"\.?\s*)?`)

func adkFinish(r *record.Record, e *Draft) {
	if r.Log {
		e.adkReturned(r)
		return
	}
	if e.Kind == Part {
		e.Of = r.ParentID
		return
	}
	e.adkEvents(r)
	r.Use("gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response") // empty but on calls
	switch e.Kind {
	case LLM:
		e.adkCall(r)
		if len(e.InputMessages) == 0 && (r.HasPrefix("llm.") || r.Has("input.value")) { // OpenInference's, on the same span
			e.openInferenceLLM(r)
		}
	case Tool, Approval:
		if e.ToolName == "" {
			e.ToolName = strings.TrimPrefix(r.Name, "execute_tool ")
		}
		out := jsontext.Parse(e.ToolOutput)
		if e.Kind == Approval {
			e.Asks = []chat.Asked{{Call: chat.Call{ID: e.ToolCallID, Name: e.ToolName, Arguments: e.ToolInput}, Reason: jsontext.Get(out, "error").Str}}
			return
		}
		if strings.Contains(jsontext.Get(out, "error").Str, "is rejected") {
			e.Outcome = semconv.OutcomeDenied
			e.Answers = append(e.Answers, chat.Answer{ID: e.ToolCallID, Name: e.ToolName, Reason: jsontext.Get(out, "error").Str})
		}
	case Agent:
		if e.AgentName == "" {
			_, e.AgentName, _ = strings.Cut(r.Name, " ")
		}
	}
}

func (e *Draft) adkCall(r *record.Record) {
	if v, ok := r.Take("gcp.vertex.agent.llm_request"); ok {
		req := record.JSON(v)
		if c := chat.Read(req, "user"); len(c.JSON) > 0 {
			e.input(c)
			if own := adkIdentity.ReplaceAllString(e.Prompt, ""); own != "" {
				e.Prompt = own
				e.Secrets = append(e.Secrets, own)
			}
		}
		if e.ModelID == "" {
			e.ModelID = jsontext.Get(req, "model").Str
		}
		tools := []byte{'['}
		jsontext.First(req, "config.tools").ForEach(func(_, t gjson.Result) bool {
			jsontext.First(t, "functionDeclarations", "function_declarations").ForEach(func(_, f gjson.Result) bool {
				tools = jsontext.AppendElement(tools, f.Raw)
				return true
			})
			return true
		})
		if len(tools) > 1 {
			e.SetJSON("tools_available", append(tools, ']'))
		}
	}
	if v, ok := r.Take("gcp.vertex.agent.llm_response"); ok {
		resp := record.JSON(v)
		if c := jsontext.Get(resp, "content"); c.IsObject() {
			e.output(chat.Read(c, "assistant"))
		} else if jsontext.Get(resp, "parts").IsArray() {
			e.output(chat.Read(resp, "assistant"))
		}
		usage := jsontext.First(resp, "usageMetadata", "usage_metadata")
		for _, f := range []struct {
			p     *semconv.Optional[int64]
			paths []string
		}{
			{&e.InputTokens, []string{"promptTokenCount", "prompt_token_count"}},
			{&e.OutputTokens, []string{"candidatesTokenCount", "candidates_token_count"}},
			{&e.CachedInputTokens, []string{"cachedContentTokenCount", "cached_content_token_count"}},
			{&e.ReasoningTokens, []string{"thoughtsTokenCount", "thoughts_token_count"}},
		} {
			if n := jsontext.First(usage, f.paths...); n.Type == gjson.Number && !f.p.Valid {
				*f.p = semconv.Some(n.Int())
			}
		}
	}
	if e.Operation == "" {
		e.Operation = "generate_content"
	}
}
