package semconv

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// readers are the ways to read a line.
var readers = map[string]func(line string) error{
	"ParseLine": func(line string) error {
		_, err := ParseLine([]byte(line))
		return err
	},
	"Scan": func(line string) error {
		var r LineReader
		_, _ = r.Scan([]byte(goodOf(SchemaVersion)))
		_, err := r.Scan([]byte(line))
		return err
	},
}

// with is a line with a further member.
func with(line, member string) string {
	return strings.Replace(line, `"agent_id"`, member+`,"agent_id"`, 1)
}

// sample is a value of each kind.
var sample = map[Kind]string{
	KindString: `"x"`, KindInt: `1`, KindFloat: `0.5`, KindBool: `true`, KindTime: `"2026-11-23T10:00:00.000000000Z"`,
	KindAny: `[1]`, KindObject: `{"a":1}`, KindArray: `[{}]`, KindStrings: `["x"]`,
}

// TestFieldsOfAVersion: each field of 1.1 is read and written, and is none of a line of 1.
func TestFieldsOfAVersion(t *testing.T) {
	n := 0
	for _, f := range Fields() {
		if f.Since == "1" {
			continue
		}
		n++
		member := `"` + f.Name + `":` + sample[f.Kind]
		for name, read := range readers {
			require.NoError(t, read(with(goodOf("1.1"), member)), "%s: %s", name, f.Name)
			require.EqualError(t, read(with(good, member)), `field "`+f.Name+`" is not of schema version 1`, name)
		}
		e, err := ParseLine([]byte(with(goodOf("1.1"), member)))
		require.NoError(t, err)
		require.True(t, e.Has(f.Name))
		span, rec := ptrace.NewSpan(), plog.NewLogRecord()
		WriteSpan(e, span)
		WriteLog(e, rec)
		line, _, err := AppendSpan(nil, span)
		require.NoError(t, err)
		require.Contains(t, string(line), member)
		line, _, err = AppendLog(nil, rec)
		require.NoError(t, err)
		require.Contains(t, string(line), member)
	}
	require.Equal(t, 29, n)
}

// TestTypesOfAVersion: each event type of 1.1 is read, and is none of a line of 1.
func TestTypesOfAVersion(t *testing.T) {
	require.Len(t, eventTypes, typesOf[len(versions)-1])
	later := 0
	for _, typ := range EventTypes() {
		require.True(t, typ.Valid())
		typed := func(line string) string { return strings.Replace(line, "tool_call", string(typ), 1) }
		for name, read := range readers {
			require.NoError(t, read(typed(goodOf("1.1"))), name)
			if typ.validIn(0) {
				require.NoError(t, read(typed(good)), name)
			} else {
				require.EqualError(t, read(typed(good)), "unknown `event_type` \""+string(typ)+`"`, name)
				later++
			}
		}
	}
	require.Equal(t, len(readers)*4, later)
}

// TestNewerVersion: a version that is not known is told before all that may come of it.
func TestNewerVersion(t *testing.T) {
	versions := map[string]string{
		"1.2": `"1.2"`, "2": `"2"`, "01": `"01"`, "1.10": `"1.10"`, "1.1x": `"1.1x"`, "1.": `"1."`, "V1": `"V1"`,
		`\n\u001b[2J`: `"\n\x1b[2J"`, `é`: `"\u00e9"`,
		strings.Repeat("9", 33):       `"` + strings.Repeat("9", 32) + `"…`,
		"a" + strings.Repeat("é", 40): `"a` + strings.Repeat(`\u00e9`, 15) + `"…`,
	}
	for version, told := range versions {
		line := goodOf(version)
		for name, read := range readers {
			for _, l := range []string{
				line, with(line, `"novel":{"a":[null]}`), with(line, `"step":null`),
				strings.Replace(line, "tool_call", "party", 1),
				`{"schema_version":"` + version + `"}`, `{"novel":1,"schema_version":"` + version + `"}`,
			} {
				err := read(l)
				require.ErrorIs(t, err, ErrNewerVersion, "%s: %s", name, l)
				require.EqualError(t, err, "written by a newer version: `schema_version` is "+told)
			}
		}
	}
}

