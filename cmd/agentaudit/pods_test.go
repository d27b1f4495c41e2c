package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// pod is a collector under a new name, and a sender to it.
type pod struct {
	*localcollector.Collector
	n       int
	logFile string
}

// pods are collectors that come and go on one bucket.
type pods struct {
	*deployment
	t *testing.T
	n int

	mu    sync.Mutex
	acked map[string]bool // ids of events
	sent  uint64
}

// start starts a collector, which differs from all others by the digest of its configuration.
func (p *pods) start(log, heartbeat, retireAfter string) *pod {
	p.t.Helper()
	p.n++
	name := filepath.Join(p.dir, fmt.Sprint("pod-", p.n))
	c, err := localcollector.Start(context.Background(), localcollector.Options{
		Binary: collectorBinary, File: name + ".yaml", LogFile: name + ".log", Log: log, Bucket: p.bucket, Key: filepath.Join(p.dir, "audit.key"),
		Exporter: fmt.Sprintf("    heartbeat: %s\n    retire_after: %s\n    timeout: %ds\n", heartbeat, retireAfter, 30+p.n),
	})
	if err != nil {
		text, _ := os.ReadFile(name + ".log")
		require.NoError(p.t, err, "%s", text)
	}
	p.t.Cleanup(func() {
		_ = syscall.Kill(c.PID, syscall.SIGCONT)
		c.Kill()
		if p.t.Failed() {
			text, _ := os.ReadFile(name + ".log")
			p.t.Logf("%s printed last:\n%s", filepath.Base(name), text[max(0, len(text)-2000):])
		}
	})
	return &pod{c, p.n, name + ".log"}
}

// stop ends a collector. On a machine that is slow enough, another may have taken its log.
func (p *pods) stop(c *pod) {
	if err := c.Stop(); err != nil {
		text, _ := os.ReadFile(c.logFile)
		require.Contains(p.t, string(text), "another has taken the log", "%v", err)
	}
}

// send sends a request until it is acknowledged, or the collector does not take it in time.
func (p *pods) send(c *pod, timeout time.Duration) bool {
	spans, err := os.ReadFile(filepath.Join(recordingsDir, "openinference-openai", "agent.traces.otlp.jsonl"))
	require.NoError(p.t, err)
	p.mu.Lock()
	p.sent++
	td := freshTraces(p.t, bytes.TrimSpace(spans), p.sent)
	p.mu.Unlock()
	ids := expected(p.t, td, plog.NewLogs())
	s, err := localcollector.NewSender(c.Collector)
	require.NoError(p.t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if s.SendTraces(ctx, td) != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.acked[id] = true
	}
	return true
}

// manifests reads a log, without package ledger's judgement of it.
func (p *pods) manifests(s *store.S3, log string) (list []*ledger.Manifest) {
	for seq := int64(0); ; seq++ {
		body, err := s.Get(context.Background(), ledger.ManifestKey(log, seq), "")
		if errors.Is(err, ledger.ErrNotFound) {
			return list
		}
		require.NoError(p.t, err)
		m, err := ledger.ParseEnvelope(body)
		require.NoError(p.t, err)
		list = append(list, m)
	}
}

// await waits until a log has what is asked for.
func (p *pods) await(s *store.S3, log string, has func([]*ledger.Manifest) bool) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return has(p.manifests(s, log)) }, 2*time.Minute, 100*time.Millisecond)
}

func ends(kind ledger.Kind) func([]*ledger.Manifest) bool {
	return func(list []*ledger.Manifest) bool {
		return len(list) > 0 && list[len(list)-1].Predicate.Kind == kind
	}
}

func newPods(t *testing.T) (*pods, *store.S3) {
	p := &pods{deployment: deploy(t), t: t, acked: map[string]bool{}}
	require.NoError(t, p.Stop()) // gw-0, which is closed
	s, err := store.Open(context.Background(), p.bucket)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return p, s
}

