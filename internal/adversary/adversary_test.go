package adversary

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

var (
	histories = flag.Int("adversary.histories", 2000, "how many histories are drawn, over all roles")
	seed      = flag.Uint64("adversary.seed", 7, "of the histories, the same in every make test; 0 is a new one")
)

// TestMain draws the seed, and shares the histories out among the tests.
func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()>>1 + 1
	}
	set := func(name string, value uint64) {
		if err := flag.Set(name, strconv.FormatUint(value, 10)); err != nil {
			panic(err)
		}
	}
	set("rapid.seed", *seed)
	set("rapid.checks", max(1, uint64(*histories)/uint64(2*len(roles)+3)))
	fmt.Printf("adversary: seed %d, %d histories\n", *seed, *histories)
	os.Exit(m.Run())
}

// TestHonest: whatever happened to a trail, it is never NOT CONFIRMED as long as nobody
// attacks it, and whole and unexpired it is CONFIRMED with every event.
func TestHonest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := draw(rt, nobody)
		w.acknowledged(rt)
		q := w.ask(rt, nil, nil)
		r := q.verify(w.b)
		switch {
		case r.Verdict == ledger.NotConfirmed:
			rt.Fatalf("an honest trail is NOT CONFIRMED\n%s%s%s", w, q, tell(r))
		case r.Verdict != ledger.Confirmed && q.whole() && len(w.grave) == 0 && !w.squatted:
			rt.Fatalf("a whole and honest trail is not CONFIRMED\n%s%s%s", w, q, tell(r))
		case r.Verdict == ledger.Confirmed && q.whole() && len(w.grave) == 0 && r.Events != w.events():
			rt.Fatalf("%d events, sealed were %d\n%s%s%s", r.Events, w.events(), w, q, tell(r))
		}
		if wrong := w.judge(&attacker{w: w, b: w.b, r: nobody}, q, r); wrong != "" {
			rt.Fatalf("%s\n%s%s%s", wrong, w, q, tell(r))
		}
	})
}

// acknowledged checks that writers keep their word: what they were told is sealed.
func (w *world) acknowledged(t *rapid.T) {
	for _, l := range w.logs {
		named := map[string]bool{}
		for _, f := range l.chain() {
			for _, o := range f.Objects {
				named[o.Key] = true
			}
		}
		for _, key := range l.acked {
			if !named[key] {
				t.Fatalf("%s was acknowledged, and no manifest of the chain names it\n%s", key, w)
			}
		}
	}
}

func (w *world) events() (n int64) {
	for _, l := range w.logs {
		for _, f := range l.chain() {
			n += events(f)
		}
	}
	return n
}

// TestAdversary: whatever an attacker does, the verdict is right.
func TestAdversary(t *testing.T) {
	for _, r := range roles {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				w := draw(rt, r)
				a := w.attack(rt, r)
				if a == nil {
					return
				}
				var extra *keypair
				if r.key == other {
					extra = a.key
				}
				for range 2 {
					q := w.ask(rt, r, extra)
					q.copy = r.copies
					report := q.verify(a.b)
					if wrong := w.judge(a, q, report); wrong != "" {
						rt.Fatalf("%s\n%s%s%s%s", wrong, w, a, q, tell(report))
					}
				}
			})
		})
	}
}
