package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

func hexDigest(d [32]byte) string { return hex.EncodeToString(d[:]) }

// finder looks for the newest manifest that one key signed in a log, among object
// versions: a delete marker hides a manifest from a listing of current objects, and anything
// may squat any key. Whoever does not have the key can lead it nowhere.
type finder struct {
	r       Reader
	log     string
	key     PublicKey
	keys    []PublicKey // key, and those that signed the log before it
	foreign string      // a key with a manifest of this log that none of keys signed
	denied  int64       // the newest place at which the store refused something; -1 for none
	warn    func(code, message string)
}

// findHead finds the newest place of a log that key writes and earlier keys wrote, in a
// number of reads that grows with the logarithm of the log's length. Only where no
// manifest of key is found at once, as after a rotation, the log is walked.
func findHead(ctx context.Context, r Reader, log string, key PublicKey, earlier []PublicKey, warn func(code, message string)) (*link, error) {
	f := &finder{r: r, log: log, key: key, keys: append([]PublicKey{key}, earlier...), denied: -1, warn: warn}
	seq, err := f.any(ctx)
	if err != nil {
		return nil, err
	}
	if seq < 0 {
		if len(earlier) > 0 {
			if l, err := f.walked(ctx); l != nil || err != nil {
				return l, err
			}
		}
		if f.foreign != "" {
			f.warn(CodeForeignManifest, fmt.Sprintf("log %s has manifests that the configured key did not sign (%s), and begins anew with its own: where they are this log's, stop, and list the key that signed them under `signing::earlier_keys`", log, f.foreign))
		}
		return noLink(), nil
	}
	if seq, err = f.newest(ctx, seq); err != nil {
		return nil, err
	}
	checkpoint, err := newestCheckpoint(ctx, r, []PublicKey{key}, log, CheckpointKey(log, seq+1))
	if err != nil {
		return nil, err
	}
	if checkpoint != nil {
		said := fmt.Sprintf("log %s has a checkpoint of %d manifests, and manifests up to %d", log, checkpoint.Size, seq)
		if f.denied > seq {
			return nil, fmt.Errorf("%s that can be read: the store refuses %s: give access to what encrypts it", said, ManifestKey(log, f.denied))
		}
		f.warn(CodeLogRewound, said)
	}
	if f.denied > seq {
		f.warn(CodeUnreadable, fmt.Sprintf("the store refuses %s, behind the newest manifest of log %s that can be read", ManifestKey(log, f.denied), log))
	}
	return f.check(ctx, seq)
}

// at lists the manifests at a place that keys signed, oldest first. What the store refuses
// is passed over.
func (f *finder) at(ctx context.Context, seq int64) ([]*Manifest, error) {
	key := ManifestKey(f.log, seq)
	versions, err := f.r.Versions(ctx, key)
	if err != nil {
		return nil, err
	}
	var list []*Manifest
	for _, v := range versions {
		if v.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, f.r, v)
		if errors.Is(err, ErrForbidden) {
			f.denied = max(f.denied, seq)
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := openManifest(body, f.keys)
		switch {
		case err != nil || m.Predicate.Log != f.log || m.Predicate.Seq != seq:
		case len(m.signers) == 0:
			f.foreign = key
		case m.version() == 0:
			return nil, fmt.Errorf("%s: %w", key, ErrNewerVersion)
		case m.malformed:
		default:
			m.KeyID = m.signers[0]
			if slices.Contains(m.signers, f.key.ID) {
				m.KeyID = f.key.ID
			}
			list = append(list, m)
		}
	}
	return list, nil
}

// has reports whether key signed a manifest at a place.
func (f *finder) has(ctx context.Context, seq int64) (bool, error) {
	list, err := f.at(ctx, seq)
	return slices.ContainsFunc(list, func(m *Manifest) bool { return m.KeyID == f.key.ID }), err
}

// maxSquatted bounds how many places are looked at where none may be the log's: any number
// can be squatted.
const maxSquatted = 1000

// any is a place with a manifest of key, -1 where none is found: the first, unless it has
// expired or another key signed it.
func (f *finder) any(ctx context.Context) (int64, error) {
	if ok, err := f.has(ctx, 0); ok || err != nil {
		return 0, err
	}
	checkpoint, err := NewestCheckpoint(ctx, f.r, []PublicKey{f.key}, f.log)
	if err != nil {
		return 0, err
	}
	if checkpoint != nil {
		if ok, err := f.has(ctx, checkpoint.Size-1); ok || err != nil {
			return checkpoint.Size - 1, err
		}
	}
	last, looked := "", 0
	for v, err := range f.r.List(ctx, ManifestPrefix+f.log+"/", ManifestKey(f.log, 0)) {
		if err != nil {
			return 0, err
		}
		if v.Key == last {
			continue
		}
		last = v.Key
		log, seq, ok := parseManifestKey(v.Key)
		if !ok || log != f.log {
			continue
		}
		list, err := f.at(ctx, seq)
		if err != nil {
			return 0, err
		}
		if len(list) > 0 {
			if slices.ContainsFunc(list, func(m *Manifest) bool { return m.KeyID == f.key.ID }) {
				return seq, nil
			}
			return f.behind(ctx, seq) // of an earlier key
		}
		if looked++; looked > maxSquatted {
			return 0, fmt.Errorf("log %q has more than %d keys of manifests that the configured key did not sign: choose a new `log`", f.log, maxSquatted)
		}
	}
	return -1, nil
}

