package index

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// builder gathers rows of manifests that follow each other, of one or more logs, until they
// are written together.
type builder struct {
	u    *updater
	base map[string]Log // as the newest snapshot that was seen has them
	at   map[string]Log // behind the rows that are gathered
	rows *rowsOf
}

func newBuilder(u *updater, s *Snapshot) *builder {
	return &builder{u: u, base: s.Logs, at: map[string]Log{}, rows: newRows()}
}

// logs are those of which rows are gathered.
func (b *builder) logs() []string { return slices.Sorted(maps.Keys(b.at)) }

// read gathers what a log sealed behind its place in the index.
func (b *builder) read(ctx context.Context, log string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	a := newAhead(b.u.r)
	manifests := make(chan *ledger.Manifest, maxAhead)
	var from *ledger.Position
	if l, ok := b.base[log]; ok {
		from = &l.Position
	}
	var walked error
	go func() {
		defer close(manifests)
		_, walked = ledger.Follow(ctx, b.u.r, b.u.o.Keys, log, from, b.u.o.Note, func(m *ledger.Manifest) error {
			for i := range m.Predicate.Objects {
				if key := m.Predicate.Objects[i].Key; hasLines(key) {
					a.want(ctx, key)
				}
			}
			select {
			case manifests <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	err := b.manifests(ctx, log, a, manifests)
	cancel(err)
	for range manifests { // the walk ends
	}
	if err == nil {
		err = walked
	}
	return err
}

func (b *builder) manifests(ctx context.Context, log string, a *ahead, manifests <-chan *ledger.Manifest) error {
	var turns []int64
	if l, ok := b.base[log]; ok {
		turns = l.Turns
	}
	var began time.Time
	for m := range manifests {
		at := m.SealedAt()
		if began.IsZero() {
			began = at
		}
		for i := range m.Predicate.Objects {
			o := &m.Predicate.Objects[i]
			if err := b.rows.object(ctx, a.use(o.Key), m, o, b.u); err != nil {
				return err
			}
		}
		b.rows.manifest(m)
		if k, err := m.NextKey(); err == nil && k != nil {
			turns = append(slices.Clone(turns), m.Predicate.Seq)
		}
		b.at[log] = Log{Position: ledger.Position{Seq: m.Predicate.Seq, SHA256: hexOf(m.Digest[:]), Turns: turns}, Time: at}
		b.u.came(log, share(began, at, b.u.x.now()))
		if b.rows.n >= b.u.o.FlushRows/b.u.o.Workers || b.rows.bytes() >= b.u.o.FlushBytes/b.u.o.Workers {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// share is how much of a time has passed.
func share(from, at, to time.Time) float64 {
	if all := to.Sub(from); all > 0 {
		return min(float64(at.Sub(from))/float64(all), 1)
	}
	return 1
}

// flush writes the rows, and names them and how far the logs are now in a snapshot.
func (b *builder) flush(ctx context.Context) error {
	if len(b.at) == 0 {
		return nil
	}
	drafts, err := b.rows.write(ctx, b.u.x)
	if err != nil {
		return err
	}
	s, err := b.u.x.commit(ctx, func(s *Snapshot) error {
		for log, at := range b.at {
			if was := b.base[log]; s.Logs[log].Seq != was.Seq || s.Logs[log].SHA256 != was.SHA256 {
				return errStale
			}
			s.Logs[log] = at
		}
		for _, d := range drafts {
			if d.part.Table == table.Events {
				day := s.Days[d.part.Date]
				day.Indexed += d.Rows
				s.Days[d.part.Date] = day
			}
		}
		return s.name(drafts)
	})
	if err != nil {
		return err
	}
	b.base, b.at = s.Logs, map[string]Log{}
	b.u.files.Add(int64(len(drafts)))
	b.u.commits.Add(1)
	return nil
}

// partRows are the rows of a part.
type partRows struct {
	*table.Batch
	first, until time.Time
}

// rowsOf are rows by their part.
type rowsOf struct {
	parts  map[Part]*partRows
	n      int
	reader semconv.LineReader
	told   []byte
}

func newRows() *rowsOf { return &rowsOf{parts: map[Part]*partRows{}} }

func (r *rowsOf) part(p Part, until time.Time) *partRows {
	rows := r.parts[p]
	if rows == nil {
		rows = &partRows{Batch: table.NewBatch(p.Table), first: until}
		r.parts[p] = rows
	}
	if until.After(rows.until) {
		rows.until = until
	}
	if until.Before(rows.first) {
		rows.first = until
	}
	return rows
}

func (r *rowsOf) bytes() (n int) {
	for _, p := range r.parts {
		n += p.Bytes()
	}
	return n
}

// placeOf is the class and the day in the key of an object; of others the day of its manifest.
func placeOf(m *ledger.Manifest, key string) (class, date string) {
	class, _ = ledger.ParseObjectKey(key)
	if class == "" {
		class = ledger.DefaultClass
	}
	for part := range strings.SplitSeq(key, "/") {
		if date, ok := strings.CutPrefix(part, "date="); ok {
			if _, ok := table.Day(date); ok {
				return class, date
			}
		}
	}
	return class, day(m.SealedAt())
}

func hasLines(key string) bool {
	_, kind := ledger.ParseObjectKey(key)
	return kind == ledger.ObjectEvents
}

// States of an object in the table of objects, besides codes of findings.
const (
	stateRead   = "read"   // its lines have rows
	stateStored = "stored" // it has no lines
)

// object adds the rows of an object and of its lines.
func (r *rowsOf) object(ctx context.Context, reader ledger.Reader, m *ledger.Manifest, o *ledger.Object, u *updater) error {
	class, date := placeOf(m, o.Key)
	state, indexed := stateStored, int64(0)
	if hasLines(o.Key) {
		var err error
		state, indexed, err = r.lines(ctx, reader, m, o, class, date, u.o.Note)
		if err != nil {
			return err
		}
	}
	u.objects.Add(1)
	u.events.Add(indexed)
	u.bytes.Add(o.Bytes)
	r.part(Part{table.Objects, class, date}, o.Retention.Until).addObject(m, o, state, indexed, date)
	return nil
}

// lines adds the rows of the lines of an object: all of them or, where it does not hold, none.
func (r *rowsOf) lines(ctx context.Context, reader ledger.Reader, m *ledger.Manifest, o *ledger.Object, class, date string, note func(ledger.Finding)) (state string, indexed int64, err error) {
	at := table.At{Log: m.Predicate.Log, Seq: m.Predicate.Seq, Object: o.Key}
	at.Day, _ = table.Day(date)
	tables := []*table.Table{table.Events, table.EventContent, table.Tokens}
	var parts [3]*partRows
	var marks [3]table.Mark
	for i, t := range tables {
		parts[i] = r.part(Part{t, class, date}, o.Retention.Until)
		marks[i] = parts[i].Mark()
	}
	err = ledger.ScanObject(ctx, reader, m, o, func(line []byte, n int) {
		e, err := r.reader.Read(line)
		if err != nil {
			note(*trail.LineFinding(&ledger.EventLine{Line: line, Log: at.Log, Seq: at.Seq, Object: at.Object, N: n}, err))
			return
		}
		at.Line = int64(n)
		r.told = r.reader.AppendTold(r.told[:0])
		parts[0].AddEvent(e, table.Told(r.told), &at)
		parts[1].AddContent(e, &at)
		parts[2].AddTokens(e, &at)
		indexed++
	})
	var f *ledger.Finding
	switch {
	case errors.As(err, &f):
		for i := range parts {
			parts[i].Rewind(marks[i])
		}
		if f.Severity != ledger.SeverityInfo {
			note(*f)
		}
		return f.Code, 0, nil
	case err != nil:
		return "", 0, err
	}
	r.n += int(indexed)
	return stateRead, indexed, nil
}

// manifest adds the row of a manifest.
func (r *rowsOf) manifest(m *ledger.Manifest) {
	date := day(m.SealedAt())
	until := m.SealedAt()
	if m.Predicate.Retention != nil {
		until = m.Predicate.Retention.Until
	}
	r.part(Part{table.Objects, ledger.DefaultClass, date}, until).addManifest(m, date)
}

// write writes the rows of each part as a file, and empties them.
func (r *rowsOf) write(ctx context.Context, x *Index) (drafts []*draft, err error) {
	for p, rows := range r.parts {
		if n := rows.Len(); n > 0 {
			body, err := rows.Write()
			if err != nil {
				return nil, err
			}
			d, err := x.write(ctx, p, body, n, rows.first, rows.until)
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, d)
		}
	}
	r.parts, r.n = map[Part]*partRows{}, 0
	return drafts, nil
}
