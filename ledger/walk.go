package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// walker goes through the manifests of one log in their order.
type walker struct {
	r      Reader
	keys   []PublicKey
	log    string
	now    time.Time     // locks are judged at this time
	maxAge time.Duration // the longest that a running writer may be silent; 0: any
	note   func(Finding)

	from         *Checkpoint // begin at the manifest before it, which must fit
	since, until time.Time   // of the writing of what is visited; zero: no bound
	// passed, if any, is told the place of every manifest that was accepted.
	passed func(*link) error

	at      *link // the newest manifest that was accepted
	first   int64
	resumed bool             // the walk began behind the oldest manifest
	began   time.Time        // the time of the first manifest
	retired map[string]int64 // key ids to the place of the manifest that ended their time
	denied  *refused         // the last version that the store refused, at a place where nothing else is the log's
}

// refused is a version that the store does not give.
type refused struct {
	seq int64
	at  Version
	err error
}

// errEnough ends a walk that has come past its window.
var errEnough = errors.New("enough")

// walk calls visit with every manifest of the log that verifies, continues the chain
// and is in the window. What does not verify is noted as a finding, and the walk goes
// on behind it: one broken place hides nothing that follows. An error is the store's.
func (w *walker) walk(ctx context.Context, visit func(*Manifest, Version) error) error {
	w.first = -1
	w.retired = map[string]int64{}
	after, err := w.start(ctx)
	if err != nil {
		return err
	}
	for p, err := range places(ctx, w.r, ManifestPrefix+w.log+"/", after) {
		if err == nil {
			err = w.place(ctx, p, visit)
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if w.denied == nil {
		return nil
	}
	if w.at == nil {
		return w.denied.err
	}
	w.unreadable(*w.denied)
	return nil
}

// start is the key behind which the walk begins.
func (w *walker) start(ctx context.Context) (after string, err error) {
	seq := int64(0)
	switch {
	case w.from != nil:
		seq = w.from.Size - 1
	case !w.since.IsZero():
		if seq, err = w.seek(ctx, w.since.Add(-maxSkew)); err != nil {
			return "", err
		}
	}
	if seq <= 0 {
		return "", nil
	}
	w.resumed = true
	return ManifestKey(w.log, seq-1), nil
}

// seek finds the newest manifest that was written before a time, by halving: 0 where
// there is none.
func (w *walker) seek(ctx context.Context, t time.Time) (int64, error) {
	// before is a manifest that was written before t, or -1; behind is one that was not,
	// or a place behind the last.
	before, behind := int64(-1), int64(1)
	for {
		m, err := w.next(ctx, behind)
		if err != nil {
			return 0, err
		}
		if m == nil || !m.Predicate.WrittenAt.Before(t) {
			break
		}
		before, behind = m.Predicate.Seq, m.Predicate.Seq*2+1
	}
	for behind-before > 1 {
		middle := before + (behind-before)/2
		m, err := w.next(ctx, middle)
		if err != nil {
			return 0, err
		}
		if m == nil || m.Predicate.Seq >= behind || !m.Predicate.WrittenAt.Before(t) {
			behind = middle
		} else {
			before = m.Predicate.Seq
		}
	}
	return max(before, 0), nil
}

// next is the first manifest from a sequence number on that a given key signed, nil
// for none.
func (w *walker) next(ctx context.Context, seq int64) (*Manifest, error) {
	after := ""
	if seq > 0 {
		after = ManifestKey(w.log, seq-1)
	}
	for v, err := range w.r.List(ctx, ManifestPrefix+w.log+"/", after) {
		if err != nil {
			return nil, err
		}
		log, n, ok := parseManifestKey(v.Key)
		if v.DeleteMarker || !ok || log != w.log || n < seq {
			continue
		}
		body, err := manifestBody(ctx, w.r, v)
		if errors.Is(err, ErrForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m, err := ParseManifest(body, w.keys); err == nil && m.Predicate.Log == w.log && m.Predicate.Seq == n {
			return m, nil
		}
	}
	return nil, nil
}

// unreadable notes a version that cannot hide anything of the log: a manifest stands
// beside it, or none follows.
func (w *walker) unreadable(d refused) {
	w.note(Finding{Severity: SeverityWarning, Code: CodeUnreadable, Log: w.log, Seq: d.seq, Object: d.at.Key, Version: d.at.ID, Found: d.err.Error(), Message: "the store refuses a version at the key of a manifest; it is not believed"})
}

// place judges the versions at one key.
func (w *walker) place(ctx context.Context, p *place, visit func(*Manifest, Version) error) error {
	key := p.versions[0].Key
	log, seq, ok := parseManifestKey(key)
	if !ok || log != w.log {
		w.note(Finding{Severity: SeverityWarning, Code: CodeForeignObject, Log: w.log, Object: key, Message: "not a key of a manifest"})
		return nil
	}
	var signed []*Manifest
	var ids []Version
	var denied []refused
	for i, v := range p.versions {
		if v.DeleteMarker {
			w.note(Finding{Severity: SeverityWarning, Code: CodeDeleteMarker, Log: w.log, Seq: seq, Object: key, Version: v.ID, Message: "a delete marker hides the manifest from listings; it was read through"})
			continue
		}
		body, err := p.bodies[i], p.errs[i]
		if errors.Is(err, ErrForbidden) {
			denied = append(denied, refused{seq, v, err})
			continue
		}
		if err != nil {
			return err
		}
		if body == nil && v.Size <= maxManifest {
			continue // gone since it was listed
		}
		m, err := ParseManifest(body, w.keys)
		if err == nil && (m.Predicate.Log != w.log || m.Predicate.Seq != seq) {
			err = fmt.Errorf("a manifest of log %s, number %d", m.Predicate.Log, m.Predicate.Seq)
		}
		if err != nil {
			w.note(Finding{Severity: SeverityWarning, Code: CodeForeignManifest, Log: w.log, Seq: seq, Object: key, Version: v.ID, Expected: "a manifest signed by a trusted key", Found: err.Error(), Message: "something else stands at the key of a manifest; it is not believed"})
			continue
		}
		if why := w.mayNot(m); why != "" {
			w.note(Finding{Severity: SeverityWarning, Code: CodeKeyNotValid, Log: w.log, Seq: seq, Object: key, Version: v.ID, Expected: "a manifest signed by a key that may sign here", Found: "key " + m.KeyID + ", " + why, Message: "a manifest is signed by a key outside its time; it is not believed"})
			continue
		}
		signed, ids = append(signed, m), append(ids, v)
	}
	if len(signed) == 0 {
		// Nothing at this place is the log's. If the log goes on behind it, the next
		// manifest tells that this one is missing.
		if len(denied) > 0 {
			w.denied = &denied[0]
		}
		return nil
	}
	if w.denied != nil {
		// The log goes on behind a place that could not be read: whether it holds is open.
		return w.denied.err
	}
	for _, d := range denied {
		w.unreadable(d)
	}
	if w.at == nil {
		return w.begin(ctx, signed[0], ids[0], visit)
	}
	if seq > w.at.seq+1 {
		w.note(Finding{Severity: SeverityError, Code: CodeManifestMissing, Log: w.log, Seq: w.at.seq + 1, Object: ManifestKey(w.log, w.at.seq+1), Expected: "manifests " + strconv.FormatInt(w.at.seq+1, 10) + " to " + strconv.FormatInt(seq-1, 10), Found: "none", Message: "manifests are missing from the chain"})
		return w.accept(signed[0], ids[0], visit)
	}
	var reason error
	for i, m := range signed {
		if err := m.follows(w.at); err != nil {
			reason = err
			continue
		}
		for j := range signed {
			if j != i && signed[j].Digest != m.Digest {
				w.note(Finding{Severity: SeverityWarning, Code: CodeOtherWriter, Log: w.log, Seq: seq, Object: key, Version: ids[j].ID, Message: "another signed manifest stands at the same place; the oldest that continues the chain counts"})
			}
		}
		return w.accept(m, ids[i], visit)
	}
	w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: seq, Object: key, Version: ids[0].ID, Message: reason.Error()})
	return w.accept(signed[0], ids[0], visit)
}

// mayNot says why the key of a manifest may not sign it, "" where it may. The time
// is the chain's, which does not go back, whatever the manifest says of itself.
func (w *walker) mayNot(m *Manifest) string {
	at := m.Predicate.WrittenAt
	if w.at != nil && w.at.at.After(at) {
		at = w.at.at
	}
	if by, ok := w.retired[m.KeyID]; ok {
		return fmt.Sprintf("whose time ended at manifest %d", by)
	}
	for _, k := range w.keys {
		switch {
		case k.ID != m.KeyID:
		case k.May.Covers(w.log, m.Predicate.Seq, at):
			return ""
		case !k.May.NotAfter.IsZero() && at.After(k.May.NotAfter):
			// Whoever signs past the end of a key may date the next manifest back.
			w.retired[m.KeyID] = m.Predicate.Seq
		}
	}
	return "which is not trusted for this log, place or time"
}

// begin takes the oldest manifest that is there. One that is not the first must be
// old enough for those before it to have expired, or be where the walk was to begin.
func (w *walker) begin(ctx context.Context, m *Manifest, v Version, visit func(*Manifest, Version) error) error {
	seq := m.Predicate.Seq
	if seq == 0 {
		if err := m.follows(noLink()); err != nil {
			w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: 0, Object: v.Key, Version: v.ID, Message: err.Error()})
		}
	} else if _, err := m.tree(); err != nil {
		w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Message: err.Error()})
	}
	if w.from != nil {
		return w.beginFrom(m, v, visit)
	}
	if seq == 0 || w.resumed {
		return w.accept(m, v, visit)
	}
	// Manifests are locked at least as long as data that is sealed at the same time, so
	// those before this one go no earlier than about when its own lock ends.
	lock, err := w.r.Retention(ctx, v.Key, v.ID)
	if err != nil {
		return err
	}
	f := Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Message: fmt.Sprintf("manifests 0 to %d are gone, as their retention promised", seq-1)}
	if lock.Until.Sub(w.now) > 48*time.Hour {
		f.Severity, f.Code = SeverityError, CodeStartMissing
		f.Expected, f.Found = "manifest "+strconv.FormatInt(seq-1, 10), "none"
		f.Message = fmt.Sprintf("manifests 0 to %d are gone, though the one after them is locked until %s", seq-1, lock.Until.UTC().Format(time.RFC3339))
	}
	w.note(f)
	return w.accept(m, v, visit)
}

