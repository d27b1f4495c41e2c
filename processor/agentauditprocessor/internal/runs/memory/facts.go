package memory

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// What a run remembers of its events holds no pointers: a million runs are walked by
// every collection of garbage.

// factID is a hash of a key that no sender can foresee: two keys do not share one.
type factID [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func idOf(key string) factID {
	return factID{maphash.String(seeds[0], key), maphash.String(seeds[1], key)}
}

// Fact is which event told a key first.
type Fact struct {
	Event ref
	answer
	typ uint8 // see typeNumber
	Log bool
}

// answer tells the ids of answers of models apart; 0 is none.
type answer uint32

func answerOf(id string) answer {
	if id == "" {
		return 0
	}
	return answer(maphash.String(seeds[0], id)) | 1
}

// May reports whether a call with that id of its answer may be the same: unequal ids never
// are.
func (a answer) May(id string) bool { return a == 0 || id == "" || a == answerOf(id) }

// Is reports whether the event was of that type.
func (f Fact) Is(t semconv.EventType) bool { return f.typ == typeNumber[t] }

// typeNumber tells event types apart.
var typeNumber = func() map[semconv.EventType]uint8 {
	m := map[semconv.EventType]uint8{}
	for i, t := range semconv.EventTypes() {
		m[t] = uint8(i) + 1
	}
	return m
}()

// Span is what is known of a span.
type Span struct {
	Parent pcommon.SpanID
	Event  ref // the event that stands for the span
	answer
	Call  bool // a model call
	part  uint16
	agent uint16 // of the part: see agentNumber
}

// Kids are the model calls directly below a span.
type Kids struct {
	First  ref
	answer // of the first
	N      int32
}

// ref is the id of an event: mostly a UUID, else one of the names of the run. The zero
// ref is none.
type ref struct {
	kind uint8
	id   uuid.UUID
}

const (
	refUUID = iota + 1
	refNamed
)

// Ref is none where a run has more names than it may remember: a link is then missing, and
// no event.
func (r *Run) Ref(id string) ref {
	if id == "" {
		return ref{}
	}
	if u, err := uuid.Parse(id); err == nil && u.String() == id {
		return ref{refUUID, u}
	}
	at := slices.Index(r.names, id)
	if at < 0 {
		if len(r.names) >= maxFacts || !r.room(costName+len(id)) {
			return ref{}
		}
		at = len(r.names)
		r.names = append(r.names, id)
	}
	x := ref{kind: refNamed}
	binary.BigEndian.PutUint64(x.id[:], uint64(at))
	return x
}

// EventID is the id that a ref was made of.
func (r *Run) EventID(x ref) string {
	switch x.kind {
	case refUUID:
		return x.id.String()
	case refNamed:
		return r.names[binary.BigEndian.Uint64(x.id[:])]
	}
	return ""
}

// Tell notes which event told a key, the first one, while there is room.
func (p *Part) Tell(key string, event string, t semconv.EventType, answerID string, log bool) {
	id := idOf(key)
	if _, known := p.facts.Get(id); !known && p.facts.Len() < maxFacts && p.Run.room(costFact) {
		p.facts.Put(id, Fact{p.Run.Ref(event), answerOf(answerID), typeNumber[t], log})
	}
}

// Told is which event told a key.
func (p *Part) Told(key string) (Fact, bool) {
	if p.facts.Len() == 0 {
		return Fact{}, false
	}
	return p.facts.Get(idOf(key))
}
