package ledger

import (
	"fmt"
	"strconv"
)

// begin takes the oldest manifest that is there (R1, R2 and R4 of docs/verification.md).
func (w *walker) begin(seq int64, list []candidate) (bool, error) {
	var tips []*tip
	var bad *tip
	var reason error
	for _, c := range list {
		genesis := c.m.Predicate.Genesis
		if seq == 0 {
			genesis = hexDigest(c.m.Digest)
		}
		counts := false
		for _, id := range c.m.signers {
			if !w.ring.has(id) || !w.ring.begins(id, genesis) || !w.ring.may(id, seq, c.m.SealedAt()) {
				continue
			}
			counts = true
			if c.m.version() == 0 {
				return true, w.newer(c)
			}
			m := *c.m
			m.KeyID = id
			t := &tip{m: &m, v: c.v, prev: noLink()}
			var err error
			if seq > 0 {
				t.link, t.prev, err = m.link()
			} else if err = w.acceptable(&link{seq: -1, tree: NewTree(), key: id}, &m); err == nil {
				t.link = t.prev.with(&m)
			}
			if err != nil {
				t.link = noLink().with(&m)
				bad, reason = t, err
				continue
			}
			tips = append(tips, t)
		}
		if !counts {
			w.keyNotValid(c)
		}
	}
	for _, t := range tips {
		if t.m.KeyID != tips[0].m.KeyID || seq > 0 && t.genesis != tips[0].genesis {
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
	w.learn(tips)
	if w.tips = tips; len(tips) == 1 {
		return true, w.commit(tips[0])
	}
	return true, nil
}

// end judges what is left open when all manifests were read.
func (w *walker) end() error {
	if len(w.tips) > 1 {
		t := w.head()
		if err := w.settle(t.link); err != nil {
			return err
		}
		w.tips = []*tip{t}
	}
	if w.denied != nil && !w.past() {
		w.refusal()
		w.denied = nil
	}
	if w.at == nil {
		return nil
	}
	for _, e := range w.epochs {
		if last := w.ring.last(e.key); last != "" && !w.pins[e.key] {
			w.fail(CodeLogRewound, w.at.seq, Version{Key: ManifestKey(w.log, w.at.seq)}, "manifest "+last+", the last that key "+e.key+" signs", "none", "the manifest that ends the time of a key, as it was pinned, is not in the log")
		}
	}
	if w.first > 0 {
		w.beginning()
	}
	return nil
}

// head chooses between several manifests at the newest place: the oldest version, which
// in a copy is only what its maker says.
func (w *walker) head() *tip {
	if _, ok := w.r.(Copy); ok {
		w.doubt(CodeOtherWriter, w.tips[0].seq, w.tips[1].v, "one manifest", fmt.Sprintf("%d of them", len(w.tips)), "several manifests may be the newest, and which is the oldest of them only the maker of the copy says: verify the bucket, or a copy of a later state")
	}
	return w.tips[0]
}

// beginning judges a log whose oldest manifests are not there: a promise that is still
// running was broken, or they have expired and the auditor knows whose log it is.
func (w *walker) beginning() {
	at := Version{Key: ManifestKey(w.log, w.first)}
	gone := "manifests 0 to " + strconv.FormatInt(w.first-1, 10)
	held := w.anchored != nil && w.anchored()
	key := w.epochs[0].key
	switch {
	case w.expiry != nil && w.expiry.After(w.now):
		w.fail(CodeStartMissing, w.first, at, gone+", locked until "+stamp(*w.expiry)+" at the latest", "none", gone+" are gone before their time")
	case held:
		w.note(Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: w.first, Object: at.Key, Message: gone + " are gone; a checkpoint that you hold vouches for what they were"})
	case w.expiry == nil:
		w.doubt(CodeStartMissing, w.first, at, "manifest 0, or a checkpoint of this log that you hold", "none", gone+" are gone, and no manifest says how long they were locked: give a checkpoint that was kept elsewhere (--checkpoint)")
	case !w.ring.pinned(key, w.genesis):
		w.doubt(CodeStartMissing, w.first, at, "a key that is named for this log", "key "+key, gone+" have expired, and with them what shows that the key is the log's: name it (--key LOG=FILE), or give a checkpoint that was kept elsewhere (--checkpoint)")
	default:
		w.note(Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: w.first, Object: at.Key, Expected: "until " + stamp(*w.expiry), Message: gone + " are gone, as their retention promised"})
	}
}
