package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// tables are what is compared across the whole trail, once all of it was read. Each
// is a spill: a trail has more events than memory.
type tables struct {
	seed  maphash.Seed // of the contents of events: secret, so that nobody can choose two alike
	ids   *spill       // event id → what was told, and where
	steps *spill       // log and run → step
	named *spill       // digest of a key → sealed, or there
	heads *spill       // log and place → its manifest, or what another log saw there
}

func newTables() *tables {
	return &tables{maphash.MakeSeed(), newSpill(), newSpill(), newSpill(), newSpill()}
}

func (t *tables) close() {
	for _, s := range []*spill{t.ids, t.steps, t.named, t.heads} {
		s.close()
	}
}

// where is a place in a trail, by numbers: the n-th log, the manifest, the n-th
// object of that, the line.
type where struct {
	log, seq, obj, line uint64
}

func (w where) before(o where) bool {
	return slices.Compare([]uint64{w.log, w.seq, w.obj, w.line}, []uint64{o.log, o.seq, o.obj, o.line}) < 0
}

// id notes what a line tells of an event, whose id is in the form that all versions share.
func (t *tables) id(id string, told []byte, at where) {
	key := sha256.Sum256([]byte(id))
	var room [8 + 4*binary.MaxVarintLen64]byte
	v := binary.BigEndian.AppendUint64(room[:0], maphash.Bytes(t.seed, told))
	for _, n := range []uint64{at.log, at.seq, at.obj, at.line} {
		v = binary.AppendUvarint(v, n)
	}
	t.ids.add(key[:16], v)
}

// tellings calls reused for every further content of an id, with the place of its
// first telling, and returns how many lines repeat another to the letter. Nothing of
// it depends on the order in which the objects were read.
func (t *tables) tellings(reused func(first, other where)) (doubles int64, err error) {
	seen := map[[16]byte]map[uint64]where{} // by id and content: one id can have any number of them
	err = t.ids.each(func(key, v []byte) {
		content := binary.BigEndian.Uint64(v)
		v = v[8:]
		var at where
		for _, p := range []*uint64{&at.log, &at.seq, &at.obj, &at.line} {
			n, w := binary.Uvarint(v)
			*p, v = n, v[w:]
		}
		k := [16]byte(key)
		contents := seen[k]
		if contents == nil {
			contents = map[uint64]where{}
			seen[k] = contents
		}
		have, ok := contents[content]
		if ok {
			doubles++
		}
		if !ok || at.before(have) {
			contents[content] = at
		}
	}, func() {
		for _, contents := range seen {
			if len(contents) < 2 {
				continue
			}
			list := slices.SortedFunc(maps.Values(contents), func(a, b where) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			for _, other := range list[1:] {
				reused(list[0], other)
			}
		}
		clear(seen)
	})
	return doubles, err
}

// SameEvent reports whether two lines tell one event: the same but for recorded_at,
// step_number, sender and the form that another schema version gives the id.
func SameEvent(a, b []byte) bool {
	var first, second semconv.LineReader
	one, err := first.Scan(a)
	if err != nil {
		return false
	}
	other, err := second.Scan(b)
	return err == nil && semconv.LegacyEventID(one.EventID) == semconv.LegacyEventID(other.EventID) &&
		bytes.Equal(first.AppendTold(nil), second.AppendTold(nil))
}

// step notes the place of an event in its run.
func (t *tables) step(log string, e *semconv.Event) {
	if e.RunID == "" || !e.StepNumber.Valid || e.StepNumber.Value < 1 || e.StepNumber.Value > 1<<20 {
		return
	}
	var key [128]byte
	var step [binary.MaxVarintLen64]byte
	t.steps.add(append(append(append(key[:0], log...), 0), e.RunID...), binary.AppendUvarint(step[:0], uint64(e.StepNumber.Value)))
}

// holes calls note for every run whose step numbers do not go from 1 to the highest.
func (t *tables) holes(note func(Finding)) error {
	runs := map[string]map[uint64]struct{}{}
	return t.steps.each(func(key, v []byte) {
		run := runs[string(key)]
		if run == nil {
			run = map[uint64]struct{}{}
			runs[string(key)] = run
		}
		n, _ := binary.Uvarint(v)
		run[n] = struct{}{}
	}, func() {
		for key, steps := range runs {
			highest := uint64(0)
			for n := range steps {
				highest = max(highest, n)
			}
			if uint64(len(steps)) != highest {
				log, run := cut0(key)
				note(Finding{Severity: SeverityWarning, Code: CodeStepHole, Log: log, Expected: fmt.Sprintf("steps 1 to %d", highest), Found: fmt.Sprintf("%d of them", len(steps)), Message: "run " + run + " lacks a step"})
			}
		}
		clear(runs)
	})
}

// sealed notes that a manifest names a key.
func (t *tables) sealed(key string) {
	sum := sha256.Sum256([]byte(key))
	t.named.add(sum[:16], nil)
}

// there notes that a key is in the store.
func (t *tables) there(at Version) {
	sum := sha256.Sum256([]byte(at.Key))
	t.named.add(sum[:16], []byte(at.Key+"\x00"+at.ID))
}

// strangers calls f for every key that is there and that no manifest names.
func (t *tables) strangers(f func(key, version string)) error {
	type entry struct {
		sealed bool
		there  string
	}
	keys := map[[16]byte]entry{}
	return t.named.each(func(key, v []byte) {
		k := [16]byte(key)
		e := keys[k]
		if len(v) == 0 {
			e.sealed = true
		} else {
			e.there = string(v)
		}
		keys[k] = e
	}, func() {
		for _, e := range keys {
			if !e.sealed {
				f(cut0(e.there))
			}
		}
		clear(keys)
	})
}

// passed notes a manifest that was accepted, and the root of the tree up to it.
func (t *tables) passed(log string, l *link) {
	t.heads.add(headKey(log, l.seq), append(append([]byte{'m'}, l.digest...), hex.EncodeToString(l.tree.Root())...))
}

// saw notes that a manifest of a log speaks of another log, and the other's own word for
// what it was, if any.
func (t *tables) saw(log string, seq int64, h HeadRef) {
	by := func(kind byte, said string) []byte {
		v := append(append([]byte{kind}, said...), 0)
		return binary.AppendUvarint(append(v, log+"\x00"...), uint64(seq))
	}
	if ValidLog(h.Log) && h.Seq >= 0 {
		t.heads.add(headKey(h.Log, h.Seq), by('h', h.SHA256))
	}
	if log, size, ok := noteOf(h.Note); ok {
		t.heads.add(headKey(log, size-1), by('n', h.Note))
	}
}

func headKey(log string, seq int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(log+"\x00"), uint64(seq))
}

