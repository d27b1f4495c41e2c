package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// once is the wanted answer of verify: the events numbered from 0, each of them once.
func once(n int) map[string]int {
	want := map[string]int{}
	for i := range n {
		want[event(i).EventID] = 1
	}
	return want
}

func TestConcurrentSenders(t *testing.T) {
	for _, compression := range []string{"gzip", "zstd", "none"} {
		t.Run(compression, func(t *testing.T) {
			tr := newTrail(t)
			c := tr.config()
			c.Compression = compression
			c.Batch.MaxEvents = 40 // so that requests are divided among objects
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
						var err error
						if request%2 == 0 {
							err = r.traces.ConsumeTraces(context.Background(), spans(events...))
						} else {
							err = r.logs.ConsumeLogs(context.Background(), records(events...))
						}
						assert.NoError(t, err)
					}
				})
			}
			wg.Wait()
			// Acknowledged is sealed: nothing is left to the shutdown.
			require.Equal(t, once(senders*requests*size), tr.requireConfirmed())
			r.stop()
			require.Equal(t, once(senders*requests*size), tr.requireConfirmed())
			require.Equal(t, "close", tr.kinds()[len(tr.kinds())-1])
		})
	}
}

func TestMaxBytesDividesARequest(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	c.Compression = "none"
	c.Batch.MaxBytes = minMaxBytes
	r := start(t, c)
	var events []*semconv.Event
	for i := range 10 {
		e := event(i)
		e.OutputText = strings.Repeat("x", 30<<10)
		events = append(events, e)
	}
	events[9].OutputText = strings.Repeat("y", 2*minMaxBytes) // alone in its object
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(events...)))
	r.stop()

	require.Equal(t, once(10), tr.requireConfirmed())
	objects := 0
	for v, err := range tr.open().List(context.Background(), "data/", "") {
		require.NoError(t, err)
		require.Less(t, v.Size, int64(3*minMaxBytes))
		if v.Size > minMaxBytes {
			objects += 100
		}
		objects++
	}
	require.Equal(t, 106, objects, "five of two events, and the one that is too large")
}

func TestQuarantine(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.config())
	td := spans(event(0), event(1))
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).Attributes().PutBool(semconv.AttrQuarantine, true)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	r.stop()
	require.Equal(t, once(2), tr.requireConfirmed())
	require.Len(t, tr.keys("data/v1/"), 1)
	require.Len(t, tr.keys("quarantine/v1/"), 1)
}

func TestRefusesWhatIsNoAuditEvent(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.config())
	td := spans(event(0), event(1), event(2))
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).Attributes().Clear()
	err := r.traces.ConsumeTraces(context.Background(), td)
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	require.ErrorContains(t, err, "refused 1 of 3 records, the others are sealed: put the agentaudit processor in front of this exporter: not an audit event")
	require.Equal(t, map[string]int{"event-0": 1, "event-2": 1}, tr.requireConfirmed())

	ld := records(event(3))
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutStr(semconv.AttrEventType, "gossip")
	err = r.logs.ConsumeLogs(context.Background(), ld)
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	require.ErrorContains(t, err, "refused 1 of 1 records")
	r.stop()
	require.Len(t, tr.keys("data/"), 1)
}

