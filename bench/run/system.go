//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/internal/locals3"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// system is one of the things that are compared.
type system struct {
	name   string
	ours   bool
	drops  bool // stores nothing
	binary string
	// arguments to the process; the file of its configuration, if it has one, is
	// config, written for a place.
	args   func(p *place) []string
	config func(p *place) string
}

// place is where a system runs once: addresses, a bucket, a folder.
type place struct {
	dir     string
	otlp    string
	health  string
	pprof   string
	bucket  store.Config
	keyFile string
	key     ledger.PublicKey
	server  *locals3.Server
	close   []func()
}

const head = `receivers:
  otlp: {protocols: {grpc: {endpoint: %s, max_recv_msg_size_mib: 64}}}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 4096}
`

const tail = `
extensions:
  health_check: {endpoint: %s}
  pprof: {endpoint: %s}
service:
  extensions: [health_check, pprof]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    traces: {receivers: [otlp], processors: [%s], exporters: [%s]}
`

func ours(name, more string) *system {
	return &system{
		name: name, ours: true, binary: "build/otelcol-agentaudit/otelcol-agentaudit",
		args: func(p *place) []string { return []string{"--config", filepath.Join(p.dir, "config.yaml")} },
		config: func(p *place) string {
			return fmt.Sprintf(head, p.otlp) + fmt.Sprintf(`  agentaudit: {}
exporters:
  agentaudit:
    log: bench
    s3: {bucket: %s, prefix: %s, region: us-east-1, endpoint: %q, force_path_style: true}
    object_lock: {mode: COMPLIANCE, retention: 1d}
    signing: {key_file: %q}
    batch: {max_bytes: 16MiB, max_events: 1000000}
%s`, p.bucket.Bucket, p.bucket.Prefix, p.bucket.Endpoint, p.keyFile, strings.ReplaceAll(more, "DIR", p.dir)) +
				fmt.Sprintf(tail, p.health, p.pprof, "memory_limiter, agentaudit", "agentaudit")
		},
	}
}

// peer is the stock exporter. Its queue is in memory and its OK means queued there,
// which is how it is used and at its fastest.
func peer(name, compression string) *system {
	return &system{
		name: name, binary: "build/peer/peer",
		args: func(p *place) []string { return []string{"--config", filepath.Join(p.dir, "config.yaml")} },
		config: func(p *place) string {
			return fmt.Sprintf(head, p.otlp) + fmt.Sprintf(`exporters:
  awss3:
    marshaler: otlp_json
    s3uploader: {region: us-east-1, s3_bucket: %s, s3_prefix: peer, endpoint: %q, s3_force_path_style: true, compression: %s}
    sending_queue:
      sizer: bytes
      queue_size: 134217728
      block_on_overflow: true
      batch: {flush_timeout: 1s, min_size: 8388608, max_size: 16777216}
`, p.bucket.Bucket, p.bucket.Endpoint, compression) + fmt.Sprintf(tail, p.health, p.pprof, "memory_limiter", "awss3")
		},
	}
}

// nop is the stock Collector that takes requests and drops them.
func nop() *system {
	s := peer("nop", "none")
	s.drops = true
	s.config = func(p *place) string {
		return fmt.Sprintf(head, p.otlp) + "exporters: {nop: {}}\n" + fmt.Sprintf(tail, p.health, p.pprof, "memory_limiter", "nop")
	}
	return s
}

func sqlite(name string, more ...string) *system {
	return &system{
		name: name, binary: "build/bench-sqlite",
		args: func(p *place) []string {
			return append([]string{"-listen", p.otlp, "-file", filepath.Join(p.dir, "events.db")}, more...)
		},
	}
}

func systems() []*system {
	return []*system{
		nop(),
		ours("sealed gzip", "    compression: gzip\n"),
		peer("peer gzip", "gzip"),
		ours("sealed zstd", "    compression: zstd\n"),
		peer("peer zstd", "zstd"),
		peer("peer none", "none"),
		ours("spooled gzip", "    compression: gzip\n    durability: spooled\n    spool: {directory: DIR/spool, max_bytes: 4GiB}\n"),
		sqlite("sqlite, a transaction a span"),
		sqlite("sqlite, a transaction a request", "-batch"),
	}
}