// TestNoVersion: what is not one object with one version as a string is damaged, not newer.
func TestNoVersion(t *testing.T) {
	for what, line := range map[string]string{
		"no JSON": goodOf("2") + "}", "no object": `["2"]`, "two versions": with(goodOf("2"), `"schema_version":"2"`),
		"two versions, one escaped": with(goodOf("1"), `"schema\u005fversion":"2"`),
		"a key twice":               with(goodOf("2"), `"a":{"b":1,"b":2}`),
		"a number":                  strings.Replace(good, `"1"`, `2`, 1), "null": strings.Replace(good, `"1"`, `null`, 1),
		"an object": strings.Replace(good, `"1"`, `{"v":"2"}`, 1),
		"a list":    strings.Replace(good, `"1"`, `["2"]`, 1), "a number like one": strings.Replace(good, `"1"`, `111`, 1),
		"empty": goodOf(""), "none": strings.Replace(good, `"schema_version":"1",`, "", 1), "no UTF-8": goodOf("2\xff"),
	} {
		for name, read := range readers {
			err := read(line)
			require.Error(t, err, "%s: %s", name, what)
			require.NotErrorIs(t, err, ErrNewerVersion, "%s: %s", name, what)
		}
	}
	for name, read := range readers {
		require.NoError(t, read(goodOf(`1\u002e1`)), name)
		require.EqualError(t, read(goodOf("")), "`schema_version` is absent", name)
	}
}

// TestTold: what two tellings of one event may differ in, versions and their ids included.
func TestTold(t *testing.T) {
	told := func(line string) string {
		var r LineReader
		_, err := r.Scan([]byte(line))
		require.NoError(t, err)
		return string(r.AppendTold(nil))
	}
	for from, to := range map[string]string{
		`"schema_version":"1"`: `"schema_version":"1.1"`, `"event_id":"e"`: `"event_id":"f"`,
		`"step_number":1`: `"step_number":2`,
		`"agent_id"`:      `"recorded_at":"2026-11-23T10:00:00.000000000Z","sender":{"user":"u"},"agent_id"`,
	} {
		require.Contains(t, good, from)
		require.Equal(t, told(good), told(strings.Replace(good, from, to, 1)), to)
	}
	old := SpanEventID(pcommon.TraceID{1}, pcommon.SpanID{2}, "llm_call")
	plain := PlainEventID(ResourceID{3}, pcommon.TraceID{1}, pcommon.SpanID{2}, "llm_call")
	for _, link := range []string{"parent_event_id", "layer_of"} {
		require.Equal(t, told(with(good, `"`+link+`":"`+old+`"`)), told(with(good, `"`+link+`":"`+plain+`"`)))
		require.NotEqual(t, told(with(good, `"`+link+`":"`+old+`"`)), told(with(good, `"`+link+`":"`+plain+`s"`)))
	}
	require.NotEqual(t, told(with(good, `"user_id":"`+old+`"`)), told(with(good, `"user_id":"`+plain+`"`)), "no link")
	require.NotEqual(t, told(good), told(strings.Replace(good, `"tool_name":"pay"`, `"tool_name":"play"`, 1)))
	require.NotEqual(t, told(goodOf("1.1")), told(with(goodOf("1.1"), `"approved_input":{"n":1}`)))
}

// TestAttributesAreTheFields: each field has its constant, with what the table says of it.
func TestAttributesAreTheFields(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "attributes.go", nil, parser.ParseComments)
	require.NoError(t, err)
	said := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Doc != nil {
			_, doc, _ := strings.Cut(strings.TrimSpace(v.Doc.Text()), ": ")
			said[strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)] = doc
		}
		return true
	})
	for _, f := range Fields() {
		require.Equal(t, f.Doc, said[f.Attr()], f.Name)
	}
}