// beginFrom takes the manifest before the checkpoint that the walk begins at, which
// was verified when the checkpoint was made; it is not visited again.
func (w *walker) beginFrom(m *Manifest, v Version, visit func(*Manifest, Version) error) error {
	if m.Predicate.Seq != w.from.Size-1 {
		w.note(Finding{Severity: SeverityError, Code: CodeManifestMissing, Log: w.log, Seq: w.from.Size - 1, Object: ManifestKey(w.log, w.from.Size-1), Expected: "the last manifest of the checkpoint of size " + strconv.FormatInt(w.from.Size, 10), Found: "manifest " + strconv.FormatInt(m.Predicate.Seq, 10), Message: "manifests are missing behind the checkpoint"})
		return w.accept(m, v, visit)
	}
	// Whether its tree is the checkpoint's is judged as for any other checkpoint.
	return w.accept(m, v, func(*Manifest, Version) error { return nil })
}

// maxSkew is how far the clock of a writer may go back unnoticed.
const maxSkew = time.Minute

func (w *walker) accept(m *Manifest, v Version, visit func(*Manifest, Version) error) error {
	if w.cut() {
		return errEnough
	}
	p := &m.Predicate
	l, err := m.link()
	if err != nil {
		// Its own tree does not hold: go on with what the chain gives.
		t := NewTree()
		if w.at != nil {
			t = w.at.tree.clone()
		}
		l = m.linkOn(t)
	}
	if w.at == nil {
		w.first, w.began = l.seq, l.at
	} else {
		if l.at.Before(w.at.at.Add(-maxSkew)) {
			w.note(Finding{Severity: SeverityWarning, Code: CodeClockSkew, Log: w.log, Seq: l.seq, Object: v.Key, Expected: "at or after " + w.at.at.Format(time.RFC3339Nano), Found: l.at.Format(time.RFC3339Nano), Message: "the writer's clock went back"})
		}
		if silent := l.at.Sub(w.at.at); w.maxAge > 0 && silent > w.maxAge && w.at.kind != KindClose && l.kind != KindOpen {
			w.note(Finding{Severity: SeverityWarning, Code: CodeHeartbeatGap, Log: w.log, Seq: l.seq, Object: v.Key, Expected: "a manifest every " + w.maxAge.String(), Found: silent.String() + " without one", Message: "the writer ran and was silent"})
		}
		if l.kind == KindOpen && w.at.kind != KindClose && w.at.kind != KindKeyRotation {
			w.note(Finding{Severity: SeverityInfo, Code: CodeUncleanStart, Log: w.log, Seq: l.seq, Object: v.Key, Message: "a writer started without the one before having closed: a crash, or a second writer"})
		}
	}
	w.at = l
	w.rotate(m, v)
	if w.passed != nil {
		if err := w.passed(l); err != nil {
			return err
		}
	}
	if w.cut() || p.WrittenAt.Before(w.since) {
		return nil // shows that the chain goes on before and behind the window
	}
	return visit(m, v)
}

