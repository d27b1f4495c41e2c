package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

var (
	indexEvents  = flag.Int("index.events", 200_000, "events in BenchmarkIndex: ten a session, a hundred an object")
	indexKeep    = flag.String("index.keep", "", "folder into which BenchmarkIndex puts a copy of its trail, and key.pub")
	indexColumns = flag.Bool("index.columns", false, "list in BenchmarkIndex what each column takes")
)

// indexTrail is a trail of runs as agents have them, sealed over ten days: a session's ten
// events are model calls, tool calls with their decisions, and the beginning and end.
func indexTrail(b *testing.B, events int) (s *ledgertest.Store, key ledger.PublicKey, sealed int64) {
	b.Helper()
	signer := ledgertest.NewSigner(b, "ed25519")
	s = ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().AddDate(7, 0, 0).UTC().Truncate(time.Hour)}
	begin := time.Now().AddDate(0, 0, -10).UTC()
	now := begin
	c, err := ledger.OpenChain(b.Context(), s, ledger.ChainOptions{
		Log: "gw-0", Signer: signer, Now: func() time.Time { return now }, Retention: func(time.Time) ledger.Retention { return lock },
	})
	require.NoError(b, err)
	step := 10 * 24 * time.Hour / time.Duration(events)
	r := rand.New(rand.NewPCG(7, 7))
	var objects []ledger.Object
	o := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Zstd, Retention: lock}, now)
	seal := func() {
		done, err := o.Finish()
		require.NoError(b, err)
		_, err = s.Put(b.Context(), done.Key, done.Body, ledger.PutOptions{SHA256: sha256.Sum256(done.Body), Retention: lock})
		require.NoError(b, err)
		sealed += int64(len(done.Body))
		objects = append(objects, done.Object)
		if len(objects) == 5 {
			require.NoError(b, c.Commit(b.Context(), ledger.KindBatch, objects))
			objects = nil
		}
		o = ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Zstd, Retention: lock}, now)
	}
	for n, inObject := 0, 0; n < events; {
		for _, e := range drawnSession(r, now) {
			span := ptrace.NewSpan()
			semconv.WriteSpan(e, span)
			trace, _ := hex.DecodeString(e.TraceID)
			span.SetTraceID(pcommon.TraceID(trace))
			line, m, err := semconv.AppendSpan(nil, span)
			require.NoError(b, err)
			o.Add(line, m)
			n, inObject, now = n+1, inObject+1, now.Add(step)
			if inObject == 100 {
				seal()
				inObject = 0
			}
		}
	}
	if len(objects) > 0 {
		require.NoError(b, c.Commit(b.Context(), ledger.KindBatch, objects))
	}
	return s, ledgertest.Public(b, signer), sealed
}

// drawnSession are the events of a session.
func drawnSession(r *rand.Rand, at time.Time) (list []*semconv.Event) {
	id := func(n int) string {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(raw)
	}
	trace, who := id(16), r.IntN(2000)
	agent := []string{"support", "research", "coder", "ops"}[r.IntN(4)]
	name := strings.ToUpper(id(8))
	root := id(8)
	e := func(role string, kind semconv.EventType) *semconv.Event {
		span := id(8)
		n := len(list) + 1
		at = at.Add(time.Duration(r.IntN(1e9)))
		x := &semconv.Event{
			EventID: "7f3a91c0." + trace + "." + span + "." + role, EventType: kind, Timestamp: at, EndTimestamp: at.Add(time.Duration(r.IntN(3e9))),
			RecordedAt: at.Add(4 * time.Second), SessionID: "s-" + name, RunID: trace, TraceID: trace, SpanID: span, ParentSpanID: root,
			StepNumber: semconv.Some(int64(n)), AgentID: agent, AgentName: agent, AgentVersion: "1.4.2", UserID: fmt.Sprintf("u-%d", who),
			ContentState: "present", Source: json.RawMessage(`{"dialect":"otel","scope":"gen-ai","service":"` + agent + `","signal":"traces"}`),
		}
		if n > 1 {
			x.ParentEventID = list[0].EventID
		}
		list = append(list, x)
		return x
	}
	hash := sha256.Sum256([]byte(agent))
	start := e("agent", semconv.TypeSessionStart)
	start.UserMessage, start.ParentSpanID = prose(r.IntN(1e6), 150)+fmt.Sprintf(" order A-%d", r.IntN(1e6)), ""
	for range 3 {
		m := e("llm", semconv.TypeLLMCall)
		m.ModelID, m.ResponseModelID, m.Provider, m.Operation = "gpt-5.2", "gpt-5.2-2026-10", "openai", "chat"
		m.SystemPromptHash = hex.EncodeToString(hash[:])
		m.InputTokens, m.OutputTokens, m.LatencyMS = semconv.Some(int64(r.IntN(4000))), semconv.Some(int64(r.IntN(500))), semconv.Some(float64(r.IntN(4e6))/1000)
		m.FinishReasons = []string{"stop"}
		text, _ := json.Marshal([]any{map[string]any{"role": "user", "parts": []any{map[string]any{"type": "text", "content": prose(r.IntN(1e6), 500)}}}})
		m.InputMessages, m.OutputText = text, prose(r.IntN(1e6), 200)
	}
	for range 2 {
		d := e("decision", semconv.TypeApproval)
		d.ToolName, d.ToolCallID, d.ApprovalStatus, d.ApprovalSource, d.ApproverID = "refund", "call_"+id(8), "approved", "human", fmt.Sprintf("u-%d", r.IntN(20))
		c := e("tool", semconv.TypeToolCall)
		c.ToolName, c.ToolCallID, c.ToolType, c.Outcome, c.ExecutionTimeMS = "refund", d.ToolCallID, "function", "success", semconv.Some(float64(r.IntN(9e5))/1000)
		c.ToolInput = json.RawMessage(fmt.Sprintf(`{"order":"A-%d","amount":%d.50}`, r.IntN(1e6), r.IntN(400)))
		c.ToolOutput = json.RawMessage(fmt.Sprintf(`{"status":"ok","text":%q}`, prose(r.IntN(1e6), 120)))
	}
	g := e("check", semconv.TypeGuardrail)
	g.GuardrailName, g.Verdict = "pii", "pass"
	end := e("agent-end", semconv.TypeSessionEnd)
	end.Outcome, end.FinalOutput, end.SpanID = "success", prose(r.IntN(1e6), 200), start.SpanID
	return list
}

