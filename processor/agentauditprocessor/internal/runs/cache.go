package runs

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
)

// Bounds of what is remembered.
const (
	maxFacts   = 1024      // keys of facts, requested calls, and spans of one run each
	maxPending = 256       // spans of one run that messages wait for
	maxRunText = 1 << 20   // bytes of texts of one run: messages, parameters, prompts
	maxText    = 256 << 20 // bytes of texts of all runs
)

// run is what is remembered of one trace, or of one session where records carry no
// trace id.
type run struct {
	seen time.Time
	step int64

	session, user, agentID, agentName, agentVersion string
	rootSession                                     bool // session stands on the root
	prompt                                          string
	model                                           string // "" unknown or several
	models                                          int
	lastText                                        string // the last answer of a model that asked for no tool
	userText                                        string

	facts    small[factID, fact]             // keys that events told
	named    []string                        // see ref
	requests []*request                      // tool calls that models asked for
	spans    small[pcommon.SpanID, spanFact] // events by span
	llmKids  small[pcommon.SpanID, kids]     // model calls by the span they are directly below
	pending  map[pcommon.SpanID]*pending     // messages that came before their span
	size     int                             // bytes of texts
	counted  int                             // of size, what the cache has counted
	frames   []frameFact
	asks     []*ask  // of a session: see batch.session
	silent   *silent // of a session, likewise
	events   int
	failed   bool // an event told of an error
}

type frameFact struct{ start, end, agent string }

type request struct {
	chat.Call
	event   string
	claimed bool
}

// pending is what log records said of a model call whose span has not come.
type pending struct {
	in, out [][]byte // messages, each the inside of a JSON list
	draft   *dialect.Draft
}

// await notes what a span that has not come will be completed by. Most runs never need
// the map, and there may be a million runs.
func (r *run) await(span pcommon.SpanID, p *pending) {
	if r.pending == nil {
		r.pending = map[pcommon.SpanID]*pending{}
	}
	r.pending[span] = p
}

// cache keeps the runs seen lately.
type cache struct {
	lru     *simplelru.LRU[string, *run]
	ttl     time.Duration
	text    int // bytes of texts of all runs
	evicted int
	expired []*silent // sessions that fell silent, not yet told of
}

func newCache(maxRuns int, ttl time.Duration) *cache {
	c := &cache{ttl: ttl}
	// The only error is a size below one, which the configuration excludes.
	c.lru, _ = simplelru.NewLRU(max(maxRuns, 1), func(_ string, r *run) {
		c.evicted++
		c.text -= r.counted
	})
	return c
}

// expire forgets the runs of which nothing was heard for ttl.
func (c *cache) expire(now time.Time) {
	for { // the least recently used expire first
		k, old, ok := c.lru.GetOldest()
		if !ok || now.Sub(old.seen) <= c.ttl {
			return
		}
		if l := old.silent; l != nil && !l.framed && !l.ended {
			c.expired = append(c.expired, l)
		}
		c.lru.Remove(k)
	}
}

// get is the run of that key, a new one if it is not known or has expired.
func (c *cache) get(key string, now time.Time) *run {
	c.expire(now)
	r, ok := c.lru.Get(key)
	if !ok {
		r = &run{}
		c.lru.Add(key, r)
	}
	r.seen = now
	return r
}

// room reports whether a run may remember so many bytes of text more, and counts them.
func (r *run) room(n int) bool {
	if r.size+n > maxRunText {
		return false
	}
	r.size += n
	return true
}

// count takes in how a run has grown, and forgets the oldest runs where all of them
// hold too much.
func (c *cache) count(r *run) {
	c.text += r.size - r.counted
	r.counted = r.size
	for c.text > maxText && c.lru.Len() > 1 {
		c.lru.RemoveOldest()
	}
}
