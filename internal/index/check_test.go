package index

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
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

var update = flag.Bool("update", false, "write the table of docs/threat-model.md anew")

// attack is what somebody does who may write to the place of an index.
type attack struct {
	name  string
	do    func(t *testing.T, x *Index)
	check string // what index check says of it; "" is nothing
	value string // what is looked for then, which one line names
}

// on rewrites the file of a table.
func on(tb *table.Table, blooms bool, change func([]parquet.Row) []parquet.Row) func(*testing.T, *Index) {
	return func(t *testing.T, x *Index) {
		hostile(t, x, Part{tb, ledger.DefaultClass, "2026-11-23"}, func(body []byte, _ int64) ([]byte, int) {
			return rewritten(t, tb, body, blooms, change)
		})
	}
}

// says changes a column of a row.
func says(tb *table.Table, row int, column string, v parquet.Value) func(*testing.T, *Index) {
	return on(tb, true, func(rows []parquet.Row) []parquet.Row { set(tb, rows[row], column, v); return rows })
}

// snapshotted changes what the snapshot says.
func snapshotted(change func(s *Snapshot)) func(*testing.T, *Index) {
	return func(t *testing.T, x *Index) {
		_, err := x.commit(ctx, func(s *Snapshot) error { change(s); return nil })
		require.NoError(t, err)
	}
}

func attacks() []attack {
	text := func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }
	return []attack{
		{"nothing", func(*testing.T, *Index) {}, "", "call-3"},
		{"a value changed in a row", says(table.Events, 2, "tool_call_id", text("another")), "a row is not what the line says", "call-3"},
		{"a row made to name another's id", says(table.Events, 4, "tool_call_id", text("call-3")), "a row is not what the line says", "call-3"},
		{"a row left out", on(table.Events, true, func(rows []parquet.Row) []parquet.Row { return append(rows[:2:2], rows[3:]...) }), "5 rows, it should have 6", "call-3"},
		{"a row doubled", on(table.Events, true, func(rows []parquet.Row) []parquet.Row { return append(rows, rows[5]) }), "7 rows, it should have 6", "call-3"},
		{"a row of an event that was never sealed", on(table.Events, true, func(rows []parquet.Row) []parquet.Row {
			made := rows[2].Clone()
			set(table.Events, made, "line", parquet.Int64Value(99))
			return append(rows, made)
		}), "7 rows, it should have 6", "call-3"},
		{"the filters emptied", on(table.Events, false, func(rows []parquet.Row) []parquet.Row { return rows }), "its bounds or filters may keep engines from some", "call-3"},
		{"what was said changed", says(table.EventContent, 1, "tool_input", text("{}")), "a row is not what the line says", "a-3"},
		{"a word left out", on(table.Tokens, true, func(rows []parquet.Row) []parquet.Row { return append(rows[:8:8], rows[9:]...) }), "11 rows, it should have 12", "order-1003"},
		{"the digest of an object changed", says(table.Objects, 0, "sha256", text("00")), "a row is not what the line says", "call-3"},
		{"the counts of a session changed", says(table.Sessions, 0, "tool_calls", parquet.Int64Value(1)), "the rows are not what follows from the events", "call-3"},
		{"all files left out of the snapshot", snapshotted(func(s *Snapshot) { s.Files = nil }), "0 rows, it should have", "call-3"},
		{"a log said to be indexed further than it is", snapshotted(func(s *Snapshot) { l := s.Logs["gw-0"]; l.Seq++; s.Logs["gw-0"] = l }), "which is not of the log", "call-3"},
		{"the files removed", func(t *testing.T, x *Index) {
			s, err := x.Snapshot(ctx)
			require.NoError(t, err)
			for _, f := range s.Files {
				require.NoError(t, x.place.Remove(ctx, f.Key))
			}
			snapshotted(func(s *Snapshot) { s.Files = nil })(t, x)
		}, "0 rows, it should have", "call-3"},
		{"an older snapshot put back", snapshotted(func(s *Snapshot) { s.Files, s.Logs, s.Days = nil, map[string]Log{}, map[string]Day{} }), "", "call-3"},
	}
}

// Whatever is done to an index, check finds it, and what is found through the index says no more
// than the sealed lines do: docs/threat-model.md has the table.
func TestHostileIndex(t *testing.T) {
	table := "| somebody with write access to the index has | `index check` | `index find` of one line, unchecked | with `--checked` of before |\n| --- | --- | --- | --- |\n"
	for _, a := range attacks() {
		tr, x := newTrail(t), Open(newMemory())
		events := tr.events("s-1", 6)
		for i, e := range events {
			e.ToolInput = []byte(fmt.Sprintf(`{"order":"order-100%d","id":"a-%d"}`, i+1, i+1))
		}
		tr.seal("gw-0", monday, "", events...)
		_, err := x.Update(ctx, tr, tr.options())
		require.NoError(t, err)
		_, err = x.Resolve(ctx, ResolveOptions{})
		require.NoError(t, err)
		before, wrong := check(t, x, tr)
		require.Empty(t, wrong)
		a.do(t, x)
		checked, wrong := check(t, x, tr)
		says := "the index says what the trail says"
		if a.check != "" {
			require.Contains(t, fmt.Sprint(wrong), a.check, a.name)
			says = "wrong: " + a.check
		} else {
			require.NotNil(t, checked, a.name)
		}
		cell := func(of *Checked) string {
			f, lines := findIn(t, x, tr, a.value, of)
			text := []string{"not found", "found"}[min(f.Lines, 1)]
			require.LessOrEqual(t, f.Lines, 1, "never more than was sealed")
			require.Subset(t, []string{string(lineOf(t, tr, 3))}, lines)
			if !f.Checked {
				text += ", says unchecked"
			}
			if f.Denied > 0 {
				text += fmt.Sprintf(", %d denied", f.Denied)
			}
			if f.Checked {
				require.Equal(t, 1, f.Lines, "%s: a checked answer leaves nothing out", a.name)
			}
			return text
		}
		table += fmt.Sprintf("| %s | %s | %s | %s |\n", a.name, says, cell(nil), cell(before))
	}
	holdTable(t, table)
}

// lineOf is a sealed line of the only object.
func lineOf(t *testing.T, tr *sealedTrail, n int) (line []byte) {
	t.Helper()
	for l, err := range ledger.Events(ctx, tr, ledger.ReadOptions{Keys: []ledger.PublicKey{tr.key}}) {
		require.NoError(t, err)
		if l.N == n {
			line = slices.Clone(l.Line)
		}
	}
	return line
}

func holdTable(t *testing.T, table string) {
	t.Helper()
	const begin, end = "<!-- hostile index: generated by go test ./internal/index -run HostileIndex -update -->\n", "<!-- end of hostile index -->"
	name := "../../docs/threat-model.md"
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	have, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(head+begin+table+end+tail), 0o600))
		return
	}
	require.Equal(t, table, have)
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
