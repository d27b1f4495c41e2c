package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// ReadOptions say which events to read.
type ReadOptions struct {
	Keys    []PublicKey
	Logs    []string // nil: all
	Session string   // only objects that may hold events of this session; "" for all
	// Sessions, if any, is asked instead of Session for each object.
	Sessions func(*Sessions) bool
	// Objects, if any, is asked besides for each object with events: false passes it over.
	Objects func(*Object) bool
	// Since and Until bound what is read by the time of its manifest; zero bounds nothing.
	Since, Until time.Time
	Clock        func() time.Time // the present; nil: time.Now
}

// EventLine is a line of a sealed object whose content was checked.
type EventLine struct {
	Line   []byte // valid until the next step of the iteration
	Log    string
	Seq    int64
	Object string
	N      int    // the line's number, from 1
	Writer string // the version of the program that sealed it, as the manifest says
}

// Events reads the lines of a trail, in the order in which each log sealed them,
// verified as they are read: the chain, the digest and the Merkle root of an object
// before any of its lines. What does not hold comes as an error that is a *Finding,
// and the reading goes on; any other error ends it.
func Events(ctx context.Context, r Reader, o ReadOptions) iter.Seq2[EventLine, error] {
	return func(yield func(EventLine, error) bool) {
		if err := readEvents(ctx, r, o, yield); err != nil && !errors.Is(err, errStopped) {
			yield(EventLine{}, err)
		}
	}
}

var errStopped = errors.New("stopped")

