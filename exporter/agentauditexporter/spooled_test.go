package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// spooledConfig is config with a spool of its own.
func (tr *trail) spooledConfig() *Config {
	c := tr.config()
	c.Durability = durabilitySpooled
	c.Spool.Directory = filepath.Join(tr.t.TempDir(), "spool")
	require.NoError(tr.t, c.Validate())
	return c
}

// crash ends an exporter without anything that a shutdown does to the bucket: what is
// acknowledged is in the spool.
func (r *running) crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.traces.Shutdown(ctx)
	_ = r.logs.Shutdown(ctx)
}

func spoolFiles(t *testing.T, c *Config, pattern string) []string {
	list, err := filepath.Glob(filepath.Join(c.Spool.Directory, pattern))
	require.NoError(t, err)
	return list
}

// send has each of the events acknowledged by itself.
func (r *running) send(from, to int) {
	for i := from; i < to; i++ {
		require.NoError(r.t, r.logs.ConsumeLogs(context.Background(), records(event(i))))
	}
}

func TestSpooledSealsAll(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	c.Batch.MaxEvents = 40
	r := start(t, c)
	const senders, requests, size = 8, 10, 7
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for request := range requests {
				var events []*semconv.Event
				for i := range size {
					events = append(events, event((sender*requests+request)*size+i))
				}
				assert.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(events...)))
			}
		})
	}
	wg.Wait()
	r.stop()
	require.Equal(t, once(senders*requests*size), tr.requireConfirmed())
	require.Equal(t, "close", tr.kinds()[len(tr.kinds())-1])
	require.Empty(t, spoolFiles(t, c, "*.wal*"))
}

// What a version before this one left in a spool is read.
func TestSpoolRecordFormat(t *testing.T) {
	const head = `{"EventType":"tool_call","EventID":"e","SessionID":"s","Timestamp":"2026-11-23T10:00:00.000000001Z","Missing":["agent_id"],"Quarantine":true,"SystemPrompt":"p","SystemPromptHash":"h","OversizeText":["long"]}`
	want := semconv.Meta{
		EventType: "tool_call", EventID: "e", SessionID: "s", Timestamp: time.Date(2026, 11, 23, 10, 0, 0, 1, time.UTC),
		Missing: []string{"agent_id"}, Quarantine: true, SystemPrompt: "p", SystemPromptHash: "h", OversizeText: []string{"long"},
	}
	for _, rec := range [][]byte{append(binary.AppendUvarint(nil, uint64(len(head))), head+"{}"...), appendSpoolRecord(nil, []byte("{}"), &want)} {
		line, m, err := parseSpoolRecord(rec)
		require.NoError(t, err)
		require.Equal(t, "{}", string(line))
		require.Equal(t, want, m)
		for n := range len(rec) - len("{}") {
			_, _, err := parseSpoolRecord(rec[:n])
			require.Error(t, err)
		}
	}
}

// Without waiting for a shutdown, what is acknowledged is sealed at its age.
func TestSpooledSealsAtItsAge(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.spooledConfig())
	r.send(0, 3)
	require.Eventually(t, func() bool { return maps.Equal(tr.requireConfirmed(), once(3)) }, time.Minute, 5*time.Millisecond)
	r.stop()
}

// A spool that is full of what a record may hold: quarantine, prompts, refused ones.
func TestSpooledKeepsWhatASealedOneDoes(t *testing.T) {
	tr := newTrail(t)
	tr.server.Stop()
	r := start(t, tr.spooledConfig())
	prompt := "You are a careful agent."
	sum := sha256.Sum256([]byte(prompt))
	e := event(1)
	e.EventType, e.ModelID, e.SystemPromptHash = semconv.TypeLLMCall, "model", hex.EncodeToString(sum[:])
	td := spans(event(0), e, event(2))
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	list.At(0).Attributes().PutBool(semconv.AttrQuarantine, true)
	list.At(1).Attributes().PutStr(semconv.AttrSystemPrompt, prompt)
	list.At(2).Attributes().Clear()
	err := r.traces.ConsumeTraces(context.Background(), td)
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	require.ErrorContains(t, err, "refused 1 of 3 records, the others are spooled")
	tr.server.Start()
	require.Eventually(t, func() bool { return len(tr.keys("manifests/")) > 0 }, time.Minute, 5*time.Millisecond)
	r.stop()
	require.Equal(t, once(2), tr.requireConfirmed())
	require.Len(t, tr.keys("quarantine/v1/"), 1)
	require.Len(t, tr.keys("data/v1/"), 1)
	require.Equal(t, []string{"prompts/v1/" + e.SystemPromptHash + ".txt"}, tr.keys("prompts/"))
}

