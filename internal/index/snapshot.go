package index

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// SnapshotPrefix is where snapshots stand. Engines pass over names with an underscore.
const SnapshotPrefix = ledger.IndexPrefix + "_snapshots/"

// format names the layout of a snapshot and of what it names.
const format = "https://agentaudit.dev/index/v1"

// Snapshot is what the index is: all its files, and how far they go.
type Snapshot struct {
	Format    string    `json:"format"`
	Number    int64     `json:"number"` // from 1; 0 is the empty index, which is not written
	WrittenAt time.Time `json:"written_at"`
	By        string    `json:"by"` // drawn for the write, so that a writer whose answer was lost knows its own
	// Logs are the newest manifests whose lines are in the index.
	Logs  map[string]Log `json:"logs"`
	Days  map[string]Day `json:"days"`
	Files []File         `json:"files"` // by key
}

// Log is how far a log is in the index.
type Log struct {
	ledger.Position
	Time time.Time `json:"time"` // of that manifest
}

// Day is what is known of a day of sealing.
type Day struct {
	Indexed  int64     `json:"indexed"` // lines that ever got rows: never fewer
	Resolved *Resolved `json:"resolved,omitempty"`
}

// Resolved says over what a day was resolved.
type Resolved struct {
	At time.Time `json:"at"`
	// Seen are the lines that were indexed then of each day that was looked at.
	Seen map[string]int64 `json:"seen"`
}

// File is a file of the index.
type File struct {
	Key    string    `json:"key"`
	Rows   int64     `json:"rows"`
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256"`
	Until  time.Time `json:"until"` // the latest lock of the objects that it has rows of
	// First is the earliest of those locks: from then on rows of it may have to go.
	First time.Time `json:"first"`
}

// Part is which table, class and day a file is of.
type Part struct {
	Table *table.Table
	Class string
	Date  string
}

// Prefix begins the keys of the part's files.
func (p Part) Prefix() string {
	prefix := ledger.IndexPrefix
	if p.Table.Content {
		prefix = ledger.IndexTextPrefix
	}
	if p.Class != ledger.DefaultClass {
		prefix += "class=" + p.Class + "/"
	}
	return prefix + p.Table.Name + "/date=" + p.Date + "/"
}

// PartOf is the part of a file's key; ok is false for what is no file of a table.
func PartOf(key string) (p Part, ok bool) {
	rest, plain := strings.CutPrefix(key, ledger.IndexPrefix)
	content := false
	if !plain {
		if rest, content = strings.CutPrefix(key, ledger.IndexTextPrefix); !content {
			return p, false
		}
	}
	p.Class = ledger.DefaultClass
	if named, has := strings.CutPrefix(rest, "class="); has {
		if p.Class, rest, has = strings.Cut(named, "/"); !has || !ledger.ValidClass(p.Class) {
			return p, false
		}
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 || !strings.HasSuffix(parts[2], suffix) {
		return p, false
	}
	date, dated := strings.CutPrefix(parts[1], "date=")
	for _, t := range table.All() {
		if t.Name == parts[0] && t.Content == content {
			p.Table, p.Date = t, date
		}
	}
	return p, dated && p.Table != nil && p.Prefix()+parts[2] == key
}

const suffix = ".parquet"

// Of are the snapshot's files of a table, by key.
func (s *Snapshot) Of(t *table.Table) (list []File) {
	for _, f := range s.Files {
		if p, ok := PartOf(f.Key); ok && p.Table == t {
			list = append(list, f)
		}
	}
	return list
}

func (s *Snapshot) clone() *Snapshot {
	c := *s
	c.Logs, c.Days, c.Files = maps.Clone(s.Logs), maps.Clone(s.Days), slices.Clone(s.Files)
	return &c
}

// Index is an index in a place.
type Index struct {
	place Place
	now   func() time.Time
}

// Open opens an index. It may be empty.
func Open(p Place) *Index { return &Index{place: p, now: time.Now} }

func snapshotKey(n int64) string { return fmt.Sprintf("%s%012d.json", SnapshotPrefix, n) }

// Snapshot is the newest one, empty where there is none.
func (x *Index) Snapshot(ctx context.Context) (*Snapshot, error) {
	newest := int64(0)
	for e, err := range x.place.List(ctx, SnapshotPrefix) {
		if err != nil {
			return nil, err
		}
		if n, ok := numberOf(e.Key); ok && n > newest {
			newest = n
		}
	}
	if newest == 0 {
		return &Snapshot{Format: format, Logs: map[string]Log{}, Days: map[string]Day{}}, nil
	}
	return x.read(ctx, newest)
}

func numberOf(key string) (int64, bool) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(key, SnapshotPrefix), ".json")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil && snapshotKey(n) == key
}

