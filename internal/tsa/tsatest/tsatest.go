// Package tsatest is a time-stamping authority for tests: openssl behind a server on
// the loopback.
package tsatest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Authority is a running one. CAFile holds the certificate of its root.
type Authority struct {
	*httptest.Server
	CAFile string
}

const settings = `
[tsa]
default_tsa = a
[a]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,timeStamping
[req]
distinguished_name = dn
[dn]
`

// Start makes a root and an authority, and serves it until the test ends. Without
// openssl the test is skipped.
func Start(t testing.TB) *Authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), "openssl", args...) //nolint:gosec // of this test
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Root", "-days", "30")
	run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test TSA")
	run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem", "-extfile", "conf", "-extensions", "leaf", "-days", "20")
	var one sync.Mutex // openssl keeps its serial number in a file
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		query, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "query"), query, 0o600)
		}
		if err == nil {
			cmd := exec.CommandContext(r.Context(), "openssl", "ts", "-reply", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "reply", "-config", "conf") //nolint:gosec // fixed arguments
			cmd.Dir = dir
			err = cmd.Run()
		}
		reply, readErr := os.ReadFile(filepath.Join(dir, "reply")) //nolint:gosec // of this test
		if err != nil || readErr != nil {
			http.Error(w, "openssl failed", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(reply)
	}))
	t.Cleanup(s.Close)
	return &Authority{Server: s, CAFile: filepath.Join(dir, "ca.pem")}
}
