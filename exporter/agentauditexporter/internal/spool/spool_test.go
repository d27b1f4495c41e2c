package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// toAppend is what Append is given for some data.
func toAppend(data ...[]byte) (list [][]byte) {
	for _, d := range data {
		list = append(list, append(make([]byte, HeaderBytes), d...))
	}
	return list
}

// record is a record as it stands on disk.
func record(id, number uint64, at time.Time, data []byte) []byte {
	r := toAppend(data)[0]
	putHeader(r, id, number, at)
	return r
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(dir string) Options {
	return Options{Directory: dir, MaxBytes: 1 << 20, SegmentEvents: 4, SegmentBytes: 4 << 10, SegmentAge: time.Hour}
}

func open(t *testing.T, o Options) *Spool {
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func appendAll(t *testing.T, s *Spool, records ...string) {
	for _, r := range records {
		require.NoError(t, s.Append(context.Background(), toAppend([]byte(r))))
	}
}

// drain reads all that is in a spool, and removes it where it is told to.
func drain(t require.TestingT, s *Spool, remove bool) (records []string, damage []Damage) {
	s.Finish()
	for {
		g, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return records, damage
		}
		require.NoError(t, err)
		d, err := g.Read(func(r Record) { records = append(records, string(r.Data)) })
		require.NoError(t, err)
		if d != (Damage{}) {
			damage = append(damage, d)
		}
		if remove {
			require.NoError(t, s.Remove(g))
		}
	}
}

func files(t *testing.T, dir, pattern string) []string {
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	return list
}

func TestWhatIsAppendedComesBackInOrder(t *testing.T) {
	o := options(t.TempDir())
	var want []string
	s := open(t, o)
	for i := range 11 {
		want = append(want, fmt.Sprintf("record %d", i))
	}
	appendAll(t, s, want[:7]...)
	s.Close()

	s = open(t, o)
	appendAll(t, s, want[7:]...)
	stats := s.Stats()
	require.Equal(t, int64(11), stats.Events)
	require.Positive(t, stats.Bytes)
	require.Positive(t, stats.Age)
	require.False(t, s.Oldest().IsZero())
	have, damage := drain(t, s, true)
	require.Equal(t, want, have)
	require.Empty(t, damage)
	require.Equal(t, Stats{}, s.Stats())
	require.Empty(t, files(t, o.Directory, "*.wal*"))
	s.Close()

	s = open(t, o)
	have, _ = drain(t, s, true)
	require.Empty(t, have)
}

func TestManySendersShareSyncs(t *testing.T) {
	d := newMemDisk()
	syncs := 0
	syncing, others := make(chan struct{}), make(chan struct{})
	d.fail = func(op string) error {
		if op == "sync" {
			if syncs++; syncs == 1 {
				d.mu.Unlock()
				close(syncing)
				<-others
				d.mu.Lock()
			}
		}
		return nil
	}
	o := options("x")
	o.SegmentEvents = 1000
	s, err := openOn(d, o)
	require.NoError(t, err)
	defer s.Close()
	release := sync.OnceFunc(func() { close(others) })
	defer release() // or a test that failed would wait for it in Close
	var group sync.WaitGroup
	send := func(i int) {
		group.Go(func() {
			assert.NoError(t, s.Append(context.Background(), toAppend(fmt.Appendf(nil, "%d", i))))
		})
	}
	send(0)
	<-syncing // only one is in it, however slow the machine
	for i := range 99 {
		send(i + 1)
	}
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.waiting) == 99
	}, time.Minute, time.Millisecond)
	release()
	group.Wait()
	have, _ := drain(t, s, true)
	require.Len(t, have, 100)
	require.Less(t, syncs, 20)
}

