package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// collector is a process of the built distribution.
type collector struct {
	grpcAddr, httpAddr, healthURL string

	cmd  *exec.Cmd
	done chan error
}

// collectorConfig is the configuration of a trial on this machine; the credentials
// of the bucket are in the environment of the process, not in it.
const collectorConfig = `# A trial on one machine. For production see the README.
receivers:
  otlp:
    protocols:
      grpc: {endpoint: %s}
      http: {endpoint: %s}

processors:
  memory_limiter: {check_interval: 1s, limit_mib: 512}
  agentaudit: {}

exporters:
  agentaudit:
    log: %s
    s3: {bucket: %s, prefix: %s, region: us-east-1, endpoint: "%s", force_path_style: true}
    object_lock: {mode: COMPLIANCE, retention: 1d}
    signing: {key_file: %s}
    batch: {max_age: 200ms}

extensions:
  health_check: {endpoint: %s}

service:
  extensions: [health_check]
  telemetry:
    metrics: {level: none}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, agentaudit], exporters: [agentaudit]}
    logs: {receivers: [otlp], processors: [memory_limiter, agentaudit], exporters: [agentaudit]}
`

// collectorSetup is what a collector needs to know of the trial it is for.
type collectorSetup struct {
	binary, config, logFile      string
	log, bucket, prefix, s3, key string
}

// startCollector writes the configuration and starts the collector on free ports of
// loopback. It returns when the collector is ready.
func startCollector(ctx context.Context, s collectorSetup) (*collector, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	c := &collector{grpcAddr: ports[0], httpAddr: ports[1], healthURL: "http://" + ports[2], done: make(chan error, 1)}
	text := fmt.Sprintf(collectorConfig, c.grpcAddr, c.httpAddr, s.log, s.bucket, s.prefix, s.s3, s.key, ports[2])
	if err := os.WriteFile(s.config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own
	c.cmd = exec.Command(s.binary, "--config", s.config)
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the collector: %w", err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if resp, err := http.Get(c.healthURL); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return c, nil
			}
		}
		select {
		case err := <-c.done:
			return nil, fmt.Errorf("the collector stopped at its start (%w): see %s", err, s.logFile)
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("the collector did not become ready: see %s", s.logFile), c.stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the collector as an operator would, and waits for it.
func (c *collector) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-time.After(time.Minute):
		err := errors.New("the collector did not stop within a minute")
		return errors.Join(err, c.cmd.Process.Kill(), <-c.done)
	}
}

// freePorts are addresses on loopback that nothing listens on.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
