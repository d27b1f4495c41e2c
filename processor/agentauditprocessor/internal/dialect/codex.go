package dialect

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// codex is OpenAI's Codex. Its log events tell the whole; its spans are nearly all
// internal and repeat them with less.
var codex = &Dialect{
	Name:  "codex",
	Title: "Codex",
	Match: func(r *record.Record) bool {
		if r.Log {
			return strings.HasPrefix(r.Name, "codex.") || strings.HasPrefix(r.Scope, "codex_otel")
		}
		return strings.HasPrefix(r.Scope, "codex_") && !conventional(r)
	},
	Kind: func(r *record.Record) Kind {
		if !r.Log {
			return Copy
		}
		switch name := strings.TrimPrefix(r.Name, "codex."); name {
		case "conversation_starts":
			return Start
		case "user_prompt", "agent_response":
			return Message
		case "sse_event", "websocket_event":
			switch kind := r.Text("event.kind"); {
			case kind == "response.completed" && r.Has("input_token_count"): // told twice, once with its tokens
				return LLM
			case kind == "response.failed", r.Text("error.message") != "" && kind != "response.completed":
				return Failure
			}
		case "api_request", "websocket_connect", "websocket_request":
			if r.Text("error.message") != "" {
				return Failure
			}
		case "tool_decision", "guardian_assessment":
			return Approval
		case "tool_result":
			return Tool
		case "network_proxy.policy_decision":
			if r.Text("network.policy.decision") != "allow" {
				return Intervention
			}
		case "sandbox_outcome":
			return Intervention
		}
		if r.Has("event.kind") {
			return Copy // a piece of a stream, whose end tells it in full
		}
		return Other
	},
	Fields: []Source{
		{Field: "model_id", Keys: []string{"model", "slug"}},
		{Field: "provider", Keys: []string{"provider_name"}},
		{Field: "input_tokens", Keys: []string{"input_token_count"}},
		{Field: "output_tokens", Keys: []string{"output_token_count"}},
		{Field: "cached_input_tokens", Keys: []string{"cached_token_count"}},
		{Field: "reasoning_tokens", Keys: []string{"reasoning_token_count"}},
		{Field: "time_to_first_token_ms", Keys: []string{"ttft_ms"}},
		{Field: "tool_name", Keys: []string{"tool_name"}},
		{Field: "tool_call_id", Keys: []string{"call_id"}},
		{Field: "tool_input", Keys: []string{"arguments"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"output"}, As: asResult},
		{Field: "mcp_server", Keys: []string{"mcp_server"}},
		{Field: "approval_reason", Keys: []string{"rationale"}},
		{Field: "reason", Keys: []string{"network.policy.reason", "outcome"}},
		{Field: "error", Keys: []string{"error.message"}},
	},
	Finish: codexFinish,
	Settings: map[string]string{
		"user_message":    "[otel] log_user_prompt = true",
		"final_output":    "[otel] log_agent_responses = true",
		"output_messages": "[otel] log_agent_responses = true",
		"tool_output":     "[otel] tool_result.max_bytes",
	},
	Ignore: []record.Ignored{{"auth.*", "may hold credentials"}, {"tool_token_count", "a sum of fields"}, {"event.name", "the record's name"}},
}

// refusal are the words of a result that stands for a refusal.
var refusal = regexp.MustCompile(`(?i)rejected by user|user rejected|not approved|approval denied|denied by|declined`)

func codexFinish(r *record.Record, e *Draft) {
	e.Reported = true
	if e.AgentName == "/root" { // the path of an agent among its own, not a name
		e.AgentName = ""
		r.Keep("agent_name")
	}
	took, hasTook := semconv.ParseFloat(r.Text("duration_ms"))
	switch e.Kind {
	case Message:
		if strings.HasSuffix(r.Name, "user_prompt") {
			e.input(chat.Said("user", r.TakeText("prompt")))
			return
		}
		c := chat.Said("assistant", r.TakeText("response"))
		e.EventType = semconv.TypeFinalOutput
		e.FinalOutput = c.Text()
		switch {
		case c.Withheld:
			e.hidden = true
		case r.Text("response_truncated") == "true":
			e.cut = true
		}
	case LLM:
		e.Operation = "chat"
	case Tool:
		if hasTook {
			e.lasted(took)
			r.Use("duration_ms")
		}
		if r.Text("success") == "false" {
			e.Outcome = semconv.OutcomeError
			if refusal.Match(e.ToolOutput) {
				e.Outcome = semconv.OutcomeDenied
			} else {
				e.Error = cmp.Or(e.Error, r.Text("output"), "the tool failed")
			}
		}
		r.Use("success")
		if r.Text("output_truncated") == "true" {
			e.cut = true
		}
	case Approval:
		e.codexDecision(r)
	}
}

// codexDecision reads a decision in the words of older and newer builds.
func (e *Draft) codexDecision(r *record.Record) {
	word := strings.ReplaceAll(strings.ToLower(cmp.Or(r.Text("decision"), r.Text("outcome"))), "_", "")
	switch {
	case strings.HasPrefix(word, "approved"), word == "allow":
		e.ApprovalStatus = semconv.ApprovalApproved
	case strings.HasPrefix(word, "denied"), word == "deny", word == "abort", word == "timedout":
		e.ApprovalStatus = semconv.ApprovalRejected
	}
	if word == "abort" || word == "timedout" || strings.HasPrefix(word, "approved") && word != "approved" {
		e.ApprovalReason = cmp.Or(e.ApprovalReason, r.Text("decision"))
	}
	switch strings.ReplaceAll(strings.ToLower(r.Text("source")), "_", "") {
	case "config":
		e.ApprovalSource, e.ApproverID = semconv.SourceConfig, "config"
	case "automatedreviewer":
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "automated_reviewer"
	case "user":
		e.ApprovalSource = semconv.SourceHuman
		if e.UserID != "" {
			e.ApproverID = e.UserID
			e.Derive("approver_id")
		}
	}
	if strings.HasSuffix(r.Name, "guardian_assessment") {
		e.ApprovalSource, e.ApproverID = semconv.SourcePolicy, "guardian"
	}
	if e.ApprovalStatus != "" {
		r.Use("decision")
	}
}
