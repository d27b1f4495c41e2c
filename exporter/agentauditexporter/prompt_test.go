package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// prompted is an event with a system prompt, and the key under which that is kept.
func prompted(n int, prompt string) (ptrace.Traces, string) {
	sum := sha256.Sum256([]byte(prompt))
	e := event(n)
	e.EventType, e.SystemPromptHash, e.ModelID = semconv.TypeLLMCall, hex.EncodeToString(sum[:]), "model"
	td := spans(e)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr(semconv.AttrSystemPrompt, prompt)
	return td, ledger.PromptKey(e.SystemPromptHash)
}

// named lists, for each manifest of the log gw-0 that names it, what is said of an object.
func (tr *trail) named(key string) (list []ledger.Object) {
	_, err := ledger.ReadLog(context.Background(), tr.open(), []ledger.PublicKey{tr.public}, nil, time.Time{}, "gw-0", func(m *ledger.Manifest, _ *ledger.Tree) error {
		for _, o := range m.Predicate.Objects {
			if o.Key == key {
				list = append(list, o)
			}
		}
		return nil
	})
	require.NoError(tr.t, err)
	return list
}

// requireLocked checks that an object is locked as long as was promised each time it was
// named, and longer than the data that relies on it.
func (tr *trail) requireLocked(key string, times int) {
	tr.t.Helper()
	named := tr.named(key)
	require.Len(tr.t, named, times)
	lock, err := tr.open().Retention(context.Background(), key, "")
	require.NoError(tr.t, err)
	for _, o := range named {
		require.Equal(tr.t, lock.Mode, o.Retention.Mode)
		require.False(tr.t, lock.Until.Before(o.Retention.Until), "%v is promised, %v is given", o.Retention.Until, lock.Until)
	}
	for _, data := range tr.keys("data/v1/") {
		other, err := tr.open().Retention(context.Background(), data, "")
		require.NoError(tr.t, err)
		require.False(tr.t, named[times-1].Retention.Until.Before(other.Until.Add(keepInterval)))
	}
}

// opened is an exporter whose inside a test can reach.
type opened struct {
	t        *testing.T
	exporter *auditExporter
}

func newOpened(t *testing.T, c *Config) *opened {
	e, err := newAuditExporter(exportertest.NewNopSettings(metadata.Type), c, func(ctx context.Context, c store.Config) (bucket, error) { return store.Open(ctx, c) })
	require.NoError(t, err)
	require.NoError(t, e.start(context.Background(), componenttest.NewNopHost()))
	return &opened{t, e}
}

func (o *opened) ConsumeTraces(td ptrace.Traces) error {
	return o.exporter.pushTraces(context.Background(), td)
}

func (o *opened) stop() {
	o.exporter.flush()
	require.NoError(o.t, o.exporter.shutdown(context.Background()))
}

// A prompt that events rely on is named in a manifest, so that its removal is found.
func TestPromptsAreSealed(t *testing.T) {
	for _, durability := range []string{durabilitySealed, durabilitySpooled} {
		t.Run(durability, func(t *testing.T) {
			tr := newTrail(t)
			c := tr.config()
			if durability == durabilitySpooled {
				c = tr.spooledConfig()
			}
			r := start(t, c)
			var key string
			for i := range 3 {
				var td ptrace.Traces
				td, key = prompted(i, "You are a careful agent.")
				require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
				if durability == durabilitySealed {
					require.Len(t, tr.named(key), 1, "before its sender is told OK")
				}
			}
			r.stop()
			tr.requireLocked(key, 1)
			r = start(t, c) // and by each process that relies on it
			td, _ := prompted(3, "You are a careful agent.")
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			r.stop()
			tr.requireLocked(key, 2)
			require.Equal(t, once(4), tr.requireConfirmed())

			tr.hide(key)
			tr.overwrite(key, []byte("You are a careless agent."))
			tr.requireConfirmed()
			tr.purge(key)
			report, _ := tr.verify()
			require.Equal(t, ledger.NotConfirmed, report.Verdict)
			require.True(t, slices.ContainsFunc(report.Findings, func(f ledger.Finding) bool {
				return f.Severity == ledger.SeverityError && f.Code == ledger.CodeObjectMissing && f.Object == key
			}), "%+v", report.Findings)
		})
	}
}

