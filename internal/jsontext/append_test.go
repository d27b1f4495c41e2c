package jsontext

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"\u00e9\ud83d\ude00",true,null]}`, ` [ ] `, `"\ud800"`, `{"a":1,"a":2}`, `01`, `-`, `1e400`, "\"\x00\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, ok := Append([]byte("x"), text)
		if !ok {
			require.Equal(t, "x", string(out))
			return
		}
		require.True(t, json.Valid(text))
		var a, b any
		require.NoError(t, json.Unmarshal(text, &a))
		require.NoError(t, json.Unmarshal(out[1:], &b))
		require.Equal(t, a, b)
		again, ok := Append(nil, out[1:])
		require.True(t, ok)
		require.Equal(t, string(out[1:]), string(again))
	})
}

func TestAppendJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": ``, "two texts": `{} {}`, "duplicate key": `{"a":1,"a":1}`, "duplicate key, escaped": `{"a":1,"\u0061":1}`, "a number beyond float64": `[1e999]`,
		"too deep": strings.Repeat(`[`, 101) + strings.Repeat(`]`, 101), "far too deep": strings.Repeat(`{"a":`, 100000), "invalid UTF-8": "\"\xff\"", "a raw newline": "\"a\nb\"",
		"a leading zero": `01`, "a trailing comma": `[1,]`, "a bad escape": `"\x"`, "cut": `{"a":"b`, "NaN": `NaN`,
	} {
		_, ok := Append(nil, []byte(text))
		require.False(t, ok, name)
	}
	out, ok := Append(nil, []byte("{ \"a\" :\n[ 1 , \"\\u000a\\/\\u00e9\" ] }"))
	require.True(t, ok)
	require.Equal(t, `{"a":[1,"\n/é"]}`, string(out))
}
