package chaos

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// fault is one row of the table. do begins with an empty world, runs the fault so many
// times under load, and returns a reason where it cannot be made here.
type fault struct {
	name        string
	modes       []string
	full, quick int // runs; a quick 0 is left to the full matrix
	do          func(w *world, runs int) (skipped string)
}

var (
	both        = []string{sealed, spooled}
	spooledOnly = []string{spooled}
)

var faults = []fault{
	{"SIGKILL at random, also while starting and recovering", both, 100, 8, killed},
	{"bucket unreachable", both, 10, 1, during(func(w *world) func() {
		w.net.away()
		return w.net.back
	})},
	{"bucket unreachable from before the start on", spooledOnly, 5, 1, startedWithoutBucket},
	{"bucket slow: 1 to 2 s for each answer", both, 5, 0, during(func(w *world) func() {
		w.net.poison("latency", "downstream", `"latency":1500,"jitter":500`)
		return w.net.clear
	})},
	{"half of the requests answered 500", both, 10, 0, answered(answer{status: 500, code: "InternalError", share: 0.5})},
	{"half of the requests answered 503 SlowDown", both, 10, 0, answered(answer{status: 503, code: "SlowDown", share: 0.5})},
	{"timeout after the write took effect", both, 10, 1, answered(answer{lost: true, share: 0.3})},
	{"connection reset in the middle of an upload", both, 10, 1, during(func(w *world) func() {
		w.net.poison("limit_data", "upstream", `"bytes":700`)
		return w.net.clear
	})},
	{"wrong clock", both, 10, 0, answered(answer{status: 403, code: "RequestTimeTooSkewed", share: 1})},
	{"credentials expire and come back", both, 10, 1, answered(answer{status: 400, code: "ExpiredToken", share: 1})},
	{"two collectors with one log, killed at random", both, 20, 0, collectors(2, true)},
	{"ten collectors with one log, killed at random", both, 20, 0, collectors(10, true)},
	{"ten collectors with ten logs, killed at random", both, 20, 0, collectors(10, false)},
	{"disk of the spool full", spooledOnly, 5, 1, diskFull},
	{"disk of the spool read only", spooledOnly, 5, 1, diskReadOnly},
	{"file of the spool damaged", spooledOnly, 10, 1, damaged},
	{"graceful stop under load", both, 20, 2, stopped},
	{"senders faster than the bucket", both, 3, 0, tooFast},
}

const senders = 6

// killed crashes the collector at a random moment after its last start, of which most
// are while it starts or recovers. The bucket is away for a third of them, so that
// there is something to recover.
func killed(w *world, runs int) string {
	n := w.node(settings{})
	n.ready()
	w.load.start(senders)
	w.load.await(50)
	for i := range runs {
		if i%4 == 0 {
			n.ready()
		}
		away := i%3 == 1
		if away {
			w.net.away()
		}
		w.pause(0, 700*time.Millisecond)
		n.kill()
		if away {
			w.pause(0, 400*time.Millisecond)
			w.net.back()
		}
	}
	n.ready()
	w.load.await(50)
	return ""
}

// during makes a fault that begins and ends, under load.
func during(begin func(*world) (end func())) func(*world, int) string {
	return func(w *world, runs int) string {
		n := w.node(settings{})
		n.ready()
		w.load.start(senders)
		for range runs {
			w.load.await(50)
			end := begin(w)
			w.pause(time.Second, 3*time.Second)
			if w.mode == spooled {
				w.load.await(50) // which an outage of the bucket does not keep from it
			}
			end()
		}
		w.load.await(50)
		return ""
	}
}

func answered(a answer) func(*world, int) string {
	return during(func(w *world) func() {
		w.net.fault.Store(&a)
		return w.net.clear
	})
}

func startedWithoutBucket(w *world, runs int) string {
	n := w.node(settings{})
	w.load.start(senders)
	for range runs {
		n.ready()
		w.net.away()
		n.kill()
		n.ready()
		w.load.await(50)
		w.net.back()
		w.load.await(50)
	}
	return ""
}

// collectors runs several, and kills one of them after the other.
func collectors(count int, oneLog bool) func(*world, int) string {
	return func(w *world, runs int) string {
		for i := range count {
			log := "gw-0"
			if !oneLog {
				log = "gw-" + string(rune('0'+i))
			}
			w.node(settings{log: log})
		}
		for _, n := range w.nodes {
			n.ready()
		}
		w.load.start(2)
		w.load.await(50)
		for range runs {
			w.pause(0, time.Second)
			w.nodes[w.rng.IntN(count)].kill()
		}
		for _, n := range w.nodes {
			n.ready()
		}
		w.load.await(50)
		return ""
	}
}

