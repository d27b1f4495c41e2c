package index

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func check(t *testing.T, x *Index, tr *sealedTrail) (*Checked, []string) {
	t.Helper()
	var wrong []string
	done, err := x.Check(ctx, tr, CheckOptions{Keys: []ledger.PublicKey{tr.key}, Wrong: func(w Wrong) { wrong = append(wrong, w.String()) }})
	require.NoError(t, err)
	require.Equal(t, done == nil, len(wrong) > 0)
	return done, wrong
}

// hostile puts another file in the place of the only one of a table, as who may write to the
// place of the index can.
func hostile(t *testing.T, x *Index, p Part, change func(body []byte, rows int64) ([]byte, int)) {
	t.Helper()
	s, err := x.Snapshot(ctx)
	require.NoError(t, err)
	files := byPart(s)[p]
	require.Len(t, files, 1)
	body, err := x.place.Get(ctx, files[0].Key)
	require.NoError(t, err)
	other, n := change(body, files[0].Rows)
	d, err := x.write(ctx, p, other, n, files[0].First, files[0].Until)
	require.NoError(t, err)
	require.NoError(t, x.replace(ctx, files, []*draft{d}, nil))
}

// rewritten is the file with rows changed, left out or doubled, as the library writes it.
func rewritten(t *testing.T, tb *table.Table, body []byte, blooms bool, change func([]parquet.Row) []parquet.Row) ([]byte, int) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	list := make([]parquet.Row, f.NumRows())
	r := f.RowGroups()[0].Rows()
	_, _ = r.ReadRows(list)
	for i := range list {
		list[i] = list[i].Clone()
	}
	require.NoError(t, r.Close())
	list = change(list)
	var out bytes.Buffer
	o := []parquet.WriterOption{f.Schema(), parquet.CreatedBy(table.Writer, table.Version, "")}
	for i := range tb.Columns {
		if blooms && tb.Columns[i].Bloom {
			o = append(o, parquet.BloomFilters(parquet.SplitBlockFilter(10, tb.Columns[i].Name)))
		}
	}
	w := parquet.NewGenericWriter[any](&out, o...)
	_, err = w.WriteRows(list)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes(), len(list)
}

// set changes a value of a row.
func set(tb *table.Table, row parquet.Row, column string, v parquet.Value) {
	leaf, _ := tb.Leaf(column)
	for i := range row {
		if row[i].Column() == leaf {
			row[i] = v.Level(0, row[i].DefinitionLevel(), leaf)
		}
	}
}

func TestCheck(t *testing.T) {
	events := Part{table.Events, ledger.DefaultClass, "2026-11-23"}
	text := func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }
	all := func(rows []parquet.Row) []parquet.Row { return rows }
	for name, c := range map[string]struct {
		part   Part
		blooms bool
		change func([]parquet.Row) []parquet.Row
		want   string // "" is nothing
	}{
		"honest": {},
		"a value changed": {events, true, func(rows []parquet.Row) []parquet.Row {
			set(table.Events, rows[2], "tool_name", text("another"))
			return rows
		}, "line 3: a row is not what the line says"},
		"a row left out":   {events, true, func(rows []parquet.Row) []parquet.Row { return rows[1:] }, "line 1: 5 rows, it should have 6"},
		"a row doubled":    {events, true, func(rows []parquet.Row) []parquet.Row { return append(rows, rows[5]) }, "line 6: 7 rows, it should have 6"},
		"blooms taken out": {events, false, all, "its bounds or filters may keep engines from some"},
		"a digest changed": {Part{table.Objects, ledger.DefaultClass, "2026-11-23"}, true, func(rows []parquet.Row) []parquet.Row { set(table.Objects, rows[0], "sha256", text("00")); return rows }, "a row is not what the line says"},
		"a word left out":  {Part{table.Tokens, ledger.DefaultClass, "2026-11-23"}, true, func(rows []parquet.Row) []parquet.Row { return rows[1:] }, "table content tokens"},
		"content changed": {Part{table.EventContent, ledger.DefaultClass, "2026-11-23"}, true, func(rows []parquet.Row) []parquet.Row {
			set(table.EventContent, rows[1], "tool_input", text("{}"))
			return rows
		}, "line 2: a row is not what the line says"},
		"a session's counts": {Part{table.Sessions, ledger.DefaultClass, "2026-11-23"}, true, func(rows []parquet.Row) []parquet.Row {
			set(table.Sessions, rows[0], "tool_calls", parquet.Int64Value(1))
			return rows
		}, "the rows are not what follows from the events"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, x := newTrail(t), Open(newMemory())
			tr.seal("gw-0", monday, "", tr.events("s-1", 6)...)
			_, err := x.Update(ctx, tr, tr.options())
			require.NoError(t, err)
			_, err = x.Resolve(ctx, ResolveOptions{})
			require.NoError(t, err)
			if c.change != nil {
				hostile(t, x, c.part, func(body []byte, _ int64) ([]byte, int) { return rewritten(t, c.part.Table, body, c.blooms, c.change) })
			}
			done, wrong := check(t, x, tr)
			if c.want == "" {
				require.Equal(t, map[string]Extent{"gw-0": {Size: 2, SHA256: done.Logs["gw-0"].SHA256}}, done.Logs)
				require.NotEmpty(t, done.Files)
				return
			}
			require.Contains(t, fmt.Sprint(wrong), c.want)
		})
	}
}

// After compaction over several days, classes and logs, all holds; what is sealed later is not
// asked for.
func TestCheckWhole(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	for n := range 4 {
		tr.seal(fmt.Sprintf("gw-%d", n%2), monday.AddDate(0, 0, n%3), []string{"", "short"}[n%2], tr.events("s", 3)...)
		_, err := x.Update(ctx, tr, tr.options())
		require.NoError(t, err)
	}
	_, err := x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	_, _, err = x.Compact(ctx, CompactOptions{})
	require.NoError(t, err)
	tr.seal("gw-0", monday, "", tr.events("s", 3)...)
	_, wrong := check(t, x, tr)
	require.Empty(t, wrong)
	// More is known of a day than when it was resolved.
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	_, wrong = check(t, x, tr)
	require.Contains(t, fmt.Sprint(wrong), "run `agentaudit index resolve` and check again")
}

// A snapshot that says that more is indexed, or a log of another, is found.
func TestCheckSnapshot(t *testing.T) {
	tr, x := newTrail(t), Open(newMemory())
	tr.seal("gw-0", monday, "", tr.events("s", 3)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	for _, change := range []func(*Snapshot){
		func(s *Snapshot) { l := s.Logs["gw-0"]; l.Seq++; s.Logs["gw-0"] = l },
		func(s *Snapshot) { s.Files = s.Files[:len(s.Files)-1] },
		func(s *Snapshot) { s.Files[0].SHA256 = "00" },
		func(s *Snapshot) { s.Files = append(s.Files, File{Key: "index/v1/other"}) },
	} {
		y := Open(newMemory())
		for key, o := range x.place.(*memory).objs {
			require.NoError(t, y.place.Put(ctx, key, o.body))
		}
		_, err := y.commit(ctx, func(s *Snapshot) error { change(s); return nil })
		require.NoError(t, err)
		_, wrong := check(t, y, tr)
		require.NotEmpty(t, wrong)
	}
	_, err = Open(newMemory()).Check(ctx, tr, CheckOptions{Keys: []ledger.PublicKey{tr.key}})
	require.ErrorContains(t, err, "there is no index")
}
