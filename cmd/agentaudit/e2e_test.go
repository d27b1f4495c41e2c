package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/internal/mapping"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

const (
	collectorBinary = "../../build/otelcol-agentaudit/otelcol-agentaudit"
	recordingsDir   = "../../testdata/captures"
)

func requireBuilt(t *testing.T) {
	t.Helper()
	_, err := os.Stat(collectorBinary)
	require.NoError(t, err, "run `make build` first")
}

// deployment is a real collector in front of a real S3 server.
type deployment struct {
	*localcollector.Collector
	s3     *s3test.Server
	bucket store.Config
	key    ledger.PublicKey
	dir    string
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	requireBuilt(t)
	d := &deployment{s3: s3test.Start(t), dir: t.TempDir()}
	d.bucket = d.s3.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	_, err := keygen(filepath.Join(d.dir, "audit"), "ed25519")
	require.NoError(t, err)
	pub, err := os.ReadFile(filepath.Join(d.dir, "audit.pub"))
	require.NoError(t, err)
	d.key, err = ledger.ParsePublicKey(pub)
	require.NoError(t, err)
	d.Collector = d.start(t, "gw-0")
	return d
}

// start runs a collector that writes a log; it is stopped at the end of the test
// unless the test stops it.
func (d *deployment) start(t *testing.T, log string) *localcollector.Collector {
	t.Helper()
	logFile := filepath.Join(d.dir, log+".log")
	c, err := localcollector.Start(context.Background(), localcollector.Options{
		Binary: collectorBinary, File: filepath.Join(d.dir, fmt.Sprintf("%s-%d.yaml", log, rand.Int())), LogFile: logFile,
		Log: log, Bucket: d.bucket, Key: filepath.Join(d.dir, "audit.key"),
	})
	if err != nil {
		text, _ := os.ReadFile(logFile)
		require.NoError(t, err, "%s", text)
	}
	t.Cleanup(c.Kill)
	return c
}

// sealed counts the events of the trail by id, and requires that all of it holds.
func (d *deployment) sealed(t *testing.T) map[string]int {
	t.Helper()
	s, err := store.Open(context.Background(), d.bucket)
	require.NoError(t, err)
	defer s.Close()
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{d.key}})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	ids := map[string]int{}
	for l, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{d.key}}) {
		require.NoError(t, err)
		e, err := semconv.ParseLine(l.Line)
		require.NoError(t, err)
		ids[e.EventID]++
	}
	return ids
}

// fresh gives the records of a request ids that nothing else has, the same for the
// same number: its spans keep their places in the tree.
func freshTraces(t *testing.T, line []byte, n uint64) ptrace.Traces {
	t.Helper()
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
	require.NoError(t, err)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				id := s.TraceID()
				binary.BigEndian.PutUint64(id[:8], n)
				s.SetTraceID(id)
			}
		}
	}
	return td
}

func freshLogs(t *testing.T, line []byte, n uint64) plog.Logs {
	t.Helper()
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
	require.NoError(t, err)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				id := rec.TraceID()
				binary.BigEndian.PutUint64(id[:8], n)
				rec.SetTraceID(id)
			}
		}
	}
	return ld
}

// expected maps a request as the collector does and lists the ids of its events.
func expected(t *testing.T, td ptrace.Traces, ld plog.Logs) (ids []string) {
	t.Helper()
	var out bytes.Buffer
	m, err := mapping.New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
	require.NoError(t, err)
	var line []byte
	if td.SpanCount() > 0 {
		line, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	} else {
		line, err = (&plog.JSONMarshaler{}).MarshalLogs(ld)
	}
	require.NoError(t, err)
	require.NoError(t, m.Request(context.Background(), line))
	require.NoError(t, m.Close(context.Background()))
	for _, l := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
		e, err := semconv.ParseLine(l)
		require.NoError(t, err)
		ids = append(ids, e.EventID)
	}
	return ids
}

