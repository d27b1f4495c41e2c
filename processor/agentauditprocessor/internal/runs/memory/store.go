package memory

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of what is remembered of all runs.
const (
	minBytes  = 64 << 20
	runBytes  = 8 << 10 // for each run that may be remembered, where that is more
	maxSilent = 4096    // ends of sessions that were not told of yet
	shards    = 8       // of a sender: requests of different runs do not wait for each other
)

// Store keeps what is remembered, for each sender apart. It is safe for concurrent use.
type Store struct {
	maxRuns, maxBytes int
	ttl               time.Duration

	mu      sync.Mutex // of senders
	senders map[Sender]*tenant

	links links

	runs, bytes atomic.Int64 // of all senders
	swept       atomic.Int64 // when all was last looked through, in nanoseconds

	silentMu sync.Mutex
	silent   []*Silent // sessions that fell silent, not yet told of
}

// tenant is what one sender has. A run is in the shard of its key.
type tenant struct {
	shards      [shards]shard
	runs, bytes atomic.Int64

	users int // requests that are being mapped; under Store.mu
}

type shard struct {
	mu      sync.Mutex
	entries *simplelru.LRU[Key, *entry]
}

// entry is a run, or a session, or calls of no run.
type entry struct {
	run     *Run
	session *Session // nil of a run
	shared  bool     // asked for one at a time, and counted then
}

// New makes a store of at most maxRuns runs and sessions, each for ttl after its last record.
func New(maxRuns int, ttl time.Duration) *Store {
	return &Store{maxRuns: max(maxRuns, 1), maxBytes: max(minBytes, maxRuns*runBytes), ttl: ttl, senders: map[Sender]*tenant{}}
}

// Open gives what a sender told, for the runs of those keys. Nobody else has them until
// Close.
func (s *Store) Open(sender Sender, now time.Time, keys []Key) *View {
	s.mu.Lock()
	t := s.senders[sender]
	if t == nil {
		t = &tenant{}
		for i := range t.shards {
			// The only error is a size below one. The bound is kept by Close, over all senders.
			t.shards[i].entries, _ = simplelru.NewLRU[Key, *entry](1<<31-1, nil)
		}
		s.senders[sender] = t
	}
	t.users++
	s.mu.Unlock()
	v := &View{store: s, tenant: t, now: now}
	for _, k := range keys {
		v.held[shardOf(k)] = true
	}
	for i := range v.held { // in one order, or two requests might wait for each other
		if v.held[i] {
			t.shards[i].mu.Lock()
		}
	}
	return v
}

var shardSeed = maphash.MakeSeed()

func shardOf(k Key) int { return int(maphash.Comparable(shardSeed, k) % (shards - 1)) }

// sessionShard has the sessions, and calls of no run, which are asked for one at a time while
// runs are held.
const sessionShard = shards - 1

// View is what a sender told, while a request of it is mapped.
type View struct {
	store  *Store
	tenant *tenant
	now    time.Time
	held   [shards]bool
	used   []*entry
}

// Run is the run of a key that the view was opened for, a new one if it is not known or was
// not heard of for too long.
func (v *View) Run(k Key) *Run { return v.entry(&v.tenant.shards[shardOf(k)], k).run }

// Unknown is a run that is not remembered.
func (v *View) Unknown() *Run { return &Run{} }

func (v *View) entry(sh *shard, k Key) *entry {
	e, ok := sh.entries.Get(k)
	if ok && v.now.Sub(e.run.seen) > v.store.ttl {
		v.store.remove(v.tenant, sh, k, e)
		ok = false
	}
	if !ok {
		e = &entry{run: &Run{kept: true, size: costRun + len(k.id) + len(k.of.Service) + len(k.of.Instance)}}
		if e.shared = k.kind != kindTrace && k.kind != kindConversation; k.kind == kindSession {
			e.session = &Session{entry: e}
		}
		sh.entries.Add(k, e)
		v.store.runs.Add(1)
		v.tenant.runs.Add(1)
		v.used = append(v.used, e)
	} else if len(v.used) == 0 || v.used[len(v.used)-1] != e {
		v.used = append(v.used, e)
	}
	e.run.seen = v.now
	return e
}