func TestPromptsAreStoredOnce(t *testing.T) {
	tr := newTrail(t)
	puts := map[string]int{}
	p := &proxy{before: func(r *http.Request) bool {
		if r.Method == http.MethodPut {
			puts[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]++
		}
		return false
	}}
	c := tr.config()
	c.S3 = p.start(tr)
	r := start(t, c)

	prompt := "You are a careful agent."
	sum := sha256.Sum256([]byte(prompt))
	hash := hex.EncodeToString(sum[:])
	for i, h := range []string{hash, hash, "../../manifests/v1/gw-0/000000000009"} {
		e := event(i)
		e.EventType, e.SystemPromptHash, e.ModelID = semconv.TypeLLMCall, h, "model"
		td := spans(e)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr(semconv.AttrSystemPrompt, prompt)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	}
	r.stop()

	require.Equal(t, once(3), tr.requireConfirmed())
	require.Equal(t, []string{"prompts/v1/" + hash + ".txt"}, tr.keys("prompts/"))
	require.Equal(t, 1, puts[hash+".txt"])
	s := tr.open()
	text, err := s.Get(context.Background(), "prompts/v1/"+hash+".txt", "")
	require.NoError(t, err)
	require.Equal(t, prompt, string(text))
	lock, err := s.Retention(context.Background(), "prompts/v1/"+hash+".txt", "")
	require.NoError(t, err)
	require.Equal(t, "GOVERNANCE", lock.Mode)
	require.Greater(t, time.Until(lock.Until), 2*day)
	for _, key := range tr.keys("data/") {
		body, err := s.Get(context.Background(), key, "")
		require.NoError(t, err)
		require.NotContains(t, string(body), prompt)
	}
}

// The full text of a field that was too long for its line is sealed with it.
func TestOversizeTextIsSealed(t *testing.T) {
	for _, durability := range []string{durabilitySealed, durabilitySpooled} {
		t.Run(durability, func(t *testing.T) {
			tr := newTrail(t)
			c := tr.config()
			if durability == durabilitySpooled {
				c = tr.spooledConfig()
			}
			r := start(t, c)
			whole := strings.Repeat("all of it ", 1000)
			sum := sha256.Sum256([]byte(whole))
			digest := hex.EncodeToString(sum[:])
			for i := range 2 { // the same text twice is one blob
				e := event(i)
				e.OutputText = whole[:10]
				e.Oversize = fmt.Appendf(nil, `{"output_text":{"sha256":%q,"bytes":%d}}`, digest, len(whole))
				td := spans(e)
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyMap(semconv.AttrOversizeText).PutStr("output_text", whole)
				require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
			}
			r.stop()
			require.Equal(t, once(2), tr.requireConfirmed())
			require.Equal(t, []string{"blobs/v1/" + digest + ".gz"}, tr.keys("blobs/"))
			s := tr.open()
			text, err := ledger.ReadBlob(context.Background(), s, digest)
			require.NoError(t, err)
			require.Equal(t, whole, string(text))
			lock, err := s.Retention(context.Background(), "blobs/v1/"+digest+".gz", "")
			require.NoError(t, err)
			require.Equal(t, "GOVERNANCE", lock.Mode)
			report, _ := tr.verify()
			require.Equal(t, int64(2), report.Events)
			require.GreaterOrEqual(t, report.Objects, int64(2), "the blob is sealed like the data")

			tr.overwrite("blobs/v1/"+digest+".gz", []byte("something else"))
			tr.requireConfirmed()
			text, err = ledger.ReadBlob(context.Background(), s, digest)
			require.NoError(t, err)
			require.Equal(t, whole, string(text))
		})
	}
}

// Each write fails once before and once after it took effect; what comes again
// is the same, byte for byte.
func TestRetriesAreByteForByte(t *testing.T) {
	tr := newTrail(t)
	var mu sync.Mutex
	bodies := map[string][]string{}
	p := &proxy{}
	p.before = func(r *http.Request) bool {
		if r.Method != http.MethodPut || r.URL.RawQuery != "" && !strings.Contains(r.URL.RawQuery, "x-id=PutObject") {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mu.Lock()
		defer mu.Unlock()
		bodies[r.URL.Path] = append(bodies[r.URL.Path], string(body))
		return len(bodies[r.URL.Path]) == 1
	}
	p.after = func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		return r.Method == http.MethodPut && len(bodies[r.URL.Path]) == 2
	}
	c := tr.config()
	c.S3 = p.start(tr)
	r := start(t, c)
	for i := range 3 {
		require.NoError(t, r.logs.ConsumeLogs(context.Background(), records(event(i))))
	}
	r.stop()

	require.Equal(t, once(3), tr.requireConfirmed())
	data := tr.keys("data/")
	require.Len(t, data, 3, "no key and no version more")
	require.Equal(t, []string{"open", "batch", "batch", "batch", "close"}, tr.kinds())
	for path, tries := range bodies {
		require.GreaterOrEqual(t, len(tries), 2, path)
		for _, body := range tries {
			require.Equal(t, tries[0], body, path)
		}
	}
}

