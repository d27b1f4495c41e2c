package termsafe

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"Refund of 42.50 € issued": "Refund of 42.50 € issued",
		"a\x1b[2Jb":                `a\u001b[2Jb`,
		"one\ntwo\r\n\tthree":      `one\ntwo\r\n\tthree`,
		"user\u202etxt.exe":        `user\u202etxt.exe`,
		"\x9b31m":                  "\ufffd31m",
		"\u009b31m":                `\u009b31m`,
		"zero\u200bwidth":          `zero\u200bwidth`,
		"bad\xffbyte":              "bad\ufffdbyte",
		"tag\U000e0041":            `tag\U000e0041`,
		"line\u2028separator":      `line\u2028separator`,
	} {
		require.Equal(t, want, Line(in), "%q", in)
	}
}

func TestShort(t *testing.T) {
	require.Equal(t, "abc", Short("abc", 3))
	require.Equal(t, "ab…", Short("abc", 2))
	require.Equal(t, "éé…", Short("ééé", 2))
	require.Equal(t, `\u00…`, Short("\x1b\x1b", 4))
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b]0;title\x07b")
	f.Add("\xff\u202e\u2066")
	f.Fuzz(func(t *testing.T, s string) {
		out := Line(s)
		require.True(t, utf8.ValidString(out))
		for _, r := range out {
			require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Cf, r), "%q", out)
		}
		require.Equal(t, out, Line(out))
	})
}
