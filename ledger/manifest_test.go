package ledger_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestManifestFormat holds what is written against the document of the format.
func TestManifestFormat(t *testing.T) {
	tr := newTrail(t)
	body, err := tr.Get(ctx, "manifests/v1/gw-0/000000000002.json", "")
	require.NoError(t, err)
	var e map[string]any
	require.NoError(t, json.Unmarshal(body, &e))
	require.Equal(t, "application/vnd.in-toto+json", e["payloadType"])
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	require.NoError(t, err)
	var st map[string]any
	require.NoError(t, json.Unmarshal(payload, &st))
	require.Equal(t, "https://in-toto.io/Statement/v1", st["_type"])
	require.Equal(t, "https://agentaudit.dev/manifest/v2", st["predicateType"])
	p := st["predicate"].(map[string]any)
	o := p["objects"].([]any)[0].(map[string]any)
	require.Equal(t, []any{map[string]any{"name": o["key"], "digest": map[string]any{"sha256": o["sha256"]}}}, st["subject"])
	require.Equal(t, "gw-0", p["log"])
	require.Equal(t, 2.0, p["seq"])
	require.Equal(t, "batch", p["kind"])
	require.Equal(t, 2.0, p["tree"].(map[string]any)["size"])
	require.Len(t, p["tree"].(map[string]any)["frontier"], 1)
	require.Len(t, p["previous"], 64)
	require.Equal(t, map[string]any{"tool_call": 5.0}, o["event_types"])
	require.Equal(t, "COMPLIANCE", o["retention"].(map[string]any)["mode"])
	require.Equal(t, 1.0, o["sessions"].(map[string]any)["count"])
	require.Len(t, o["sessions"].(map[string]any)["prefixes"].([]any)[0], 16)

	first, err := tr.Get(ctx, "manifests/v1/gw-0/000000000000.json", "")
	require.NoError(t, err)
	m, err := ledger.ParseManifest(first, []ledger.PublicKey{tr.key})
	require.NoError(t, err)
	require.Empty(t, m.Predicate.Previous, "the first previous is empty")
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", m.Predicate.Tree.Root)
}

// FuzzParseManifest: nothing that a trusted key did not sign is taken, whatever the
// bytes, and what is taken has the payload that was signed.
func FuzzParseManifest(f *testing.F) {
	tr := newTrail(f)
	signed := map[string]bool{}
	for _, key := range tr.Keys(ledger.ManifestPrefix) {
		body, err := tr.Get(ctx, key, "")
		require.NoError(f, err)
		m, err := ledger.ParseManifest(body, []ledger.PublicKey{tr.key})
		require.NoError(f, err)
		signed[string(m.Payload)] = true
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ledger.ParseManifest(body, []ledger.PublicKey{tr.key})
		if err == nil {
			require.True(t, signed[string(m.Payload)])
		}
	})
}
