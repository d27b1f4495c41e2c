package dialect

import (
	"cmp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// untabled is telemetry of agents that no dialect has a table for, and whose keys do not say
// what it is: it is read by the words that vendors share, see words.go. What tells of nothing
// in them is kept as it is, as a step.
var untabled = &Dialect{
	Name:  "untabled",
	Title: "Any other telemetry of agents, read without a table",
	Match: func(r *record.Record) bool {
		for _, prefix := range genAI {
			if r.HasPrefix(prefix) && (prefix != "audit." || !r.Distrusted()) {
				return true
			}
		}
		return !r.Log && (plainKind(r) != Other || vendorOf(r) != "" || namesTool(r) && kindByWords(r) == Tool)
	},
	Kind: untabledKind,
}

// shaped is telemetry that no dialect has a table for, of which the form of its keys tells
// what it is. It comes before the conventions of OpenTelemetry, which it is read by, too.
var shaped = &Dialect{
	Name:  "untabled-shape",
	Title: "Any other GenAI telemetry, by the form of its keys (`x.span.type`, `x.input`, `x.output`, `x.session_id`)",
	Match: func(r *record.Record) bool { return !r.Log && matchesShape(r) },
	Kind:  shapeKind,
	Finish: func(r *record.Record, e *Draft) {
		shapeFinish(r, e)
		e.readByWords(true)
	},
}

// conventional reports whether a record says by conventions that others share what it is: then
// it is theirs, whatever else stands on it.
func conventional(r *record.Record) bool {
	for _, key := range [...]string{"gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "gen_ai.request.model", "llm.request.type", "gen_ai.tool.name", "gen_ai.prompt.0.role"} {
		if r.Has(key) {
			return true
		}
	}
	return strings.HasPrefix(r.Scope, "openinference.") || strings.HasPrefix(r.Scope, "@arizeai/openinference-") || strings.HasPrefix(r.Scope, "opentelemetry.instrumentation.")
}

// The rules read the list of dialects.
func init() { untabled.Finish = untabledFinish }

// genAI are what keys begin with that tell of models, agents and their tools.
var genAI = []string{
	"gen_ai.", "llm.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "langwatch.", "mlflow.span", "lmnr.", "agentops.", "crewai.", "autogen.", "ag2.", "agno.", "haystack.",
	"llamaindex.", "pydantic_ai.", "spring.ai.", "gcp.vertex.agent.", "mastra.", "lk.", "weave.", "braintrust.", "voltagent.", "mirascope.", "openlit.", "netra.", "dspy.", "smolagents.",
	"input.value", "output.value", "agent.messages", "tool.name", "tool.parameters", "mcp.method", "mcp.tool", "audit.",
}

// vendorOf is the prefix under which a record has an input and an output, and whose session,
// model, tool or agent they are of, or "".
func vendorOf(r *record.Record) string {
	for key := range r.All() {
		p, ok := strings.CutSuffix(key, ".output")
		if !ok || p == "" || foreign(key) || !r.Has(p+".input") {
			continue
		}
		root, _, _ := strings.Cut(p, ".")
		for other := range r.All() {
			if strings.HasPrefix(other, root+".") && endsIn(other, " session id", " conversation id", " thread id", " user id", " model", " model name", " tool name", " agent name", " agent id") {
				return p
			}
		}
	}
	return ""
}

// endsIn reports whether the last words of a key are among these.
func endsIn(key string, ends ...string) bool {
	words := wordsOf(key)
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(words, end) })
}

// namesTool reports whether a key may be of a tool, which most spans have none of.
func namesTool(r *record.Record) bool {
	for key := range r.All() {
		if strings.Contains(key, "tool") || strings.Contains(key, "Tool") {
			return true
		}
	}
	return false
}

// plainKind is what a key without a vendor says that a record tells of.
func plainKind(r *record.Record) Kind {
	for _, key := range []string{"span.type", "span.kind", "span_type", "observation.type", "run_type"} {
		if k, ok := kindWord(r.Text(key)); ok && k != Chain {
			return k
		}
	}
	return Other
}

func untabledKind(r *record.Record) Kind {
	if r.Log || r.Name == "raw_gen_ai_request" { // LiteLLM's: the call around it, again
		return Other
	}
	k := cmp.Or(plainKind(r), kindByWords(r))
	if k == Chain && !r.ParentID.IsEmpty() {
		return Other // a step, with all that it holds
	}
	return k
}

// kindByWords is what a record tells of by the words of its keys.
func kindByWords(r *record.Record) Kind {
	var tool, args, model, said bool
	for key := range r.All() {
		if len(key) > maxWordy {
			continue
		}
		tool = tool || endsIn(key, " tool name", " tool call id")
		args = args || endsIn(key, " arguments", " args", " tool input", " tool output", " tool result", " tool call result")
		model = model || endsIn(key, " request model", " model name", " llm model", " model id", " response model", " model")
		said = said || endsIn(key, " input tokens", " prompt tokens", " completion tokens", " output tokens", " messages", " prompt", " completion")
	}
	switch {
	case tool && args:
		return Tool
	case model && said:
		return LLM
	case vendorOf(r) != "":
		return Chain
	}
	return Other
}

func untabledFinish(r *record.Record, e *Draft) {
	e.readByWords(true)
	switch e.Kind {
	case Tool:
		if e.ToolName == "" {
			e.ToolName = toolOfSpan(r.Name)
		}
	case LLM:
		if e.Operation == "" {
			e.Set("operation", pcommon.NewValueStr("chat"))
		}
		e.fallbackModel()
	case Agent, Chain:
		e.Requested = nil
	}
}
