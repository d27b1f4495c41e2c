package agentauditexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A system prompt is stored once, under its digest, and events refer to it over and over.
// What they refer to must be in a manifest, or its removal would not be found: it is named
// with the first events of this process that need it, and again, with the longer lock that
// it then has, once a day.

// takePrompt notes the text of a system prompt that no manifest of late names.
func (s *sealer) takePrompt(o *object, m *semconv.Meta) {
	if m.SystemPrompt == "" {
		return
	}
	if at, ok := s.prompts.Get(ledger.PromptKey(m.SystemPromptHash)); ok && time.Since(at) < keepInterval {
		return
	}
	if _, ok := o.prompts[m.SystemPrompt]; ok {
		return
	}
	if sum := sha256.Sum256([]byte(m.SystemPrompt)); hex.EncodeToString(sum[:]) != m.SystemPromptHash {
		s.warn("prompt_without_hash", fmt.Sprintf("a system prompt of event %s was not stored: %s is not its SHA-256", m.EventID, semconv.AttrSystemPromptHash))
		return
	}
	if o.prompts == nil {
		o.prompts = map[string]time.Time{}
	}
	o.prompts[m.SystemPrompt] = m.Timestamp
	o.extra += len(m.SystemPrompt)
}

// buildPrompts describes the prompts of an object. Each is promised the lock that it is
// going to get, which is as long as that of all data that will rely on it before it is
// seen to again.
func (s *sealer) buildPrompts(o *object) {
	if len(o.prompts) == 0 {
		return
	}
	o.built = time.Now()
	lock := s.retention(o.built.Add(2 * keepInterval))
	for text, at := range o.prompts {
		o.texts = append(o.texts, ledger.NewPrompt(text, at, ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: lock.Mode, Until: lock.Until}))
	}
}

// namedPrompts notes, of an object that is sealed, that a manifest names its prompts.
func (s *sealer) namedPrompts(o *object) {
	for _, text := range o.texts {
		if text.Kind != ledger.ObjectPrompt {
			continue
		}
		if at, ok := s.prompts.Peek(text.Key); !ok || at.Before(o.built) {
			s.prompts.Add(text.Key, o.built)
		}
	}
}
