package dialect

import (
	"cmp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// copilot is GitHub Copilot: the chat of VS Code, its agent host, and the CLI.
var copilot = &Dialect{
	Name:  "copilot",
	Title: "GitHub Copilot",
	Match: func(r *record.Record) bool {
		return r.Service == "copilot-chat" || r.Service == "github-copilot" || r.Service == "vscode-agent-host" || r.Scope == "github.copilot" || r.HasPrefix("github.copilot.") || r.HasPrefix("copilot_chat.") ||
			r.Log && (strings.HasPrefix(r.Name, "copilot_chat.") || strings.HasPrefix(r.Name, "github.copilot."))
	},
	Kind: func(r *record.Record) Kind {
		if r.Log {
			switch {
			case r.Name == "copilot_chat.session.start":
				return Start
			case r.Name == "copilot_chat.tool.call":
				return Copy // of the tool's span, without its id
			case strings.HasPrefix(r.Name, "copilot_chat.edit."), r.Name == "copilot_chat.inline.done":
				return Intervention
			case r.Name == copilotShutdown:
				return Start
			case copilotTells(r.Name):
				return Intervention
			}
			return otelLogKind(r)
		}
		switch {
		case r.Name == "permission":
			return Approval
		case r.Name == "hook sessionEnd":
			return Start
		case r.Text("gen_ai.operation.name") == "execute_hook", strings.HasPrefix(r.Name, "hook "):
			if r.Text("github.copilot.hook.decision") == "block" {
				return Intervention
			}
			return Other
		}
		return otelKind(r)
	},
	Tells: copilotTells,
	Fields: []Source{
		{Field: "reasoning", Keys: []string{"copilot_chat.reasoning_content"}},
		{Field: "reasoning_tokens", Keys: []string{"gen_ai.usage.reasoning_tokens"}},
		{Field: "time_to_first_token_ms", Keys: []string{"copilot_chat.time_to_first_token"}},
		{Field: "user_message", Keys: []string{"copilot_chat.user_request"}},
		{Field: "mcp_server", Keys: []string{"github.copilot.tool.parameters.mcp_server_name"}},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name", "github.copilot.permission.tool_name", "github.copilot.permission.kind"}},
		{Field: "reason", Keys: []string{
			"copilot_chat.hook_type", "github.copilot.sandbox.denial_class", "github.copilot.sandbox.decision_kind", "github.copilot.sandbox.outcome",
			"github.copilot.session.abort.abort_reason", "github.copilot.session.abort_reason", "github.copilot.abort_reason", "abort_reason",
		}},
		{Field: "actor_id", Keys: []string{"github.copilot.sandbox.bypass_source", "github.copilot.sandbox.permissive_source", "github.copilot.sandbox.policy_source"}},
	},
	Finish: copilotFinish,
	Settings: map[string]string{
		"input_messages":     "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
		"output_messages":    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
		"tool_input":         "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
		"tool_output":        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
		"system_prompt_hash": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
	},
}

const copilotShutdown = "github.copilot.session.shutdown"

// copilotTells knows the events of the CLI's agent span that tell of something
// themselves: what the sandbox decided, and what ended a session or cut its history.
// The state of the sandbox, which comes with every run, is none.
func copilotTells(event string) bool {
	switch event {
	case copilotShutdown, "github.copilot.session.abort", "github.copilot.session.snapshot_rewind":
		return true
	case "github.copilot.sandbox.enforcement_state":
		return false
	}
	return strings.HasPrefix(event, "github.copilot.sandbox.")
}

func copilotFinish(r *record.Record, e *Draft) {
	switch e.Kind {
	case Start:
		if r.Name == copilotShutdown || r.Name == "hook sessionEnd" {
			e.EventType = semconv.TypeSessionEnd
		}
	case Intervention:
		if r.Text("github.copilot.hook.decision") == "block" {
			e.ActorID = "hook"
		}
		if r.OfSpan {
			e.Reason = strings.TrimSuffix(strings.TrimPrefix(r.Name, "github.copilot.")+": "+e.Reason, ": ")
		}
	case Tool:
		if len(e.ToolInput) == 0 {
			out := []byte{'{'}
			for _, p := range []string{"command", "file_path", "mcp_tool_name", "edit_type", "skill_name"} {
				if s := r.TakeText("github.copilot.tool.parameters." + p); s != "" {
					if len(out) > 1 {
						out = append(out, ',')
					}
					out = jsontext.AppendString(append(jsontext.AppendString(out, p), ':'), s)
				}
			}
			if len(out) > 1 {
				e.SetJSON("tool_input", append(out, '}'))
			}
		}
		if e.ErrorType == "denied" {
			e.Outcome = semconv.OutcomeDenied
			e.Error, e.ErrorType, e.Stack = "", "", ""
		}
	case Approval:
		e.Of = r.ParentID // the tool's span; there is no call id
		e.copilotPermission(r.Text("github.copilot.permission.result"))
		if e.ApprovalStatus != "" {
			r.Use("github.copilot.permission.result")
		}
	}
	otelFinish(r, e)
}

// copilotPermission reads the result of a permission question. That it was approved
// does not say by whom.
func (e *Draft) copilotPermission(result string) {
	switch {
	case strings.HasPrefix(result, "approved"):
		e.ApprovalStatus = semconv.ApprovalApproved
	case strings.HasPrefix(result, "denied"), result == "cancelled":
		e.ApprovalStatus = semconv.ApprovalRejected
	}
	switch result {
	case "denied-interactively-by-user":
		e.ApprovalSource = semconv.SourceHuman
		if e.UserID != "" {
			e.ApproverID = e.UserID
			e.Derive("approver_id")
		}
	case "denied-by-rules", "denied-by-content-exclusion-policy", "denied-no-approval-rule-and-could-not-request-from-user":
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "policy"
	case "denied-by-permission-request-hook":
		e.ApprovalSource, e.ApproverID = semconv.SourceHook, "hook"
	}
	if result != "approved" && e.ApprovalStatus != "" {
		e.ApprovalReason = cmp.Or(e.ApprovalReason, result)
	}
}
