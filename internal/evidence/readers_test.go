package evidence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// anyRuns draws events of two runs, told by several senders and services, some of which name a
// session, and which lie below each other in any way.
func anyRuns(rt *rapid.T) (events []semconv.Event) {
	for i := range rapid.IntRange(1, 12).Draw(rt, "events") {
		e := event(fmt.Sprintf("e%d", i), "")
		e.RunID = rapid.SampledFrom([]string{"r1", "r2"}).Draw(rt, "run")
		e.StepNumber = semconv.Some(int64(rapid.IntRange(1, 3).Draw(rt, "step")))
		if e.SessionID = rapid.SampledFrom([]string{"", "", "s1", "s2"}).Draw(rt, "session"); e.SessionID == "" {
			e.SessionID, e.DerivedFields = rapid.SampledFrom([]string{e.RunID, e.RunID, "s1"}).Draw(rt, "stand-in"), []string{"session_id"}
		}
		e.Source = []byte(`{"service":"` + rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "service") + `"}`)
		e.SpanID = fmt.Sprintf("%016x", i+1)
		if above := rapid.IntRange(0, 12).Draw(rt, "above"); above > 0 {
			e.ParentSpanID = fmt.Sprintf("%016x", above)
		}
		if sender := rapid.SampledFrom([]string{"", "ann", "eve"}).Draw(rt, "sender"); sender != "" {
			e = from(e, sender)
		}
		events = append(events, e)
	}
	return events
}

// TestReadersAgree: the trail of a session, the export of all and a bundle show the same events
// under the session, in the same order. The bundle leaves out what no line establishes, and
// counts it; each line that it holds names the session, or is of a run that a line of its own
// sender says to be of it.
func TestReadersAgree(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	rapid.Check(t, func(rt *rapid.T) {
		s := newScene(t, signer)
		events := anyRuns(rt)
		s.batch(events...)
		byID := map[string]*semconv.Event{}
		for i := range events {
			byID[events[i].EventID] = &events[i]
		}
		keys := []ledger.PublicKey{s.key}
		all, err := trail.ReadWhole(ctx, s, ledger.ReadOptions{Keys: keys}, func(*ledger.Finding) {})
		require.NoError(rt, err)
		defer all.Close()
		for _, session := range []string{"s1", "s2"} {
			one, err := trail.Read(ctx, s, keys, nil, session)
			require.NoError(rt, err)
			var shown, exported []string
			for e := range one.InOrder() {
				shown = append(shown, e.EventID)
			}
			for e, err := range all.All() {
				require.NoError(rt, err)
				if o := resolve.NewOutline(e.Sealed, nil); e.Of(&o, session) {
					exported = append(exported, e.EventID)
				}
			}
			require.ElementsMatch(rt, exported, shown)
			for _, id := range shown {
				require.True(rt, byID[id].SessionID == session || told(events, byID[id], session), id)
			}

			z, made, err := s.prove(evidence.Options{Session: session})
			if len(shown) == 0 || err != nil {
				continue // nothing, or nothing that a line establishes
			}
			if made.Claim.Kind != evidence.Presence {
				rt.Fatalf("%v is shown, and the bundle says that there is nothing", shown)
			}
			lines := slices.Clone(made.Logs[0].Lines)
			slices.SortFunc(lines, func(a, b evidence.Line) int { return strings.Compare(a.File, b.File) })
			var proven []string
			for _, l := range lines {
				proven = append(proven, events[l.Line-1].EventID)
			}
			require.Equal(rt, slices.DeleteFunc(slices.Clone(shown), func(id string) bool { return !slices.Contains(proven, id) }), proven,
				"the bundle has none that is not shown, and the same order")
			require.Equal(rt, one.Apart+len(shown)-len(proven), made.LeftOut)
			for _, id := range proven {
				require.True(rt, told(events, byID[id], session), id)
			}
			requireVerdict(t, ledger.Confirmed, check(z, trust(s.key)), "sealed events")
		}
	})
}

// told reports whether an event says that it is of a session, or says none, and another of its
// run and from its sender says so.
func told(events []semconv.Event, e *semconv.Event, session string) bool {
	return slices.ContainsFunc(events, func(o semconv.Event) bool {
		return o.SessionID == session && len(o.DerivedFields) == 0 &&
			(o.EventID == e.EventID || len(e.DerivedFields) > 0 && o.RunID == e.RunID && string(o.Sender) == string(e.Sender))
	})
}
