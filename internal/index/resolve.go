package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// ResolveOptions say what is resolved.
type ResolveOptions struct {
	// Window is how many days before and after a day are looked at for what they say of its
	// runs; 0 is one.
	Window int
	// Events is how many events are in memory at once; 0 is a quarter of a million.
	Events   int64
	Progress func(date string, done, days int)
}

// eventsAtOnce is the default of ResolveOptions.Events.
const eventsAtOnce = 250_000

// Resolve writes what the events of each run say of each other, and a row a run and a session,
// for each day of which more is known than when it was resolved last. It returns those days.
func (x *Index) Resolve(ctx context.Context, o ResolveOptions) (days []string, err error) {
	if o.Window == 0 {
		o.Window = 1
	}
	if o.Events == 0 {
		o.Events = eventsAtOnce
	}
	s, err := x.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	for date := range s.Days {
		if s.stale(date, o.Window) {
			days = append(days, date)
		}
	}
	slices.Sort(days)
	for i, date := range days {
		if o.Progress != nil {
			o.Progress(date, i, len(days))
		}
		if err := x.resolveDay(ctx, date, &o); err != nil {
			return days[:i], fmt.Errorf("%s: %w", date, err)
		}
	}
	return days, nil
}

// window are the days that are looked at for a day.
func (s *Snapshot) window(date string, n int) (list []string) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return []string{date}
	}
	for i := -n; i <= n; i++ {
		d := day.AddDate(0, 0, i).Format(time.DateOnly)
		if _, ok := s.Days[d]; ok {
			list = append(list, d)
		}
	}
	return list
}

// stale reports whether more is known of a day than when it was resolved.
func (s *Snapshot) stale(date string, n int) bool {
	r := s.Days[date].Resolved
	if r == nil {
		return true
	}
	return slices.ContainsFunc(s.window(date, n), func(d string) bool { return s.Days[d].Indexed != r.Seen[d] })
}

// resolving is a day that is being resolved.
type resolving struct {
	x        *Index
	s        *Snapshot
	date     string
	number   int64 // of the day
	rows     map[Part]*partRows
	drafts   []*draft // that were written
	runs     map[runKey]*sums
	sessions map[runKey]*sums
	events   int64
}

// runKey is a run of a sender, or a session, in a class.
type runKey struct{ class, id, sender string }

func (x *Index) resolveDay(ctx context.Context, date string, o *ResolveOptions) error {
	s, err := x.Snapshot(ctx)
	if err != nil {
		return err
	}
	d := newResolving(x, s, date)
	if err := d.run(ctx, o); err != nil {
		return err
	}
	seen := map[string]int64{}
	for _, w := range s.window(date, o.Window) {
		seen[w] = s.Days[w].Indexed
	}
	_, err = x.commit(ctx, func(now *Snapshot) error {
		now.Files = slices.DeleteFunc(now.Files, func(f File) bool {
			p, ok := PartOf(f.Key)
			return ok && p.Date == date && slices.Contains(derived, p.Table)
		})
		day := now.Days[date]
		day.Resolved = &Resolved{At: x.now().UTC(), Seen: seen}
		now.Days[date] = day
		return now.name(d.drafts)
	})
	return err
}

func newResolving(x *Index, s *Snapshot, date string) *resolving {
	d := &resolving{x: x, s: s, date: date, rows: map[Part]*partRows{}, runs: map[runKey]*sums{}, sessions: map[runKey]*sums{}}
	d.number, _ = table.Day(date)
	return d
}

// run writes what follows from the events of the day as files, of which no snapshot is told.
func (d *resolving) run(ctx context.Context, o *ResolveOptions) error {
	window := d.s.window(d.date, o.Window)
	all := int64(0)
	for _, f := range d.s.Of(table.Events) {
		if p, _ := PartOf(f.Key); slices.Contains(window, p.Date) {
			all += f.Rows
		}
	}
	shares := uint32(all/o.Events) + 1
	for share := range shares {
		if err := d.share(ctx, window, share, shares); err != nil {
			return err
		}
	}
	d.sums(o.Window)
	return d.write(ctx, 0)
}

// derived are the tables that follow from the rows of others.
var derived = []*table.Table{table.Resolved, table.Runs, table.Sessions, table.Days}

