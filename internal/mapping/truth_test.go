package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

const captures = "../../testdata/captures"

// systemPromptHash is the hash of the system prompt that the recordings' agent has:
// printf %s "You are a support agent for a web shop. Refunds above 100 EUR need a human." | sha256sum
const (
	systemPrompt     = "You are a support agent for a web shop. Refunds above 100 EUR need a human."
	systemPromptHash = "7ce63d880fdb2600ebd7a3e1a49fdfd30b1b75673c0631b54b1162a9ead35953"
)

// truth is what happened in a recording, as truth.json tells it; an absent key is
// something the telemetry does not hold.
type truth struct {
	LLMCalls  *int         `json:"llm_calls"`
	Model     string       `json:"model"`
	Session   string       `json:"session"`
	User      string       `json:"user"`
	Prompt    string       `json:"prompt"`
	Tools     *[][4]any    `json:"tools"`
	Requested *[][2]any    `json:"requested"`
	Final     string       `json:"final"`
	Message   string       `json:"message"`
	Errors    *int         `json:"errors"`
	Starts    *int         `json:"starts"`
	Ends      *int         `json:"ends"`
	Timeouts  *int         `json:"timeouts"`
	Approvals *[][2]string `json:"approvals"`
}

// mapCapture maps a recording's files, one after the other, as `agentaudit map` does.
func mapCapture(t *testing.T, name string) []*semconv.Event {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(captures, name+".*.otlp.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	sort.Strings(files)
	return mapFiles(t, files...)
}

// unmarked are recordings of frameworks that send the system prompt as a message of the user,
// which nothing marks.
var unmarked = map[string]bool{"adk-rust": true, "a365": true}

func mapFiles(t *testing.T, files ...string) []*semconv.Event {
	t.Helper()
	var out bytes.Buffer
	m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
	require.NoError(t, err)
	for _, f := range files {
		in, err := os.Open(f)
		require.NoError(t, err)
		require.NoError(t, m.Read(context.Background(), in))
		require.NoError(t, in.Close())
	}
	require.NoError(t, m.Close(context.Background()))
	if len(files) == 0 || !unmarked[filepath.Base(filepath.Dir(files[0]))] {
		require.NotContains(t, out.String(), systemPrompt, "the text of a hashed system prompt must appear nowhere")
	}
	var events []*semconv.Event
	for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
		e, err := semconv.ParseLine(line)
		require.NoError(t, err, "%s", line)
		events = append(events, e)
	}
	return events
}

func TestTruth(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(captures, "truth.json"))
	require.NoError(t, err)
	var all map[string]truth
	require.NoError(t, json.Unmarshal(text, &all))
	checked := 0
	for name, want := range all {
		if _, err := os.Stat(filepath.Join(captures, filepath.Dir(name))); err != nil {
			continue
		}
		checked++
		t.Run(name, func(t *testing.T) {
			for _, problem := range want.disagrees(mapCapture(t, name)) {
				t.Error(problem)
			}
		})
	}
	require.Equal(t, len(all), checked, "every recording is here")
}

// pauses counts the runs that were suspended, and those that go on with one. The truth counts a
// run that waited and went on once.
func pauses(events []*semconv.Event) (waits, goesOn int) {
	suspended := map[string]bool{}
	for _, e := range events {
		suspended[e.EventID] = e.EventType == semconv.TypeSessionEnd && e.Outcome == semconv.OutcomeSuspended
		if suspended[e.EventID] {
			waits++
		}
	}
	for _, e := range events {
		if e.EventType == semconv.TypeSessionStart && suspended[e.ParentEventID] {
			goesOn++
		}
	}
	return waits, goesOn
}