// A prompt that is still in use after a day is locked longer, and named with that lock.
func TestPromptsAreNamedAgain(t *testing.T) {
	tr := newTrail(t)
	set := newOpened(t, tr.config())
	td, key := prompted(0, "You are a careful agent.")
	require.NoError(t, set.ConsumeTraces(td))
	before := tr.named(key)
	set.exporter.maker.prompts.named.Add(key, time.Now().Add(-keepInterval))
	set.exporter.cfg.ObjectLock.Retention += Duration(5 * day) // as if days had passed
	td, _ = prompted(1, "You are a careful agent.")
	require.NoError(t, set.ConsumeTraces(td))
	require.Len(t, before, 1)
	tr.requireLocked(key, 2)
	require.True(t, tr.named(key)[1].Retention.Until.After(before[0].Retention.Until))
	set.stop()
	tr.requireConfirmed()
}

// What lies over a prompt does not have its promise broken: the version that verification
// finds is the one that is locked.
func TestSquattedPromptIsLocked(t *testing.T) {
	prompt := "You are a careful agent."
	for name, squat := range map[string]func(*trail, string){
		"garbage":                       func(tr *trail, key string) { tr.overwrite(key, []byte("garbage")) },
		"as many bytes":                 func(tr *trail, key string) { tr.overwrite(key, []byte(strings.Repeat("x", len(prompt)))) },
		"the same, without a lock":      func(tr *trail, key string) { tr.overwrite(key, []byte(prompt)) },
		"the same, and a delete marker": func(tr *trail, key string) { tr.overwrite(key, []byte(prompt)); tr.hide(key) },
		"a delete marker":               func(tr *trail, key string) { tr.hide(key) },
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			td, key := prompted(0, prompt)
			squat(tr, key)
			r := start(t, tr.config())
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			r.stop()
			squat(tr, key)
			c := tr.config()
			c.ObjectLock.Retention += Duration(day)
			r = start(t, c)
			td, _ = prompted(1, prompt)
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			r.stop()
			require.Equal(t, once(2), tr.requireConfirmed())
			require.Len(t, tr.named(key), 2)
		})
	}
}

// A text that is another's by its digest is not stored: events that rely on the right one
// would be given it.
func TestPromptOfAnotherDigestIsNotStored(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.config())
	td, key := prompted(0, "You are a careful agent.")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr(semconv.AttrSystemPrompt, "You are a careless agent.")
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	require.Empty(t, tr.keys("prompts/"))
	td, _ = prompted(1, "You are a careful agent.")
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	r.stop()
	require.Equal(t, []string{key}, tr.keys("prompts/"))
	require.Equal(t, once(2), tr.requireConfirmed())
}

// A blob that is used again when its lock is longer is promised that.
func TestBlobsAreNamedAgain(t *testing.T) {
	tr := newTrail(t)
	set := newOpened(t, tr.config())
	whole := strings.Repeat("all of it ", 1000)
	sum := sha256.Sum256([]byte(whole))
	key := ledger.BlobKey(hex.EncodeToString(sum[:]))
	for i := range 3 {
		e := event(i)
		e.OutputText = whole[:10]
		e.Oversize = fmt.Appendf(nil, `{"output_text":{"sha256":%q,"bytes":%d}}`, hex.EncodeToString(sum[:]), len(whole))
		td := spans(e)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyMap(semconv.AttrOversizeText).PutStr("output_text", whole)
		require.NoError(t, set.ConsumeTraces(td))
		if i == 1 {
			set.exporter.cfg.ObjectLock.Retention += Duration(5 * day)
		}
	}
	set.stop()
	named := tr.named(key)
	require.Len(t, named, 2)
	lock, err := tr.open().Retention(context.Background(), key, "")
	require.NoError(t, err)
	require.Equal(t, lock.Until.UTC(), named[1].Retention.Until.UTC())
	tr.requireConfirmed()
}
