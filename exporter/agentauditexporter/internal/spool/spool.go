package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sync/semaphore"
)

// Options say where a spool is and how much it holds.
type Options struct {
	Directory string // is made where it is missing; one process at a time uses it
	MaxBytes  int64  // of all records together, with what the file format adds

	// A segment is cut at so many records or bytes, or when it is this old and Next is
	// waiting for it.
	SegmentEvents int64
	SegmentBytes  int64
	SegmentAge    time.Duration
}

// Errors that callers tell apart.
var (
	// ErrFull: there was no room before the context ended or the spool was flushed.
	ErrFull = errors.New("the spool is full")
	// ErrTooLarge: a record can never be appended.
	ErrTooLarge = errors.New("too large for the spool")
	errStopping = errors.New("the spool is closing")
)

// Spool is an open spool. It is safe for concurrent use.
//
//	Append ─▶ waiting ─▶ write: one group, one sync ─▶ open segment ─▶ cut ─▶ Next ─▶ Remove
//	             (room is taken here)                                   (room is given back here)
type Spool struct {
	o     Options
	disk  disk
	filer *segment.Filer
	lock  *flock.Flock
	room  *semaphore.Weighted

	wake    chan struct{} // has the loop look for senders that wait
	loop    sync.WaitGroup
	closing context.CancelFunc

	// writing is held while a group is written, and where the open segment changes.
	writing sync.Mutex
	w       types.SegmentWriter // of the open segment; nil where there is none
	// leftover are files that hold nothing and could not be removed.
	leftover []string
	cutOff   []string

	mu       sync.Mutex
	waiting  []*group
	open     *Segment
	next     uint64 // the number of the next record
	cutOnes  []*Segment
	kept     []*Segment // all that are not removed, the open one last
	changed  chan struct{}
	flushing chan struct{}
	finished bool
	closed   bool
	events   int64
	bytes    int64
}

// group is the records of one Append.
type group struct {
	records [][]byte
	room    int64
	done    chan error
}

// Open opens a spool and takes stock of what an earlier process left in it. The error
// says what is wrong with the directory.
func Open(o Options) (*Spool, error) { return openOn(osDisk{}, o) }