// disagrees lists what the events tell otherwise than the truth.
func (w truth) disagrees(events []*semconv.Event) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	var counted []*semconv.Event
	for _, e := range events {
		if e.LayerOf == "" {
			counted = append(counted, e)
		}
		for _, f := range e.DerivedFields {
			if f == "session_id" && w.Session != "" && e.SessionID == e.RunID {
				say("%s %s: session_id is but the trace's", e.EventType, e.EventID)
			}
		}
		if e.EventType != semconv.TypeStep && (w.Session != "" && w.Session != "*" && e.SessionID != w.Session || e.SessionID == "") {
			say("%s %s: session_id is %q, want %q", e.EventType, e.EventID, e.SessionID, w.Session)
		}
		if w.User != "" && e.UserID != w.User {
			say("%s %s: user_id is %q, want %q", e.EventType, e.EventID, e.UserID, w.User)
		}
		if e.EventType == semconv.TypeLLMCall {
			if !strings.HasPrefix(e.ModelID, w.Model) {
				say("llm_call %s: model_id is %q, want %q", e.EventID, e.ModelID, w.Model)
			}
			if w.Prompt == "SYS" && e.SystemPromptHash != systemPromptHash || w.Prompt == "*" && len(e.SystemPromptHash) != 64 {
				say("llm_call %s: system_prompt_hash is %q", e.EventID, e.SystemPromptHash)
			}
		}
	}
	count := func(types ...semconv.EventType) int {
		n := 0
		for _, e := range counted {
			for _, t := range types {
				if e.EventType == t {
					n++
				}
			}
		}
		return n
	}
	number := func(what string, want *int, got int) {
		if want != nil && *want != got {
			say("%s: %d, want %d", what, got, *want)
		}
	}
	number("llm_calls", w.LLMCalls, count(semconv.TypeLLMCall))
	waits, goesOn := pauses(counted)
	number("starts", w.Starts, count(semconv.TypeSessionStart)-goesOn)
	number("ends", w.Ends, count(semconv.TypeSessionEnd)-waits)
	number("timeouts", w.Timeouts, count(semconv.TypeSessionTimeout))
	errors := 0
	var tools [][4]any
	var requested [][2]any
	var approvals [][2]string
	message, final := false, false
	for _, e := range counted {
		if e.Error != "" || e.EventType == semconv.TypeError {
			errors++
		}
		switch e.EventType {
		case semconv.TypeToolCall:
			tools = append(tools, [4]any{e.ToolName, value(e.ToolInput), string(e.ToolOutput) + e.Error, e.Outcome})
		case semconv.TypeLLMCall:
			var calls []struct {
				Name      string `json:"name"`
				Arguments any    `json:"arguments"`
			}
			_ = json.Unmarshal(e.ToolCallsRequested, &calls)
			for _, c := range calls {
				requested = append(requested, [2]any{c.Name, c.Arguments})
			}
		case semconv.TypeApproval:
			if e.ApprovalStatus == semconv.ApprovalPending {
				continue
			}
			approvals = append(approvals, [2]string{e.ApprovalStatus, e.ToolName})
		}
		message = message || strings.Contains(e.UserMessage, w.Message) || strings.Contains(string(e.InputMessages), w.Message)
		final = final || e.FinalOutput == w.Final || e.OutputText == w.Final
	}
	number("errors", w.Errors, errors)
	if w.Message != "" && !message {
		say("message %q is nowhere", w.Message)
	}
	if w.Final != "" && !final {
		say("final output %q is nowhere", w.Final)
	}
	if w.Requested != nil && !reflect.DeepEqual(requested, *w.Requested) {
		say("requested: %v, want %v", requested, *w.Requested)
	}
	if w.Approvals != nil && !reflect.DeepEqual(approvals, *w.Approvals) {
		say("approvals: %v, want %v", approvals, *w.Approvals)
	}
	if w.Tools != nil {
		if len(tools) != len(*w.Tools) {
			say("tools: %v, want %v", tools, *w.Tools)
			return problems
		}
		for i, want := range *w.Tools {
			got := tools[i]
			out, _ := want[2].(string)
			if got[0] != want[0] || !holds(got[1], want[1]) || !strings.Contains(got[2].(string), out) || got[3] != want[3] {
				say("tool %d: %v, want %v", i, got, want)
			}
		}
	}
	return problems
}

func value(raw []byte) any {
	var v any
	_ = json.Unmarshal(raw, &v)
	return v
}

// holds reports whether an input has every parameter of the wanted one.
func holds(got, want any) bool {
	if want == nil {
		return true // the telemetry does not hold it
	}
	w, ok := want.(map[string]any)
	g, ok2 := got.(map[string]any)
	if !ok || !ok2 {
		return reflect.DeepEqual(got, want)
	}
	for k, v := range w {
		if !reflect.DeepEqual(g[k], v) {
			return false
		}
	}
	return true
}
