package memory

import (
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Call is what is remembered of a call of a model or a tool, so that others who tell of it,
// too, can be linked to it: across traces, resources and senders. Texts are their digests,
// 0 where there is none.
type Call struct {
	Sender       Sender
	Of           Resource
	Trace        pcommon.TraceID
	Span, Parent pcommon.SpanID
	Start, End   int64 // in nanoseconds; 0 where the times are not known
	Log          bool  // told by a log record

	Name, ID        Digest // of a tool, and of its call
	Model, Answered Digest // the model that was asked for, and the one that answered
	Text, Requested Digest // what it answered
	Input, Output   int64  // tokens, -1 where they are not known
	Event, LayerOf  string // the event that tells it, and the one that this is a layer of
	keys            []LinkKey
	turn            uint64 // calls are linked to those before them only
}

// Digest is a digest of a text that no sender can foresee; 0 is none.
type Digest uint64

// DigestOf is the digest of a text.
func DigestOf(text string) Digest {
	if text == "" {
		return 0
	}
	return Digest(maphash.String(seeds[0], text) | 1)
}

// LinkKey is what calls that may be one have in common.
type LinkKey factID

// linkKey is hashed whole: no two of its kinds have one key.
type linkKey struct {
	kind   uint8
	sender Sender
	trace  pcommon.TraceID
	span   pcommon.SpanID
	id     string
}

const (
	linkAnswer  = iota + 1 // of one sender, in any trace
	linkInTrace            // of any sender
	linkSpan
)

func (k linkKey) key() LinkKey {
	return LinkKey{maphash.Comparable(seeds[0], k), maphash.Comparable(seeds[1], k)}
}

// AnswerKey is the key of what one sender told of an answer with an id.
func AnswerKey(s Sender, id string) LinkKey {
	return linkKey{kind: linkAnswer, sender: s, id: id}.key()
}

// TraceKey is the key of what anyone told of an answer with an id in a trace.
func TraceKey(trace pcommon.TraceID, id string) LinkKey {
	return linkKey{kind: linkInTrace, trace: trace, id: id}.key()
}

// SpanKey is the key of what anyone told as a span, or directly below it.
func SpanKey(trace pcommon.TraceID, span pcommon.SpanID) LinkKey {
	return linkKey{kind: linkSpan, trace: trace, span: span}.key()
}

// maxSame is how many calls of one key are remembered, the last ones of whoever tells most:
// there are servers whose ids all begin with one.
const maxSame = 128

// links are the calls of all senders by what they have in common. What stands in them is
// held by the run that it was told in, and goes with it.
type links struct {
	turn   atomic.Uint64
	shards [16]struct {
		mu sync.Mutex
		of map[LinkKey][]*Call
	}
}

// find is the oldest call under a key, before a turn, that is the same as another.
func (l *links) find(k LinkKey, before uint64, same func(*Call) bool) *Call {
	sh := &l.shards[k[0]%uint64(len(l.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, c := range sh.of[k] {
		if c.turn < before && same(c) {
			return c
		}
	}
	return nil
}

func (l *links) add(k LinkKey, c *Call) {
	sh := &l.shards[k[0]%uint64(len(l.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.of == nil {
		sh.of = map[LinkKey][]*Call{}
	}
	list := append(sh.of[k], c)
	if len(list) > maxSame {
		at := crowd(list)
		list = slices.Delete(list, at, at+1)
	}
	sh.of[k] = list
}

// crowd is the oldest call of the sender who told most of them.
func crowd(list []*Call) (at int) {
	count, most := map[Sender]int{}, 0
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i].Sender
		if count[s]++; count[s] >= most {
			at, most = i, count[s]
		}
	}
	return at
}

func (l *links) remove(k LinkKey, c *Call) {
	sh := &l.shards[k[0]%uint64(len(l.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := slices.DeleteFunc(sh.of[k], func(x *Call) bool { return x == c })
	if len(list) == 0 {
		delete(sh.of, k)
		return
	}
	sh.of[k] = list
}

// Link remembers a call of a run under its keys, while there is room, and gives the call
// that is the same and was told before; nil where none was. What is told again is linked as
// it was the first time.
func (v *View) Link(p *Part, c *Call, keys []LinkKey, same func(*Call) bool) *Call {
	l := &v.store.links
	again := l.find(keys[0], math.MaxUint64, func(o *Call) bool { return o.Event == c.Event && o.Sender == c.Sender })
	if again != nil {
		c.turn = again.turn
	} else {
		c.turn = l.turn.Add(1)
		v.put(p, c, keys)
	}
	for _, own := range []bool{true, false} { // what others told changes nothing of what one told oneself
		for _, k := range keys {
			before := l.find(k, c.turn, func(o *Call) bool { return (o.Sender == c.Sender) == own && same(o) })
			if before != nil {
				return before
			}
		}
	}
	return nil
}

func (v *View) put(p *Part, c *Call, keys []LinkKey) {
	c.Event, c.LayerOf, c.keys = strings.Clone(c.Event), strings.Clone(c.LayerOf), keys
	if p.Run.kept {
		if len(p.Run.calls) < maxFacts && p.Run.room(c.cost()) {
			v.hold(p.Run, c)
		}
		return
	}
	// Of no run: the last ones of the resource.
	sh := &v.tenant.shards[sessionShard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := v.entry(sh, loose(p.resource))
	r := e.run
	for len(r.calls) > 0 && (len(r.calls) >= maxFacts || r.size+c.cost() > maxRunBytes) {
		v.store.unlink(r.calls[0])
		r.size -= r.calls[0].cost()
		r.calls = slices.Delete(r.calls, 0, 1)
	}
	if r.room(c.cost()) {
		v.hold(r, c)
	}
	v.count(e)
}

func (v *View) hold(r *Run, c *Call) {
	r.calls = append(r.calls, c)
	for _, k := range c.keys {
		v.store.links.add(k, c)
	}
}

// cost is what a call takes, in bytes.
func (c *Call) cost() int { return costCall + len(c.keys)*costLink + len(c.Event) + len(c.LayerOf) }

// unlink forgets a call.
func (s *Store) unlink(c *Call) {
	for _, k := range c.keys {
		s.links.remove(k, c)
	}
}
