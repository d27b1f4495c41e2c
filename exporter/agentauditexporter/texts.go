package agentauditexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// texts are what an object's lines rely on beside themselves, each with the time of the
// event that brought it: to be stored and named along with the events.
type texts struct {
	known   *prompts
	prompts map[string]time.Time // system prompts
	blobs   map[string]time.Time // full texts of fields that were too long for the line
	bytes   int                  // of both
	built   time.Time            // of the prompts
}

// take takes the texts out of what is known of a line.
func (t *texts) take(m *semconv.Meta) {
	if _, ok := t.prompts[m.SystemPrompt]; !ok && t.known.want(m) {
		t.bytes += note(&t.prompts, m.SystemPrompt, m.Timestamp)
	}
	for _, text := range m.OversizeText {
		if _, ok := t.blobs[text]; !ok {
			t.bytes += note(&t.blobs, text, m.Timestamp)
		}
	}
	m.SystemPrompt, m.OversizeText = "", nil
}

func note(to *map[string]time.Time, text string, at time.Time) int {
	if *to == nil {
		*to = map[string]time.Time{}
	}
	(*to)[text] = at
	return len(text)
}

// build describes the texts, and forgets them. Objects of any class may rely on one, so it is
// locked as long as the longest of them.
func (t *texts) build(lock ledger.ObjectRetention) (list []*ledger.SealedObject, err error) {
	for text, at := range t.blobs {
		b, err := ledger.NewBlob(text, at, lock)
		if err != nil {
			return nil, fmt.Errorf("cannot build a blob: %w", err)
		}
		list = append(list, b)
	}
	if len(t.prompts) > 0 {
		t.built = time.Now()
		list = append(list, t.known.build(t.prompts, t.built)...)
	}
	t.blobs, t.prompts = nil, nil
	return list, nil
}

// named notes that a manifest names the texts.
func (t *texts) named(list []*ledger.SealedObject) {
	for _, text := range list {
		if text.Kind == ledger.ObjectPrompt {
			t.known.note(text.Key, t.built)
		}
	}
}

// prompts remembers which system prompts a manifest of late names.
//
// A prompt is stored once, under its digest, and events refer to it over and over. What
// they refer to must be in a manifest, or its removal would not be found: it is named with
// the first events of this process that need it, and again, with the longer lock that it
// then has, once a day.
type prompts struct {
	named *lru.Cache[string, time.Time] // key to the time as of which a manifest named it
	lock  *LockConfig
	warn  func(code, message string)
}

// rememberedPrompts bounds that; a prompt that is forgotten is named again.
const rememberedPrompts = 10_000

func newPrompts(lock *LockConfig, warn func(code, message string)) (*prompts, error) {
	named, err := lru.New[string, time.Time](rememberedPrompts)
	return &prompts{named: named, lock: lock, warn: warn}, err
}

// want reports whether a line brings a prompt that no manifest of late names.
func (p *prompts) want(m *semconv.Meta) bool {
	if m.SystemPrompt == "" {
		return false
	}
	if at, ok := p.named.Get(ledger.PromptKey(m.SystemPromptHash)); ok && time.Since(at) < keepInterval {
		return false
	}
	if sum := sha256.Sum256([]byte(m.SystemPrompt)); hex.EncodeToString(sum[:]) != m.SystemPromptHash {
		p.warn("prompt_without_hash", fmt.Sprintf("a system prompt of event %s was not stored: %s is not its SHA-256", m.EventID, semconv.AttrSystemPromptHash))
		return false
	}
	return true
}

// build describes prompts. Each is promised the lock that it is going to get, which is as
// long as that of all data that will rely on it before it is seen to again.
func (p *prompts) build(texts map[string]time.Time, now time.Time) (list []*ledger.SealedObject) {
	lock := p.lock.after(now.Add(2*keepInterval), p.lock.longest())
	for text, at := range texts {
		list = append(list, ledger.NewPrompt(text, at, ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: lock.Mode, Until: lock.Until}))
	}
	return list
}

// note remembers that a manifest names a prompt, as of the time when it was built.
func (p *prompts) note(key string, built time.Time) {
	if at, ok := p.named.Peek(key); !ok || at.Before(built) {
		p.named.Add(key, built)
	}
}
