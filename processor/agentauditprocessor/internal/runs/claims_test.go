package runs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func prompted(text string) string { return `[{"type":"text","content":"` + text + `"}]` }

// twoAgents is an agent that asks another one below it. Only their frames say who they are, and
// only their model calls what they were told.
func twoAgents() []s {
	frame := func(id, parent byte, name string, from, to int) s {
		return s{id: id, parent: parent, kind: "agent", ok: true, from: from, to: to, a: map[string]any{"gen_ai.agent.name": name}}
	}
	chat := func(id, parent byte, prompt, says string, from int) s {
		return s{id: id, parent: parent, kind: "chat", from: from, to: from + 1, a: map[string]any{"gen_ai.system_instructions": prompted(prompt), "gen_ai.output.messages": says}}
	}
	tool := func(id, parent byte, from int) s {
		return s{id: id, parent: parent, kind: "tool", from: from, to: from + 1, a: map[string]any{"gen_ai.tool.name": "t"}}
	}
	return []s{
		frame(1, 0, "triage", 1, 30), chat(2, 1, "be triage", asks, 2), tool(3, 1, 4),
		frame(4, 1, "billing", 6, 20), chat(5, 4, "be billing", asks, 7), tool(6, 4, 9), chat(7, 4, "be billing", answering("billed"), 11),
	}
}

// TestWhoseItIs: each event has the prompt and the answer of its own agent, whatever another one
// of its run was told or said, and says less rather than another's where the frames come last.
func TestWhoseItIs(t *testing.T) {
	prompts := map[string]string{"triage": "be triage", "billing": "be billing"}
	check := func(t *testing.T, events []*runs.Event, some bool) {
		t.Helper()
		for _, e := range events {
			if e.EventType == semconv.TypeLLMCall {
				continue
			}
			if some && e.Prompt == "" {
				continue
			}
			require.Equal(t, prompts[e.AgentName], e.Prompt, "%s of %s", e.EventType, e.AgentName)
		}
		for _, e := range events {
			if e.EventType == semconv.TypeSessionEnd {
				want := map[string]string{"triage": "", "billing": "billed"}[e.AgentName]
				if some {
					require.Contains(t, []string{"", want}, e.FinalOutput, e.AgentName)
					continue
				}
				require.Equal(t, want, e.FinalOutput, e.AgentName)
			}
		}
	}
	spans := twoAgents()
	check(t, request(t, mapper(), spans...), false)
	for _, order := range [][]int{{1, 2, 4, 5, 6, 3, 0}, {0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {4, 6, 1, 3, 2, 0, 5}} {
		m := mapper()
		var events []*runs.Event
		for _, i := range order {
			events = append(events, request(t, m, spans[i])...)
		}
		check(t, events, true)
	}
}

// TestOneAfterTheOther: of two runs in one trace, the second is not what the first was asked, and
// did not say what the first said.
func TestOneAfterTheOther(t *testing.T) {
	frame := func(id byte, from, to int) s {
		return s{id: id, kind: "agent", ok: true, from: from, to: to, a: map[string]any{"gen_ai.agent.name": "a"}}
	}
	chat := s{id: 2, parent: 1, kind: "chat", from: 2, to: 3, a: map[string]any{
		"gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"pay"}]}]`, "gen_ai.output.messages": answering("paid"),
	}}
	check := func(events []*runs.Event) {
		t.Helper()
		for _, e := range events {
			first := e.SpanID[:2] == "01"
			switch e.EventType {
			case semconv.TypeSessionStart:
				require.Equal(t, first, e.UserMessage == "pay", e.UserMessage)
			case semconv.TypeSessionEnd:
				require.Equal(t, first, e.FinalOutput == "paid", e.FinalOutput)
			}
		}
	}
	check(request(t, mapper(), frame(1, 1, 4), chat, frame(3, 5, 6)))
	m := mapper()
	var events []*runs.Event
	for _, x := range []s{chat, frame(1, 1, 4), frame(3, 5, 6)} {
		events = append(events, request(t, m, x)...)
	}
	check(events)
}
