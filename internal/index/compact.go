package index

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Grace is how long what is not of the index any more stays by default: readers that hold an
// older snapshot still find its files.
const Grace = 24 * time.Hour

// maxDraft is how old a file may be when a snapshot first names it. It is less than any grace, so
// that none is removed that is about to be named.
const maxDraft = 6 * time.Hour

// MinGrace is the shortest grace.
const MinGrace = 2 * maxDraft

// CompactOptions say what is compacted.
type CompactOptions struct {
	Rows     int   // most rows of a file; 0: about a million
	Bytes    int64 // most bytes of files that are put together at once; 0: 256 MiB
	Progress func(done, parts int)
}

// maxMerged bounds how many files are put together at once.
const maxMerged = 64

// Compact writes few large files for many small ones. It returns how many there were, and are.
// Each part of the index is put together for itself: a reader sees the one or the other.
func (x *Index) Compact(ctx context.Context, o CompactOptions) (before, after int, err error) {
	if o.Rows == 0 {
		o.Rows = flushRows
	}
	if o.Bytes == 0 {
		o.Bytes = 256 << 20
	}
	s, err := x.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	before = len(s.Files)
	parts := slices.SortedFunc(maps.Keys(byPart(s)), func(a, b Part) int { return strings.Compare(a.Prefix(), b.Prefix()) })
	for i, p := range parts {
		if o.Progress != nil {
			o.Progress(i, len(parts))
		}
		for {
			again, err := x.compactPart(ctx, p, &o)
			if err != nil {
				return before, before, err
			}
			if !again {
				break
			}
		}
	}
	s, err = x.Snapshot(ctx)
	if err != nil {
		return before, before, err
	}
	return before, len(s.Files), nil
}

func byPart(s *Snapshot) map[Part][]File {
	parts := map[Part][]File{}
	for _, f := range s.Files {
		if p, ok := PartOf(f.Key); ok {
			parts[p] = append(parts[p], f)
		}
	}
	return parts
}

// compactPart puts some files of a part together, and reports whether there may be more.
func (x *Index) compactPart(ctx context.Context, p Part, o *CompactOptions) (again bool, err error) {
	s, err := x.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	var small []File
	size := int64(0)
	for _, f := range byPart(s)[p] {
		if f.Rows < int64(o.Rows) && len(small) < maxMerged && (len(small) < 2 || size+f.Bytes <= o.Bytes) {
			small, size = append(small, f), size+f.Bytes
		}
	}
	if len(small) < 2 {
		return false, nil
	}
	drafts, err := x.rewrite(ctx, p, small, o.Rows, nil)
	if err != nil {
		return false, err
	}
	err = x.replace(ctx, small, drafts, nil)
	if errors.Is(err, errStale) {
		return true, nil // some of them are gone: what is there now is looked at
	}
	return len(drafts) < len(small), err
}

// rewrite writes the rows of files anew, those that keep keeps.
func (x *Index) rewrite(ctx context.Context, p Part, files []File, limit int, keep func(parquet.Row) bool) (drafts []*draft, err error) {
	var open []*table.File
	var first, until time.Time
	for _, f := range files {
		file, err := x.load(ctx, f)
		if err != nil {
			return nil, err
		}
		open = append(open, file)
		if !f.First.IsZero() {
			first = earlier(first, f.First)
		}
		until = later(until, f.Until)
	}
	err = table.Merge(p.Table, open, limit, keep, func(body []byte, rows int) error {
		d, err := x.write(ctx, p, body, rows, first, until)
		drafts = append(drafts, d)
		return err
	})
	return drafts, err
}

// replace puts drafts in the place of files.
func (x *Index) replace(ctx context.Context, old []File, drafts []*draft, and func(*Snapshot)) error {
	_, err := x.commit(ctx, func(s *Snapshot) error {
		n := len(s.Files)
		s.Files = slices.DeleteFunc(s.Files, func(f File) bool {
			return slices.ContainsFunc(old, func(o File) bool { return o.Key == f.Key })
		})
		if n-len(s.Files) != len(old) {
			return errStale
		}
		if and != nil {
			and(s)
		}
		return s.name(drafts)
	})
	return err
}

// name adds files that were written to a snapshot.
func (s *Snapshot) name(drafts []*draft) error {
	for _, d := range drafts {
		if time.Since(d.at) > maxDraft {
			return errors.New("what was written is too old to be named: it may be removed; run it again")
		}
		s.Files = append(s.Files, d.File)
	}
	return nil
}

// Expire removes the rows of objects that are gone from the trail, as their retention promised.
// It returns how many files it wrote anew or took out.
func (x *Index) Expire(ctx context.Context, r ledger.Reader) (changed int, err error) {
	s, err := x.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	now := x.now()
	e := &expiry{r: r, known: map[string]bool{}, first: map[string]int64{}}
	for p, files := range byPart(s) {
		if slices.Contains(derived, p.Table) && p.Table != table.Resolved {
			continue // they are made anew of the others
		}
		for _, f := range files {
			if f.First.IsZero() || f.First.After(now) {
				continue
			}
			if err := x.expireFile(ctx, p, f, e); err != nil && !errors.Is(err, errStale) {
				return changed, err
			}
			changed++
		}
	}
	if changed == 0 {
		return 0, nil
	}
	return changed, x.forget(ctx)
}