// TestEverythingSentIsSealedOnce: concurrent senders over gRPC and HTTP; what comes
// out is what went in, no more and no less.
func TestEverythingSentIsSealedOnce(t *testing.T) {
	d := deploy(t)
	spans, err := os.ReadFile(filepath.Join(recordingsDir, "openinference-langgraph", "agent.traces.otlp.jsonl"))
	require.NoError(t, err)
	records, err := os.ReadFile(filepath.Join(recordingsDir, "claude-code", "allowed.logs.otlp.jsonl"))
	require.NoError(t, err)
	const senders, each = 8, 25
	want := map[string]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			s, err := localcollector.NewSender(d.Collector)
			if !assertNil(t, err) {
				return
			}
			defer s.Close()
			for j := range each {
				n := uint64(i*each+j) + 1
				td, ld := freshTraces(t, bytes.TrimSpace(spans), n), freshLogs(t, bytes.TrimSpace(records), n<<32)
				ids := append(expected(t, td, plog.NewLogs()), expected(t, ptrace.NewTraces(), ld)...)
				if !assertNil(t, s.SendTraces(context.Background(), td)) || !assertNil(t, s.SendLogs(context.Background(), ld)) {
					return
				}
				mu.Lock()
				for _, id := range ids {
					want[id]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.NotEmpty(t, want)
	// The answer to the last sender came when its events were sealed: the trail holds
	// everything while the collector still runs.
	require.Equal(t, want, d.sealed(t))
	require.NoError(t, d.Stop())
	require.Equal(t, want, d.sealed(t))
}

// assertNil is require.NoError for goroutines.
func assertNil(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// TestBucketTakenAway takes the S3 server away under load and gives it back: what was
// acknowledged is sealed.
func TestBucketTakenAway(t *testing.T) {
	d := deploy(t)
	spans, err := os.ReadFile(filepath.Join(recordingsDir, "openinference-openai", "agent.traces.otlp.jsonl"))
	require.NoError(t, err)
	s, err := localcollector.NewSender(d.Collector)
	require.NoError(t, err)
	defer s.Close()
	send := func(n uint64, timeout time.Duration) ([]string, error) {
		td := freshTraces(t, bytes.TrimSpace(spans), n)
		ids := expected(t, td, plog.NewLogs())
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return ids, s.SendTraces(ctx, td)
	}
	before, err := send(1, time.Minute)
	require.NoError(t, err)
	d.s3.Stop()
	_, err = send(2, 2*time.Second)
	require.Error(t, err, "nothing is acknowledged that is not sealed")
	var during []string
	waited := make(chan error, 1)
	go func() {
		var err error
		during, err = send(3, 2*time.Minute)
		waited <- err
	}()
	d.s3.Start()
	require.NoError(t, <-waited, "a sender that waits is answered when the bucket is back")
	require.NoError(t, d.Stop())
	have := d.sealed(t)
	for _, id := range append(before, during...) {
		require.Equal(t, 1, have[id])
	}
}

// TestKilled kills the collector under load, again and again, and starts it anew: what
// was acknowledged is sealed, and the chain tells of the crashes.
func TestKilled(t *testing.T) {
	d := deploy(t)
	spans, err := os.ReadFile(filepath.Join(recordingsDir, "openinference-openai", "agent.traces.otlp.jsonl"))
	require.NoError(t, err)
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	number := uint64(0)
	for range 4 {
		c := d.start(t, "gw-1")
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				s, err := localcollector.NewSender(c)
				if !assertNil(t, err) {
					return
				}
				defer s.Close()
				for {
					mu.Lock()
					number++
					n := number
					mu.Unlock()
					td := freshTraces(t, bytes.TrimSpace(spans), n)
					ids := expected(t, td, plog.NewLogs())
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					err := s.SendTraces(ctx, td)
					cancel()
					if err != nil {
						return // killed
					}
					mu.Lock()
					for _, id := range ids {
						acknowledged[id] = true
					}
					enough := len(acknowledged) > int(number)*2
					mu.Unlock()
					if enough {
						c.Kill()
					}
				}
			})
		}
		group.Wait()
		<-c.Ended()
	}
	require.NoError(t, d.Stop())
	require.NotEmpty(t, acknowledged)
	have := d.sealed(t)
	for id := range acknowledged {
		require.Contains(t, have, id)
	}
}

