package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Excerpt judges some of the manifests of one log, in their order, as a bundle of evidence
// holds them: by the rule that a walk goes by (R1 to R4 of docs/verification.md), as far as
// it can be applied where others between them are left out. Every rotation must be among
// them, so that the key of each place is known. Who puts the manifests together may have
// chosen them: what is missing counts against the claim, never for it.
type Excerpt struct {
	log   string
	ring  *keyring
	given []PublicKey // of the auditor's keys, those that may sign the log

	at     *link            // the newest manifest that was taken
	first  int64            // the oldest
	expiry *time.Time       // what the oldest says of the locks of those before it
	epochs []epoch          // who signs from where on
	ended  map[string]int64 // key ids to the last place that they may sign
	pins   map[string]bool  // ids of keys whose last manifest, as pinned, was met
	signed map[string]int64 // key ids to the newest of the manifests that they signed
	roots  map[int64]string // of the trees that are known, by their size
	pinned int64            // how many manifests the pinned ends of keys vouch for
}

// codeSignature is the code of a manifest that the key of its place did not sign.
const codeSignature = "signature_invalid"

// NewExcerpt begins an excerpt of a log, with the keys that the auditor has.
func NewExcerpt(log string, keys []PublicKey) *Excerpt {
	ring := newKeyring(log, keys)
	return &Excerpt{
		log: log, ring: ring, given: ring.keys, first: -1,
		ended: map[string]int64{}, pins: map[string]bool{}, signed: map[string]int64{}, roots: map[int64]string{},
	}
}

// Next takes the next manifest. What is wrong with it, or keeps it from being judged, is
// the finding; the excerpt can then not go on.
func (x *Excerpt) Next(body []byte) (*Manifest, *Finding) {
	m, err := openManifest(body, x.ring.all)
	if err != nil {
		return nil, x.wrong(codeSignature, "a manifest", err.Error(), "no manifest")
	}
	if m.Predicate.Log != x.log {
		return nil, x.wrong(CodeChainBroken, "a manifest of log "+x.log, "one of log "+m.Predicate.Log,
			"a manifest of another log")
	}
	judge := x.follow
	if x.at == nil {
		judge = x.begin
	}
	if f := judge(m); f != nil {
		f.Seq = m.Predicate.Seq
		return nil, f
	}
	return m, nil
}

func (x *Excerpt) wrong(code, expected, found, message string) *Finding {
	return &Finding{Severity: SeverityError, Code: code, Log: x.log, Expected: expected, Found: found, Message: message}
}

func (x *Excerpt) unknown(code, expected, found, message string) *Finding {
	f := x.wrong(code, expected, found, message)
	f.Severity = SeverityUnknown
	return f
}

// begin takes the oldest manifest: the only one whose key nothing before it names.
func (x *Excerpt) begin(m *Manifest) *Finding {
	seq, genesis := m.Predicate.Seq, m.Predicate.Genesis
	if seq == 0 {
		genesis = hexDigest(m.Digest)
	}
	var ids []string
	for _, id := range m.signers {
		if x.ring.has(id) && x.ring.begins(id, genesis) && x.ring.may(id, seq, m.SealedAt()) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) == 0:
		return x.unsigned(m)
	case len(ids) > 1:
		return x.unknown(CodeLogAmbiguous, "one key that begins the log", "keys "+strings.Join(ids, ", "),
			"two of the given keys signed the manifest that the log begins with: "+
				"name the one that is the log's (--key LOG=FILE)")
	case m.version() == 0:
		return x.newer(m)
	}
	m.KeyID = ids[0]
	if seq > 0 {
		at, _, err := m.link()
		if err != nil {
			return x.wrong(CodeChainBroken, "", err.Error(), "a manifest that contradicts itself")
		}
		x.first, x.expiry = seq, m.Predicate.PastUntil
		x.take(m, at)
		return nil
	}
	none := noLink()
	if err := none.accepts(m); err != nil {
		return x.wrong(CodeChainBroken, "a manifest that begins a log", err.Error(), "this begins no log")
	}
	if err := x.comesBack(m, ids[0]); err != nil {
		return x.wrong(CodeChainBroken, "", err.Error(), "a rotation to the same key")
	}
	x.first = 0
	x.take(m, none.with(m))
	return nil
}