// sighting is a place of a log as another log saw it.
type sighting struct {
	ref  HeadRef // what was seen: the digest, or the note
	by   string  // the log that says so
	seq  int64   // in its manifest of this number
	have string  // the digest of the manifest that is there, "" for none
	root string  // of the tree up to it
}

// sightings calls f for everything that logs saw of each other, with what is there.
func (t *tables) sightings(f func(s sighting)) error {
	type there struct{ digest, root string }
	manifests := map[string]there{}
	var seen []sighting
	return t.heads.each(func(key, v []byte) {
		const digits = 2 * sha256.Size
		if v[0] == 'm' {
			manifests[string(key)] = there{string(v[1 : 1+digits]), string(v[1+digits:])}
			return
		}
		log, place := cut0(string(key))
		said, rest := cut0(string(v[1:]))
		by, number := cut0(rest)
		seq, _ := binary.Uvarint([]byte(number))
		s := sighting{ref: HeadRef{Log: log, Seq: int64(binary.BigEndian.Uint64([]byte(place)))}, by: by, seq: int64(seq)}
		if v[0] == 'h' {
			s.ref.SHA256 = said
		} else {
			s.ref.Note = said
		}
		seen = append(seen, s)
	}, func() {
		for _, s := range seen {
			m := manifests[string(headKey(s.ref.Log, s.ref.Seq))]
			s.have, s.root = m.digest, m.root
			f(s)
		}
		seen = seen[:0]
		clear(manifests)
	})
}

// cut0 splits a text at its first NUL.
func cut0(s string) (before, after string) {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
