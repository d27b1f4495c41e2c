package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// What stands at the places of a log and is not of it.

// bystanders are findings about a log of which no manifest counts yet: where none ever
// does, one line tells of them all.
type bystanders struct {
	list  []Finding
	count int
	keys  []string // that envelopes name, unchecked
	begun bool
}

// maxNamedKeys bounds how many keys are told of: anyone can make some up.
const maxNamedKeys = 4

func (b *bystanders) add(f Finding, m *Manifest, note func(Finding)) {
	if b.begun {
		note(f)
		return
	}
	if b.count++; len(b.list) < maxFindings {
		b.list = append(b.list, f)
	}
	if m == nil {
		return
	}
	for _, id := range m.claimed {
		if id != "" && len(b.keys) < maxNamedKeys && !slices.Contains(b.keys, id) {
			b.keys = append(b.keys, id)
		}
	}
}

// flush tells of each, once the log has begun.
func (b *bystanders) flush(note func(Finding)) {
	b.begun = true
	for _, f := range b.list {
		note(f)
	}
	b.list = nil
}

// String says what stands there instead of a log.
func (b *bystanders) String() string {
	if b.count == 0 {
		return "no manifest"
	}
	text := fmt.Sprintf("%d versions at the keys of manifests", b.count)
	if len(b.keys) > 0 {
		text += ", which name the keys " + strings.Join(b.keys, ", ")
	}
	return text
}

// foreign notes what no given key signed.
func (w *walker) foreign(seq int64, v Version, m *Manifest, err error) {
	if m != nil && m.Predicate.Log == w.log && m.Predicate.Seq == seq {
		if len(w.unread) > maxNamedKeys {
			clear(w.unread)
		}
		if w.unread == nil {
			w.unread = map[string]int64{}
		}
		w.unread[hexDigest(m.Digest)] = seq
		if w.strange.Key != v.Key {
			w.strange = v
		}
		if w.first == 0 && w.early.Key == "" && m.version() > 1 && v.LastModified.Before(w.stored) {
			w.early = v
		}
	}
	w.others.add(Finding{Severity: SeverityWarning, Code: CodeForeignManifest, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Expected: "a manifest signed by a key of the log", Found: err.Error(), Message: "something else stands at the key of a manifest; it is not believed"}, m, w.note)
}

// keyNotValid notes what a given key signed that does not sign here.
func (w *walker) keyNotValid(c candidate) {
	seq := c.m.Predicate.Seq
	why := "which is not the log's key"
	for _, id := range c.m.signers {
		if w.stopped(id, seq) {
			why = fmt.Sprintf("whose time ended at manifest %d", w.ended[id])
		} else if w.ring.has(id) && !w.ring.may(id, seq, c.m.SealedAt()) {
			why = "which is not trusted for this place or time"
		}
	}
	w.others.add(Finding{Severity: SeverityWarning, Code: CodeKeyNotValid, Log: w.log, Seq: seq, Object: c.v.Key, Version: c.v.ID, Expected: "a manifest signed by the key that signs here", Found: "key " + strings.Join(c.m.signers, ", ") + ", " + why, Message: "a given key signed a manifest where it does not sign; it is not believed"}, c.m, w.note)
}

// beside notes the candidates at a place where others continue the log. One that is older
// than what continues it, and that the same key signed, may be the log itself, whose
// beginning has expired and made room for another: the walk then begins with it again, or is
// at its end where that cannot be told.
func (w *walker) beside(list []candidate, next []*tip) (again *candidate, enough bool) {
	older := true
	for i, c := range list {
		if c.v == next[0].v {
			older = false
		}
		switch due := w.due(w.at, c.m); {
		case slices.ContainsFunc(next, func(t *tip) bool { return t.v == c.v }):
		case older && due && w.another(c.m):
			if c.v.LastModified.After(w.stored) {
				w.keyNotValid(c) // laid there since this log began
				continue
			}
			w.namesake(c, w.at.key)
		case older && due && c.m.version() > 1 && w.at.version > 1 && w.expired(w.at, c.m) && w.at.seq > 0:
			return &list[i], false // version 1 did not sign how long it is locked: the word of another is no proof
		case older && due:
			// Nor does version 1 say whose log it is: where one of it is there, nothing more is said.
			enough = enough || w.at.version == 1
			w.doubt(CodeChainBroken, c.m.Predicate.Seq, c.v, "a manifest that continues the log", "one that does not", "an older manifest of the log stands beside the one that continues it: what was between has expired, or was removed")
		case due && !w.another(c.m):
			w.warn(CodeOtherWriter, c.m.Predicate.Seq, c.v, "", "", "another signed manifest stands at the same place and does not continue the log")
		default:
			w.keyNotValid(c)
		}
	}
	return nil, enough
}

// another reports whether a manifest says that it is of another log of this name.
func (w *walker) another(m *Manifest) bool {
	return m.version() > 1 && w.at.another(m.Predicate.Genesis)
}

// stranger judges a candidate behind the newest place that is not signed by the key that
// is due: it says nothing, unless the auditor gave its key without a name, and it speaks
// of a rotation that could have been taken away, or of another log of this name.
func (w *walker) stranger(c candidate) {
	m := c.m
	for _, id := range m.signers {
		if m.version() == 0 || w.stopped(id, m.Predicate.Seq) || slices.ContainsFunc(w.epochs, func(e epoch) bool { return e.key == id }) {
			continue
		}
		switch {
		case !w.past() && w.rotatedBehind(w.at, m) && !w.another(m) && w.givenFor(id, m):
			w.doubt(CodeLogAmbiguous, m.Predicate.Seq, c.v, "a manifest signed by key "+w.at.key, "one signed by key "+id, "another given key says that it follows this log's key by a rotation that is not there: name the keys of this log, and of the others (--key LOG=FILE)")
			return
		case (m.version() == 1 || w.another(m)) && w.ring.has(id) && w.ring.begins(id, m.Predicate.Genesis) && w.ring.may(id, m.Predicate.Seq, m.SealedAt()):
			w.namesake(c, id)
			return
		}
	}
	w.keyNotValid(c)
}

// givenFor reports whether a key was given that could sign this log, were it to follow.
func (w *walker) givenFor(id string, m *Manifest) bool {
	return slices.ContainsFunc(w.ring.all, func(k PublicKey) bool {
		return k.ID == id && k.May.Covers(w.log, m.Predicate.Seq, m.SealedAt())
	})
}

// namesake judges a manifest of another log of this name, behind the newest place of this
// one: which of the two the auditor means only he can say.
func (w *walker) namesake(c candidate, id string) {
	if w.ring.knows(w.at.genesis) || slices.Contains(w.held, w.at.genesis) {
		w.keyNotValid(c)
		return
	}
	w.ambiguous(c, id)
}

func (w *walker) ambiguous(c candidate, id string) {
	w.two = true
	w.doubt(CodeLogAmbiguous, c.m.Predicate.Seq, c.v, "one log of this name", "manifests of another, signed by key "+id, "given keys wrote two logs of this name: name the key of the one that you mean (--key LOG=FILE), or give its genesis (--trust)")
}
