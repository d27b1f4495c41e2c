package agentauditprocessor

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
)

// prompts hashes system prompts and takes their text out of events.
type prompts struct {
	mode string
	key  []byte
}

func (p *prompts) hash(text string) string {
	if len(p.key) > 0 {
		h := hmac.New(sha256.New, p.key)
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// hashes are those of the system texts of a request: many events state one.
type hashes struct {
	*prompts
	known map[string]string
}

func (s *hashes) of(text string) string {
	hash, ok := s.known[text]
	if !ok {
		hash = s.hash(text)
		if s.known == nil {
			s.known = map[string]string{}
		}
		s.known[text] = hash
	}
	return hash
}

// marker is what a system text is replaced by.
func (s *hashes) marker(text string) string {
	if len(s.key) > 0 {
		return "[system prompt hmac-sha256:" + s.of(text) + "]"
	}
	return "[system prompt sha256:" + s.of(text) + "]"
}

// printedSystem stands in what LlamaIndex prints of a system message, which some
// instrumentations send as the model's answer.
const printedSystem = "<MessageRole.SYSTEM: 'system'>"

// apply sets system_prompt_hash and, unless prompts are kept, replaces system texts where
// they are system texts: in system messages and instructions, whichever dialect told them,
// and in a value of content that equals one which its own record told. Nothing else is
// replaced, whatever it says: what an agent did, read or answered is evidence.
func (s *hashes) apply(e *runs.Event) {
	if e.Prompt != "" {
		e.SystemPromptHash = s.of(jsontext.ValidText(e.Prompt))
	}
	if s.mode == promptKeep {
		return
	}
	h := hider{hashes: s}
	for _, list := range []*json.RawMessage{&e.InputMessages, &e.OutputMessages} {
		if bytes.Contains(*list, []byte(`"role":"system"`)) || bytes.Contains(*list, []byte(`"role":"developer"`)) {
			*list = h.messages(*list)
		}
		if bytes.Contains(*list, []byte(printedSystem)) {
			*list = h.value(nil, string(*list), false)
		}
	}
	if strings.Contains(e.OutputText, printedSystem) {
		e.OutputText = h.printed(e.OutputText)
	}
	for _, t := range e.Secrets {
		// Few are looked for in vain without opening the content; many are not, each through all of it.
		if quoted := jsontext.AppendString(nil, t); t != "" && (len(e.Secrets) > 8 || bytes.Contains(e.Content, quoted)) {
			if h.texts == nil {
				h.texts = map[string]bool{}
			}
			h.texts[string(quoted)] = true
		}
	}
	if len(e.Content) > 0 && (len(h.texts) > 0 || chat.MaybeSystem(string(e.Content))) {
		e.Content = h.content(e.Content)
	}
}