func TestASegmentIsGivenAtItsAge(t *testing.T) {
	o := options(t.TempDir())
	o.SegmentAge = time.Millisecond
	s := open(t, o)
	appendAll(t, s, "one")
	g, err := s.Next(context.Background())
	require.NoError(t, err)
	require.False(t, g.Recovered)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// A file goes when those before it have gone, so that a hole in the numbers is a loss.
func TestSegmentsAreRemovedInOrder(t *testing.T) {
	o := options(t.TempDir())
	o.SegmentEvents = 1
	s := open(t, o)
	appendAll(t, s, "one", "two", "three")
	var list []*Segment
	for range 3 {
		g, err := s.Next(context.Background())
		require.NoError(t, err)
		list = append(list, g)
	}
	require.NoError(t, s.Remove(list[1]))
	require.Len(t, files(t, o.Directory, "*.wal"), 3)
	require.Equal(t, int64(2), s.Stats().Events)
	require.NoError(t, s.Remove(list[0]))
	require.Len(t, files(t, o.Directory, "*.wal"), 1)
}

func TestFullSpoolHoldsSendersBack(t *testing.T) {
	o := options(t.TempDir())
	o.MaxBytes, o.SegmentEvents = 1000, 1
	s := open(t, o)
	big := make([]byte, 600)
	require.NoError(t, s.Append(context.Background(), toAppend(big)))

	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error, 1)
	go func() { answer <- s.Append(ctx, toAppend(big)) }()
	cancel()
	err := <-answer
	require.ErrorIs(t, err, ErrFull)
	require.ErrorIs(t, err, context.Canceled)

	go func() { answer <- s.Append(context.Background(), toAppend(big)) }()
	g, err := s.Next(context.Background())
	require.NoError(t, err)
	require.NoError(t, s.Remove(g))
	require.NoError(t, <-answer, "goes on when there is room")

	// Larger than the whole spool: alone in it.
	go func() { answer <- s.Append(context.Background(), toAppend(make([]byte, 5000))) }()
	g, err = s.Next(context.Background())
	require.NoError(t, err)
	require.NoError(t, s.Remove(g))
	require.NoError(t, <-answer)

	go func() { answer <- s.Append(context.Background(), toAppend(big)) }()
	s.Flush()
	require.ErrorIs(t, <-answer, ErrFull)
	have, _ := drain(t, s, true)
	require.Len(t, have, 1)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, options(dir))
	_, err := Open(options(dir))
	require.ErrorContains(t, err, "is in use: each exporter needs a directory of its own")
	s.Close()

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(options(filepath.Join(file, "spool")))
	require.ErrorContains(t, err, "cannot make the directory of the spool")
}

// A write that fails, at any point, is told to its sender; what was acknowledged
// before is there, and the next write succeeds.
func TestDiskThatFails(t *testing.T) {
	for _, op := range []string{"create", "write", "sync"} {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s/%d", op, at), func(t *testing.T) {
				d := newMemDisk()
				left := at
				d.fail = func(have string) error {
					if have != op {
						return nil
					}
					if left--; left == -1 || left == -2 { // twice in a row
						return syscall.ENOSPC
					}
					return nil
				}
				o := options("x")
				o.SegmentEvents = 1000
				if op == "create" {
					o.SegmentEvents = 2
				}
				s, err := openOn(d, o)
				require.NoError(t, err)
				var acknowledged []string
				failed := 0
				for i := range 10 {
					r := fmt.Sprintf("record %d", i)
					if err := s.Append(context.Background(), toAppend([]byte(r))); err != nil {
						require.ErrorIs(t, err, syscall.ENOSPC)
						require.ErrorContains(t, err, "cannot write to the spool")
						failed++
						continue
					}
					acknowledged = append(acknowledged, r)
				}
				require.Equal(t, 2, failed)
				s.Close()
				s, err = openOn(d.crash(func() bool { return true }), o)
				require.NoError(t, err)
				defer s.Close()
				have, damage := drain(t, s, true)
				for _, d := range damage {
					require.False(t, d.Any(), "%+v", d)
				}
				require.Subset(t, have, acknowledged)
			})
		}
	}
}

