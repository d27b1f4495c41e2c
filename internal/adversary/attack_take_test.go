package adversary

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// What needs the bypass of locks, or the making of a copy, or a place in the middle.

// vanish takes away all versions at a key that the attacker can.
func (a *attacker) vanish(key string) {
	n := 0
	a.b.drop(key, func(v *version) bool {
		if !a.r.canRemove(v, a.w.now) {
			return false
		}
		n++
		return true
	})
	if n > 0 {
		a.say("removes %s", key)
	}
}

func (a *attacker) remove() {
	if len(a.b.keys) > 0 {
		a.vanish(rapid.SampledFrom(a.b.keys).Draw(a.t, "removed"))
	}
}

// tail takes the newest manifests away, and what speaks of them.
func (a *attacker) tail() {
	l := a.aLog()
	from := rapid.IntRange(1, len(l.chain())).Draw(a.t, "from")
	for seq := from; seq < len(l.chain())+6; seq++ {
		a.vanish(manifestKey(l.name, seq))
	}
	if rapid.Bool().Draw(a.t, "with checkpoints") {
		a.forget(l, from)
	}
}

// forget takes away the checkpoints of more than so many manifests.
func (a *attacker) forget(l *logTruth, size int) {
	for _, key := range slices.Clone(a.b.keys) {
		if strings.HasPrefix(key, "checkpoints/v1/"+l.name+"/") && key > checkpointKey(l.name, size) {
			a.vanish(key)
		}
	}
}

// past takes the oldest manifests away, and what they named, and may shorten the lock of
// the oldest that stays so that they seem to have expired.
func (a *attacker) past() {
	l := a.aLog()
	chain := l.chain()
	n := rapid.IntRange(1, len(chain)).Draw(a.t, "gone")
	for _, f := range chain[:n] {
		a.vanish(manifestKey(l.name, f.Seq))
		for _, o := range f.Objects {
			a.vanish(o.Key)
		}
	}
	if n < len(chain) && rapid.Bool().Draw(a.t, "lock shortened") {
		a.relock(manifestKey(l.name, n))
	}
}

func (a *attacker) wholeLog() {
	l := a.aLog()
	for _, key := range slices.Clone(a.b.keys) {
		if strings.Contains(key, "/"+l.name+"/") {
			a.vanish(key)
		}
	}
}

// witnesses takes away what other logs and checkpoints say of a log.
func (a *attacker) witnesses() {
	l := a.aLog()
	a.forget(l, 0)
	for _, of := range a.w.logs {
		for _, f := range of.chain() {
			if slices.ContainsFunc(f.Heads, func(h headRef) bool { return h.Log == l.name }) {
				for seq := f.Seq; seq < len(of.chain()); seq++ {
					a.vanish(manifestKey(of.name, seq))
				}
				a.forget(of, f.Seq)
			}
		}
	}
}

// change gives an object another content, locked as it was.
func (a *attacker) change() {
	if len(a.b.keys) == 0 {
		return
	}
	key := rapid.SampledFrom(a.b.keys).Draw(a.t, "changed")
	for _, v := range a.b.objs[key] {
		if len(v.body) > 0 && a.r.canRemove(v, a.w.now) {
			body := slices.Clone(v.body)
			body[rapid.IntRange(0, len(body)-1).Draw(a.t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(a.t, "bit")
			v.body = body
			a.say("changes a bit of %s", key)
		}
	}
}

// swap changes two objects for each other.
func (a *attacker) swap() {
	if len(a.b.keys) == 0 {
		return
	}
	one, two := rapid.SampledFrom(a.b.keys).Draw(a.t, "one"), rapid.SampledFrom(a.b.keys).Draw(a.t, "two")
	v, u := a.b.objs[one][0], a.b.objs[two][0]
	if a.r.canRemove(v, a.w.now) && a.r.canRemove(u, a.w.now) {
		v.body, u.body = u.body, v.body
		a.say("swaps %s and %s", one, two)
	}
}

func (a *attacker) shorten() {
	if len(a.b.keys) > 0 {
		a.relock(rapid.SampledFrom(a.b.keys).Draw(a.t, "unlocked"))
	}
}

func (a *attacker) relock(key string) {
	for _, v := range a.b.objs[key] {
		if (a.r.bypass || a.r.copies) && a.r.canRemove(v, a.w.now) && v.lock.Until.After(a.w.now.Add(day)) {
			v.lock.Until = a.w.now.Add(day)
			a.say("shortens the lock of %s", key)
		}
	}
}

// reorder has the copy say that versions were written in another order.
func (a *attacker) reorder() {
	for _, key := range a.b.keys {
		if list := a.b.objs[key]; len(list) > 1 && rapid.Bool().Draw(a.t, "turned") {
			slices.Reverse(list)
			a.say("turns the versions of %s", key)
		}
	}
}

// refuse has the store refuse genuine content.
func (a *attacker) refuse() {
	if len(a.b.keys) == 0 {
		return
	}
	n := rapid.SampledFrom([]int{1, 1, 2, 5, 100}).Draw(a.t, "refused")
	from := rapid.IntRange(0, len(a.b.keys)-1).Draw(a.t, "from")
	for _, key := range a.b.keys[from:min(len(a.b.keys), from+n)] {
		for _, v := range a.b.objs[key] {
			v.denied = true
		}
		a.say("%s is refused", key)
	}
}