// newPlace makes a place with an S3 server of its own, on the core of the senders.
func newPlace(ctx context.Context, delay time.Duration) (p *place, err error) {
	p = &place{}
	defer func() {
		if err != nil {
			p.leave()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "agentaudit-bench"); err != nil {
		return nil, err
	}
	p.close = append(p.close, func() { _ = os.RemoveAll(p.dir) })
	free, err := localcollector.FreeAddresses(3)
	if err != nil {
		return nil, err
	}
	p.otlp, p.health, p.pprof = free[0], free[1], free[2]
	err = pinned(1, func() (err error) {
		p.server, err = locals3.Start(ctx, locals3.Options{Binary: ".bin/versitygw", Dir: filepath.Join(p.dir, "s3")})
		return err
	})
	if err != nil {
		return nil, err
	}
	p.close = append(p.close, p.server.Stop)
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": p.server.AccessKey, "AWS_SECRET_ACCESS_KEY": p.server.SecretKey, "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(k, v); err != nil {
			return nil, err
		}
	}
	p.bucket = store.Config{Bucket: "bench", Prefix: "trail", Region: "us-east-1", Endpoint: p.server.Endpoint, ForcePathStyle: true}
	if _, _, err = store.InitBucket(ctx, p.bucket, store.InitOptions{Mode: ledger.Compliance, Retention: 24 * time.Hour}); err != nil {
		return nil, err
	}
	if delay > 0 {
		p.slow(delay)
	}
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	p.keyFile = filepath.Join(p.dir, "audit.key")
	if p.key, err = ledger.NewPublicKey(pub); err != nil {
		return nil, err
	}
	return p, os.WriteFile(p.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// slow puts a proxy before the bucket that takes its time for each PUT.
func (p *place) slow(delay time.Duration) {
	target, err := url.Parse(p.bucket.Endpoint)
	if err != nil {
		panic(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			time.Sleep(delay)
		}
		forward.ServeHTTP(w, r)
	}))
	p.bucket.Endpoint = proxy.URL
	p.close = append(p.close, proxy.Close)
}

func (p *place) leave() {
	for i := len(p.close) - 1; i >= 0; i-- {
		p.close[i]()
	}
}

// pinned runs f on a thread that has one core, which processes started there inherit.
func pinned(core int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		var set unix.CPUSet
		set.Set(core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// process is a system that runs.
type process struct {
	cmd   *exec.Cmd
	began time.Duration // CPU time at the beginning of the load
	ended chan error
	log   string
}

// start runs a system on core 0, or on all where cores is 2, and waits until it takes telemetry.
func (s *system) start(p *place, cores int) (*process, error) {
	if s.config != nil {
		if err := os.WriteFile(filepath.Join(p.dir, "config.yaml"), []byte(s.config(p)), 0o600); err != nil {
			return nil, err
		}
	}
	x := &process{ended: make(chan error, 1), log: filepath.Join(p.dir, "log")}
	out, err := os.Create(x.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	x.cmd = exec.Command(s.binary, s.args(p)...) //nolint:gosec // one of the systems above
	x.cmd.Stdout, x.cmd.Stderr = out, out
	x.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(cores))
	started := func() error { return x.cmd.Start() }
	if cores == 1 {
		err = pinned(0, started)
	} else {
		err = started()
	}
	if err != nil {
		return nil, err
	}
	go func() { x.ended <- x.cmd.Wait() }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if s.config == nil {
			if c, err := net.Dial("tcp", p.otlp); err == nil {
				_ = c.Close()
				break
			}
		} else if resp, err := http.Get("http://" + p.health); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-x.ended:
			text, _ := os.ReadFile(x.log)
			return nil, fmt.Errorf("%s ended at its start (%w): %s", s.name, err, text)
		default:
		}
		if time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("%s does not become ready", s.name), x.cmd.Process.Kill())
		}
	}
	x.began = x.cpu()
	return x, nil
}

// cpu is the CPU time that the process has used.
func (x *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel counts hundredths
}

// peak is the most memory that the process has had, in MiB.
func (x *process) peak() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", x.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kib, _ := strconv.ParseFloat(f[0], 64)
	return kib / 1024
}

// profile writes what the process spends its time on, for so long.
func (x *process) profile(p *place, d time.Duration, file string) error {
	resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.pprof, int(d.Seconds())))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, resp.Body); err != nil {
		return err
	}
	return out.Close()
}

// stop ends the process as an operator would, and gives the CPU time that it used for
// the load, until all was written.
func (x *process) stop() (time.Duration, error) {
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case err := <-x.ended:
		if err != nil {
			text, _ := os.ReadFile(x.log)
			return 0, fmt.Errorf("%w: %s", err, text)
		}
	case <-time.After(2 * time.Minute):
		return 0, errors.Join(errors.New("it does not stop"), x.cmd.Process.Kill())
	}
	s := x.cmd.ProcessState
	return s.UserTime() + s.SystemTime() - x.began, nil
}