// unsigned tells of a first manifest that no key of the log signed. A wrong key is not
// tampering: nothing is known then. A manifest that says a given key signed it, is.
func (x *Excerpt) unsigned(m *Manifest) *Finding {
	if len(m.signers) > 0 {
		return x.unknown(CodeKeyNotValid, "a manifest signed by a key of log "+x.log, "key "+strings.Join(m.signers, ", "),
			"a given key signed the log's first manifest here, and is not trusted for this log, place or time")
	}
	for _, k := range x.ring.all {
		if slices.Contains(m.claimed, k.ID) {
			return x.wrong(codeSignature, "a manifest signed by key "+k.ID, "another signature",
				"the manifest names a given key, which did not sign it")
		}
	}
	return x.unknown(CodeUnknownLog, "a manifest signed by a given key",
		"one that names the keys "+strings.Join(m.claimed, ", "),
		"no given key signed log "+x.log+": give the key of this log")
}

func (x *Excerpt) newer(m *Manifest) *Finding {
	return x.unknown(CodeNewerVersion, "a format that this program knows", m.PredicateType,
		"a manifest of a newer version of this program: verify with that one")
}

// follow takes a manifest behind others: the next one, or one behind a gap.
func (x *Excerpt) follow(m *Manifest) *Finding {
	key, seq := x.at.key, m.Predicate.Seq
	by := "key " + strings.Join(m.signers, ", ")
	end, ended := x.ended[key]
	switch {
	case !slices.Contains(m.signers, key):
		if len(m.signers) == 0 {
			by = "no given key"
		}
		for _, id := range m.signers {
			if at, ok := x.ended[id]; ok {
				by = fmt.Sprintf("key %s, whose time ended at manifest %d", id, at)
			}
		}
		return x.wrong(codeSignature, "a manifest signed by key "+key, by, "not signed by the key that signs this place")
	case ended && seq > end:
		return x.wrong(CodeKeyNotValid, fmt.Sprintf("no manifest of key %s behind manifest %d", key, end), by,
			"the time of the key has ended before")
	case !x.ring.may(key, seq, latest(x.at.at, m.SealedAt())):
		return x.wrong(CodeKeyNotValid, "a manifest signed by a key that is trusted here", by,
			"the key is not trusted for this place or time")
	case m.version() == 0:
		return x.newer(m)
	}
	m.KeyID = key
	next, err := x.continues(m)
	if err == nil {
		err = x.comesBack(m, key)
	}
	if err != nil {
		return x.wrong(CodeChainBroken, "a manifest that continues the log", err.Error(),
			"the manifest does not continue those before it in the bundle")
	}
	x.take(m, next)
	return nil
}

// continues gives the place of a manifest, where it goes on from those before.
func (x *Excerpt) continues(m *Manifest) (*link, error) {
	if m.Predicate.Seq <= x.at.seq {
		return nil, fmt.Errorf("sequence number %d after %d", m.Predicate.Seq, x.at.seq)
	}
	if m.Predicate.Seq == x.at.seq+1 {
		if err := x.at.accepts(m); err != nil {
			return nil, err
		}
		return x.at.with(m), nil
	}
	_, before, err := m.link()
	if err != nil {
		return nil, err
	}
	if err := x.skips(m); err != nil {
		return nil, err
	}
	// What is between is not here: its place is taken from the manifest's own word, and what
	// is known from before it.
	before.rotated, before.at = x.at.rotated, x.at.at
	if m.version() == 1 {
		before.genesis = x.at.genesis
	}
	return before.with(m), nil
}

