package dialect

import (
	"strings"
	"unicode"
)

// Vendors choose their prefixes, and whether words are parted by dots, underscores or
// capitals; the words themselves they share: gen_ai.tool.name, toolName and
// acme.tool_name are one name. What no table knows is read by its last words.

// wordsOf is a key as its words in small letters, each behind a space.
func wordsOf(key string) string {
	var b strings.Builder
	b.Grow(len(key) + 8)
	before := ' '
	for _, c := range key {
		switch c {
		case '.', '_', '-', ':', '/', ' ':
			c = ' '
			if before != ' ' {
				b.WriteByte(' ')
			}
		default:
			if before == ' ' && b.Len() == 0 || unicode.IsUpper(c) && unicode.IsLower(before) {
				b.WriteByte(' ')
			}
			b.WriteRune(unicode.ToLower(c))
		}
		before = c
	}
	return strings.TrimSuffix(b.String(), " ")
}

// spokenField is a field that a key whose last words are these holds. Of a record that a
// table knows only those are read whose words can mean nothing else.
type spokenField struct {
	ends  string // the last words, behind a space
	field string
	as    Decoder
	loose bool // means this only in telemetry of agents that no table knows

	row []Source // of the field, prepared
}

// spokenFields in the order in which they are asked: of two keys for one field the one that
// says more.
var spokenFields = []spokenField{
	{ends: " conversation id", field: "session_id"},
	{ends: " session id", field: "session_id"},
	{ends: " thread id", field: "session_id", loose: true},
	{ends: " chat id", field: "session_id", loose: true},
	{ends: " user id", field: "user_id"},
	{ends: " agent name", field: "agent_name"},
	{ends: " agent id", field: "agent_id"},
	{ends: " agent version", field: "agent_version"},

	{ends: " request model", field: "model_id"},
	{ends: " model name", field: "model_id"},
	{ends: " model id", field: "model_id"},
	{ends: " llm model", field: "model_id"},
	{ends: " model", field: "model_id", loose: true},
	{ends: " response model", field: "response_model_id"},
	{ends: " response id", field: "response_id"},
	{ends: " provider", field: "provider", as: asProvider, loose: true},
	{ends: " finish reason", field: "finish_reasons"},
	{ends: " finish reasons", field: "finish_reasons"},
	{ends: " stop reason", field: "finish_reasons"},
	{ends: " input tokens", field: "input_tokens"},
	{ends: " prompt tokens", field: "input_tokens"},
	{ends: " tokens input", field: "input_tokens"},
	{ends: " tokens prompt", field: "input_tokens"},
	{ends: " tokens in", field: "input_tokens", loose: true},
	{ends: " output tokens", field: "output_tokens"},
	{ends: " completion tokens", field: "output_tokens"},
	{ends: " tokens output", field: "output_tokens"},
	{ends: " tokens completion", field: "output_tokens"},
	{ends: " tokens out", field: "output_tokens", loose: true},
	{ends: " cached input tokens", field: "cached_input_tokens"},
	{ends: " input cached tokens", field: "cached_input_tokens"},
	{ends: " cache read input tokens", field: "cached_input_tokens"},
	{ends: " total cost", field: "cost_usd", as: asCost},
	{ends: " cost usd", field: "cost_usd", as: asCost},
	{ends: " cached tokens", field: "cached_input_tokens"},
	{ends: " cache read tokens", field: "cached_input_tokens"},
	{ends: " reasoning tokens", field: "reasoning_tokens"},
	{ends: " temperature", field: "temperature"},
	{ends: " top p", field: "top_p"},
	{ends: " max tokens", field: "max_tokens"},
	{ends: " max output tokens", field: "max_tokens"},
	{ends: " system prompt", field: SystemPrompt, as: asSystem},
	{ends: " system instructions", field: SystemPrompt, as: asSystem},
	{ends: " system message", field: SystemPrompt, as: asSystem},
	{ends: " instructions", field: SystemPrompt, as: asSystem, loose: true},
	{ends: " input messages", field: "input_messages", as: asInput},
	{ends: " llm messages", field: "input_messages", as: asInput},
	{ends: " request messages", field: "input_messages", as: asInput},
	{ends: " prompt messages", field: "input_messages", as: asInput},
	{ends: " output messages", field: "output_messages", as: asOutput},
	{ends: " messages", field: "input_messages", as: asInput, loose: true},
	{ends: " prompt", field: "input_messages", as: asInput, loose: true},
	{ends: " input", field: "input_messages", as: asInput, loose: true},
	{ends: " inputs", field: "input_messages", as: asInput, loose: true},
	{ends: " input value", field: "input_messages", as: asInput, loose: true},
	{ends: " request", field: "input_messages", as: asInput, loose: true},
	{ends: " completion", field: "output_messages", as: asOutput, loose: true},
	{ends: " output", field: "output_messages", as: asOutput, loose: true},
	{ends: " outputs", field: "output_messages", as: asOutput, loose: true},
	{ends: " output value", field: "output_messages", as: asOutput, loose: true},
	{ends: " response", field: "output_messages", as: asOutput, loose: true},
	{ends: " available tools", field: "tools_available", as: asTools},
	{ends: " tools", field: "tools_available", as: asTools, loose: true},

	{ends: " tool name", field: "tool_name"},
	{ends: " tool definition name", field: "tool_name"},
	{ends: " function name", field: "tool_name", loose: true},
	{ends: " tool call id", field: "tool_call_id", as: asCallID},
	{ends: " tool id", field: "tool_call_id", as: asCallID, loose: true},
	{ends: " call id", field: "tool_call_id", as: asCallID, loose: true},
	{ends: " tool description", field: "tool_description"},
	{ends: " tool call arguments", field: "tool_input", as: asWrappedInput},
	{ends: " tool arguments", field: "tool_input", as: asWrappedInput},
	{ends: " tool args", field: "tool_input", as: asWrappedInput},
	{ends: " tool call args", field: "tool_input", as: asWrappedInput},
	{ends: " tool input", field: "tool_input", as: asWrappedInput},
	{ends: " tool call input", field: "tool_input", as: asWrappedInput},
	{ends: " tool parameters", field: "tool_input", as: asWrappedInput},
	{ends: " arguments", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " args", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " input", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " inputs", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " input value", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " parameters", field: "tool_input", as: asWrappedInput, loose: true},
	{ends: " tool call result", field: "tool_output", as: asWrappedOutput},
	{ends: " tool result", field: "tool_output", as: asWrappedOutput},
	{ends: " tool output", field: "tool_output", as: asWrappedOutput},
	{ends: " tool call output", field: "tool_output", as: asWrappedOutput},
	{ends: " tool response", field: "tool_output", as: asWrappedOutput},
	{ends: " result", field: "tool_output", as: asWrappedOutput, loose: true},
	{ends: " output", field: "tool_output", as: asWrappedOutput, loose: true},
	{ends: " outputs", field: "tool_output", as: asWrappedOutput, loose: true},
	{ends: " output value", field: "tool_output", as: asWrappedOutput, loose: true},
	{ends: " response", field: "tool_output", as: asWrappedOutput, loose: true},

	{ends: " user message", field: "user_message", as: asUserText},
	{ends: " user input", field: "user_message", as: asUserText},
	{ends: " input", field: "user_message", as: asUserText, loose: true},
	{ends: " inputs", field: "user_message", as: asUserText, loose: true},
	{ends: " input value", field: "user_message", as: asUserText, loose: true},
	{ends: " final output", field: "final_output", as: asAnswerText},
	{ends: " final result", field: "final_output", as: asAnswerText},
	{ends: " output", field: "final_output", as: asAnswerText, loose: true},
	{ends: " outputs", field: "final_output", as: asAnswerText, loose: true},
	{ends: " output value", field: "final_output", as: asAnswerText, loose: true},

	{ends: " query", field: "query", loose: true},
	{ends: " input", field: "query", loose: true},
	{ends: " documents", field: "documents", as: asJSON("documents"), loose: true},
	{ends: " output", field: "documents", as: asJSON("documents"), loose: true},
	{ends: " guardrail name", field: "guardrail_name"},
	{ends: " verdict", field: "verdict", loose: true},
	{ends: " triggered", field: "verdict", loose: true},
	{ends: " output", field: "verdict", loose: true},
}

