package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// maxSessions is the number of sessions up to which a set is exact.
const maxSessions = 4096

// Sessions is the set of the sessions in an object: the sorted first 64 bits of the
// SHA-256 of each session id, as 16 hex digits; for many sessions a Bloom filter of
// those 64 bits, which may say yes wrongly and never no.
type Sessions struct {
	Count    int      `json:"count"`
	Prefixes []string `json:"prefixes,omitempty"`
	Bloom    *Bloom   `json:"bloom,omitempty"`
}

// Bloom is a filter of m = 8·len(Bits) bits. With h the 64 bits of an element, a its
// upper and b its lower half with the lowest bit set, bit number (a + i·b) mod m is
// set for every i from 0 to Hashes-1; bit n is bit n mod 8 of byte n / 8.
type Bloom struct {
	Hashes int    `json:"hashes"`
	Bits   string `json:"bits"` // base64, standard, padded
}

// sessionHash is the first 64 bits of the SHA-256 of a session id.
func sessionHash(session string) uint64 {
	sum := sha256.Sum256([]byte(session))
	return binary.BigEndian.Uint64(sum[:])
}

// Exact reports whether the set can prove that a session is not in the object.
func (s *Sessions) Exact() bool { return s.Bloom == nil }

// Has reports whether the session may be in the object.
func (s *Sessions) Has(session string) bool {
	h := sessionHash(session)
	if s.Bloom != nil {
		return s.Bloom.filter()(h)
	}
	return slices.Contains(s.Prefixes, hexHash(h))
}

// filter reports of a hash whether it may be in the filter; of one that cannot be read that any
// may.
func (b *Bloom) filter() func(h uint64) bool {
	bits, err := base64.StdEncoding.DecodeString(b.Bits)
	if err != nil || len(bits) == 0 {
		return func(uint64) bool { return true }
	}
	return func(h uint64) bool {
		for i := range b.Hashes {
			if n := bloomBit(h, i, len(bits)); bits[n/8]&(1<<(n%8)) == 0 {
				return false
			}
		}
		return true
	}
}

// SessionIDs are sessions that are looked for. There may be many: a session has as many runs,
// which are looked for like sessions, as a sender likes.
type SessionIDs struct {
	known    map[string]bool
	list     []uint64        // their hashes
	prefixes map[string]bool // in hex
}

// NewSessionIDs makes a set.
func NewSessionIDs(ids ...string) *SessionIDs {
	x := &SessionIDs{known: map[string]bool{}, prefixes: map[string]bool{}}
	for _, id := range ids {
		x.Add(id)
	}
	return x
}

// Add adds a session.
func (x *SessionIDs) Add(id string) {
	if x.known[id] {
		return
	}
	x.known[id] = true
	h := sessionHash(id)
	x.list, x.prefixes[hexHash(h)] = append(x.list, h), true
}

// Contains reports whether a session is among them.
func (x *SessionIDs) Contains(id string) bool { return x.known[id] }

// Len is how many there are.
func (x *SessionIDs) Len() int { return len(x.known) }

// In reports whether any of them may be in an object, as Sessions.Has says it of one.
func (x *SessionIDs) In(s *Sessions) bool {
	if s.Bloom == nil {
		return slices.ContainsFunc(s.Prefixes, func(prefix string) bool { return x.prefixes[prefix] })
	}
	has := s.Bloom.filter()
	return slices.ContainsFunc(x.list, has)
}

func hexHash(h uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h)
	return hex.EncodeToString(b[:])
}

func bloomBit(h uint64, i, size int) uint64 {
	a, b := h>>32, h&0xffffffff|1
	return (a + uint64(i)*b) % uint64(size*8)
}

// sessionSet gathers the sessions of an object.
type sessionSet struct {
	last string // most lines are of the session of the line before
	set  map[uint64]struct{}
}

func (s *sessionSet) add(session string) {
	if session == "" || session == s.last {
		return
	}
	s.last = session
	if s.set == nil {
		s.set = map[uint64]struct{}{}
	}
	s.set[sessionHash(session)] = struct{}{}
}

func (s *sessionSet) summary() Sessions {
	hashes := make([]uint64, 0, len(s.set))
	for h := range s.set {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	out := Sessions{Count: len(hashes)}
	if len(hashes) <= maxSessions {
		out.Prefixes = make([]string, len(hashes))
		for i, h := range hashes {
			out.Prefixes[i] = hexHash(h)
		}
		return out
	}
	const hashesEach = 7 // with 10 bits an element: under one in a hundred wrong
	bits := make([]byte, (len(hashes)*10+7)/8)
	for _, h := range hashes {
		for i := range hashesEach {
			n := bloomBit(h, i, len(bits))
			bits[n/8] |= 1 << (n % 8)
		}
	}
	out.Bloom = &Bloom{Hashes: hashesEach, Bits: base64.StdEncoding.EncodeToString(bits)}
	return out
}

// equal reports whether two sets are the same, byte for byte.
func (s *Sessions) equal(o *Sessions) bool {
	if (s.Bloom == nil) != (o.Bloom == nil) || s.Bloom != nil && *s.Bloom != *o.Bloom {
		return false
	}
	return s.Count == o.Count && slices.Equal(s.Prefixes, o.Prefixes)
}
