package adversary

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// What anyone can do who may write to the bucket.

func (a *attacker) garbage() {
	key := a.aKey()
	for range rapid.SampledFrom([]int{1, 1, 1, 20}).Draw(a.t, "times") {
		body := rapid.SampledFrom([]string{"garbage", "", `{"payloadType":"x"}`}).Draw(a.t, "garbage")
		a.lay(key, version{body: []byte(body)})
	}
}

func (a *attacker) marker() { a.lay(a.aKey(), version{marker: true}) }

// unreadable lays what the auditor cannot read: under a key of the attacker's, or archived.
func (a *attacker) unreadable() { a.lay(a.aKey(), version{body: []byte("secret"), denied: true}) }

// replay lays something genuine at another key, or over itself.
func (a *attacker) replay() {
	if len(a.b.keys) == 0 {
		return
	}
	from := rapid.SampledFrom(a.b.keys).Draw(a.t, "from")
	list := a.b.objs[from]
	v := *list[rapid.IntRange(0, len(list)-1).Draw(a.t, "version")]
	a.say("replays %s", from)
	a.lay(a.aKey(), version{body: v.body})
}

// restore puts back what had expired.
func (a *attacker) restore() {
	if len(a.w.grave) == 0 {
		return
	}
	n := rapid.IntRange(1, len(a.w.grave)).Draw(a.t, "n")
	from := rapid.IntRange(0, len(a.w.grave)-n).Draw(a.t, "first")
	for _, g := range a.w.grave[from : from+n] {
		a.say("puts back what had expired")
		a.lay(g.key, version{body: g.v.body})
	}
}

// twinOf is the log of the same name, begun by the same key, of another trail.
func (a *attacker) twinOf(l *logTruth, format int) []*fact {
	id := l.name + string(rune('0'+format))
	if a.twin[id] != nil {
		return a.twin[id]
	}
	var chain []*fact
	at := a.w.now.Add(-40 * day)
	for i := range 5 {
		p := follow(l.name, chain, format, at, promise{a.w.mode, a.w.now.Add(-day)})
		if i == 0 {
			p.Kind = "open"
		}
		p.Writer.Version = "elsewhere"
		f := a.w.learn(seal(p.payload(format), l.keys[0]), l.keys[0])
		f.forged = true
		chain = append(chain, f)
	}
	a.twin[id] = chain
	return chain
}

// layTwin lays manifests and a checkpoint of another trail's log of the same name and key.
func (a *attacker) layTwin() {
	l := a.aLog()
	format := rapid.IntRange(1, 2).Draw(a.t, "twin version")
	chain := a.twinOf(l, format)
	from := rapid.IntRange(0, len(chain)-1).Draw(a.t, "first")
	to := rapid.IntRange(from, len(chain)-1).Draw(a.t, "last")
	for _, f := range chain[from : to+1] {
		a.say("replays manifest %d of another trail's %s", f.Seq, l.name)
		a.lay(manifestKey(l.name, f.Seq), version{body: f.body})
	}
	if rapid.Bool().Draw(a.t, "its checkpoint") {
		genesis := ""
		if format > 1 {
			genesis = chain[0].digest
		}
		n := rapid.IntRange(1, len(chain)).Draw(a.t, "size")
		a.say("replays another trail's checkpoint of %d", n)
		a.lay(checkpointKey(l.name, n), version{body: note(l.name, genesis, n, rootOf(chain[:n]), l.keys[0])})
	}
}

func rootOf(chain []*fact) []byte {
	var leaves [][]byte
	for _, f := range chain {
		leaves = append(leaves, leaf(f.payload))
	}
	return root(leaves)
}

// plant lays a log of a key that nobody trusts, under a new name or behind a real one.
func (a *attacker) plant() {
	name := rapid.SampledFrom([]string{"gw-", "gw-9", a.w.logs[0].name}).Draw(a.t, "name")
	var chain []*fact
	for range 2 {
		p := follow(name, chain, 2, a.w.now, promise{a.w.mode, a.w.now.Add(30 * day)})
		f := a.w.learn(seal(p.payload(2), stranger), stranger)
		f.forged = true
		chain = append(chain, f)
	}
	for _, f := range slices.Backward(chain) {
		a.lay(manifestKey(name, f.Seq), version{body: f.body})
	}
}

// tiles lays the hashes of a chain's tree, as a log of less than 256 manifests has them,
// and a checkpoint that says how many there are.
func (a *attacker) tiles(chain []*fact) {
	log, n := chain[0].Log, len(chain)
	var body []byte
	for _, f := range chain {
		body = append(body, leaf(f.payload)...)
	}
	a.say("lays tiles of %d manifests of %s", n, log)
	a.b.add(fmt.Sprintf("tlog/v1/%s/tile/0/000.p/%d", log, n), version{body: body})
	a.b.add("tlog/v1/"+log+"/checkpoint", version{body: note(log, chain[0].digest, n, rootOf(chain), stranger)})
}

// falseTiles lays tiles of less than there is, of another trail's log, or of nothing.
func (a *attacker) falseTiles() {
	l := a.aLog()
	chain := l.chain()
	switch rapid.SampledFrom([]string{"older", "twin", "mixed"}).Draw(a.t, "tiles") {
	case "older":
		chain = chain[:rapid.IntRange(1, len(chain)).Draw(a.t, "size")]
	case "twin":
		chain = a.twinOf(l, 2)
	case "mixed":
		chain = append(chain[:len(chain):len(chain)], a.twinOf(l, 2)...)
	}
	a.tiles(chain)
}
