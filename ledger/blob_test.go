package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// A blob is named in a manifest like data: one that is gone, altered, or not the text
// of its name is found.
func TestBlobs(t *testing.T) {
	const digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of hello
	lock := ledger.ObjectRetention{Class: "default", Mode: ledger.Compliance, Until: until()}
	blob := func(text string) *ledger.SealedObject {
		b, err := ledger.NewBlob(text, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), lock)
		require.NoError(t, err)
		return b
	}
	good := blob("hello")
	require.Equal(t, "blobs/v1/"+digest+".gz", good.Key)
	forged := blob("other")
	forged.Key = good.Key

	for name, tt := range map[string]struct {
		sealed  *ledger.SealedObject
		body    []byte
		finding string
		text    string
	}{
		"whole":                      {good, good.Body, "", "hello"},
		"gone":                       {good, nil, ledger.CodeObjectMissing, ""},
		"altered":                    {good, append(good.Body[:len(good.Body):len(good.Body)], 0), ledger.CodeObjectAltered, ""},
		"not the text that it names": {forged, forged.Body, ledger.CodeEncodingInvalid, ""},
		"no gzip":                    {good, []byte("hello"), ledger.CodeObjectAltered, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			c, _ := reopen(t, tr)
			data := seal(t, tr, ledger.ObjectOptions{}, "a", 1, 2)
			if tt.body != nil {
				_, err := tr.Put(ctx, tt.sealed.Key, tt.body, ledger.PutOptions{Retention: ledger.Retention{Mode: lock.Mode, Until: lock.Until}})
				require.NoError(t, err)
			}
			require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{tt.sealed.Object, data}))
			report, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Level: ledger.LevelEvents})
			require.NoError(t, err)
			var found []string
			for _, f := range report.Findings {
				if f.Severity == ledger.SeverityError {
					found = append(found, f.Code)
				}
			}
			if tt.finding == "" {
				require.Empty(t, found)
			} else {
				require.Equal(t, []string{tt.finding}, found)
			}
			text, err := ledger.ReadBlob(ctx, tr, digest)
			if tt.text == "" {
				_, ok := errors.AsType[*ledger.Finding](err)
				require.True(t, ok, "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.text, string(text))
		})
	}
}

// What a line names is no path.
func TestReadBlobTakesDigestsOnly(t *testing.T) {
	tr := newTrail(t)
	for _, digest := range []string{"", "../../manifests/v1/gw-0/000000000000", strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		_, err := ledger.ReadBlob(ctx, tr, digest)
		_, ok := errors.AsType[*ledger.Finding](err)
		require.True(t, ok, "%v", err)
	}
}

// TestReadPrompt: a system prompt is the text that its hash names, whoever stored it.
func TestReadPrompt(t *testing.T) {
	tr := newTrail(t)
	p := ledger.NewPrompt("You are helpful.", time.Now(), ledger.ObjectRetention{})
	digest := p.SHA256
	_, err := ledger.ReadPrompt(ctx, tr, digest)
	_, ok := errors.AsType[*ledger.Finding](err)
	require.True(t, ok, "%v", err)
	put := func(text string) { tr.Overwrite(p.Key, []byte(text)) }
	put("You are evil.")
	_, err = ledger.ReadPrompt(ctx, tr, digest)
	require.ErrorContains(t, err, "the system prompt is not stored")
	put("You are helpful.")
	text, err := ledger.ReadPrompt(ctx, tr, digest)
	require.NoError(t, err)
	require.Equal(t, "You are helpful.", string(text))
	_, err = ledger.ReadPrompt(ctx, tr, "../../manifests/v1/gw-0/000000000000")
	_, ok = errors.AsType[*ledger.Finding](err)
	require.True(t, ok, "%v", err)
}
