package ddl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

var (
	python = flag.String("python", "", "a Python that has the engines: see make engines")
	update = flag.Bool("update", false, "write the golden files anew")
)

var ctx = context.Background()

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// writer seals a trail for the questions.
type writer struct {
	t     *testing.T
	s     *ledgertest.Store
	sign  ledger.Signer
	logs  map[string]*ledger.Chain
	lock  ledger.Retention
	clock time.Time
}

func (w *writer) chain(log string) *ledger.Chain {
	if w.logs[log] == nil {
		c, err := ledger.OpenChain(ctx, w.s, ledger.ChainOptions{
			Log: log, Signer: w.sign, Now: func() time.Time { w.clock = w.clock.Add(time.Second); return w.clock },
			Retention: func(time.Time) ledger.Retention { return w.lock },
		})
		require.NoError(w.t, err)
		w.logs[log] = c
	}
	return w.logs[log]
}

func (w *writer) seal(log string, day int, class string, events ...*semconv.Event) {
	w.t.Helper()
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, RetentionClass: class, Compression: ledger.Gzip, Retention: w.lock}, monday.AddDate(0, 0, day))
	for _, e := range events {
		span := ptrace.NewSpan()
		semconv.WriteSpan(e, span)
		line, m, err := semconv.AppendSpan(nil, span)
		require.NoError(w.t, err)
		b.Add(line, m)
	}
	o, err := b.Finish()
	require.NoError(w.t, err)
	_, err = w.s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: sha256.Sum256(o.Body), Retention: w.lock})
	require.NoError(w.t, err)
	require.NoError(w.t, w.chain(log).Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
}

// run is the events of a run of an agent, in order.
func run(id, session, agent, user string, n int) []*semconv.Event {
	at := monday.Add(time.Duration(n) * time.Hour)
	var list []*semconv.Event
	add := func(kind semconv.EventType) *semconv.Event {
		at = at.Add(1500 * time.Millisecond).Add(7 * time.Nanosecond)
		list = append(list, &semconv.Event{
			EventID: fmt.Sprintf("%s-%02d", id, len(list)), EventType: kind, Timestamp: at, EndTimestamp: at.Add(time.Second), RecordedAt: at,
			SessionID: session, RunID: id, AgentID: agent, UserID: user, StepNumber: semconv.Some(int64(len(list) + 1)),
			Source: []byte(`{"dialect":"otel","service":"` + agent + `"}`),
		})
		return list[len(list)-1]
	}
	add(semconv.TypeSessionStart).UserMessage = "Refund order A-100" + fmt.Sprint(n) + ", please. It's \"urgent\"; 42 EUR"
	m := add(semconv.TypeLLMCall)
	m.ModelID, m.ResponseModelID, m.SystemPromptHash = "model-a", "model-a-2026", strings.Repeat("ab", 32)
	m.InputTokens, m.OutputTokens, m.CostUSD, m.Seed = semconv.Some(int64(100+n)), semconv.Some(int64(9)), semconv.Some(0.25), semconv.Some(int64(1)<<62+1)
	layer := add(semconv.TypeLLMCall)
	layer.ModelID, layer.InputTokens, layer.LayerOf = "model-a", semconv.Some(int64(100+n)), m.EventID
	d := add(semconv.TypeApproval)
	d.ToolName, d.ToolCallID, d.ApprovalStatus, d.ApproverID, d.ApprovalSource, d.ApprovalAt = "refund", "call-"+id, "approved", "bob", "human", at
	c := add(semconv.TypeToolCall)
	c.ToolName, c.ToolCallID, c.RequiresApproval, c.Outcome = "refund", "call-"+id, semconv.Some(true), "success"
	c.ToolInput = []byte(fmt.Sprintf(`{"order":{"id":"A-100%d"},"amount":42.50,"big":123456789012345678901234567890,"tags":["x","ü"]}`, n))
	c.ToolOutput = []byte(`{"ok":true,"text":"done\n\"well\""}`)
	end := add(semconv.TypeSessionEnd)
	end.Outcome, end.FinalOutput = "success", "Refunded."
	return list
}