func readEvents(ctx context.Context, r Reader, o ReadOptions, yield func(EventLine, error) bool) error {
	if len(o.Keys) == 0 {
		return errors.New("no public key to verify with")
	}
	logs, found := o.Logs, o.Logs == nil
	if found {
		var err error
		if logs, err = Logs(ctx, r); err != nil {
			return err
		}
		logs = expected(logs, o.Keys, nil)
	}
	if len(logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	e := &eventReader{r: r, o: o, yield: yield}
	for _, log := range logs {
		if err := e.log(ctx, log, found); err != nil {
			return err
		}
	}
	if !e.known {
		return fmt.Errorf("of all logs of this trail %w", ErrUnknownLog)
	}
	return nil
}

// eventReader reads one log after the other.
type eventReader struct {
	r       Reader
	o       ReadOptions
	yield   func(EventLine, error) bool
	stopped bool
	known   bool // a log, or something that is wrong with one, was told of
}

func (e *eventReader) note(f Finding) {
	if f.Severity != SeverityInfo && !e.stopped {
		e.stopped = !e.yield(EventLine{}, &f)
	}
}

func (e *eventReader) log(ctx context.Context, log string, found bool) error {
	now, _ := (&VerifyOptions{Clock: e.o.Clock}).times()
	w := newWalker(e.r, log, e.o.Keys, now, e.note)
	w.since, w.until = e.o.Since, e.o.Until
	w.visit = func(m *Manifest, _ Version, _ *Tree) error {
		for i := range m.Predicate.Objects {
			obj := &m.Predicate.Objects[i]
			if e.o.Sessions != nil && !e.o.Sessions(&obj.Sessions) || e.o.Sessions == nil && e.o.Session != "" && !obj.Sessions.Has(e.o.Session) {
				continue
			}
			if e.o.Objects != nil && obj.kind() == ObjectEvents && !e.o.Objects(obj) {
				continue
			}
			err := readObject(ctx, e.r, job{log: log, seq: m.Predicate.Seq, obj: obj}, now, e.note, func(l EventLine) {
				l.Writer = m.Predicate.Writer.Version
				if !e.stopped {
					e.stopped = !e.yield(l, nil)
				}
			})
			if err != nil {
				return err
			}
			if e.stopped {
				return errStopped
			}
		}
		return nil
	}
	err := w.walk(ctx)
	switch {
	case err != nil:
		return err
	case e.stopped:
		return errStopped
	case w.at != nil || w.doubted:
		e.known = true
	case !found:
		return errUnknown(w)
	default:
		w.absent()
	}
	return nil
}

func readObject(ctx context.Context, r Reader, j job, now time.Time, note func(Finding), each func(EventLine)) error {
	if j.obj.kind() != ObjectEvents {
		return nil // it has no lines
	}
	body, _, findings, err := findVersion(ctx, r, j, now)
	if err != nil {
		return err
	}
	for _, f := range findings {
		note(f)
	}
	if body == nil {
		return nil
	}
	if !j.lines(body, note, func([]byte, int) {}) {
		return nil
	}
	n := 0
	return eachLine(j.obj.Key, body, func(line []byte) error {
		n++
		each(EventLine{Line: line, Log: j.log, Seq: j.seq, Object: j.obj.Key, N: n})
		return nil
	})
}

// lines gives the lines of an object and reports whether they are those that were signed.
func (j *job) lines(body []byte, note func(Finding), each func(line []byte, n int)) bool {
	tree, n := NewTree(), 0
	if err := eachLine(j.obj.Key, body, func(line []byte) error {
		n++
		tree.Append(line)
		each(line, n)
		return nil
	}); err != nil {
		note(j.finding(CodeEncodingInvalid, err.Error()))
		return false
	}
	if root := fmt.Sprintf("%x", tree.Root()); root != j.obj.MerkleRoot {
		f := j.finding(CodeMerkleMismatch, "the Merkle root of the lines is not what was signed")
		f.Expected, f.Found = j.obj.MerkleRoot, root
		note(f)
		return false
	}
	return true
}

// ScanObject is ReadObject in one go: it gives lines whose object has the digest that was
// signed before their Merkle root was checked. After an error, a *Finding where the object
// does not hold, what was given counts for nothing.
func ScanObject(ctx context.Context, r Reader, m *Manifest, o *Object, each func(line []byte, n int)) error {
	var broken *Finding
	note := func(f Finding) {
		if f.Severity == SeverityError || f.Severity == SeverityUnknown || f.Code == CodeExpired {
			broken = &f
		}
	}
	j := job{log: m.Predicate.Log, seq: m.Predicate.Seq, obj: o}
	body, _, findings, err := findVersion(ctx, r, j, time.Now())
	if err != nil {
		return err
	}
	for _, f := range findings {
		note(f)
	}
	if body != nil {
		j.lines(body, note, each)
	}
	if broken != nil {
		return broken
	}
	return nil
}

// LogFacts are what a walk through a log came to.
type LogFacts struct {
	Keys  []PublicKey // that sign it, in their order
	First int64       // the oldest manifest that is there
}

// ReadLog calls visit with every manifest of a log that counts, in order, as of a present
// (zero: time.Now); before is the tree before it and must not be changed. Where before is not
// the tree of what was visited, that was a rest of what has expired, and the log begins here.
// What does not hold, or cannot be known, is the error, a *Finding; warnings are passed over.
func ReadLog(ctx context.Context, r Reader, keys []PublicKey, held []*Checkpoint, now time.Time, log string, visit func(m *Manifest, before *Tree) error) (*LogFacts, error) {
	var broken *Finding
	if now.IsZero() {
		now = time.Now()
	}
	w := newWalker(r, log, keys, now, func(f Finding) {
		if (f.Severity == SeverityError || f.Severity == SeverityUnknown) && broken == nil {
			broken = &f
		}
	})
	sum := LogReport{}
	checks := newChecks(w, &sum, VerifyOptions{Checkpoints: held})
	defer func() { checks.stop() }()
	w.began = checks.began
	w.anchored = func() bool { return checks.agreed }
	w.passed = func(l *link) error { return checks.passed(ctx, l) }
	w.visit = func(m *Manifest, _ Version, before *Tree) error {
		if broken != nil {
			return broken
		}
		return visit(m, before)
	}
	err := w.walk(ctx)
	if err == nil {
		err = checks.rest(ctx)
	}
	switch {
	case err != nil:
		return nil, err
	case broken != nil:
		return nil, broken
	case w.at == nil:
		return nil, errUnknown(w)
	}
	facts := &LogFacts{First: w.first}
	for _, e := range w.epochs {
		for _, k := range w.ring.all {
			if k.ID == e.key {
				facts.Keys = append(facts.Keys, k)
				break
			}
		}
	}
	return facts, nil
}

// ReadObject reads the lines of a sealed object that a manifest names, once its
// digest and its Merkle root were checked.
func ReadObject(ctx context.Context, r Reader, m *Manifest, o *Object, each func(EventLine)) error {
	var broken *Finding
	err := readObject(ctx, r, job{log: m.Predicate.Log, seq: m.Predicate.Seq, obj: o}, time.Now(), func(f Finding) {
		if f.Severity == SeverityError || f.Severity == SeverityUnknown || f.Code == CodeExpired {
			broken = &f
		}
	}, func(l EventLine) {
		l.Writer = m.Predicate.Writer.Version
		each(l)
	})
	if err == nil && broken != nil {
		return broken
	}
	return err
}

// NewestCheckpoint is the newest checkpoint of a log in the store that one of the
// keys signed, with what stands beside it as its timestamp, unchecked; nil for none.
func NewestCheckpoint(ctx context.Context, r Reader, keys []PublicKey, log string) (*Checkpoint, error) {
	return newestCheckpoint(ctx, r, keys, log, "")
}

// newestCheckpoint is NewestCheckpoint behind a key.
func newestCheckpoint(ctx context.Context, r Reader, keys []PublicKey, log, after string) (*Checkpoint, error) {
	var list []Version // by size
	for v, err := range r.List(ctx, CheckpointPrefix+log+"/", after) {
		if err != nil {
			return nil, err
		}
		if !v.DeleteMarker && v.Size <= maxCheckpoint && strings.HasSuffix(v.Key, ".txt") {
			list = append(list, v)
		}
	}
	for _, v := range slices.Backward(list) {
		text, err := r.Get(ctx, v.Key, v.ID)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := ParseCheckpoint(text, keys, nil)
		if err != nil || CheckpointKey(log, c.Size) != v.Key {
			continue
		}
		c.Timestamp, err = timestampOf(ctx, r, c)
		return c, err
	}
	return nil, nil
}

// timestampOf reads what stands beside a checkpoint as its timestamp: the newest version
// that may be one by its size, since anyone can put anything there.
func timestampOf(ctx context.Context, r Reader, c *Checkpoint) ([]byte, error) {
	versions, err := r.Versions(ctx, TimestampKey(c.Log, c.Size))
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Backward(versions) {
		if v.DeleteMarker || v.Size > maxCheckpoint {
			continue
		}
		text, err := r.Get(ctx, v.Key, v.ID)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			continue
		}
		return text, err
	}
	return nil, nil
}
