package adversary

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestPrivateTree is a single history that chance draws rarely: the thief of a replaced key
// lays a whole fork over a log, to behind its end, and tiles that lead a window into it.
func TestPrivateTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		w.used = 1
		l := &logTruth{name: "gw-0", keys: keys[:1:1], retention: 10 * day}
		w.logs = append(w.logs, l)
		w.reopen(l)
		w.batch(l)
		w.rotate(l)
		for range 6 {
			w.now = w.now.Add(time.Hour)
			w.batch(l)
		}
		thief := &role{name: "holder of a replaced key", lays: true, key: replaced}
		a := &attacker{t: rt, w: w, b: w.b.clone(), r: thief, key: keys[0], of: l}
		a.privateTree()
		for _, how := range []string{firstKeys, firstNamed, allKeys, allNamed, pinnedKeys} {
			q := &question{how: how}
			q.o = ledger.VerifyOptions{
				Keys: w.given(how, nil), Level: ledger.LevelChain,
				Clock: func() time.Time { return w.now }, Since: w.now.Add(-150 * time.Minute),
			}
			r := q.verify(a.b)
			if wrong := w.judge(a, q, r); wrong != "" {
				rt.Fatalf("%s\n%s%s%s%s", wrong, w, a, q, tell(r))
			}
		}
	})
}
