package dialect

import (
	"regexp"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/internal/pytext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// userText is what the user said, in the input of a frame: messages, or plain text.
func userText(v pcommon.Value) string { return textOf(record.JSON(v), "user") }

func textOf(in gjson.Result, role string) string {
	in = chat.Typed(in)
	if in.Type == gjson.String {
		return in.Str
	}
	return chat.Read(in, role).User()
}

// answerText is the answer in the output of a frame: the text of the last message
// of the model, or plain text. A run that stopped to ask has none.
func answerText(v pcommon.Value) string { return answerOf(record.JSON(v)) }

func answerOf(out gjson.Result) string {
	out = chat.Typed(out)
	if out.Type == gjson.String {
		return printedAnswer(out.Str)
	}
	if s := jsontext.First(out, "output", "answer", "text", "result"); s.Type == gjson.String {
		return s.Str
	}
	c := chat.Read(out, "assistant")
	if len(c.JSON) == 0 {
		return ""
	}
	last := jsontext.LastOf(jsontext.Parse(c.JSON))
	if jsontext.Get(last, "role").Str != "assistant" || last.Get(`parts.#(type=="tool_call")`).Exists() {
		return ""
	}
	return c.LastText()
}

// asUserText and asAnswerText read what a frame was asked and what it answered.
func asUserText(e *Draft, v pcommon.Value) bool {
	e.UserMessage = userText(v)
	return e.UserMessage != ""
}

func asAnswerText(e *Draft, v pcommon.Value) bool {
	e.FinalOutput = answerText(v)
	return e.FinalOutput != ""
}

// framesFinish reads what a frame was asked and what it answered, and names tools
// after their spans.
func framesFinish(in, out string) func(*record.Record, *Draft) {
	return func(r *record.Record, e *Draft) {
		switch e.Kind {
		case Tool:
			if e.ToolName == "" {
				e.ToolName = r.Name
			}
		case Agent, Chain:
			if v, ok := r.Take(in); ok {
				e.UserMessage = userText(v)
			}
			if v, ok := r.Take(out); ok {
				e.FinalOutput = answerText(v)
			}
			e.Requested = nil
		case LLM:
			if e.Operation == "" {
				e.Set("operation", pcommon.NewValueStr("chat"))
			}
			e.fallbackModel()
		}
	}
}

// printedContent is how Python prints LangChain's messages: content='…' and what stands beside.
var printedContent = regexp.MustCompile(`^content=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") (?:additional_kwargs|response_metadata|name|id)=`)

// printedAnswer is the text of a message that Python printed; other text is itself.
func printedAnswer(s string) string {
	m := printedContent.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	raw, ok := pytext.JSON("[" + m[1] + "]")
	if !ok {
		return s
	}
	return jsontext.Get(jsontext.Parse([]byte(raw)), "0").Str
}
