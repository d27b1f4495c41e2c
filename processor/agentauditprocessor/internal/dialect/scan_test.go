package dialect

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// FuzzScan walks through JSON and finds in it what a parser finds.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`[]`, `{}`, `[1,"a\\",{"b":[]}]`, `{"a":{"b":"]}\""},"c\"":[null,true,-1e3],"":""}`, `"\\\""`, `["\\\\\"",","]`, `{"\u0001":"\n"}`, `12`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		canonical, ok := jsontext.Append(nil, []byte(s))
		if !ok {
			return
		}
		var want any
		require.NoError(t, json.Unmarshal(canonical, &want))
		require.Equal(t, want, walk(parse(canonical)))
	})
}

// walk is a value as encoding/json has it, found by elements and appendMembers.
func walk(v gjson.Result) any {
	switch {
	case v.IsArray():
		list := []any{}
		elements(v, func(el gjson.Result) {
			if found := get(v, strconv.Itoa(len(list))); found.Raw != el.Raw {
				panic("get finds another value: " + found.Raw)
			}
			list = append(list, walk(read(el.Raw)))
		})
		return list
	case v.IsObject():
		m := map[string]any{}
		for _, x := range appendMembers(nil, v) {
			m[x.key] = walk(read(x.raw))
			if quoted := string(jsontext.AppendString(nil, x.key)); len(quoted) == len(x.key)+2 && !strings.Contains(x.key, ".") {
				if found := get(v, x.key); found.Raw != x.raw {
					panic("get finds another value: " + found.Raw)
				}
			}
		}
		return m
	}
	return v.Value()
}

// TestScanOfBrokenText: what is no JSON is not read, and ends.
func TestScanOfBrokenText(*testing.T) {
	for _, s := range []string{``, `[`, `[,`, `[,,]`, `[}`, `["`, `["\`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":"`, `{"a":}`, `{"a",`, `{a}`, `[1`, `[]]`, `"`, `"\"`} {
		walk(read(s))
		get(read(s), "a.0")
		get(read(s), "1.a")
	}
}
