package adversary

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// What needs a key. The attacker writes manifests by the documented format.

// lie is something that is wrong with a manifest which is signed all the same.
type lie struct {
	name string
	tell func(*attacker, *predicate)
}

var lies = []lie{
	{"nothing", func(*attacker, *predicate) {}},
	{"nothing", func(*attacker, *predicate) {}},
	{"nothing", func(*attacker, *predicate) {}},
	{"nothing", func(*attacker, *predicate) {}},
	{"a time long after", func(a *attacker, p *predicate) { a.shift(p, 20*day) }},
	{"a time long before", func(a *attacker, p *predicate) { a.shift(p, -60*day) }},
	{"the past is said to have expired", func(a *attacker, p *predicate) {
		at := a.w.now.Add(-time.Hour)
		p.PastUntil = &at
	}},
	{"a lock shorter than the past's", func(a *attacker, p *predicate) {
		if p.Retention != nil {
			p.Retention.Until = a.w.now.Add(time.Hour)
		}
	}},
	{"another genesis", func(_ *attacker, p *predicate) { p.Genesis = digest([]byte("another")) }},
	{"no rotation before", func(_ *attacker, p *predicate) { p.RotatedAt = nil }},
	{"another manifest before", func(_ *attacker, p *predicate) { p.Previous = digest([]byte("another")) }},
	{"another tree before", func(_ *attacker, p *predicate) {
		p.Tree = treeOf(make([][]byte, p.Seq))
	}},
	{"closed", func(_ *attacker, p *predicate) { p.Kind = "close" }},
	{"retired", func(_ *attacker, p *predicate) { p.Kind = "retire" }},
}

// shift moves the time of a manifest, as the writer's clock would.
func (a *attacker) shift(p *predicate, by time.Duration) {
	p.WrittenAt = p.WrittenAt.Add(by)
	if p.Time != nil {
		at := p.WrittenAt
		p.Time = &at
	}
}

// make signs manifests that go on from a chain, the first of them lying perhaps, and
// gives the chain with them.
func (a *attacker) make(log string, base []*fact, n int, by *keypair) []*fact {
	chain := base[:len(base):len(base)]
	told := rapid.SampledFrom(lies).Draw(a.t, "lie")
	back := rapid.SampledFrom([]time.Duration{0, 0, day, 30 * day}).Draw(a.t, "dated back")
	for i := range n {
		format := 2
		if len(base) > 0 && rapid.IntRange(0, 5).Draw(a.t, "in version 1") == 0 {
			format = 1
		}
		p := follow(log, chain, format, a.w.now.Add(-back), promise{a.w.mode, a.w.now.Add(30 * day)})
		if rapid.Bool().Draw(a.t, "with events") {
			a.w.sessions++
			lock := promise{a.w.mode, a.w.now.Add(20 * day)}
			o, body := describe(log, fmt.Sprint("f", a.w.sessions), 2, "default", lock, format, a.w.now)
			p.Kind, p.Objects = "batch", []object{o}
			v := a.b.add(o.Key, version{body: body})
			v.lock = ledger.Retention(lock)
		}
		if i == 0 {
			told.tell(a, &p)
		}
		payload, honest := p.payload(format), told.name == "nothing"
		if i == 0 && rapid.IntRange(0, 9).Draw(a.t, "names in another case") == 0 {
			payload, honest = otherCase(payload), false
			a.say("the next has its objects under a name in another case as well")
		}
		f := a.w.learn(seal(payload, by), by)
		f.forged, f.honest, f.Objects = true, honest, p.Objects // as its exact names say
		chain = append(chain, f)
	}
	a.say("signs %s %d to %d by %s, the first with %s, dated back %v",
		log, len(base), len(chain)-1, by.name, told.name, back)
	return chain
}

// otherCase adds a name that differs by case alone, under which nothing is sealed.
func otherCase(payload []byte) []byte {
	text := strings.Replace(string(payload), `"predicateType"`, `"Subject":[],"predicateType"`, 1)
	text = strings.Replace(text, `,"heads":`, `,"Objects":[],"heads":`, 1)
	if !json.Valid([]byte(text)) {
		panic(text)
	}
	return []byte(text)
}

// place lays the manifests of a chain from a place on, and tiles of it perhaps.
func (a *attacker) place(chain []*fact, from int) {
	if len(chain) > 1 && rapid.Bool().Draw(a.t, "with tiles") {
		a.tiles(chain)
	}
	for _, f := range chain[from:] {
		a.lay(manifestKey(f.Log, f.Seq), version{body: f.body})
	}
}

// extend goes on from the newest manifest.
func (a *attacker) extend() {
	l := a.aim()
	base := l.chain()
	a.place(a.make(l.name, base, rapid.IntRange(1, 3).Draw(a.t, "n"), a.key), len(base))
}

// fork goes on from an older one, beside what is there.
func (a *attacker) fork() {
	l := a.aim()
	base := l.chain()
	at := rapid.IntRange(0, len(base)-1).Draw(a.t, "fork at")
	if rapid.Bool().Draw(a.t, "near the end") {
		at = len(base) - 1
	}
	n := rapid.IntRange(1, len(base)-at+2).Draw(a.t, "n")
	a.place(a.make(l.name, base[:at], n, a.key), at)
}