func TestBucketGoneAndBack(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	c.TimeoutConfig.Timeout = 5 * time.Second
	r := start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0))))

	tr.server.Stop()
	// One sender loses its patience, the others wait.
	ctx, cancel := context.WithCancel(context.Background())
	impatient := make(chan error, 1)
	go func() { impatient <- r.traces.ConsumeTraces(ctx, spans(event(1))) }()
	var wg sync.WaitGroup
	for i := 2; i < 20; i++ {
		wg.Go(func() { assert.NoError(t, r.logs.ConsumeLogs(context.Background(), records(event(i)))) })
	}
	require.Equal(t, componentstatus.StatusRecoverableError, <-r.status)
	cancel()
	err := <-impatient
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, consumererror.IsPermanent(err), "the sender may try again")

	tr.server.Start()
	wg.Wait()
	require.Equal(t, componentstatus.StatusOK, <-r.status)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(20))))
	r.stop()

	sealed := tr.requireConfirmed()
	delete(sealed, "event-1") // sealed all the same, if it was taken in before the sender left
	want := once(21)
	delete(want, "event-1")
	require.Equal(t, want, sealed)
}

// Senders that come again and again while the bucket is away do not fill the memory.
func TestOutageIsBounded(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	c.Batch.MaxEvents = 1
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), c)
	require.NoError(t, err)
	tr.server.Stop()

	const senders = 4 * maxPending
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() { assert.Error(t, r.traces.ConsumeTraces(ctx, spans(event(i)))) })
		}
		require.Eventually(t, func() bool { return unsealed(t, tel) > maxPending }, time.Minute, time.Millisecond)
		cancel()
		wg.Wait()
	}
	require.Equal(t, int64(maxPending+1), unsealed(t, tel), "those that are pending and the one that is open")
	tr.server.Start()
	r.stop()
	total := 0
	for _, n := range tr.requireConfirmed() {
		total += n
	}
	require.Equal(t, maxPending+1, total)
}

func unsealed(t *testing.T, tel *componenttest.Telemetry) int64 {
	m, err := tel.GetMetric("otelcol_agentaudit_exporter_unsealed_events")
	require.NoError(t, err)
	return m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value
}

// A shutdown does not wait for the bucket longer than it may, and no sender is told OK.
func TestShutdownWithoutBucket(t *testing.T) {
	tr := newTrail(t)
	r := start(t, tr.config())
	tr.server.Stop()
	answer := make(chan error, 1)
	go func() { answer <- r.traces.ConsumeTraces(context.Background(), spans(event(0))) }()
	require.Equal(t, componentstatus.StatusRecoverableError, <-r.status)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, r.traces.Shutdown(ctx))
	err := <-answer
	require.Error(t, err)
	require.False(t, consumererror.IsPermanent(err))
	require.ErrorContains(t, r.logs.Shutdown(ctx), `the log "gw-0" is left without a closing manifest`)

	tr.server.Start()
	require.Empty(t, tr.requireConfirmed())
	r = start(t, tr.config())
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0))))
	r.stop()
	require.Equal(t, []string{"open", "open", "batch", "close"}, tr.kinds(), "the crash is on record")
}

func TestTwoWritersOfOneLog(t *testing.T) {
	tr := newTrail(t)
	one, two := start(t, tr.config()), start(t, tr.config())
	var wg sync.WaitGroup
	for i, r := range []*running{one, two} {
		wg.Go(func() {
			for n := range 20 {
				assert.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(2*n+i))))
			}
		})
	}
	wg.Wait()
	one.stop()
	two.stop()
	require.Equal(t, once(40), tr.requireConfirmed())
}