// The bucket is away from before the start on: senders are told OK, and the log is
// opened when it is there.
func TestSpooledWithoutBucket(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	tr.server.Stop()
	r := start(t, c)
	r.send(0, 5)
	r.crash() // also a stop without a bucket loses nothing
	r = start(t, c)
	r.send(5, 9)
	tr.server.Start()
	require.Eventually(t, func() bool { return len(tr.keys("manifests/")) >= 2 }, time.Minute, 5*time.Millisecond)
	r.stop()
	require.Equal(t, once(9), tr.requireConfirmed())
	kinds := tr.kinds()
	require.Equal(t, "open", kinds[0])
	require.NotContains(t, kinds[1:], "open", "it was opened once")
	require.Equal(t, "close", kinds[len(kinds)-1])
}

// A mistake in the configuration keeps the exporter from starting, or stops the
// Collector where the bucket tells of it only later.
func TestSpooledRefusesMistakes(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	c.S3 = tr.server.Bucket(t, s3test.BucketOptions{Unlocked: true})
	require.Contains(t, startError(t, c), "has no Object Lock")

	tr.server.Stop()
	r := start(t, c)
	r.send(0, 1)
	tr.server.Start()
	require.Equal(t, componentstatus.StatusFatalError, r.await(componentstatus.StatusFatalError))
	r.stop()
	require.NotEmpty(t, spoolFiles(t, c, "*.wal"), "what was acknowledged is kept")

	c.S3 = tr.store // corrected
	r = start(t, c)
	r.stop()
	require.Equal(t, once(1), tr.requireConfirmed())

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	c.Spool.Directory = filepath.Join(file, "spool")
	require.Contains(t, startError(t, c), "`spool::directory`: cannot make the directory of the spool")

	c = tr.spooledConfig()
	r = start(t, c)
	second := tr.spooledConfig()
	second.Spool = c.Spool
	require.Contains(t, startError(t, second), "is in use")
	r.stop()
}

// await reads the statuses up to the wanted one.
func (r *running) await(want componentstatus.Status) componentstatus.Status {
	for {
		select {
		case s := <-r.status:
			if s == want {
				return s
			}
		case <-time.After(time.Minute):
			r.t.Fatal("no such status")
		}
	}
}

// A process that ends after a commit and before it noted so seals nothing twice.
func TestSpooledCrashAfterCommit(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	c.Batch.MaxEvents = 3
	tr.server.Stop()
	r := start(t, c)
	r.send(0, 10)
	r.crash()
	before := filepath.Join(t.TempDir(), "before")
	require.NoError(t, os.CopyFS(before, os.DirFS(c.Spool.Directory)))
	tr.server.Start()
	r = start(t, c)
	r.stop()
	require.Equal(t, once(10), tr.requireConfirmed())
	objects := tr.keys("data/")

	require.NoError(t, os.RemoveAll(c.Spool.Directory))
	require.NoError(t, os.CopyFS(c.Spool.Directory, os.DirFS(before)))
	r = start(t, c)
	r.send(10, 11)
	r.stop()
	require.Equal(t, once(11), tr.requireConfirmed())
	require.Len(t, tr.keys("data/"), len(objects)+1)
	require.Empty(t, spoolFiles(t, c, "*.wal"))
}

// A process that ends between the upload and the commit leaves no orphan: the object
// is built again with the same key and the same bytes.
func TestSpooledCrashBeforeCommit(t *testing.T) {
	tr := newTrail(t)
	var closed atomic.Bool
	p := &proxy{before: func(r *http.Request) bool {
		return closed.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
	}}
	c := tr.spooledConfig()
	c.S3 = p.start(tr)
	r := start(t, c)
	closed.Store(true)
	r.send(0, 5)
	require.Eventually(t, func() bool { return len(tr.keys("data/")) > 0 }, time.Minute, 5*time.Millisecond)
	r.crash()
	objects := tr.keys("data/")
	closed.Store(false)
	r = start(t, c)
	r.stop()
	require.Equal(t, once(5), tr.requireConfirmed())
	require.Subset(t, tr.keys("data/"), objects)
	report, _ := tr.verify()
	for _, f := range report.Findings {
		require.NotEqual(t, ledger.CodeOrphan, f.Code)
		require.NotEqual(t, ledger.CodeLaterVersion, f.Code)
	}
}

