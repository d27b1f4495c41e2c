package dialect

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// The worked exercise of CONTRIBUTING.md: a dialect for Acme, whose agents tell of model calls
// with acme.* attributes. A real one is a file of its own, like this part of this one, and a
// line in the list of dialects.
//
// acme is Acme's agent SDK: a span a step, whose kind, prompt and answer are attributes.
var acme = &Dialect{
	Name:  "acme",
	Title: "Acme",
	Match: func(r *record.Record) bool { return !r.Log && r.HasPrefix("acme.") },
	Kind: func(r *record.Record) Kind {
		switch r.Text("acme.kind") {
		case "model":
			return LLM
		case "action":
			return Tool
		case "assistant":
			return Agent
		}
		return Other // kept as a step
	},
	Fields: []Source{
		{Field: "session_id", Keys: []string{"acme.thread"}},
		{Field: "model_id", Keys: []string{"acme.model"}},
		{Field: "input_messages", Keys: []string{"acme.prompt"}, As: asInput},
		{Field: "output_messages", Keys: []string{"acme.answer"}, As: asOutput},
		{Field: "input_tokens", Keys: []string{"acme.tokens.in"}},
		{Field: "tool_name", Keys: []string{"acme.action"}},
		{Field: "tool_input", Keys: []string{"acme.args"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"acme.result"}, As: asResult},
	},
	// What a table cannot say: a refusal is told as a result.
	Finish: func(_ *record.Record, e *Draft) {
		if r := jsontext.Parse(e.ToolOutput); jsontext.Get(r, "refused").Bool() {
			e.Outcome = semconv.OutcomeDenied
			e.Answers = append(e.Answers, chat.Answer{ID: e.ToolCallID, Name: e.ToolName, Reason: jsontext.Get(r, "why").Str})
		}
	},
	Settings: map[string]string{"input_messages": "acme.Trace(content=True)"},
	Ignore:   []record.Ignored{{"acme.kind", "the event type"}},
}

var updateAcme = flag.Bool("update-acme", false, "write the golden of the exercise anew")

// TestAcme holds what the dialect makes of two spans against a file that was read by eye.
func TestAcme(t *testing.T) {
	prepare(acme.Fields)
	var lines strings.Builder
	for i, a := range []map[string]any{
		{
			"acme.kind": "model", "acme.thread": "t1", "acme.model": "m", "acme.tokens.in": 12,
			"acme.prompt": `[{"role":"system","content":"Be kind."},{"role":"user","content":"Refund order 7."}]`,
			"acme.answer": `[{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"refund","arguments":"{\"order\":7}"}}]}]`,
		},
		{"acme.kind": "action", "acme.thread": "t1", "acme.action": "refund", "acme.args": `{"order":7}`, "acme.result": `{"refused":true,"why":"too late"}`, "acme.colour": "red"},
	} {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		ss := rs.ScopeSpans().AppendEmpty()
		s := ss.Spans().AppendEmpty()
		s.SetTraceID([16]byte{1})
		s.SetSpanID([8]byte{byte(i + 1)})
		s.SetStartTimestamp(1e18)
		s.SetEndTimestamp(1e18 + 5e6)
		require.NoError(t, s.Attributes().FromRaw(a))
		r := record.NewScope(rs.Resource(), ss.Scope()).Span(s)
		require.True(t, acme.Match(r))
		d := acme.Map(r)
		e := d.Event
		e.EventID, e.ContentState = "1", d.State(&d.Event)
		var leaves jsontext.Leaves
		for _, f := range semconv.Fields() {
			semconv.FieldNamed(f.Name).Leaves(&e, &leaves)
		}
		leaves.AddWhole(d.Prompt)
		e.Content = d.Rest(&leaves)
		line, err := lineOf(&e)
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	if *updateAcme {
		require.NoError(t, os.WriteFile("testdata/acme.jsonl", []byte(lines.String()), 0o644))
	}
	want, err := os.ReadFile("testdata/acme.jsonl")
	require.NoError(t, err, "run go test -run TestAcme -update-acme once")
	require.Equal(t, string(want), lines.String())
}

func lineOf(e *semconv.Event) ([]byte, error) {
	span := ptrace.NewSpan()
	span.SetTraceID(pcommon.TraceID{1})
	semconv.WriteSpan(e, span)
	line, _, err := semconv.AppendSpan(nil, span)
	return line, err
}