func init() {
	for i := range spokenFields {
		s := &spokenFields[i]
		s.row = []Source{{Field: s.field, As: s.as}}
		prepare(s.row)
	}
}

// unread is an attribute that nothing took, with the words of its key.
type unread struct{ key, words string }

// otherCount reports whether a count of tokens is of other tokens than the field's.
func otherCount(words, field string) bool {
	if field != "input_tokens" && field != "output_tokens" {
		return false
	}
	for _, other := range []string{" cache", " reasoning", " total", " estimated", " max", " audio", " image"} {
		if strings.Contains(words, other) {
			return true
		}
	}
	return false
}

// maxWordy is the longest key that is read by its words, in bytes.
const maxWordy = 128

// readByWords fills what is still empty from keys that no table knows, by their last
// words; loose says that no table read the record at all.
func (e *Draft) readByWords(loose bool) {
	var left []unread
	for key := range e.Record.Unread() {
		if len(key) <= maxWordy && !foreign(key) {
			left = append(left, unread{key, wordsOf(key)})
		}
	}
	if len(left) == 0 {
		return
	}
	for i := range spokenFields {
		s := &spokenFields[i]
		if s.loose && !loose {
			continue
		}
		for _, a := range left {
			if strings.HasSuffix(a.words, s.ends) && !otherCount(a.words, s.field) && s.row[0].wanted(e) {
				e.read(&s.row[0], a.key)
			}
		}
	}
}
