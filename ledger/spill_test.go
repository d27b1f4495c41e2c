package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSpill: what went to files comes back as what stayed in memory does.
func TestSpill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSpill()
		defer s.close()
		want := map[string][]string{}
		for range rapid.IntRange(0, 200).Draw(t, "records") {
			k := rapid.StringN(0, 3, 8).Draw(t, "key")
			v := rapid.StringN(0, 20, 80).Draw(t, "value")
			s.add([]byte(k), []byte(v))
			want[k] = append(want[k], v)
			if rapid.IntRange(0, 20).Draw(t, "flush") == 0 {
				require.NoError(t, s.flush())
			}
		}
		have, part := map[string][]string{}, map[string][]string{}
		require.NoError(t, s.each(func(k, v []byte) { part[string(k)] = append(part[string(k)], string(v)) }, func() {
			for k, v := range part {
				require.NotContains(t, have, k, "one key comes in one part")
				have[k] = v
			}
			clear(part)
		}))
		require.Equal(t, want, have)
	})
}

// TestTellingsInAnyOrder: objects are read in parallel, so two runs over one trail
// meet its lines in different orders and must still say the same.
func TestTellingsInAnyOrder(t *testing.T) {
	lines := []string{`{"x":1}`, `{"x":1}`, `{"x":2}`, `{"x":2}`, `{"x":3}`}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
		tables := newTables()
		for _, n := range order {
			tables.id("an id", []byte(lines[n]), where{line: uint64(n)})
		}
		var said []string
		doubles, err := tables.tellings(func(a, b where) { said = append(said, fmt.Sprintf("%d %d", a.line, b.line)) })
		require.NoError(t, err)
		require.Equal(t, int64(2), doubles)
		require.Equal(t, []string{"0 2", "0 4"}, said)
	}
}