// Session calls f with a session of the sender, by its resource and id; a new one only
// where f may add to it.
func (v *View) Session(of Resource, id string, add bool, f func(*Session)) {
	sh := &v.tenant.shards[sessionShard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := session(of, id)
	if !add {
		if e, ok := sh.entries.Peek(k); !ok || v.now.Sub(e.run.seen) > v.store.ttl {
			return
		}
	}
	e := v.entry(sh, k)
	f(e.session)
	v.count(e)
}

// count takes in how a run has grown.
func (v *View) count(e *entry) {
	n := int64(e.run.size - e.run.counts)
	e.run.counts = e.run.size
	v.tenant.bytes.Add(n)
	v.store.bytes.Add(n)
}

// Close gives the runs back, and forgets the oldest of the sender that has most where
// there are too many of them, or they hold too much: one sender can crowd out itself. It
// returns how many were forgotten.
func (v *View) Close() (evicted int) {
	for _, e := range v.used {
		if !e.shared {
			v.count(e)
		}
	}
	for i := range v.held {
		if v.held[i] {
			v.tenant.shards[i].mu.Unlock()
		}
	}
	s := v.store
	s.mu.Lock()
	defer s.mu.Unlock()
	v.tenant.users--
	for s.runs.Load() > int64(s.maxRuns) || s.bytes.Load() > int64(s.maxBytes) && s.runs.Load() > 1 {
		if !s.evict(s.runs.Load() > int64(s.maxRuns)) {
			break
		}
		evicted++
	}
	s.tidy()
	return evicted
}

// evict forgets the oldest run of the sender that has the most runs, or bytes.
func (s *Store) evict(byRuns bool) bool {
	var big *tenant
	most := int64(-1)
	for _, t := range s.senders {
		n := t.bytes.Load()
		if byRuns {
			n = t.runs.Load()
		}
		if n > most {
			big, most = t, n
		}
	}
	if big == nil {
		return false
	}
	at, oldest := -1, time.Time{}
	for i := range big.shards {
		sh := &big.shards[i]
		sh.mu.Lock()
		if _, e, ok := sh.entries.GetOldest(); ok && (at < 0 || e.run.seen.Before(oldest)) {
			at, oldest = i, e.run.seen
		}
		sh.mu.Unlock()
	}
	if at < 0 {
		return false
	}
	sh := &big.shards[at]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if k, e, ok := sh.entries.GetOldest(); ok {
		s.remove(big, sh, k, e)
	}
	return true
}

// remove forgets a run; its shard is locked.
func (s *Store) remove(t *tenant, sh *shard, k Key, e *entry) {
	sh.entries.Remove(k)
	t.runs.Add(-1)
	s.runs.Add(-1)
	t.bytes.Add(-int64(e.run.counts))
	s.bytes.Add(-int64(e.run.counts))
	for _, c := range e.run.calls {
		s.unlink(c)
	}
	if e.session != nil && e.session.silent != nil && !e.session.silent.Framed && !e.session.silent.Ended {
		s.silentMu.Lock()
		if len(s.silent) < maxSilent {
			s.silent = append(s.silent, e.session.silent)
		}
		s.silentMu.Unlock()
	}
}

// tidy forgets senders of whom nothing is remembered; mu is locked.
func (s *Store) tidy() {
	if len(s.senders) < 2 {
		return
	}
	for k, t := range s.senders {
		if t.users == 0 && t.runs.Load() == 0 {
			delete(s.senders, k)
		}
	}
}

// Expire forgets what was not heard of for the time that things are remembered. It looks
// through all at most once in a twentieth of that time.
func (s *Store) Expire(now time.Time) {
	last := s.swept.Load()
	if now.UnixNano()-last < int64(min(s.ttl/20, time.Second)) && last != 0 && now.UnixNano() >= last || !s.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.senders {
		for i := range t.shards {
			sh := &t.shards[i]
			sh.mu.Lock()
			for { // the least recently used expire first
				k, e, ok := sh.entries.GetOldest()
				if !ok || now.Sub(e.run.seen) <= s.ttl {
					break
				}
				s.remove(t, sh, k, e)
			}
			sh.mu.Unlock()
		}
	}
	s.tidy()
}

// FellSilent gives the sessions that ended by silence, each once.
func (s *Store) FellSilent() []*Silent {
	s.silentMu.Lock()
	defer s.silentMu.Unlock()
	list := s.silent
	s.silent = nil
	return list
}
