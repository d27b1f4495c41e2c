package index

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// CheckedFormat names the form of Checked.
const CheckedFormat = "https://agentaudit.dev/index-checked/v1"

// Checked says what of an index was held against the trail. Nobody signs it: it is the auditor's
// own note, and worth what the place is worth where he keeps it.
type Checked struct {
	Format   string            `json:"format"`
	At       time.Time         `json:"at"`
	Snapshot int64             `json:"snapshot"`
	Logs     map[string]Extent `json:"logs"`
	Files    map[string]string `json:"files"` // key to SHA-256
}

// Extent is how much of a log is in an index.
type Extent struct {
	Size   int64  `json:"size"` // manifests 0 to Size-1
	SHA256 string `json:"sha256"`
}

// Wrong is something in an index that is not as the trail says.
type Wrong struct {
	File    string `json:"file,omitempty"`
	Table   string `json:"table,omitempty"`
	Object  string `json:"object,omitempty"`
	Line    int64  `json:"line,omitempty"`
	Message string `json:"message"`
}

// String is a line for a person.
func (w Wrong) String() string {
	at := w.File
	if w.Object != "" {
		at = "table " + w.Table + ", " + w.Object
	}
	if w.Line > 0 {
		at += fmt.Sprintf(" line %d", w.Line)
	}
	return at + ": " + w.Message
}

// CheckOptions say with what an index is checked.
type CheckOptions struct {
	Keys     []ledger.PublicKey
	Note     func(ledger.Finding) // of the trail
	Wrong    func(Wrong)
	Progress func(Progress)
}

// maxNamed bounds of how many objects the first wrong line is looked for.
const maxNamed = 20

// checker holds an index against a trail.
type checker struct {
	x    *Index
	r    ledger.Reader
	o    CheckOptions
	s    *Snapshot
	key  []byte
	sums map[rowsAt]*pair
	bad  int
	lost bool // a file cannot be read, or rows are not what they should be
}

// rowsAt are the rows of an object in a part.
type rowsAt struct {
	part Part
	of   string
}

// pair is what rows should be, and what they are.
type pair struct{ want, have table.Sum }

// Check holds an index against the trail: the rows of each sealed object against its lines, as
// its manifest signed them, and each file against what its rows make. It reads all that is
// indexed. It returns what was checked, nil where something is wrong.
func (x *Index) Check(ctx context.Context, r ledger.Reader, o CheckOptions) (*Checked, error) {
	s, err := x.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if s.Number == 0 {
		return nil, errors.New("there is no index")
	}
	if o.Note == nil {
		o.Note = func(ledger.Finding) {}
	}
	c := &checker{x: x, r: r, o: o, s: s, key: make([]byte, 32), sums: map[rowsAt]*pair{}}
	if _, err := rand.Read(c.key); err != nil {
		return nil, err
	}
	if err := c.trail(ctx, func(p Part, row table.RowSum) { c.at(p, row.Of).want.Add(row.Sum) }); err != nil {
		return nil, err
	}
	if err := c.files(ctx); err != nil {
		return nil, err
	}
	if err := c.compare(ctx); err != nil {
		return nil, err
	}
	if err := c.resolved(ctx); err != nil {
		return nil, err
	}
	if c.bad > 0 {
		return nil, nil
	}
	done := &Checked{Format: CheckedFormat, At: x.now().UTC(), Snapshot: s.Number, Logs: map[string]Extent{}, Files: map[string]string{}}
	for log, at := range s.Logs {
		done.Logs[log] = Extent{at.Seq + 1, at.SHA256}
	}
	for _, f := range s.Files {
		done.Files[f.Key] = f.SHA256
	}
	return done, nil
}

func (c *checker) at(p Part, of string) *pair {
	k := rowsAt{p, of}
	if c.sums[k] == nil {
		c.sums[k] = &pair{}
	}
	return c.sums[k]
}

func (c *checker) wrong(w Wrong) {
	c.bad++
	if c.o.Wrong != nil {
		c.o.Wrong(w)
	}
}

// trail gives the digests of the rows that should be there, by what the logs say up to where
// they are indexed.
func (c *checker) trail(ctx context.Context, each func(Part, table.RowSum)) error {
	u := &updater{x: c.x, r: c.r, o: Options{Keys: c.o.Keys, Note: c.o.Note, Progress: c.o.Progress}}
	u.done.Logs = len(c.s.Logs)
	logs := make([]string, 0, len(c.s.Logs))
	for log := range c.s.Logs {
		logs = append(logs, log)
	}
	sort.Strings(logs)
	for _, log := range logs {
		if err := c.log(ctx, u, log, each); err != nil {
			return fmt.Errorf("log %s: %w", log, err)
		}
		u.done.LogsDone++
	}
	return nil
}

