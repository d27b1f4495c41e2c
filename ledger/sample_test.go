package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// The level of zstd goes by how long the lines are, and an object that is built again, of
// lines that come otherwise, is the same object.
func TestLevelByTheLines(t *testing.T) {
	body := func(size, n, each, level int) []byte {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Zstd, Level: level, Source: "x"}, time.Unix(0, 0))
		var l ledger.Lines
		for i := range n {
			l.Text = append(l.Text, strings.Repeat(fmt.Sprint(i, " of many words, "), size/16)...)
			l.End(semconv.Meta{EventType: "tool_call"})
			if len(l.Metas) == each || i == n-1 {
				b.AddLines(&l)
				l = ledger.Lines{}
			}
		}
		o, err := b.Finish()
		require.NoError(t, err)
		return o.Body
	}
	for _, c := range []struct{ size, n, level int }{{1000, 300, 1}, {1000, 3, 1}, {20_000, 30, 3}, {20_000, 1, 3}} {
		want := body(c.size, c.n, 1, c.level)
		for _, each := range []int{1, 7, c.n} {
			require.True(t, bytes.Equal(want, body(c.size, c.n, each, 0)), "%+v in requests of %d lines", c, each)
		}
	}
	require.NotEqual(t, body(1000, 300, 1, 1), body(1000, 300, 1, 3))
}