// privateTree is a whole fork, dated as the log is, to some places behind its end, with
// the tiles that lead there.
func (a *attacker) privateTree() {
	l := a.aim()
	base := l.chain()
	at := rapid.IntRange(1, len(base)).Draw(a.t, "fork at")
	chain := base[:at:at]
	when := times(base)
	for i := at; i < len(base)+rapid.IntRange(1, 3).Draw(a.t, "behind the end"); i++ {
		p := follow(l.name, chain, 2, when[min(i, len(when)-1)], promise{a.w.mode, a.w.now.Add(30 * day)})
		f := a.w.learn(seal(p.payload(2), a.key), a.key)
		f.forged, f.honest = true, true
		chain = append(chain, f)
	}
	a.say("signs a tree of its own of %s, from %d to %d", l.name, at, len(chain)-1)
	for _, f := range chain[at:] {
		a.lay(manifestKey(l.name, f.Seq), version{body: f.body})
	}
	a.tiles(chain)
}

// rewrite takes the end of a log away and writes another.
func (a *attacker) rewrite() {
	l := a.aim()
	base := l.chain()
	at := rapid.IntRange(0, len(base)-1).Draw(a.t, "rewritten from")
	for seq := at; seq < len(base); seq++ {
		a.vanish(manifestKey(l.name, seq))
	}
	if rapid.Bool().Draw(a.t, "with checkpoints") {
		a.forget(l, at)
	}
	a.place(a.make(l.name, base[:at], rapid.IntRange(1, len(base)-at+2).Draw(a.t, "n"), a.key), at)
}

// handOn rotates a log to a key of the attacker's, and goes on with that.
func (a *attacker) handOn() {
	l := a.aim()
	base := l.chain()
	at := rapid.IntRange(max(0, len(base)-3), len(base)).Draw(a.t, "rotation at")
	p := follow(l.name, base[:at], 2, a.w.now, promise{a.w.mode, a.w.now.Add(30 * day)})
	to := thief
	if rapid.IntRange(0, 2).Draw(a.t, "back") == 0 {
		to = l.keys[0] // one that may have signed the log before
	}
	p.Kind, p.NextKey = "key_rotation", &nextKey{to.id, to.pem}
	f := a.w.learn(seal(p.payload(2), a.key), a.key)
	f.forged = true
	a.say("rotates %s to %s at %d", l.name, to.name, at)
	chain := append(base[:at:at], f)
	if to == thief || to == a.key {
		chain = a.make(l.name, chain, rapid.IntRange(1, 2).Draw(a.t, "n"), to)
	}
	a.place(chain, at)
}

// far lays a manifest behind a gap.
func (a *attacker) far() {
	l := a.aim()
	base := l.chain()
	chain := a.make(l.name, base, rapid.IntRange(2, 4).Draw(a.t, "n"), a.key)
	a.place(chain, len(chain)-1)
}

// falseCheckpoint lays a checkpoint of a tree that never was.
func (a *attacker) falseCheckpoint() {
	l := a.aLog()
	chain := l.chain()
	size := rapid.IntRange(1, len(chain)+3).Draw(a.t, "size")
	genesis := ""
	if rapid.Bool().Draw(a.t, "with genesis") {
		genesis = chain[0].digest
	}
	a.say("signs a false checkpoint of %s, size %d", l.name, size)
	tree := root([][]byte{leaf([]byte("false"))})
	a.lay(checkpointKey(l.name, size), version{body: note(l.name, genesis, size, tree, a.key)})
}

// accuse has a log of the attacker's say something false of another.
func (a *attacker) accuse() {
	l := a.aLog()
	chain := l.chain()
	seq := rapid.IntRange(0, len(chain)+2).Draw(a.t, "accused")
	h := headRef{Log: l.name, Seq: seq, SHA256: digest([]byte("false"))}
	switch rapid.SampledFrom([]string{"no note", "own note", "twin's note"}).Draw(a.t, "note") {
	case "own note":
		h.Note = string(note(l.name, chain[0].digest, seq+1, root([][]byte{leaf([]byte("false"))}), a.key))
	case "twin's note":
		twin := a.twinOf(l, 2)
		h.Note = string(note(l.name, twin[0].digest, 2, rootOf(twin[:2]), l.keys[0]))
	}
	log, base := "gw-x", []*fact(nil)
	if a.of != nil {
		log, base = a.of.name, a.of.chain()
	}
	p := follow(log, base, 2, a.w.now, promise{a.w.mode, a.w.now.Add(30 * day)})
	p.Heads = []headRef{h}
	f := a.w.learn(seal(p.payload(2), a.key), a.key)
	f.forged = true
	a.say("accuses %s at %d, note %t, in %s at %d", l.name, seq, h.Note != "", log, p.Seq)
	a.place(append(base[:len(base):len(base)], f), len(base))
}

// beginOther begins a log of the attacker's key under the name of another.
func (a *attacker) beginOther() {
	l := a.aLog()
	if a.r.takes() && rapid.Bool().Draw(a.t, "in its place") {
		for seq := range len(l.chain()) {
			a.vanish(manifestKey(l.name, seq))
		}
		a.forget(l, 0)
	}
	a.place(a.make(l.name, nil, rapid.IntRange(1, 3).Draw(a.t, "n"), a.key), 0)
}
