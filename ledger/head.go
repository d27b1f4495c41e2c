package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

func hexDigest(d [32]byte) string { return hex.EncodeToString(d[:]) }

// finder looks for the head of a log among object versions: a delete marker hides
// a manifest from a listing of current objects, and garbage may squat any key.
type finder struct {
	r       Reader
	log     string
	keys    []PublicKey
	unknown string           // a key that holds a whole manifest of this log which no trusted key signed
	retired map[string]int64 // key ids to the place of the manifest that ended their time
}

// findHead finds the newest manifest of a log in a number of reads that grows with
// the logarithm of the log's length, and the keys whose time has ended there. The
// first of the keys is the writer's own.
func findHead(ctx context.Context, r Reader, log string, keys []PublicKey, warn func(code, message string)) (*link, map[string]int64, error) {
	f := &finder{r: r, log: log, keys: keys, retired: map[string]int64{}}
	head, err := f.head(ctx, warn)
	if err != nil || head.seq < 0 {
		return head, f.retired, err
	}
	if err = f.rotations(ctx, head.seq, keys[0].ID); err != nil || len(f.retired) == 0 {
		return head, f.retired, err
	}
	// Someone may hold a key whose time has ended, and have written with it since.
	head, err = f.head(ctx, warn)
	return head, f.retired, err
}

// FindHead finds the newest manifest of a log that one of the keys signed, in a number
// of reads that grows with the logarithm of the log's length.
func FindHead(ctx context.Context, r Reader, log string, keys []PublicKey) (Head, error) {
	l, _, err := findHead(ctx, r, log, keys, func(string, string) {})
	if err != nil {
		return Head{}, err
	}
	return Head{Seq: l.seq, SHA256: l.digest, WrittenAt: l.at}, nil
}

// rotations learns which keys have been replaced: from the newest manifest that the
// writer's own key signed or that a rotation to it is. Those of other keys behind it
// may be anyone's who holds one of them.
func (f *finder) rotations(ctx context.Context, seq int64, own string) error {
	for ; seq >= 0; seq-- {
		list, err := f.at(ctx, seq)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil // expired, or a hole
		}
		for _, m := range list {
			p := &m.Predicate
			switch {
			case p.Kind == KindKeyRotation && p.NextKey != nil && p.NextKey.KeyID == own:
				return f.retire(ctx, &p.Seq)
			case m.KeyID == own:
				at := p.RotatedAt
				if p.Kind == KindKeyRotation {
					at = &p.Seq
				}
				return f.retire(ctx, at)
			}
		}
	}
	return nil
}

// retire follows the rotations of a log from the newest to the oldest that is there.
func (f *finder) retire(ctx context.Context, at *int64) error {
	replaced := map[string]bool{} // a key that came back is not retired by what was before
	for at != nil {
		list, err := f.at(ctx, *at)
		if err != nil {
			return err
		}
		seq := *at
		at = nil
		for _, m := range list {
			if m.Predicate.Kind != KindKeyRotation || m.Predicate.NextKey == nil {
				continue
			}
			replaced[m.Predicate.NextKey.KeyID] = true
			if !replaced[m.KeyID] {
				f.retired[m.KeyID] = seq
			}
			if older := m.Predicate.RotatedAt; older != nil && *older < seq {
				at = older
			}
			break
		}
	}
	return nil
}

func (f *finder) head(ctx context.Context, warn func(code, message string)) (*link, error) {
	seq, err := f.first(ctx)
	if err != nil {
		return nil, err
	}
	if seq < 0 {
		if f.unknown != "" {
			return nil, fmt.Errorf("log %q has manifests that the configured key did not sign (%s): configure the key that signed them, list it under `signing::trusted_keys` where it was rotated, or choose a new `log`", f.log, f.unknown)
		}
		return noLink(), nil
	}
	for {
		if seq, err = f.last(ctx, seq); err != nil {
			return nil, err
		}
		// Manifests behind a hole are still the log's: never write into the hole.
		beyond, err := f.beyond(ctx, seq)
		if err != nil {
			return nil, err
		}
		if beyond < 0 {
			break
		}
		warn(CodeManifestMissing, fmt.Sprintf("log %s has no manifest %d, but has %d", f.log, seq+1, beyond))
		seq = beyond
	}
	return f.check(ctx, seq)
}

// at lists the manifests at a sequence number that verify, oldest first.
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
		if err != nil {
			return nil, err
		}
		m, err := ParseManifest(body, f.keys)
		if errors.Is(err, errUntrusted) {
			if m, _, _ := parseEnvelope(body); m != nil && m.Predicate.Log == f.log && m.Predicate.Seq == seq {
				f.unknown = key
			}
		}
		if err != nil || m.Predicate.Log != f.log || m.Predicate.Seq != seq {
			continue
		}
		if by, ok := f.retired[m.KeyID]; !ok || seq <= by {
			list = append(list, m)
		}
	}
	return list, nil
}

func (f *finder) has(ctx context.Context, seq int64) (bool, error) {
	list, err := f.at(ctx, seq)
	return len(list) > 0, err
}

// first is the oldest sequence number that is there, -1 for none: 0, unless the
// oldest manifests have expired.
func (f *finder) first(ctx context.Context) (int64, error) {
	if ok, err := f.has(ctx, 0); ok || err != nil {
		return 0, err
	}
	last := ""
	for v, err := range f.r.List(ctx, ManifestPrefix+f.log+"/", "") {
		if err != nil {
			return 0, err
		}
		if v.Key == last {
			continue
		}
		last = v.Key
		if log, seq, ok := parseManifestKey(v.Key); ok && log == f.log {
			if ok, err := f.has(ctx, seq); ok || err != nil {
				return seq, err
			}
		}
	}
	return -1, nil
}

// last is the newest of the sequence numbers from seq on that are there without a
// hole, by doubling steps and then halving.
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

// maxBeyond bounds how many keys past the head are looked at: any number can be
// squatted.
const maxBeyond = 1000

func (f *finder) beyond(ctx context.Context, seq int64) (int64, error) {
	n := 0
	for v, err := range f.r.List(ctx, ManifestPrefix+f.log+"/", ManifestKey(f.log, seq)) {
		if err != nil {
			return 0, err
		}
		if n++; n > maxBeyond {
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
	if seq == 0 {
		for _, m := range list {
			if m.follows(noLink()) == nil {
				return m.link()
			}
		}
		return nil, fmt.Errorf("the first manifest of log %q is signed but begins no chain: run `agentaudit verify`, and choose a new `log`", f.log)
	}
	before, err := f.at(ctx, seq-1)
	if err != nil {
		return nil, err
	}
	var reason error
	for _, m := range list {
		if len(before) == 0 {
			l, err := m.link()
			if err == nil {
				return l, nil
			}
			reason = err
		}
		for _, b := range before {
			l, err := b.link()
			if err == nil {
				if err = m.follows(l); err == nil {
					return m.link()
				}
			}
			reason = err
		}
	}
	return nil, fmt.Errorf("the head of log %q, manifest %d, does not continue the chain (%w): run `agentaudit verify`, and choose a new `log`", f.log, seq, reason)
}
