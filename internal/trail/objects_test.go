package trail

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestObjectsPlanted: manifests that nobody signed lead from run to run, each to one before
// it. That makes a copy of the session larger, and keeps nobody from making one.
func TestObjectsPlanted(t *testing.T) {
	s := ledgertest.New()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).Truncate(time.Hour)}
	n := 0
	object := func(e *semconv.Event) *ledger.Manifest {
		n++
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.None, Retention: lock, Source: fmt.Sprint(n)}, start)
		span := ptrace.NewSpan()
		semconv.WriteSpan(e, span)
		line, m, err := semconv.AppendSpan(nil, span)
		require.NoError(t, err)
		b.Add(line, m)
		o, err := b.Finish()
		require.NoError(t, err)
		_, err = s.Put(context.Background(), o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
		require.NoError(t, err)
		return &ledger.Manifest{Statement: ledger.Statement{Predicate: ledger.Predicate{Log: "gw-0", Objects: []ledger.Object{o.Object}}}}
	}
	const far = 10
	var list []*ledger.Manifest
	for i := far; i > 0; i-- { // of the session and run i, in an object that a filter has under run i-1 alone
		m := object(event(fmt.Sprint("planted-", i), semconv.TypeToolCall, "s", fmt.Sprint("run-", i), i))
		filed := object(event(fmt.Sprint("filed-", i), semconv.TypeToolCall, fmt.Sprint("run-", i-1), "", i))
		m.Predicate.Objects[0].Sessions = filed.Predicate.Objects[0].Sessions
		list = append(list, m)
	}
	genuine := []*ledger.Manifest{
		object(event("1", semconv.TypeToolCall, "s", "run-0", 1)),
		object(event("2", semconv.TypeToolCall, "run-0", "run-0", 2)),
	}
	list = append(list, genuine...)
	wanted := map[string]bool{}
	err := Objects(context.Background(), s, func() iter.Seq2[*ledger.Manifest, error] {
		return func(yield func(*ledger.Manifest, error) bool) {
			for _, m := range list {
				if !yield(m, nil) {
					return
				}
			}
		}
	}, "s", func(key string) { wanted[key] = true })
	require.NoError(t, err)
	for _, m := range genuine {
		require.True(t, wanted[m.Predicate.Objects[0].Key])
	}
}
