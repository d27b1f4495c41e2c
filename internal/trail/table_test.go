package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestTable is what an investigator reads: two agents, over midnight.
func TestTable(t *testing.T) {
	at := func(e *semconv.Event, change func(*semconv.Event)) *semconv.Event {
		e.Timestamp = e.Timestamp.Add(13*time.Hour + 59*time.Minute) // 23:59 at second 0
		e.AgentID, e.UserID = "desk", "ann"
		change(e)
		return e
	}
	text := func(role, s string) json.RawMessage {
		return json.RawMessage(`[{"role":"` + role + `","parts":[{"type":"text","content":` + string(semconv.Text(s)) + `}]}]`)
	}
	r, keys := sealed(t, []*semconv.Event{
		at(event("start", semconv.TypeSessionStart, "s", "r", 1), func(e *semconv.Event) { e.UserMessage = "Refund me." }),
		at(event("m1", semconv.TypeMessage, "s", "r", 2), func(e *semconv.Event) {
			e.ParentEventID, e.InputMessages = "call", text("user", "Refund me.\n\x1b[8mquietly")
		}),
		at(event("m2", semconv.TypeMessage, "s", "r", 2), func(e *semconv.Event) {
			e.ParentEventID = "call"
			e.OutputText, e.OutputMessages = "On it.", text("assistant", "On it.")
			e.ToolCallsRequested = json.RawMessage(`[{"name":"refund","arguments":{"order":7}}]`)
		}),
		at(event("call", semconv.TypeLLMCall, "s", "r", 3), func(e *semconv.Event) {
			e.ModelID, e.InputTokens, e.OutputTokens = "gpt-5", semconv.Some(int64(12)), semconv.Some(int64(3))
			e.SystemPromptHash, e.ContentState = strings.Repeat("ab", 32), semconv.ContentNotCaptured
		}),
		at(event("ask", semconv.TypeApproval, "s", "r", 4), func(e *semconv.Event) {
			e.ToolName, e.ApprovalStatus, e.MissingFields = "refund", semconv.ApprovalPending, []string{"approver_id"}
		}),
		at(event("yes", semconv.TypeApproval, "s", "r", 58), func(e *semconv.Event) {
			e.ToolName, e.ApprovalStatus, e.ApproverID, e.ApprovalSource, e.ApprovalReason = "refund", semconv.ApprovalApproved, "bob", semconv.SourceHuman, "small sum"
			e.Sender = json.RawMessage(`{"subject":"gateway"}`)
		}),
		at(event("tool", semconv.TypeToolCall, "s", "r", 60), func(e *semconv.Event) {
			e.AgentID, e.ToolName, e.MCPServer, e.RequiresApproval = "till", "refund", "shop", semconv.Some(true)
			e.ToolInput, e.ToolOutput, e.Outcome = json.RawMessage(`{"order":7}`), json.RawMessage(`{"done":true}`), semconv.OutcomeSuccess
			e.Alternates = json.RawMessage(`{"tool_input":{"order":8}}`)
		}),
		at(event("last", semconv.TypeLLMCall, "s", "r", 61), func(e *semconv.Event) {
			e.StepNumber, e.ModelID = semconv.Optional[int64]{}, "gpt-5"
			e.InputMessages = json.RawMessage(`[{"role":"tool","parts":[{"type":"tool_call_response","id":"c","result":{"done": true}}]}]`)
			e.OutputText = "Done."
		}),
	})
	got, err := Read(context.Background(), r, keys, nil, "r")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, got.Table(&out, Look{Full: true}))
	require.Equal(t, `run r of session s · 6 events · 2026-11-23 23:59:01.000 to 2026-11-24 00:00:01.000 UTC
agent desk, till · user ann

23:59:01.000   1 session_start desk [from the run: model_id, system_prompt_hash]
    user       Refund me.
23:59:03.000   3 llm_call      desk: gpt-5 12+3 tokens prompt abababababababab
    given      user: Refund me.
               \u001b[8mquietly
    says       On it.
    asks for   refund({"order":7})
23:59:04.000   4 approval      desk: refund pending [missing: approver_id; from the run: model_id, system_prompt_hash]
23:59:58.000  58 approval      desk: refund approved by bob (human)
    reason     small sum
    sent by    {"subject":"gateway"}
2026-11-24
00:00:00.000  60 tool_call     till: refund at shop needs approval, none told success [from the run: model_id]
    input      {"order":7}
    output     {"done":true}
    also told  {"tool_input":{"order":8}}
00:00:01.000     llm_call      desk: gpt-5 prompt abababababababab [missing: step_number; from the run: system_prompt_hash]
    says       Done.
`, out.String())

	// Without --full marks stand for the fields that were filled, and it fits.
	for _, width := range []int{40, 80, 120} {
		out.Reset()
		require.NoError(t, got.Table(&out, Look{Terminal: terminal.Terminal{Width: width}, ByTime: true}))
		require.Contains(t, out.String(), "refund pending")
		require.Contains(t, out.String(), "~ a field was filled by a fallback or from the run")
		require.NotContains(t, out.String(), "from the run: ")
		require.Contains(t, out.String(), "[missing: ", "what is missing is always named")
		for _, line := range strings.Split(out.String(), "\n")[4:] {
			if !strings.HasPrefix(line, "~") {
				require.LessOrEqual(t, termsafe.Cells(line), width, line)
			}
		}
	}
}

// FuzzTable holds that nothing that a sender writes into an event adds a line to the
// table or acts on the terminal.
func FuzzTable(f *testing.F) {
	f.Add("refund\n\x1b[2J", []byte(`[{"role":"user\u202e","parts":[{"type":"text","content":"a\u009b1m"},{"type":"tool_call","name":"x\n","arguments":{}}]}]`))
	f.Add("\xff\u2028", []byte(`{"role":1}`))
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		var events []*Event
		for i, typ := range semconv.EventTypes() {
			events = append(events, &Event{Event: &semconv.Event{
				EventID: text, EventType: typ, SessionID: text, RunID: text, AgentID: text, AgentName: text, AgentVersion: text, UserID: text,
				ModelID: text, SystemPromptHash: text, ToolName: text, ToolInput: raw, ToolOutput: raw, InputMessages: raw, OutputMessages: raw, OutputText: text,
				ToolCallsRequested: raw, Documents: raw, Alternates: raw, Sender: raw, ApprovalStatus: text, ApproverID: text, ApprovalSource: text, Outcome: text,
				MissingFields: []string{text}, DerivedFields: []string{text}, Error: text, Rule: text, Severity: text, Message: text, Evidence: []string{text},
				StepNumber: semconv.Some(int64(i)),
			}})
		}
		var out bytes.Buffer
		require.NoError(t, (&Trail{Session: "s", Events: events}).Table(&out, Look{Full: len(text)%2 == 0, Terminal: terminal.Terminal{Width: len(text) % 90}}))
		for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			require.False(t, strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }), "%q", line)
		}
		labels := 0
		for _, line := range strings.Split(out.String(), "\n") {
			if strings.HasPrefix(line, "00:00:00.000 ") {
				labels++
			}
		}
		require.Equal(t, len(events), labels, "a line each, and no more")
	})
}
