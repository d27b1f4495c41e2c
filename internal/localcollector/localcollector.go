// Package localcollector runs the built distribution as a process of its own on
// loopback, and sends telemetry to it: for trials and tests.
package localcollector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

// Options say what to run and where its trail is.
type Options struct {
	Binary  string // of the distribution
	File    string // the configuration is written to it
	LogFile string // takes what the collector prints

	Log    string
	Bucket store.Config // Bucket, Prefix and Endpoint of it
	Key    string       // the file of the signing key

	Exporter  string    // further lines of the exporter's configuration, indented by four spaces
	Pprof     string    // the address of the pprof extension; "" is none
	MemoryMiB int       // what the memory_limiter and the runtime allow; 0 is 512
	Addresses [3]string // of OTLP over gRPC, over HTTP, and the health check; "" is a free one
}

// Collector is a process.
type Collector struct {
	Addresses [3]string // as in Options
	PID       int

	cmd     *exec.Cmd
	logFile string
	ready   time.Time     // when it was seen to be ready
	ended   chan struct{} // closed when the process has ended, with err
	err     error
}

// The credentials of the bucket are in the environment of the process, not in this.
const config = `# A trial on one machine. For production see the README.
receivers:
  otlp:
    protocols:
      grpc: {endpoint: %s}
      http: {endpoint: %s}

processors:
  memory_limiter: {check_interval: 1s, limit_mib: %d}
  agentaudit: {}

exporters:
  agentaudit:
    log: %s
    s3: {bucket: %s, prefix: %s, region: us-east-1, endpoint: %q, force_path_style: true}
    object_lock: {mode: COMPLIANCE, retention: 1d}
    signing: {key_file: %q}
    batch: {max_age: 200ms}
%s
extensions:
  health_check: {endpoint: %s}
%s
service:
  extensions: [health_check%s]
  telemetry:
    metrics: {level: none}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, agentaudit], exporters: [agentaudit]}
    logs: {receivers: [otlp], processors: [memory_limiter, agentaudit], exporters: [agentaudit]}
`

// Config is the text of the configuration.
func (o *Options) Config() string {
	pprof, also := "", ""
	if o.Pprof != "" {
		pprof, also = fmt.Sprintf("  pprof: {endpoint: %s}\n", o.Pprof), ", pprof"
	}
	return fmt.Sprintf(config, o.Addresses[0], o.Addresses[1], o.memory(), o.Log, o.Bucket.Bucket, o.Bucket.Prefix, o.Bucket.Endpoint, o.Key, o.Exporter, o.Addresses[2], pprof, also)
}

func (o *Options) memory() int { return cmp.Or(o.MemoryMiB, 512) }

// Start starts the collector and returns when it is ready.
func Start(ctx context.Context, o Options) (*Collector, error) {
	c, err := Launch(o)
	if err != nil {
		return nil, err
	}
	return c, c.AwaitReady(ctx)
}

// Launch starts the collector and does not wait for anything.
func Launch(o Options) (*Collector, error) {
	free, err := FreeAddresses(len(o.Addresses))
	if err != nil {
		return nil, err
	}
	for i := range o.Addresses {
		o.Addresses[i] = cmp.Or(o.Addresses[i], free[i])
	}
	if err := os.WriteFile(o.File, []byte(o.Config()), 0o600); err != nil {
		return nil, err
	}
	c, err := Run(Process{Binary: o.Binary, File: o.File, LogFile: o.LogFile, Health: o.Addresses[2], Env: []string{fmt.Sprintf("GOMEMLIMIT=%dMiB", o.memory())}})
	if err != nil {
		return nil, err
	}
	c.Addresses = o.Addresses
	return c, nil
}

// Process says how to run a collector with a configuration that is there.
type Process struct {
	Binary  string // of the distribution
	File    string // the configuration
	LogFile string // takes what the collector prints
	Health  string // the address of the health check
	Env     []string
}

// Run starts a process and does not wait for anything.
func Run(p Process) (*Collector, error) {
	out, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()                                 // the process has its own
	cmd := exec.Command(p.Binary, "--config", p.File) //nolint:gosec // the caller names the binary
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), p.Env...)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the collector: %w", err)
	}
	c := &Collector{Addresses: [3]string{2: p.Health}, PID: cmd.Process.Pid, cmd: cmd, logFile: p.LogFile, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	return c, nil
}

// FreeAddresses finds so many free addresses of loopback.
func FreeAddresses(n int) ([]string, error) {
	var list []string
	for range n {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		defer l.Close() // once all are found, which are then different ones
		list = append(list, l.Addr().String())
	}
	return list, nil
}

// listen takes a free port of loopback, below those that systems give to connections: a
// collector that is started again finds it free again.
func listen() (l net.Listener, err error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000) //nolint:gosec // no secret
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// AwaitReady returns when the collector takes telemetry. A collector that does not
// become ready is stopped.
func (c *Collector) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if resp, err := http.Get("http://" + c.Addresses[2]); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				c.ready = time.Now()
				return nil
			}
		}
		select {
		case <-c.ended:
			return fmt.Errorf("the collector stopped at its start (%w): see %s", c.err, c.logFile)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the collector did not become ready: see %s", c.logFile), c.Stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// untilSignals is how long after it says that it is ready a Collector has long begun to
// listen for signals; before, SIGTERM ends it at once.
const untilSignals = 300 * time.Millisecond

// Stop ends the collector as an operator would, and waits for it.
func (c *Collector) Stop() error {
	time.Sleep(time.Until(c.ready.Add(untilSignals)))
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return c.err
	case <-time.After(time.Minute):
		c.Kill()
		return errors.New("the collector did not stop within a minute")
	}
}

// Kill ends the collector at once, as a crash would, and waits for it.
func (c *Collector) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.ended
}

// Ended is closed when the process has ended.
func (c *Collector) Ended() <-chan struct{} { return c.ended }
