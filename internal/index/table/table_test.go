package table

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(have), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), have)
}

// The schema is a format that engines have views over: it is read by eye when it changes.
func TestSchema(t *testing.T) {
	for _, table := range All() {
		name := table.Name
		if table.Content {
			name += ".content"
		}
		golden(t, name+".schema", table.Schema()+"\n")
	}
}

// No field of the events is left out, and none stands on both sides.
func TestEveryFieldHasItsColumn(t *testing.T) {
	for _, f := range semconv.Fields() {
		_, plain := Events.byName[f.Name]
		require.Equal(t, !f.Content(), plain, f.Name)
		if f.Content() {
			require.Contains(t, EventContent.byName, f.Name)
		}
	}
	require.Len(t, eventColumns, len(semconv.Fields())-len(contentColumns))
}

var at = At{Day: 20780, Log: "gw-0", Seq: 7, Object: "data/v1/date=2026-11-23/gw-0/a.jsonl.gz", Line: 3}

func sample(n int) *semconv.Event {
	return &semconv.Event{
		SchemaVersion: "1.1", EventID: fmt.Sprintf("e-%d", n), EventType: semconv.TypeToolCall,
		Timestamp: time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC).Add(time.Duration(n) * time.Second),
		SessionID: fmt.Sprintf("s-%d", n%7), RunID: "r", AgentID: "a", StepNumber: semconv.Some(int64(n)),
		LatencyMS: semconv.Some(0.5), RequiresApproval: semconv.Some(true), Seed: semconv.Some(int64(1<<62 + 1)),
		MissingFields: []string{"user_id", "system_prompt_hash"}, DerivedFields: []string{"agent_id"}, ToolName: "refund",
		ToolInput: []byte(`{"order":{"id":"A-1001"},"amount":12345678901234567890,"items":["x",{"y":true}],"none":null}`),
		Source:    []byte(`{"dialect":"otel"}`),
	}
}

type readEvent struct {
	Date          int32     `parquet:"date,date"`
	Object        string    `parquet:"object"`
	Line          int64     `parquet:"line"`
	EventID       string    `parquet:"event_id,optional"`
	SessionID     string    `parquet:"session_id,optional"`
	Timestamp     time.Time `parquet:"timestamp,optional,timestamp(microsecond)"`
	Nanos         int64     `parquet:"timestamp_nanos,optional"`
	Seed          int64     `parquet:"seed,optional"`
	LatencyMS     *float64  `parquet:"latency_ms,optional"`
	CostUSD       *float64  `parquet:"cost_usd,optional"`
	Approval      *bool     `parquet:"requires_approval,optional"`
	Source        string    `parquet:"source,optional"`
	MissingFields []string  `parquet:"missing_fields,list,optional"`
	DerivedFields []string  `parquet:"derived_fields,list,optional"`
}

func rowsOf[T any](t *testing.T, table *Table, body []byte) (list []T) {
	t.Helper()
	f, err := Open(table, body)
	require.NoError(t, err)
	for rows, err := range Rows[T](f) {
		require.NoError(t, err)
		list = append(list, rows...)
	}
	require.Equal(t, f.Len(), int64(len(list)))
	return list
}

// What is written is read back, sorted by session and time, whatever order it came in.
func TestWriteAndRead(t *testing.T) {
	b := NewBatch(Events)
	const n = 3000
	for i := range n {
		at := at
		at.Line = int64(i + 1)
		b.AddEvent(sample((i*1777)%n), int64(i), &at)
	}
	body, err := b.Write()
	require.NoError(t, err)
	require.Zero(t, b.Len())
	list := rowsOf[readEvent](t, Events, body)
	require.Len(t, list, n)
	for i, r := range list {
		e := sample((int(r.Line-1) * 1777) % n)
		half, yes := 0.5, true
		require.Equal(t, readEvent{
			Date: 20780, Object: at.Object, Line: r.Line, EventID: e.EventID, SessionID: e.SessionID,
			Timestamp: e.Timestamp.Truncate(time.Microsecond), Nanos: 789, Seed: 1<<62 + 1, LatencyMS: &half, Approval: &yes,
			Source: string(e.Source), MissingFields: e.MissingFields, DerivedFields: e.DerivedFields,
		}, r)
		if i > 0 {
			require.LessOrEqual(t, list[i-1].SessionID, r.SessionID)
		}
	}
}

