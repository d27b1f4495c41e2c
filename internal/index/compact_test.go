package index

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
)

// many is a trail whose index has a file a round in each part.
func many(t *testing.T, x *Index, rounds int) *sealedTrail {
	t.Helper()
	tr := newTrail(t)
	for range rounds {
		tr.seal("gw-0", monday, "", tr.events("s-1", 2)...)
		tr.seal("gw-1", monday, "short", tr.events("s-2", 1)...)
		o := tr.options()
		o.Workers = 1
		_, err := x.Update(ctx, tr, o)
		require.NoError(t, err)
	}
	return tr
}

func TestCompact(t *testing.T) {
	x := newIndex(t)
	tr := many(t, x, 4)
	before, after, err := x.Compact(ctx, CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, 4*9, before)
	require.Equal(t, 9, after, "one a table, class and day")
	require.Equal(t, tr.want(), keys(t, x))
	_, again, err := x.Compact(ctx, CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, after, again)
	s, err := x.Snapshot(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]Day{"2026-11-23": {Indexed: 12}}, s.Days, "compaction is no news")
	// What is full is left alone.
	tr.seal("gw-0", monday, "", tr.events("s-1", 2)...)
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	before, after, err = x.Compact(ctx, CompactOptions{Rows: 2})
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// Who counts while files are put together and swept away counts right, always.
func TestCountWhileCompacting(t *testing.T) {
	x := Open(newMemory())
	tr := many(t, x, 5)
	want := tr.want()
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer close(stop)
		for rows := 2; rows < 5; rows++ {
			if _, _, err := x.Compact(ctx, CompactOptions{Rows: rows * 2}); err != nil {
				t.Error(err)
			}
			if _, err := x.Sweep(ctx, time.Hour); err != nil {
				t.Error(err)
			}
		}
	})
	for counted := false; ; counted = true {
		require.Equal(t, want, keys(t, x))
		select {
		case <-stop:
			require.True(t, counted)
			all.Wait()
			return
		default:
		}
	}
}

// Killed at each write of a compaction, nothing is out and nothing doubled.
func TestCompactKilled(t *testing.T) {
	x := Open(newMemory())
	tr := many(t, x, 2)
	for at := 1; at < 20; at++ {
		for _, after := range []bool{false, true} {
			_, _, err := (&Index{place: &failing{Place: x.place, at: at, after: after}, now: time.Now}).Compact(ctx, CompactOptions{})
			if err != nil {
				require.ErrorIs(t, err, errDown)
			}
			require.Equal(t, tr.want(), keys(t, x))
		}
	}
	_, after, err := x.Compact(ctx, CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, 9, after)
}

// What no snapshot names goes after the grace, and nothing before; the snapshot that readers
// hold keeps its files until then.
func TestSweep(t *testing.T) {
	m := newMemory()
	now := time.Now()
	m.now = func() time.Time { return now }
	x := &Index{place: m, now: m.now}
	tr := many(t, x, 3)
	old, err := x.Snapshot(ctx)
	require.NoError(t, err)
	_, _, err = x.Compact(ctx, CompactOptions{})
	require.NoError(t, err)
	orphan := "index/v1/events/date=2026-11-23/orphan.parquet"
	others := "index/v1/events/date=2026-11-23/notes.txt"
	require.NoError(t, m.Put(ctx, orphan, []byte("x")))
	require.NoError(t, m.Put(ctx, others, []byte("x")))
	for _, c := range []struct {
		after time.Duration
		gone  bool
	}{{23 * time.Hour, false}, {25 * time.Hour, true}} {
		now = time.Now().Add(c.after)
		_, err = x.Sweep(ctx, Grace)
		require.NoError(t, err)
		require.Equal(t, tr.want(), keys(t, x))
		for _, f := range old.Files {
			_, err := m.Get(ctx, f.Key)
			require.Equal(t, c.gone, err != nil, f.Key)
		}
		_, err = m.Get(ctx, orphan)
		require.Equal(t, c.gone, err != nil)
		_, err = m.Get(ctx, others)
		require.NoError(t, err, "what is not ours stays")
	}
	left := 0
	for key := range m.objs {
		if strings.HasPrefix(key, SnapshotPrefix) {
			left++
		}
	}
	require.Equal(t, 1, left)
}

// Rows of objects that are gone, as was promised, go; of what is still there they stay.
func TestExpire(t *testing.T) {
	x := Open(newMemory())
	tr := newTrail(t)
	tr.until = time.Now().UTC().Add(-time.Hour)
	gone := tr.seal("gw-0", monday, "", tr.events("s-1", 2)...)
	stays := tr.seal("gw-0", monday, "", tr.events("s-2", 3)...)
	whole := tr.seal("gw-0", monday.AddDate(0, 0, 5), "", tr.events("s-3", 3)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	_, err = x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	tr.Purge(gone)
	tr.Purge(whole)
	_, err = x.Expire(ctx, tr)
	require.NoError(t, err)
	require.Equal(t, []string{stays + "#1", stays + "#2", stays + "#3"}, keys(t, x))
	s, err := x.Snapshot(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]Day{"2026-11-23": {Indexed: 5}}, s.Days)
	for _, f := range s.Files {
		p, _ := PartOf(f.Key)
		require.False(t, p.Date == "2026-11-28" && p.Table != table.Objects, f.Key)
	}
	_, err = x.Resolve(ctx, ResolveOptions{})
	require.NoError(t, err)
	sessions := rows[sessionRow](t, x, table.Sessions)
	require.Len(t, sessions, 1)
	require.Equal(t, "s-2", sessions[0].SessionID)
	_, err = x.Expire(ctx, tr)
	require.NoError(t, err)
	require.Len(t, keys(t, x), 3)
	// While a lock runs, a trail that is not there is no reason to forget.
	y := Open(newMemory())
	missing := newTrail(t)
	missing.seal("gw-0", monday, "", missing.events("s-1", 2)...)
	_, err = y.Update(ctx, missing, missing.options())
	require.NoError(t, err)
	n, err := y.Expire(ctx, newTrail(t))
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, keys(t, y), 2)
}