// factRow is what resolving needs of a row of events.
type factRow struct {
	Log    string `parquet:"log"`
	Seq    int64  `parquet:"seq"`
	Object string `parquet:"object"`
	Line   int64  `parquet:"line"`

	EventID      string    `parquet:"event_id,optional"`
	EventType    string    `parquet:"event_type,optional"`
	Timestamp    time.Time `parquet:"timestamp,optional,timestamp(microsecond)"`
	Nanos        int64     `parquet:"timestamp_nanos,optional"`
	EndTimestamp time.Time `parquet:"end_timestamp,optional,timestamp(microsecond)"`
	SessionID    string    `parquet:"session_id,optional"`
	RunID        string    `parquet:"run_id,optional"`
	StepNumber   *int64    `parquet:"step_number,optional"`
	AgentID      string    `parquet:"agent_id,optional"`
	AgentName    string    `parquet:"agent_name,optional"`
	AgentVersion string    `parquet:"agent_version,optional"`
	UserID       string    `parquet:"user_id,optional"`
	ModelID      string    `parquet:"model_id,optional"`
	PromptHash   string    `parquet:"system_prompt_hash,optional"`
	SpanID       string    `parquet:"span_id,optional"`
	ParentSpanID string    `parquet:"parent_span_id,optional"`
	Source       string    `parquet:"source,optional"`
	DerivedFrom  string    `parquet:"derived_from,optional"`
	LayerOf      string    `parquet:"layer_of,optional"`
	Sender       string    `parquet:"sender,optional"`
	Outcome      string    `parquet:"outcome,optional"`
	InputTokens  int64     `parquet:"input_tokens,optional"`
	OutputTokens int64     `parquet:"output_tokens,optional"`
	CostUSD      *float64  `parquet:"cost_usd,optional"`
	ToolName     string    `parquet:"tool_name,optional"`
	ToolCallID   string    `parquet:"tool_call_id,optional"`
	Approval     string    `parquet:"approval_status,optional"`
	ApproverID   string    `parquet:"approver_id,optional"`
	ApprovalBy   string    `parquet:"approval_source,optional"`
	ApprovalAt   time.Time `parquet:"approval_at,optional,timestamp(microsecond)"`
	AtNanos      int64     `parquet:"approval_at_nanos,optional"`
	Told         int64     `parquet:"told,optional"`
	Missing      []string  `parquet:"missing_fields,list,optional"`
	Derived      []string  `parquet:"derived_fields,list,optional"`
}

// event is the row as an event, as far as it goes.
func (r *factRow) event() *semconv.Event {
	e := &semconv.Event{
		EventID: r.EventID, EventType: semconv.EventType(r.EventType), SessionID: r.SessionID, RunID: r.RunID,
		AgentID: r.AgentID, AgentName: r.AgentName, AgentVersion: r.AgentVersion, UserID: r.UserID, ModelID: r.ModelID,
		SystemPromptHash: r.PromptHash, SpanID: r.SpanID, ParentSpanID: r.ParentSpanID, LayerOf: r.LayerOf,
		Source: []byte(r.Source), DerivedFrom: []byte(r.DerivedFrom), Sender: []byte(r.Sender), DerivedFields: r.Derived,
	}
	if r.StepNumber != nil {
		e.StepNumber = semconv.Some(*r.StepNumber)
	}
	if !r.Timestamp.IsZero() {
		e.Timestamp = r.Timestamp.Add(time.Duration(r.Nanos))
	}
	return e
}

// seen is an event in memory; of those of other days only the outline counts.
type seen struct {
	factRow
	class string
	own   bool // of the day that is resolved
}

// share resolves one share of the day's runs.
func (d *resolving) share(ctx context.Context, window []string, share, shares uint32) error {
	var list []seen
	runs := map[string]bool{}
	mine := func(r *factRow) bool {
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.RunID))
		if r.RunID == "" {
			_, _ = h.Write([]byte(r.EventID))
		}
		return h.Sum32()%shares == share
	}
	read := func(date string, take func(*factRow) bool) error {
		for _, f := range d.s.Of(table.Events) {
			p, _ := PartOf(f.Key)
			if p.Date != date {
				continue
			}
			file, err := d.x.load(ctx, f)
			if err != nil {
				return err
			}
			for rows, err := range table.Rows[factRow](file) {
				if err != nil {
					return fmt.Errorf("%s: %w", f.Key, err)
				}
				for i := range rows {
					if mine(&rows[i]) && take(&rows[i]) {
						list = append(list, seen{rows[i], p.Class, date == d.date})
					}
				}
			}
		}
		return ctx.Err()
	}
	if err := read(d.date, func(r *factRow) bool { runs[r.RunID] = true; return true }); err != nil {
		return err
	}
	for _, other := range window {
		if other != d.date {
			if err := read(other, func(r *factRow) bool { return r.RunID != "" && runs[r.RunID] }); err != nil {
				return err
			}
		}
	}
	// As sealed: the time in the object's name, and its line.
	slices.SortFunc(list, func(a, b seen) int {
		switch x, y := path.Base(a.Object), path.Base(b.Object); {
		case x != y:
			return cmpText(x, y)
		case a.Object != b.Object:
			return cmpText(a.Object, b.Object)
		}
		return int(a.Line - b.Line)
	})
	d.resolve(list)
	return d.write(ctx, minResolved)
}

