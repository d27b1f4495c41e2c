package dialect

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// openInference is Arize's conventions: openinference.span.kind, flattened messages
// under llm.input_messages.N, inputs and outputs of tools and chains as values.
var openInference = &Dialect{
	Name:  "openinference",
	Title: "OpenInference",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Has("openinference.span.kind") || strings.HasPrefix(r.Scope, "openinference.") ||
			strings.HasPrefix(r.Scope, "@arizeai/openinference-"))
	},
	Kind: func(r *record.Record) Kind {
		switch strings.ToUpper(r.Text("openinference.span.kind")) {
		case "LLM", "EMBEDDING", "RERANKER":
			if strings.HasSuffix(r.Name, "._prepare_chat_with_tools") {
				return Copy // LlamaIndex: what the call that follows is made of
			}
			return LLM
		case "TOOL":
			if strings.HasPrefix(r.Name, "handoff to ") {
				return Other // the run of the other agent tells of it
			}
			if strings.HasSuffix(r.Exception.Type, ".GraphInterrupt") {
				return Approval // the call waits for a person
			}
			return Tool
		case "AGENT":
			if r.Has("tool.name") && !r.Has("agent.name") {
				return Tool
			}
			return Agent
		case "CHAIN":
			if interrupt(r).IsArray() {
				return Approval
			}
			if r.Has("llm.model_name") && r.HasPrefix("llm.input_messages.") { // Instructor
				return LLM
			}
			return Chain
		case "RETRIEVER":
			return Retrieval
		case "GUARDRAIL", "EVALUATOR":
			return Guardrail
		case "":
			return otelKind(r)
		}
		return Other
	},
	Fields: []Source{
		{Field: "model_id", Keys: []string{"llm.request.model_name"}},
		{Field: "response_model_id", Keys: []string{"llm.response.model_name", "llm.model_name"}},
		{Field: "provider", Keys: []string{"llm.provider", "llm.system"}, As: asProvider},
		{Field: "input_messages", Keys: []string{"llm.input_messages"}, As: asInput}, // as one text of JSON
		{Field: "output_messages", Keys: []string{"llm.output_messages"}, As: asOutput},
		{Field: "finish_reasons", Keys: []string{"llm.finish_reason", "llm.stop_reason"}},
		{Field: "input_tokens", Keys: []string{"llm.token_count.prompt"}},
		{Field: "output_tokens", Keys: []string{"llm.token_count.completion"}},
		{Field: "cached_input_tokens", Keys: []string{"llm.token_count.prompt_details.cache_read"}},
		{Field: "reasoning_tokens", Keys: []string{"llm.token_count.completion_details.reasoning"}},
		{Field: "cost_usd", Keys: []string{"llm.cost.total"}, As: asCost},
		{Field: "temperature", Keys: []string{"llm.invocation_parameters.temperature"}},
		{Field: "top_p", Keys: []string{"llm.invocation_parameters.top_p"}},
		{Field: "max_tokens", Keys: []string{"llm.invocation_parameters.max_tokens", "llm.invocation_parameters.max_completion_tokens", "llm.invocation_parameters.max_output_tokens"}},
		{Field: "seed", Keys: []string{"llm.invocation_parameters.seed"}},
		{Field: "tool_name", Keys: []string{"tool.name"}},
		{Field: "tool_call_id", Keys: []string{"tool_call.id", "tool.id"}, As: asCallID},
		{Field: "tool_description", Keys: []string{"tool.description"}},
		{Field: "tool_input", Keys: []string{"input.value"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"output.value"}, As: asLangChainResult},
		{Field: "query", Keys: []string{"input.value"}},
		{Field: "agent_id", Keys: []string{"agno.agent.id", "agno.team.id", "agno.workflow.id"}},
		{Field: "verdict", Keys: []string{"guardrail.triggered", "output.value"}},
	},
	Finish: openInferenceFinish,
	Settings: map[string]string{
		"input_messages":  "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"output_messages": "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"tool_input":      "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"tool_output":     "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"user_message":    "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"final_output":    "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the like",
		"session_id":      "setSession / using_session of OpenInference",
		"user_id":         "setUser / using_user of OpenInference",
		"agent_version":   "set service.version on the resource",
	},
	Ignore: []record.Ignored{{"openinference.span.kind", "the event type"}, {"input.mime_type", "the form of other keys"}, {"output.mime_type", "the form of other keys"}, {"llm.token_count.total", "a sum of fields"}},
}