// rotate follows a manifest that names the key that signs from the next on.
func (w *walker) rotate(m *Manifest, v Version) {
	next, err := m.NextKey()
	if next == nil && err == nil {
		return
	}
	if err != nil {
		w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: m.Predicate.Seq, Object: v.Key, Version: v.ID, Message: "a rotation that names no key: " + err.Error()})
		return
	}
	w.retired[m.KeyID] = m.Predicate.Seq
	delete(w.retired, next.ID)
	if i := slices.IndexFunc(w.keys, func(k PublicKey) bool { return k.ID == next.ID }); i < 0 {
		next.May = &Span{Logs: []string{w.log}, FirstSeq: m.Predicate.Seq + 1}
		w.keys = append(slices.Clone(w.keys), *next)
	}
	w.note(Finding{Severity: SeverityInfo, Code: CodeKeyRotated, Log: w.log, Seq: m.Predicate.Seq, Object: v.Key, Version: v.ID, Expected: "key " + m.KeyID + " until here", Found: "key " + next.ID + " from here", Message: "the old key named the new one"})
}

// progress is how much of the log's time the walk has covered, 0 to 1.
func (w *walker) progress() float64 {
	end := w.now
	if !w.until.IsZero() && w.until.Before(end) {
		end = w.until
	}
	all := end.Sub(w.began)
	if w.at == nil || all <= 0 {
		return 0
	}
	return min(float64(w.at.at.Sub(w.began))/float64(all), 1)
}

