package agentauditexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// withTexts is what is known of a line that relies on texts.
func withTexts(prompt string, blobs ...string) semconv.Meta {
	m := semconv.Meta{EventID: "e", Timestamp: time.Now(), OversizeText: blobs}
	if prompt != "" {
		sum := sha256.Sum256([]byte(prompt))
		m.SystemPrompt, m.SystemPromptHash = prompt, hex.EncodeToString(sum[:])
	}
	return m
}

// attached are the kinds of the texts that go along with an object of those lines.
func (p *parts) attached(o *object, metas ...semconv.Meta) (kinds []string) {
	for _, m := range metas {
		require.True(p.t, o.takeLine([]byte("{}"), m))
	}
	require.NoError(p.t, o.build())
	for _, text := range o.attached {
		kinds = append(kinds, text.Kind)
	}
	slices.Sort(kinds)
	return kinds
}

func TestTextsAreTakenOnce(t *testing.T) {
	p := newParts(t)
	m := p.maker()
	end := func(*object, error) {}
	line := withTexts("You are careful.", "long", "longer")
	o := m.object(kind{}, time.Now(), "", end)
	want := []string{ledger.ObjectBlob, ledger.ObjectBlob, ledger.ObjectPrompt}
	require.Equal(t, want, p.attached(o, line, line))
	o.finish(errors.New("gone"))

	o = m.object(kind{}, time.Now(), "", end)
	require.Equal(t, want, p.attached(o, line), "the first was not named")
	o.finish(nil)
	o = m.object(kind{}, time.Now(), "", end)
	require.Equal(t, want[:2], p.attached(o, line), "a manifest names the prompt; blobs are locked as the object")
	o.finish(nil)

	m.prompts.named.Add(ledger.PromptKey(line.SystemPromptHash), time.Now().Add(-keepInterval))
	o = m.object(kind{}, time.Now(), "", end)
	require.Equal(t, want, p.attached(o, line), "named again once a day")
	for _, text := range o.attached {
		if text.Kind == ledger.ObjectPrompt {
			require.True(t, text.Retention.Until.After(o.sealed.Retention.Until), "for data to come")
		}
	}
}

// What was built first and named last does not make a prompt look older than it is.
func TestPromptsRememberTheLatest(t *testing.T) {
	m := newParts(t).maker()
	now := time.Now()
	m.prompts.note("k", now)
	m.prompts.note("k", now.Add(-time.Hour))
	at, _ := m.prompts.named.Get("k")
	require.Equal(t, now, at)
}

func TestPromptOfAnotherDigest(t *testing.T) {
	p := newParts(t)
	line := withTexts("You are careful.")
	line.SystemPrompt = "You are careless."
	require.Empty(t, p.attached(p.maker().object(kind{}, time.Now(), "", nil), line))
	require.Equal(t, 1, p.logs.FilterMessageSnippet("a system prompt of event e was not stored").Len())
}
