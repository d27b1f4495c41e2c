// Package witnesstest gives tests a real witness: torchwood's litewitness, as a process on
// loopback.
package witnesstest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/internal/tooltest"
)

// Witness is a litewitness with its own key.
type Witness struct {
	URL  string // its submission prefix
	VKey string // its verifier key, of type 0x04

	t       testing.TB
	name    string
	dir, db string
	print   string // of its key
}

// patience bounds how long a process may take to answer, on a slow machine.
const patience = time.Minute

// Start starts a witness that knows no log, and lives as long as the test.
func Start(t testing.TB, name string) *Witness {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	fatal(t, err)
	plain, err := note.NewEd25519VerifierKey(name, public)
	fatal(t, err)
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	fatal(t, err)
	// A socket's path is short: not that of t.TempDir.
	dir, err := os.MkdirTemp("", "witness")
	fatal(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &Witness{VKey: vkey, t: t, name: name, dir: dir, db: filepath.Join(dir, "witness.db")}
	w.agent(private)
	w.run()
	return w
}

// agent serves the key as ssh-agent does, which a litewitness asks to sign.
func (w *Witness) agent(key ed25519.PrivateKey) {
	w.t.Helper()
	ring := agent.NewKeyring()
	fatal(w.t, ring.Add(agent.AddedKey{PrivateKey: key}))
	public, err := ssh.NewPublicKey(key.Public())
	fatal(w.t, err)
	w.print = ssh.FingerprintSHA256(public)
	l, err := net.Listen("unix", w.socket())
	fatal(w.t, err)
	w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(ring, conn) // ends with the connection
				_ = conn.Close()
			}()
		}
	}()
}

func (w *Witness) socket() string { return filepath.Join(w.dir, "agent") }

// run starts the process, and waits until it answers.
func (w *Witness) run() {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(w.t, err)
	address := l.Addr().String()
	fatal(w.t, l.Close())
	var output bytes.Buffer
	cmd := exec.Command( //nolint:gosec // a tool of this repository
		tooltest.Path(w.t, "litewitness"), "-name", w.name, "-key", w.print, "-ssh-agent", w.socket(), "-db", w.db, "-listen", address,
	)
	cmd.Stdout, cmd.Stderr = &output, &output
	fatal(w.t, cmd.Start())
	var failed error
	ended := make(chan struct{})
	go func() {
		failed = cmd.Wait()
		close(ended)
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	w.URL = "http://" + address
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		select {
		case <-ended:
			w.t.Fatalf("litewitness: %v\n%s", failed, output.String())
		default:
		}
		resp, err := http.Get(w.URL)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
	}
	w.t.Fatal("litewitness does not answer")
}

// Know makes a log known to the witness by its verifier key.
func (w *Witness) Know(origin, vkey string) {
	w.t.Helper()
	out, err := exec.Command(tooltest.Path(w.t, "witnessdb"), w.db, origin, vkey).CombinedOutput() //nolint:gosec // a tool of this repository
	if err != nil {
		w.t.Fatalf("witnessdb: %v\n%s", err, out)
	}
}

// Line is the witness's line of a policy.
func (w *Witness) Line(name string) string {
	return fmt.Sprintf("witness %s %s %s/\n", name, w.VKey, w.URL)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
