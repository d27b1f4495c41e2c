package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestSays(t *testing.T) {
	for _, c := range []struct {
		text, other string
		want        bool
	}{
		{"My order A-1001 arrived", "a-1001", true},
		{"order A-10012", "A-1001", false},
		{"order XA-1001", "A-1001", false},
		{"A-10012, then A-1001.", "A-1001", true},
		{"请退款给我", "退款", true},
		{"Straße", "straß", false},
		{"e\u0301tude", "e", false}, // the accent is of the letter
		{"it's refund_order", "refund", true},
		{"ann@shop.example", "@shop.example", true},
		{"abc", "", false},
		{"", "abc", false},
		{"\xff\xfeabc", "abc", true},
	} {
		require.Equal(t, c.want, Says(c.text, c.other), "%q in %q", c.other, c.text)
	}
}

func FuzzSays(f *testing.F) {
	f.Add("order A-1001", "A-1001")
	f.Add("\xff退款", "退")
	f.Fuzz(func(t *testing.T, text, other string) {
		if Says(text, other) && !strings.Contains(strings.ToLower(text), strings.ToLower(other)) {
			t.Fatal("it says what is not there")
		}
		if other != "" && !Says("("+other+")", other) {
			t.Fatal("it does not say what stands there alone")
		}
	})
}

func TestLeavesOf(t *testing.T) {
	got := map[string]string{}
	LeavesOf([]byte(`{"to":"ann","items":[{"n":1.50},true,null],"a.b":"c"}`), func(path, text string) bool {
		got[path] = text
		return true
	})
	require.Equal(t, map[string]string{"to": "ann", "items[0].n": "1.50", "items[1]": "true", "a.b": "c"}, got)
	n := 0
	deep := strings.Repeat("[", 500) + `"x"` + strings.Repeat("]", 500)
	LeavesOf([]byte(deep), func(_, text string) bool { n++; require.Contains(t, text, `"x"`); return true })
	require.Equal(t, 1, n, "what lies deep is one text")
}

// TestEveryFieldIsLookedAt: a text is found in whichever field it stands.
func TestEveryFieldIsLookedAt(t *testing.T) {
	for _, f := range semconv.Fields() {
		var value string
		switch f.Kind {
		case semconv.KindString:
			value = `"needle"`
		case semconv.KindStrings, semconv.KindArray:
			value = `["needle"]`
		case semconv.KindObject, semconv.KindAny:
			value = `{"a":["needle"]}`
		default:
			continue
		}
		if f.Name == "schema_version" || f.Name == "event_type" || f.Name == "missing_fields" {
			continue
		}
		e, err := semconv.ParseLine(trailtest.LineWith(t, f.Name, value))
		require.NoError(t, err, f.Name)
		found := ""
		Texts(e, func(field, text string) bool {
			if Says(text, "needle") {
				found = field
			}
			return found == ""
		})
		require.Equal(t, f.Name, found)
	}
}

// The place of the words is of the text as it was said, whose characters may be of other sizes.
func TestPlaceOf(t *testing.T) {
	for _, before := range []string{"", "a ", "Ⱥ ", "İİİ ", "\xff\xff ", "退 ", strings.Repeat("Ⱥ", 100) + " "} {
		text := before + "A-1001" + strings.Repeat(" x", 100)
		w := newWords("a-1001")
		at := w.find(text)
		require.GreaterOrEqual(t, at, 0, "%q", text)
		require.Equal(t, len(before), placeOf(text, at), "%q", text)
	}
}
