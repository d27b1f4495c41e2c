package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"sort"
	"sync"
	"time"
)

// VerifyOptions say what to verify.
type VerifyOptions struct {
	Keys        []PublicKey // the keys that the verifier trusts
	Level       Level
	Logs        []string      // nil: every log that has manifests
	Now         time.Time     // zero: the present; retention and freshness are judged at this time
	MaxAge      time.Duration // the longest that a log may be silent that was not closed; 0: any
	Concurrency int           // objects read at once; 0: 4
	Progress    func(Progress)
}

// Progress is how far a verification has come.
type Progress struct {
	Log       string
	Manifests int64
	Objects   int64
	Events    int64
	Bytes     int64 // of objects, as stored
}

// verifier is the state of a verification, shared by the readers of its objects.
type verifier struct {
	r Reader
	o VerifyOptions

	mu     sync.Mutex
	report *Report
	done   Progress
	ids    *idTable
	steps  *stepTable
	named  map[string]struct{} // keys of sealed objects
	found  bool                // the logs were found in the bucket, not asked for by name
}

// Verify checks a trail with nothing but what r reads and the trusted keys. The
// report always has a verdict; the error, if any, says why it is NO VERDICT.
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
	v := &verifier{r: r, o: o, report: &Report{Level: o.Level.String(), Logs: []LogReport{}, Findings: []Finding{}}, ids: newIDTable(), steps: newStepTable(), named: map[string]struct{}{}}
	err := v.run(ctx)
	v.report.conclude()
	if err != nil {
		v.report.Reason = err.Error()
		// What does not hold is known even where the rest could not be read.
		if v.report.Verdict == Confirmed {
			v.report.Verdict = NoVerdict
		}
	}
	sortFindings(v.report.Findings)
	return v.report, err
}

func (v *verifier) run(ctx context.Context) error {
	if len(v.o.Keys) == 0 {
		return errors.New("no public key to verify with")
	}
	logs := v.o.Logs
	if logs == nil {
		var err error
		if logs, err = Logs(ctx, v.r); err != nil {
			return err
		}
		v.found = true
	}
	if len(logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	for _, log := range logs {
		if err := v.verifyLog(ctx, log); err != nil {
			return err
		}
	}
	if len(v.report.Logs) == 0 {
		return errUnknown(logs...)
	}
	if v.o.Level >= LevelObjects {
		if err := v.others(ctx); err != nil {
			return err
		}
	}
	// Where objects could not be read, their steps are not missing.
	if v.o.Level >= LevelEvents && v.report.Errors == 0 {
		for _, f := range v.steps.holes() {
			v.note(f)
		}
	}
	return nil
}

func (v *verifier) note(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.add(f)
}

func (v *verifier) verifyLog(ctx context.Context, log string) error {
	w := &walker{r: v.r, keys: v.o.Keys, log: log, now: v.o.Now, maxAge: v.o.MaxAge, note: v.note}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan job)
	errs := make(chan error, v.o.Concurrency)
	var readers sync.WaitGroup
	for range v.o.Concurrency {
		readers.Go(func() {
			for j := range jobs {
				if err := v.object(ctx, j); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	sum := LogReport{Log: log}
	err := w.walk(ctx, func(m *Manifest, at Version) error {
		v.mu.Lock()
		v.done.Log = log
		v.done.Manifests++
		v.progress()
		v.mu.Unlock()
		if v.o.Level < LevelObjects {
			for i := range m.Predicate.Objects {
				sum.Objects++
				sum.Events += m.Predicate.Objects[i].Events
			}
			return nil
		}
		if err := v.manifestLock(ctx, m, at); err != nil {
			return err
		}
		for i := range m.Predicate.Objects {
			o := &m.Predicate.Objects[i]
			sum.Objects++
			sum.Events += o.Events
			v.named[o.Key] = struct{}{}
			select {
			case jobs <- job{log: log, seq: m.Predicate.Seq, obj: o}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	close(jobs)
	readers.Wait()
	close(errs)
	for e := range errs { // the cause, before the cancellation that it led to
		return e
	}
	if err != nil {
		return err
	}
	if w.at == nil {
		return w.unknown(v.found)
	}
	sum.First, sum.Last, sum.HeadSHA, sum.HeadRoot = w.first, w.at.seq, w.at.digest, hex.EncodeToString(w.at.tree.Root())
	sum.WrittenAt, sum.Closed = w.at.at, w.at.kind == KindClose
	v.report.Logs = append(v.report.Logs, sum)
	if age := v.o.Now.Sub(w.at.at); v.o.MaxAge > 0 && age > v.o.MaxAge && !sum.Closed {
		v.note(Finding{Severity: SeverityWarning, Code: CodeStaleHead, Log: log, Seq: w.at.seq, Object: ManifestKey(log, w.at.seq), Expected: "a manifest in the last " + v.o.MaxAge.String(), Found: "the newest is " + age.Truncate(time.Second).String() + " old", Message: "the log was not closed and is silent: the writer stopped, or the tail is missing"})
	}
	if v.o.Level < LevelObjects {
		v.report.Objects += sum.Objects
		v.report.Events += sum.Events
	}
	return nil
}

func (v *verifier) progress() {
	if v.o.Progress != nil {
		v.o.Progress(v.done)
	}
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
	last := ""
	for at, err := range v.r.List(ctx, "", "") {
		if err != nil {
			return err
		}
		if at.Key == last {
			continue
		}
		last = at.Key
		if f := v.stranger(at); f != nil {
			v.note(*f)
		}
	}
	return nil
}

func (v *verifier) stranger(at Version) *Finding {
	if _, sealed := v.named[at.Key]; sealed {
		return nil
	}
	log := objectLog(at.Key)
	if log != "" {
		if v.o.Logs != nil && !contains(v.o.Logs, log) {
			return nil // of a log that was not asked about
		}
		return &Finding{Severity: SeverityWarning, Code: CodeOrphan, Log: log, Object: at.Key, Version: at.ID, Message: "no manifest names this data object: its writer stopped before the commit, or it was planted; its events are not part of the trail"}
	}
	for _, p := range []string{ManifestPrefix, KeyPrefix, PromptPrefix, CheckpointPrefix, BlobPrefix, IndexPrefix} {
		if len(at.Key) > len(p) && at.Key[:len(p)] == p {
			return nil
		}
	}
	return &Finding{Severity: SeverityWarning, Code: CodeForeignObject, Object: at.Key, Version: at.ID, Message: "not part of a trail"}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