// TestTwoCollectorsOneLog: a mistake that costs nothing.
func TestTwoCollectorsOneLog(t *testing.T) {
	d := deploy(t)
	second := d.start(t, "gw-0")
	spans, err := os.ReadFile(filepath.Join(recordingsDir, "openinference-openai", "agent.traces.otlp.jsonl"))
	require.NoError(t, err)
	want := map[string]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i, c := range []*localcollector.Collector{d.Collector, second} {
		group.Go(func() {
			s, err := localcollector.NewSender(c)
			if !assertNil(t, err) {
				return
			}
			defer s.Close()
			for j := range 10 {
				td := freshTraces(t, bytes.TrimSpace(spans), uint64(i*100+j+1))
				ids := expected(t, td, plog.NewLogs())
				if !assertNil(t, s.SendTraces(context.Background(), td)) {
					return
				}
				mu.Lock()
				for _, id := range ids {
					want[id]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.NoError(t, d.Stop())
	require.NoError(t, second.Stop())
	require.Equal(t, want, d.sealed(t))
}

// TestConfigurationMistakes: one clear line that names the key.
func TestConfigurationMistakes(t *testing.T) {
	d := deploy(t)
	require.NoError(t, d.Stop())
	good := (&localcollector.Options{
		Log: "gw-1", Bucket: d.bucket, Key: filepath.Join(d.dir, "audit.key"), Addresses: [3]string{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"},
	}).Config()
	for name, c := range map[string]struct{ from, to, want string }{
		"no bucket":       {"bucket: " + d.bucket.Bucket, "bucket: ''", "exporters::agentaudit::s3: `bucket`"},
		"bad mode":        {"mode: COMPLIANCE", "mode: SOMETIMES", "`mode`"},
		"bad retention":   {"retention: 1d", "retention: soon", "retention"},
		"unknown key":     {"bucket: " + d.bucket.Bucket, "bukcet: x", "bukcet"},
		"bad on_missing":  {"agentaudit: {}", "agentaudit: {on_missing: ignore}", "processors::agentaudit: `on_missing` must be one of"},
		"no key file":     {"audit.key", "nowhere.key", "`signing::key_file`"},
		"no such bucket":  {"bucket: " + d.bucket.Bucket, "bucket: nosuchbucket", "nosuchbucket"},
		"bad compression": {"batch:", "compression: lz4\n    batch:", "`compression`"},
		"bad batch":       {"max_age: 200ms", "max_age: -1s", "`max_age`"},
		"queue on disk":   {"batch:", "sending_queue: {storage: file_storage}\n    batch:", "`storage`"},
		"gives up":        {"batch:", "retry_on_failure: {max_elapsed_time: 5m}\n    batch:", "`retry_on_failure::max_elapsed_time`"},
		"bad log":         {"log: gw-1", "log: GW_1", "log: the name \"GW_1\""},
		"bad durability":  {"batch:", "durability: best\n    batch:", "`durability`"},
		"no spool":        {"batch:", "durability: spooled\n    batch:", "`spool::directory`"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.from, c.to, 1)
			require.NotEqual(t, good, text)
			file := filepath.Join(t.TempDir(), "collector.yaml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			out := runToEnd(t, file)
			lines := 0
			for _, l := range strings.Split(out, "\n") {
				if strings.Contains(l, c.want) {
					lines++
				}
			}
			require.Positive(t, lines, "%s", out)
		})
	}
}

// runToEnd runs the collector with a configuration that it must refuse, and returns
// what it said.
func runToEnd(t *testing.T, config string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, collectorBinary, "--config", config).CombinedOutput()
	require.Error(t, err, "the collector took the configuration")
	require.NoError(t, ctx.Err(), "the collector did not stop: %s", out)
	return string(out)
}

// TestDemo runs what `make run` runs.
func TestDemo(t *testing.T) {
	requireBuilt(t)
	var out bytes.Buffer
	d := &demo{
		dir: filepath.Join(t.TempDir(), "run"), recordings: recordingsDir, binary: collectorBinary, s3: s3test.Binary(t),
		session: "8eb98d7c-6d0f-4577-bd57-76a8ad8cbf5d", out: &out,
	}
	// What demo sets is put back after the test; the user is signed in elsewhere.
	for _, k := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(k, "elsewhere")
	}
	require.NoError(t, os.MkdirAll(d.dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "thesis.txt"), nil, 0o600))
	require.ErrorContains(t, d.run(t.Context()), `holds "thesis.txt", which no run made`)
	require.FileExists(t, filepath.Join(d.dir, "thesis.txt"))
	// A run that failed early is no obstacle.
	require.NoError(t, os.Rename(filepath.Join(d.dir, "thesis.txt"), filepath.Join(d.dir, "audit.key")))
	require.NoError(t, d.run(context.Background()), "%s", out.String())
	require.Contains(t, out.String(), "NOT CONFIRMED")
	require.Regexp(t, `\nCONFIRMED\n\nThis verdict is about\n  - Log demo \(key [0-9a-f]{12}\): from its beginning, manifest 0 of `, out.String())
	require.Contains(t, out.String(), "\nNobody can know from this\n")
	for _, left := range []string{"collector.yaml", "audit.pub", "collector.log", "bucket/manifests/v1/demo/000000000000.json"} {
		require.FileExists(t, filepath.Join(d.dir, filepath.FromSlash(left)))
	}
	config, err := os.ReadFile(filepath.Join(d.dir, "collector.yaml"))
	require.NoError(t, err)
	require.NotContains(t, string(config), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	for _, gone := range []string{"audit.key", "s3"} {
		_, err := os.Stat(filepath.Join(d.dir, gone))
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	// A second run over what the first left.
	require.NoError(t, d.run(context.Background()), "%s", out.String())
}