// skips checks what a manifest behind a gap must have of those before the gap: no rotation
// is in it, and time and locks have not gone back.
func (x *Excerpt) skips(m *Manifest) error {
	p, l := &m.Predicate, x.at
	switch {
	case m.version() < l.version:
		return fmt.Errorf("a manifest of version %d after one of version %d", m.version(), l.version)
	case (m.version() > 1 || p.RotatedAt != nil) && !equal(p.RotatedAt, l.rotated):
		return fmt.Errorf("`rotated_at` is %s, the newest rotation before it here is %s",
			place(p.RotatedAt), place(l.rotated))
	case len(p.Previous) != 2*len(m.Digest):
		return errors.New("`previous` is no digest")
	}
	if _, err := m.NextKey(); err != nil {
		return fmt.Errorf("a rotation that names no key: %w", err)
	}
	if m.version() == 1 {
		return nil
	}
	switch {
	case l.another(p.Genesis):
		return fmt.Errorf("`genesis` is %q, the log's is %q", p.Genesis, l.genesis)
	case p.Time.Before(l.at) || p.Time.Before(p.WrittenAt):
		return fmt.Errorf("`time` is %s, before %s", stamp(*p.Time), stamp(latest(l.at, p.WrittenAt)))
	case !l.until.IsZero() && (p.PastUntil == nil || p.PastUntil.Before(l.until)):
		return fmt.Errorf("`past_until` is before %s, until when a manifest before it is locked", stamp(l.until))
	case p.PastUntil != nil && p.Retention.Until.Before(*p.PastUntil):
		return fmt.Errorf("its lock until %s is shorter than one before, until %s",
			stamp(p.Retention.Until), stamp(*p.PastUntil))
	}
	return nil
}

// comesBack refuses a rotation to a key that has signed the log before.
func (x *Excerpt) comesBack(m *Manifest, key string) error {
	k, err := m.NextKey()
	if err != nil || k == nil {
		return err
	}
	if k.ID == key || slices.ContainsFunc(x.epochs, func(e epoch) bool { return e.key == k.ID }) {
		return fmt.Errorf("a rotation to key %s, which has signed the log before", k.ID)
	}
	return nil
}

// take makes a manifest the newest.
func (x *Excerpt) take(m *Manifest, at *link) {
	seq := m.Predicate.Seq
	if x.at == nil {
		x.epochs = []epoch{{seq, m.KeyID}}
	}
	x.at = at
	x.signed[m.KeyID] = seq
	x.roots[seq] = m.Predicate.Tree.Root
	x.roots[seq+1] = hex.EncodeToString(at.tree.Root())
	if x.ring.last(m.KeyID) == at.digest {
		x.pins[m.KeyID], x.ended[m.KeyID], x.pinned = true, seq, seq+1
	}
	if k, err := m.NextKey(); err == nil && k != nil {
		x.ended[m.KeyID] = seq
		x.epochs = append(x.epochs, epoch{seq + 1, k.ID})
		x.ring.add(*k)
	}
}

// Root is the root of the log's tree of that size, as its manifests give it.
func (x *Excerpt) Root(size int64) (root string, ok bool) {
	root, ok = x.roots[size]
	return root, ok
}

// Genesis is that of the log, "" where it is not known.
func (x *Excerpt) Genesis() string {
	if x.at == nil {
		return ""
	}
	return x.at.genesis
}

// Keys are those that sign the log, in their order; the last may have signed nothing yet.
func (x *Excerpt) Keys() []KeySpan {
	list := []KeySpan{}
	for _, e := range x.epochs {
		list = append(list, KeySpan{KeyID: e.key, From: e.from})
	}
	return list
}

// Time is that of the newest manifest: the latest up to it.
func (x *Excerpt) Time() time.Time { return x.at.at }

