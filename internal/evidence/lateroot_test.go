package evidence_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// old seals an event as a line of schema version 1.
func (s *scene) old(e semconv.Event) {
	s.t.Helper()
	span := ptrace.NewSpan()
	semconv.WriteSpan(&e, span)
	line, m, err := semconv.AppendSpan(nil, span)
	require.NoError(s.t, err)
	line = bytes.Replace(line, []byte(`"schema_version":"1.1"`), []byte(`"schema_version":"1"`), 1)
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: s.log, Compression: ledger.Gzip, Retention: s.retention()}, s.now)
	b.Add(line, m)
	o, err := b.Finish()
	require.NoError(s.t, err)
	_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: s.retention()})
	require.NoError(s.t, err)
	s.commit(ledger.KindBatch, o.Object)
}

// TestLateRoot: the root of a run names its session when what is below it is sealed. The bundle
// holds the line, says that it is the one, and so does who checks it; what older versions told
// wrongly is not proven. Lines are named by their places in the session.
func TestLateRoot(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	step := func(n int64, e semconv.Event) semconv.Event {
		e.StepNumber = semconv.Some(n)
		return e
	}
	refund := step(2, derived("refund", "r", "r", ""))
	refund.Outcome = semconv.OutcomeSuccess
	stranger := step(4, derived("stranger", "r", "r", ""))
	stranger.Source = []byte(`{"service":"another"}`)
	s.batch(step(1, derived("look", "r", "r", "")), stranger)
	s.old(refund)
	root := step(3, event("root", "s"))
	root.RunID, root.EventType, root.ToolName = "r", semconv.TypeSessionStart, ""
	s.batch(root)

	z, made, err := s.prove(evidence.Options{Session: "s"})
	require.NoError(t, err)
	require.Equal(t, 1, made.LeftOut, "another service's, of which nothing says that it is below the root")
	want := []evidence.Established{{By: "lines/gw-0/000003.json", Run: "r", Lines: 2}}
	require.Equal(t, want, made.Established)
	require.Len(t, made.Errata, 2)
	require.Equal(t, "lines/gw-0/000002.json", made.Errata[0].File)

	r := check(z, trust(s.key))
	requireVerdict(t, ledger.Confirmed, r, "another of them, from the same sender, says to be of the session: lines/gw-0/000003.json for 2")
	require.Equal(t, want, r.Established)
	require.Equal(t, made.Errata, r.Errata)
	require.Contains(t, r.Limits, "that outcome in lines/gw-0/000002.json is right (outcome-assumed): "+r.Errata[0].Says)

	// Without the root there is no proof.
	requireVerdict(t, ledger.NotConfirmed, check(editLog(t, z, func(l *evidence.Log) { l.Lines = l.Lines[:2] }), trust(s.key)), "claim_unproven")
}
