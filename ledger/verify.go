package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// VerifyOptions say what to verify.
type VerifyOptions struct {
	Keys   []PublicKey // the keys that the verifier trusts
	Level  Level
	Logs   []string      // nil: every log that has manifests
	Now    time.Time     // zero: the present; retention and freshness are judged at this time
	MaxAge time.Duration // the longest that a log may be silent that was not closed; 0: any

	// Since and Until bound the time at which a manifest was written whose objects are
	// checked; zero: no bound. The chain is checked from the manifest before to the
	// one after.
	Since, Until time.Time
	// From are checkpoints that an earlier verification ended with, at most one a log:
	// what was before is not checked again.
	From []*Checkpoint
	// Checkpoints were kept elsewhere: the logs must continue them.
	Checkpoints []*Checkpoint

	// Timestamps, if any, checks the timestamps over checkpoints: that an authority which
	// the caller trusts made them. It returns the time and the authority's name.
	Timestamps func(response, note []byte) (time.Time, string, error)

	Concurrency int // logs, and objects, read at once; 0: 4
	Progress    func(Progress)
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
	logs   []string
	found  bool // the logs were found in the bucket, not asked for by name
	tables *tables
	jobs   chan job

	mu      sync.Mutex
	report  *Report
	done    Progress
	part    map[string]float64 // of the logs being read, how much of it is
	covered map[string]*LogReport
}