// cut reports whether the walk ended at the end of its window, not of the log.
func (w *walker) cut() bool {
	return !w.until.IsZero() && w.at != nil && w.at.at.After(w.until)
}

// maySignCheckpoint reports whether the key of a checkpoint might sign the manifest
// before it or the one after it.
func (w *walker) maySignCheckpoint(c *Checkpoint) bool {
	if by, ok := w.retired[c.KeyID]; ok && by < c.Size-1 {
		return false
	}
	at := w.now
	if w.at != nil {
		at = w.at.at
	}
	return slices.ContainsFunc(w.keys, func(k PublicKey) bool {
		return k.ID == c.KeyID && (k.May.Covers(w.log, c.Size-1, at) || k.May.Covers(w.log, c.Size, at))
	})
}

// ErrUnknownLog is the error of a log of which no given key signed a manifest.
var ErrUnknownLog = errors.New("has no manifest that the given key signed")

// errUnknown says that no given key signed a manifest of these logs.
func errUnknown(logs ...string) error {
	return fmt.Errorf("log %s %w", strings.Join(logs, ", "), ErrUnknownLog)
}

// unknown tells of a log without a manifest that a given key signed: anyone can make
// one appear, so it is an error only where it was asked for by name.
func (w *walker) unknown(found bool) error {
	if !found {
		return errUnknown(w.log)
	}
	w.note(Finding{Severity: SeverityWarning, Code: CodeUnknownLog, Log: w.log, Object: ManifestPrefix + w.log + "/", Expected: "manifests signed by a given key", Found: "none", Message: "nothing is said of this log: it was planted, or its key was not given"})
	return nil
}

// Logs lists the logs that have manifests.
func Logs(ctx context.Context, r Reader) ([]string, error) {
	var logs []string
	last := ""
	for {
		log, err := nextLog(ctx, r, last)
		if err != nil || log == "" {
			return logs, err
		}
		logs, last = append(logs, log), log
	}
}

// Neighbours are the up to n logs that follow a log in the order of the store, whose
// first follows its last: those that the log watches.
func Neighbours(ctx context.Context, r Reader, log string, n int) ([]string, error) {
	var list []string
	last := log
	for wrapped := false; len(list) < n; {
		next, err := nextLog(ctx, r, last)
		if err != nil {
			return nil, err
		}
		if next == "" {
			if wrapped {
				break
			}
			wrapped, last = true, ""
			continue
		}
		if next == log || slices.Contains(list, next) {
			break
		}
		list, last = append(list, next), next
	}
	return list, nil
}

// nextLog is the first log behind another, "" for none.
func nextLog(ctx context.Context, r Reader, last string) (string, error) {
	after := ""
	if last != "" {
		after = ManifestPrefix + last + "0" // a 0 follows the slash: behind all that is below the log
	}
	for v, err := range r.List(ctx, ManifestPrefix, after) {
		if err != nil {
			return "", err
		}
		if log, _, ok := parseManifestKey(v.Key); ok && log != last {
			return log, nil
		}
	}
	return "", nil
}
