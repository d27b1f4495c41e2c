package agentauditprocessor

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
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

// secret is a system text as it is looked for in events.
type secret struct {
	text   string
	hash   string
	marker string   // what it is replaced by
	forms  [][]byte // inside a JSON string, in JSON inside a JSON string, and once more
	plain  []string // in a text field
}

// secrets are the system texts of a request, each prepared once.
type secrets map[string]*secret

func (p *prompts) secret(known secrets, text string) *secret {
	if s := known[text]; s != nil {
		return s
	}
	// One codec for what is hashed and what is written: U+FFFD for what is no UTF-8.
	valid := text
	if !utf8.ValidString(text) {
		valid = string([]rune(text))
	}
	s := &secret{text: text, hash: p.hash(valid), plain: []string{text}}
	s.marker = "[system prompt sha256:" + s.hash + "]"
	if len(p.key) > 0 {
		s.marker = "[system prompt hmac-sha256:" + s.hash + "]"
	}
	once := inner(valid)
	twice := inner(once)
	for _, form := range []string{once, twice, inner(twice)} {
		if len(s.forms) == 0 || form != string(s.forms[len(s.forms)-1]) {
			s.forms = append(s.forms, []byte(form))
		}
	}
	if once != text {
		s.plain = append(s.plain, once)
	}
	known[text] = s
	return s
}

// apply sets system_prompt_hash and, unless prompts are kept, replaces every
// occurrence of the texts in the event.
func (p *prompts) apply(e *runs.Event, known secrets, texts []string) {
	if e.Prompt != "" {
		e.SystemPromptHash = p.secret(known, e.Prompt).hash
	}
	if p.mode == promptKeep {
		return
	}
	for _, t := range texts {
		if t != "" {
			p.secret(known, t).scrub(e)
		}
	}
}

// shortPrompt is the length in bytes below which a text is replaced only where it
// is a whole JSON string: "Be brief" is not to vanish from what a user says.
const shortPrompt = 12

// scrub replaces the text in all fields, also where it is inside a JSON string, or in
// JSON inside a JSON string.
func (s *secret) scrub(e *runs.Event) {
	if len(s.text) < shortPrompt {
		e.EachJSON(func(v []byte) []byte {
			return bytes.ReplaceAll(v, []byte(`"`+string(s.forms[0])+`"`), []byte(`"`+s.marker+`"`))
		})
		e.EachText(func(v string) string {
			if v == s.text {
				return s.marker
			}
			return v
		})
		return
	}
	e.EachJSON(func(v []byte) []byte {
		for i := len(s.forms) - 1; i >= 0; i-- {
			if bytes.Contains(v, s.forms[i]) {
				v = bytes.ReplaceAll(v, s.forms[i], []byte(s.marker))
			}
		}
		return v
	})
	e.EachText(func(v string) string {
		for i := len(s.plain) - 1; i >= 0; i-- {
			if strings.Contains(v, s.plain[i]) {
				v = strings.ReplaceAll(v, s.plain[i], s.marker)
			}
		}
		return v
	})
}

// inner is a text as it stands inside a JSON string.
func inner(s string) string {
	b := jsontext.AppendString(nil, s)
	return string(b[1 : len(b)-1])
}
