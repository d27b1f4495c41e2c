package dialect

import (
	"cmp"
	"crypto/sha256"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// beeAI is BeeAI under OpenInference, which makes a span of each event of its emitter: one for
// the start of a call, with what went in, one for its success or its error, with what came
// out, and one for its finish, which says nothing more. Source: Arize-ai/openinference,
// js/packages/openinference-instrumentation-beeai/src.
var beeAI = &Dialect{
	Name:  "beeai",
	Title: "BeeAI (OpenInference)",
	Match: func(r *record.Record) bool {
		return !r.Log && strings.Contains(r.Scope, "openinference") && strings.Contains(r.Scope, "beeai")
	},
	Kind: func(r *record.Record) Kind {
		k := openInference.Kind(r)
		_, event := beeAIEvent(r)
		switch {
		case event == "":
			return k
		case k == Agent:
			return Chain // a turn of the loop
		case k == LLM && event == "start":
			return Message
		case k == LLM && (event == "success" || event == "error"):
			return LLM
		case k == Tool && (event == "success" || event == "error" || event == "retry" && r.Failed):
			return Tool
		case k == LLM, k == Tool:
			return Copy // what comes after it, or came before, tells all of it
		}
		return k
	},
	Fields: openInference.Fields,
	Ignore: append([]record.Ignored{{"traceId", "the span's own ids and times"}, {"name", "the record's name"}}, openInference.Ignore...),
}

// The rules read the table, and the table names the rules.
func init() { beeAI.Finish = beeAIFinish }

var beeAISpan = regexp.MustCompile(`^(.+)\.(start|success|finish|error|retry|update|newToken|partialUpdate)(-\d+)?$`)

// beeAIEvent is the thing that a span is an event of, and which; "" for spans that are none.
func beeAIEvent(r *record.Record) (of, event string) {
	if m := beeAISpan.FindStringSubmatch(r.Name); m != nil {
		return m[1] + m[3], m[2]
	}
	switch r.Name { // Python's
	case "init", "start", "finish", "final_answer", "error", "success", "partial_update", "update", "new_token":
		if r.Has("metadata.path") || r.Has("metadata.trace.run_id") {
			return r.Name, "update"
		}
	}
	return "", ""
}

func beeAIFinish(r *record.Record, e *Draft) {
	of, event := beeAIEvent(r)
	if event != "" && (e.Kind == LLM || e.Kind == Message) {
		// The spans of a call are known to be of one by what is above them and their names.
		sum := sha256.Sum256([]byte(r.ParentID.String() + "/" + of))
		e.Of = pcommon.SpanID(sum[:8])
		if e.Kind == Message {
			e.openInferenceLLM(r)
			return
		}
		e.EventID = semconv.SpanEventID(r.TraceID, e.Of, string(semconv.TypeLLMCall))
	}
	if v, ok := r.Get("metadata"); ok && e.Kind == Tool {
		call := jsontext.Get(record.JSON(v), "toolCallMsg")
		e.ToolName = cmp.Or(e.ToolName, jsontext.Get(call, "toolName").Str)
		e.ToolCallID = cmp.Or(e.ToolCallID, jsontext.Get(call, "toolCallId").Str)
	}
	if e.Kind == Tool && e.ToolName == "" && event != "" {
		e.ToolName = of[strings.LastIndexByte(of, '.')+1:]
	}
	if e.Kind == Chain && event != "" {
		return
	}
	openInferenceFinish(r, e)
}
