package agentauditexporter

import (
	"context"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// sighted is a log as a listing shows it, which proves nothing.
type sighted struct {
	log     string
	entries int
	whole   bool             // all of it was listed
	newest  time.Time        // by the store's clock
	some    []ledger.Version // the first, one at random, and the last that were listed
}

// maxSighted is how much of a log is listed before the search goes on behind it.
const maxSighted = 2 * pageSize

// around goes through the logs behind a name in the order of the bucket, and from its
// beginning to that name, until the bucket has been asked often enough.
func (w *watcher) around(ctx context.Context, r ledger.Reader, from string) iter.Seq[*sighted] {
	return func(yield func(*sighted) bool) {
		goOn, from := true, from+"0" // which follows the slash behind a log's name
		w.scan(ctx, r, ledger.ManifestPrefix+from, func(s *sighted) bool {
			goOn = yield(s)
			return goOn
		})
		if goOn {
			w.scan(ctx, r, "", func(s *sighted) bool { return s.log+"/" <= from && yield(s) })
		}
	}
}

// scan calls each with the logs behind a key, until it returns false.
func (w *watcher) scan(ctx context.Context, r ledger.Reader, after string, each func(*sighted) bool) {
	for {
		var s *sighted
		name, again := "", false
		for v, err := range r.List(ctx, ledger.ManifestPrefix, after) {
			if err != nil {
				return
			}
			key := strings.TrimPrefix(v.Key, ledger.ManifestPrefix)
			log, _, folder := strings.Cut(key, "/")
			if s == nil || log != name {
				if s != nil && s.some != nil {
					s.whole = true
					if !each(s) {
						return
					}
				}
				s, name = &sighted{log: log}, log
			}
			if s.entries++; s.entries > maxSighted {
				after, again = v.Key, true
				if folder {
					after = ledger.ManifestPrefix + log + "0"
				}
				break
			}
			w.add(s, v)
		}
		if s != nil && s.some != nil {
			s.whole = !again
			if !each(s) {
				return
			}
		}
		if !again {
			return
		}
	}
}

// add notes one of the manifests of a log, if it is one by its key.
func (w *watcher) add(s *sighted, v ledger.Version) {
	if _, ok := seqIn(s.log, v.Key); !ok {
		return
	}
	if v.LastModified.After(s.newest) {
		s.newest = v.LastModified
	}
	switch {
	case s.some == nil:
		s.some = []ledger.Version{v, v, v}
	case w.rand.IntN(s.entries) == 0:
		s.some[1] = v
	}
	s.some[2] = v
}

// seqIn is the sequence number in the key of a manifest of a log.
func seqIn(log, key string) (int64, bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, ledger.ManifestPrefix+log+"/"), ".json")
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, err == nil && seq >= 0 && ledger.ValidLog(log) && ledger.ManifestKey(log, seq) == key
}

// maxSample bounds a manifest that is read to see who signed it, in bytes.
const maxSample = 1 << 20

// signers are those of the watcher's keys that signed one of a few manifests of a log,
// none where the newest shows that it has no writer. Garbage costs a request or three.
func (w *watcher) signers(ctx context.Context, r ledger.Reader, s *sighted) (keys []ledger.PublicKey) {
	some := slices.Clone(s.some)
	slices.Reverse(some)
	if !s.whole {
		some = append(some, w.beyond(ctx, r, s)...)
	}
	asked := map[string]bool{}
	for i, v := range some {
		if asked[v.ID] || v.DeleteMarker || v.Size > maxSample {
			continue
		}
		asked[v.ID] = true
		body, err := r.Get(ctx, v.Key, v.ID)
		if err != nil {
			continue
		}
		m, err := ledger.ParseManifest(body, w.keys)
		if err != nil || ledger.ManifestKey(m.Predicate.Log, m.Predicate.Seq) != v.Key {
			continue
		}
		if s.whole && i == 0 && (m.Predicate.Kind.Ends() || w.now().Sub(m.SealedAt()) > w.alive) {
			return nil
		}
		if k := slices.IndexFunc(w.keys, func(k ledger.PublicKey) bool { return k.ID == m.KeyID }); !slices.ContainsFunc(keys, func(k ledger.PublicKey) bool { return k.ID == m.KeyID }) {
			keys = append(keys, w.keys[k])
		}
	}
	return keys
}

// beyond are a few manifests of a log that is too long to be listed, towards its end: its
// key may have been replaced since the beginning.
func (w *watcher) beyond(ctx context.Context, r ledger.Reader, s *sighted) (some []ledger.Version) {
	low, _ := seqIn(s.log, s.some[2].Key)
	first := func(seq int64) (found ledger.Version, at int64, ok bool) {
		for v, err := range r.List(ctx, ledger.ManifestPrefix+s.log+"/", ledger.ManifestKey(s.log, seq)) {
			if err != nil {
				break
			}
			at, ok = seqIn(s.log, v.Key)
			return v, at, ok
		}
		return found, 0, false
	}
	high := low
	for high < math.MaxInt32 {
		v, at, ok := first(2 * low)
		if high = 2 * low; !ok || at > 2*high {
			break // what is farther ahead was planted
		}
		some, low = append(some, v), high
	}
	if v, at, ok := first(low + w.rand.Int64N(high-low+1)); ok && at <= high {
		some = append(some, v)
	}
	return some[max(0, len(some)-3):]
}
