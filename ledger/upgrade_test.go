package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// upgraded are two tellings of one event: of before and after an upgrade that gave
// lines another schema version, and ids another form.
func upgraded(t *testing.T) (before, after []byte, m semconv.Meta) {
	trace, span := pcommon.TraceID{1}, pcommon.SpanID{2}
	after, m = line(t, "s0", 9)
	withID := func(id string) []byte {
		return bytes.Replace(after, []byte(`"`+m.EventID+`"`), []byte(`"`+id+`"`), 1)
	}
	before = bytes.Replace(withID(semconv.SpanEventID(trace, span, "tool_call")),
		[]byte(`"schema_version":"1.1"`), []byte(`"schema_version":"1"`), 1)
	return before, withID(semconv.PlainEventID(semconv.NewResourceID("shop"), trace, span, "tool_call")), m
}

func TestTellingsAcrossAnUpgrade(t *testing.T) {
	before, after, m := upgraded(t)
	tr := newTrail(t)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	lock := ledger.Retention{Mode: ledger.Compliance, Until: until()}
	sealed := func(lines ...[]byte) *ledger.Report {
		opts := ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}
		b := ledger.NewObjectBuilder(opts, time.Now())
		for _, l := range lines {
			b.Add(l, m)
		}
		o, err := b.Finish()
		require.NoError(t, err)
		_, err = tr.Put(ctx, o.Key, o.Body, ledger.PutOptions{Retention: lock})
		require.NoError(t, err)
		require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
		return tr.verify(t, ledger.LevelEvents)
	}
	r := sealed(before, after)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, int64(1), r.Doubles)
	require.NotContains(t, codes(r, ledger.SeverityWarning), ledger.CodeEventIDReused)

	r = sealed(bytes.Replace(after, []byte(`"n":9`), []byte(`"n":8`), 1))
	require.Contains(t, codes(r, ledger.SeverityWarning), ledger.CodeEventIDReused, "another content of the older id")
}

func TestSameEvent(t *testing.T) {
	before, after, _ := upgraded(t)
	require.True(t, ledger.SameEvent(before, after))
	require.True(t, ledger.SameEvent(after, after))
	for from, to := range map[string]string{
		`"n":9`: `"n":8`, `.tool_call"`: `.session_end"`, `"schema_version":"1.1"`: `"schema_version":"1.2"`,
	} {
		other := bytes.Replace(after, []byte(from), []byte(to), 1)
		require.NotEqual(t, string(after), string(other), from)
		require.False(t, ledger.SameEvent(before, other), to)
		require.False(t, ledger.SameEvent(other, before), to)
	}
}