func openInferenceFinish(r *record.Record, e *Draft) {
	e.metadata(r)
	switch e.Kind {
	case LLM:
		e.openInferenceLLM(r)
	case Tool:
		e.openInferenceTool(r)
	case Agent, Chain:
		if e.AgentID == "" && e.Kind == Agent {
			e.AgentID = r.TakeText("graph.node.id") // on other spans it is theirs
		}
		if e.AgentName == "" && e.Kind == Agent {
			e.AgentName = cmp.Or(e.AgentID, AgentOfSpan(r.Name))
		}
		if e.Kind == Chain && !r.ParentID.IsEmpty() {
			e.Frame = func() { e.openInferenceFrame(r) } // seldom asked for, and long
		} else {
			e.openInferenceFrame(r)
		}
	case Approval:
		e.Asks = asks(interrupt(r))
		if strings.EqualFold(r.Text("openinference.span.kind"), "TOOL") && len(e.Asks) == 1 && e.Asks[0].Name == "" {
			e.Asks[0].Name = cmp.Or(e.ToolName, toolOfSpan(r.Name))
			if v, ok := r.Get("input.value"); ok {
				e.Asks[0].Arguments = jsontext.Value(printedDict(record.JSON(v)))
			}
		}
		e.Error, e.ErrorType, e.Stack, e.Outcome = "", "", "", ""
		r.Use("input.value")
	case Retrieval:
		e.documents(r.Indexed("retrieval.documents."))
	case Guardrail:
		e.GuardrailName = cmp.Or(e.GuardrailName, r.Name)
	}
}

func (e *Draft) openInferenceTool(r *record.Record) {
	if e.ToolName == "" {
		e.ToolName = toolOfSpan(r.Name)
	}
	if len(e.ToolInput) == 0 {
		if v, ok := r.Get("tool.parameters"); ok && !record.JSON(v).Get("properties").Exists() { // arguments, not their schema
			e.SetJSON("tool_input", jsontext.Bytes(record.JSON(v).Raw))
			r.Use("tool.parameters")
		}
	}
	// LangChain hands a tool with one parameter the bare value.
	e.Alone = len(e.ToolInput) > 0 && e.ToolInput[0] != '{' && e.ToolInput[0] != '['
	// Words of the Agents SDK, and of Claude's agent SDK, for a refusal.
	if strings.Contains(e.Error, "was not approved") || string(e.ToolOutput) == `"Tool execution was not approved."` || e.Error == "Abandoned" {
		e.Outcome = semconv.OutcomeDenied
		e.Answers = append(e.Answers, chat.Answer{ID: e.ToolCallID, Name: e.ToolName, Reason: e.Error})
		e.Error, e.ErrorType, e.Stack = "", "", ""
	}
}

// openInferenceFrame reads what a frame was asked, or resumed with, and its answer.
func (e *Draft) openInferenceFrame(r *record.Record) {
	if v, ok := r.Take("input.value"); ok {
		if in := record.JSON(v); jsontext.Get(in, "lg_name").Str == "Command" || jsontext.Get(in, "resume").IsObject() && jsontext.Get(in, "goto").Exists() {
			e.Decisions = decisions(jsontext.Get(in, "resume"))
		} else {
			e.UserMessage = userText(v)
		}
	}
	if v, ok := r.Take("output.value"); ok {
		e.FinalOutput = answerText(v)
	}
	e.Requested = nil
}

func (e *Draft) openInferenceLLM(r *record.Record) {
	if v := r.Indexed("llm.input_messages."); v.Exists() && len(e.InputMessages) == 0 {
		e.input(chat.Read(v, "user"))
	}
	if v := r.Indexed("llm.output_messages."); v.Exists() && len(e.OutputMessages) == 0 {
		e.output(chat.Read(v, "assistant"))
	}
	if v := r.Indexed("llm.tools."); v.Exists() && len(e.ToolsAvailable) == 0 {
		e.tools(v, "tool.json_schema")
	}
	e.documents(r.Indexed("retrieval.documents."))

	// The raw request and response of the provider fill what the flattened keys lack;
	// otherwise they repeat them.
	var in, out, params gjson.Result
	if v, ok := r.Take("input.value"); ok {
		in = record.JSON(v)
	}
	if v, ok := r.Take("output.value"); ok {
		out = record.JSON(v)
	}
	if v, ok := r.Take("llm.invocation_parameters"); ok {
		params = record.JSON(v)
	}
	e.fromRawRequest(in, out, params)
	e.fromRawAnswer(out)
	if v := r.Indexed("message.tool_calls."); v.Exists() && len(e.Requested) == 0 { // Google's SDK called the tools itself
		e.Requested = chat.Reply(gjson.Result{}, gjson.Result{}, v).Calls
	}
	if e.ModelID == "" {
		e.ModelID = cmp.Or(jsontext.First(in, "model", "modelId").Str, jsontext.Get(params, "model").Str)
	}
	e.ResponseID = cmp.Or(e.ResponseID, jsontext.Get(out, "id").Str)
	e.parameters(params)
	if e.Operation == "" {
		switch strings.ToUpper(r.Text("openinference.span.kind")) {
		case "EMBEDDING":
			e.Operation = "embeddings"
		case "RERANKER":
			e.Operation = "rerank"
		default:
			e.Operation = "chat"
		}
	}
	e.fallbackModel()
}

