package jsontext

import (
	"slices"
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
		l2 := Leaves{known: hashSet{slots: slices.Clone(l.known.slots), n: l.known.n, round: l.known.round}}
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

func TestHashSet(t *testing.T) {
	var s hashSet
	for round := range 4 {
		require.False(t, s.has(0))
		for i := range uint64(1000) {
			s.add(i * 1e9)
			s.add(i * 1e9)
		}
		require.Equal(t, 1000, s.n)
		for i := range uint64(1000) {
			require.True(t, s.has(i*1e9))
			require.False(t, s.has(i*1e9+1))
		}
		s.reset()
		if round == 1 {
			s.round = 1<<32 - 1
			s.add(7)
			s.reset()
			require.False(t, s.has(7))
		}
	}
}
