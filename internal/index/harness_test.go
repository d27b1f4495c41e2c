package index

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var ctx = context.Background()

// sealedTrail is a trail in memory, with what its index should hold.
type sealedTrail struct {
	*ledgertest.Store
	t      ledgertest.TB
	signer ledger.Signer
	key    ledger.PublicKey
	chains map[string]*ledger.Chain
	lines  []string // object#line of each event
	n      int
	until  time.Time
}

func newTrail(t ledgertest.TB) *sealedTrail {
	s := ledgertest.NewSigner(t, "ed25519")
	return &sealedTrail{
		Store: ledgertest.New(), t: t, signer: s, key: ledgertest.Public(t, s), chains: map[string]*ledger.Chain{},
		until: time.Now().UTC().Add(240 * time.Hour).Truncate(24 * time.Hour),
	}
}

func (tr *sealedTrail) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatalf("%v", err)
	}
}

func (tr *sealedTrail) chain(log string) *ledger.Chain {
	if tr.chains[log] == nil {
		c, err := ledger.OpenChain(ctx, tr, ledger.ChainOptions{Log: log, Signer: tr.signer, Retention: func(time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Compliance, Until: tr.until}
		}})
		tr.must(err)
		tr.must(c.Commit(ctx, ledger.KindOpen, nil))
		tr.chains[log] = c
	}
	return tr.chains[log]
}

// seal seals events as one object of a log, under the day of a time.
func (tr *sealedTrail) seal(log string, at time.Time, class string, events ...*semconv.Event) string {
	lock := ledger.Retention{Mode: ledger.Compliance, Until: tr.until}
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, RetentionClass: class, Compression: ledger.Zstd, Retention: lock}, at)
	for _, e := range events {
		span := ptrace.NewSpan()
		semconv.WriteSpan(e, span)
		line, m, err := semconv.AppendSpan(nil, span)
		tr.must(err)
		b.Add(line, m)
	}
	o, err := b.Finish()
	tr.must(err)
	_, err = tr.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: sha256.Sum256(o.Body), Retention: lock})
	tr.must(err)
	tr.must(tr.chain(log).Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
	for n := range events {
		tr.lines = append(tr.lines, fmt.Sprintf("%s#%d", o.Key, n+1))
	}
	return o.Key
}

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// events are n events of a session, as agents tell them.
func (tr *sealedTrail) events(session string, n int) (list []*semconv.Event) {
	for range n {
		tr.n++
		list = append(list, &semconv.Event{
			EventID: fmt.Sprintf("e-%06d", tr.n), EventType: semconv.TypeToolCall, Timestamp: monday.Add(time.Duration(tr.n) * time.Second),
			SessionID: session, RunID: "run-" + session, AgentID: "agent", StepNumber: semconv.Some(int64(tr.n)),
			ToolName: "refund", ToolInput: []byte(fmt.Sprintf(`{"order":"A-%d"}`, tr.n)), ToolCallID: fmt.Sprintf("call-%d", tr.n),
		})
	}
	return list
}

type eventRow struct {
	Date      int32  `parquet:"date,date"`
	Log       string `parquet:"log"`
	Object    string `parquet:"object"`
	Line      int64  `parquet:"line"`
	EventID   string `parquet:"event_id,optional"`
	SessionID string `parquet:"session_id,optional"`
}

func rows[T any](t ledgertest.TB, x *Index, tb *table.Table) (list []T) {
	t.Helper()
	s, err := x.Snapshot(ctx)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, f := range s.Of(tb) {
		file, err := x.load(ctx, f)
		if err != nil {
			t.Fatalf("%v", err)
		}
		for part, err := range table.Rows[T](file) {
			if err != nil {
				t.Fatalf("%v", err)
			}
			list = append(list, part...)
		}
	}
	return list
}

// keys are object#line of the rows of events.
func keys(t ledgertest.TB, x *Index) (list []string) {
	t.Helper()
	for _, r := range rows[eventRow](t, x, table.Events) {
		list = append(list, fmt.Sprintf("%s#%d", r.Object, r.Line))
	}
	slices.Sort(list)
	return list
}

func (tr *sealedTrail) want() []string {
	list := slices.Clone(tr.lines)
	slices.Sort(list)
	return list
}

func (tr *sealedTrail) options() Options {
	return Options{Keys: []ledger.PublicKey{tr.key}, Note: func(f ledger.Finding) { tr.t.Fatalf("%v", &f) }}
}

func newIndex(t testing.TB) *Index {
	t.Helper()
	p, err := InFolder(t.TempDir(), true)
	require.NoError(t, err)
	return Open(p)
}

// memory is a place in memory.
type memory struct {
	mu   sync.Mutex
	objs map[string]memoryObject
	now  func() time.Time
}

type memoryObject struct {
	body []byte
	at   time.Time
}

func newMemory() *memory { return &memory{objs: map[string]memoryObject{}, now: time.Now} }

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objs[key]
	if !ok {
		return nil, ledger.ErrNotFound
	}
	return o.body, nil
}

func (m *memory) Put(_ context.Context, key string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objs[key]; ok {
		return ledger.ErrExists
	}
	m.objs[key] = memoryObject{slices.Clone(body), m.now()}
	return nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[Entry, error] {
	m.mu.Lock()
	var list []Entry
	for key, o := range m.objs {
		if strings.HasPrefix(key, prefix) {
			list = append(list, Entry{key, o.at})
		}
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return func(yield func(Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) Remove(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objs, key)
	return nil
}
