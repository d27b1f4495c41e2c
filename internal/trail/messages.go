package trail

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Message is one of a conversation, for a person to read.
type Message struct{ Role, Text string }

// Conversation reads messages in the shape of the schema, [{"role":…,"parts":[…]}].
// What has another shape is shown as it is.
func Conversation(raw json.RawMessage) []Message {
	if len(raw) == 0 {
		return nil
	}
	var list []struct {
		Role  string            `json:"role"`
		Parts []json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return []Message{{Text: plain(raw)}}
	}
	var out []Message
	for _, m := range list {
		var texts []string
		for _, p := range m.Parts {
			if s := part(p); s != "" {
				texts = append(texts, s)
			}
		}
		if len(texts) > 0 {
			out = append(out, Message{m.Role, strings.Join(texts, " ")})
		}
	}
	return out
}

func part(raw json.RawMessage) string {
	var p struct {
		Type      string          `json:"type"`
		Content   json.RawMessage `json:"content"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
		Result    json.RawMessage `json:"result"`
	}
	if json.Unmarshal(raw, &p) == nil {
		switch {
		case p.Type == "text":
			return plain(p.Content)
		case p.Type == "tool_call":
			return p.Name + "(" + string(p.Arguments) + ")"
		case p.Type == "tool_call_response" && len(p.Result) > 0:
			return plain(p.Result)
		}
	}
	return string(raw)
}

// String is who said it, and what.
func (m Message) String() string {
	if m.Role == "" {
		return m.Text
	}
	return m.Role + ": " + m.Text
}

// plain is the text of a JSON string; another value stays JSON, without spaces.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}
