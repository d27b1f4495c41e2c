package chaos

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
)

var soak = flag.Duration("soak.for", 0, "how long to soak; 0 is not at all")

// TestSoak sends at 70 % of what the collector takes at most, with faults of the bucket
// between, and looks for what grows: memory, file descriptors, goroutines.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("run `make soak`")
	}
	for _, mode := range []string{sealed, spooled} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, 1, mode)
			defer w.load.stop()
			w.load.timeout = 30 * time.Second
			w.load.rest, w.load.payload, w.load.events = 0, 400, 200
			free, err := localcollector.FreeAddresses(1)
			require.NoError(t, err)
			n := w.node(settings{pprof: free[0], maxBytes: "1GiB"})
			n.ready()
			pid := n.running().PID

			const warm = 10 * time.Second
			w.load.start(32)
			time.Sleep(warm)
			before := w.load.count()
			time.Sleep(warm)
			most := float64(w.load.count()-before) / warm.Seconds()
			w.load.stop()
			w.load.pace(0.7 * most)
			w.load.start(32)
			fmt.Printf("%s: at most %.0f events a second; soaking at %.0f for %s\n", mode, most, 0.7*most, *soak/2)

			var samples []usage
			faults := []func(){
				w.net.away,
				func() {
					w.net.fault.Store(&answer{status: http.StatusServiceUnavailable, code: "SlowDown", share: 0.5})
				},
				func() { w.net.poison("latency", "downstream", `"latency":1000`) },
				func() { w.net.fault.Store(&answer{lost: true, share: 0.2}) },
				func() { w.net.poison("reset_peer", "upstream", `"timeout":20`) },
			}
			took := w.load.count()
			for i, end := 0, time.Now().Add(*soak/2); time.Now().Before(end); i++ {
				faults[i%len(faults)]()
				time.Sleep(4 * time.Second)
				w.net.clear()
				if !w.net.toxi.Enabled {
					w.net.back()
				}
				time.Sleep(16 * time.Second)
				u := n.usage(free[0])
				samples = append(samples, u)
				fmt.Printf("%s %6d events  %s\n", mode, w.load.count()-took, u)
			}
			require.Equal(t, pid, n.running().PID, "the collector did not end meanwhile")
			w.settle()
			r := &row{}
			w.judge(r)
			fmt.Printf("%s: acknowledged %d, sealed %d, lost %d, doubled %d, %s\n", mode, r.acknowledged, r.sealed, r.lost, r.doubled, r.verdict)
			require.True(t, r.holds(), "%+v", *r)
			flat(t, samples)
		})
	}
}

// flat compares the second half of the samples with the first: their highest values,
// for garbage is collected now and then.
func flat(t *testing.T, samples []usage) {
	half := len(samples) / 2
	var first, second usage
	for i, u := range samples {
		m := &first
		if i >= half {
			m = &second
		}
		m.rssMiB, m.files, m.goroutines = max(m.rssMiB, u.rssMiB), max(m.files, u.files), max(m.goroutines, u.goroutines)
	}
	fmt.Printf("highest of the first half: %s; of the second: %s\n", first, second)
	require.LessOrEqual(t, second.rssMiB, first.rssMiB*5/4+16, "memory grows")
	require.LessOrEqual(t, second.files, first.files+16, "file descriptors grow")
	require.LessOrEqual(t, second.goroutines, first.goroutines*5/4+32, "goroutines grow")
}

// usage is what a process holds at a moment.
type usage struct{ rssMiB, files, goroutines int }

func (u usage) String() string {
	return fmt.Sprintf("%d MiB, %d files, %d goroutines", u.rssMiB, u.files, u.goroutines)
}

func (n *node) usage(pprof string) (u usage) {
	pid := n.running().PID
	u.rssMiB = n.memoryMiB("VmRSS")
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(n.w.t, err)
	u.files = len(files)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pprof+"/debug/pprof/goroutine?debug=1", nil)
	require.NoError(n.w.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(n.w.t, err)
	_, rest, _ := strings.Cut(string(text), "total ")
	line, _, _ := strings.Cut(rest, "\n")
	u.goroutines, err = strconv.Atoi(line)
	require.NoError(n.w.t, err)
	return u
}
