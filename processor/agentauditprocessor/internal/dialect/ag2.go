package dialect

import (
	"regexp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// ag2 is AG2's telemetry: the conventions of OpenTelemetry, spans of usage that repeat what
// calls said, and what people were asked. Source: ag2ai/ag2, ag2/middleware/builtin/telemetry.py
// and approval.py.
var ag2 = &Dialect{
	Name:  "ag2",
	Title: "AG2",
	Match: func(r *record.Record) bool { return !r.Log && r.HasPrefix("ag2.") },
	Kind: func(r *record.Record) Kind {
		switch r.Text("ag2.span.type") {
		case "usage":
			if r.Text("ag2.usage.kind") == "compaction" || r.Text("ag2.usage.kind") == "aggregation" {
				return LLM // which no other span tells of
			}
			return Copy
		case "human_input":
			if _, _, ok := ag2Asked(r); ok {
				return Approval
			}
			return Other
		case "conversation", "multi_conversation":
			return Chain
		}
		return otelKind(r)
	},
	Finish: func(r *record.Record, e *Draft) {
		switch e.Kind {
		case Approval:
			e.ag2Decision(r)
			return
		case Tool:
			if string(e.ToolOutput) == `"User denied the tool call request"` {
				e.Outcome = semconv.OutcomeDenied
			}
		}
		otelFinish(r, e)
	},
	Ignore: []record.Ignored{{"ag2.span.type", "the event type"}, {"ag2.usage.total_tokens", "a sum of fields"}},
}

// ag2Prompt is what AG2 asks a person about a tool call, unless the application words it.
var ag2Prompt = regexp.MustCompile("(?s)^Agent wants to call the tool:\n`([^`]{1,256})`, (.*)\nPlease approve or deny")

// ag2Asked is the call that a person was asked about, in a span below the tool's. A word that
// is no decision answers another question.
func ag2Asked(r *record.Record) (call chat.Call, status string, ok bool) {
	switch strings.ToLower(strings.TrimSpace(r.Text("ag2.human_input.response"))) {
	case "y", "yes", "1", "always":
		status = semconv.ApprovalApproved
	case "n", "no", "0":
		status = semconv.ApprovalRejected
	}
	m := ag2Prompt.FindStringSubmatch(r.Text("ag2.human_input.prompt"))
	if m == nil {
		return call, status, status != ""
	}
	if status == "" && r.Text("ag2.human_input.response") != "" {
		status = semconv.ApprovalRejected // any other word is taken for one
	}
	call.Name = m[1]
	if v, valid := jsontext.Open(m[2]); valid {
		call.Arguments = jsontext.Value(v)
	}
	return call, status, true
}

func (e *Draft) ag2Decision(r *record.Record) {
	call, status, _ := ag2Asked(r)
	e.ToolName, e.ToolInput, e.ApprovalStatus = call.Name, call.Arguments, status
	e.ApprovalSource = semconv.SourceHuman
	e.Of = r.ParentID
	r.Use("ag2.human_input.prompt")
	if status != "" {
		r.Use("ag2.human_input.response")
	} else {
		e.ApprovalSource, e.ApprovalStatus = "", semconv.ApprovalPending
	}
}