// TestPoolOfCollectors: processes under new names share a pool. One that is stopped for a
// while finds its log taken, seals nothing more, and ends; what was acknowledged is there.
func TestPoolOfCollectors(t *testing.T) {
	p, s := newPods(t)
	const pool = "{pool: gw}"
	first := p.start(pool, "5s", "0")
	require.True(t, p.send(first, time.Minute))
	require.True(t, ends(ledger.KindBatch)(p.manifests(s, "gw-0")) || ends(ledger.KindHeartbeat)(p.manifests(s, "gw-0")), "it took the log that was closed")
	second := p.start(pool, "5s", "0")
	require.True(t, p.send(second, time.Minute))
	require.NotEmpty(t, p.manifests(s, "gw-1"), "and the next a new one")

	require.NoError(t, syscall.Kill(first.PID, syscall.SIGSTOP))
	length := len(p.manifests(s, "gw-0"))
	p.await(s, "gw-0", func(list []*ledger.Manifest) bool { // until its lease is over
		return time.Since(list[len(list)-1].SealedAt()) > 3*5*time.Second
	})
	third := p.start(pool, "5s", "0")
	require.True(t, p.send(third, time.Minute))
	require.Greater(t, len(p.manifests(s, "gw-0")), length, "it took the log of the one that is silent")
	require.NoError(t, syscall.Kill(first.PID, syscall.SIGCONT))
	p.send(first, 10*time.Second) // which is lost, or not, as it is answered
	select {
	case <-first.Ended():
		text, err := os.ReadFile(first.logFile)
		require.NoError(t, err)
		require.Contains(t, string(text), "another has taken the log", "and it says why it ends")
	case <-time.After(time.Minute):
		text, _ := os.ReadFile(first.logFile)
		require.Fail(t, "it goes on", "%s", text[max(0, len(text)-8000):])
	}
	require.True(t, p.send(third, time.Minute))
	second.Kill()
	fourth := p.start(pool, "5s", "0")
	require.True(t, p.send(fourth, time.Minute))
	p.stop(third)
	p.stop(fourth)

	logs, err := ledger.Logs(context.Background(), s)
	require.NoError(t, err)
	for _, log := range logs {
		writer := ""
		for _, m := range p.manifests(s, log) {
			switch m.Predicate.Kind {
			case ledger.KindOpen:
				writer = m.Predicate.Writer.ConfigSHA256
			case ledger.KindRetire:
			default:
				require.Equal(t, writer, m.Predicate.Writer.ConfigSHA256, "%s: two go on in it", m.Predicate.Log)
			}
		}
	}
	sealed := p.sealed(t)
	for id := range maps.Keys(p.acked) {
		require.Contains(t, sealed, id)
	}
}

// TestRetiredCollector: a collector that was killed has its log ended by its neighbour, and
// opens it again when it comes back.
func TestRetiredCollector(t *testing.T) {
	p, s := newPods(t)
	gone := p.start("gw-1", "1s", "3s")
	require.True(t, p.send(gone, time.Minute))
	gone.Kill()
	neighbour := p.start("gw-2", "1s", "3s")
	p.await(s, "gw-1", ends(ledger.KindRetire))
	length := len(p.manifests(s, "gw-1"))
	p.await(s, "gw-2", func(list []*ledger.Manifest) bool { // and keeps how it ended
		for _, m := range list {
			for _, h := range m.Predicate.Heads {
				if h.Log == "gw-1" && h.Seq == int64(length-1) {
					return true
				}
			}
		}
		return false
	})
	r, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{p.key}, Logs: []string{"gw-1"}, MaxAge: time.Hour, At: time.Now().Add(24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Zero(t, r.Warnings, "%+v", r.Findings)
	require.True(t, r.Logs[0].Retired)

	back := p.start("gw-1", "1s", "3s")
	require.True(t, p.send(back, time.Minute))
	require.Equal(t, ledger.KindOpen, p.manifests(s, "gw-1")[length].Predicate.Kind)
	require.NoError(t, back.Stop())
	require.NoError(t, neighbour.Stop())
	sealed := p.sealed(t)
	for id := range p.acked {
		require.Contains(t, sealed, id)
	}
}
