package jsontext

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

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
		canonical, ok := Append(nil, []byte(s))
		if !ok {
			return
		}
		var want any
		require.NoError(t, json.Unmarshal(canonical, &want))
		require.Equal(t, want, walk(Parse(canonical)))
	})
}

// walk is a value as encoding/json has it, found by elements and appendMembers.
func walk(v gjson.Result) any {
	switch {
	case v.IsArray():
		list := []any{}
		Elements(v, func(el gjson.Result) {
			if found := Get(v, strconv.Itoa(len(list))); found.Raw != el.Raw {
				panic("get finds another value: " + found.Raw)
			}
			list = append(list, walk(Read(el.Raw)))
		})
		return list
	case v.IsObject():
		m := map[string]any{}
		for _, x := range AppendMembers(nil, v) {
			m[x.Key] = walk(Read(x.Raw))
			if quoted := string(AppendString(nil, x.Key)); len(quoted) == len(x.Key)+2 && !strings.Contains(x.Key, ".") {
				if found := Get(v, x.Key); found.Raw != x.Raw {
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
		walk(Read(s))
		Get(Read(s), "a.0")
		Get(Read(s), "1.a")
	}
}
