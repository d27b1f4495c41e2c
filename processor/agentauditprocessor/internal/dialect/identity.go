package dialect

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// identity says where any dialect keeps whose event it is. Keys that an operator or
// an application sets come before those that a framework makes up.
var identity = []Source{
	{Field: "session_id", Keys: []string{
		"langfuse.session.id", "session.id", "gen_ai.conversation.id", "conversation.id", "gcp.vertex.agent.session_id",
		"traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId", "ai.settings.context.sessionId",
		"langsmith.metadata.session_id", "langsmith.metadata.conversation_id", "langsmith.metadata.thread_id", "metadata.sessionId",
		"gen_ai.thread.id", "langfuse.trace.metadata.langfuse_session_id", "langfuse.observation.metadata.langfuse_session_id", "copilot_chat.chat_session_id", "copilot_chat.session_id", "workflow.instance_id",
	}},
	{Field: "session_id", Keys: []string{"thread_id"}, As: asThread},
	{Field: "user_id", Keys: []string{
		"langfuse.user.id", "user.id", "enduser.id", "gen_ai.user.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id",
		"ai.telemetry.metadata.userId", "ai.settings.context.userId", "langsmith.metadata.user_id", "metadata.userId", "langfuse.trace.metadata.langfuse_user_id", "langfuse.observation.metadata.langfuse_user_id",
		"user.account_uuid", "user.account_id", "user.email", "user.name", "enduser.pseudo.id",
	}},
	{Field: "agent_id", Keys: []string{"gen_ai.agent.id", "agent_id", "agent.id", "qwen-code.subagent.id"}},
	{Field: "agent_name", Keys: []string{"gen_ai.agent.name", "agent.name", "agent_name", "ai.telemetry.functionId"}},
	{Field: "agent_version", Keys: []string{"gen_ai.agent.version", "traceloop.entity.version", "langfuse.version", "langfuse.release", "app.version"}},
	{Field: "mcp_session_id", Keys: []string{"mcp.session.id"}},
}

// metadata reads the objects, in JSON or as Python prints them, where LangChain, LangWatch,
// Logfire and LiteLLM keep what the caller said of the run.
func (e *Draft) metadata(r *record.Record) {
	for _, key := range []string{"metadata", "metadata.requester_metadata"} {
		v, ok := r.Get(key)
		if !ok {
			continue
		}
		m := chat.Open(record.JSON(v))
		if !m.IsObject() {
			continue
		}
		set := func(p *string, paths ...string) {
			if s := jsontext.First(m, paths...); *p == "" && s.Type == gjson.String && !chat.Withheld(s.Str) {
				*p = s.Str
			}
		}
		set(&e.SessionID, "session_id", "conversation_id", "thread_id", "sessionId")
		set(&e.UserID, "user_id", "userId", "trace_user_id")
		set(&e.AgentName, "lc_agent_name")
	}
}

// asThread reads the id of a thread of messages; a number is one of the operating system's.
func asThread(e *Draft, v pcommon.Value) bool {
	s := v.AsString()
	if strings.Trim(s, "0123456789") == "" {
		return false
	}
	e.SessionID = s
	return true
}