type readContent struct {
	EventID   string            `parquet:"event_id,optional"`
	ToolInput string            `parquet:"tool_input,optional"`
	ToolArgs  map[string]string `parquet:"tool_args,optional"`
}

func TestContent(t *testing.T) {
	b, tokens := NewBatch(EventContent), NewBatch(Tokens)
	e := sample(1)
	b.AddContent(e, &at)
	b.AddContent(&semconv.Event{EventID: "without", UserID: "u"}, &at)
	tokens.AddTokens(e, &at)
	body, err := b.Write()
	require.NoError(t, err)
	require.Equal(t, []readContent{{
		EventID: "e-1", ToolInput: string(e.ToolInput),
		ToolArgs: map[string]string{"order.id": "A-1001", "amount": "12345678901234567890", "items.0": "x", "items.1.y": "true"},
	}}, rowsOf[readContent](t, EventContent, body))
	body, err = tokens.Write()
	require.NoError(t, err)
	type row struct {
		Token string `parquet:"token"`
		Line  int64  `parquet:"line"`
	}
	require.Equal(t, []row{{"12345678901234567890", 3}, {"a-1001", 3}}, rowsOf[row](t, Tokens, body))
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"Refund order A-1001, please.":     "a-1001",
		"42 items, 12.50 EUR, 12345":       "12345",
		"mail ann@example.com (u-17)":      "ann@example.com u-17",
		"a1 b2 @ --- 1.2.3":                "",
		"IBAN DE89370400440532013000.":     "de89370400440532013000",
		"key=7f3a;x/y2z":                   "7f3a y2z",
		"Straße12 Ärger":                   "straße12",
		"@bob wrote " + longWord + "1 ok.": "",
	} {
		require.Equal(t, want, strings.Join(Words(text), " "), text)
	}
}

var longWord = strings.Repeat("x", maxToken)

// Several files merged are the file that all rows together would have been.
func TestMerge(t *testing.T) {
	whole := NewBatch(Events)
	var files []*File
	for part := range 3 {
		b := NewBatch(Events)
		for i := range 500 {
			at := at
			at.Line = int64(part*500 + i + 1)
			for _, b := range []*Batch{b, whole} {
				b.AddEvent(sample(int(at.Line)*7%1500), at.Line, &at)
			}
		}
		body, err := b.Write()
		require.NoError(t, err)
		f, err := Open(Events, body)
		require.NoError(t, err)
		files = append(files, f)
	}
	want, err := whole.Write()
	require.NoError(t, err)
	merge := func(limit int, keep func(parquet.Row) bool) (bodies [][]byte) {
		require.NoError(t, Merge(Events, files, limit, keep, func(body []byte, _ int) error {
			bodies = append(bodies, body)
			return nil
		}))
		return bodies
	}
	require.Equal(t, rowsOf[readEvent](t, Events, want), rowsOf[readEvent](t, Events, merge(10000, nil)[0]))
	few := merge(600, func(r parquet.Row) bool { return r[4].Int64() > 3 })
	require.Len(t, few, 3)
	n := 0
	for _, body := range few {
		n += len(rowsOf[readEvent](t, Events, body))
	}
	require.Equal(t, 1497, n)
}

// A file is nothing but what its rows make: who has the rows can make it again.
func TestFilesAreMadeAgain(t *testing.T) {
	var first []byte
	for range 2 {
		b := NewBatch(Events)
		for i := range 300 {
			b.AddEvent(sample(i), 1, &at)
		}
		body, err := b.Write()
		require.NoError(t, err)
		if first == nil {
			first = body
		}
		require.Equal(t, first, body)
	}
	f, err := Open(Events, first)
	require.NoError(t, err)
	require.NoError(t, Merge(Events, []*File{f}, RowGroup, nil, func(body []byte, _ int) error {
		require.Equal(t, first, body)
		return nil
	}))
}

func FuzzOpen(f *testing.F) {
	b := NewBatch(Tokens)
	b.AddTokens(sample(1), &at)
	body, err := b.Write()
	require.NoError(f, err)
	f.Add(body)
	f.Fuzz(func(_ *testing.T, body []byte) {
		file, err := Open(Tokens, body)
		if err == nil {
			_ = file.each(func([]parquet.Row) error { return nil })
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add("order A-1001", `{"a":[1,"x2y"]}`)
	f.Fuzz(func(t *testing.T, text, raw string) {
		for _, w := range Words(text) {
			require.Contains(t, Words(w), w)
		}
		leavesOf([]byte(raw))
	})
}
