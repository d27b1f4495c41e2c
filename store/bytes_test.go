package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestEveryByte changes every byte of a pulled trail, one at a time: what is sealed,
// what others put there, and the side file. None is confirmed.
func TestEveryByte(t *testing.T) {
	ctx := context.Background()
	signer := ledgertest.NewSigner(t, "ed25519")
	key := ledgertest.Public(t, signer)
	s := ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).UTC().Truncate(time.Hour)}
	c, err := ledger.OpenChain(ctx, s, ledger.ChainOptions{Log: "g", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "g", Compression: ledger.Gzip, Retention: lock}, time.Now())
	for n := range 2 {
		span := ptrace.NewSpan()
		semconv.WriteSpan(&semconv.Event{EventType: semconv.TypeToolCall, EventID: fmt.Sprint(n), Timestamp: time.Unix(1, 0).UTC(), SessionID: "s", AgentID: "a", StepNumber: semconv.Some(int64(n + 1))}, span)
		line, m, err := semconv.AppendSpan(nil, span)
		require.NoError(t, err)
		b.Add(line, m)
	}
	o, err := b.Finish()
	require.NoError(t, err)
	_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
	require.NoError(t, c.Commit(ctx, ledger.KindClose, nil))
	require.NoError(t, c.Checkpoint(ctx, nil))
	for key, text := range map[string]string{ledger.KeyPrefix + "x.pem": "a key", ledger.PromptPrefix + "x.txt": "a prompt"} {
		_, err = s.Put(ctx, key, []byte(text), ledger.PutOptions{SHA256: sha256.Sum256([]byte(text)), Retention: lock})
		require.NoError(t, err)
	}
	s.Overwrite(o.Key, []byte("another version"))

	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, store.Pull(ctx, s, dir, nil))
	verify := func() ledger.Verdict {
		d, err := store.OpenDir(dir)
		if err != nil {
			return ledger.NoVerdict
		}
		defer func() { require.NoError(t, d.Close()) }()
		r, _ := ledger.Verify(ctx, d, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Concurrency: 1})
		return r.Verdict
	}
	require.Equal(t, ledger.Confirmed, verify())
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		body, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotEmpty(t, body)
		for i := range body {
			was := body[i]
			// A bit; and the case of a letter, or the kind of a space.
			body[i] = was ^ 1<<(i%8)
			if i%2 == 0 {
				body[i] = was ^ 0x20
			}
			require.NoError(t, os.WriteFile(name, body, 0o600))
			require.NotEqual(t, ledger.Confirmed, verify(), "byte %d of %s", i, name)
			body[i] = was
		}
		return os.WriteFile(name, body, 0o600)
	}))
	require.Equal(t, 8, files)
	require.Equal(t, ledger.Confirmed, verify(), "and with all of them back")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "added"), nil, 0o600))
	d, err := store.OpenDir(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	r, err := ledger.Verify(ctx, d, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Contains(t, fmt.Sprint(r.Findings), "the file was added to the copy")
}
