package dialect

// identity says where any dialect keeps whose event it is. Keys that an operator or
// an application sets come before those that a framework makes up.
var identity = []Source{
	{Field: "session_id", Keys: []string{
		"langfuse.session.id", "session.id", "gen_ai.conversation.id", "conversation.id", "gcp.vertex.agent.session_id",
		"traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId", "ai.settings.context.sessionId",
		"langsmith.metadata.session_id", "langsmith.metadata.conversation_id", "langsmith.metadata.thread_id", "metadata.sessionId",
		"gen_ai.thread.id", "copilot_chat.chat_session_id", "copilot_chat.session_id", "workflow.instance_id",
	}},
	{Field: "user_id", Keys: []string{
		"langfuse.user.id", "user.id", "enduser.id", "gen_ai.user.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id",
		"ai.telemetry.metadata.userId", "ai.settings.context.userId", "langsmith.metadata.user_id", "metadata.userId",
		"user.account_uuid", "user.account_id", "user.email", "user.name", "enduser.pseudo.id",
	}},
	{Field: "agent_id", Keys: []string{"gen_ai.agent.id", "agent_id", "agent.id", "qwen-code.subagent.id"}},
	{Field: "agent_name", Keys: []string{"gen_ai.agent.name", "agent.name", "agent_name", "ai.telemetry.functionId"}},
	{Field: "agent_version", Keys: []string{"gen_ai.agent.version", "traceloop.entity.version", "langfuse.version", "langfuse.release", "app.version"}},
	{Field: "mcp_session_id", Keys: []string{"mcp.session.id"}},
}

// fromResource is what the resource says where the record says nothing.
var fromResource = [...]struct {
	field string
	keys  []string
}{
	{"session_id", []string{"session.id", "gen_ai.conversation.id"}},
	{"user_id", []string{"enduser.id", "user.id", "user.email", "enduser.pseudo.id"}},
	{"agent_id", []string{"gen_ai.agent.id"}},
	{"agent_name", []string{"gen_ai.agent.name"}},
	{"agent_version", []string{"gen_ai.agent.version", "service.version"}},
}

// FromResource is the identity field that the resource of the record gives, or "".
func (r *Record) FromResource(field string) string { return r.of.fromResource(field) }

func (s *Scope) fromResource(field string) string {
	for i := range fromResource {
		if fromResource[i].field == field {
			return s.identity[i]
		}
	}
	return ""
}

// Workload is who the resource says runs: the agent that it names, else the service.
func (r *Record) Workload() string { return r.of.workload }
