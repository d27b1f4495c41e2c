package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Each update puts what was sealed since into the index, each line once.
func TestUpdateGoesOn(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	for round := range 3 {
		for log := range 3 {
			tr.seal(fmt.Sprintf("gw-%d", log), monday.AddDate(0, 0, round), "", tr.events(fmt.Sprintf("s-%d", round), 5)...)
		}
		p, err := x.Update(ctx, tr, tr.options())
		require.NoError(t, err)
		require.Equal(t, int64(15), p.Events)
		require.Equal(t, tr.want(), keys(t, x))
	}
	p, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	require.Zero(t, p.Commits, "nothing was sealed, nothing is written")
	s, err := x.Snapshot(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]Day{"2026-11-23": {Indexed: 15}, "2026-11-24": {Indexed: 15}, "2026-11-25": {Indexed: 15}}, s.Days)
	require.Equal(t, int64(3), s.Logs["gw-1"].Seq)
}

// A file holds rows of one day and class, those of its key.
func TestParts(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	tr.seal("gw-0", monday, "", tr.events("s-1", 3)...)
	tr.seal("gw-0", monday, "short", tr.events("s-2", 2)...)
	tr.seal("gw-0", monday.AddDate(0, 0, 1), "", tr.events("s-3", 4)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	s, err := x.Snapshot(ctx)
	require.NoError(t, err)
	found := map[string]int64{}
	for _, f := range s.Files {
		p, ok := PartOf(f.Key)
		require.True(t, ok, f.Key)
		found[p.Prefix()] = f.Rows
	}
	today := day(time.Now())
	require.Equal(t, map[string]int64{
		"index/v1/events/date=2026-11-23/": 3, "index/v1/class=short/events/date=2026-11-23/": 2, "index/v1/events/date=2026-11-24/": 4,
		"index-content/v1/events/date=2026-11-23/": 3, "index-content/v1/class=short/events/date=2026-11-23/": 2, "index-content/v1/events/date=2026-11-24/": 4,
		"index-content/v1/tokens/date=2026-11-23/": 3, "index-content/v1/class=short/tokens/date=2026-11-23/": 2, "index-content/v1/tokens/date=2026-11-24/": 4,
		"index/v1/objects/date=2026-11-23/": 1, "index/v1/class=short/objects/date=2026-11-23/": 1, "index/v1/objects/date=2026-11-24/": 1,
		"index/v1/objects/date=" + today + "/": 4,
	}, found)
	for _, r := range rows[eventRow](t, x, table.Events) {
		require.Contains(t, r.Object, "date="+time.Unix(int64(r.Date)*24*60*60, 0).UTC().Format(time.DateOnly))
	}
}

// What does not hold has no rows, and the table of objects says why.
func TestWhatDoesNotHold(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	tr.seal("gw-0", monday, "", tr.events("s-1", 3)...)
	want := tr.want()
	altered := tr.seal("gw-0", monday, "", tr.events("s-2", 3)...)
	missing := tr.seal("gw-0", monday, "", tr.events("s-3", 3)...)
	tr.Purge(altered)
	tr.Overwrite(altered, []byte("another"))
	tr.Purge(missing)
	o := tr.options()
	var codes []string
	o.Note = func(f ledger.Finding) { codes = append(codes, f.Code) }
	_, err := x.Update(ctx, tr, o)
	require.NoError(t, err)
	require.Equal(t, want, keys(t, x))
	require.Equal(t, []string{ledger.CodeObjectAltered, ledger.CodeObjectMissing}, codes)
	type row struct {
		Object  string `parquet:"object,optional"`
		State   string `parquet:"state,optional"`
		Events  int64  `parquet:"events,optional"`
		Indexed int64  `parquet:"indexed,optional"`
	}
	var states []string
	for _, r := range rows[row](t, x, table.Objects) {
		if r.Object != "" {
			states = append(states, fmt.Sprintf("%s %d of %d", r.State, r.Indexed, r.Events))
		}
	}
	slices.Sort(states)
	require.Equal(t, []string{"object_altered 0 of 3", "object_missing 0 of 3", "read 3 of 3"}, states)
}

func TestShards(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	for log := range 12 {
		tr.seal(fmt.Sprintf("gw-%d", log), monday, "", tr.events("s", 2)...)
	}
	var all sync.WaitGroup
	for shard := range 3 {
		all.Go(func() {
			o := tr.options()
			o.Shard, o.Shards = shard, 3
			_, err := x.Update(ctx, tr, o)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, tr.want(), keys(t, x))
}

// Several that index the same logs at the same time do it once.
func TestUpdatesAtOnce(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	for log := range 3 {
		for range 3 {
			tr.seal(fmt.Sprintf("gw-%d", log), monday, "", tr.events("s", 3)...)
		}
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			o := tr.options()
			o.FlushRows, o.Workers = 7, 2
			if _, err := x.Update(ctx, tr, o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, tr.want(), keys(t, x))
}

// failing is a place where a write fails: before it takes effect, or after.
type failing struct {
	Place
	mu    sync.Mutex
	count int
	at    int // the write that fails, from 1
	after bool
	dead  bool // from then on nothing works: the program was killed
}

var errDown = errors.New("down")

func (f *failing) Put(ctx context.Context, key string, body []byte) error {
	f.mu.Lock()
	f.count++
	now := f.count == f.at
	f.dead = f.dead || now
	dead := f.dead
	f.mu.Unlock()
	if dead && (!now || !f.after) {
		return errDown
	}
	err := f.Place.Put(ctx, key, body)
	if now {
		return errDown
	}
	return err
}

func (f *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if f.isDead() {
		return nil, errDown
	}
	return f.Place.Get(ctx, key)
}

func (f *failing) isDead() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.dead }

func (f *failing) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	if f.isDead() {
		return func(yield func(Entry, error) bool) { yield(Entry{}, errDown) }
	}
	return f.Place.List(ctx, prefix)
}

func (f *failing) Remove(ctx context.Context, key string) error {
	if f.isDead() {
		return errDown
	}
	return f.Place.Remove(ctx, key)
}

// Killed at each write, before or after it took effect, while logs go on: what another run
// finds and adds is each line once.
func TestKilledAtEachWrite(t *testing.T) {
	for at := 1; at <= 11; at++ {
		for _, after := range []bool{false, true} {
			tr, x := newTrail(t), Open(newMemory())
			for round := range 2 {
				tr.seal("gw-0", monday, "", tr.events("s-1", 2)...)
				tr.seal("gw-1", monday.AddDate(0, 0, round), "", tr.events("s-2", 3)...)
				f := &failing{Place: x.place, at: at, after: after}
				o := tr.options()
				o.FlushRows, o.Workers = 3, 1
				if _, err := (&Index{place: f, now: time.Now}).Update(ctx, tr, o); err != nil {
					require.ErrorIs(t, err, errDown)
				}
				have := keys(t, x)
				require.Len(t, slices.Compact(slices.Clone(have)), len(have), "a line has two rows")
			}
			_, err := x.Update(ctx, tr, tr.options())
			require.NoError(t, err)
			require.Equal(t, tr.want(), keys(t, x), "write %d, after %v", at, after)
		}
	}
}

// The place of a log that was begun anew is not gone on from.
func TestAnotherLogOfThatName(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	tr.seal("gw-0", monday, "", tr.events("s", 2)...)
	_, err := x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	other := newTrail(t)
	other.seal("gw-0", monday, "", other.events("s", 2)...)
	_, err = x.Update(ctx, other, other.options())
	require.ErrorContains(t, err, "is not the one that was read before")
}

func TestUpdateWithoutKeys(t *testing.T) {
	tr, x := newTrail(t), newIndex(t)
	tr.seal("gw-0", monday, "", tr.events("s", 2)...)
	_, err := x.Update(ctx, tr, Options{})
	require.ErrorContains(t, err, "no public key")
	_, err = x.Update(ctx, tr, Options{Keys: []ledger.PublicKey{newTrail(t).key}})
	require.ErrorIs(t, err, ledger.ErrUnknownLog)
}

func TestPartOf(t *testing.T) {
	for _, key := range []string{
		"index/v1/events/date=2026-11-23/a.txt", "index/v1/nothing/date=2026-11-23/a.parquet", "index/v1/events/a.parquet",
		"index/v1/class=default/events/date=2026-11-23/a.parquet", "index-content/v1/objects/date=2026-11-23/a.parquet",
		"index/v1/class=UP/events/date=2026-11-23/a.parquet", "data/v1/date=2026-11-23/gw/a.parquet", snapshotKey(1),
	} {
		_, ok := PartOf(key)
		require.False(t, ok, key)
	}
	p, ok := PartOf("index-content/v1/class=short/tokens/date=2026-11-23/a.parquet")
	require.True(t, ok)
	require.Equal(t, Part{table.Tokens, "short", "2026-11-23"}, p)
}
