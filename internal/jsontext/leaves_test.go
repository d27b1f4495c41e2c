package jsontext

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppendUnknown(t *testing.T) {
	var l Leaves
	l.Add(`{"a":["known",120,true],"b":{"c":"x\ny"}}`)
	l.AddText("openai")
	l.AddText(`{"in":"text"}`)
	l.AddTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	for raw, want := range map[string]string{
		`"known"`: ``, `120`: ``, `"120"`: ``, `120.0`: ``, `true`: ``, `"true"`: ``, `null`: ``, `"OpenAI"`: ``, `"x\ny"`: ``, `"2026-11-23T10:00:00Z"`: ``, `""`: ``, `{}`: ``, `[[],{"a":null}]`: ``,
		`"unknown"`:                           `"unknown"`,
		`121`:                                 `121`,
		`false`:                               `false`,
		`{"k":"known","u":"u","n":{"z":120}}`: `{"u":"u"}`,
		`["known",{"a":"b"},3]`:               `[{"a":"b"},3]`,
		`"{\"k\":\"known\",\"u\":\"lost\"}"`:  `{"u":"lost"}`,
		`"{\"k\":\"known\"}"`:                 ``,
		`"text"`:                              ``,
		`{"role":"system","x":"lost"}`:        `{"role":"system","x":"lost"}`,
		`{"role":"system","x":"known"}`:       ``,
	} {
		out, ok := l.AppendUnknown([]byte("+"), raw, func(o Object) bool { return o.Get("role").Str == "system" && o.Get("x").Str != "known" })
		require.Equal(t, "+"+want, string(out), raw)
		require.Equal(t, want != "", ok, raw)
		if want == "" {
			continue
		}
		require.False(t, l.HasAll(raw), raw)
		l.Add(`"system"`)
		l2 := l
		l2.set = map[uint64]struct{}{}
		for k := range l.set {
			l2.set[k] = struct{}{}
		}
		l2.Add(want)
		again, ok := l2.AppendUnknown(nil, raw, nil)
		require.False(t, ok, "%s", again)
	}
	require.True(t, l.HasAll("{ \"k\" : \"known\", \"n\" : [ 120 ] }"))
	for _, s := range []string{`[not JSON]`, `{"a":"kno`, `nul`, `{"k":"known"} x`} {
		require.False(t, l.HasAll(s), s)
	}
	l.Reset()
	require.False(t, l.HasText("known"))
}