func (x *Index) expireFile(ctx context.Context, p Part, f File, e *expiry) error {
	keep, err := e.keep(ctx, p.Table)
	if err != nil {
		return err
	}
	drafts, err := x.rewrite(ctx, p, []File{f}, flushRows, keep)
	if err = errors.Join(err, e.err); err != nil {
		return err
	}
	for _, d := range drafts {
		// What is still there although its promise is over is looked at again.
		d.First = x.now().Add(Grace)
	}
	return x.replace(ctx, []File{f}, drafts, func(s *Snapshot) {
		if day, ok := s.Days[p.Date]; ok {
			day.Resolved = nil
			s.Days[p.Date] = day
		}
	})
}

// forget takes the days out of which no event has a row any more.
func (x *Index) forget(ctx context.Context) error {
	_, err := x.commit(ctx, func(s *Snapshot) error {
		left := map[string]bool{}
		for _, f := range s.Of(table.Events) {
			p, _ := PartOf(f.Key)
			left[p.Date] = true
		}
		maps.DeleteFunc(s.Days, func(date string, _ Day) bool { return !left[date] })
		s.Files = slices.DeleteFunc(s.Files, func(f File) bool {
			p, ok := PartOf(f.Key)
			return ok && slices.Contains(derived, p.Table) && !left[p.Date]
		})
		return nil
	})
	return err
}

// expiry knows which objects are gone from a trail.
type expiry struct {
	r     ledger.Reader
	known map[string]bool  // whether an object is there
	first map[string]int64 // the oldest manifest of each log
	err   error
}

// keep says of the rows of a table whether what they are of is there. Where that cannot be
// known, it notes the error and keeps them.
func (e *expiry) keep(ctx context.Context, t *table.Table) (func(parquet.Row) bool, error) {
	object, log, seq := -1, -1, -1
	for i := range t.Columns {
		switch t.Columns[i].Name {
		case "object":
			object = i
		case "log":
			log = i
		case "seq":
			seq = i
		}
	}
	if object < 0 {
		return nil, errors.New("table " + t.Name + " has no objects")
	}
	return func(r parquet.Row) bool {
		if r[object].IsNull() {
			return e.manifest(ctx, r[log].String(), r[seq].Int64())
		}
		return e.object(ctx, r[object].String())
	}, nil
}

func (e *expiry) object(ctx context.Context, key string) bool {
	there, ok := e.known[key]
	if ok || e.err != nil {
		return there || e.err != nil
	}
	versions, err := e.r.Versions(ctx, key)
	if err != nil {
		e.err = err
		return true
	}
	there = slices.ContainsFunc(versions, func(v ledger.Version) bool { return !v.DeleteMarker })
	e.known[key] = there
	return there
}

func (e *expiry) manifest(ctx context.Context, log string, seq int64) bool {
	first, ok := e.first[log]
	if !ok && e.err == nil {
		if first, e.err = ledger.FirstManifest(ctx, e.r, log); e.err == nil {
			e.first[log] = first
		}
	}
	return e.err != nil || first >= 0 && seq >= first
}

// Sweep removes what is not of the index any more, or never was: snapshots that were followed by
// another before the grace, and files that no other snapshot names and that are older.
func (x *Index) Sweep(ctx context.Context, grace time.Duration) (removed int, err error) {
	limit := x.now().Add(-grace)
	var snapshots []Entry
	for e, err := range x.place.List(ctx, SnapshotPrefix) {
		if err != nil {
			return 0, err
		}
		if _, ok := numberOf(e.Key); ok {
			snapshots = append(snapshots, e)
		}
	}
	if len(snapshots) == 0 {
		return 0, nil // nothing tells files of the index from others
	}
	named := map[string]bool{}
	for i, e := range snapshots {
		if i+1 < len(snapshots) && snapshots[i+1].Modified.Before(limit) {
			if err := x.place.Remove(ctx, e.Key); err != nil {
				return removed, err
			}
			removed++
			continue
		}
		n, _ := numberOf(e.Key)
		s, err := x.read(ctx, n)
		if err != nil {
			return removed, err
		}
		for _, f := range s.Files {
			named[f.Key] = true
		}
	}
	for _, prefix := range []string{ledger.IndexPrefix, ledger.IndexTextPrefix} {
		for e, err := range x.place.List(ctx, prefix) {
			if err != nil {
				return removed, err
			}
			_, ours := PartOf(e.Key)
			if !ours && !strings.Contains(e.Key, "/"+unfinished) || named[e.Key] || !e.Modified.Before(limit) {
				continue
			}
			if err := x.place.Remove(ctx, e.Key); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}
