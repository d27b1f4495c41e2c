package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// LlamaIndex' workflows, whose steps hand events to each other: OpenLLMetry tells of a step
// with the event that it gave, as JSON. Source: run-llama/llama_index,
// llama-index-core/llama_index/core/agent/workflow/workflow_events.py.

// llamaIndexResult is what a tool gave, out of LlamaIndex' ToolOutput or ToolCallResult.
func (e *Draft) llamaIndexResult(v gjson.Result) (gjson.Result, bool) {
	if !v.IsObject() {
		return v, false
	}
	if in := jsontext.Get(v, "tool_output"); in.IsObject() && jsontext.Get(v, "tool_name").Exists() {
		e.ToolCallID = cmp.Or(e.ToolCallID, jsontext.Get(v, "tool_id").Str)
		v = in
	}
	raw := jsontext.Get(v, "raw_output")
	if !jsontext.Get(v, "tool_name").Exists() || !jsontext.Get(v, "blocks").Exists() && !raw.Exists() {
		return v, false
	}
	e.ToolName = cmp.Or(e.ToolName, jsontext.Get(v, "tool_name").Str)
	if jsontext.Get(v, "is_error").Bool() && e.Outcome == "" {
		e.Outcome = semconv.OutcomeError
	}
	if raw.Exists() && raw.Type != gjson.Null {
		return raw, true
	}
	return jsontext.First(v, "content", "blocks.0.text", "blocks"), true
}

// llamaIndexStep is the event that a step of a workflow gave, or no value.
func llamaIndexStep(r *record.Record) gjson.Result {
	if !strings.HasPrefix(r.Scope, "opentelemetry.instrumentation.llamaindex") {
		return gjson.Result{}
	}
	v, ok := r.Get("traceloop.entity.output")
	if !ok {
		return gjson.Result{}
	}
	step := record.JSON(v)
	if in := jsontext.Get(step, "result"); in.IsObject() { // of the end of a workflow
		step = in
	}
	return step
}

// llamaIndexKind is the kind of a step: a tool's, the event that says what is asked, or one
// that the others tell of.
func llamaIndexKind(r *record.Record) Kind {
	if r.Has("tool.name") {
		return Tool
	}
	step := llamaIndexStep(r)
	if in := jsontext.Get(step, "input"); in.IsArray() && jsontext.Get(step, "current_agent_name").Exists() {
		return Message
	}
	return Chain
}

// llamaIndexFinish reads whose a step is, and what was asked and answered.
func (e *Draft) llamaIndexFinish(r *record.Record) {
	step := llamaIndexStep(r)
	if !step.Exists() {
		return
	}
	if name := jsontext.Get(step, "current_agent_name").Str; e.AgentName == "" {
		e.AgentName = name
	}
	switch e.Kind {
	case Message:
		r.Use("traceloop.entity.output")
		c := chat.Read(jsontext.Get(step, "input"), "user")
		e.input(c)
		e.Keys = append(e.Keys, "asked")
		e.Joins = append(e.Joins, "asked")
	case Chain, Agent:
		if response := jsontext.Get(step, "response"); response.IsObject() {
			e.FinalOutput = answerOf(response)
		}
	}
}
