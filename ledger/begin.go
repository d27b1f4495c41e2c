package ledger

import (
	"errors"
	"fmt"
	"strconv"
)

// begin takes the oldest manifest that is there (R1, R2 and R4 of docs/verification.md).
func (w *walker) begin(seq int64, list []candidate) (bool, error) {
	var tips []*tip
	var bad *tip
	var reason error
	for _, c := range list {
		keys := w.beginners(seq, c.m)
		if len(keys) == 0 {
			w.keyNotValid(c)
		}
		for _, key := range keys {
			if c.m.version() == 0 {
				return true, w.newer(c)
			}
			t, err := first(c, key)
			if err != nil {
				bad, reason = t, err
				continue
			}
			tips = append(tips, t)
		}
	}
	for _, t := range tips {
		if t.m.KeyID != tips[0].m.KeyID {
			w.ambiguous(candidate{t.m, t.v}, t.m.KeyID)
			return true, errEnough
		}
	}
	switch {
	case len(tips) > 0:
	case bad == nil:
		return false, nil
	default:
		w.fail(CodeChainBroken, seq, bad.v, "a manifest that begins a log", reason.Error(), "the first manifest that the log's key signed begins no chain")
		tips = []*tip{bad}
	}
	if w.denied != nil {
		w.refusal() // something before it could not be read
		return true, errEnough
	}
	return true, w.take(tips)
}

// beginners are the ids of the keys by which a log may begin with a manifest.
func (w *walker) beginners(seq int64, m *Manifest) (keys []string) {
	genesis := m.Predicate.Genesis
	if seq == 0 {
		genesis = hexDigest(m.Digest)
	}
	for _, id := range m.signers {
		if w.ring.has(id) && w.ring.begins(id, genesis) && w.ring.may(id, seq, m.SealedAt()) {
			keys = append(keys, id)
		}
	}
	return keys
}

// first is a manifest as the oldest of a log, signed by a key. The error is that it
// contradicts itself; the tip is then what can be made of it.
func first(c candidate, key string) (*tip, error) {
	m := *c.m
	m.KeyID = key
	t := &tip{m: &m, v: c.v, prev: noLink()}
	t.link = t.prev.with(&m)
	if m.Predicate.Seq == 0 {
		if k, err := m.NextKey(); err == nil && k != nil && k.ID == key {
			return t, errors.New("a rotation to the key that signs it")
		}
		return t, t.prev.accepts(&m)
	}
	l, prev, err := m.link()
	if err == nil {
		t.link, t.prev = l, prev
	}
	return t, err
}

// end judges what is left open when all manifests were read.
func (w *walker) end() error {
	if _, ok := w.r.(Copy); ok && len(w.rivals) > 0 {
		w.doubt(CodeOtherWriter, w.at.seq, w.rivals[0].v, "one manifest", fmt.Sprintf("%d of them", 1+len(w.rivals)), "several manifests may be the newest, and which of them is the oldest only the maker of the copy says: verify the bucket, or a copy of a later state")
	}
	switch {
	case w.denied == nil:
	case w.past():
		w.stuck = true // behind the window, of which nothing is said
	default:
		w.refusal()
	}
	if w.at == nil {
		return nil
	}
	for _, e := range w.epochs {
		if last := w.ring.last(e.key); last != "" && !w.pins[e.key] && !w.doubted && !w.stuck {
			w.fail(CodeLogRewound, w.at.seq, Version{Key: ManifestKey(w.log, w.at.seq)}, "manifest "+last+", the last that key "+e.key+" signs", "none", "the manifest that ends the time of a key, as it was pinned, is not in the log")
		}
	}
	switch {
	case w.first > 0:
		w.beginning()
	case w.early.Key != "" && !w.ring.knows(w.genesis) && (w.anchored == nil || !w.anchored()):
		w.doubt(CodeLogAmbiguous, w.first, w.early, "manifests behind manifest 0, stored after it", "an older one, which no given key signed", "manifest 0 was stored after what stands behind it: it may lie in the place of one that has expired; give the key that signed the older one, the log's genesis, or a checkpoint that you hold")
	}
	return nil
}

// beginning judges a log whose oldest manifests are not there: a promise that is still
// running was broken, or they have expired and the auditor knows whose log it is.
func (w *walker) beginning() {
	at := Version{Key: ManifestKey(w.log, w.first)}
	gone := "manifests 0 to " + strconv.FormatInt(w.first-1, 10)
	held := w.anchored != nil && w.anchored()
	key := w.epochs[0].key
	switch {
	case w.older:
		w.doubt(CodeStartMissing, w.first, at, "the keys that signed "+gone, "none", gone+" are there, and no given key signed them: give the key that began the log")
	case w.expiry != nil && w.expiry.After(w.now):
		w.fail(CodeStartMissing, w.first, at, gone+", locked until "+stamp(*w.expiry)+" at the latest", "none", gone+" are gone before their time")
	case held:
		w.note(Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: w.first, Object: at.Key, Message: gone + " are gone; a checkpoint that you hold vouches for what they were"})
	case w.expiry == nil:
		w.doubt(CodeStartMissing, w.first, at, "manifest 0, or a checkpoint of this log that you hold", "none", gone+" are gone, and no manifest says how long they were locked: give a checkpoint that was kept elsewhere (--checkpoint)")
	case !w.ring.pinned(key, w.genesis):
		w.doubt(CodeStartMissing, w.first, at, "a key that is named for this log", "key "+key, gone+" have expired, and with them what shows that the key is the log's: name it (--key LOG=FILE), or give a checkpoint that was kept elsewhere (--checkpoint)")
	case w.under && !w.ring.knows(w.genesis):
		w.doubt(CodeStartMissing, w.first, at, "the oldest manifest of the log", "one that was laid over another", gone+" are gone, and an older manifest than the one that counts stands at its place, which no given key signed: give the key that signed it, or the log's genesis")
	default:
		w.note(Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: w.first, Object: at.Key, Expected: "until " + stamp(*w.expiry), Message: gone + " are gone, as their retention promised"})
	}
}
