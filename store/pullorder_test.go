package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestPullsInAnyOrder: pulls with and without bounds, whole and broken off, into one folder,
// of a trail that goes on and that others lay things into. What is within a bound is
// confirmed after each that ends, and after the last the copy is what a first pull makes.
func TestPullsInAnyOrder(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			h := newHistory(t)
			dir := t.TempDir()
			var did []string
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(did)
				}
			})
			at := func() time.Time {
				return h.began.Add(time.Duration(rng.Int64N(int64(h.now.Sub(h.began) + time.Hour))))
			}
			anything := func() string {
				all := h.s.Keys("")
				return all[rng.IntN(len(all))]
			}
			for range 25 {
				switch what := rng.IntN(10); what {
				case 0, 1, 2:
					did = append(did, "batch")
					h.batch(fmt.Sprint("s", rng.IntN(3)), h.put(h.prompt(fmt.Sprint("prompt ", len(did)))))
				case 3:
					h.checkpoint()
				case 4:
					key := anything()
					did = append(did, "over "+key)
					h.s.Overwrite(key, []byte("somebody else's"))
				case 5:
					h.s.Delete(anything())
				default:
					var o store.PullOptions
					if rng.IntN(2) == 0 {
						o.Since = at()
					}
					if rng.IntN(2) == 0 {
						o.Until = at()
					}
					if !o.Since.IsZero() && !o.Until.IsZero() && o.Until.Before(o.Since) {
						o.Since, o.Until = o.Until, o.Since
					}
					if rng.IntN(2) == 0 {
						o.Keys = []ledger.PublicKey{h.key}
					}
					upTo, n := int64(rng.IntN(12)), atomic.Int64{}
					c := &counting{Reader: h.s, fail: func(string) error {
						if what < 8 && n.Add(1) > upTo {
							return errors.New("the network is gone")
						}
						return nil
					}}
					_, err := store.PullInto(t.Context(), c, dir, o)
					did = append(did, fmt.Sprintf("pull %v to %v: %v", o.Since.Sub(h.began), o.Until.Sub(h.began), err))
					if err != nil {
						require.ErrorContains(t, err, "the network is gone")
						continue
					}
					r := h.verifyDir(dir, ledger.VerifyOptions{Level: ledger.LevelChain})
					require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
					r = h.verifyDir(dir, ledger.VerifyOptions{Since: o.Since, Until: o.Until})
					for _, f := range r.Findings {
						if f.Severity == ledger.SeverityUnknown {
							require.Equal(t, ledger.CodeOutsideWindow, f.Code, "%+v", f)
						}
					}
					require.NotEqual(t, ledger.NotConfirmed, r.Verdict, "%+v", r.Findings)
				}
			}
			pulled(t, h.s, dir, store.PullOptions{})
			fresh := t.TempDir()
			pulled(t, h.s, fresh, store.PullOptions{})
			require.Equal(t, list(t, openDir(t, fresh), "", ""), list(t, openDir(t, dir), "", ""))
			require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
		})
	}
}