// Whatever is done to one file, the records that are whole come back, and how many
// are missing is known.
func TestDamage(t *testing.T) {
	const perFile = 4
	prepare := func(t *testing.T) (Options, []string, [][]byte) {
		o := options(t.TempDir())
		s := open(t, o)
		var want []string
		for i := range 3 * perFile {
			want = append(want, fmt.Sprintf("record %02d with some text", i))
		}
		appendAll(t, s, want...)
		s.Close()
		names := files(t, o.Directory, "*.wal")
		require.Len(t, names, 3)
		var bodies [][]byte
		for _, n := range names {
			b, err := os.ReadFile(n)
			require.NoError(t, err)
			bodies = append(bodies, b)
		}
		return o, want, bodies
	}
	recordAt := func(file []byte, n int) int { // offset of the n-th record's text
		for at := range file {
			if at+6 < len(file) && string(file[at:at+6]) == "record" {
				if n--; n < 0 {
					return at
				}
			}
		}
		panic("no such record")
	}
	for name, tt := range map[string]struct {
		file   int
		change func([]byte) []byte
		lost   []int // of the records
		kept   bool  // the file is kept aside
	}{
		"a flipped bit":                  {1, func(b []byte) []byte { b[recordAt(b, 1)+3] ^= 1; return b }, []int{5}, true},
		"a flipped bit in the last file": {2, func(b []byte) []byte { b[recordAt(b, 1)+3] ^= 1; return b }, []int{9}, true},
		"in the last record of all":      {2, func(b []byte) []byte { b[recordAt(b, 3)+3] ^= 1; return b }, []int{11}, true},
		"in a record's length":           {1, func(b []byte) []byte { b[recordAt(b, 2)-17] ^= 0x80; return b }, []int{6}, true},
		"a hole":                         {1, func(b []byte) []byte { clear(b[recordAt(b, 0) : recordAt(b, 2)+3]); return b }, []int{4, 5, 6}, true},
		"the file's header":              {1, func(b []byte) []byte { clear(b[:32]); return b }, nil, false},
		"bytes cut out of the middle":    {1, func(b []byte) []byte { return slices.Delete(b, recordAt(b, 1)+1, recordAt(b, 1)+4) }, []int{5}, true},
		"cut short":                      {1, func(b []byte) []byte { return b[:recordAt(b, 2)+4] }, []int{6, 7}, true},
		"empty":                          {1, func([]byte) []byte { return nil }, []int{4, 5, 6, 7}, true},
		"the last write torn":            {2, func(b []byte) []byte { return b[:recordAt(b, 3)+4] }, []int{11}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o, want, bodies := prepare(t)
			file := files(t, o.Directory, "*.wal")[tt.file]
			require.NoError(t, os.WriteFile(file, tt.change(bodies[tt.file]), 0o600))
			for i := len(tt.lost) - 1; i >= 0; i-- {
				want = slices.Delete(want, tt.lost[i], tt.lost[i]+1)
			}
			// A process that stops while it recovers changes nothing of it.
			for _, remove := range []bool{false, false, true} {
				s := open(t, o)
				have, damage := drain(t, s, remove)
				require.Equal(t, want, have)
				if tt.kept {
					require.Len(t, damage, 1)
					require.Equal(t, uint64(len(tt.lost)), damage[0].Missing)
				} else if len(damage) > 0 {
					require.True(t, damage[0].Torn)
					require.False(t, damage[0].Any())
				}
				s.Close()
			}
			require.Empty(t, files(t, o.Directory, "*.wal"))
			if tt.kept {
				require.Len(t, files(t, o.Directory, "*.damaged"), 1)
			} else {
				require.Empty(t, files(t, o.Directory, "*.damaged"))
			}
		})
	}
}