func TestHeartbeat(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	c.Heartbeat = 5 * time.Millisecond
	r := start(t, c)
	require.Eventually(t, func() bool { return len(tr.keys("manifests/")) >= 4 }, time.Minute, time.Millisecond)
	r.stop()
	tr.requireConfirmed()
	kinds := tr.kinds()
	require.Equal(t, "open", kinds[0])
	require.Equal(t, "close", kinds[len(kinds)-1])
	for _, kind := range kinds[1 : len(kinds)-1] {
		require.Equal(t, "heartbeat", kind)
	}
}

// What others write into the bucket stops nothing and spoils nothing.
func TestHostileBucket(t *testing.T) {
	tr := newTrail(t)
	s := tr.open()
	ctx := context.Background()
	manifest := func(seq int) string { return fmt.Sprintf("manifests/v1/gw-0/%012d.json", seq) }
	garbage := []byte(`{"payload":"garbage"}`)

	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	r, err := startWith(t, NewFactory(), metadatatest.NewSettings(tel), tr.config()) // 0
	require.NoError(t, err)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(0)))) // 1
	_, err = s.Put(ctx, manifest(2), garbage, ledger.PutOptions{SHA256: sha256.Sum256(garbage)})
	require.NoError(t, err)
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(1)))) // 2, over the garbage
	tr.overwrite(tr.keys("data/")[0], garbage)
	tr.hide(manifest(2))
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(2)))) // 3
	warnings, err := tel.GetMetric("otelcol_agentaudit_exporter_warnings")
	require.NoError(t, err)
	require.Positive(t, warnings.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	r.stop() // 4
	tr.hide(manifest(4))

	r = start(t, tr.config()) // 5, after a head that is hidden
	require.NoError(t, r.traces.ConsumeTraces(ctx, spans(event(3))))
	r.stop()

	report, sealed := tr.verify()
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	require.NotEmpty(t, report.Findings)
	require.Equal(t, once(4), sealed)
	require.Equal(t, []string{"open", "batch", "batch", "batch", "close", "open", "batch", "close"}, tr.kinds())
}

// The public key and a prompt whose place was taken are written all the same.
func TestKeptObjectsAreWrittenOverGarbage(t *testing.T) {
	tr := newTrail(t)
	s := tr.open()
	ctx := context.Background()
	key := "keys/v1/" + tr.public.ID + ".pem"
	garbage := []byte("garbage")
	_, err := s.Put(ctx, key, garbage, ledger.PutOptions{SHA256: sha256.Sum256(garbage)})
	require.NoError(t, err)

	start(t, tr.config()).stop()
	have, err := s.Get(ctx, key, "")
	require.NoError(t, err)
	require.Equal(t, string(ledger.MarshalPublicKey(tr.public.Key)), string(have))
}

// A public key that is there already, with a lock that ends too early, is locked longer.
func TestPublicKeyIsLockedAsLongAsItsData(t *testing.T) {
	tr := newTrail(t)
	s := tr.open()
	ctx := context.Background()
	key := "keys/v1/" + tr.public.ID + ".pem"
	body := ledger.MarshalPublicKey(tr.public.Key)
	_, err := s.Put(ctx, key, body, ledger.PutOptions{
		SHA256:    sha256.Sum256(body),
		Retention: ledger.Retention{Mode: "GOVERNANCE", Until: time.Now().Add(time.Hour)},
	})
	require.NoError(t, err)

	start(t, tr.config()).stop()
	versions, err := s.Versions(ctx, key)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	lock, err := s.Retention(ctx, key, versions[0].ID)
	require.NoError(t, err)
	require.Greater(t, time.Until(lock.Until), 2*day)
	start(t, tr.config()).stop() // nothing to do
	tr.requireConfirmed()
}
