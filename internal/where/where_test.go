package where

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestExpression(t *testing.T) {
	e, err := semconv.ParseLine(trailtest.LineWith(t, "tool_input",
		`{"to":"ann@other.example","amount":120,"big":18446744073709551615,"rate":0.5,"s":"7","list":[{"a":1}]}`))
	require.NoError(t, err)
	e.ToolName, e.StepNumber, e.Evidence = "send_email", semconv.Some(int64(3)), []string{"a"}
	for text, want := range map[string]bool{
		`tool_name == "send_email" && !tool_input.to.endsWith("@shop.example")`: true,
		`tool_input.amount > 100`:                            true,
		`tool_input.amount > 100.5`:                          true,
		`tool_input.big > 9223372036854775807`:               true,
		`tool_input.rate < 1`:                                true,
		`tool_input.list[0].a == 1`:                          true,
		`tool_input.list.exists(x, x.a == 1)`:                true,
		`step_number == 3`:                                   true,
		`"a" in evidence`:                                    true,
		`event_type == "tool_call"`:                          true,
		`timestamp > timestamp("2026-11-23T09:00:00Z")`:      true,
		`timestamp.getHours() == 10`:                         true,
		`tool_name.lowerAscii().matches("^send_(e|g)mail$")`: true,
		`has(tool_input.to) && !has(tool_input.cc)`:          true,
		`has(event.tool_name) && !has(event.outcome)`:        true,
		// What is not there makes neither true.
		`outcome == "success"`:    false,
		`outcome != "success"`:    false,
		`tool_input.cc == "a"`:    false,
		`tool_input.cc != "a"`:    false,
		`input_tokens < 5`:        false,
		`tool_input.list[7] == 1`: false,
		// And keeps nothing else from being judged.
		`outcome == "success" || tool_name == "send_email"`: true,
		`outcome == "success" && tool_name == "pay"`:        false,
	} {
		w, err := New(text)
		require.NoError(t, err, text)
		is, err := w.Is(e)
		require.NoError(t, err, text)
		require.Equal(t, want, is, text)
	}
	for text, reason := range map[string]string{
		`tool_input.s > 3`:          "another type",
		`tool_input.amount`:         "of type int",
		`1 / (step_number - 3) > 0`: "divi",
		`[1,2,3,4,5,6,7,8,9].exists(a, [1,2,3,4,5,6,7,8,9].exists(b, [1,2,3,4,5,6,7,8,9].exists(c, [1,2,3,4,5,6,7,8,9].exists(d, [1,2,3,4,5,6,7,8,9].exists(e, [1,2,3,4,5,6,7,8,9].exists(f, [1,2,3,4,5,6,7,8,9].exists(g, a+b+c+d+e+f+g > 1000)))))))`: "costs too much",
	} {
		w, err := New(text)
		require.NoError(t, err, text)
		is, err := w.Is(e)
		require.ErrorContains(t, err, reason, text)
		require.False(t, is)
	}
}

// TestExpressionErrors: the error points at the place.
func TestExpressionErrors(t *testing.T) {
	for text, want := range map[string]string{
		`tool_nam == "a"`:        "ERROR: 1:1: undeclared reference to 'tool_nam' (in container '')\n | tool_nam == \"a\"\n | ^",
		`tool_name > 3`:          " | tool_name > 3\n | ..........^",
		`tool_input.amount >`:    " | ...................^",
		`tool_name`:              "of type string: it must be true or false",
		`tool_name.matches("(")`: "missing closing )",
	} {
		_, err := New(text)
		require.ErrorContains(t, err, want, text)
	}
}

// FuzzExpression: no expression over any event does more than it may, or panics.
func FuzzExpression(f *testing.F) {
	f.Add(`tool_input.a[0].b == "x" || event.size() > 3`, []byte(`{"a":[{"b":"x"}]}`))
	f.Add(`tool_input.matches("(a+)+$")`, []byte(`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"`))
	f.Fuzz(func(t *testing.T, text string, input []byte) {
		w, err := New(text)
		if err != nil || !json.Valid(input) {
			return
		}
		var b bytes.Buffer
		if json.Compact(&b, input) != nil {
			return
		}
		if is, err := w.Is(&semconv.Event{EventType: semconv.TypeToolCall, ToolInput: b.Bytes()}); is && err != nil {
			t.Fatal("true, and not known")
		}
	})
}
