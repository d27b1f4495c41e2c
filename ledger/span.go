package ledger

import (
	"slices"
	"time"
)

// Span narrows what a key is trusted for. The zero value narrows nothing: such a key may
// begin any log, and signs it until it names its successor.
type Span struct {
	// Logs are those that the key is named for; nil: none. A log that keys are named for
	// begins with no other key.
	Logs []string
	// Genesis is the digest of manifest 0 of the log that the key signs, hex; "" for any.
	Genesis string
	// LastSHA256 is the digest of the last manifest that the key signs, hex; "" for no such
	// end. It holds against whoever has the key and forks the log; the numbers below do not.
	LastSHA256 string
	FirstSeq   int64     // of the first manifest that it may sign
	LastSeq    *int64    // of the last, nil: no last
	NotBefore  time.Time // of the manifests that it may sign, by their time; zero: no bound
	NotAfter   time.Time // zero: no bound
}

// Names reports whether the key was named for the log.
func (k *PublicKey) Names(log string) bool {
	return k.May != nil && slices.Contains(k.May.Logs, log)
}

// Covers reports whether a manifest of a log may be signed, by its sequence number and
// its time.
func (s *Span) Covers(log string, seq int64, at time.Time) bool {
	switch {
	case s == nil:
		return true
	case s.Logs != nil && !slices.Contains(s.Logs, log):
		return false
	case seq < s.FirstSeq || s.LastSeq != nil && seq > *s.LastSeq:
		return false
	}
	return (s.NotBefore.IsZero() || !at.Before(s.NotBefore)) && (s.NotAfter.IsZero() || !at.After(s.NotAfter))
}

// keyring is the keys that an auditor gave, as they count for one log.
type keyring struct {
	log  string
	keys []PublicKey // that may sign a manifest of the log
	// named is set where keys were named for the log: then no others begin it.
	named bool
	all   []PublicKey // all that were given
}

func newKeyring(log string, given []PublicKey) *keyring {
	r := &keyring{log: log, all: given}
	for _, k := range given {
		r.named = r.named || k.Names(log)
	}
	for _, k := range given {
		if r.named && k.Names(log) || !r.named && (k.May == nil || k.May.Logs == nil) {
			r.keys = append(r.keys, k)
		}
	}
	return r
}

// add takes a key that an accepted rotation named, for the places behind it. Where the
// auditor gave the key too, what was given narrows it.
func (r *keyring) add(next PublicKey) {
	if r.has(next.ID) {
		return
	}
	r.keys = slices.Clone(r.keys)
	given := false
	for _, k := range r.all {
		if k.ID == next.ID {
			r.keys, given = append(r.keys, k), true
		}
	}
	if !given {
		r.keys, r.all = append(r.keys, next), append(slices.Clone(r.all), next)
	}
}

// may reports whether one of the spans of a key covers a place of the log.
func (r *keyring) may(id string, seq int64, at time.Time) bool {
	return slices.ContainsFunc(r.keys, func(k PublicKey) bool { return k.ID == id && k.May.Covers(r.log, seq, at) })
}

// has reports whether a key counts for the log at all.
func (r *keyring) has(id string) bool {
	return slices.ContainsFunc(r.keys, func(k PublicKey) bool { return k.ID == id })
}

// pinned reports whether the auditor knows that the log with that genesis begins with the
// key: it was named for the log, or its genesis was given.
func (r *keyring) pinned(id, genesis string) bool {
	return slices.ContainsFunc(r.keys, func(k PublicKey) bool {
		return k.ID == id && (k.Names(r.log) || k.May != nil && k.May.Genesis != "" && k.May.Genesis == genesis)
	})
}

// knows reports whether the auditor gave the genesis of the log.
func (r *keyring) knows(genesis string) bool {
	return slices.ContainsFunc(r.keys, func(k PublicKey) bool { return k.May != nil && k.May.Genesis != "" && k.May.Genesis == genesis })
}

// begins reports whether a key may have begun a log of that genesis.
func (r *keyring) begins(id, genesis string) bool {
	return slices.ContainsFunc(r.keys, func(k PublicKey) bool {
		return k.ID == id && (k.May == nil || k.May.Genesis == "" || k.May.Genesis == genesis)
	})
}

// last is the digest of the last manifest that a key signs, "" where it is not pinned.
func (r *keyring) last(id string) string {
	for _, k := range r.keys {
		if k.ID == id && k.May != nil && k.May.LastSHA256 != "" {
			return k.May.LastSHA256
		}
	}
	return ""
}
