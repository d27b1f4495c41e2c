package jsontext

import (
	"slices"
	"strconv"
	"strings"
)

// Keys are those of an object that is being written from attributes, of which OTLP lets
// several have one key. The zero Keys is ready.
type Keys struct {
	few   []string
	many  map[string]struct{} // in the place of few, from manyKeys on
	again map[string]int      // the last number given to a key that came again
}

// maxPrimes is how many primes a key gets; after that they are counted, or the keys of
// hostile telemetry would grow with their number.
const maxPrimes = 4

// Add takes a key into the object and returns what it is called there: itself, in valid
// UTF-8; where it is taken, with up to four primes after it, then with one and a number.
func (k *Keys) Add(key string) string {
	key = ValidText(key)
	if k.add(key) {
		return key
	}
	if k.again == nil {
		k.again = map[string]int{}
	}
	for {
		k.again[key]++
		n := k.again[key]
		name := key + strings.Repeat("'", min(n, maxPrimes))
		if n > maxPrimes {
			name = key + "'" + strconv.Itoa(n)
		}
		if k.add(name) {
			return name
		}
	}
}

// add reports whether the key was not taken.
func (k *Keys) add(key string) bool {
	if k.many != nil {
		before := len(k.many)
		k.many[key] = struct{}{}
		return len(k.many) > before
	}
	if slices.Contains(k.few, key) {
		return false
	}
	if k.few == nil {
		k.few = make([]string, 0, 8)
	}
	if k.few = append(k.few, key); len(k.few) == manyKeys {
		k.many = make(map[string]struct{}, 2*manyKeys)
		for _, have := range k.few {
			k.many[have] = struct{}{}
		}
	}
	return true
}
