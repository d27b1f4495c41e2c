package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// springAI is Spring AI's observations, and Spring AI Alibaba's of its graphs: spans without
// content but of tools, and what was said as log records of the classes that wrote it, whose
// body is printed by Java. Source: spring-projects/spring-ai, …/observation/*Handler.java and
// *ObservationDocumentation.java.
var springAI = &Dialect{
	Name:  "spring-ai",
	Title: "Spring AI, Spring AI Alibaba",
	Match: func(r *record.Record) bool {
		if r.Log {
			return springLog(r.Scope) != ""
		}
		return r.HasPrefix("spring.ai.") || r.Text("gen_ai.system") == "spring_ai"
	},
	Kind: springKind,
	Fields: []Source{
		{Field: "session_id", Keys: []string{"spring.ai.chat.client.conversation.id", "spring.ai.chat.client.conversation_id"}},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name", "spring.ai.tool.definition.name"}},
		{Field: "tool_call_id", Keys: []string{"gen_ai.tool.call.id", "spring.ai.tool.call.id"}, As: asCallID},
		{Field: "tool_description", Keys: []string{"spring.ai.tool.definition.description"}},
		{Field: "tool_type", Keys: []string{"spring.ai.tool.type"}},
		{Field: "tool_input", Keys: []string{"gen_ai.tool.call.arguments", "spring.ai.tool.call.arguments"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"gen_ai.tool.call.result", "spring.ai.tool.call.result"}, As: asResult},
		{Field: "tools_available", Keys: []string{"spring.ai.model.request.tool.names", "spring.ai.chat.client.tool.names"}, As: asTools},
		{Field: "query", Keys: []string{"db.vector.query.content"}},
	},
	Finish: springFinish,
	Settings: map[string]string{
		"system_prompt_hash": "spring.ai.chat.client.observations.log-prompt=true",
		"input_messages":     "spring.ai.chat.client.observations.log-prompt=true",
		"output_messages":    "spring.ai.chat.observations.log-completion=true",
		"user_message":       "spring.ai.chat.client.observations.log-prompt=true",
		"final_output":       "spring.ai.chat.client.observations.log-completion=true",
		"tool_input":         "spring.ai.tools.observations.include-content=true",
		"tool_output":        "spring.ai.tools.observations.include-content=true",
		"session_id":         "advisors: param(ChatMemory.CONVERSATION_ID, …)",
		"agent_version":      "set service.version on the resource",
	},
	Ignore: []record.Ignored{
		{"spring.ai.kind", "the event type"},
		{"gen_ai.usage.total_tokens", "a sum of fields"},
		{"langfuse.observation.input", "repeats other keys"},
		{"langfuse.observation.output", "repeats other keys"},
		{"thread.name", "of the library itself"},
	},
}

// What the classes that write logs tell of.
const (
	springPrompt      = "prompt"       // of a chat client: messages with their roles
	springModelPrompt = "model prompt" // of a model: the texts of the messages alone
	springCompletion  = "completion"
)

func springLog(scope string) string {
	switch class := scope[strings.LastIndexByte(scope, '.')+1:]; {
	case !strings.HasPrefix(scope, "org.springframework.ai."):
	case class == "ChatClientPromptContentObservationHandler":
		return springPrompt
	case class == "ChatModelPromptContentObservationHandler":
		return springModelPrompt
	case class == "ChatModelCompletionObservationHandler", class == "ChatClientCompletionObservationHandler":
		return springCompletion
	}
	return ""
}

func springKind(r *record.Record) Kind {
	if r.Log {
		// The texts alone do not say which of them is the system prompt. The log of the chat
		// client, whose text this repeats, does.
		if springLog(r.Scope) == springModelPrompt || springMessages(r, "user") == nil {
			return Copy
		}
		return Message
	}
	switch r.Text("spring.ai.kind") {
	case "tool_call", "tool-call":
		return Tool
	case "chat_client", "chat-client", "advisor":
		return Chain
	case "vector_store", "vector-store":
		return Retrieval
	}
	if r.HasPrefix("spring.ai.alibaba.") {
		return Chain
	}
	return otelKind(r)
}

// springMessages are the messages in the body of a log: a title, and behind a line break a
// list that Java printed, ["system":"…", "user":"…"], which escapes nothing.
func springMessages(r *record.Record, role string) *chat.Conversation {
	_, list, ok := strings.Cut(r.Body.AsString(), "\n")
	list, begun := strings.CutPrefix(strings.TrimSpace(list), "[")
	list, ended := strings.CutSuffix(list, "]")
	if !ok || !begun || !ended || list == "" {
		return nil
	}
	out := []byte{'['}
	add := func(role, text string) {
		if text != "" && text != "null" {
			out = jsontext.AppendElement(out, `{"role":`+record.JSONString(role)+`,"content":`+record.JSONString(text)+`}`)
		}
	}
	if springLog(r.Scope) == springCompletion {
		for text := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(list, `"`), `"`), `", "`) {
			add("assistant", text)
		}
	} else {
		for list != "" {
			var text string
			role, list, ok = cutRole(list)
			if !ok {
				return nil
			}
			text, list = cutText(list)
			add(role, text)
		}
	}
	if len(out) == 1 {
		return nil
	}
	return chat.Read(jsontext.Parse(append(out, ']')), role)
}

// springRoles are the roles of Spring AI's messages.
var springRoles = []string{"system", "user", "assistant", "tool"}

// cutRole cuts "role":" off the front.
func cutRole(list string) (role, rest string, ok bool) {
	for _, role := range springRoles {
		if rest, ok := strings.CutPrefix(list, `"`+role+`":"`); ok {
			return role, rest, true
		}
	}
	return "", "", false
}

// cutText cuts a text off the front, up to where the next message begins.
func cutText(list string) (text, rest string) {
	end := -1
	for _, role := range springRoles {
		if i := strings.Index(list, `", "`+role+`":"`); i >= 0 && (end < 0 || i < end) {
			end = i
		}
	}
	if end < 0 {
		return strings.TrimSuffix(list, `"`), ""
	}
	return list[:end], list[end+3:]
}

func springFinish(r *record.Record, e *Draft) {
	if r.Log {
		r.BodyTold = true
		e.Of = r.SpanID
		if c := springMessages(r, "user"); springLog(r.Scope) == springCompletion {
			e.output(c)
		} else {
			e.input(c)
		}
		return
	}
	if e.Kind == Tool && e.Outcome == "" && r.Has("spring.ai.tool.call.result") && len(e.ToolOutput) > 0 && r.Exception != (record.Exception{}) {
		e.Outcome = semconv.OutcomeError // the result is the exception's text
	}
	switch e.Kind {
	case Chain:
		e.AgentName = springAgent(r)
	case Retrieval:
		e.documents(jsontext.Read("null"))
	}
	if e.Kind == LLM && r.Text("gen_ai.response.model") == "none" {
		e.ResponseModelID = ""
	}
	otelFinish(r, e)
}

// springAgent is the name of a graph of Spring AI Alibaba's, which is its agent's.
func springAgent(r *record.Record) string {
	name := r.Text("spring.ai.alibaba.graph.name")
	if strings.Contains(name, "StateGraph") {
		return ""
	}
	return name
}
