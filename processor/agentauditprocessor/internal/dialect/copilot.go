package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// copilot is GitHub Copilot: the chat of VS Code, its agent host, and the CLI.
var copilot = &Dialect{
	Name:  "copilot",
	Title: "GitHub Copilot",
	Match: func(r *Record) bool {
		return r.Service == "copilot-chat" || r.Service == "github-copilot" || r.hasPrefix("github.copilot.") || r.hasPrefix("copilot_chat.") ||
			r.Log && (strings.HasPrefix(r.Name, "copilot_chat.") || strings.HasPrefix(r.Name, "github.copilot."))
	},
	Kind: func(r *Record) Kind {
		if r.Log {
			switch {
			case r.Name == "copilot_chat.session.start":
				return Start
			case r.Name == "copilot_chat.tool.call":
				return Copy // of the tool's span, without its id
			case strings.HasPrefix(r.Name, "copilot_chat.edit."), r.Name == "copilot_chat.inline.done":
				return Intervention
			}
			return otelLogKind(r)
		}
		switch {
		case r.Name == "permission":
			return Approval
		case r.text("gen_ai.operation.name") == "execute_hook":
			if first(r.text("github.copilot.hook.decision")) == "block" {
				return Guardrail
			}
			return Other
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "reasoning", Keys: []string{"copilot_chat.reasoning_content"}},
		{Field: "reasoning_tokens", Keys: []string{"gen_ai.usage.reasoning_tokens"}},
		{Field: "time_to_first_token_ms", Keys: []string{"copilot_chat.time_to_first_token"}},
		{Field: "user_message", Keys: []string{"copilot_chat.user_request"}},
		{Field: "mcp_server", Keys: []string{"github.copilot.tool.parameters.mcp_server_name"}},
		{Field: "tool_name", Keys: []string{"gen_ai.tool.name", "github.copilot.permission.tool_name", "github.copilot.permission.kind"}},
		{Field: "guardrail_name", Keys: []string{"copilot_chat.hook_type"}},
		{Field: "verdict", Keys: []string{"github.copilot.hook.decision"}},
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

func copilotFinish(r *Record, e *Draft) {
	switch e.Kind {
	case Tool:
		if len(e.ToolInput) == 0 {
			out := []byte{'{'}
			for _, p := range []string{"command", "file_path", "mcp_tool_name", "edit_type", "skill_name"} {
				if s := r.takeText("github.copilot.tool.parameters." + p); s != "" {
					if len(out) > 1 {
						out = append(out, ',')
					}
					out = semconv.AppendString(append(semconv.AppendString(out, p), ':'), s)
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
		e.copilotPermission(r.text("github.copilot.permission.result"))
		if e.ApprovalStatus != "" {
			r.use("github.copilot.permission.result")
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
		e.ApprovalReason = first(e.ApprovalReason, result)
	}
}
