package resolve

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Shown is an event as readers show it.
type Shown struct {
	At      int     // its place in the list that was given
	Layers  []Shown // events that tell of the same thing, in the order
	Doubles []int   // the same event told again
	// Reused is the place of an event with the same id that tells something else; -1 for none.
	Reused int
	Resolution
}

// Show gives events as readers show them: each once, in the one order (see Compare), with what
// others of their runs say of them, and with the layers that tell of the same thing.
func Show(list []Outline) []Shown {
	resolved := Outlines(list)
	v := &view{list: list, byID: make(map[string][]int, len(list)), told: make(map[telling]int, len(list))}
	shown := make([]Shown, 0, len(list))
	at := map[int]int{} // places in shown
	for i := range list {
		id := semconv.LegacyEventID(list[i].ID)
		if first, ok := v.double(id, i); ok {
			s := &shown[at[first]]
			s.Doubles = append(s.Doubles, i)
			continue
		}
		at[i] = len(shown)
		reused := -1
		if others := v.byID[id]; len(others) > 0 {
			reused = others[0]
		}
		v.byID[id] = append(v.byID[id], i)
		shown = append(shown, Shown{At: i, Reused: reused, Resolution: resolved[i]})
	}
	begins := Begins(list)
	slices.SortStableFunc(shown, func(a, b Shown) int { return begins.Compare(&list[a.At], &list[b.At]) })
	layers := map[int][]Shown{}
	kept := shown[:0]
	for _, s := range shown {
		if of := v.outermost(s.At); of >= 0 {
			layers[of] = append(layers[of], s)
			continue
		}
		kept = append(kept, s)
	}
	for i := range kept {
		kept[i].Layers = layers[kept[i].At]
	}
	return kept
}

type view struct {
	list []Outline
	byID map[string][]int // by the form of the id that all versions agree about
	told map[telling]int  // the first that tells it
}

// telling is what makes two lines one event.
type telling struct {
	id   string
	told [sha256.Size]byte
}

// double is the place of an earlier line that tells the same event, if there is one. One id with
// two contents is no double: ids come from senders, who must not be able to hide another's.
func (v *view) double(id string, i int) (first int, ok bool) {
	o := &v.list[i]
	if !o.hasTold {
		return 0, false
	}
	t := telling{id, o.told}
	if first, ok = v.told[t]; !ok {
		v.told[t] = i
	}
	return first, ok
}

// maxLayers bounds how far layers of layers are followed.
const maxLayers = 8

// outermost is the event that an event is a layer of, -1 where it is none. What another sender
// calls a layer of this one's event stands for itself.
func (v *view) outermost(i int) int {
	o := &v.list[i]
	at := o
	for range maxLayers {
		if at.LayerOf == "" {
			break
		}
		next := -1
		for _, j := range v.byID[semconv.LegacyEventID(at.LayerOf)] {
			if j != i && v.list[j].Sender == o.Sender {
				next = j
				break
			}
		}
		if next < 0 {
			return -1
		}
		if at = &v.list[next]; at.LayerOf == "" {
			return next
		}
	}
	return -1
}

// Runs knows when runs begin, by their ids: the order of a session goes by that.
type Runs map[string]int64

// Begins finds when the runs of events begin.
func Begins(list []Outline) Runs {
	b := Runs{}
	for i := range list {
		o := &list[i]
		if at, ok := b[o.Run]; !ok || o.Time < at {
			b[o.Run] = o.Time
		}
	}
	return b
}

// Compare is the one order of a session: the begin of the run, its id, the step, the time in
// nanoseconds, the id of the event. A step is the number of one sender's events in the run. An
// event of no run has one for itself.
func (b Runs) Compare(x, y *Outline) int {
	begin := func(o *Outline) int64 {
		if o.Run == "" {
			return o.Time
		}
		return b[o.Run]
	}
	return cmp.Or(
		cmp.Compare(begin(x), begin(y)), cmp.Compare(x.Run, y.Run),
		cmp.Compare(x.Step, y.Step), cmp.Compare(x.Time, y.Time), cmp.Compare(x.ID, y.ID),
	)
}

// Of reports whether readers show an event as one of a session: it says so itself; or it names
// no session, and its run says so, in one way or in several; or nobody else says any, and it was
// sealed with that session as a derived one.
func (r *Resolution) Of(o *Outline, session string) bool {
	switch own := o.Says(); {
	case own != "":
		return own == session
	case r.Session != nil:
		return r.Session.Value == session
	}
	for _, c := range r.Conflicts {
		if c.Name == names[sessionFact] {
			return slices.Contains(c.Values, session)
		}
	}
	return o.Session == session
}