func (x *Index) read(ctx context.Context, n int64) (*Snapshot, error) {
	body, err := x.place.Get(ctx, snapshotKey(n))
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("%s is no snapshot of an index: %w", snapshotKey(n), err)
	}
	if s.Format != format || s.Number != n {
		return nil, fmt.Errorf("%s is no snapshot of an index that this program knows", snapshotKey(n))
	}
	if s.Logs == nil {
		s.Logs = map[string]Log{}
	}
	if s.Days == nil {
		s.Days = map[string]Day{}
	}
	return s, nil
}

// errStale: what a change rests on is not so any more, since another writer was faster.
var errStale = errors.New("another writer changed the index at the same time")

// maxTries bounds how often a writer looks again for the next place.
const maxTries = 1000

// commit makes a change of the newest snapshot the next one. The change is asked again where
// another writer took the place; errStale is its answer where it does not hold any more.
func (x *Index) commit(ctx context.Context, change func(*Snapshot) error) (*Snapshot, error) {
	by := rand.Text()
	for range maxTries {
		s, err := x.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		if s.By == by {
			return s, nil // the answer to an earlier try was lost
		}
		s = s.clone()
		if err := change(s); err != nil {
			return nil, err
		}
		slices.SortFunc(s.Files, func(a, b File) int { return cmp.Compare(a.Key, b.Key) })
		s.Format, s.Number, s.WrittenAt, s.By = format, s.Number+1, x.now().UTC(), by
		body, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		put := x.place.Put(ctx, snapshotKey(s.Number), body)
		if put == nil {
			return s, nil
		}
		// It may be written all the same, and others may have gone on from it.
		there, err := x.read(ctx, s.Number)
		switch {
		case err == nil && there.By == by:
			return there, nil
		case err == nil && errors.Is(put, ledger.ErrExists):
			continue
		case errors.Is(put, ledger.ErrExists):
			return nil, err
		}
		return nil, put
	}
	return nil, errors.New("the index is written by others all the time")
}

// draft is a file that was written and is of no snapshot yet.
type draft struct {
	File
	part Part
	at   time.Time // when its writing began
}

// write writes a file of a part.
func (x *Index) write(ctx context.Context, p Part, body []byte, rows int, first, until time.Time) (*draft, error) {
	sum := sha256.Sum256(body)
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	name := x.now().UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(random) + suffix
	d := &draft{part: p, at: time.Now(), File: File{
		Key: p.Prefix() + name, Rows: int64(rows), Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), First: first, Until: until,
	}}
	return d, x.place.Put(ctx, d.Key, body)
}

var errOther = errors.New("not the file that was written")

// load reads a file that a snapshot names.
func (x *Index) load(ctx context.Context, f File) (*table.File, error) {
	p, ok := PartOf(f.Key)
	if !ok {
		return nil, fmt.Errorf("%s is no file of an index", f.Key)
	}
	body, err := x.place.Get(ctx, f.Key)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, fmt.Errorf("%s is %w: delete the index and make it anew", f.Key, errOther)
	}
	file, err := table.Open(p.Table, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Key, err)
	}
	return file, nil
}
