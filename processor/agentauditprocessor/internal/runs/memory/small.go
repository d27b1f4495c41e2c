package memory

// Small is a map that mostly holds few things: a run has several, there may be a million
// runs, and a map takes four objects. The zero Small is ready.
type Small[K comparable, V any] struct {
	list []pair[K, V]
	many map[K]V // in the place of list, from maxList on
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// maxList is how many are searched one by one.
const maxList = 32

// Len is how many things are in it.
func (s *Small[K, V]) Len() int { return len(s.list) + len(s.many) }

// Get is the value of a key.
func (s *Small[K, V]) Get(k K) (v V, ok bool) {
	if s.many != nil {
		v, ok = s.many[k]
		return v, ok
	}
	for i := range s.list {
		if s.list[i].key == k {
			return s.list[i].value, true
		}
	}
	return v, false
}

// Put sets the value of a key.
func (s *Small[K, V]) Put(k K, v V) {
	if s.many != nil {
		s.many[k] = v
		return
	}
	for i := range s.list {
		if s.list[i].key == k {
			s.list[i].value = v
			return
		}
	}
	if len(s.list) < maxList {
		s.list = append(s.list, pair[K, V]{k, v})
		return
	}
	s.many = make(map[K]V, 2*maxList)
	for _, p := range s.list {
		s.many[p.key] = p.value
	}
	s.many[k] = v
	s.list = nil
}