// sealed is a trail with what the questions ask for: several logs, days and a class, late
// roots, layers, repetitions, refusals, findings, and a manifest that was removed.
func sealed(t *testing.T) (*ledgertest.Store, ledger.PublicKey) {
	s := ledgertest.New()
	sign := ledgertest.NewSigner(t, "ed25519")
	w := &writer{t: t, s: s, sign: sign, logs: map[string]*ledger.Chain{}, lock: ledger.Retention{Mode: ledger.Compliance, Until: time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Hour)}, clock: monday}
	first := run("r1", "s-1", "support", "ann", 1)
	w.seal("gw-0", 0, "", first...)
	w.seal("gw-1", 1, "", first[3], first[4]) // sent again, to another collector

	// The session and the user stand on the root alone, which comes a day later.
	late := run("r2", "s-2", "support", "ann", 2)
	for _, e := range late[1 : len(late)-1] {
		e.SessionID, e.UserID, e.DerivedFields, e.MissingFields = "r2", "", []string{"session_id"}, []string{"user_id"}
	}
	w.seal("gw-0", 0, "", late[1:len(late)-1]...)
	w.seal("gw-1", 1, "", late[0], late[len(late)-1])

	denied := run("r3", "s-3", "coder", "eve", 3)
	denied[3].ApprovalStatus, denied[4].Outcome, denied[4].ErrorType = "rejected", "denied", "refused"
	w.seal("gw-1", 0, "short", denied[:5]...) // it never ends

	own := run("r4", "s-1", "support", "bob", 4)
	own[4].ToolName, own[3].ApprovalSource = "deploy", "config"
	open := run("r5", "s-5", "ops", "zoe", 5)
	open[3].ApprovalStatus, open[4].Outcome, open[4].ErrorType = "pending", "error", "timeout"
	more := []*semconv.Event{
		{EventID: "m-1", EventType: semconv.TypeFinding, Timestamp: monday, SessionID: "s-5", RunID: "r5", AgentID: "ops", Rule: "loop", Severity: "high", Evidence: []string{"r5-04"}},
		{EventID: "m-2", EventType: semconv.TypeIntervention, Timestamp: monday, SessionID: "s-5", RunID: "r5", AgentID: "ops", ActorID: "ann", Reason: "stopped"},
		{EventID: "m-3", EventType: semconv.TypeHandoff, Timestamp: monday, SessionID: "s-5", RunID: "r5", AgentID: "ops", FromAgent: "ops", ToAgent: "coder"},
		{EventID: "m-4", EventType: semconv.TypeError, Timestamp: monday, SessionID: "s-5", RunID: "r5", AgentID: "ops", Error: "no", ErrorType: "net"},
	}
	w.seal("gw-1", 2, "", append(append(own, open...), more...)...)
	for _, kind := range []ledger.Kind{ledger.KindHeartbeat, ledger.KindHeartbeat, ledger.KindClose} {
		require.NoError(t, w.chain("gw-0").Commit(ctx, kind, nil))
	}
	s.Purge(ledger.ManifestKey("gw-0", 2))
	return s, ledgertest.Public(t, sign)
}

// question is one of docs/query.md.
type question struct{ title, sql string }

var block = regexp.MustCompile("(?s)\n### (\\d+\\. [^\n]*)\n\n```sql\n(.*?)\n```")

func questions(t *testing.T) (list []question) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/query.md")
	require.NoError(t, err)
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		list = append(list, question{m[1], m[2]})
	}
	require.GreaterOrEqual(t, len(list), 20)
	return list
}

// task is what engines.py is told.
type task struct {
	Engine    string              `json:"engine"`
	DDL       string              `json:"ddl"`
	Files     map[string][]string `json:"files"`
	Views     []View              `json:"views"`
	Questions []string            `json:"questions"`
}

// ask gives the answers of an engine, a JSON array a row.
func ask(t *testing.T, k task) (answers [][]json.RawMessage) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "task.json")
	text, err := json.Marshal(k)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, text, 0o600))
	cmd := exec.Command(*python, "engines.py", name)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skipf("SKIP %s: %s", k.Engine, stderr.String())
	}
	require.NoError(t, err, stderr.String())
	require.NoError(t, json.Unmarshal(out, &answers))
	return answers
}

