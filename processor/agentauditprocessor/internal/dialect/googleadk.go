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
		return !r.Log && (r.Scope == "gcp.vertex.agent" || r.HasPrefix("gcp.vertex.agent."))
	},
	Kind: func(r *record.Record) Kind {
		switch {
		case r.Text("gen_ai.tool.name") == "(merged tools)":
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
		{Field: "tool_input", Keys: []string{"gcp.vertex.agent.tool_call_args"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"gcp.vertex.agent.tool_response"}, As: asResult},
	},
	Finish: adkFinish,
	Settings: map[string]string{
		"input_messages":     "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"output_messages":    "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"tool_input":         "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"tool_output":        "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
		"system_prompt_hash": "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
	},
}

// adkIdentity is what ADK writes around an agent's own instruction.
var adkIdentity = regexp.MustCompile(`(?s)^You are an agent\. Your internal name is "[^"]*"\.\s*(The description about you is "[^"]*"\.?\s*)?|\s*You are an agent\. Your internal name is "[^"]*"\.\s*(The description about you is "[^"]*"\.?)?\s*$`)

func adkFinish(r *record.Record, e *Draft) {
	r.Use("gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response") // empty but on calls
	switch e.Kind {
	case LLM:
		e.adkCall(r)
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