// BenchmarkIndex makes the index of a trail in memory: events a second of one core's time, what
// an event takes in each table, and what the process has taken in all.
func BenchmarkIndex(b *testing.B) {
	s, key, sealed := indexTrail(b, *indexEvents)
	if *indexKeep != "" {
		require.NoError(b, store.Pull(b.Context(), s, filepath.Join(*indexKeep, "trail"), nil))
		require.NoError(b, os.WriteFile(filepath.Join(*indexKeep, "key.pub"), ledger.MarshalPublicKey(key.Key), 0o600))
	}
	for b.Loop() {
		dir := b.TempDir()
		place, err := index.InFolder(dir, true)
		require.NoError(b, err)
		x := index.Open(place)
		before := cpuTime(b)
		p, err := x.Update(b.Context(), s, index.Options{Keys: []ledger.PublicKey{key}, Workers: 1})
		require.NoError(b, err)
		events := float64(p.Events)
		b.ReportMetric(events/(cpuTime(b)-before).Seconds(), "events/cpu-s")
		before = cpuTime(b)
		_, err = x.Resolve(context.Background(), index.ResolveOptions{})
		require.NoError(b, err)
		b.ReportMetric(events/(cpuTime(b)-before).Seconds(), "resolved/cpu-s")
		before = cpuTime(b)
		_, _, err = x.Compact(context.Background(), index.CompactOptions{})
		require.NoError(b, err)
		b.ReportMetric(events/(cpuTime(b)-before).Seconds(), "compacted/cpu-s")
		b.ReportMetric(float64(sealed)/events, "sealed-B/event")
		snapshot, err := x.Snapshot(context.Background())
		require.NoError(b, err)
		sizes, columns := map[string]int64{}, map[string]int64{}
		for _, f := range snapshot.Files {
			part, _ := index.PartOf(f.Key)
			name := part.Table.Name
			if part.Table.Content {
				name = "content-" + name
			}
			sizes[name] += f.Bytes
			if *indexColumns {
				columnSizes(b, place, f.Key, name, columns)
			}
		}
		for name, n := range sizes {
			b.ReportMetric(float64(n)/events, name+"-B/event")
		}
		for _, name := range slices.SortedFunc(mapKeys(columns), func(x, y string) int { return int(columns[y] - columns[x]) }) {
			fmt.Fprintf(os.Stderr, "%8.2f B/event  %s\n", float64(columns[name])/events, name)
		}
		b.ReportMetric(float64(peakMemory(b))/1e6, "peak-MB")
	}
}

func mapKeys(m map[string]int64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// columnSizes adds what the columns of a file take.
func columnSizes(b *testing.B, place index.Place, key, table string, sum map[string]int64) {
	body, err := place.Get(b.Context(), key)
	require.NoError(b, err)
	f, err := parquet.OpenFile(strings.NewReader(string(body)), int64(len(body)))
	require.NoError(b, err)
	chunks := int64(0)
	for _, g := range f.Metadata().RowGroups {
		for i := range g.Columns {
			m := &g.Columns[i].MetaData
			sum[table+"."+m.PathInSchema[0]] += m.TotalCompressedSize
			sum[table+" blooms"] += int64(m.BloomFilterLength)
			chunks += m.TotalCompressedSize + int64(m.BloomFilterLength)
		}
	}
	sum[table+" footers and page indexes"] += int64(len(body)) - chunks
}

// peakMemory is the most that the process has had resident, in bytes: that of the trail in
// memory is part of it.
func peakMemory(b *testing.B) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb int64
			_, err := fmt.Sscan(rest, &kb)
			require.NoError(b, err)
			return kb << 10
		}
	}
	return 0
}
