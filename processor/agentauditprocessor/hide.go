package agentauditprocessor

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
)

// hider replaces system texts in JSON, each value once, in one pass.
type hider struct {
	prompts *prompts
	texts   []string // system texts of the record, as JSON strings
	flat    []string // prefixes of keys that belong to a system message
	depth   int
}

// messages is a list of messages in the one shape, without the text of system messages.
func (h *hider) messages(list []byte) []byte {
	out := append(make([]byte, 0, len(list)), '[')
	jsontext.Elements(jsontext.Parse(list), func(m gjson.Result) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if chat.SystemRole(jsontext.Get(m, "role").Str) {
			out = h.value(out, m.Raw, true)
		} else {
			out = append(out, m.Raw...)
		}
	})
	return append(out, ']')
}

// content is the content object without system texts.
func (h *hider) content(object []byte) []byte {
	v := jsontext.Parse(object)
	for _, m := range jsontext.AppendMembers(nil, v) {
		if prefix, ok := strings.CutSuffix(m.Key, "role"); ok && prefix != "" && chat.SystemRole(jsontext.Read(m.Raw).Str) {
			h.flat = append(h.flat, prefix)
		}
	}
	return h.value(make([]byte, 0, len(object)), v.Raw, false)
}

// instructionKeys are the last words of the keys under which libraries keep instructions.
var instructionKeys = []string{
	"system_instructions", "system_instruction", "systemInstruction", "systemInstructions", "system_prompt", "systemPrompt", "system_message", "systemMessage",
	"instructions", "backstory", "developer_instructions",
}

// instructions reports whether a key holds instructions; "gen_ai.system" and the like name a
// provider.
func instructions(key string) bool {
	return key == "system" || slices.Contains(instructionKeys, key[strings.LastIndexAny(key, ".:")+1:])
}

// maxHideDepth bounds how deep JSON in strings in JSON is opened.
const maxHideDepth = 8

// value appends a value; all texts in it are system texts where secret is set.
func (h *hider) value(dst []byte, raw string, secret bool) []byte {
	switch {
	case raw == "":
		return dst
	case raw[0] == '"':
		return h.text(dst, raw, secret)
	case raw[0] == '[':
		n := 0
		dst = append(dst, '[')
		pair := strings.HasPrefix(raw, `["system",`) || strings.HasPrefix(raw, `["developer",`) // LangGraph's tuples
		jsontext.Elements(jsontext.Unread(raw), func(v gjson.Result) {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = h.value(dst, v.Raw, secret && !pair || pair && n > 0)
			n++
		})
		return append(dst, ']')
	case raw[0] == '{':
		return h.object(dst, raw, secret)
	}
	return append(dst, raw...)
}

func (h *hider) object(dst []byte, raw string, secret bool) []byte {
	o := jsontext.AppendMembers(nil, jsontext.Unread(raw))
	system := chat.IsSystem(o)
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, m.Key), ':')
		switch {
		case (secret || system) && (m.Key == "role" || m.Key == "type" || m.Key == "name" || m.Key == "id" || m.Key == "lc"):
			dst = append(dst, m.Raw...)
		case secret, system, instructions(m.Key):
			dst = h.value(dst, m.Raw, true)
		default:
			dst = h.value(dst, m.Raw, h.ofFlat(m.Key))
		}
	}
	return append(dst, '}')
}

// ofFlat reports whether a key belongs to a system message that is told in several keys.
func (h *hider) ofFlat(key string) bool {
	return slices.ContainsFunc(h.flat, func(prefix string) bool {
		return strings.HasPrefix(key, prefix) && key != prefix+"role"
	})
}

// repr finds system messages in what Python prints of messages. Their quotes mark the text
// as clearly as JSON does.
var repr = regexp.MustCompile(`(?s)((?:SystemMessage|ChatMessage|SystemChatMessage)\([^'"]*?(?:<MessageRole\.SYSTEM: 'system'>[^'"]*?)?(?:content|text)=|['"]role['"]: ['"](?:system|developer)['"], ['"]content['"]: )('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`)

func (h *hider) text(dst []byte, raw string, secret bool) []byte {
	if raw == `""` {
		return append(dst, raw...)
	}
	if secret || slices.Contains(h.texts, raw) {
		return jsontext.AppendString(dst, h.prompts.marker(jsontext.Read(raw).Str))
	}
	if !chat.MaybeSystem(raw) || h.depth >= maxHideDepth {
		return append(dst, raw...)
	}
	text := jsontext.Read(raw).Str
	if in, ok := jsontext.Open(text); ok && in.Type == gjson.JSON {
		h.depth++
		inner := h.value(nil, in.Raw, false)
		h.depth--
		if string(inner) != in.Raw {
			return jsontext.AppendString(dst, string(inner))
		}
		return append(dst, raw...)
	}
	hidden := repr.ReplaceAllStringFunc(text, func(m string) string {
		parts := repr.FindStringSubmatch(m)
		if strings.HasPrefix(parts[1], "ChatMessage") && !strings.Contains(parts[1], "SYSTEM") {
			return m
		}
		return parts[1] + "'" + h.prompts.marker(unquoted(parts[2])) + "'"
	})
	if hidden == text {
		return append(dst, raw...)
	}
	return jsontext.AppendString(dst, hidden)
}

// unquoted is the text that a string of Python's is.
func unquoted(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\'`, "'", `\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}