func openOn(d disk, o Options) (*Spool, error) {
	s := &Spool{
		o: o, disk: d, filer: segment.NewFiler(o.Directory, d), room: semaphore.NewWeighted(o.MaxBytes),
		wake: make(chan struct{}, 1), changed: make(chan struct{}), flushing: make(chan struct{}), next: 1,
	}
	if _, real := d.(osDisk); real {
		if err := s.acquire(); err != nil {
			return nil, err
		}
	}
	if err := s.takeStock(); err != nil {
		s.release()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.closing = cancel
	s.loop.Go(func() { s.run(ctx) })
	return s, nil
}

// acquire makes the directory, and keeps other processes out of it.
func (s *Spool) acquire() error {
	if err := os.MkdirAll(s.o.Directory, 0o700); err != nil {
		return fmt.Errorf("cannot make the directory of the spool: %w", err)
	}
	s.lock = flock.New(filepath.Join(s.o.Directory, "lock"), flock.SetPermissions(0o600))
	locked, err := s.lock.TryLock()
	if err != nil {
		return fmt.Errorf("cannot write to the directory of the spool: %w", err)
	}
	if !locked {
		return fmt.Errorf("the spool %s is in use: each exporter needs a directory of its own", s.o.Directory)
	}
	return nil
}

func (s *Spool) release() {
	if s.lock != nil {
		_ = s.lock.Close() // the end of the process does the same
	}
}

// takeStock lists the segments that are there and counts what is in them.
func (s *Spool) takeStock() error {
	names, err := s.disk.ListDir(s.o.Directory)
	if err != nil {
		return fmt.Errorf("cannot read the directory of the spool: %w", err)
	}
	for _, name := range names {
		if g, ok := parseName(name); ok {
			g.spool = s
			s.kept = append(s.kept, g)
		}
	}
	slices.SortFunc(s.kept, func(a, b *Segment) int { return strings.Compare(a.name, b.name) })
	if err := s.countLast(); err != nil {
		return fmt.Errorf("cannot read a file of the spool: %w", err)
	}
	var taken int64
	for i, g := range s.kept {
		if i+1 < len(s.kept) {
			if err := s.count(g, s.kept[i+1].first); err != nil {
				return fmt.Errorf("cannot read a file of the spool: %w", err)
			}
		}
		g.bytes = min(g.bytes, s.o.MaxBytes-taken) // max_bytes may have been lowered
		taken += g.bytes
		s.events += g.events
		s.bytes += g.bytes
	}
	s.cutOnes = slices.Clone(s.kept)
	s.room.TryAcquire(taken) // all of it is free
	return nil
}

// countLast reads the last segment, of which only the file tells where it ends. One with
// nothing in it is what a write has left that failed or was cut off.
func (s *Spool) countLast() error {
	for len(s.kept) > 0 {
		g := s.kept[len(s.kept)-1]
		file, err := s.disk.ReadFile(s.o.Directory, g.name)
		if err != nil {
			return err
		}
		next, d := scan(file, g.ID, g.first, 0, func(r Record) {
			if g.events == 0 {
				g.Began = r.Time
			}
			g.events++
		})
		s.next, g.bytes = next, int64(len(file))
		if g.events > 0 || d.Any() {
			return nil
		}
		s.kept = s.kept[:len(s.kept)-1]
		s.cutOff = append(s.cutOff, g.name)
		s.leftover = append(s.leftover, g.name)
		_ = s.clear() // or before the next write
	}
	return nil
}

// count says how much is in a segment that another one follows: the numbers tell, and
// it is not read. A spool may be large, and senders are waiting.
func (s *Spool) count(g *Segment, end uint64) (err error) {
	const at = fileHeader + frameBytes
	var head []byte
	head, g.bytes, err = s.disk.Head(s.o.Directory, g.name, at+HeaderBytes)
	if len(head) > at {
		g.Began = recordTime(head[at:], g.ID)
	}
	g.end, g.events = end, int64(end-g.first)
	return err
}

// clear removes files that hold nothing. Their numbers are given again, so none may
// stay beside the segment that gets them.
func (s *Spool) clear() error {
	for len(s.leftover) > 0 {
		if err := s.disk.Delete(s.o.Directory, s.leftover[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot write to the spool: %w", err)
		}
		s.leftover = s.leftover[1:]
	}
	return nil
}

// CutOff names the files that held nothing when the spool was opened: their write did
// not end, and no sender was told OK.
func (s *Spool) CutOff() []string { return s.cutOff }

// groupOverhead is what the file format adds to a group and a segment, at most. To a
// record it adds two frames.
const groupOverhead = 64

// Append puts records into the spool: each HeaderBytes that it writes to, and the data.
// When it returns nil they are synced to disk. While there is no room for them it waits.
// After an error some may be in the spool all the same.
func (s *Spool) Append(ctx context.Context, records [][]byte) error {
	g := &group{records: records, room: groupOverhead, done: make(chan error, 1)}
	for _, r := range records {
		if len(r)-HeaderBytes > maxData {
			return fmt.Errorf("%w: a record of %d bytes", ErrTooLarge, len(r)-HeaderBytes)
		}
		g.room += int64(len(r)) + 2*frameBytes
	}
	g.room = min(g.room, s.o.MaxBytes) // one that is larger has the spool to itself
	if !s.room.TryAcquire(g.room) {
		if err := s.await(ctx, g.room); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.room.Release(g.room)
		return errStopping
	}
	s.waiting = append(s.waiting, g)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return <-g.done
}

// await waits for room.
func (s *Spool) await(ctx context.Context, n int64) error {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.flushing:
			cancel()
		case <-bounded.Done():
		}
	}()
	if s.room.Acquire(bounded, n) != nil {
		err := context.Cause(ctx)
		if err == nil {
			err = errStopping
		}
		return fmt.Errorf("%w with %d bytes: %w", ErrFull, s.o.MaxBytes, err)
	}
	return nil
}

// gather is how long the next write waits for more after one: under load each sync is
// then of more groups, and the first group of a quiet time waits for nothing.
const gather = time.Millisecond

// run writes the groups that wait, together, until the spool is closed.
func (s *Spool) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
			for s.write() {
				time.Sleep(gather)
			}
		case <-ctx.Done():
			for s.write() {
			}
			return
		}
	}
}

// writeBytes is how many bytes are written at once, but for one group that has more: the
// file's buffer grows to them anew for every segment.
const writeBytes = 2 << 20

// write takes what has gathered while the last write was under way, up to what fits
// into a segment, writes it and syncs it once. It reports whether there was anything.
func (s *Spool) write() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	var room, events int64
	n := 0
	for n < len(s.waiting) && (n == 0 || room < min(s.o.SegmentBytes, writeBytes) && events < s.o.SegmentEvents) {
		room += s.waiting[n].room
		events += int64(len(s.waiting[n].records))
		n++
	}
	groups := s.waiting[:n:n]
	s.waiting = s.waiting[n:]
	first := s.next
	s.mu.Unlock()
	if n == 0 {
		return false
	}

	err := s.append(groups, first)
	s.mu.Lock()
	if err == nil {
		g := s.open
		if g.events == 0 {
			s.kept = append(s.kept, g)
			s.announce()
		}
		g.events += events
		g.bytes += room
		s.next += uint64(events)
		s.events += events
		s.bytes += room
		g.end = s.next
	}
	full := s.open != nil && (s.open.events >= s.o.SegmentEvents || s.open.bytes >= s.o.SegmentBytes)
	s.mu.Unlock()
	if err != nil {
		s.room.Release(room)
		s.abandon()
	} else if full {
		s.cut()
	}
	for _, g := range groups {
		g.done <- err
	}
	return true
}