// Pinned is how many manifests the pinned ends of keys vouch for: to them, it does not
// matter who has the key now.
func (x *Excerpt) Pinned() int64 { return x.pinned }

// Checkpoint reads a checkpoint of the log that a key signed which signs its newest
// manifest, or the one behind it.
func (x *Excerpt) Checkpoint(text []byte, witnesses []Witness) (*Checkpoint, error) {
	cp, err := ParseCheckpoint(text, x.ring.all, witnesses)
	switch {
	case err != nil:
		return nil, err
	case cp.Log != x.log || cp.Genesis != "" && cp.Genesis != x.Genesis():
		return nil, fmt.Errorf("a checkpoint of %s", cp.Origin())
	case cp.KeyID != x.keyAt(cp.Size-1) && cp.KeyID != x.keyAt(cp.Size):
		return nil, fmt.Errorf("signed by key %s, which does not sign here", cp.KeyID)
	}
	if end, ok := x.ended[cp.KeyID]; ok && cp.Size-1 > end {
		return nil, fmt.Errorf("signed by key %s, whose time ended at manifest %d", cp.KeyID, end)
	}
	return cp, nil
}

func (x *Excerpt) keyAt(seq int64) (key string) {
	for _, e := range x.epochs {
		if e.from <= seq {
			key = e.key
		}
	}
	return key
}

// Beginning judges where the excerpt begins (R4): with manifest 0; or where a checkpoint
// that the auditor holds vouches for what is gone; or where that has expired, by its own
// signed word, in a log that the auditor named.
func (x *Excerpt) Beginning(now time.Time, held bool) *Finding {
	if x.first == 0 {
		return nil
	}
	gone := fmt.Sprintf("manifests 0 to %d", x.first-1)
	key := x.epochs[0].key
	f := x.judgeBeginning(gone, key, now, held)
	if f != nil {
		f.Seq = x.first
	}
	return f
}

func (x *Excerpt) judgeBeginning(gone, key string, now time.Time, held bool) *Finding {
	switch {
	case x.expiry != nil && x.expiry.After(now):
		return x.wrong(CodeStartMissing,
			"manifest 0, for "+gone+" are locked until "+stamp(*x.expiry)+" at the latest", "none",
			"the beginning of the log is left out, and has not expired")
	case held:
		return nil
	case x.expiry == nil:
		return x.unknown(CodeStartMissing, "manifest 0, or a checkpoint of this log that you hold", "none",
			"the beginning of the log is left out, and no manifest says how long it was locked: "+
				"give a checkpoint that was kept elsewhere (--checkpoint)")
	case !x.ring.pinned(key, x.Genesis()):
		return x.unknown(CodeStartMissing, "a key that is named for this log", "key "+key,
			gone+" have expired, and with them what shows that the key is the log's: "+
				"name it (--key LOG=FILE), or give a checkpoint that was kept elsewhere (--checkpoint)")
	}
	return nil
}

// PinBroken tells of a key whose time ends here with another manifest than was pinned.
func (x *Excerpt) PinBroken() *Finding {
	for _, e := range x.epochs {
		last := x.ring.last(e.key)
		if end, ended := x.ended[e.key]; last != "" && ended && !x.pins[e.key] {
			f := x.wrong(CodeLogRewound, "manifest "+last+", the last that key "+e.key+" signs", "another",
				"the key's time ends here with another manifest than the one that was pinned")
			f.Seq = end
			return f
		}
	}
	return nil
}

// known is the place in epochs of the last key that the auditor gave and that signed one of
// the manifests: what is before is vouched for by its signature as well as by theirs.
func (x *Excerpt) known() int {
	for i, e := range slices.Backward(x.epochs) {
		given := slices.ContainsFunc(x.given, func(k PublicKey) bool { return k.ID == e.key })
		if _, signed := x.signed[e.key]; signed && given {
			return i
		}
	}
	return 0
}

