package search

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/internal/where"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func event(id string, typ semconv.EventType, run string, second int) *semconv.Event {
	return &semconv.Event{
		EventID: id, EventType: typ, SessionID: run, RunID: run, DerivedFields: []string{"session_id"},
		Timestamp: start.Add(time.Duration(second) * time.Second), StepNumber: semconv.Some(int64(second)),
	}
}

// find is the ids of what a query finds.
func find(t *testing.T, s *Trail, q Query, full func(string) ([]byte, error)) (ids []string, o *Outcome) {
	t.Helper()
	s.Note = func(f *ledger.Finding) { t.Fatal(f) }
	o, err := Search(context.Background(), s, &q, full, func(h *Hit) error {
		ids = append(ids, h.EventID)
		return nil
	})
	require.NoError(t, err)
	return ids, o
}

// TestSearch: what is looked for is what readers show: what stands on a root that was sealed
// last, what another layer tells, what was too long for its line.
func TestSearch(t *testing.T) {
	call := event("call", semconv.TypeToolCall, "r", 1)
	call.ToolName, call.ToolInput, call.Outcome = "pay", []byte(`{"order":"A-1001"}`), "success"
	layer := event("layer", semconv.TypeToolCall, "r", 2)
	layer.ToolName, layer.LayerOf, layer.ToolOutput = "pay", "call", []byte(`"R-77"`)
	long := event("long", semconv.TypeToolCall, "r", 3)
	text := "a long text that ends with B-2002"
	digest := sha256.Sum256([]byte(text))
	long.ToolName, long.ToolOutput = "read", []byte(`"a long"`)
	long.Oversize = fmt.Appendf(nil, `{"tool_output":{"bytes":5000,"sha256":"%x"}}`, digest)
	lost := event("lost", semconv.TypeToolCall, "r", 4)
	lost.ToolName, lost.Oversize = "read", []byte(`{"tool_output":{"bytes":5000,"sha256":"00"}}`)
	root := event("root", semconv.TypeSessionEnd, "r", 9)
	root.SessionID, root.DerivedFields, root.UserID, root.Timestamp = "s-1", nil, "ann", start
	other := event("other", semconv.TypeLLMCall, "q", 86400*3)
	other.ModelID, other.SystemPromptHash = "gpt-5", hex.EncodeToString(digest[:])
	store, keys := trailtest.Seal(t, []*semconv.Event{call, layer}, []*semconv.Event{long}, []*semconv.Event{root}, []*semconv.Event{other}, []*semconv.Event{lost})
	full := func(d string) ([]byte, error) {
		if d == hex.EncodeToString(digest[:]) {
			return []byte(text), nil
		}
		return nil, &ledger.Finding{Severity: ledger.SeverityWarning, Code: ledger.CodeObjectMissing}
	}
	s := &Trail{Reader: store, Keys: keys}
	where := func(text string) *where.Expression {
		w, err := where.New(text)
		require.NoError(t, err)
		return w
	}
	all := []string{"call", "long", "lost", "root", "other"}
	for name, c := range map[string]struct {
		q      Query
		want   []string
		unread int
	}{
		"all":                        {Query{}, all, 0},
		"a user of the root":         {Query{Users: []string{"ann"}}, all[:4], 0},
		"a session of the root":      {Query{Session: "s-"}, all[:4], 0},
		"a run":                      {Query{Session: "r"}, all[:4], 0},
		"what a layer tells":         {Query{Texts: []string{"r-77", "A-1001"}}, all[:1], 1},
		"what a layer tells, by CEL": {Query{Where: where(`tool_output == "R-77" && tool_input.order == "A-1001"`)}, all[:1], 0},
		"both or none":               {Query{Texts: []string{"R-77", "B-2002"}}, nil, 1},
		"in a full text":             {Query{Texts: []string{"B-2002"}}, all[1:2], 1},
		"a tool":                     {Query{Tools: []string{"read", "none"}}, all[1:3], 0},
		"all of it":                  {Query{Tools: []string{"read"}, Outcomes: []string{"success"}}, nil, 0},
		"a model, a prompt":          {Query{Models: []string{"gpt-5"}, PromptHash: hex.EncodeToString(digest[:4])}, all[4:], 0},
		"since":                      {Query{Since: start.Add(4 * time.Second)}, []string{"lost", "other"}, 0},
		"until":                      {Query{Until: start.Add(3 * time.Second)}, []string{"call", "root"}, 0},
		"a user, and since":          {Query{Users: []string{"ann"}, Since: start.Add(2 * time.Second)}, all[1:3], 0},
	} {
		t.Run(name, func(t *testing.T) {
			ids, o := find(t, s, c.q, full)
			slices.Sort(ids)
			want := slices.Sorted(slices.Values(c.want))
			require.Equal(t, want, ids)
			require.Equal(t, len(want), o.Hits)
			require.Equal(t, c.unread, o.Unread)
			require.Empty(t, o.Unjudged)
		})
	}
	_, o := find(t, s, Query{Since: start.Add(48 * time.Hour)}, full)
	require.Equal(t, Coverage{Logs: []string{"gw-0"}, Objects: 1, Passed: 4, Events: 1}, o.Coverage)

	_, o = find(t, s, Query{Where: where(`tool_input > 3 || tool_name == "read"`)}, full)
	require.Equal(t, 1, o.Unjudged[o.Reasons()[0]].Count, "the call has an object there; the others are found, or have none")
	_, err := Search(context.Background(), s, &Query{Texts: []string{"x"}}, func(string) ([]byte, error) { return nil, errors.New("down") }, nil)
	require.ErrorContains(t, err, `the full text of tool_output of event "long": down`)
}

// TestSearchProves: the lines of a hit are all that shows it.
func TestSearchProves(t *testing.T) {
	call := event("call", semconv.TypeToolCall, "r", 1)
	root := event("root", semconv.TypeSessionStart, "r", 0)
	root.SessionID, root.DerivedFields, root.UserID = "s-1", nil, "ann"
	layer := event("layer", semconv.TypeToolCall, "r", 2)
	layer.LayerOf = "call"
	store, keys := trailtest.Seal(t, []*semconv.Event{call, layer, root})
	var lines []string
	_, err := Search(context.Background(), &Trail{Reader: store, Keys: keys}, &Query{Types: []string{"tool_call"}}, nil, func(h *Hit) error {
		lines = h.Lines()
		return nil
	})
	require.NoError(t, err)
	slices.Sort(lines)
	require.Equal(t, []string{"call", "layer", "root"}, slices.Compact(lines))
}

// A sender can tell one call as often as he likes: each telling is read once, and what of it is
// not known is counted once.
func TestSearchOfManyLayers(t *testing.T) {
	const n = 3000 // minutes, where each is read for each
	list := []*semconv.Event{event("call", semconv.TypeToolCall, "r", 1)}
	for i := range n {
		l := event(fmt.Sprintf("layer-%d", i), semconv.TypeToolCall, "r", 2)
		l.LayerOf = "call"
		list = append(list, l)
	}
	list[n].Oversize = []byte(`{"tool_output":{"bytes":5000,"sha256":"00"}}`)
	store, keys := trailtest.Seal(t, list)
	_, o := find(t, &Trail{Reader: store, Keys: keys}, Query{Texts: []string{"A-1001"}}, func(string) ([]byte, error) {
		return nil, &ledger.Finding{Severity: ledger.SeverityWarning, Code: ledger.CodeObjectMissing}
	})
	require.Zero(t, o.Hits)
	require.Equal(t, 1, o.Events)
	require.Equal(t, 1, o.Unread)
}
