package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// walker goes through the manifests of one log in their order and takes those that count
// (R2 and R3 of docs/verification.md). What is not accepted changes nothing.
type walker struct {
	r    Reader
	ring *keyring
	log  string
	// now is when promises are judged: never after the present.
	now time.Time
	// writer is set for the log's own writer, who looks for where to go on: what expired in
	// the middle of version 1, which does not sign how long it is locked, must not stop him.
	writer bool
	maxAge time.Duration // the longest that a running writer may be silent; 0: any
	note   func(Finding)

	since, until time.Time // of the sealing of what is visited; zero: no bound
	skip         int64     // what is before this place is not visited
	// accepted, if any, is told every manifest that counts; visit those in the window, with
	// the tree before.
	accepted func(*Manifest)
	visit    func(m *Manifest, at Version, before *Tree) error
	// began and passed, if any, are told the place before the one that the walk begins with,
	// and every place that is accepted.
	began, passed func(*link) error
	// anchored, if any, reports whether a checkpoint that the auditor holds vouches for the
	// manifests before the first.
	anchored func() bool
	// held are the geneses of the log that checkpoints which the auditor holds name.
	held []string

	at      *link            // the newest place; nil before the first
	rivals  []*tip           // what else was laid there, signed, and continues the log
	first   int64            // the oldest
	genesis string           // of the log, where it is known
	expiry  *time.Time       // what the oldest manifest says of the locks of those before it
	start   time.Time        // the time of the oldest manifest
	stored  time.Time        // when the store took it
	epochs  []epoch          // who signs from where on
	spans   [][2]int64       // from where to where places were walked over
	ended   map[string]int64 // key ids to the last place that they may sign
	pins    map[string]bool  // ids of keys whose last manifest, as pinned, was met
	denied  *refused         // a version that the store refused, at a place where nothing counts
	others  bystanders
	unread  map[string]int64 // digests of manifests that no given key signed, to their place; the newest places only
	older   bool             // what is before the oldest manifest is there, and no given key signed it
	strange Version          // the oldest version at the newest place that is a manifest which no given key signed
	under   bool             // such a one is older than the oldest manifest of the log, at its place
	early   Version          // a later place's manifest, which no given key signed, stored before manifest 0 was
	doubted bool             // something keeps the log from a verdict
	stuck   bool             // nothing is known of what follows the newest place
	again   bool             // the walk has begun anew, behind what has expired
	two     bool             // there are two logs of this name, and which is meant is not known
}

// tip is a manifest that may stand at its place: it continues what is before, prev.
type tip struct {
	*link
	prev *link
	m    *Manifest
	v    Version
}

// epoch is a key and the place of the first manifest that it signs.
type epoch struct {
	from int64
	key  string
}

// refused is a version that the store does not give.
type refused struct {
	seq int64
	at  Version
	err error
}

// candidate is a manifest of the log, at its place, that given keys signed.
type candidate struct {
	m *Manifest
	v Version
}

// errEnough ends a walk that can say nothing of what follows.
var errEnough = errors.New("enough")

func newWalker(r Reader, log string, keys []PublicKey, now time.Time, note func(Finding)) *walker {
	return &walker{r: r, ring: newKeyring(log, keys), log: log, now: now, note: note, first: -1, ended: map[string]int64{}, pins: map[string]bool{}}
}

// walk goes through the log. What does not hold is noted, and the walk goes on behind it:
// one broken place hides nothing that follows. An error is the store's.
func (w *walker) walk(ctx context.Context) error {
	if err := w.onward(ctx, func() bool { return false }); err != nil {
		return err
	}
	return w.end()
}

// onward reads from the newest place on, until enough says so.
func (w *walker) onward(ctx context.Context, enough func() bool) error {
	after := ""
	if w.at != nil {
		after = ManifestKey(w.log, w.at.seq)
	}
	for p, err := range places(ctx, w.r, ManifestPrefix+w.log+"/", after) {
		if err == nil {
			err = w.place(ctx, p)
		}
		switch {
		case errors.Is(err, errEnough):
			w.stuck = true
			return nil
		case err != nil:
			return err
		case enough():
			return nil
		}
	}
	return nil
}