// diskFull fills the spool's disk while the bucket is away. Senders are told to come
// again, what was acknowledged stays, and the collector goes on when there is room.
func diskFull(w *world, runs int) string {
	disk := smallDisk(w.t, "4096")
	if disk == "" {
		return "needs root on Linux for a small file system"
	}
	n := w.node(settings{spool: filepath.Join(disk, "spool")})
	n.ready()
	w.load.payload = 40_000
	w.load.start(senders)
	for range runs {
		w.load.await(50)
		before := n.printed("no space left on device")
		w.net.away()
		for end := time.Now().Add(time.Minute); n.printed("no space left on device") == before; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				w.problem("the disk was never full")
				break
			}
		}
		if w.rng.IntN(2) == 0 {
			n.kill() // with a full disk
			n.ready()
		}
		w.net.back()
	}
	w.load.await(50)
	return ""
}

func diskReadOnly(w *world, runs int) string {
	disk := smallDisk(w.t, "65536")
	if disk == "" {
		return "needs root on Linux for a file system of its own"
	}
	n := w.node(settings{spool: filepath.Join(disk, "spool")})
	n.ready()
	for range runs {
		w.load.start(senders)
		w.load.await(50)
		w.load.stop()
		readOnly(w.t, disk, true)
		before := w.load.count()
		w.load.start(senders)
		w.pause(time.Second, 2*time.Second)
		w.load.stop()
		if w.load.count() > before {
			w.problem("events were acknowledged on a disk that takes nothing")
		}
		readOnly(w.t, disk, false)
	}
	if n.printed("read-only file system") == 0 {
		w.problem("the disk was not told to be read only")
	}
	w.load.start(senders)
	w.load.await(50)
	return ""
}

// damaged flips bytes in what the spool holds after a crash. What is lost by that is
// told in the trail; everything else is there.
func damaged(w *world, runs int) string {
	w.damage = true
	n := w.node(settings{})
	for range runs {
		n.ready()
		w.load.start(senders)
		w.load.await(50)
		w.net.away()
		w.load.await(200)
		w.load.stop()
		n.end(func(c *localcollector.Collector) { c.Kill() })
		files, err := filepath.Glob(filepath.Join(n.spool, "*.wal"))
		if err != nil || len(files) == 0 {
			w.problem("nothing in the spool to damage: %v", err)
			return ""
		}
		file := files[w.rng.IntN(len(files))]
		body, err := os.ReadFile(file)
		if err != nil {
			w.problem("%v", err)
			return ""
		}
		for range 1 + w.rng.IntN(4) {
			body[w.rng.IntN(len(body))] ^= byte(1 + w.rng.IntN(255))
		}
		if err := os.WriteFile(file, body, 0o600); err != nil {
			w.problem("%v", err)
		}
		n.start()
		if w.rng.IntN(2) == 0 {
			w.pause(0, 500*time.Millisecond)
			n.kill() // while it recovers
		}
		w.net.back()
	}
	return ""
}

// stopped stops the collector as an operator would while senders send. It ends within
// its time and leaves a closing manifest.
func stopped(w *world, runs int) string {
	n := w.node(settings{})
	n.ready()
	w.load.start(senders)
	for range runs {
		w.load.await(50)
		w.pause(0, 500*time.Millisecond)
		began := time.Now()
		if err := n.stop(); err != nil {
			w.problem("a graceful stop failed: %v", err)
		}
		if took := time.Since(began); took > 40*time.Second {
			w.problem("a graceful stop took %v", took)
		}
		n.start()
		n.ready()
	}
	w.load.await(50)
	// Every start but the first follows a closing manifest.
	s, err := store.Open(context.Background(), w.direct)
	if err != nil {
		w.problem("%v", err)
		return ""
	}
	defer s.Close()
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{w.key}})
	if err != nil {
		w.problem("%v", err)
		return ""
	}
	for _, f := range report.Findings {
		if f.Code == ledger.CodeUncleanStart {
			w.problem("a stop left no closing manifest: %s", f.Message)
		}
	}
	return ""
}

// tooFast has senders send more than the bucket takes. They are refused and may come
// again, memory stays bounded, and throughput recovers.
func tooFast(w *world, runs int) string {
	const limit = 256
	n := w.node(settings{memoryMiB: limit, maxBytes: "64MiB"})
	n.ready()
	w.load.payload, w.load.rest = 200_000, 0
	for range runs {
		w.load.start(32)
		w.load.await(50)
		w.net.poison("bandwidth", "upstream", `"rate":20`) // KB/s of each connection
		w.pause(8*time.Second, 10*time.Second)
		w.net.clear()
		w.load.await(300)
		w.load.stop()
	}
	// The limit is of what Go allocates; the program itself comes on top.
	if peak := n.memoryMiB("VmHWM"); peak > limit+limit/2 {
		w.problem("the collector took %d MiB with a limit of %d MiB", peak, limit)
	} else {
		w.t.Logf("the collector took %d MiB at most, with a limit of %d MiB", peak, limit)
	}
	refused := 0
	for code, count := range w.load.refused {
		if code != codes.Canceled {
			refused += count
		}
	}
	if refused == 0 {
		w.problem("nobody was held back")
	}
	if text, _ := os.ReadFile(n.o.LogFile); strings.Contains(string(text), "panic:") {
		w.problem("the collector panicked")
	}
	return ""
}
