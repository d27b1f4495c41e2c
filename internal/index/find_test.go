package index

import (
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

func findIn(t *testing.T, x *Index, tr *sealedTrail, value string, checked *Checked) (*Found, []string) {
	t.Helper()
	var lines []string
	f, err := x.Find(ctx, tr, FindOptions{Keys: []ledger.PublicKey{tr.key}, Value: value, Checked: checked, Note: func(f ledger.Finding) { t.Error(&f) }},
		func(l ledger.EventLine) error { lines = append(lines, string(l.Line)); return nil })
	require.NoError(t, err)
	require.Len(t, lines, f.Lines)
	return f, lines
}

func TestFind(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	tr.seal("gw-0", monday, "", tr.events("s-1", 3)...)
	tr.seal("gw-1", monday, "short", tr.events("s-2", 3000)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	checked, wrong := check(t, x, tr)
	require.Empty(t, wrong)

	for value, want := range map[string]int{"s-1": 3, "run-s-1": 3, "call-2": 1, "a-2999": 1, "A-2999": 1, "e-000001": 1, "nobody": 0, "a-2": 1} {
		f, lines := findIn(t, x, tr, value, checked)
		require.Equal(t, Found{Lines: want, Checked: true}, *f, value)
		if want == 1 {
			require.Contains(t, lines[0], `"event_id":"e-00`)
		}
	}
	f, _ := findIn(t, x, tr, "nobody", nil)
	require.Equal(t, 4, f.Unchecked, "nothing was held against the trail")

	// What was sealed later is found in the trail.
	tr.seal("gw-0", monday, "", tr.events("s-1", 2)...)
	f, _ = findIn(t, x, tr, "s-1", checked)
	require.Equal(t, Found{Lines: 5, Later: 1, Checked: true}, *f)
	// And so it is when an index that was not checked says that it has it.
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	f, _ = findIn(t, x, tr, "s-1", checked)
	require.Equal(t, Found{Lines: 5, Later: 1, Checked: true}, *f)
}

// What an index says and the line does not is not shown.
func TestFindThroughAHostileIndex(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	tr.seal("gw-0", monday, "", tr.events("s-1", 6)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	p := Part{table.Events, ledger.DefaultClass, "2026-11-23"}
	hostile(t, x, p, func(body []byte, _ int64) ([]byte, int) {
		return rewritten(t, table.Events, body, true, func(rows []parquet.Row) []parquet.Row {
			set(table.Events, rows[2], "user_id", parquet.ByteArrayValue([]byte("eve")))
			set(table.Events, rows[2], "session_id", parquet.ByteArrayValue([]byte("eve")))
			return rows
		})
	})
	f, _ := findIn(t, x, tr, "eve", nil)
	require.Zero(t, f.Lines)
	require.Equal(t, 1, f.Denied)
}

// An index of several logs is not wrong where the user has the key of one: what is of the others
// is not looked for, and that is told.
func TestFindWithOneKeyOfTwo(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	tr.seal("gw-0", monday, "", tr.events("s-1", 3)...)
	mine := tr.key
	tr.signer = ledgertest.NewSigner(t, "ed25519")
	both := []ledger.PublicKey{mine, ledgertest.Public(t, tr.signer)}
	tr.seal("gw-1", monday, "", tr.events("s-1", 2)...)
	o := tr.options()
	o.Keys = both
	_, err := x.Update(ctx, tr, o)
	require.NoError(t, err)
	checked, err := x.Check(ctx, tr, CheckOptions{Keys: both, Wrong: func(w Wrong) { t.Error(w) }})
	require.NoError(t, err)
	f, _ := findIn(t, x, tr, "s-1", checked)
	require.Equal(t, Found{Lines: 3, Checked: true, Elsewhere: 2, Passed: 1}, *f)
}