// behind looks for a place of key among the newest, where an earlier key signed a place.
func (f *finder) behind(ctx context.Context, seq int64) (int64, error) {
	const newest = 64
	var places []int64
	for v, err := range f.r.List(ctx, ManifestPrefix+f.log+"/", ManifestKey(f.log, seq)) {
		if err != nil {
			return 0, err
		}
		if log, n, ok := parseManifestKey(v.Key); ok && log == f.log && (len(places) == 0 || places[len(places)-1] != n) {
			if places = append(places, n); len(places) > newest {
				places = places[1:]
			}
		}
	}
	for _, n := range slices.Backward(places) {
		if ok, err := f.has(ctx, n); ok || err != nil {
			return n, err
		}
	}
	return -1, nil
}

// walked finds the head as an auditor does, who has been told whose log it is; nil where
// there is none.
func (f *finder) walked(ctx context.Context) (*link, error) {
	keys := slices.Clone(f.keys)
	for i := range keys {
		keys[i].May = &Span{Logs: []string{f.log}}
	}
	var broken *Finding
	w := newWalker(f.r, f.log, keys, time.Now(), func(found Finding) {
		if found.Severity == SeverityError && broken == nil {
			broken = &found
		}
	})
	w.writer = true
	switch err := w.walk(ctx); {
	case err != nil:
		return nil, err
	case broken != nil:
		return nil, fmt.Errorf("log %q does not hold (%w): run `agentaudit verify`, and choose a new `log`", f.log, broken)
	case w.stuck:
		return nil, fmt.Errorf("log %q cannot be followed to its newest manifest from what is left of its oldest: choose a new `log`", f.log)
	case w.at == nil:
		return nil, nil
	}
	return w.at, nil
}

// newest is the newest place of the log from one on that is there. Where a hole is met,
// what stands behind it is still the log's: nothing is ever written into the hole.
func (f *finder) newest(ctx context.Context, seq int64) (int64, error) {
	for {
		var err error
		if seq, err = f.last(ctx, seq); err != nil {
			return 0, err
		}
		beyond, err := f.beyond(ctx, seq)
		if beyond < 0 || err != nil {
			return seq, err
		}
		f.warn(CodeManifestMissing, fmt.Sprintf("log %s has no manifest %d, but has %d", f.log, seq+1, beyond))
		seq = beyond
	}
}

// last is the newest of the places from seq on that are there without a hole, by doubling
// steps and then halving.
func (f *finder) last(ctx context.Context, seq int64) (int64, error) {
	step := int64(1)
	for {
		ok, err := f.has(ctx, seq+step)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		seq += step
		step *= 2
	}
	for step > 1 {
		step /= 2
		ok, err := f.has(ctx, seq+step)
		if err != nil {
			return 0, err
		}
		if ok {
			seq += step
		}
	}
	return seq, nil
}

func (f *finder) beyond(ctx context.Context, seq int64) (int64, error) {
	n := 0
	for v, err := range f.r.List(ctx, ManifestPrefix+f.log+"/", ManifestKey(f.log, seq)) {
		if err != nil {
			return 0, err
		}
		if n++; n > maxSquatted {
			break
		}
		if log, s, ok := parseManifestKey(v.Key); ok && log == f.log && s > seq {
			if ok, err := f.has(ctx, s); ok || err != nil {
				return s, err
			}
		}
	}
	return -1, nil
}

// check takes the manifest at the head and compares it with the one before it,
// where that is still there.
func (f *finder) check(ctx context.Context, seq int64) (*link, error) {
	list, err := f.at(ctx, seq)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(m *Manifest) bool { return m.KeyID != f.key.ID })
	var before []*Manifest
	if seq > 0 {
		if before, err = f.at(ctx, seq-1); err != nil {
			return nil, err
		}
	}
	var reason error
	for _, m := range list {
		switch {
		case seq == 0:
			if reason = noLink().accepts(m); reason == nil {
				return noLink().with(m), nil
			}
		case len(before) == 0:
			var l *link
			if l, _, reason = m.link(); reason == nil {
				return l, f.name(ctx, l)
			}
		}
		for _, b := range before {
			var l *link
			if l, _, reason = b.link(); reason != nil {
				continue
			}
			if err := f.name(ctx, l); err != nil {
				return nil, err
			}
			if reason = l.accepts(m); reason == nil {
				return l.with(m), nil
			}
		}
	}
	return nil, fmt.Errorf("the head of log %q, manifest %d, does not continue the chain (%w): run `agentaudit verify`, and choose a new `log`", f.log, seq, reason)
}

// name finds the genesis of a log of version 1, whose manifests do not say it, where its
// first manifest is still there.
func (f *finder) name(ctx context.Context, l *link) error {
	if l.version != 1 || l.genesis != "" {
		return nil
	}
	list, err := f.at(ctx, 0)
	for _, m := range list {
		if l.genesis == "" && noLink().accepts(m) == nil {
			l.genesis = hexDigest(m.Digest)
		}
	}
	return err
}

// FindHead finds the newest manifest of a log that one of the keys signed, in a number of
// reads that grows with the logarithm of the log's length.
func FindHead(ctx context.Context, r Reader, log string, keys []PublicKey) (Head, error) {
	newest := Head{Seq: -1}
	for _, k := range keys {
		l, err := findHead(ctx, r, log, k, nil, func(string, string) {})
		if err != nil {
			return Head{}, err
		}
		if l.seq > newest.Seq {
			newest = l.head()
		}
	}
	if newest.Seq < 0 {
		return newest, nil
	}
	c, err := NewestCheckpoint(ctx, r, keys, log)
	if err == nil && c != nil && (c.Genesis == "" || c.Genesis == newest.Genesis) && c.Size <= newest.Seq+1 {
		newest.Note = c.Note
	}
	return newest, err
}

func (l *link) head() Head {
	return Head{Seq: l.seq, SHA256: l.digest, Genesis: l.genesis, At: l.at, Closed: l.kind.Ends()}
}
