package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/maphash"
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

// telling is a line that told an event.
type telling struct {
	content uint64 // a hash of it
	where   where
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
	seen := map[[16]byte][]telling{}
	err = t.ids.each(func(key, v []byte) {
		k := [16]byte(key)
		said := telling{content: binary.BigEndian.Uint64(v)}
		v = v[8:]
		for _, p := range []*uint64{&said.where.log, &said.where.seq, &said.where.obj, &said.where.line} {
			n, w := binary.Uvarint(v)
			*p, v = n, v[w:]
		}
		list := seen[k]
		i := slices.IndexFunc(list, func(have telling) bool { return have.content == said.content })
		if i < 0 {
			seen[k] = append(list, said)
			return
		}
		doubles++
		if said.where.before(list[i].where) {
			list[i].where = said.where
		}
	}, func() {
		for _, list := range seen {
			if len(list) > 1 {
				slices.SortFunc(list, func(a, b telling) int {
					if a.where.before(b.where) {
						return -1
					}
					return 1
				})
				for _, other := range list[1:] {
					reused(list[0].where, other.where)
				}
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

// passed notes a manifest that was accepted.
func (t *tables) passed(log string, l *link) {
	t.heads.add(headKey(log, l.seq), append([]byte{'m'}, l.digest...))
}

// saw notes that a manifest of a log speaks of another log.
func (t *tables) saw(log string, seq int64, h HeadRef) {
	v := append([]byte{'h'}, h.SHA256...)
	t.heads.add(headKey(h.Log, h.Seq), binary.AppendUvarint(append(append(v, 0), log+"\x00"...), uint64(seq)))
}

func headKey(log string, seq int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(log+"\x00"), uint64(seq))
}

// sighting is a manifest of a log as another log saw it.
type sighting struct {
	ref HeadRef // what was seen
	by  string  // the log that says so
	seq int64   // in its manifest of this number
}

// contradictions calls f for every sighting that is not what is there; have is ""
// where nothing is.
func (t *tables) contradictions(f func(s sighting, have string)) error {
	manifests := map[string]string{}
	var seen []sighting
	return t.heads.each(func(key, v []byte) {
		if v[0] == 'm' {
			manifests[string(key)] = string(v[1:])
			return
		}
		log, place := cut0(string(key))
		digest, rest := cut0(string(v[1:]))
		by, number := cut0(rest)
		seq, _ := binary.Uvarint([]byte(number))
		seen = append(seen, sighting{HeadRef{Log: log, Seq: int64(binary.BigEndian.Uint64([]byte(place))), SHA256: digest}, by, int64(seq)})
	}, func() {
		for _, s := range seen {
			if have := manifests[string(headKey(s.ref.Log, s.ref.Seq))]; have != s.ref.SHA256 {
				f(s, have)
			}
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
