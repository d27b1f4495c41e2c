package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// VerifyOptions say what to verify.
type VerifyOptions struct {
	Keys  []PublicKey // the keys that the auditor has; what they are trusted for is in each
	Level Level
	Logs  []string // nil: every log that has manifests
	// At is when locks and silences are judged; zero: the present. What has expired is judged
	// by the present where At is after it: nobody makes a promise run out by naming a time.
	At     time.Time
	Clock  func() time.Time // the present; nil: time.Now
	MaxAge time.Duration    // the longest that a log may be silent that was not closed; 0: any

	// Since and Until bound the time of the manifests whose objects are checked; zero: no
	// bound. The chain is checked whole.
	Since, Until time.Time
	// From are checkpoints that an earlier verification ended with, at most one a log:
	// objects of manifests before are not checked again.
	From []*Checkpoint
	// Checkpoints were kept elsewhere: the logs must continue them.
	Checkpoints []*Checkpoint
	// Witnesses, if any, are those of whom a quorum must have cosigned a checkpoint of each
	// log. The newest such in the store counts as one of Checkpoints.
	Witnesses *Policy

	// Timestamps, if any, checks the timestamps over checkpoints: that an authority which
	// the caller trusts made them. It returns the time and the authority's name.
	Timestamps func(response, note []byte) (time.Time, string, error)

	Concurrency int // logs, and objects, read at once; 0: 4
	Progress    func(Progress)
}

// times gives the time by which promises are judged, and that of silences.
func (o *VerifyOptions) times() (promises, silences time.Time) {
	present := time.Now
	if o.Clock != nil {
		present = o.Clock
	}
	now := present()
	if o.At.IsZero() {
		return now, now
	}
	if o.At.Before(now) {
		now = o.At
	}
	return now, o.At
}

// Progress is how far a verification has come.
type Progress struct {
	Logs, LogsDone int
	Log            string  // one that is being read
	Done           float64 // about how much of the work, 0 to 1
	Manifests      int64
	Objects        int64
	Events         int64
	Bytes          int64 // of objects, as stored
}

// verifier is the state of a verification, shared by the readers of its objects.
type verifier struct {
	r      Reader
	o      VerifyOptions
	now    time.Time // by which promises are judged
	silent time.Time // by which silences are
	logs   []string
	found  bool // the logs were found in the bucket, not asked for by name
	tables *tables
	jobs   chan job

	mu     sync.Mutex
	report *Report
	done   Progress
	part   map[string]float64 // of the logs being read, how much of it is
	walks  map[string]*walker // of the logs that were read
}

// Verify checks a trail with nothing but what r reads and the trusted keys. The
// report always has a verdict; the error, if any, says why it is NO VERDICT.
//
// Memory does not grow with the trail: what has to be compared across all of it goes
// to temporary files.
func Verify(ctx context.Context, r Reader, o VerifyOptions) (*Report, error) {
	if o.Level == 0 {
		o.Level = LevelEvents
	}
	if o.Concurrency < 1 {
		o.Concurrency = 4
	}
	v := &verifier{
		r: r, o: o, tables: newTables(), jobs: make(chan job), part: map[string]float64{}, walks: map[string]*walker{},
		report: &Report{Level: o.Level.String(), Logs: []LogReport{}, Findings: []Finding{}, Limits: []string{}},
	}
	v.now, v.silent = o.times()
	defer v.tables.close()
	if !o.Since.IsZero() {
		v.report.Since = &o.Since
	}
	if !o.Until.IsZero() {
		v.report.Until = &o.Until
	}
	err := v.run(ctx)
	for log, w := range v.walks {
		if w.again {
			v.report.outside(log, w.first)
		}
		if w.two {
			v.report.withdraw(log)
		}
	}
	sort.Slice(v.report.Logs, func(i, j int) bool { return v.report.Logs[i].Log < v.report.Logs[j].Log })
	sortFindings(v.report.Findings)
	v.report.conclude(err)
	v.report.describe(v.o.Level, v.r)
	return v.report, err
}