// A disk that for a while lets no file go leaves no hole in the numbers.
func TestFilesThatStay(t *testing.T) {
	d := newMemDisk()
	readOnly := false
	d.fail = func(string) error {
		if readOnly {
			return syscall.EROFS
		}
		return nil
	}
	o := options("x")
	o.SegmentEvents = 1
	s, err := openOn(d, o)
	require.NoError(t, err)
	for i := range 4 {
		appendAll(t, s, fmt.Sprint(i))
		g, err := s.Next(context.Background())
		require.NoError(t, err)
		d.mu.Lock()
		readOnly = i < 2
		d.mu.Unlock()
		if err := s.Remove(g); readOnly {
			require.ErrorIs(t, err, syscall.EROFS)
		} else {
			require.NoError(t, err)
		}
		if i == 1 { // a crash in between
			after, err := openOn(d.crash(func() bool { return true }), o)
			require.NoError(t, err)
			have, damage := drain(t, after, true)
			require.Equal(t, []string{"0", "1"}, have)
			require.Empty(t, damage)
			after.Close()
		}
		d.mu.Lock()
		readOnly = false
		d.mu.Unlock()
	}
	require.Equal(t, Stats{}, s.Stats())
	s.Close()
	require.Empty(t, d.files)
}

// What a failed write has left, on a disk that did not let it be removed, changes nothing.
func TestLeftOverFile(t *testing.T) {
	for _, id := range []string{"0000000000000000", "ffffffffffffffff"} {
		o := options(t.TempDir())
		s := open(t, o)
		appendAll(t, s, "one", "two")
		s.Close()
		require.NoError(t, os.WriteFile(filepath.Join(o.Directory, "00000000000000000001-"+id+".wal"), []byte("part of a header"), 0o600))
		s = open(t, o)
		appendAll(t, s, "three")
		require.Equal(t, int64(3), s.Stats().Events)
		s.Close()
		s = open(t, o)
		have, damage := drain(t, s, true)
		require.Equal(t, []string{"one", "two", "three"}, have)
		for _, d := range damage {
			require.True(t, d.Torn)
		}
		s.Close()
		require.Empty(t, files(t, o.Directory, "*.wal"))
	}
}

func TestAFileThatWasTakenAway(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	appendAll(t, s, "one", "two", "three", "four", "five")
	require.NoError(t, os.Remove(files(t, o.Directory, "*.wal")[0]))
	have, damage := drain(t, s, false)
	require.Equal(t, []string{"five"}, have)
	require.Equal(t, []Damage{{Missing: 4}}, damage)
}

// What a sender writes is not taken for a record where the one around it is damaged.
func TestARecordWithinARecord(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	inner := record(12345, 2, time.Now(), []byte("forged"))
	appendAll(t, s, string(inner), "two", "three")
	s.Close()
	file := files(t, o.Directory, "*.wal")[0]
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	b[32+8+4] ^= 1 // in the header of the outer record
	require.NoError(t, os.WriteFile(file, b, 0o600))
	s = open(t, o)
	have, _ := drain(t, s, true)
	require.Equal(t, []string{"two", "three"}, have)
}