func (c *checker) log(ctx context.Context, u *updater, log string, each func(Part, table.RowSum)) error {
	end := c.s.Logs[log]
	rows := newRows()
	var began time.Time
	met := false
	fold := func() {
		for p, part := range rows.parts {
			table.NewSummer(p.Table, c.key, p.Prefix()).Batch(part.Batch, func(r table.RowSum) { each(p, r) })
		}
		rows.parts, rows.n = map[Part]*partRows{}, 0
	}
	_, err := ledger.Follow(ctx, c.r, c.o.Keys, log, nil, c.o.Note, func(m *ledger.Manifest) error {
		if m.Predicate.Seq > end.Seq {
			return errIndexed
		}
		met = met || m.Predicate.Seq == end.Seq && hexOf(m.Digest[:]) == end.SHA256
		for i := range m.Predicate.Objects {
			if err := rows.object(ctx, c.r, m, &m.Predicate.Objects[i], u); err != nil {
				return err
			}
		}
		rows.manifest(m)
		at := m.SealedAt()
		if began.IsZero() {
			began = at
		}
		u.came(log, share(began, at, c.x.now()))
		if rows.n > flushRows || rows.bytes() > flushBytes {
			fold()
		}
		return nil
	})
	fold()
	if err != nil && !errors.Is(err, errIndexed) {
		return err
	}
	if !met {
		c.wrong(Wrong{Message: fmt.Sprintf("log %s: the index says that it goes to manifest %d with the digest %s, which is not of the log", log, end.Seq, end.SHA256)})
	}
	return nil
}

var errIndexed = errors.New("behind what is indexed")

// files reads what is there.
func (c *checker) files(ctx context.Context) error {
	for _, f := range c.s.Files {
		p, ok := PartOf(f.Key)
		if !ok {
			c.wrong(Wrong{File: f.Key, Message: "no file of an index"})
			continue
		}
		body, err := c.x.place.Get(ctx, f.Key)
		if err != nil {
			c.lost = true
			c.wrong(Wrong{File: f.Key, Message: err.Error()})
			continue
		}
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != f.SHA256 {
			c.lost = true
			c.wrong(Wrong{File: f.Key, Message: "not the file that the snapshot names"})
			continue
		}
		if err := c.file(p, f, body); err != nil {
			c.lost = true
			c.wrong(Wrong{File: f.Key, Message: err.Error()})
		}
	}
	return ctx.Err()
}

func (c *checker) file(p Part, f File, body []byte) error {
	same, err := table.MadeAgain(p.Table, body)
	if err != nil {
		return err
	}
	if !same {
		c.wrong(Wrong{File: f.Key, Message: "not what this program writes for its rows: its bounds or filters may keep engines from some; another version may have written it"})
	}
	file, err := table.Open(p.Table, body)
	if err != nil {
		return err
	}
	if slices.Contains(derived, p.Table) {
		return nil // it is held against what is made of the others
	}
	return table.NewSummer(p.Table, c.key, p.Prefix()).File(file, func(r table.RowSum) { c.at(p, r.Of).have.Add(r.Sum) })
}