func (v *verifier) run(ctx context.Context) error {
	if len(v.o.Keys) == 0 {
		return errors.New("no public key to verify with")
	}
	v.logs = v.o.Logs
	if v.logs == nil {
		var err error
		if v.logs, err = Logs(ctx, v.r); err != nil {
			return err
		}
		v.found = true
		v.logs = expected(v.logs, v.o.Keys, slices.Concat(v.o.From, v.o.Checkpoints))
	}
	if len(v.logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	v.done.Logs = len(v.logs)
	if err := v.readLogs(ctx); err != nil {
		return err
	}
	if len(v.report.Logs) == 0 && v.report.Errors == 0 && v.report.Unknowns == 0 {
		return v.unknown()
	}
	v.window()
	if v.o.Level >= LevelObjects {
		if err := v.others(ctx); err != nil {
			return err
		}
	}
	if v.o.Level >= LevelEvents {
		if err := v.compare(ctx); err != nil {
			return err
		}
	}
	return v.witnessed(ctx)
}

// readLogs walks the logs, several at once, and has their objects read.
func (v *verifier) readLogs(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var readers, walkers sync.WaitGroup
	for range v.o.Concurrency {
		readers.Go(func() {
			for j := range v.jobs {
				check := v.object
				if j.manifest != nil {
					check = v.manifestLock
				}
				if err := check(ctx, j); err != nil {
					cancel(err)
				}
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	next := make(chan int)
	for range min(v.o.Concurrency, len(v.logs)) {
		walkers.Go(func() {
			for i := range next {
				if err := v.verifyLog(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range v.logs {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	walkers.Wait()
	close(v.jobs)
	readers.Wait()
	return context.Cause(ctx)
}

func (v *verifier) note(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.add(f)
}

// logReader is what reads one log.
type logReader struct {
	v      *verifier
	i      int // of the log
	w      *walker
	checks *checks
	sum    LogReport
}

func (v *verifier) reader(ctx context.Context, i int) *logReader {
	log := v.logs[i]
	l := &logReader{v: v, i: i, w: newWalker(v.r, log, v.o.Keys, v.now, v.note), sum: LogReport{Log: log}}
	l.w.maxAge, l.w.since, l.w.until = v.o.MaxAge, v.o.Since, v.o.Until
	for _, c := range v.o.From {
		if c.Log == log {
			l.w.skip, l.sum.From = c.Size, c.Size
		}
	}
	l.sum.asked = v.o.Witnesses.Asks(log)
	l.checks = newChecks(l.w, &l.sum, v.o)
	l.w.began = func(before *link) error {
		l.sum.Objects, l.sum.Events = 0, 0 // what was read before the walk began anew is not of the log's scope
		return l.checks.began(before)
	}
	l.w.anchored = func() bool { return l.checks.agreed }
	l.w.passed = func(at *link) error {
		v.tables.passed(log, at)
		v.step(l.w)
		return l.checks.passed(ctx, at)
	}
	l.w.accepted = l.accepted
	l.w.visit = func(m *Manifest, at Version, _ *Tree) error { return l.visit(ctx, m, at) }
	return l
}

// accepted notes what has to be compared across the trail.
func (l *logReader) accepted(m *Manifest) {
	for _, h := range m.Predicate.Heads {
		l.v.tables.saw(l.w.log, m.Predicate.Seq, h)
	}
	if l.v.o.Level >= LevelObjects {
		for n := range m.Predicate.Objects {
			l.v.tables.sealed(m.Predicate.Objects[n].Key)
		}
	}
}

// visit has the objects of a manifest read.
func (l *logReader) visit(ctx context.Context, m *Manifest, at Version) error {
	seq := m.Predicate.Seq
	for n := range m.Predicate.Objects {
		o := &m.Predicate.Objects[n]
		l.sum.Objects++
		l.sum.Events += o.Events
		if l.v.o.Level < LevelObjects {
			continue
		}
		select {
		case l.v.jobs <- job{log: l.w.log, seq: seq, obj: o, at: where{log: uint64(l.i), seq: uint64(seq), obj: uint64(n)}}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if l.v.o.Level < LevelObjects {
		return nil
	}
	select {
	case l.v.jobs <- job{log: l.w.log, seq: seq, manifest: m, version: at}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLog reads a log: of a window only what is needed, where tiles show the way.
func (v *verifier) readLog(ctx context.Context, i int) (*logReader, error) {
	var found *Checkpoint
	if p := v.o.Witnesses; p.Asks(v.logs[i]) {
		var err error
		if found, err = NewestCosigned(ctx, v.r, p, v.logs[i]); err != nil {
			return nil, err
		}
	}
	l := v.reader(ctx, i)
	l.checks.hold(found)
	s, err := l.shortcut(ctx)
	switch {
	case err == nil:
		if err = s.walk(ctx); err == nil {
			err = l.w.end()
		}
	case errors.Is(err, errNoShortcut):
		l = v.reader(ctx, i)
		l.checks.hold(found)
		err = l.w.walk(ctx)
	}
	if err == nil {
		err = l.checks.rest(ctx)
	}
	if err == nil {
		l.checks.unwitnessed(v.silent)
	}
	l.checks.stop()
	return l, err
}

// shortcut finds the way to the window from the newest checkpoint that is held;
// errNoShortcut where there is none.
func (l *logReader) shortcut(ctx context.Context) (*shortcut, error) {
	from := int64(-1)
	switch {
	case l.w.skip > 1:
		from = l.w.skip - 1
	case l.v.o.Since.IsZero():
		return nil, errNoShortcut
	}
	n := len(l.checks.held)
	if n == 0 || l.checks.held[n-1].Size < 2 {
		return nil, errNoShortcut
	}
	s, err := l.w.shortcut(ctx, l.checks.held[n-1], from, l.v.o.Since)
	if err != nil {
		return nil, err
	}
	return s, l.checks.proven(ctx, s)
}

func (v *verifier) verifyLog(ctx context.Context, i int) error {
	l, err := v.readLog(ctx, i)
	if err != nil {
		return err
	}
	w := l.w
	if w.at == nil {
		v.finish(w, nil)
		return v.absent(w, l.checks.missed)
	}
	l.sum.take(w)
	if age := v.silent.Sub(w.at.at); v.o.MaxAge > 0 && age > v.o.MaxAge && !l.sum.Closed {
		w.warn(CodeStaleHead, w.at.seq, Version{Key: ManifestKey(w.log, w.at.seq)}, "a manifest in the last "+v.o.MaxAge.String(), "the newest is "+age.Truncate(time.Second).String()+" old", "the log was not closed and is silent: the writer stopped, or the tail is missing")
	}
	v.finish(w, &l.sum)
	return nil
}

// take describes what a walk came to.
func (l *LogReport) take(w *walker) {
	l.First, l.Last, l.HeadSHA, l.HeadRoot = w.first, w.at.seq, w.at.digest, hex.EncodeToString(w.at.tree.Root())
	l.Genesis, l.BeganAt, l.WrittenAt, l.Closed = w.genesis, w.start, w.at.at, w.at.kind.Ends()
	l.Retired = w.at.kind == KindRetire
	for _, e := range w.epochs {
		l.Keys = append(l.Keys, KeySpan{KeyID: e.key, From: e.from})
	}
	l.loose, l.blind = !w.at.until.IsZero() && !w.locked(), w.stuck
}

// expected adds the logs that the auditor knows of: one that he named a key for, or holds
// a checkpoint of, is not gone for having no manifest.
func expected(logs []string, keys []PublicKey, held []*Checkpoint) []string {
	var known []string
	for _, k := range keys {
		if k.May != nil {
			known = append(known, k.May.Logs...)
		}
	}
	for _, c := range held {
		known = append(known, c.Log)
	}
	for _, log := range known {
		if !slices.Contains(logs, log) {
			logs = append(logs, log)
		}
	}
	return logs
}

// absent tells of a log without a manifest that a given key signed: anyone can make one
// appear, so it is a warning unless it was asked for by name.
func (v *verifier) absent(w *walker, said bool) error {
	switch {
	case w.doubted, said: // of a checkpoint that is held
		return nil // said already: something of the log is known
	case !v.found:
		return errUnknown(w)
	}
	w.absent()
	return nil
}

// absent tells of a log of which nothing counts.
func (w *walker) absent() {
	at := Version{Key: ManifestPrefix + w.log + "/"}
	if w.ring.named {
		w.doubt(CodeUnknownLog, 0, at, "manifests signed by the key that was named for this log", w.others.String(), "nothing is there of a log that you named a key for: it was removed, it is elsewhere, or the key is not its own")
		return
	}
	w.warn(CodeUnknownLog, 0, at, "manifests signed by a given key", w.others.String(), "nothing is said of this log: it was planted, or its key was not given")
}

// unknown is the error of a trail of which no given key signed a manifest.
func (v *verifier) unknown() error {
	var errs []string
	for _, log := range v.logs {
		if len(errs) == maxNamedKeys {
			errs = append(errs, fmt.Sprintf("%d more", len(v.logs)-len(errs)))
			break
		}
		errs = append(errs, fmt.Sprintf("%s (%s)", log, &v.walks[log].others))
	}
	return fmt.Errorf("no given key signed a manifest of this trail; its logs: %s: %w", strings.Join(errs, "; "), ErrUnknownLog)
}

// step counts a manifest.
func (v *verifier) step(w *walker) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done.Log = w.log
	v.done.Manifests++
	v.part[w.log] = w.progress()
	v.progress()
}

// finish ends the reading of a log.
func (v *verifier) finish(w *walker, sum *LogReport) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done.LogsDone++
	v.walks[w.log] = w
	if sum == nil {
		return
	}
	delete(v.part, sum.Log)
	v.report.Logs = append(v.report.Logs, *sum)
	v.report.Objects += sum.Objects
	v.report.Events += sum.Events
}

// progress tells how far it is; v.mu is held.
func (v *verifier) progress() {
	if v.o.Progress == nil {
		return
	}
	done := float64(v.done.LogsDone)
	for _, p := range v.part {
		done += p
	}
	v.done.Done = done / float64(v.done.Logs)
	v.o.Progress(v.done)
}
