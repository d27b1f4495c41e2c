package semconv

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
)

func TestEventIDs(t *testing.T) {
	a := SpanEventID(pcommon.TraceID{1}, pcommon.SpanID{2}, "tool_call")
	require.Equal(t, a, SpanEventID(pcommon.TraceID{1}, pcommon.SpanID{2}, "tool_call"),
		"a resent span gives the same id")
	require.NotEqual(t, a, SpanEventID(pcommon.TraceID{1}, pcommon.SpanID{2}, "session_start"))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a)
	require.NotEqual(t, RecordEventID("ab", "c"), RecordEventID("a", "bc"))
	require.NotEqual(t, NewResourceID("ab", "c"), NewResourceID("a", "bc"))
}

// TestGoldenIDs: ids are in sealed trails, and a resent record must give the one that is.
func TestGoldenIDs(t *testing.T) {
	trace, span := pcommon.TraceID{0x5d, 0x76, 0x7b}, pcommon.SpanID{0x23, 0xf8, 0xe7}
	require.Equal(t, "b4ed82e2-5d72-8855-ba7a-da3913340046", SpanEventID(trace, span, "tool_call"))
	require.Equal(t, "22333836-86a8-8dd5-8f8c-c1942413c681", RecordEventID("shop", "s-1"))
	resource := NewResourceID("shop", "instance-1")
	require.Equal(t, "ef1e4aa2.5d767b00000000000000000000000000.23f8e70000000000.tool_call",
		PlainEventID(resource, trace, span, "tool_call"))
}

// TestLegacyEventID: the plain form gives the id that older trails have of the event,
// whatever the role; what is not exactly of the plain form stays what it is.
func TestLegacyEventID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		resource := NewResourceID(rapid.String().Draw(t, "resource"))
		trace := pcommon.TraceID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace"))
		span := pcommon.SpanID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "span"))
		role := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9_./:-]{0,70}`), rapid.String()).Draw(t, "role")
		id := PlainEventID(resource, trace, span, role)
		require.Equal(t, SpanEventID(trace, span, role), LegacyEventID(id))
		require.Equal(t, LegacyEventID(id), LegacyEventID(LegacyEventID(id)))
		for i := range len(id) {
			damaged := id[:i] + "*" + id[i+1:]
			require.Equal(t, damaged, LegacyEventID(damaged))
		}
	})
	trace, span := pcommon.TraceID{0xab}, pcommon.SpanID{0xcd}
	for _, role := range []string{"tool_call", "ask/0", "answer/toolu_01A.b-c:2", strings.Repeat("r", maxRole)} {
		require.Equal(t, fmt.Sprintf("01020304.%s.%s.%s", trace, span, role),
			PlainEventID(ResourceID{1, 2, 3, 4}, trace, span, role))
	}
	id := PlainEventID(ResourceID{1, 2, 3, 4}, trace, span, "tool_call")
	for name, other := range map[string]string{
		"nothing": "", "a UUID": SpanEventID(trace, span, "tool_call"),
		"upper case": strings.ToUpper(id[:roleAt]) + "tool_call",
		"no role":    id[:roleAt], "too long a role": id[:roleAt] + strings.Repeat("r", maxRole+1), "a space": id + " ",
		"a newline": id + "\n", "no UTF-8": id + "\xff",
		"another separator": strings.Replace(id, ".", "-", 1), "a digit less": id[1:],
	} {
		require.Equal(t, other, LegacyEventID(other), name)
	}
}

// FuzzLegacyEventID: what has an older form is a text that PlainEventID makes.
func FuzzLegacyEventID(f *testing.F) {
	f.Add(PlainEventID(ResourceID{1}, pcommon.TraceID{2}, pcommon.SpanID{3}, "tool_call"))
	f.Add(SpanEventID(pcommon.TraceID{2}, pcommon.SpanID{3}, "tool_call"))
	f.Add("")
	f.Fuzz(func(t *testing.T, id string) {
		legacy := LegacyEventID(id)
		if legacy == id {
			return
		}
		var resource ResourceID
		var trace pcommon.TraceID
		var span pcommon.SpanID
		parts := strings.SplitN(id, ".", 4)
		for i, dst := range [][]byte{resource[:], trace[:], span[:]} {
			_, err := hex.Decode(dst, []byte(parts[i]))
			require.NoError(t, err)
		}
		require.Equal(t, id, PlainEventID(resource, trace, span, id[roleAt:]))
		require.Equal(t, legacy, SpanEventID(trace, span, id[roleAt:]))
	})
}