// What is whole of a damaged file is sealed; what is not is counted, and told in the trail.
func TestSpooledDamage(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	tr.server.Stop()
	r := start(t, c)
	r.send(0, 5)
	r.crash()
	files := spoolFiles(t, c, "*.wal")
	require.Len(t, files, 1)
	body, err := os.ReadFile(files[0])
	require.NoError(t, err)
	at := strings.Index(string(body), `"event_id":"event-2"`)
	body[at+2] ^= 1
	require.NoError(t, os.WriteFile(files[0], body, 0o600))

	tr.server.Start()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	r, err = startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(tr.keys("data/")) > 0 }, time.Minute, 5*time.Millisecond)
	metadatatest.AssertEqualAgentauditExporterSpoolLostEvents(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	r.stop()

	sealed := tr.requireConfirmed()
	want := once(5)
	delete(want, "event-2")
	for id := range want {
		require.Equal(t, 1, sealed[id], id)
	}
	require.Len(t, sealed, 5, "and the event that tells of the damage")
	found := ""
	for e, err := range ledger.Events(context.Background(), tr.open(), ledger.ReadOptions{Keys: []ledger.PublicKey{tr.public}, Session: "agentaudit"}) {
		require.NoError(t, err)
		if strings.Contains(string(e.Line), `"event_type":"finding"`) {
			found = string(e.Line)
		}
	}
	require.Contains(t, found, `"rule":"spool_damage"`)
	require.Contains(t, found, `"lost":1`)
	require.NotContains(t, found, `"missing_fields"`)
	require.Empty(t, spoolFiles(t, c, "*.wal"))
	require.Len(t, spoolFiles(t, c, "*.damaged"), 1)
}

// A full spool holds senders back, with an error that lets them come again, and takes
// more when the bucket does.
func TestSpooledIsBounded(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	c.Batch.MaxBytes, c.Spool.MaxBytes = minMaxBytes, 2*minMaxBytes
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
	require.NoError(t, err)
	tr.server.Stop()
	large := func(n int) *semconv.Event {
		e := event(n)
		e.OutputText = strings.Repeat("x", minMaxBytes/4)
		return e
	}
	taken := 0
	for ; ; taken++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = r.logs.ConsumeLogs(ctx, records(large(taken)))
		cancel()
		if err != nil {
			break
		}
		require.Less(t, taken, 20)
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, consumererror.IsPermanent(err))
	require.Positive(t, taken)
	gauge := func(name string) any {
		m, err := tel.GetMetric("otelcol_agentaudit_exporter_spool_" + name)
		require.NoError(t, err)
		switch g := m.Data.(type) {
		case metricdata.Gauge[int64]:
			return g.DataPoints[0].Value
		case metricdata.Gauge[float64]:
			return g.DataPoints[0].Value
		}
		return nil
	}
	require.Equal(t, int64(taken), gauge("events"))
	require.LessOrEqual(t, gauge("bytes"), int64(2*minMaxBytes))
	require.Greater(t, gauge("bytes"), int64(minMaxBytes))
	require.Positive(t, gauge("oldest_age"))

	tr.server.Start()
	for i := taken; i < taken+20; i++ {
		require.NoError(t, r.logs.ConsumeLogs(context.Background(), records(large(i))))
	}
	r.stop()
	require.Equal(t, once(taken+20), tr.requireConfirmed())
}

// A disk that takes nothing is told to senders, and used again when it does.
func TestSpooledDiskThatFails(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
	require.NoError(t, err)
	r.send(0, 1)
	require.Eventually(t, func() bool { return maps.Equal(tr.requireConfirmed(), once(1)) }, time.Minute, 5*time.Millisecond)
	away := c.Spool.Directory + ".away"
	require.NoError(t, os.Rename(c.Spool.Directory, away))
	err = r.logs.ConsumeLogs(context.Background(), records(event(1)))
	require.ErrorContains(t, err, "cannot write to the spool")
	require.False(t, consumererror.IsPermanent(err))
	metadatatest.AssertEqualAgentauditExporterSpoolFailures(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, os.Rename(away, c.Spool.Directory))
	r.send(1, 2)
	r.stop()
	require.Equal(t, once(2), tr.requireConfirmed())
}

// A shutdown seals what it can in its time; the rest stays, and nothing is lost.
func TestSpooledShutdownWithoutBucket(t *testing.T) {
	tr := newTrail(t)
	c := tr.spooledConfig()
	r := start(t, c)
	tr.server.Stop()
	r.send(0, 5)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, r.traces.Shutdown(ctx))
	require.ErrorContains(t, r.logs.Shutdown(ctx), `the log "gw-0" is left without a closing manifest`)
	tr.server.Start()
	r = start(t, c)
	r.stop()
	require.Equal(t, once(5), tr.requireConfirmed())
}
