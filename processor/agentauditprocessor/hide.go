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
	hashes *hashes
	texts  map[string]bool // system texts of the record, as JSON strings
	flat   []string        // prefixes of keys that belong to a system message
	depth  int
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
	"instructions", "instruction_parts", "backstory", "developer_instructions",
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
	dst, _ = h.at(dst, raw, 0, secret)
	return dst
}

// at is value for the value that begins at s[i]; end is where it ends.
func (h *hider) at(dst []byte, s string, i int, secret bool) (out []byte, end int) {
	switch {
	case i >= len(s):
		return dst, i
	case s[i] == '{':
		return h.object(dst, s, i, secret)
	case s[i] == '[':
		return h.array(dst, s, i, secret)
	}
	end = jsontext.ValueEnd(s, i)
	if s[i] == '"' {
		return h.text(dst, s[i:end], secret), end
	}
	return append(dst, s[i:end]...), end
}

func (h *hider) array(dst []byte, s string, i int, secret bool) (out []byte, end int) {
	pair := strings.HasPrefix(s[i:], `["system",`) || strings.HasPrefix(s[i:], `["developer",`) // LangGraph's tuples
	dst = append(dst, '[')
	n := 0
	for i++; i < len(s) && s[i] != ']'; i++ { // past the comma
		if n > 0 {
			dst = append(dst, ',')
		}
		dst, i = h.at(dst, s, i, secret && !pair || pair && n > 0)
		n++
		if i >= len(s) || s[i] != ',' {
			break
		}
	}
	return append(dst, ']'), min(i+1, len(s))
}

// object writes an object; where it turns out to be a system message, again, without its
// texts.
func (h *hider) object(dst []byte, s string, i int, secret bool) (out []byte, end int) {
	begin, from := len(dst), i
	shaped := false
	dst = append(dst, '{')
	for i++; i < len(s) && s[i] == '"'; i++ { // past the comma
		colon := jsontext.ValueEnd(s, i)
		key := s[i+1 : colon-1]
		if len(dst) > begin+1 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, s[i:colon]...), ':')
		shape := key == "role" || key == "type" || key == "name" || key == "id" || key == "lc"
		shaped = shaped || shape
		dst, i = h.at(dst, s, colon+1, secret && !shape || !secret && (instructions(key) || h.ofFlat(key)))
		if i >= len(s) || s[i] != ',' {
			break
		}
	}
	dst, end = append(dst, '}'), min(i+1, len(s))
	if shaped && !secret && chat.IsSystem(jsontext.AppendMembers(nil, jsontext.Unread(s[from:end]))) {
		return h.object(dst[:begin], s, from, true)
	}
	return dst, end
}

// ofFlat reports whether a key belongs to a system message that is told in several keys.
func (h *hider) ofFlat(key string) bool {
	return len(h.flat) > 0 && slices.ContainsFunc(h.flat, func(prefix string) bool {
		return strings.HasPrefix(key, prefix) && key != prefix+"role"
	})
}

// repr finds system messages in what Python prints of messages. Their quotes mark the text
// as clearly as JSON does.
var repr = regexp.MustCompile(reprBegin + `('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`)

// reprCut finds those that were cut off before their text ended.
var reprCut = regexp.MustCompile(reprBegin + `('(?:[^'\\]|\\.)*\\?|"(?:[^"\\]|\\.)*\\?)$`)

const reprBegin = `(?s)((?:SystemMessage|ChatMessage|SystemChatMessage)\([^'"]*?(?:<MessageRole\.SYSTEM: 'system'>[^'"]*?)?(?:blocks=\[TextBlock\(block_type='text', )?(?:content|text)=|['"]role['"]: ['"](?:system|developer)['"], ['"]content['"]: )`

func (h *hider) text(dst []byte, raw string, secret bool) []byte {
	if raw == `""` {
		return append(dst, raw...)
	}
	if secret || h.texts[raw] {
		return jsontext.AppendString(dst, h.hashes.marker(jsontext.Read(raw).Str))
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
	hidden := h.printed(text)
	if hidden == text {
		return append(dst, raw...)
	}
	return jsontext.AppendString(dst, hidden)
}

// printed is a text without the system texts in what Python printed of messages.
func (h *hider) printed(text string) string {
	text = repr.ReplaceAllStringFunc(text, func(m string) string {
		parts := repr.FindStringSubmatch(m)
		if strings.HasPrefix(parts[1], "ChatMessage") && !strings.Contains(parts[1], "SYSTEM") {
			return m
		}
		return parts[1] + "'" + h.hashes.marker(unquoted(parts[2])) + "'"
	})
	return reprCut.ReplaceAllStringFunc(text, func(m string) string {
		parts := reprCut.FindStringSubmatch(m)
		if strings.HasPrefix(parts[1], "ChatMessage") && !strings.Contains(parts[1], "SYSTEM") || strings.HasPrefix(parts[2], "'[system prompt ") {
			return m
		}
		return parts[1] + cutPrompt // no hash: it would be of a part
	})
}

// cutPrompt stands for the beginning of a system text whose end was cut off at the source.
const cutPrompt = "[system prompt, cut off at the source]"

// unquoted is the text that a string of Python's is.
func unquoted(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\'`, "'", `\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}
