package adversary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// fact is a manifest that was signed, by whomever.
type fact struct {
	predicate
	digest  string
	payload []byte
	body    []byte // the envelope as stored
	format  int
	until   time.Time // the end of its lock, as it was stored
	by      *keypair
	forged  bool // not by the writer of the log
	honest  bool // as one would have written it
}

// written is a checkpoint that a writer stored.
type written struct {
	log  string
	size int
	text []byte
	by   *keypair
}

// logTruth is what is true of a log.
type logTruth struct {
	name      string
	keys      []*keypair // that signed it, in order
	all       []*fact    // what its writers stored, in the order of storing
	notes     []written
	retention time.Duration
	skew      time.Duration // of the writers' clock
	old       bool          // it is still written in version 1
	stopped   bool          // nobody writes it any more

	writers [2]*ledger.Chain
	heads   []ledger.HeadRef // for the next manifest
	acked   []string         // objects whose commit a writer was told of
}

// chain is the log as it was sealed. Where two writers stored a manifest at one place, it
// is the one that they went on from, and at the end the older.
func (l *logTruth) chain() []*fact { return l.grow("", 0) }

func (l *logTruth) grow(previous string, seq int) (best []*fact) {
	for _, f := range l.all {
		if f.Seq != seq || f.Previous != previous {
			continue
		}
		if rest := l.grow(f.digest, seq+1); best == nil || len(rest) >= len(best) {
			best = append([]*fact{f}, rest...)
		}
	}
	return best
}

// signer is the key that signs the log now.
func (l *logTruth) signer() *keypair { return l.keys[len(l.keys)-1] }

// lost is what a lifecycle took away.
type lost struct {
	key string
	v   version
}

// world is the truth of a trail, and the trail.
type world struct {
	t     *rapid.T
	b     *bucket
	now   time.Time
	mode  string // of all locks
	logs  []*logTruth
	facts map[string]*fact // by digest: all that was ever signed
	kept  []written        // checkpoints that the auditor keeps
	grave []lost
	story []string

	used     int  // keys
	sessions int  // events of each are told apart by it
	squatted bool // somebody laid something unreadable during the history
	swept    time.Time
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: time.Date(2020, 3, 1, 12, 0, 0, 0, time.UTC), facts: map[string]*fact{}}
	w.b = newBucket(func() time.Time { return w.now })
	w.b.written = w.stored
	w.mode = rapid.SampledFrom([]string{ledger.Compliance, ledger.Governance}).Draw(t, "mode")
	return w
}

func (w *world) say(format string, args ...any) {
	w.story = append(w.story, w.now.Format("Jan 02 15:04 ")+fmt.Sprintf(format, args...))
}

func (w *world) newKey() *keypair {
	w.used++
	return keys[w.used-1]
}

func (w *world) log(name string) *logTruth {
	i := slices.IndexFunc(w.logs, func(l *logTruth) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return w.logs[i]
}

// stored writes down what a writer stored.
func (w *world) stored(key string, v *version) {
	log := w.log(strings.Split(key+"//", "/")[2])
	switch {
	case strings.HasPrefix(key, "manifests/"):
		if payload, _ := unseal(v.body); w.facts[digest(payload)] != nil {
			return // sent again, over a delete marker
		}
		f := w.learn(v.body, log.signer())
		f.until, f.honest = v.lock.Until, true
		log.all = append(log.all, f)
	case strings.HasPrefix(key, "checkpoints/"):
		_, _, size, _ := readNote(string(v.body))
		log.notes = append(log.notes, written{log.name, size, v.body, log.signer()})
	}
}

// learn notes a manifest that was signed.
func (w *world) learn(body []byte, by *keypair) *fact {
	payload, st := unseal(body)
	if st == nil {
		panic("no manifest: " + string(body))
	}
	f := &fact{predicate: st.Predicate, digest: digest(payload), payload: payload, body: body, by: by}
	f.format = int(st.PredicateType[len(st.PredicateType)-1] - '0')
	w.facts[f.digest] = f
	return f
}

// times are those of the manifests of a path: they never go back.
func times(path []*fact) (list []time.Time) {
	var at time.Time
	for _, f := range path {
		t := f.WrittenAt
		if f.format > 1 && f.Time != nil {
			t = *f.Time
		}
		if t.After(at) {
			at = t
		}
		list = append(list, at)
	}
	return list
}

func events(f *fact) (n int64) {
	for i := range f.Objects {
		n += f.Objects[i].Events
	}
	return n
}

// follow is the manifest that goes on from a chain, as an honest writer would write it.
func follow(log string, base []*fact, format int, at time.Time, lock promise) predicate {
	p := predicate{Log: log, Seq: len(base), Kind: "heartbeat", Objects: []object{}, Heads: []headRef{}}
	p.WrittenAt = at.UTC().Truncate(time.Millisecond)
	var leaves [][]byte
	past, known := time.Time{}, true
	for _, f := range base {
		leaves = append(leaves, leaf(f.payload))
		if f.Kind == "key_rotation" {
			p.RotatedAt = &f.Seq
		}
		if f.Retention == nil {
			known = false
		} else if f.Retention.Until.After(past) {
			past = f.Retention.Until
		}
	}
	p.Tree = treeOf(leaves)
	if len(base) > 0 {
		p.Previous = base[len(base)-1].digest
	}
	if format < 2 {
		return p
	}
	now := p.WrittenAt
	if len(base) > 0 {
		last := base[len(base)-1]
		if last.Time != nil && last.Time.After(now) {
			now = *last.Time
		} else if last.Time == nil && last.WrittenAt.After(now) {
			now = last.WrittenAt
		}
		p.Genesis = base[0].digest
		if known {
			p.PastUntil = &past
		}
		if lock.Until.Before(past) {
			lock.Until = past
		}
	}
	p.Time, p.Retention = &now, &lock
	return p
}
