package dialect

import (
	"cmp"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// strands is Strands Agents, on AWS Bedrock AgentCore too, where its messages come
// as log records.
var strands = &Dialect{
	Name:  "strands",
	Title: "Strands Agents, AgentCore",
	Match: func(r *record.Record) bool {
		return r.Scope == "strands.telemetry.tracer" || cmp.Or(r.Text("gen_ai.provider.name"), r.Text("gen_ai.system")) == "strands-agents"
	},
	Kind: func(r *record.Record) Kind {
		if r.Log {
			if r.Body.Type() == pcommon.ValueTypeMap {
				return Message
			}
			return otelLogKind(r)
		}
		switch r.Text("gen_ai.operation.name") {
		case "execute_event_loop_cycle":
			return Copy // a turn of the loop, whose calls tell it
		case "invoke_swarm", "invoke_graph":
			return Chain
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "tools_available", Keys: []string{"gen_ai.tool.definitions", "gen_ai.agent.tools"}, As: asTools},
		// The names are of durations in seconds, the values are milliseconds.
		{Field: "time_to_first_token_ms", Keys: []string{"gen_ai.server.time_to_first_token"}},
		{Field: "latency_ms", Keys: []string{"gen_ai.server.request.duration"}},
		{Field: "cached_input_tokens", Keys: []string{"gen_ai.usage.cache_read_input_tokens"}},
	},
	Finish: strandsFinish,
	Settings: map[string]string{
		"session_id": "trace_attributes={\"session.id\": …}",
		"user_id":    "trace_attributes={\"user.id\": …}",
	},
	Ignore: []record.Ignored{{"gen_ai.event.start_time", "the span's own ids and times"}, {"gen_ai.event.end_time", "the span's own ids and times"}, {"gen_ai.usage.total_tokens", "a sum of fields"}},
}

func strandsFinish(r *record.Record, e *Draft) {
	if r.Log && e.Kind == Message && r.Body.Type() == pcommon.ValueTypeMap {
		e.Of = r.SpanID
		r.BodyRead = true
		body := record.JSON(r.Body)
		if in := jsontext.Get(body, "input.messages"); in.IsArray() {
			e.input(chat.Read(in, "user"))
		}
		if out := jsontext.Get(body, "output.messages"); out.IsArray() {
			e.output(chat.Read(out, "assistant"))
		}
		return
	}
	if e.Kind != Tool {
		otelFinish(r, e)
		return
	}
	// On a tool's span the message is the input and the choice is the output, against
	// the convention.
	for i, ev := range r.Events.All() {
		switch ev.Name() {
		case "gen_ai.tool.message":
			r.ReadEvent(i)
			if v, ok := ev.Attributes().Get("content"); ok && len(e.ToolInput) == 0 {
				e.SetJSON("tool_input", jsontext.Bytes(record.JSON(v).Raw))
			}
			if e.ToolCallID == "" {
				e.ToolCallID = record.AttrText(ev.Attributes(), "id")
			}
		case "gen_ai.choice":
			r.ReadEvent(i)
			if v, ok := ev.Attributes().Get("message"); ok && len(e.ToolOutput) == 0 {
				out := record.JSON(v)
				if a := out.Array(); out.IsArray() && len(a) == 1 && jsontext.Get(a[0], "text").Exists() {
					out = jsontext.OpenString(jsontext.Get(a[0], "text"))
				}
				e.result(out)
			}
		}
	}
	if r.Text("gen_ai.tool.status") == "error" && e.Outcome == "" {
		e.Outcome, e.Error = semconv.OutcomeError, cmp.Or(e.Error, "the tool failed")
	}
}
