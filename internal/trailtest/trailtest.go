// Package trailtest seals events into a trail in memory, for tests of readers.
package trailtest

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/mapping"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TB is what of testing.TB is needed.
type TB interface {
	ledgertest.TB
	require.TestingT
}

// Log is the log that is sealed.
const Log = "gw-0"

// Seal seals each list of events as an object of its own. Events without an agent are agent a's.
func Seal(t TB, objects ...[]*semconv.Event) (*ledgertest.Store, []ledger.PublicKey) {
	t.Helper()
	return sealBy(t, ledgertest.NewSigner(t, "ed25519"), objects...)
}

func sealBy(t TB, signer ledger.Signer, objects ...[]*semconv.Event) (*ledgertest.Store, []ledger.PublicKey) {
	t.Helper()
	lines := make([][]line, len(objects))
	for i, list := range objects {
		for _, e := range list {
			if e.AgentID == "" {
				e.AgentID = "a"
			}
			span := ptrace.NewSpan()
			semconv.WriteSpan(e, span)
			text, m, err := semconv.AppendSpan(nil, span)
			require.NoError(t, err)
			lines[i] = append(lines[i], line{text, m})
		}
	}
	return sealLines(t, signer, lines...)
}

// line is an event as it is sealed.
type line struct {
	text []byte
	meta semconv.Meta
}

// sealLines seals each list of lines as an object of its own.
func sealLines(t TB, signer ledger.Signer, objects ...[]line) (*ledgertest.Store, []ledger.PublicKey) {
	t.Helper()
	ctx, s := context.Background(), ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(24 * time.Hour)}
	c, err := ledger.OpenChain(ctx, s, ledger.ChainOptions{
		Log: Log, Signer: signer, Retention: func(time.Time) ledger.Retention { return lock },
	})
	require.NoError(t, err)
	for _, lines := range objects {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: Log, Compression: ledger.Gzip, Retention: lock}, time.Now())
		for _, l := range lines {
			b.Add(l.text, l.meta)
		}
		o, err := b.Finish()
		require.NoError(t, err)
		_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
	}
	return s, []ledger.PublicKey{ledgertest.Public(t, signer)}
}

// Recording seals what recordings give, as OTLP JSON files, mapped with the default
// configuration, in one object. It returns the ids of the sessions, in their order.
func Recording(t TB, files ...string) (s *ledgertest.Store, keys []ledger.PublicKey, sessions []string) {
	t.Helper()
	return RecordingBy(t, ledgertest.NewSigner(t, "ed25519"), files...)
}

// RecordingBy is Recording with a key that is given.
func RecordingBy(t TB, signer ledger.Signer, files ...string) (s *ledgertest.Store, keys []ledger.PublicKey, sessions []string) {
	t.Helper()
	var out bytes.Buffer
	ctx := context.Background()
	m, err := mapping.New(ctx, agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
	require.NoError(t, err)
	for _, name := range files {
		f, err := os.Open(name) //nolint:gosec // of the test
		require.NoError(t, err)
		require.NoError(t, m.Read(ctx, f))
		require.NoError(t, f.Close())
	}
	require.NoError(t, m.Close(ctx))
	var list []*semconv.Event
	seen := map[string]bool{}
	for text := range bytes.Lines(out.Bytes()) {
		e, err := semconv.ParseLine(bytes.TrimSuffix(text, []byte("\n")))
		require.NoError(t, err)
		list = append(list, e)
		if e.SessionID != "" && !seen[e.SessionID] {
			seen[e.SessionID] = true
			sessions = append(sessions, e.SessionID)
		}
	}
	s, keys = sealBy(t, signer, list)
	return s, keys, sessions
}