// Verify checks a trail with nothing but what r reads and the trusted keys. The
// report always has a verdict; the error, if any, says why it is NO VERDICT.
//
// Memory does not grow with the trail: what has to be compared across all of it goes
// to temporary files.
func Verify(ctx context.Context, r Reader, o VerifyOptions) (*Report, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Level == 0 {
		o.Level = LevelEvents
	}
	if o.Concurrency < 1 {
		o.Concurrency = 4
	}
	v := &verifier{
		r: r, o: o, tables: newTables(), jobs: make(chan job), part: map[string]float64{}, covered: map[string]*LogReport{},
		report: &Report{Level: o.Level.String(), Logs: []LogReport{}, Findings: []Finding{}},
	}
	defer v.tables.close()
	if !o.Since.IsZero() {
		v.report.Since = &o.Since
	}
	if !o.Until.IsZero() {
		v.report.Until = &o.Until
	}
	err := v.run(ctx)
	v.report.conclude()
	if err != nil {
		v.report.Reason = err.Error()
		// What does not hold is known even where the rest could not be read.
		if v.report.Verdict == Confirmed {
			v.report.Verdict = NoVerdict
		}
	}
	sort.Slice(v.report.Logs, func(i, j int) bool { return v.report.Logs[i].Log < v.report.Logs[j].Log })
	sortFindings(v.report.Findings)
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
		// A log that somebody holds a checkpoint of is not gone for having no manifest.
		for _, c := range append(slices.Clone(v.o.From), v.o.Checkpoints...) {
			if !slices.Contains(v.logs, c.Log) {
				v.logs = append(v.logs, c.Log)
			}
		}
	}
	if len(v.logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	v.done.Logs = len(v.logs)
	if err := v.readLogs(ctx); err != nil {
		return err
	}
	if len(v.report.Logs) == 0 && v.report.Errors == 0 {
		return errUnknown(v.logs...)
	}
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
				if err := v.object(ctx, j); err != nil {
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

func (v *verifier) verifyLog(ctx context.Context, i int) error {
	log := v.logs[i]
	w := &walker{r: v.r, keys: v.o.Keys, log: log, now: v.o.Now, maxAge: v.o.MaxAge, note: v.note, since: v.o.Since, until: v.o.Until}
	for _, c := range v.o.From {
		if c.Log == log {
			w.from = c
		}
	}
	sum := LogReport{Log: log}
	checks := newChecks(ctx, v.r, w, &sum, v.o)
	defer checks.stop()
	w.passed = func(l *link) error {
		v.tables.passed(log, l)
		return checks.passed(ctx)
	}
	err := w.walk(ctx, func(m *Manifest, at Version) error {
		p := &m.Predicate
		v.mu.Lock()
		v.done.Log = log
		v.done.Manifests++
		v.part[log] = w.progress()
		v.progress()
		v.mu.Unlock()
		for _, h := range p.Heads {
			if ValidLog(h.Log) && h.Seq >= 0 {
				v.tables.saw(log, p.Seq, h)
			}
		}
		for n := range p.Objects {
			sum.Objects++
			sum.Events += p.Objects[n].Events
			if v.o.Level < LevelObjects {
				continue
			}
			o := &p.Objects[n]
			v.tables.sealed(o.Key)
			select {
			case v.jobs <- job{log: log, seq: p.Seq, obj: o, at: where{log: uint64(i), seq: uint64(p.Seq), obj: uint64(n)}}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if v.o.Level < LevelObjects {
			return nil
		}
		return v.manifestLock(ctx, m, at)
	})
	if err == nil {
		err = checks.rest(ctx)
	}
	if err != nil {
		return err
	}
	if w.at == nil {
		v.finish(nil)
		if checks.missed {
			return nil // said already: the log was there
		}
		return w.unknown(v.found)
	}
	sum.First, sum.Last, sum.HeadSHA, sum.HeadRoot = w.first, w.at.seq, w.at.digest, hex.EncodeToString(w.at.tree.Root())
	sum.WrittenAt, sum.Closed = w.at.at, w.at.kind == KindClose
	sum.cut = w.cut()
	if w.resumed {
		sum.resumedAt = w.began
		if v.o.Since.After(w.began) {
			sum.resumedAt = v.o.Since
		}
	}
	if w.from != nil {
		sum.From = w.from.Size
	}
	now := v.o.Now
	if !v.o.Until.IsZero() && v.o.Until.Before(now) {
		now = v.o.Until
	}
	if age := now.Sub(w.at.at); v.o.MaxAge > 0 && age > v.o.MaxAge && !sum.Closed {
		v.note(Finding{Severity: SeverityWarning, Code: CodeStaleHead, Log: log, Seq: w.at.seq, Object: ManifestKey(log, w.at.seq), Expected: "a manifest in the last " + v.o.MaxAge.String(), Found: "the newest is " + age.Truncate(time.Second).String() + " old", Message: "the log was not closed and is silent: the writer stopped, or the tail is missing"})
	}
	v.finish(&sum)
	return nil
}

// finish ends the reading of a log.
func (v *verifier) finish(sum *LogReport) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done.LogsDone++
	if sum == nil {
		return
	}
	delete(v.part, sum.Log)
	v.report.Logs = append(v.report.Logs, *sum)
	v.covered[sum.Log] = sum
	if v.o.Level < LevelObjects {
		v.report.Objects += sum.Objects
		v.report.Events += sum.Events
	}
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

// manifestLock checks that a manifest is locked as long as the data it speaks for.
func (v *verifier) manifestLock(ctx context.Context, m *Manifest, at Version) error {
	want := Retention{Mode: Governance}
	for i := range m.Predicate.Objects {
		r := &m.Predicate.Objects[i].Retention
		if r.Until.After(want.Until) {
			want.Until = r.Until
		}
		if r.Mode == Compliance {
			want.Mode = Compliance
		}
	}
	return v.lock(ctx, m.Predicate.Log, m.Predicate.Seq, at, want)
}

// lock compares the lock of a version with the one promised.
func (v *verifier) lock(ctx context.Context, log string, seq int64, at Version, want Retention) error {
	if !want.Until.IsZero() && !want.Until.After(v.o.Now) {
		return nil // the promise has run out
	}
	have, err := v.r.Retention(ctx, at.Key, at.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	// Stores keep whole seconds.
	if have.Mode == want.Mode || have.Mode == Compliance {
		if !have.Until.Before(want.Until.Truncate(time.Second)) {
			return nil
		}
	}
	v.note(Finding{Severity: SeverityError, Code: CodeNotLocked, Log: log, Seq: seq, Object: at.Key, Version: at.ID, Expected: describeLock(want), Found: describeLock(have), Message: "the object is not locked as promised"})
	return nil
}

func describeLock(r Retention) string {
	switch {
	case r.Mode == "":
		return "no lock"
	case r.Until.IsZero():
		return r.Mode
	}
	return r.Mode + " until " + r.Until.UTC().Format(time.RFC3339)
}

func sortFindings(list []Finding) {
	rank := map[Severity]int{SeverityError: 0, SeverityWarning: 1, SeverityInfo: 2}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		switch {
		case rank[a.Severity] != rank[b.Severity]:
			return rank[a.Severity] < rank[b.Severity]
		case a.Log != b.Log:
			return a.Log < b.Log
		case a.Seq != b.Seq:
			return a.Seq < b.Seq
		case a.Object != b.Object:
			return a.Object < b.Object
		}
		return a.Line < b.Line
	})
}

// others looks for what is in the bucket and not in a manifest.
func (v *verifier) others(ctx context.Context) error {
	if err := v.changes(ctx); err != nil {
		return err
	}
	last := ""
	for at, err := range v.r.List(ctx, "", "") {
		if err != nil {
			return err
		}
		if at.Key == last {
			continue
		}
		last = at.Key
		if log := objectLog(at.Key); log != "" {
			if v.inScope(at.Key, log) {
				v.tables.there(at)
			}
			continue
		}
		if !slices.ContainsFunc(trailPrefixes, func(p string) bool { return len(at.Key) > len(p) && strings.HasPrefix(at.Key, p) }) {
			v.note(Finding{Severity: SeverityWarning, Code: CodeForeignObject, Object: at.Key, Version: at.ID, Message: "not part of a trail"})
		}
	}
	return v.tables.strangers(func(key, version string) {
		v.note(Finding{Severity: SeverityWarning, Code: CodeOrphan, Log: objectLog(key), Object: key, Version: version, Message: "no manifest names this data object: its writer stopped before the commit, or it was planted; its events are not part of the trail"})
	})
}

// changes looks for what was changed in a copy since it was made: also in what nobody
// signed, such as cosignatures and versions that were passed over.
func (v *verifier) changes(ctx context.Context) error {
	c, ok := v.r.(Copy)
	if !ok {
		return nil
	}
	for change, err := range c.Changes(ctx) {
		if err != nil {
			return err
		}
		f := Finding{Severity: SeverityError, Code: CodeCopyAltered, Log: objectLog(change.Key), Object: change.Key, Version: change.ID, Expected: "sha256 " + change.Expected, Found: "sha256 " + change.Found, Message: "the file is not as it was pulled"}
		if change.Expected == "" {
			f.Severity, f.Code, f.Expected, f.Found, f.Message = SeverityWarning, CodeForeignObject, "", "", "the file was added to the copy"
		}
		v.note(f)
	}
	return nil
}

var trailPrefixes = []string{ManifestPrefix, KeyPrefix, PromptPrefix, CheckpointPrefix, BlobPrefix, IndexPrefix}

// inScope reports whether a data object would be named by a manifest that was read,
// if by any: an object is made before its manifest.
func (v *verifier) inScope(key, log string) bool {
	if v.o.Logs != nil && !slices.Contains(v.o.Logs, log) {
		return false // of a log that was not asked about
	}
	if !v.o.Until.IsZero() {
		return false // perhaps of a manifest behind the window
	}
	made, ok := objectTime(key)
	sum := v.covered[log]
	if !ok || sum == nil {
		return true
	}
	return made.After(sum.resumedAt)
}

// compare holds the events of the trail against each other.
func (v *verifier) compare(ctx context.Context) error {
	var failed error
	doubles, err := v.tables.tellings(func(first, other where) {
		a, err := v.place(ctx, first)
		if err != nil {
			failed = err
			return
		}
		b, err := v.place(ctx, other)
		if err != nil {
			failed = err
			return
		}
		f := b.finding(CodeEventIDReused, "one event id is told with two contents: ids come from senders, both count")
		f.Expected, f.Found = fmt.Sprintf("as in %s line %d", a.obj.Key, first.line), "another content"
		f.Severity, f.Line = SeverityWarning, int(other.line)
		v.note(f)
	})
	v.report.Doubles = doubles
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	// Where objects could not be read, or were not asked for, their steps are not missing.
	if v.report.Errors > 0 || !v.o.Since.IsZero() || !v.o.Until.IsZero() || len(v.o.From) > 0 {
		return nil
	}
	return v.tables.holes(v.note)
}

// place reads the manifest of a place again, to name it.
func (v *verifier) place(ctx context.Context, at where) (job, error) {
	j := job{log: v.logs[at.log], seq: int64(at.seq)}
	versions, err := v.r.Versions(ctx, ManifestKey(j.log, j.seq))
	if err != nil {
		return j, err
	}
	for _, ver := range versions {
		if ver.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, v.r, ver)
		if err != nil && !errors.Is(err, ErrForbidden) {
			return j, err
		}
		if m, _, err := parseEnvelope(body); err == nil && m.Predicate.Log == j.log && at.obj < uint64(len(m.Predicate.Objects)) {
			j.obj = &m.Predicate.Objects[at.obj]
			return j, nil
		}
	}
	return j, fmt.Errorf("%s was there and is gone", ManifestKey(j.log, j.seq))
}

// witnessed holds what the logs saw of each other against what is there.
func (v *verifier) witnessed(ctx context.Context) error {
	var failed error
	err := v.tables.contradictions(func(s sighting, have string) {
		of := v.covered[s.ref.Log]
		if of == nil && v.found {
			failed = errors.Join(failed, v.gone(ctx, s))
		}
		if of == nil || s.ref.Seq < of.First {
			return // not read
		}
		f := Finding{Severity: SeverityError, Log: s.ref.Log, Seq: s.ref.Seq, Object: ManifestKey(s.ref.Log, s.ref.Seq), Expected: "manifest " + s.ref.SHA256 + ", as manifest " + strconv.FormatInt(s.seq, 10) + " of log " + s.by + " says"}
		switch {
		case have != "":
			f.Code, f.Found, f.Message = CodeLogForked, "manifest "+have, "another log saw another manifest here: the log was rewritten"
		case s.ref.Seq <= of.Last:
			return // a hole, which is told
		case of.cut:
			return // past what was asked for
		default:
			f.Code, f.Found, f.Message = CodeLogRewound, "manifests up to "+strconv.FormatInt(of.Last, 10), "another log saw manifests that are not there: the tail was cut off"
		}
		v.note(f)
	})
	return errors.Join(err, failed)
}

// gone tells of a log that another saw, of which no manifest counts here: nothing of
// it is left, or no given key signed it and it is not what was seen either. Where the
// other's manifest is about to expire, so was the log.
func (v *verifier) gone(ctx context.Context, s sighting) error {
	seen, err := v.r.Versions(ctx, ManifestKey(s.ref.Log, s.ref.Seq))
	if err != nil {
		return err
	}
	for _, at := range seen {
		if at.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, v.r, at)
		if err != nil && !errors.Is(err, ErrForbidden) {
			return err
		}
		if m, _, err := parseEnvelope(body); err == nil && hexDigest(m.Digest) == s.ref.SHA256 {
			return nil // of a key that was not given
		}
	}
	key := ManifestKey(s.by, s.seq)
	versions, err := v.r.Versions(ctx, key)
	if err != nil {
		return err
	}
	for _, at := range versions {
		if at.DeleteMarker {
			continue
		}
		lock, err := v.r.Retention(ctx, key, at.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if lock.Until.Sub(v.o.Now) > 48*time.Hour {
			v.note(Finding{Severity: SeverityError, Code: CodeLogRewound, Log: s.ref.Log, Seq: s.ref.Seq, Object: ManifestKey(s.ref.Log, s.ref.Seq), Expected: "manifest " + s.ref.SHA256 + ", as manifest " + strconv.FormatInt(s.seq, 10) + " of log " + s.by + " says", Found: "no such manifest", Message: "another log saw this log, of which nothing that counts is left"})
			return nil
		}
	}
	return nil
}
