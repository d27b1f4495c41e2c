package runs

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Senders may give any id to an event.
func TestRefGivesTheIDBack(t *testing.T) {
	var r run
	for _, id := range []string{
		"", "x", "8f14e45f-ceea-867f-a0a0-000000000001", "8F14E45F-CEEA-867F-A0A0-000000000001", "{8f14e45f-ceea-867f-a0a0-000000000001}",
		"8f14e45fceea867fa0a0000000000001", "urn:uuid:8f14e45f-ceea-867f-a0a0-000000000001", "00000000-0000-0000-0000-000000000000", "\xff",
		semconv.RecordEventID("a"),
	} {
		require.Equal(t, id, r.eventID(r.ref(id)))
	}
}

// Senders may send a span again, and give every event a name, as often as they like.
func TestNamesAreBounded(t *testing.T) {
	var r run
	for range 10 {
		r.ref("the same")
	}
	require.Len(t, r.named, 1)
	for i := range 2 * maxFacts {
		r.ref(fmt.Sprint("name ", i))
	}
	require.Len(t, r.named, maxFacts)
	require.Equal(t, "the same", r.eventID(r.ref("the same")))
	require.Empty(t, r.eventID(r.ref("one too many")))
}

func TestSmallIsAMap(t *testing.T) {
	for _, keys := range []int{4, maxList, maxList + 1, 500} {
		var s small[int, int]
		want := map[int]int{}
		for n := range 2000 {
			k := rand.IntN(keys)
			s.put(k, n)
			want[k] = n
			require.Equal(t, len(want), s.len())
		}
		for k := range keys + 1 {
			v, ok := s.get(k)
			wantV, wantOK := want[k]
			require.Equal(t, []any{wantV, wantOK}, []any{v, ok})
		}
	}
}
