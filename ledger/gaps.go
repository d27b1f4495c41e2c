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
		i := slices.IndexFunc(w.tips, func(t *tip) bool { return w.due(t.link, c.m) })
		if i < 0 {
			w.stranger(c)
			continue
		}
		t := w.tips[i]
		err := w.acceptable(t.link, c.m)
		switch version := c.m.version(); {
		case errors.Is(err, ErrNewerVersion):
			return true, w.newer(c)
		case version < t.version, version > 1 && t.genesis != "" && c.m.Predicate.Genesis != t.genesis:
			w.keyNotValid(c) // of another log of this name, or of an older state of this one
			continue
		case version == 1:
			// Version 1 does not say whose log it is: this may be of another trail.
			w.doubt(CodeChainBroken, seq, c.v, "a manifest that continues the log", err.Error(), "a manifest that the log's key signed does not continue it: the log was rewritten, or this is of another trail")
		default:
			w.fail(CodeChainBroken, seq, c.v, "a manifest that continues the log", err.Error(), "a manifest that the log's key signed does not continue it")
		}
		return true, w.resume(c, t.key)
	}
	return false, nil
}

// gap judges what stands behind a place where nothing counts.
func (w *walker) gap(seq int64, list []candidate) (bool, error) {
	newest := w.tips[0]
	missing := "manifests " + strconv.FormatInt(newest.seq+1, 10) + " to " + strconv.FormatInt(seq-1, 10)
	at := Version{Key: ManifestKey(w.log, newest.seq+1)}
	for _, c := range list {
		key := w.claims(newest.link, c.m)
		switch {
		case key == "":
			w.stranger(c)
			continue
		case w.denied != nil:
			w.refusal()
			return true, errEnough
		case c.m.version() == 0:
			return true, w.newer(c)
		case w.expired(newest.link, c.m):
			return true, w.restart(c, key)
		case c.m.version() == 1:
			w.doubt(CodeManifestMissing, newest.seq+1, at, missing, "none", "manifests of the log stand behind a gap, or of another trail's log of this name")
		default:
			w.fail(CodeManifestMissing, newest.seq+1, at, missing, "none", "manifests are missing from the chain")
		}
		return true, w.resume(c, key)
	}
	return false, nil
}

// claims gives the key by which a manifest behind a gap is the log's, "" where it is not:
// the one that is due, or one that was named for the log and may have followed by a
// rotation in the gap.
func (w *walker) claims(l *link, m *Manifest) string {
	if m.version() > 1 && l.genesis != "" && m.Predicate.Genesis != l.genesis {
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
	past := m.Predicate.PastUntil
	return past != nil && !past.After(w.now) && !l.until.IsZero() && !past.Before(l.until)
}

// resume goes on from a manifest that does not continue what is before it, to find what
// else does not hold.
func (w *walker) resume(c candidate, key string) error {
	m := *c.m
	m.KeyID = key
	t := &tip{m: &m, v: c.v}
	var err error
	if t.link, t.prev, err = m.link(); err != nil {
		t.prev = w.tips[0].link
		t.link = t.prev.with(&m)
	}
	w.learn([]*tip{t})
	return w.take(w.tips[0].link, []*tip{t})
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
	w.at, w.epochs = nil, nil
	w.tips = []*tip{{link: l, prev: prev, m: &m, v: c.v}}
	w.learn(w.tips)
	return w.commit(w.tips[0])
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
}

func (w *walker) unreadable(d refused, s Severity) {
	f := Finding{Severity: s, Code: CodeUnreadable, Log: w.log, Seq: d.seq, Object: d.at.Key, Version: d.at.ID, Found: d.err.Error(), Message: "the store refuses a version at the key of a manifest, beside one that counts"}
	if s == SeverityUnknown {
		f.Message = "the store refuses a manifest: nothing is known of the log from there on"
	}
	w.note(f)
}
