package mapping

import (
	"bytes"
	"context"
	mathrand "math/rand"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// fact is what must not depend on the order of arrival.
type fact struct {
	Type                        semconv.EventType
	Session, User, Tool, Prompt string
}

// both is what a test and a check of rapid can do.
type both interface {
	require.TestingT
	ledgertest.TB
}

// sealed is a trail of lines, its key, and the sessions in it.
func sealed(t both, lines []byte) (s *ledgertest.Store, key ledger.PublicKey, sessions map[string]bool) {
	t.Helper()
	signer := ledgertest.NewSigner(t, "ed25519")
	s, sessions = ledgertest.New(), map[string]bool{}
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(48 * time.Hour)}
	c, err := ledger.OpenChain(context.Background(), s, ledger.ChainOptions{Log: "gw", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw", Compression: ledger.None, Retention: lock}, time.Now())
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		e, err := semconv.ParseLine(line)
		require.NoError(t, err)
		sessions[e.SessionID] = true
		b.Add(line, semconv.Meta{EventType: string(e.EventType), EventID: e.EventID, SessionID: e.SessionID, Timestamp: e.Timestamp, Missing: e.MissingFields})
	}
	o, err := b.Finish()
	require.NoError(t, err)
	_, err = s.Put(context.Background(), o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
	require.NoError(t, err)
	require.NoError(t, c.Commit(context.Background(), ledger.KindBatch, []ledger.Object{o.Object}))
	return s, ledgertest.Public(t, signer), sessions
}

// asRead seals lines and reads their sessions back: what calls, tools and decisions
// there are, each counted once, as the reader completes them.
func asRead(t *testing.T, lines []byte) map[string]fact {
	t.Helper()
	s, key, sessions := sealed(t, lines)
	facts := map[string]fact{}
	for session := range sessions {
		read, err := trail.Read(context.Background(), s, []ledger.PublicKey{key}, nil, session)
		require.NoError(t, err)
		for _, e := range read.Events {
			switch e.EventType {
			case semconv.TypeLLMCall, semconv.TypeToolCall, semconv.TypeApproval:
				if e.LayerOf != "" {
					continue
				}
				f := fact{Type: e.EventType, Session: e.SessionID, User: e.UserID, Tool: e.ToolName}
				if e.EventType == semconv.TypeLLMCall {
					f.Prompt = e.SystemPromptHash
				}
				facts[e.EventID] = f
			}
		}
	}
	return facts
}

// TestReaderCompletes: whatever comes first, the session as it is read back has the
// same calls, tools and decisions, under the same ids, with the same facts. Where two
// records tell of one thing, either may be the one that counts.
func TestReaderCompletes(t *testing.T) {
	for _, name := range []string{
		"openinference-openai/agent", "openinference-langgraph/agent", "openinference-bedrock/agent", "openinference-mcp/agent", "otel-openai/agent",
		"vercel-ai/agent", "vercel-ai/legacy", "traceloop/agent", "langfuse/agent", "google-adk/agent", "genkit/agent",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(captures, name+".*.otlp.jsonl"))
			require.NoError(t, err)
			sort.Strings(files)
			parts := pieces(t, files)
			run := func(requests [][]byte) map[string]fact {
				var out bytes.Buffer
				m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
				require.NoError(t, err)
				for _, r := range requests {
					require.NoError(t, m.Request(context.Background(), r))
				}
				require.NoError(t, m.Close(context.Background()))
				return asRead(t, out.Bytes())
			}
			want := run(parts)
			require.NotEmpty(t, want)
			for seed := range int64(8) {
				shuffled := append([][]byte(nil), parts...)
				mathrand.New(mathrand.NewSource(seed)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				require.Equal(t, want, run(shuffled), "seed %d", seed)
			}
		})
	}
}

// TestSentTwice: every request twice gives no other event than every request once.
func TestSentTwice(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "vercel-ai", "agent.*.otlp.jsonl"))
	require.NoError(t, err)
	parts := pieces(t, files)
	var once, twice bytes.Buffer
	for _, c := range []struct {
		out  *bytes.Buffer
		list [][]byte
	}{{&once, parts}, {&twice, append(append([][]byte(nil), parts...), parts...)}} {
		m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), c.out)
		require.NoError(t, err)
		for _, p := range c.list {
			require.NoError(t, m.Request(context.Background(), p))
		}
		require.NoError(t, m.Close(context.Background()))
	}
	require.Equal(t, asRead(t, once.Bytes()), asRead(t, twice.Bytes()))
}
