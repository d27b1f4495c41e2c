package runs

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

// fact is which event told a key.
type fact struct {
	event ref
	typ   uint8 // see typeNumber
	log   bool
}

// typeNumber tells event types apart.
var typeNumber = func() map[semconv.EventType]uint8 {
	m := map[semconv.EventType]uint8{}
	for i, t := range semconv.EventTypes() {
		m[t] = uint8(i) + 1
	}
	return m
}()

// spanFact is what is known of a span.
type spanFact struct {
	parent pcommon.SpanID
	event  ref  // the event that stands for the span
	call   bool // a model call
}

// kids are the model calls directly below a span.
type kids struct {
	n     int
	first ref
}

// ref is the id of an event: mostly a UUID, else one of run.named. The zero ref is none.
type ref struct {
	kind uint8
	id   uuid.UUID
}

const (
	refUUID = iota + 1
	refNamed
)

// ref is none where a run has more names than it may remember: a link is then missing, and
// no event.
func (r *run) ref(id string) ref {
	if id == "" {
		return ref{}
	}
	if u, err := uuid.Parse(id); err == nil && u.String() == id {
		return ref{refUUID, u}
	}
	at := slices.Index(r.named, id)
	if at < 0 {
		if len(r.named) >= maxFacts {
			return ref{}
		}
		at = len(r.named)
		r.named = append(r.named, id)
	}
	x := ref{kind: refNamed}
	binary.BigEndian.PutUint64(x.id[:], uint64(at)) //nolint:gosec // not negative
	return x
}

func (r *run) eventID(x ref) string {
	switch x.kind {
	case refUUID:
		return x.id.String()
	case refNamed:
		return r.named[binary.BigEndian.Uint64(x.id[:])]
	}
	return ""
}

// tell notes which event told a key, the first one, while there is room.
func (r *run) tell(key string, p *placed) {
	id := idOf(key)
	if _, known := r.facts.get(id); !known && r.facts.len() < maxFacts {
		r.facts.put(id, fact{r.ref(p.ev.EventID), typeNumber[p.ev.EventType], p.n.d.Record.Log})
	}
}

// told is which event told a key.
func (r *run) told(key string) (fact, bool) {
	if r.facts.len() == 0 {
		return fact{}, false
	}
	return r.facts.get(idOf(key))
}
