package index

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

type resolvedRow struct {
	Date           int32     `parquet:"date,date"`
	Log            string    `parquet:"log"`
	Line           int64     `parquet:"line"`
	SessionID      string    `parquet:"session_id,optional"`
	UserID         string    `parquet:"user_id,optional"`
	ApprovalStatus string    `parquet:"approval_status,optional"`
	ApproverID     string    `parquet:"approver_id,optional"`
	ApprovalSource string    `parquet:"approval_source,optional"`
	ApprovalAt     time.Time `parquet:"approval_at,optional,timestamp(microsecond)"`
	Repeats        bool      `parquet:"repeats"`
	Fields         []string  `parquet:"resolved_fields,list,optional"`
	Conflicts      []string  `parquet:"conflicts,list,optional"`
}

type sessionRow struct {
	Date      int32    `parquet:"date,date"`
	SessionID string   `parquet:"session_id"`
	UserID    string   `parquet:"user_id,optional"`
	Ended     bool     `parquet:"ended,optional"`
	Outcome   string   `parquet:"outcome,optional"`
	Events    int64    `parquet:"events,optional"`
	Runs      int64    `parquet:"runs,optional"`
	LLMCalls  int64    `parquet:"llm_calls,optional"`
	ToolCalls int64    `parquet:"tool_calls,optional"`
	Denied    int64    `parquet:"denied,optional"`
	ByHuman   int64    `parquet:"approved_by_human,optional"`
	Tokens    int64    `parquet:"input_tokens,optional"`
	CostUSD   *float64 `parquet:"cost_usd,optional"`
	Models    []string `parquet:"models,list,optional"`
	Tools     []string `parquet:"tools,list,optional"`
}

func date(t *testing.T, text string) int32 {
	n, ok := table.Day(text)
	require.True(t, ok)
	return int32(n)
}

// A run whose root is sealed a day after what is below it: what the root says reaches the
// events of both days, and the rows of the first day are made anew for it.
func TestLateRoot(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	below := func(id string, kind semconv.EventType) *semconv.Event {
		return &semconv.Event{
			EventID: id, EventType: kind, Timestamp: monday, SessionID: "trace-1", RunID: "trace-1", AgentID: "a",
			SpanID: "2", ParentSpanID: "1", DerivedFields: []string{"session_id"}, MissingFields: []string{"user_id"},
		}
	}
	call := below("call", semconv.TypeToolCall)
	call.ToolName, call.ToolCallID, call.Outcome, call.SpanID = "refund", "c-1", "denied", "3"
	model := below("model", semconv.TypeLLMCall)
	model.ModelID, model.InputTokens, model.CostUSD = "m-1", semconv.Some(int64(7)), semconv.Some(0.25)
	layer := below("layer", semconv.TypeLLMCall)
	layer.LayerOf, layer.InputTokens = "model", semconv.Some(int64(7))
	tr.seal("gw-0", monday, "", call, model, layer)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	days, err := x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"2026-11-23"}, days)
	quarter := 0.25
	first := sessionRow{
		Date: date(t, "2026-11-23"), SessionID: "trace-1", Events: 2, Runs: 1, LLMCalls: 1, ToolCalls: 1, Denied: 1, Tokens: 7,
		CostUSD: &quarter, Models: []string{"m-1"}, Tools: []string{"refund"},
	}
	require.Equal(t, []sessionRow{first}, rows[sessionRow](t, x, table.Sessions))

	root := &semconv.Event{
		EventID: "root", EventType: semconv.TypeSessionEnd, Timestamp: monday, EndTimestamp: monday.Add(time.Minute), SessionID: "s-1",
		RunID: "trace-1", AgentID: "a", UserID: "ann", SpanID: "1", Outcome: "success",
	}
	decided := &semconv.Event{
		EventID: "approval", EventType: semconv.TypeApproval, Timestamp: monday, SessionID: "s-1", RunID: "trace-1", AgentID: "a",
		ToolCallID: "c-1", ApprovalStatus: "approved", ApproverID: "bob", ApprovalSource: "human", ApprovalAt: monday,
	}
	tr.seal("gw-1", monday.AddDate(0, 0, 1), "", root, decided, call)
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	days, err = x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"2026-11-23", "2026-11-24"}, days)

	list := rows[resolvedRow](t, x, table.Resolved)
	slices.SortFunc(list, func(a, b resolvedRow) int { return int(a.Date-b.Date)*100 + int(a.Line-b.Line) })
	whole := resolvedRow{
		Date: date(t, "2026-11-23"), Log: "gw-0", Line: 1, SessionID: "s-1", UserID: "ann", ApprovalStatus: "approved", ApproverID: "bob",
		ApprovalSource: "human", ApprovalAt: monday,
		Fields: []string{"session_id", "user_id", "approval_status", "approver_id", "approval_source", "approval_at"},
	}
	again := whole
	again.Date, again.Log, again.Line, again.Repeats = date(t, "2026-11-24"), "gw-1", 3, true
	require.Len(t, list, 6) // the root and the approval have the model from the call
	for i, want := range map[int]resolvedRow{0: whole, 5: again} {
		require.Subset(t, list[i].Fields, want.Fields)
		have := list[i]
		have.Fields, want.Fields = nil, nil
		require.Equal(t, want, have)
	}
	for _, i := range []int{0, 1, 2, 4, 5} { // 3 is the root, which says so itself
		require.Equal(t, "ann", list[i].UserID)
	}
	sessions := rows[sessionRow](t, x, table.Sessions)
	first.SessionID, first.UserID, first.ByHuman = "s-1", "ann", 1
	require.Equal(t, first, sessions[0])
	require.Equal(t, sessionRow{
		Date: date(t, "2026-11-24"), SessionID: "s-1", UserID: "ann", Ended: true, Outcome: "success", Events: 2, Runs: 1, Models: sessions[1].Models,
	}, sessions[1])

	days, err = x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	require.Empty(t, days, "nothing is known that was not")
}

