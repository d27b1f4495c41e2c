package agentauditprocessor

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
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

// apply sets system_prompt_hash and, unless prompts are kept, replaces every
// occurrence of the texts in the event.
func (p *prompts) apply(e *runs.Event, texts []string) {
	if e.Prompt != "" {
		// One codec for what is hashed and what is written: U+FFFD for what is no UTF-8.
		e.SystemPromptHash = p.hash(string([]rune(e.Prompt)))
	}
	if p.mode == promptKeep {
		return
	}
	for _, t := range texts {
		if t == "" {
			continue
		}
		marker := "[system prompt sha256:" + p.hash(string([]rune(t))) + "]"
		if len(p.key) > 0 {
			marker = "[system prompt hmac-sha256:" + p.hash(string([]rune(t))) + "]"
		}
		scrub(e, t, marker)
	}
}

// shortPrompt is the length in bytes below which a text is replaced only where it
// is a whole JSON string: "Be brief" is not to vanish from what a user says.
const shortPrompt = 12

// scrub replaces a text in all fields, also where it is inside a JSON string, or in
// JSON inside a JSON string.
func scrub(e *runs.Event, text, marker string) {
	once := inner(string([]rune(text)))
	forms := []string{once}
	for _, next := range []string{inner(once), inner(inner(once))} {
		if next != forms[len(forms)-1] {
			forms = append(forms, next)
		}
	}
	plain := []string{text}
	if once != text {
		plain = append(plain, once)
	}
	if len(text) < shortPrompt {
		e.EachJSON(func(v []byte) []byte {
			return bytes.ReplaceAll(v, []byte(`"`+once+`"`), []byte(`"`+marker+`"`))
		})
		e.EachText(func(s string) string {
			if s == text {
				return marker
			}
			return s
		})
		return
	}
	e.EachJSON(func(v []byte) []byte {
		for i := len(forms) - 1; i >= 0; i-- {
			if bytes.Contains(v, []byte(forms[i])) {
				v = bytes.ReplaceAll(v, []byte(forms[i]), []byte(marker))
			}
		}
		return v
	})
	e.EachText(func(s string) string {
		for i := len(plain) - 1; i >= 0; i-- {
			if strings.Contains(s, plain[i]) {
				s = strings.ReplaceAll(s, plain[i], marker)
			}
		}
		return s
	})
}

// inner is a text as it stands inside a JSON string.
func inner(s string) string {
	b := semconv.AppendString(nil, s)
	return string(b[1 : len(b)-1])
}
