package dialect

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// agentOps is AgentOps' SDK: decorated functions with agentops.span.kind, their arguments and
// results; model calls with the keys of OpenLLMetry, the calls that a model asked for in
// spans of their own below it. Source: AgentOps-AI/agentops, agentops/semconv and
// agentops/instrumentation/providers/openai/wrappers/chat.py.
var agentOps = &Dialect{
	Name:  "agentops",
	Title: "AgentOps",
	Match: func(r *record.Record) bool {
		return !r.Log && (r.Has("agentops.span.kind") || r.Scope == "agentops" || strings.HasPrefix(r.Scope, "agentops."))
	},
	Kind: func(r *record.Record) Kind {
		if asksForTool(r) {
			return Message
		}
		if k, ok := kindWord(r.Text("agentops.span.kind")); ok {
			return k
		}
		if r.Has("gen_ai.prompt.0.role") {
			return LLM
		}
		return shapeKind(r)
	},
	Fields: []Source{
		{Field: "agent_name", Keys: []string{"gen_ai.agent.name", "agent.name"}},
		{Field: "tool_name", Keys: []string{"tool.name", "operation.name"}},
		{Field: "tool_call_id", Keys: []string{"tool.call.id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"agentops.tool.input", "agentops.entity.input", "tool.parameters"}, As: asWrappedInput},
		{Field: "tool_output", Keys: []string{"agentops.tool.output", "agentops.entity.output", "tool.result"}, As: asWrappedOutput},
	},
	Finish: agentOpsFinish,
	Ignore: []record.Ignored{{"agentops.span.kind", "the event type"}, {"gen_ai.usage.total_tokens", "a sum of fields"}},
}

// asksForTool reports whether a span below a model call tells of a call that the model asked
// for, which nobody has run yet.
func asksForTool(r *record.Record) bool {
	return strings.HasPrefix(r.Name, "tool_call.") && r.Has("tool.call.id") && !r.ParentID.IsEmpty()
}

func agentOpsFinish(r *record.Record, e *Draft) {
	if e.Kind == Message {
		e.Of = r.ParentID
		args := jsontext.Quote(r.TakeText("tool.parameters"))
		call := jsontext.AppendString([]byte(`[{"id":`), r.TakeText("tool.call.id"))
		call = jsontext.AppendString(append(call, `,"name":`...), r.TakeText("tool.name"))
		call = append(append(append(call, `,"arguments":`...), args.Raw...), `}]`...)
		e.output(chat.Reply(gjson.Result{}, jsontext.Quote(""), jsontext.Parse(call)))
		return
	}
	if e.Kind == LLM {
		openLLMetryFinish(r, e)
	}
	if e.Kind == Agent && e.AgentName == "" {
		e.AgentName = r.TakeText("operation.name")
	}
	switch r.Text("agentops.session.end_state") {
	case "Success":
		e.Outcome = semconv.OutcomeSuccess
	case "Error", "Fail":
		e.Outcome = semconv.OutcomeError
	}
	shapeFinish(r, e)
}