// In whatever shares a day is resolved, it comes to the same.
func TestResolveInShares(t *testing.T) {
	tr := newTrail(t)
	for n := range 30 {
		run := fmt.Sprintf("run-%d", n)
		tr.seal("gw-0", monday, []string{"", "short"}[n%2], &semconv.Event{
			EventID: run + "-1", EventType: semconv.TypeToolCall, Timestamp: monday, SessionID: run, RunID: run, AgentID: "a",
			DerivedFields: []string{"session_id"}, ParentSpanID: "1", SpanID: "2", ToolName: "t",
		}, &semconv.Event{
			EventID: run + "-2", EventType: semconv.TypeSessionEnd, Timestamp: monday, SessionID: "s-" + run[4:5], RunID: run, AgentID: "a", UserID: "u", SpanID: "1",
		})
	}
	var want []sessionRow
	for _, atOnce := range []int64{0, 7} {
		x := Open(newMemory())
		_, err := x.Update(ctx, tr, tr.options())
		require.NoError(t, err)
		_, err = x.Resolve(ctx, ResolveOptions{Events: atOnce})
		require.NoError(t, err)
		require.Len(t, rows[resolvedRow](t, x, table.Resolved), 30)
		have := rows[sessionRow](t, x, table.Sessions)
		if want == nil {
			want = have
		}
		require.ElementsMatch(t, want, have)
	}
	require.Len(t, want, 12)
}

// Killed at each write of a resolution, the index is what it was, or what it shall be.
func TestResolveKilled(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	tr.seal("gw-0", monday, "", tr.events("s-1", 3)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	for at := 1; at < 8; at++ {
		_, err := (&Index{place: &failing{Place: x.place, at: at}, now: time.Now}).Resolve(ctx, ResolveOptions{})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errDown)
		require.Empty(t, rows[sessionRow](t, x, table.Sessions))
	}
	require.Len(t, rows[sessionRow](t, x, table.Sessions), 1)
	require.Equal(t, tr.want(), keys(t, x))
}
