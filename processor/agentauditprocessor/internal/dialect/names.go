package dialect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// Whose an event is, an auditor asks in two years: what a library draws for a process or a
// run, and what names a span, a class or a step of a framework, is no agent.

// toolOfSpan is the tool that the name of a span names.
func toolOfSpan(name string) string {
	for _, begin := range []string{"execute_tool ", "tools/call ", "MCP send tools/call ", "tool_call ", "tool_call.", "tool.execution:", "running tool: ", "call_tool ", "tool: ", "tool:", "tool ", "tool.", "Tool.", "Function: "} {
		if rest, ok := strings.CutPrefix(name, begin); ok && rest != "" {
			name = rest
			break
		}
	}
	for _, end := range []string{".__call__", ".tool", ".__acall__"} {
		if rest, ok := strings.CutSuffix(name, end); ok && rest != "" {
			name = rest
		}
	}
	return name
}

// drawnID is an id that a library draws: a UUID, alone or behind a name, or hexadecimal
// digits.
var drawnID = regexp.MustCompile(`^(?:.{1,80}[_/])?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:/.{0,80})?$|^a?[0-9a-f]{16,40}$`)

// platforms are scopes, and providers, whose ids of agents are a registry's, and stay.
var platforms = []string{"Agent365Sdk", "microsoft-agents-a365", "azure.ai.agents", "az.ai.agents", "aws.bedrock", "azure_ai_agents"}

func ofPlatform(r *record.Record) bool {
	return slices.Contains(platforms, r.Scope) || slices.Contains(platforms, r.Text("gen_ai.provider.name")) || slices.Contains(platforms, r.Text("gen_ai.system"))
}

// constants are what libraries put where a name of an agent belongs, whatever the
// application calls its own.
var constants = map[string]bool{
	"agent": true, "Agent": true, "OpenAI Agent": true, "Agent Workflow": true, "agent_session": true, "invocation": true, "init": true, "final_answer": true, "tools": true, "model": true, "unknown": true,
	"None": true, "null": true, "none": true,
}

// nobody are words that stand for a user, or a session, that is not known.
var nobody = map[string]bool{"unknown": true, "none": true, "None": true, "null": true, "undefined": true, "n/a": true, "N/A": true}

// settleAgent moves an id that was drawn to agent_instance_id, and takes constants away.
func (e *Draft) settleAgent() {
	if nobody[e.UserID] {
		e.UserID = ""
	}
	if nobody[e.SessionID] {
		e.SessionID = ""
	}
	if constants[e.AgentName] {
		e.AgentName = ""
	}
	switch {
	case e.AgentID == "":
	case constants[e.AgentID]:
		e.AgentID = ""
	case drawnID.MatchString(e.AgentID) && !ofPlatform(e.Record):
		if e.AgentInstanceID == "" {
			e.AgentInstanceID = e.AgentID
		}
		e.AgentID = ""
	}
}

// made are names of spans that say how a framework did something.
var made = regexp.MustCompile(`[{}<>()\[\]'"=@]|^(?:invoke|call|create|execute|run|handle|process|start|route)[_ ]|(?:before|after)_agent$|_to_active|^(?:GET|POST|PUT|MCP|Task:|Turn|chain) |^(?:Runnable|Chat[A-Z]|ReAct|Predict|ChainOfThought|LangGraph$|AgentExecutor$)|^[\w.]+\.(?:forward|query|workflow|chat|receive_response|session|create|acreate|invoke|ainvoke|stream|astream|process|execute|aexecute|task|run|arun|run_stream|kickoff|kickoff_async|call|acall|complete|acomplete|generate|predict|start|handle|_\w+)$|chat_client$|graph\.node`)

// AgentOfSpan is the agent that the name of a span names, or "".
func AgentOfSpan(name string) string {
	if rest, ok := strings.CutPrefix(name, "invoke_agent "); ok {
		name = rest
	}
	if rest, ok := strings.CutSuffix(name, ".run"); ok && rest != "" && !strings.Contains(rest, ".") && rest[0] >= 'a' && rest[0] <= 'z' {
		name = rest // smolagents, Agno: the name that the application gave
	}
	if constants[name] || made.MatchString(name) || drawnID.MatchString(name) {
		return ""
	}
	return name
}