// Conditions are the keys that must still have been the log's when they signed manifests
// here, from the place on up to which something else vouches for the log: whoever got hold
// of one that was replaced could make such a log of it.
func (x *Excerpt) Conditions(vouched int64) (list []KeySpan) {
	for i, e := range x.epochs {
		if last, signed := x.signed[e.key]; signed && i >= x.known() && last >= vouched {
			list = append(list, KeySpan{KeyID: e.key, From: max(e.from, vouched)})
		}
	}
	return list
}

// Doubt tells what the auditor knows that speaks against those conditions: an end of a key
// that is not shown, or another key of the log that does not occur. Numbers and times bound
// nothing of what is made with a key that was replaced. It is nil where there is nothing.
func (x *Excerpt) Doubt(vouched int64) *Finding {
	const help = "give a checkpoint that was kept elsewhere (--checkpoint), " +
		"or pin the last manifest of the key by its digest (`last_sha256`)"
	f := x.absent(help)
	for _, c := range x.Conditions(vouched) {
		if f != nil {
			break
		}
		f = x.unended(c.KeyID, help)
	}
	if f != nil {
		f.Seq = x.at.seq
	}
	return f
}

// unended tells of a key that is known to have an end, which is not shown.
func (x *Excerpt) unended(key, help string) *Finding {
	last := x.ring.last(key)
	switch {
	case x.pins[key]:
	case last != "":
		return x.unknown(CodeLogRewound, "manifest "+last+", the last that key "+key+" signs", "none",
			"the manifest that ends the time of the key, as it was pinned, is not in the bundle: "+
				"make it again with that trust file")
	case x.bounded(key):
		return x.unknown(CodeKeyNotValid, "the end of key "+key+"'s time, or a manifest of a given key that followed", "none",
			"the time of key "+key+" is known to end, and the bundle does not show how: "+help)
	}
	return nil
}

// absent tells of a given key that may be the log's and signed nothing here.
func (x *Excerpt) absent(help string) *Finding {
	for _, k := range x.given {
		if _, signed := x.signed[k.ID]; !signed {
			return x.unknown(CodeLogAmbiguous, "one given key for log "+x.log+", or manifests of each", "none of key "+k.ID,
				"several keys were given for log "+x.log+", and one of them signed nothing here: whether it had replaced "+
					"the other before is not known: name the key of the log (--key LOG=FILE), or "+help)
		}
	}
	return nil
}

// bounded reports whether all that a key is trusted with has an end.
func (x *Excerpt) bounded(id string) bool {
	return !slices.ContainsFunc(x.ring.keys, func(k PublicKey) bool {
		return k.ID == id && (k.May == nil || k.May.LastSeq == nil && k.May.NotAfter.IsZero())
	})
}

// CheckPlace checks that a manifest is in the tree of that size and root, at its place, and
// that the tree which it says was before it is the beginning of that tree: what lies to the
// left on its audit path is its frontier.
func CheckPlace(m *Manifest, size int64, path []string, root string) error {
	seq := m.Predicate.Seq
	if seq >= size {
		return fmt.Errorf("manifest %d in a tree of %d", seq, size)
	}
	if err := CheckInclusion(m.Payload, uint64(seq), uint64(size), path, root); err != nil {
		return err
	}
	var left []string // from the smallest to the largest
	for at, last := uint64(seq), uint64(size-1); len(path) > 0; path = path[1:] {
		if at&1 == 1 || at == last {
			left = append(left, path[0])
			for at&1 == 0 && at > 0 {
				at, last = at>>1, last>>1
			}
		}
		at, last = at>>1, last>>1
	}
	slices.Reverse(left)
	if !slices.Equal(left, m.Predicate.Tree.Frontier) {
		return errors.New("the tree that the manifest says was before it is another")
	}
	return nil
}

// KindOf is what an object that a manifest names is, "" where this program does not know.
func KindOf(o *Object) string { return o.kind() }
