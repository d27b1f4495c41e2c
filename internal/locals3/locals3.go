// Package locals3 runs the Versity S3 Gateway, an S3 server with Object Lock,
// as a process of its own on loopback: for trials and tests, never for a trail
// that must last (it does not sync to disk).
package locals3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say what to start.
type Options struct {
	Binary string // path of the versitygw binary
	Dir    string // holds the buckets and their versions; made where it is missing
}

// Server is one versitygw process and the data it serves. Its methods must not
// be called at the same time.
type Server struct {
	Endpoint             string // http://127.0.0.1:PORT
	AccessKey, SecretKey string // of the root account, new with each Start
	Dir                  string // absolute

	binary  string
	address string
	health  string
	sidecar bool
	process *process
}

// A port that was free a moment ago may be taken by the time the server binds it.
const startAttempts = 5

// Start starts a server on a free port of 127.0.0.1 and returns once it
// answers. ctx bounds the start, not the life of the server: end it with Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"buckets", "versions", "metadata", "accounts"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	s := &Server{
		AccessKey: rand.Text(), SecretKey: rand.Text(), Dir: dir, binary: binary,
		// Another server that took the port in between does not answer here.
		health: "/healthz-" + strings.ToLower(rand.Text()),
	}
	for range startAttempts {
		if s.address, err = freeAddress(); err != nil {
			return nil, err
		}
		if err = s.Restart(ctx); err == nil {
			s.Endpoint = "http://" + s.address
			return s, nil
		}
		var exited *exitedError
		if !errors.As(err, &exited) {
			return nil, err
		}
		// A file system without user.* extended attributes, such as an older tmpfs.
		s.sidecar = strings.Contains(exited.output, "xattrs are not supported")
	}
	return nil, err
}

// Restart starts the server again after Stop, on the same port, with the same
// data and credentials, and returns once it answers.
func (s *Server) Restart(ctx context.Context) error {
	if s.process != nil {
		return errors.New("the local S3 server runs already")
	}
	args := []string{"--port", s.address, "--keep-alive", "--quiet", "--health", s.health, "--iam-dir", filepath.Join(s.Dir, "accounts"), "posix", "--versioning-dir", filepath.Join(s.Dir, "versions")}
	if s.sidecar {
		args = append(args, "--sidecar", filepath.Join(s.Dir, "metadata"))
	}
	cmd := exec.Command(s.binary, append(args, filepath.Join(s.Dir, "buckets"))...) //nolint:gosec // the caller names the binary
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	p, err := start(cmd)
	if err != nil {
		return fmt.Errorf("start the local S3 server: %w", err)
	}
	if err := p.await(ctx, "http://"+s.address+s.health); err != nil {
		p.stop()
		return err
	}
	s.process = p
	return nil
}

// AddUser makes an account without any rights; bucket policies give them.
func (s *Server) AddUser(ctx context.Context, accessKey, secretKey string) error {
	out, err := exec.CommandContext(ctx, s.binary, "admin", "--access", s.AccessKey, "--secret", s.SecretKey, "--endpoint-url", s.Endpoint, //nolint:gosec // the binary that runs already
		"create-user", "--access", accessKey, "--secret", secretKey, "--role", "user").CombinedOutput()
	if err != nil {
		return fmt.Errorf("add a user to the local S3 server: %w: %s", err, out)
	}
	return nil
}

// Stop kills the server and waits for its end. It may be called again.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.stop()
		s.process = nil
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// exitedError is a server that ended by itself.
type exitedError struct{ output string }

func (e *exitedError) Error() string {
	return "the local S3 server ended: " + strings.TrimSpace(e.output)
}

type process struct {
	cmd    *exec.Cmd
	output tail
	done   chan struct{}
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is of no interest; what it printed is
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// await polls the health check until it answers.
func (p *process) await(ctx context.Context, url string) error {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: time.Second}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.done:
			return &exitedError{p.output.String()}
		case <-ctx.Done():
			return fmt.Errorf("the local S3 server does not answer: %w; it printed: %s", ctx.Err(), p.output.String())
		}
	}
}

// tail keeps the end of what a process prints.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailBytes = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if extra := t.buf.Len() - tailBytes; extra > 0 {
		t.buf.Next(extra)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