// append writes groups to the open segment, and makes one where there is none.
func (s *Spool) append(groups []*group, number uint64) error {
	now := time.Now()
	if s.w == nil {
		if err := s.clear(); err != nil {
			return err
		}
		g := newSegment(number)
		g.spool, g.Began = s, now
		w, err := s.filer.Create(g.info())
		if err != nil {
			return fmt.Errorf("cannot write to the spool: %w", err)
		}
		s.mu.Lock()
		s.w, s.open = w, g
		s.mu.Unlock()
	}
	var entries []types.LogEntry
	for _, g := range groups {
		for _, r := range g.records {
			putHeader(r, s.open.ID, number, now)
			entries = append(entries, types.LogEntry{Index: number, Data: r})
			number++
		}
	}
	if err := s.w.Append(entries); err != nil {
		return fmt.Errorf("cannot write to the spool: %w", err)
	}
	return nil
}

// abandon leaves the open segment after a write to it failed: what of that is in the
// file is not known. The next write begins another.
func (s *Spool) abandon() {
	g := s.open
	if g == nil {
		return
	}
	_ = s.w.Close() // there is nothing in it to be written
	s.mu.Lock()
	s.w, s.open = nil, nil
	if g.events > 0 {
		s.cutOnes = append(s.cutOnes, g)
		s.announce()
	}
	s.mu.Unlock()
	if g.events == 0 { // nothing in it was acknowledged
		s.leftover = append(s.leftover, g.name)
		_ = s.clear() // or before the next write
	}
}

// cut ends the open segment, so that Next gives it. s.writing is held.
func (s *Spool) cut() {
	if s.w == nil {
		return
	}
	_ = s.w.Close() // all of it is synced
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutOnes = append(s.cutOnes, s.open)
	s.w, s.open = nil, nil
	s.announce()
}

// announce wakes Next. s.mu is held.
func (s *Spool) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Next gives the segments in their order, each once: the oldest that is cut, or the
// open one when it has reached its age. While there is none it waits. The error is
// that of ctx, or io.EOF when nothing is left after Finish.
func (s *Spool) Next(ctx context.Context) (*Segment, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.mu.Lock()
		if len(s.cutOnes) > 0 {
			g := s.cutOnes[0]
			s.cutOnes = s.cutOnes[1:]
			s.mu.Unlock()
			return g, nil
		}
		changed, open, finished := s.changed, s.open, s.finished
		s.mu.Unlock()

		wait := time.Hour // or until something changes
		switch {
		case open != nil && s.flushed():
			wait = 0
		case open != nil:
			wait = time.Until(open.opened.Add(s.o.SegmentAge))
		case finished:
			return nil, io.EOF
		}
		if wait <= 0 {
			s.writing.Lock()
			if s.open == open {
				s.cut()
			}
			s.writing.Unlock()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (s *Spool) flushed() bool {
	select {
	case <-s.flushing:
		return true
	default:
		return false
	}
}

// Remove is told that what was made of a segment is safe. Its file goes when those
// before it have gone, so that a hole in the numbers is a loss and nothing else; a
// damaged one is kept under another name. The error is one of the disk: the room is
// free all the same, and the next Remove tries again. A segment whose file stays is
// given by Next again after the next Open.
func (s *Spool) Remove(g *Segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.done = true
	s.events -= g.events
	s.bytes -= g.bytes
	s.room.Release(g.bytes)
	return s.sweep()
}

// sweep removes the files that are done. s.mu is held.
func (s *Spool) sweep() error {
	for len(s.kept) > 0 && s.kept[0].done {
		g := s.kept[0]
		var err error
		if g.damaged {
			err = s.disk.Rename(s.o.Directory, g.name, g.name+damagedSuffix)
		} else {
			err = s.disk.Delete(s.o.Directory, g.name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove a file of the spool: %w", err)
		}
		s.kept = s.kept[1:]
	}
	return nil
}

// Flush has Next give the open segment whatever its age, and those that wait for room
// refused.
func (s *Spool) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.flushed() {
		close(s.flushing)
		s.announce()
	}
}

// Finish has Next end when nothing is left. No Append may be under way or follow.
func (s *Spool) Finish() {
	s.Flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.announce()
}

// Close closes the files. What is in the spool stays.
func (s *Spool) Close() {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return
	}
	s.closing()
	s.loop.Wait()
	s.writing.Lock()
	defer s.writing.Unlock()
	s.cut()
	s.mu.Lock()
	_ = s.sweep() // what stays is done again
	s.mu.Unlock()
	s.release()
}

// Stats is how much a spool holds.
type Stats struct {
	Events int64
	Bytes  int64         // with what the file format adds
	Age    time.Duration // of the oldest record; 0 where there is none
}

// Stats counts what is not removed.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Events: s.events, Bytes: s.bytes}
	for _, g := range s.kept {
		if !g.done {
			st.Age = time.Since(g.Began)
			break
		}
	}
	return st
}

// Oldest is when the first record was appended that an earlier process left; zero
// where there is none.
func (s *Spool) Oldest() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest time.Time
	for _, g := range s.kept {
		if g.Recovered && !g.Began.IsZero() && (oldest.IsZero() || g.Began.Before(oldest)) {
			oldest = g.Began
		}
	}
	return oldest
}