// TestEngines asks the questions of docs/query.md of real engines, over files that this program
// wrote. All give the same, value by value; the golden file was read by eye.
func TestEngines(t *testing.T) {
	if *python == "" {
		t.Skip("SKIP DuckDB, Polars: run make engines")
	}
	s, key := sealed(t)
	dir := t.TempDir()
	place, err := index.InFolder(dir, true)
	require.NoError(t, err)
	x := index.Open(place)
	o := index.Options{Keys: []ledger.PublicKey{key}, FlushRows: 8, Note: func(f ledger.Finding) { require.Equal(t, ledger.CodeManifestMissing, f.Code) }}
	_, err = x.Update(ctx, s, o)
	require.NoError(t, err)
	_, err = x.Resolve(ctx, index.ResolveOptions{})
	require.NoError(t, err)
	trail := filepath.Join(t.TempDir(), "trail")
	require.NoError(t, store.Pull(ctx, s, trail, nil))

	snap, err := x.Snapshot(ctx)
	require.NoError(t, err)
	list := questions(t)
	k := task{Views: Views(double), Files: map[string][]string{}}
	for _, q := range list {
		k.Questions = append(k.Questions, q.sql)
	}
	for _, r := range Relations {
		for _, f := range filesOf(snap, r.Table) {
			k.Files[r.Name] = append(k.Files[r.Name], filepath.Join(dir, f))
		}
	}
	k.DDL, err = Write("duckdb", snap, Options{Location: dir, Trail: trail, Content: true})
	require.NoError(t, err)

	golden := "testdata/answers.json"
	for _, engine := range []string{"duckdb", "polars", "datafusion", "chdb", "pyspark"} {
		t.Run(engine, func(t *testing.T) {
			k := k
			k.Engine = engine
			if dialect := map[string]string{"chdb": "clickhouse", "pyspark": "spark"}[engine]; dialect != "" {
				k.DDL, err = Write(dialect, snap, Options{Location: dir, Content: true})
				require.NoError(t, err)
			}
			answers := ask(t, k)
			var text bytes.Buffer
			for i, rows := range answers {
				fmt.Fprintf(&text, "%s\n", list[i].title)
				for _, row := range rows {
					fmt.Fprintf(&text, "  %s\n", normal(row))
				}
			}
			if *update && engine == "duckdb" {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, text.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), text.String())
		})
	}
	t.Run("duckdb over lines", func(t *testing.T) {
		// What nothing is resolved of is the same over the sealed lines in place.
		k.Engine = "duckdb"
		columns := "event_id, event_type, session_id, tool_name, approval_status, input_tokens, seed, requires_approval, cost_usd, missing_fields, \"timestamp\""
		k.Questions = []string{
			"SELECT " + columns + " FROM sealed_events ORDER BY event_id, object",
			"SELECT " + columns + " FROM lines ORDER BY event_id, object",
		}
		answers := ask(t, k)
		require.Len(t, answers[0], 35)
		require.Len(t, answers[1], 35)
		for i := range answers[0] {
			require.JSONEq(t, normal(answers[0][i]), normal(answers[1][i]))
		}
	})
}

// normal is a row without what differs from run to run: random parts of names, and times of now.
func normal(row json.RawMessage) string {
	return random.ReplaceAllString(string(row), "-X.jsonl")
}

var random = regexp.MustCompile(`-[0-9a-f]{8}\.jsonl`)

// What is written for each engine is read by eye when it changes.
func TestWrite(t *testing.T) {
	snap := &index.Snapshot{Number: 3, Files: []index.File{
		{Key: "index/v1/class=short-lived/events/date=2026-11-23/b.parquet"},
		{Key: "index/v1/events/date=2026-11-23/a.parquet"},
		{Key: "index-content/v1/tokens/date=2026-11-23/c.parquet"},
	}}
	for _, engine := range Engines {
		text, err := Write(engine, snap, Options{Location: "s3://my-bucket/it's", Content: true, Trail: "s3://my-bucket/trail"})
		require.NoError(t, err)
		name := filepath.Join("testdata", engine+".sql")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		}
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), text)
		without, err := Write(engine, snap, Options{Location: "s3://my-bucket/x"})
		require.NoError(t, err)
		require.NotContains(t, without, "index-content")
	}
	_, err := Write("oracle", snap, Options{})
	require.ErrorContains(t, err, `engine "oracle" must be one of duckdb, clickhouse, spark, athena, trino`)
}
