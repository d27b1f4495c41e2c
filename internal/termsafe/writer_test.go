package termsafe

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriter(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\t\x1b[2J\r":       "a\nb\\u0009\\u001b[2J\\u000d",
		"\u202e\u009b\u2028":    `\u202e\u009b\u2028`,
		"\U000e0001é退":          `\udb40\udc01é退`,
		"\xff":                  "\ufffd",
		"plain {\"a\":\"b\"}\n": "plain {\"a\":\"b\"}\n",
	} {
		var whole, pieces bytes.Buffer
		_, err := NewWriter(&whole).Write([]byte(in))
		require.NoError(t, err)
		require.Equal(t, want, whole.String())
		w := NewWriter(&pieces)
		for i := range len(in) { // a character may come in pieces
			n, err := w.Write([]byte{in[i]})
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		require.Equal(t, want, pieces.String())
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b\u202e\U000e0001")
	f.Fuzz(func(t *testing.T, in string) {
		in = strings.ToValidUTF8(in, "?")
		text, err := json.Marshal(in)
		require.NoError(t, err)
		var out bytes.Buffer
		_, _ = NewWriter(&out).Write(text)
		var back string
		require.NoError(t, json.Unmarshal(out.Bytes(), &back))
		require.Equal(t, in, back, "a JSON text stays the same value")
		for _, r := range out.String() {
			require.False(t, r != '\n' && unsafe(r))
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"退款退款", 8, "退款退款"},
		{"退款退款", 6, "退款…"},
		{"e\u0301tude", 5, "e\u0301tude"},
		{"a\x1bb", 4, `a\u…`},
		{"hello", 0, "hello"},
	} {
		got := Fit(c.in, c.n)
		require.Equal(t, c.want, got)
		if c.n > 0 {
			require.LessOrEqual(t, Cells(got), c.n)
		}
	}
	require.Equal(t, "退  ", Pad("退", 4))
}

func TestWrap(t *testing.T) {
	require.Equal(t, []string{"one two", "three", "abcdefgh", "ij", "退款退"}, Wrap("one two three abcdefghij 退款退", 8))
	require.Equal(t, []string{"one two"}, Wrap("one two", 0))
	require.Equal(t, []string{`a\nb`}, Wrap("a\nb", 80))
}

func TestSplit(t *testing.T) {
	for in, want := range map[string][2]string{
		"10:00   1 tool_call": {"10:00   1", "tool_call"}, "short": {"short", ""}, "abcdefghijklmn": {"abcdefghijkl", "mn"},
	} {
		first, rest := Split(in, 12)
		require.Equal(t, want, [2]string{first, rest})
	}
}