// minResolved is how many rows are worth a file of their own.
const minResolved = 4 * table.RowGroup

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// resolve adds what follows from the events of whole runs.
func (d *resolving) resolve(list []seen) {
	outlines := make([]resolve.Outline, len(list))
	type telling struct {
		id   string
		told int64
	}
	first := map[telling]bool{}
	repeats := make([]bool, len(list))
	decided := decisions{}
	var told [8]byte
	for i := range list {
		r := &list[i]
		outlines[i] = resolve.NewOutline(r.event(), nil)
		binary.BigEndian.PutUint64(told[:], uint64(r.Told))
		outlines[i].Tells(told[:])
		t := telling{semconv.LegacyEventID(r.EventID), r.Told}
		repeats[i] = first[t]
		first[t] = true
		if !repeats[i] {
			decided.add(&r.factRow)
		}
	}
	for i, res := range resolve.Outlines(outlines) {
		r := &list[i]
		if !r.own {
			continue
		}
		d.events++
		known := decided.of(&r.factRow)
		d.addResolved(r, &res, known, repeats[i])
		d.count(r, &res, known, repeats[i])
	}
}

func (d *resolving) part(t *table.Table, class string) *partRows {
	p := Part{t, class, d.date}
	if d.rows[p] == nil {
		d.rows[p] = &partRows{Batch: table.NewBatch(t)}
		for _, f := range d.s.Files {
			if q, _ := PartOf(f.Key); q == (Part{table.Events, class, d.date}) {
				d.rows[p].first, d.rows[p].until = earlier(d.rows[p].first, f.First), later(d.rows[p].until, f.Until)
			}
		}
	}
	return d.rows[p]
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// write writes the parts that have that many rows.
func (d *resolving) write(ctx context.Context, atLeast int) error {
	for p, rows := range d.rows {
		n := rows.Len()
		if n == 0 || n < atLeast {
			continue
		}
		body, err := rows.Write()
		if err != nil {
			return err
		}
		draft, err := d.x.write(ctx, p, body, n, rows.first, rows.until)
		if err != nil {
			return err
		}
		d.drafts = append(d.drafts, draft)
		delete(d.rows, p)
	}
	return nil
}

// addResolved adds the row of an event of which others say something.
func (d *resolving) addResolved(r *seen, res *resolve.Resolution, known *decision, repeats bool) {
	var names, conflicts []string
	for _, f := range res.Fields {
		names = append(names, f.Name)
	}
	for _, c := range res.Conflicts {
		conflicts = append(conflicts, c.Name)
	}
	approval := decision{}
	if known != nil {
		approval = known.beside(&r.factRow)
		names = append(names, approval.names()...)
		if known.conflict {
			conflicts = append(conflicts, "approval_status")
		}
	}
	if len(names)+len(conflicts) == 0 && !repeats {
		return
	}
	b := d.part(table.Resolved, r.class).Batch
	b.Row()
	b.Int(0, d.number)
	b.Text(1, r.Log)
	b.Int(2, r.Seq)
	b.Text(3, r.Object)
	b.Int(4, r.Line)
	column := table.Resolved.Column
	b.Text(column("run_id"), r.RunID)
	for _, name := range resolvedFacts {
		b.Text(column(name), res.Get(name))
	}
	b.Text(column("approval_status"), approval.status)
	b.Text(column("approver_id"), approval.by)
	b.Text(column("approval_source"), approval.source)
	b.Instant(column("approval_at"), approval.at)
	b.Bool(column("repeats"), repeats)
	b.Texts(column("resolved_fields"), names)
	b.Texts(column("conflicts"), conflicts)
}

// resolvedFacts are the fields that package resolve gives, in the order of the columns.
var resolvedFacts = []string{"session_id", "user_id", "agent_id", "agent_name", "agent_version", "model_id", "system_prompt_hash"}
