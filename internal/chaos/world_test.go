package chaos

import (
	"bufio"
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

const (
	collectorBinary = "../../build/otelcol-agentaudit/otelcol-agentaudit"

	sealed  = "sealed"
	spooled = "spooled"
)

// world is one experiment: a bucket, the way to it, collectors, and senders.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	mode   string
	dir    string
	direct store.Config // the bucket, without the network
	net    *network
	key    ledger.PublicKey
	nodes  []*node
	load   *load

	damage bool // events may be lost that the trail itself says are lost
	failed []string
}

func newWorld(t *testing.T, seed uint64, mode string) *world {
	_, err := os.Stat(collectorBinary)
	require.NoError(t, err, "run `make build` first")
	w := &world{t: t, mode: mode, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1))}
	server := s3test.Start(t)
	w.direct = server.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	w.net = newNetwork(t, server.Endpoint)

	pub, private, err := ed25519.GenerateKey(crand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path("audit.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	w.key, err = ledger.NewPublicKey(pub)
	require.NoError(t, err)
	w.load = newLoad(w)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// problem notes what must not be.
func (w *world) problem(format string, args ...any) {
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}

// pause lets time pass: between a and b.
func (w *world) pause(a, b time.Duration) {
	time.Sleep(a + time.Duration(w.rng.Int64N(int64(b-a)+1)))
}

// node is a collector that is started again whenever it ends, as an orchestrator would.
type node struct {
	w     *world
	o     localcollector.Options
	spool string

	mu       sync.Mutex
	c        *localcollector.Collector
	stopping bool
	done     chan struct{}
}

// settings of a node; all have defaults.
type settings struct {
	log       string
	spool     string
	maxBytes  string
	memoryMiB int
	binary    string
	pprof     string // the address of the pprof extension, "" for none
}

// node makes a collector and starts it.
func (w *world) node(s settings) *node {
	n := &node{w: w}
	name := fmt.Sprintf("node-%d", len(w.nodes))
	if s.log == "" {
		s.log = "gw-0"
	}
	if s.binary == "" {
		s.binary = collectorBinary
	}
	if s.maxBytes == "" {
		s.maxBytes = "256MiB"
	}
	bucket := w.direct
	bucket.Endpoint = w.net.endpoint()
	n.o = localcollector.Options{
		Binary: s.binary, File: w.path(name + ".yaml"), LogFile: w.path(name + ".log"), Log: s.log, Bucket: bucket, Key: w.path("audit.key"), MemoryMiB: s.memoryMiB,
		Exporter: "    timeout: 3s\n    heartbeat: 5s\n    retry_on_failure: {initial_interval: 50ms, max_interval: 500ms}\n",
	}
	n.o.Pprof = s.pprof
	if w.mode == spooled {
		n.spool = s.spool
		if n.spool == "" {
			n.spool = w.path(name + ".spool")
		}
		n.o.Exporter += fmt.Sprintf("    durability: spooled\n    spool: {directory: %q, max_bytes: %s}\n", n.spool, s.maxBytes)
	}
	c, err := localcollector.Launch(n.o)
	require.NoError(w.t, err)
	n.c, n.o.Addresses = c, c.Addresses
	n.supervise()
	w.nodes = append(w.nodes, n)
	w.t.Cleanup(func() {
		n.end(func(c *localcollector.Collector) { c.Kill() })
		if w.t.Failed() {
			text, _ := os.ReadFile(n.o.LogFile)
			w.t.Logf("%s printed last:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	return n
}

func (n *node) supervise() {
	n.done = make(chan struct{})
	n.stopping = false
	go func() {
		defer close(n.done)
		for {
			n.mu.Lock()
			c := n.c
			n.mu.Unlock()
			<-c.Ended()
			n.mu.Lock()
			if n.stopping {
				n.mu.Unlock()
				return
			}
			c, err := localcollector.Launch(n.o)
			if err == nil {
				n.c = c
			}
			n.mu.Unlock()
			if err != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
}

func (n *node) running() *localcollector.Collector {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.c
}

// kill is a crash; the node comes back by itself.
func (n *node) kill() { n.running().Kill() }

// end ends the node and does not start it again.
func (n *node) end(how func(*localcollector.Collector)) {
	n.mu.Lock()
	n.stopping = true
	c := n.c
	n.mu.Unlock()
	how(c)
	<-n.done
}

// stop ends the node as an operator would.
func (n *node) stop() (err error) {
	n.end(func(c *localcollector.Collector) { err = c.Stop() })
	return err
}

// start brings a node back that was ended.
func (n *node) start() {
	c, err := localcollector.Launch(n.o)
	require.NoError(n.w.t, err)
	n.c = c
	n.supervise()
}

// ready waits until the node takes telemetry, however often it is started for that.
func (n *node) ready() {
	for end := time.Now().Add(time.Minute); ; {
		err := n.running().AwaitReady(context.Background())
		if err == nil {
			return
		}
		require.True(n.w.t, time.Now().Before(end), "the collector does not come back: %v", err)
	}
}

// holds reports whether the spool has events that are not sealed.
func (n *node) holds() bool {
	if n.spool == "" {
		return false
	}
	files, err := filepath.Glob(filepath.Join(n.spool, "*.wal"))
	require.NoError(n.w.t, err)
	return len(files) > 0
}

// memoryMiB is a line of what the kernel tells of the running process: VmRSS is the
// memory that it has, VmHWM the most that it has had.
func (n *node) memoryMiB(line string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.running().PID))
	if err != nil {
		return 0 // not Linux
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib >> 10
		}
	}
	return 0
}

// load is senders, who note what was acknowledged to them.
type load struct {
	w       *world
	payload int           // bytes of text in an event, at most
	events  int           // in a request, at most
	budget  *budget       // of events; nil is no limit
	timeout time.Duration // of a request
	rest    time.Duration // of a sender between requests
	cancel  context.CancelFunc
	group   sync.WaitGroup
	number  atomic.Uint64
	run     uint64 // tells this world's events from others'

	mu           sync.Mutex
	acknowledged map[uuid.UUID]struct{} // event ids
	refused      map[codes.Code]int
}

func newLoad(w *world) *load {
	return &load{w: w, payload: 2000, events: 10, timeout: 5 * time.Second, rest: 20 * time.Millisecond, run: rand.Uint64(), acknowledged: map[uuid.UUID]struct{}{}, refused: map[codes.Code]int{}}
}

// start has so many senders for each node send until stop.
func (l *load) start(senders int) {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	for _, n := range l.w.nodes {
		for range senders {
			l.group.Go(func() { l.send(ctx, n) })
		}
	}
}

func (l *load) stop() {
	if l.cancel != nil {
		l.cancel()
		l.group.Wait()
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// await returns when so many events more are acknowledged.
func (l *load) await(more int) {
	want := l.count() + more
	for end := time.Now().Add(time.Minute); l.count() < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			l.w.problem("senders are not served: %d of %d", l.count(), want)
			return
		}
	}
}

// retryable are the answers after which a sender comes again, by the OTLP specification.
var retryable = []codes.Code{codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss}

func (l *load) send(ctx context.Context, n *node) {
	s, err := localcollector.NewSender(n.running())
	if err != nil {
		l.w.t.Error(err)
		return
	}
	defer s.Close()
	for ctx.Err() == nil {
		td, ids := l.request()
		l.budget.wait(ctx, len(ids))
		// What fails is sent again, the same, as an SDK does; then it is given up.
		for range 3 {
			bounded, cancel := context.WithTimeout(ctx, l.timeout)
			err := s.SendTraces(bounded, td)
			cancel()
			l.note(ids, err)
			if err == nil || ctx.Err() != nil {
				break
			}
			sleep(ctx, 50*time.Millisecond)
		}
		sleep(ctx, l.rest)
	}
}

// budget is how many events a second all senders may send.
type budget struct {
	mu   sync.Mutex
	each time.Duration
	next time.Time
}

// pace limits the load to so many events a second.
func (l *load) pace(perSecond float64) {
	l.budget = &budget{each: time.Duration(float64(time.Second) / perSecond), next: time.Now()}
}

func (b *budget) wait(ctx context.Context, events int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	if now := time.Now(); b.next.Before(now) {
		b.next = now // what was not sent in time is not made up for
	}
	at := b.next
	b.next = at.Add(time.Duration(events) * b.each)
	b.mu.Unlock()
	sleep(ctx, time.Until(at))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (l *load) note(ids []uuid.UUID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		for _, id := range ids {
			l.acknowledged[id] = struct{}{}
		}
		return
	}
	code := status.Code(err)
	if l.refused[code]++; l.refused[code] == 1 && !slices.Contains(retryable, code) {
		l.w.problem("a sender was told not to come again: %v", err)
	}
}

// noise is text that does not compress.
var noise = func() string {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = 'a' + byte(rand.IntN(26))
	}
	return string(b)
}()

// request makes an export request of events that nothing else has.
func (l *load) request() (td ptrace.Traces, ids []uuid.UUID) {
	td = ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 1 + rand.IntN(l.events) {
		n := l.number.Add(1)
		var trace pcommon.TraceID
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(trace[:], l.run)
		binary.BigEndian.PutUint64(trace[8:], n)
		binary.BigEndian.PutUint64(id[:], n)
		s := spans.AppendEmpty()
		s.SetTraceID(trace)
		s.SetSpanID(id)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(s.StartTimestamp())
		a := s.Attributes()
		a.PutStr(semconv.AttrEventType, string(semconv.TypeToolCall))
		a.PutStr("audit.tool_name", "search")
		a.PutStr("audit.agent_id", "agent")
		a.PutStr("audit.session_id", fmt.Sprintf("session-%d", n%50))
		a.PutInt("audit.step_number", int64(n))
		at := rand.IntN(len(noise) - l.payload)
		a.PutStr("audit.tool_output", noise[at:at+1+rand.IntN(l.payload)])
		ids = append(ids, uuid.MustParse(semconv.SpanEventID(trace, id, string(semconv.TypeToolCall))))
	}
	return td, ids
}

// row is the outcome of an experiment.
type row struct {
	fault, mode  string
	runs         int
	acknowledged int
	sealed       int // different events
	twice        int // that are in the trail more than once, to the letter
	lost         int
	told         int // events that the trail itself says were lost
	doubled      int // ids with two contents
	verdict      ledger.Verdict
	seconds      int
	failed       []string
	skipped      string
}

func (r *row) holds() bool {
	return r.skipped != "" || len(r.failed) == 0 && r.lost <= r.told && r.doubled == 0 && r.verdict == ledger.Confirmed && r.acknowledged > 0
}

// settle takes the faults away, and has everything that is acknowledged sealed.
func (w *world) settle() {
	w.net.clear()
	if !w.net.toxi.Enabled {
		w.net.back()
	}
	for _, n := range w.nodes {
		n.ready()
	}
	w.load.stop()
	for _, n := range w.nodes {
		if err := n.stop(); err != nil {
			w.problem("a graceful stop failed: %v", err)
		}
		for try := 0; n.holds(); try++ {
			if try == 5 {
				w.problem("events stay in the spool of %s", n.o.Log)
				break
			}
			n.start()
			n.ready()
			if err := n.stop(); err != nil {
				w.problem("a graceful stop failed: %v", err)
			}
		}
	}
}

// judge reads the trail with nothing but the bucket and the public key.
func (w *world) judge(r *row) {
	s, err := store.Open(context.Background(), w.direct)
	require.NoError(w.t, err)
	defer s.Close()
	keys := []ledger.PublicKey{w.key}
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: keys, Level: ledger.LevelEvents})
	require.NoError(w.t, err)
	r.verdict = report.Verdict
	if r.verdict != ledger.Confirmed {
		w.problem("%+v", report.Findings)
	}
	// What each event tells, by the beginning of its digest: a soak has millions.
	told := map[uuid.UUID][8]byte{}
	var reader semconv.LineReader
	var text []byte
	for l, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: keys}) {
		var f *ledger.Finding
		if errors.As(err, &f) && f.Severity != ledger.SeverityError {
			continue
		}
		require.NoError(w.t, err)
		e, err := reader.Scan(l.Line)
		require.NoError(w.t, err)
		text = reader.AppendTold(text[:0])
		sum := sha256.Sum256(text)
		id, err := uuid.Parse(e.EventID)
		require.NoError(w.t, err)
		switch have, ok := told[id]; {
		case !ok:
			told[id] = [8]byte(sum[:])
		case have == [8]byte(sum[:]):
			r.twice++
			continue
		default:
			r.doubled++
		}
		if e.EventType == semconv.TypeFinding {
			var damage struct {
				Rule    string
				Content struct{ Lost int }
			}
			require.NoError(w.t, json.Unmarshal(l.Line, &damage))
			if damage.Rule == "spool_damage" {
				r.told += damage.Content.Lost
			}
		}
	}
	r.sealed = len(told)
	r.acknowledged = len(w.load.acknowledged)
	for id := range w.load.acknowledged {
		if _, ok := told[id]; !ok {
			r.lost++
		}
	}
	if r.told > 0 && !w.damage {
		w.problem("%d events are told lost", r.told)
	}
	r.failed = w.failed
}

// printed counts the lines of what a node printed that hold a text.
func (n *node) printed(text string) (count int) {
	f, err := os.Open(n.o.LogFile)
	require.NoError(n.w.t, err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.Contains(s.Text(), text) {
			count++
		}
	}
	return count
}
