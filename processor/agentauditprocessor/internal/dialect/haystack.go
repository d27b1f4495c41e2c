package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// haystack is Haystack's own tracer, under a scope of the application's. An agent's run has
// steps for model and tools; in a pipeline each component is a span, whose type says what it
// does. Source: deepset-ai/haystack, haystack/components/agents/agent.py,
// haystack/core/pipeline/base.py and haystack/hooks/human_in_the_loop.
var haystack = &Dialect{
	Name:  "haystack",
	Title: "Haystack",
	Match: func(r *record.Record) bool {
		return !r.Log && (strings.HasPrefix(r.Name, "haystack.") || r.HasPrefix("haystack.")) && !r.Has("openinference.span.kind")
	},
	Kind: haystackKind,
	Fields: []Source{
		{Field: "tool_name", Keys: []string{"haystack.tool.name"}},
		{Field: "tool_description", Keys: []string{"haystack.tool.description"}},
		{Field: "tool_call_id", Keys: []string{"haystack.tool.call.id"}, As: asCallID},
		{Field: "tool_input", Keys: []string{"haystack.agent.step.tool.input"}, As: asJSON("tool_input")},
		{Field: "tool_output", Keys: []string{"haystack.agent.step.tool.output"}, As: asResult},
		{Field: "input_messages", Keys: []string{"haystack.agent.step.llm.input", "haystack.component.input"}, As: asInput},
		{Field: "output_messages", Keys: []string{"haystack.agent.step.llm.output", "haystack.component.output"}, As: asOutput},
		{Field: "user_message", Keys: []string{"haystack.agent.input", "haystack.component.input", "haystack.pipeline.input_data"}, As: asHaystackAsked},
		{Field: "final_output", Keys: []string{"haystack.agent.output", "haystack.component.output", "haystack.pipeline.output_data"}, As: asHaystackAnswer},
		{Field: "tools_available", Keys: []string{"haystack.agent.tools"}, As: asTools},
		{Field: "query", Keys: []string{"haystack.component.input"}},
	},
	Finish: haystackFinish,
	Settings: map[string]string{
		"input_messages":  "HAYSTACK_CONTENT_TRACING_ENABLED=true",
		"output_messages": "HAYSTACK_CONTENT_TRACING_ENABLED=true",
		"tool_input":      "HAYSTACK_CONTENT_TRACING_ENABLED=true",
		"tool_output":     "HAYSTACK_CONTENT_TRACING_ENABLED=true",
		"user_message":    "HAYSTACK_CONTENT_TRACING_ENABLED=true",
		"final_output":    "HAYSTACK_CONTENT_TRACING_ENABLED=true",
	},
}

func haystackKind(r *record.Record) Kind {
	switch r.Name {
	case "haystack.agent.step.llm":
		return LLM
	case "haystack.agent.step.tool":
		return Tool
	case "haystack.agent.run":
		return Agent
	case "haystack.agent.hook.human_in_the_loop.strategy":
		return Approval
	case "haystack.component.run":
		switch typ := r.Text("haystack.component.type"); {
		case strings.HasSuffix(typ, "Generator"):
			return LLM
		case strings.HasSuffix(typ, "Retriever"):
			return Retrieval
		case strings.HasSuffix(typ, "Agent"):
			return Agent // which the run within has no name of
		}
	}
	if k := otelKind(r); k != Chain {
		return k
	}
	return Chain
}

func haystackFinish(r *record.Record, e *Draft) {
	switch e.Kind {
	case LLM:
		e.haystackCall(r)
	case Tool:
		if r.TakeText("haystack.tool.error") == "true" {
			e.Error = cmp.Or(e.Error, jsontext.Get(jsontext.Parse(e.ToolOutput), "error").Str, "the tool failed")
			e.Outcome = semconv.OutcomeError
		}
	case Approval:
		e.haystackDecision(r)
	case Agent, Chain:
		if strings.HasSuffix(r.Text("haystack.component.type"), "Agent") {
			e.AgentName = cmp.Or(e.AgentName, r.TakeText("haystack.component.name"))
		}
	case Retrieval:
		if v, ok := r.Take("haystack.component.output"); ok {
			e.documents(jsontext.Get(record.JSON(v), "documents"))
		}
	}
	otelFinish(r, e)
}

// ofComponents calls f with what each component of a pipeline was given, or gave, and with the
// whole first.
func ofComponents(v pcommon.Value, f func(gjson.Result) bool) {
	all := record.JSON(v)
	if f(all) || !all.IsObject() {
		return
	}
	all.ForEach(func(_, of gjson.Result) bool { return !of.IsObject() || !f(of) })
}

func asHaystackAsked(e *Draft, v pcommon.Value) bool {
	ofComponents(v, func(in gjson.Result) bool {
		e.UserMessage = chat.Read(in, "user").User()
		return e.UserMessage != ""
	})
	return e.UserMessage != ""
}

func asHaystackAnswer(e *Draft, v pcommon.Value) bool {
	ofComponents(v, func(out gjson.Result) bool {
		e.FinalOutput = answerOf(out)
		return e.FinalOutput != ""
	})
	return e.FinalOutput != ""
}

// haystackCall reads what stands beside the messages of a call.
func (e *Draft) haystackCall(r *record.Record) {
	for _, key := range []string{"haystack.agent.step.llm.input", "haystack.component.input"} {
		e.offered(r, key)
	}
	for _, key := range []string{"haystack.agent.step.llm.output", "haystack.component.output"} {
		v, ok := r.Get(key)
		if !ok {
			continue
		}
		meta := jsontext.First(record.JSON(v), "replies.0.meta", "meta.0")
		if m := jsontext.Get(meta, "model").Str; e.ResponseModelID == "" && m != "" {
			e.ResponseModelID = m
		}
		e.usage(jsontext.Get(meta, "usage"))
		if f := jsontext.First(meta, "finish_reason", "stop_reason").Str; len(e.FinishReasons) == 0 && f != "" {
			e.FinishReasons = []string{f}
		}
	}
	if e.Operation == "" {
		e.Operation = "chat"
	}
	e.fallbackModel()
}

// haystackDecision reads what a strategy of confirmation decided on a call. One that asks a
// person waits for it, and blocks.
func (e *Draft) haystackDecision(r *record.Record) {
	const p = "haystack.agent.hook.human_in_the_loop.strategy."
	if v, ok := r.Take(p + "input"); ok {
		in := record.JSON(v)
		e.ToolName = cmp.Or(e.ToolName, jsontext.Get(in, "tool_name").Str)
		e.ToolInput = jsontext.Value(jsontext.Get(in, "tool_params"))
	}
	var out gjson.Result
	if v, ok := r.Take(p + "output"); ok {
		out = record.JSON(v)
	}
	e.ApprovalReason = jsontext.Get(out, "feedback").Str
	switch r.Text(p + "decision") {
	case "confirm":
		e.ApprovalStatus = semconv.ApprovalApproved
	case "modify":
		e.ApprovalStatus = semconv.ApprovalApproved
		e.SetJSON("approved_input", jsontext.Value(jsontext.Get(out, "final_tool_params")))
	case "reject":
		e.ApprovalStatus = semconv.ApprovalRejected
	}
	if strings.Contains(r.Text(p+"type"), "human_in_the_loop") {
		e.ApprovalSource = semconv.SourceHuman
	} else if e.ApprovalStatus != "" {
		e.ApprovalSource = semconv.SourceHook
	}
}
