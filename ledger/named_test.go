package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// A writer that starts anew learns what it committed before.
func TestNamed(t *testing.T) {
	tr := newTrail(t)
	c, _ := reopen(t, tr)
	old := seal(t, tr, ledger.ObjectOptions{}, "a", 1, 2)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{old}))
	since := time.Now()
	fresh := seal(t, tr, ledger.ObjectOptions{}, "b", 1, 2)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{fresh}))

	c, _ = reopen(t, tr)
	named, err := c.Named(ctx, since)
	require.NoError(t, err)
	require.True(t, named[fresh.Key])
	named, err = c.Named(ctx, since.Add(24*time.Hour))
	require.NoError(t, err)
	require.Empty(t, named[old.Key])
}

// An object that is built again of the same source has the same key, and no other has.
func TestKeyOfASource(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	build := func(source string, n int, at time.Time) string {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Source: source}, at)
		b.Add(line(t, "s", n))
		o, err := b.Finish()
		require.NoError(t, err)
		return o.Key
	}
	key := build("file 1", 1, at)
	require.Equal(t, key, build("file 1", 1, at))
	require.NotEqual(t, key, build("file 2", 1, at))
	require.NotEqual(t, key, build("file 1", 2, at))
	require.NotEqual(t, key, build("file 1", 1, at.Add(time.Second)))
	other := build("", 1, at)
	require.NotEqual(t, other, build("", 1, at), "chance, where there is no source")
}
