package ledger

import (
	"errors"
	"slices"
	"strconv"
)

// What a walk does where the next manifest is missing, refused, or does not fit.

// refuse judges a place behind the newest where nothing continues the log.
func (w *walker) refuse(seq int64, list []candidate) (bool, error) {
	for _, c := range list {
		if !w.due(w.at, c.m) {
			w.stranger(c)
			continue
		}
		err := w.acceptable(w.at, c.m)
		version := c.m.version()
		switch {
		case version > 1 && w.unsure(c.m):
			w.doubt(CodeChainBroken, seq, c.v, "a manifest that continues the log", err.Error(), "a manifest does not continue what is before it, of a version that said neither whose log it is nor how long it is locked: that may have expired, and another trail's lie in its place")
			return true, errEnough
		case w.first > 0 && w.expired(w.at, c.m):
			// What stands before it was put back, or is a version that did not count.
			return true, w.restart(c, w.at.key)
		case errors.Is(err, ErrNewerVersion):
			return true, w.newer(c)
		case w.another(c.m):
			w.namesake(c, w.at.key)
			continue
		case version < w.at.version:
			w.keyNotValid(c) // of an older state of a log of this name
			continue
		case version > 1 && w.forked(c.m):
			w.fork(c)
		case version == 1:
			// Version 1 does not say whose log it is: this may be of another trail.
			w.doubt(CodeChainBroken, seq, c.v, "a manifest that continues the log", err.Error(), "a manifest that the log's key signed does not continue it: the log was rewritten, or this is of another trail")
			return true, errEnough
		default:
			w.fail(CodeChainBroken, seq, c.v, "a manifest that continues the log", err.Error(), "a manifest that the log's key signed does not continue it")
		}
		return true, w.resume(c, w.at.key)
	}
	return false, nil
}

// unsure reports whether what is before a manifest of version 2 is of version 1 and may lie
// in the place of what has expired.
func (w *walker) unsure(m *Manifest) bool {
	p := &m.Predicate
	return w.at.version == 1 && (p.Genesis == "" || w.first > 0 && (p.PastUntil == nil || w.over(m)))
}

// forked reports whether a manifest continues one that was laid over the newest.
func (w *walker) forked(m *Manifest) bool {
	return slices.ContainsFunc(w.rivals, func(t *tip) bool { return t.accepts(m) == nil })
}

// fork tells of a log that goes on from a manifest which is not the oldest at its place. Of
// a copy only its maker says which is.
func (w *walker) fork(c candidate) {
	const message = "the log goes on from a manifest that was laid over another: it was forked by a holder of its key"
	if _, ok := w.r.(Copy); ok {
		w.doubt(CodeChainBroken, w.at.seq, c.v, "", "", message+", or the order of versions in this copy is not that of the bucket")
		return
	}
	w.fail(CodeChainBroken, w.at.seq, c.v, "", "", message)
}

// gap judges what stands behind a place where nothing counts.
func (w *walker) gap(seq int64, list []candidate) (bool, error) {
	from := w.at.seq + 1
	missing := "manifests " + strconv.FormatInt(from, 10) + " to " + strconv.FormatInt(seq-1, 10)
	at := Version{Key: ManifestKey(w.log, from)}
	for _, c := range list {
		key := w.claims(w.at, c.m)
		switch {
		case key == "" && w.due(w.at, c.m):
			w.namesake(c, w.at.key)
			continue
		case key == "":
			w.stranger(c)
			continue
		case w.denied != nil && w.past():
			return true, errEnough // nothing is said of what is behind the window
		case w.denied != nil:
			w.refusal()
			return true, errEnough
		case c.m.version() == 0:
			return true, w.newer(c)
		case w.expired(w.at, c.m):
			return true, w.restart(c, key)
		case c.m.Predicate.PastUntil == nil:
			// Version 1 says neither whose log it is nor how long it is locked.
			w.doubt(CodeManifestMissing, from, at, missing, "none", "manifests are missing from the chain: they were removed, or have expired, or what is behind the gap is of another trail")
			if c.m.version() == 1 && !w.writer {
				return true, errEnough
			}
		default:
			w.fail(CodeManifestMissing, from, at, missing, "none", "manifests are missing from the chain")
		}
		return true, w.resume(c, key)
	}
	return false, nil
}

// claims gives the key by which a manifest behind a gap is the log's, "" where it is not:
// the one that is due, or one that was named for the log and may have followed by a
// rotation in the gap.
func (w *walker) claims(l *link, m *Manifest) string {
	if m.version() > 1 && l.another(m.Predicate.Genesis) {
		return ""
	}
	if w.due(l, m) {
		return l.key
	}
	for _, id := range m.signers {
		if w.ring.named && w.ring.has(id) && w.rotatedBehind(l, m) && w.signed(l, m, id) {
			return id
		}
	}
	return ""
}

// rotatedBehind reports whether a manifest says that the log's key was replaced behind a
// place.
func (w *walker) rotatedBehind(l *link, m *Manifest) bool {
	at := m.Predicate.RotatedAt
	return at != nil && *at > l.seq
}

// expired reports whether everything before a manifest may be gone by its own signed
// word: then what stands before the gap is a rest, or was put back.
func (w *walker) expired(l *link, m *Manifest) bool {
	return w.over(m) && !m.Predicate.PastUntil.Before(l.until)
}

// over reports whether everything before a manifest may be gone by its own signed word.
func (w *walker) over(m *Manifest) bool {
	past := m.Predicate.PastUntil
	return past != nil && !past.After(w.now)
}

// resume goes on from a manifest that does not continue what is before it, to find what
// else does not hold.
func (w *walker) resume(c candidate, key string) error {
	m := *c.m
	m.KeyID = key
	t := &tip{m: &m, v: c.v}
	var err error
	if t.link, t.prev, err = m.link(); err != nil {
		t.prev = w.at
		t.link = t.prev.with(&m)
	}
	return w.take([]*tip{t})
}

// restart begins anew at a manifest before which everything may have expired.
func (w *walker) restart(c candidate, key string) error {
	m := *c.m
	m.KeyID = key
	l, prev, err := m.link()
	if err != nil {
		w.fail(CodeChainBroken, m.Predicate.Seq, c.v, "", err.Error(), "a manifest that contradicts itself")
		return w.resume(c, key)
	}
	w.first, w.epochs, w.spans, w.again = -1, nil, nil, true
	return w.take([]*tip{{link: l, prev: prev, m: &m, v: c.v}})
}

// newer ends a walk at a manifest of a format that this program does not know.
func (w *walker) newer(c candidate) error {
	w.doubt(CodeNewerVersion, c.m.Predicate.Seq, c.v, "a format that this program knows", c.m.PredicateType, "the log goes on in a format of a newer version of this program: verify with that one")
	return errEnough
}

// refusal tells of a place that could not be read.
func (w *walker) refusal() {
	w.doubted, w.stuck = true, true
	w.unreadable(*w.denied, SeverityUnknown)
	w.denied = nil
}

func (w *walker) unreadable(d refused, s Severity) {
	f := Finding{Severity: s, Code: CodeUnreadable, Log: w.log, Seq: d.seq, Object: d.at.Key, Version: d.at.ID, Found: d.err.Error(), Message: "the store refuses a version at the key of a manifest, beside one that counts"}
	if s == SeverityUnknown {
		f.Message = "the store refuses a manifest: nothing is known of the log from there on"
	}
	w.note(f)
}