// place judges the versions at one key.
func (w *walker) place(ctx context.Context, p *versionsAt) error {
	key := p.versions[0].Key
	log, seq, ok := parseManifestKey(key)
	if !ok || log != w.log {
		w.note(Finding{Severity: SeverityWarning, Code: CodeForeignObject, Log: w.log, Object: key, Message: "not a key of a manifest"})
		return nil
	}
	list, denied, err := w.read(ctx, p, seq)
	if err != nil {
		return err
	}
	accepted, err := w.judge(seq, list)
	if err != nil {
		return err
	}
	if accepted || w.past() {
		for _, d := range denied {
			w.unreadable(d, SeverityWarning)
		}
	}
	if len(denied) > 0 && !accepted && w.denied == nil {
		w.denied = &denied[0]
	}
	return nil
}

// past reports whether the walk has come behind its window.
func (w *walker) past() bool { return w.at != nil && !w.until.IsZero() && w.at.at.After(w.until) }

// read gives the versions at a place that are manifests of the log which given keys
// signed, and those that the store refuses.
func (w *walker) read(ctx context.Context, p *versionsAt, seq int64) (list []candidate, denied []refused, err error) {
	for i, v := range p.versions {
		if v.DeleteMarker {
			w.warn(CodeDeleteMarker, seq, v, "", "", "a delete marker hides the manifest from listings; it was read through")
			continue
		}
		body, err := p.body(ctx, w.r, i)
		if errors.Is(err, ErrForbidden) {
			denied = append(denied, refused{seq, v, err})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if body == nil && v.Size <= maxManifest {
			continue // gone since it was listed
		}
		m, err := openManifest(body, w.ring.all)
		switch {
		case err == nil && (m.Predicate.Log != w.log || m.Predicate.Seq != seq):
			err = fmt.Errorf("a manifest of log %s, number %d", m.Predicate.Log, m.Predicate.Seq)
		case err == nil && len(m.signers) == 0:
			err = errUntrusted
		case err == nil:
			list = append(list, candidate{m, v})
			continue
		}
		w.foreign(seq, v, m, err)
	}
	return list, denied, nil
}

// judge takes what counts at a place, and reports whether anything did.
func (w *walker) judge(seq int64, list []candidate) (bool, error) {
	switch {
	case len(list) == 0:
		return false, nil
	case w.at == nil:
		return w.begin(seq, list)
	case seq > w.at.seq+1:
		return w.gap(seq, list)
	}
	next := w.continuing(list)
	if len(next) == 0 {
		return w.refuse(seq, list)
	}
	switch again, enough := w.beside(list, next); {
	case again != nil:
		return true, w.restart(*again, w.at.key)
	case enough && !w.writer:
		return true, errEnough
	}
	return true, w.take(next)
}

// take goes on to the oldest version of those that may stand at a place: every writer
// does, so that what is laid over it later changes nothing.
func (w *walker) take(next []*tip) error {
	w.rivals = nil
	for _, t := range next[1:] {
		switch {
		case t.digest == next[0].digest:
			continue // the same, once more
		case t.m.Predicate.Previous != next[0].m.Predicate.Previous || t.genesis != next[0].genesis && t.seq > 0:
			w.keyNotValid(candidate{t.m, t.v}) // of another log of this name
			continue
		}
		w.rivals = append(w.rivals, t)
		w.warn(CodeOtherWriter, t.seq, t.v, "", "", "another signed manifest stands at the same place; the oldest counts")
	}
	w.learn(next[0])
	return w.commit(next[0])
}

// continuing gives the candidates that continue the log, oldest version first.
func (w *walker) continuing(list []candidate) (next []*tip) {
	for _, c := range list {
		if w.due(w.at, c.m) && w.acceptable(w.at, c.m) == nil {
			m := *c.m
			m.KeyID = w.at.key
			next = append(next, &tip{link: w.at.with(&m), prev: w.at, m: &m, v: c.v})
		}
	}
	return next
}

// learn gathers from a manifest that counts which key ends and which begins.
func (w *walker) learn(t *tip) {
	if w.ring.last(t.m.KeyID) == t.digest {
		w.pins[t.m.KeyID] = true
		w.stop(t.m.KeyID, t.seq)
	}
	if k, err := t.m.NextKey(); err == nil && k != nil {
		w.stop(t.m.KeyID, t.seq)
		w.ring.add(*k)
	}
}

// stop ends the time of a key behind a place.
func (w *walker) stop(key string, seq int64) {
	if _, ok := w.ended[key]; !ok {
		w.ended[key] = seq
	}
}

// stopped reports whether the time of a key has ended before a place.
func (w *walker) stopped(key string, seq int64) bool {
	by, ok := w.ended[key]
	return ok && seq > by
}

// due reports whether the key that signs behind a place signed a manifest, and may.
func (w *walker) due(l *link, m *Manifest) bool { return w.signed(l, m, l.key) }

func (w *walker) signed(l *link, m *Manifest, key string) bool {
	seq := m.Predicate.Seq
	return slices.Contains(m.signers, key) && !w.stopped(key, seq) && w.ring.may(key, seq, latest(l.at, m.SealedAt()))
}

// acceptable is accepts, and that a key which was replaced does not come back.
func (w *walker) acceptable(l *link, m *Manifest) error {
	if m.version() == 0 {
		return ErrNewerVersion
	}
	if err := l.accepts(m); err != nil {
		return err
	}
	if k, err := m.NextKey(); err == nil && k != nil {
		if k.ID == l.key || slices.ContainsFunc(w.epochs, func(e epoch) bool { return e.key == k.ID }) {
			return fmt.Errorf("a rotation to key %s, which has signed the log before", k.ID)
		}
	}
	return nil
}

// maxSkew is how far the clock of a writer may go back unnoticed.
const maxSkew = time.Minute

// commit makes a manifest the newest place of the log.
func (w *walker) commit(t *tip) error {
	if w.first < 0 {
		if err := w.open(t); err != nil {
			return err
		}
	} else if w.at.kind != "" { // the walk came here from it
		w.pace(t)
	}
	w.at = t.link
	w.genesis = t.genesis
	if len(w.epochs) == 0 {
		w.epochs = []epoch{{t.seq, t.m.KeyID}}
	}
	w.went(t.seq)
	if k, err := t.m.NextKey(); err == nil && k != nil && w.epochs[len(w.epochs)-1].from <= t.seq {
		w.epochs = append(w.epochs, epoch{t.seq + 1, k.ID})
		w.note(Finding{Severity: SeverityInfo, Code: CodeKeyRotated, Log: w.log, Seq: t.seq, Object: t.v.Key, Version: t.v.ID, Expected: "key " + t.m.KeyID + " until here", Found: "key " + k.ID + " from here", Message: "the old key named the new one"})
	}
	if w.passed != nil {
		if err := w.passed(t.link); err != nil {
			return err
		}
	}
	if w.accepted != nil {
		w.accepted(t.m)
	}
	if w.visit == nil || t.seq < w.skip || t.at.Before(w.since) || w.past() {
		return nil
	}
	return w.visit(t.m, t.v, t.prev.tree)
}

// went notes that a place was walked over.
func (w *walker) went(seq int64) {
	if n := len(w.spans); n > 0 && w.spans[n-1][1] == seq-1 {
		w.spans[n-1][1] = seq
		return
	}
	w.spans = append(w.spans, [2]int64{seq, seq})
}

// walkedOver reports whether a place was, or would have been had it been there.
func (w *walker) walkedOver(seq int64) bool {
	last := len(w.spans) - 1
	return slices.ContainsFunc(w.spans, func(s [2]int64) bool { return s[0] <= seq && seq <= s[1] }) || seq > w.spans[last][1]
}

// open takes the oldest manifest that is there.
func (w *walker) open(t *tip) error {
	w.first, w.expiry, w.start, w.stored = t.seq, t.m.Predicate.PastUntil, t.at, t.v.LastModified
	seq, there := w.unread[t.m.Predicate.Previous]
	w.older = there && seq == t.seq-1
	w.under = w.strange.Key == t.v.Key && w.strange.LastModified.Before(t.v.LastModified)
	w.others.flush(w.note)
	if w.began == nil {
		return nil
	}
	return w.began(t.prev)
}

// pace notes how the writer's clock and its silences look.
func (w *walker) pace(t *tip) {
	if written := t.m.Predicate.WrittenAt; written.Before(w.at.at.Add(-maxSkew)) {
		w.warn(CodeClockSkew, t.seq, t.v, "at or after "+stamp(w.at.at), stamp(written), "the writer's clock went back")
	}
	if silent := t.at.Sub(w.at.at); w.maxAge > 0 && silent > w.maxAge && !w.at.kind.Ends() && t.kind != KindOpen {
		w.warn(CodeHeartbeatGap, t.seq, t.v, "a manifest every "+w.maxAge.String(), silent.String()+" without one", "the writer ran and was silent")
	}
	w.turn(t)
	if t.kind == KindOpen && !w.at.kind.Ends() && w.at.kind != KindKeyRotation {
		w.note(Finding{Severity: SeverityInfo, Code: CodeUncleanStart, Log: w.log, Seq: t.seq, Object: t.v.Key, Message: "a writer started without the one before having closed: a crash, or a second writer"})
	}
}

// turn notes how the log came to its end, and how it went on behind one.
func (w *walker) turn(t *tip) {
	switch {
	case t.kind == KindRetire:
		w.note(Finding{Severity: SeverityInfo, Code: CodeRetired, Log: w.log, Seq: t.seq, Object: t.v.Key, Version: t.v.ID, Found: "written on host " + cmp.Or(t.m.Predicate.Writer.Host, "(none)"), Message: "another writer found no manifest since " + stamp(w.at.at) + ", and ended the log: what its own writer has not sealed is not in it"})
	case w.at.kind == KindRetire && t.kind != KindOpen && t.kind != KindKeyRotation && t.kind != KindClose:
		w.warn(CodeNotOpened, t.seq, t.v, "a manifest of kind open", "one of kind "+string(t.kind), "the log was retired and goes on, and no writer opened it again")
	}
}

// signs reports whether a key signs a place of the log, or the one behind it: who signs
// the newest manifest of a tree signs the checkpoint of it, or its successor does.
func (w *walker) signs(key string, seq int64) bool {
	at := w.now
	if w.at != nil {
		at = w.at.at
	}
	return (key == w.keyAt(seq) || key == w.keyAt(seq+1)) && !w.stopped(key, seq) && (w.ring.may(key, seq, at) || w.ring.may(key, seq+1, at))
}

// mayFollow reports whether a checkpoint beyond the log is signed by another key that was
// named for it: the rotation to that key may have been taken away.
func (w *walker) mayFollow(cp *Checkpoint) bool {
	return w.ring.named && w.ring.has(cp.KeyID) && !w.stopped(cp.KeyID, cp.Size-1) && w.ring.may(cp.KeyID, cp.Size-1, w.now) &&
		w.at != nil && cp.Size > w.at.seq+1
}

// keyAt is the id of the key that signs a place, "" before the first.
func (w *walker) keyAt(seq int64) (key string) {
	for _, e := range w.epochs {
		if e.from <= seq {
			key = e.key
		}
	}
	return key
}

// locked reports whether a lock that was signed for the newest manifest is still running:
// then what followed it cannot have expired.
func (w *walker) locked() bool { return w.at != nil && w.at.until.After(w.now) }

// progress is how much of the log's time the walk has covered, 0 to 1.
func (w *walker) progress() float64 {
	if w.at == nil {
		return 0
	}
	all := w.now.Sub(w.start)
	if all <= 0 {
		return 0
	}
	return min(float64(w.at.at.Sub(w.start))/float64(all), 1)
}

func (w *walker) warn(code string, seq int64, v Version, expected, found, message string) {
	w.note(Finding{Severity: SeverityWarning, Code: code, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Expected: expected, Found: found, Message: message})
}

// fail notes what breaks a promise that was signed.
func (w *walker) fail(code string, seq int64, v Version, expected, found, message string) {
	w.note(Finding{Severity: SeverityError, Code: code, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Expected: expected, Found: found, Message: message})
}

// doubt notes what keeps the log from a verdict.
func (w *walker) doubt(code string, seq int64, v Version, expected, found, message string) {
	w.doubted = true
	w.note(Finding{Severity: SeverityUnknown, Code: code, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Expected: expected, Found: found, Message: message})
}