// The machine crashes at any moment, again and again, also while the spool is being
// emptied: what was acknowledged and not removed is there, whole.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newMemDisk()
		o := options("x")
		o.SegmentEvents = rapid.Int64Range(1, 6).Draw(t, "segment events")
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		removed := map[string]bool{}
		appended := 0
		for range rapid.IntRange(1, 5).Draw(t, "crashes") {
			// The write at which the machine stops: all after it fails.
			left := rapid.IntRange(0, 30).Draw(t, "operations")
			d.fail = func(string) error {
				if left--; left < 0 {
					return io.ErrClosedPipe
				}
				return nil
			}
			s, err := openOn(d, o)
			require.NoError(t, err)
			for range rapid.IntRange(0, 20).Draw(t, "steps") {
				if rapid.Bool().Draw(t, "append") {
					var group sync.WaitGroup
					for range rapid.IntRange(1, 4).Draw(t, "senders") {
						record := fmt.Sprintf("record %d %s", appended, rapid.StringN(0, 900, -1).Draw(t, "text"))
						appended++
						group.Go(func() {
							if s.Append(context.Background(), toAppend([]byte(record))) == nil {
								mu.Lock()
								acknowledged[record] = true
								mu.Unlock()
							}
						})
					}
					group.Wait()
					continue
				}
				s.mu.Lock()
				ready := len(s.cutOnes) > 0
				s.mu.Unlock()
				if !ready || left < 0 {
					continue
				}
				g, err := s.Next(context.Background())
				require.NoError(t, err)
				var list []string
				damage, err := g.Read(func(r Record) { list = append(list, string(r.Data)) })
				require.NoError(t, err)
				require.LessOrEqual(t, damage.Missing, uint64(4), "of the last group: see Damage.Torn")
				if rapid.Bool().Draw(t, "remove") {
					_ = s.Remove(g) // where the disk has failed its file stays
					for _, r := range list {
						removed[r] = true
					}
				}
			}
			after := d.crash(func() bool { return rapid.Bool().Draw(t, "kept") })
			d.fail = nil
			s.Close()
			d = after
		}
		s, err := openOn(d, o)
		require.NoError(t, err)
		defer s.Close()
		have, damage := drain(t, s, true)
		seen := map[string]int{}
		for _, r := range have {
			seen[r]++
		}
		for r := range acknowledged {
			require.True(t, seen[r] > 0 || removed[r], "lost %.20s", r)
		}
		for _, d := range damage {
			require.LessOrEqual(t, d.Missing, uint64(4), "of the last group: see Damage.Torn")
		}
	})
}

// Whatever the bytes of a file are, its reading ends, and gives only records that
// were written with its id.
func FuzzScan(f *testing.F) {
	good := make([]byte, 32)
	for n := range uint64(3) {
		good = append(good, 1, 0, 0, 0, 37, 0, 0, 0)
		good = append(good, record(7, n+1, time.Unix(0, 1), []byte("hello"))...)
		good = append(good, 0, 0, 0, commitFrame, 0, 0, 0, 1, 2, 3, 4)
	}
	f.Add(good, uint64(7), uint64(0))
	f.Add(good[:len(good)-20], uint64(7), uint64(4))
	f.Fuzz(func(t *testing.T, file []byte, id, end uint64) {
		total := 0
		next, d := scan(file, id, 1, end, func(r Record) { total += HeaderBytes + len(r.Data) })
		if total > len(file) {
			t.Fatalf("%d bytes of records in a file of %d", total, len(file))
		}
		if next < 1 || d.Bytes > int64(len(file)) {
			t.Fatalf("next %d, %+v", next, d)
		}
		if n, r, size := parseRecord(file, id); size > 0 {
			if again := record(id, n, r.Time, r.Data); string(again) != string(file[:size]) {
				t.Fatal("a record has two forms")
			}
		}
	})
}

// A directory that turns read only is told to senders, and forgotten when it is back.
func TestReadOnlyDirectory(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("permissions do not bind this user")
	}
	o := options(t.TempDir())
	o.SegmentEvents = 1
	s := open(t, o)
	require.NoError(t, os.Chmod(o.Directory, 0o500))
	require.ErrorContains(t, s.Append(context.Background(), toAppend([]byte("x"))), "cannot write to the spool")
	require.NoError(t, os.Chmod(o.Directory, 0o700))
	appendAll(t, s, "y")
}

func BenchmarkAppend(b *testing.B) {
	data := make([]byte, 1000)
	for _, senders := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s, err := Open(Options{Directory: b.TempDir(), MaxBytes: 1 << 30, SegmentEvents: 50_000, SegmentBytes: 8 << 20, SegmentAge: time.Hour})
			require.NoError(b, err)
			defer s.Close()
			go func() {
				for {
					g, err := s.Next(context.Background())
					if err != nil {
						return
					}
					_ = s.Remove(g)
				}
			}()
			b.SetBytes(int64(len(data)))
			b.SetParallelism(senders / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.Append(context.Background(), toAppend(data)); err != nil {
						b.Error(err)
					}
				}
			})
			s.Finish()
		})
	}
}
