package adversary

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// attacker is a role at work on a bucket. He has seen all that was ever stored.
type attacker struct {
	t    *rapid.T
	w    *world
	b    *bucket
	r    *role
	key  *keypair  // "" for none
	of   *logTruth // whose key it is; nil: of a log elsewhere
	did  []string
	twin map[string][]*fact // other trails' logs of the same name and key, by name and version
}

// act is one thing that an attacker does.
type act struct {
	name string
	may  func(*role) bool
	do   func(*attacker)
}

var (
	lays   = func(r *role) bool { return r.lays }
	takes  = func(r *role) bool { return r.takes() }
	signs  = func(r *role) bool { return r.key != "" }
	denies = func(r *role) bool { return r.denies || r.middle }
)

var acts = []act{
	{"garbage", lays, (*attacker).garbage},
	{"marker", lays, (*attacker).marker},
	{"unreadable", lays, (*attacker).unreadable},
	{"replay", lays, (*attacker).replay},
	{"restore", lays, (*attacker).restore},
	{"twin", lays, (*attacker).layTwin},
	{"tiles", lays, (*attacker).falseTiles},
	{"plant", lays, (*attacker).plant},
	{"remove", takes, (*attacker).remove},
	{"tail", takes, (*attacker).tail},
	{"tail", takes, (*attacker).tail},
	{"past", takes, (*attacker).past},
	{"past", takes, (*attacker).past},
	{"log", takes, (*attacker).wholeLog},
	{"witnesses", takes, (*attacker).witnesses},
	{"change", takes, (*attacker).change},
	{"swap", takes, (*attacker).swap},
	{"shorten", func(r *role) bool { return r.bypass || r.copies }, (*attacker).shorten},
	{"reorder", func(r *role) bool { return r.copies }, (*attacker).reorder},
	{"refuse", denies, (*attacker).refuse},
	{"append", signs, (*attacker).extend},
	{"fork", signs, (*attacker).fork},
	{"fork", signs, (*attacker).fork},
	{"private tree", signs, (*attacker).privateTree},
	{"rewrite", func(r *role) bool { return r.key != "" && r.takes() }, (*attacker).rewrite},
	{"hand on", signs, (*attacker).handOn},
	{"false checkpoint", signs, (*attacker).falseCheckpoint},
	{"accuse", signs, (*attacker).accuse},
	{"far", signs, (*attacker).far},
	{"begin", signs, (*attacker).beginOther},
}

// attack has a role do one to three things to a copy of the bucket.
func (w *world) attack(t *rapid.T, r *role) *attacker {
	a := &attacker{t: t, w: w, b: w.b.clone(), r: r, twin: map[string][]*fact{}}
	if !a.takeKey() {
		return nil
	}
	var can []act
	for _, c := range acts {
		if c.may(r) {
			can = append(can, c)
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, "acts") {
		rapid.SampledFrom(can).Draw(t, "act").do(a)
	}
	return a
}

// takeKey gives the attacker the key of his role; false where the history has none.
func (a *attacker) takeKey() bool {
	var logs []*logTruth
	for _, l := range a.w.logs {
		if a.r.key != replaced || len(l.keys) > 1 {
			logs = append(logs, l)
		}
	}
	switch {
	case a.r.key == "":
		return true
	case a.r.key == other:
		a.key = outsider
		return true
	case len(logs) == 0:
		return false
	}
	a.of = rapid.SampledFrom(logs).Draw(a.t, "key of")
	a.key = a.of.signer()
	if a.r.key == replaced {
		a.key = a.of.keys[rapid.IntRange(0, len(a.of.keys)-2).Draw(a.t, "key")]
		// A key that still signs another log is not only a replaced one.
		for _, l := range a.w.logs {
			if l.signer() == a.key {
				return false
			}
		}
	}
	return true
}

// outsider is a key that the auditor trusts for logs elsewhere.
var outsider = newKey("outsider", false)

func (a *attacker) say(format string, args ...any) {
	a.did = append(a.did, fmt.Sprintf(format, args...))
}

func (a *attacker) String() string {
	text := "attack by the " + a.r.name
	if a.key != nil {
		text += ", key " + a.key.name
	}
	return text + ":\n  " + strings.Join(a.did, "\n  ") + "\n"
}

// lay puts a version, locked or not.
func (a *attacker) lay(key string, v version) {
	if !v.marker && rapid.Bool().Draw(a.t, "locked") {
		v.lock = ledger.Retention{Mode: a.w.mode, Until: a.w.now.Add(400 * day)}
	}
	a.b.add(key, v)
	a.say("lays %d bytes at %s, marker %t, unreadable %t, locked %t",
		len(v.body), key, v.marker, v.denied, v.lock.Mode != "")
}

// aKey is a key that is there, or the place of a manifest or checkpoint that is not.
func (a *attacker) aKey() string {
	if rapid.Bool().Draw(a.t, "there") && len(a.b.keys) > 0 {
		return rapid.SampledFrom(a.b.keys).Draw(a.t, "at")
	}
	l := a.aLog()
	place := rapid.IntRange(0, len(l.chain())+2).Draw(a.t, "place")
	if rapid.IntRange(0, 3).Draw(a.t, "checkpoint") == 0 {
		return checkpointKey(l.name, place+1)
	}
	return manifestKey(l.name, place)
}

func (a *attacker) aLog() *logTruth { return rapid.SampledFrom(a.w.logs).Draw(a.t, "log") }

// aim is a log that the attacker's key is, or could be, of.
func (a *attacker) aim() *logTruth {
	if a.of != nil {
		return a.of
	}
	return a.aLog()
}