// compare tells what differs, and of some of it where.
func (c *checker) compare(ctx context.Context) error {
	var bad []rowsAt
	for k, p := range c.sums {
		if p.want != p.have {
			bad = append(bad, k)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	c.lost = true
	sort.Slice(bad, func(i, j int) bool {
		return bad[i].of+bad[i].part.Prefix() < bad[j].of+bad[j].part.Prefix()
	})
	lines, err := c.lines(ctx, bad[:min(len(bad), maxNamed)])
	if err != nil {
		return err
	}
	for _, k := range bad {
		p := c.sums[k]
		w := Wrong{Table: k.part.Table.Name, Object: k.of, Line: lines[k]}
		if k.part.Table.Content {
			w.Table = "content " + w.Table
		}
		if w.Message = "a row is not what the line says"; p.want.N != p.have.N {
			w.Message = fmt.Sprintf("%d rows, it should have %d", p.have.N, p.want.N)
		}
		c.wrong(w)
	}
	return nil
}

// lines finds the first line of each whose rows are not what they should be.
func (c *checker) lines(ctx context.Context, bad []rowsAt) (map[rowsAt]int64, error) {
	type lineOf struct {
		rowsAt
		line int64
	}
	sums := map[lineOf]*pair{}
	at := func(p Part, r table.RowSum) *pair {
		k := lineOf{rowsAt{p, r.Of}, r.Line}
		if sums[k] == nil {
			sums[k] = &pair{}
		}
		return sums[k]
	}
	named := func(p Part, of string) bool { return slices.Contains(bad, rowsAt{p, of}) }
	quiet := *c
	quiet.o.Note, quiet.o.Wrong = func(ledger.Finding) {}, nil
	err := quiet.trail(ctx, func(p Part, r table.RowSum) {
		if named(p, r.Of) {
			at(p, r).want.Add(r.Sum)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, f := range c.s.Files {
		p, ok := PartOf(f.Key)
		if !ok || slices.Contains(derived, p.Table) || !slices.ContainsFunc(bad, func(k rowsAt) bool { return k.part == p }) {
			continue
		}
		file, err := c.x.load(ctx, f)
		if err != nil {
			continue // told already
		}
		_ = table.NewSummer(p.Table, c.key, p.Prefix()).File(file, func(r table.RowSum) {
			if named(p, r.Of) {
				at(p, r).have.Add(r.Sum)
			}
		})
	}
	first := map[rowsAt]int64{}
	for k, p := range sums {
		if was, ok := first[k.rowsAt]; p.want != p.have && (!ok || k.line < was) {
			first[k.rowsAt] = k.line
		}
	}
	return first, nil
}

// resolved makes the derived tables of each day again, where no more is known than when they
// were made, and compares.
func (c *checker) resolved(ctx context.Context) error {
	for date, day := range c.s.Days {
		if day.Resolved == nil {
			continue
		}
		if c.lost {
			return nil // of wrong rows nothing follows
		}
		window := 0
		for other := range day.Resolved.Seen {
			window = max(window, distance(date, other))
		}
		if c.s.stale(date, max(window, 1)) {
			c.wrong(Wrong{Table: "resolved, runs, sessions", Message: date + ": more is known than when it was resolved: run `agentaudit index resolve` and check again"})
			continue
		}
		if err := c.day(ctx, date, max(window, 1)); err != nil {
			return err
		}
	}
	return nil
}

func distance(a, b string) int {
	x, _ := table.Day(a)
	y, _ := table.Day(b)
	return int(max(x-y, y-x))
}

func (c *checker) day(ctx context.Context, date string, window int) error {
	again := &Index{place: &beside{Place: c.x.place, written: map[string][]byte{}}, now: c.x.now}
	d := newResolving(again, c.s, date)
	if err := d.run(ctx, &ResolveOptions{Window: window, Events: eventsAtOnce}); err != nil {
		return err
	}
	sums := map[Part]*pair{}
	at := func(p Part) *pair {
		if sums[p] == nil {
			sums[p] = &pair{}
		}
		return sums[p]
	}
	sum := func(x *Index, f File, add func(table.Sum)) error {
		p, _ := PartOf(f.Key)
		file, err := x.load(ctx, f)
		if err != nil {
			return err
		}
		return table.NewSummer(p.Table, c.key, "").File(file, func(r table.RowSum) { add(r.Sum) })
	}
	for _, draft := range d.drafts {
		if err := sum(again, draft.File, func(s table.Sum) { at(draft.part).want.Add(s) }); err != nil {
			return err
		}
	}
	for _, f := range c.s.Files {
		p, ok := PartOf(f.Key)
		if !ok || p.Date != date || !slices.Contains(derived, p.Table) {
			continue
		}
		if err := sum(c.x, f, func(s table.Sum) { at(p).have.Add(s) }); err != nil {
			return err
		}
	}
	for p, s := range sums {
		if s.want != s.have {
			c.wrong(Wrong{Table: p.Table.Name, Message: fmt.Sprintf("%s: the rows are not what follows from the events: %d, it should be %d", strings.TrimSuffix(p.Prefix(), "/"), s.have.N, s.want.N)})
		}
	}
	return nil
}

// beside writes beside a place, in memory.
type beside struct {
	Place
	written map[string][]byte
}

func (b *beside) Put(_ context.Context, key string, body []byte) error {
	b.written[key] = slices.Clone(body)
	return nil
}

func (b *beside) Get(ctx context.Context, key string) ([]byte, error) {
	if body, ok := b.written[key]; ok {
		return body, nil
	}
	return b.Place.Get(ctx, key)
}
