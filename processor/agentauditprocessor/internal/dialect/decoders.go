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

// asJSON sets a field that holds JSON, opening JSON that was sent as a string.
func asJSON(field string) Decoder {
	return func(e *Draft, v pcommon.Value) bool {
		if v.Type() == pcommon.ValueTypeStr && chat.CutAtSource(v.Str()) {
			e.cut = true
		}
		return e.SetJSON(field, jsontext.Bytes(record.JSON(v).Raw))
	}
}

// asSeconds sets a field in milliseconds from seconds.
func asSeconds(field string) Decoder {
	return func(e *Draft, v pcommon.Value) bool {
		x, ok := semconv.ParseFloat(v.AsString())
		return ok && e.Set(field, pcommon.NewValueDouble(x*1000))
	}
}

// asCost reads a cost, which some write as text.
func asCost(e *Draft, v pcommon.Value) bool {
	x, ok := semconv.ParseFloat(strings.TrimSpace(v.AsString()))
	return ok && e.Set("cost_usd", pcommon.NewValueDouble(x))
}

// asInput reads messages that were sent to a model.
func asInput(e *Draft, v pcommon.Value) bool {
	if v.Type() == pcommon.ValueTypeStr && chat.CutAtSource(v.Str()) {
		e.cut = true
	}
	e.input(chat.Read(chat.Open(record.JSON(v)), "user"))
	return len(e.InputMessages) > 0
}

// asOutput reads messages that a model answered.
func asOutput(e *Draft, v pcommon.Value) bool {
	e.output(chat.Read(chat.Open(record.JSON(v)), "assistant"))
	return len(e.OutputMessages) > 0
}

// asSystem reads a system prompt: text, or a list of parts or messages.
func asSystem(e *Draft, v pcommon.Value) bool {
	e.system(record.JSON(v))
	return e.Prompt != ""
}

// asTools reads the tools that were offered, in whatever shape; a list of JSON
// texts is a list of JSON.
func asTools(e *Draft, v pcommon.Value) bool {
	list := chat.Open(record.JSON(v))
	if !list.IsArray() {
		return false
	}
	out := []byte{'['}
	list.ForEach(func(_, t gjson.Result) bool {
		out = jsontext.AppendElement(out, jsontext.OpenString(t).Raw)
		return true
	})
	return e.SetJSON("tools_available", append(out, ']'))
}

func asProvider(e *Draft, v pcommon.Value) bool {
	p := strings.ToLower(v.AsString())
	p = cmp.Or(providers[strings.ReplaceAll(p, " ", "_")], p)
	if to, ok := providers[p]; ok {
		p = to
	}
	e.Provider = p
	return p != ""
}

// providers renames values that the conventions renamed.
var providers = map[string]string{
	"az.ai.inference": "azure.ai.inference", "az.ai.openai": "azure.ai.openai", "vertex_ai": "gcp.vertex_ai", "gemini": "gcp.gemini", "xai": "x_ai", "open_ai": "openai", "azure_openai": "azure.ai.openai", "mistralai": "mistral_ai",
}

// asCallID leaves out what stands for "there is none".
func asCallID(e *Draft, v pcommon.Value) bool {
	if s := v.AsString(); s != "unknown" && !chat.Withheld(s) {
		e.ToolCallID = s
	}
	return e.ToolCallID != ""
}

// asResult reads the result of a tool: content blocks of one text are that text.
func asResult(e *Draft, v pcommon.Value) bool {
	return e.langChainResult(record.JSON(v))
}

func (e *Draft) system(v gjson.Result) {
	list := chat.SystemTexts(v)
	e.Prompt = strings.Join(list, "\n")
	e.Secrets = append(e.Secrets, list...)
}

func (e *Draft) input(c *chat.Conversation) {
	e.InputMessages = c.JSON
	e.UserJSON = cmp.Or(e.UserJSON, c.UserJSON)
	e.Secrets = append(e.Secrets, c.System...)
	if e.Prompt == "" {
		e.Prompt = strings.Join(c.System, "\n")
	}
	if e.UserMessage == "" && (e.Kind == Agent || e.Kind == Chain || e.Kind == Start) {
		e.UserMessage = c.User()
	}
	e.Answers = append(e.Answers, c.Approvals...)
	if c.Withheld {
		e.hidden = true
	}
}

func (e *Draft) output(c *chat.Conversation) {
	e.OutputMessages = c.JSON
	e.OutputText = c.Text()
	e.Reasoning = c.Reasoning()
	e.Requested = c.Calls
	e.Asks = append(e.Asks, c.Asks...)
	if len(e.FinishReasons) == 0 {
		e.FinishReasons = c.Finish
	}
	if c.Withheld {
		e.hidden = true
	}
}

func (e *Draft) result(v gjson.Result) bool {
	if v.Type == gjson.String && chat.CutAtSource(v.Str) {
		e.cut = true
	}
	if a := v.Array(); v.IsArray() && len(a) == 1 && jsontext.Get(a[0], "type").Str == "text" {
		v = jsontext.OpenString(jsontext.Get(a[0], "text"))
	}
	if jsontext.Get(v, "denied").Bool() || jsontext.Get(v, "type").Str == "execution-denied" {
		e.Outcome = semconv.OutcomeDenied
	}
	return e.SetJSON("tool_output", jsontext.Bytes(v.Raw))
}

func (e *Draft) tools(v gjson.Result, path string) {
	out := []byte{'['}
	v.ForEach(func(_, t gjson.Result) bool {
		if path != "" {
			t = t.Get(path)
		}
		out = jsontext.AppendElement(out, jsontext.OpenString(t).Raw)
		return true
	})
	e.SetJSON("tools_available", append(out, ']'))
}

func (e *Draft) documents(v gjson.Result) {
	if !v.Exists() {
		return
	}
	out := []byte{'['}
	v.ForEach(func(_, d gjson.Result) bool {
		if in := jsontext.Get(d, "document"); in.IsObject() {
			d = in
		}
		out = jsontext.AppendElement(out, d.Raw)
		return true
	})
	e.SetJSON("documents", append(out, ']'))
}
