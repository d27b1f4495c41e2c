package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// TestHistories: whatever happened to a log (crashes, lost answers, second writers,
// rotations, others' garbage), the first key verifies all that was committed; whatever
// is then changed of what was sealed, it does not.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := ledgertest.New()
		first := newSigner(t)
		signer, trusted := first, []ledger.PublicKey(nil)
		open := func() *ledger.Chain {
			o := options(signer)
			o.Earlier = trusted
			c, err := ledger.OpenChain(ctx, s, o)
			require.NoError(rt, err)
			return c
		}
		c := open()
		require.NoError(rt, c.Commit(ctx, ledger.KindOpen, nil))
		second := open()
		sealed, sessions := int64(0), 0
		batch := func(c *ledger.Chain) {
			sessions++
			n := rapid.IntRange(1, 3).Draw(rt, "events")
			require.NoError(rt, c.Commit(ctx, ledger.KindBatch, []ledger.Object{seal(t, s, ledger.ObjectOptions{Compression: rapid.SampledFrom([]string{ledger.Gzip, ledger.Zstd, ledger.None}).Draw(rt, "compression")}, fmt.Sprint("s", sessions), 1, n)}))
			sealed += int64(n)
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"batch", "batch", "heartbeat", "crash", "second", "rotate", "lost", "squat", "orphan", "checkpoint"}).Draw(rt, "step") {
			case "batch":
				batch(c)
			case "heartbeat":
				require.NoError(rt, c.Commit(ctx, ledger.KindHeartbeat, nil))
			case "crash":
				c = open()
				require.NoError(rt, c.Commit(ctx, ledger.KindOpen, nil))
			case "second":
				batch(second)
			case "rotate":
				next := newSigner(t)
				require.NoError(rt, c.Rotate(ctx, public(t, next)))
				trusted = append(trusted, public(t, signer))
				signer = next
				c, second = open(), open()
			case "lost":
				s.Fail = func(_ string, done bool) error {
					if done {
						return errors.New("reset")
					}
					return nil
				}
				_ = c.Commit(ctx, ledger.KindHeartbeat, nil) // nil where it was written before
				s.Fail = nil
			case "squat":
				s.Overwrite(ledger.ManifestKey("gw-0", c.Head().Seq+1), []byte("garbage"))
			case "orphan":
				seal(t, s, ledger.ObjectOptions{}, "orphan", 1, 1)
			case "checkpoint":
				require.NoError(rt, c.Checkpoint(ctx, nil))
			}
		}
		batch(c)
		require.NoError(rt, c.Commit(ctx, ledger.KindClose, nil))
		require.NoError(rt, c.Checkpoint(ctx, nil))
		verify := func(keys ...ledger.PublicKey) *ledger.Report {
			r, _ := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: append(keys, public(t, first)), Concurrency: 1})
			return r
		}
		r := verify()
		require.Equal(rt, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		require.Equal(rt, sealed, r.Events)

		var targets []string // what the log sealed: every manifest, every object that one names
		orphans := map[string]bool{}
		for _, f := range r.Findings {
			orphans[f.Object] = orphans[f.Object] || f.Code == ledger.CodeOrphan
		}
		for _, key := range append(s.Keys(ledger.ManifestPrefix), s.Keys(ledger.DataPrefix)...) {
			versions, err := s.Versions(ctx, key)
			require.NoError(rt, err)
			oldest, err := s.Get(ctx, key, versions[0].ID)
			require.NoError(rt, err)
			if string(oldest) == "garbage" {
				continue // the sealed version lies over it
			}
			if !orphans[key] && (!strings.HasPrefix(key, ledger.ManifestPrefix) || key <= ledger.ManifestKey("gw-0", c.Head().Seq)) {
				targets = append(targets, key)
			}
		}
		key := rapid.SampledFrom(targets).Draw(rt, "changed")
		if rapid.Bool().Draw(rt, "removed") {
			s.Purge(key)
		} else {
			s.Alter(key, func(b []byte) []byte {
				b = append([]byte(nil), b...)
				b[rapid.IntRange(0, len(b)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
				return b
			})
		}
		// Who does not know the newest key cannot tell a removed rotation, and what follows
		// it, from a tail that was never there and garbage that others planted.
		require.NotEqual(rt, ledger.Confirmed, verify(append(trusted, public(t, signer))...).Verdict, key)
	})
}