// fromRawRequest fills what the flattened keys lack from the provider's request.
func (e *Draft) fromRawRequest(in, out, params gjson.Result) {
	if e.Prompt == "" || len(e.InputMessages) == 0 {
		c := chat.Read(in, "user")
		if len(e.InputMessages) == 0 || len(c.System) > 0 && len(c.JSON) > 0 {
			e.InputMessages = c.JSON // the flattened system message had no content
		}
		e.UserJSON = cmp.Or(e.UserJSON, c.UserJSON)
		e.Secrets = append(e.Secrets, c.System...)
		if e.Prompt = cmp.Or(e.Prompt, strings.Join(c.System, "\n")); e.Prompt == "" {
			e.Prompt = cmp.Or(jsontext.Get(out, "instructions").Str, jsontext.First(params, "system", "instructions").Str)
			e.Secrets = append(e.Secrets, e.Prompt)
		}
	}
}

// printed recognises what Python prints of an object, which some libraries send in its place.
var printed = regexp.MustCompile(`^\[?[A-Z]\w*\(\w+=`)

// fromRawAnswer fills what the flattened keys lack from the provider's response.
func (e *Draft) fromRawAnswer(out gjson.Result) {
	if out.Type == gjson.String && printed.MatchString(out.Str) {
		return // kept as it is: these are not the model's words
	}
	lacks := len(e.OutputMessages) == 0 || lackIDs(e.Requested)
	if lacks || e.Reasoning == "" && mayReason(out.Raw) {
		switch c := chat.Read(out, "assistant"); {
		case len(e.OutputMessages) == 0, lacks && len(c.Calls) == len(e.Requested):
			e.output(c)
		case e.Reasoning == "":
			e.Reasoning = c.Reasoning()
		}
	}
}

// mayReason reports whether messages may hold reasoning, in any of the shapes that
// ReadMessages knows.
func mayReason(raw string) bool {
	for _, word := range []string{`"reasoning"`, `"reasoning_content"`, `"reasoningContent"`, `"thinking"`, `"thought"`} {
		if strings.Contains(raw, word) {
			return true
		}
	}
	return false
}

// interrupt is the request for a decision that stopped a graph of LangGraph, which
// tells of it as an error: JSON at the beginning of the status message.
func interrupt(r *record.Record) gjson.Result {
	text := cmp.Or(r.StatusText, r.Exception.Message)
	if strings.HasSuffix(r.Exception.Type, ".GraphInterrupt") { // of Python, which prints it
		if raw, ok := pytext.JSON(r.Exception.Message); ok {
			return jsontext.Parse([]byte(raw))
		}
	}
	if !r.Failed || !strings.HasPrefix(text, "[") || !strings.Contains(text, "GraphInterrupt") && !strings.Contains(text, `"actionRequests"`) && !strings.Contains(text, `"action_requests"`) {
		return gjson.Result{}
	}
	var raw json.RawMessage
	if json.NewDecoder(strings.NewReader(text)).Decode(&raw) != nil {
		return gjson.Result{}
	}
	v, _ := jsontext.Open(string(raw))
	return v
}

func lackIDs(calls []chat.Call) bool {
	for _, c := range calls {
		if c.ID == "" {
			return true
		}
	}
	return false
}

// parameters reads what a request asked of the model.
func (e *Draft) parameters(params gjson.Result) {
	if !params.IsObject() {
		return
	}
	number := func(field string, paths ...string) {
		if v := jsontext.First(params, paths...); v.Type == gjson.Number && !e.Has(field) {
			e.Set(field, pcommon.NewValueStr(v.Raw))
		}
	}
	number("temperature", "temperature")
	number("top_p", "top_p", "topP")
	number("max_tokens", "max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens")
	number("seed", "seed")
}
