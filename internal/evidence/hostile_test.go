package evidence_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// peak runs f and tells how much the heap grew meanwhile, in MB.
func peak(f func()) int {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return int(most.Load()-min(before.HeapAlloc, most.Load())) >> 20
}

// zeros is much of one byte.
type zeros struct {
	b    byte
	left int64
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	for i := range p[:n] {
		p[i] = z.b
	}
	z.left -= int64(n)
	return n, nil
}

// TestBombs: what a stranger's bundle costs does not depend on what it unpacks to.
func TestBombs(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"), event("f", "s"))
	s.commit(ledger.KindClose)
	files := unzip(t, s.proven(evidence.Options{Session: "s"}))
	bundle := string(files["bundle.json"])
	manifest := "manifests/gw-0/000000000000.json"
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise)
	many := func(n int) string { return strings.Repeat(`{},`, n) + `{}` }
	for name, bomb := range map[string]map[string]io.Reader{
		"a manifest of spaces":  {manifest: &zeros{' ', 64 << 20}},
		"a manifest of a text":  {manifest: io.MultiReader(strings.NewReader(`{"payload":"`), &zeros{'A', 32 << 20}, strings.NewReader(`","payloadType":"","signatures":[]}`))},
		"a manifest of noise":   {manifest: io.MultiReader(strings.NewReader(`{"payload":"`+base64.StdEncoding.EncodeToString(noise)), &zeros{'A', 16 << 20}, strings.NewReader(`","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":""}]}`))},
		"many of these":         {manifest: &zeros{' ', 64 << 20}, "manifests/gw-0/000000000001.json": &zeros{' ', 256 << 20}, "x/1": &zeros{0, 300 << 20}, "x/2": &zeros{0, 300 << 20}},
		"a line":                {"lines/gw-0/000001.json": &zeros{'x', 300 << 20}},
		"bundle.json":           {"bundle.json": &zeros{'[', 300 << 20}},
		"bundle.json in bounds": {"bundle.json": &zeros{'[', 31 << 20}},
		"parts":                 {"bundle.json": strings.NewReader(strings.Replace(bundle, `"lines": [`, `"lines": [`+many(10<<20)+`,`, 1))},
		"hashes":                {"bundle.json": strings.NewReader(strings.Replace(bundle, `"path": [`, `"path": [`+strings.Repeat(`"",`, 9<<20), 1))},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			z := zip.NewWriter(&out)
			add := func(name string, r io.Reader) {
				w, err := z.Create(name)
				require.NoError(t, err)
				_, err = io.Copy(w, r)
				require.NoError(t, err)
			}
			for name, text := range files {
				if bomb[name] == nil {
					add(name, bytes.NewReader(text))
				}
			}
			for name, r := range bomb {
				add(name, r)
			}
			require.NoError(t, z.Close())
			require.Less(t, out.Len(), 4<<20)
			var r *evidence.Report
			mb := peak(func() { r = check(out.Bytes(), trust(s.key)) })
			require.NotEqual(t, ledger.Confirmed, r.Verdict)
			t.Log(mb, "MB", r.Verdict, r.Reason)
			require.Less(t, mb, 200)
		})
	}
}

// TestManyParts: a directory without an end is not read to it.
func TestManyParts(t *testing.T) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for n := range 300_000 {
		_, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(n), Method: zip.Store})
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	var r *evidence.Report
	mb := peak(func() { r = check(out.Bytes(), trust(ledgertest.Public(t, ledgertest.NewSigner(t, "ed25519")))) })
	require.Contains(t, r.Reason, "its directory is larger than any")
	require.Less(t, mb, 200)
}

// TestNames: two readers see one bundle in it.
func TestNames(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"))
	files := unzip(t, s.proven(evidence.Options{Session: "s"}))
	for from, to := range map[string]string{
		`"claim": {`:      `"claim": {"session": "other",`,
		`"session": "s"`:  `"Session": "s"`,
		`"format":`:       `"Format": "x", "format":`,
		`"line": 1`:       `"line": 1, "LINE": 2`,
		`"kind":`:         `"why": 1, "kind":`,
		"\n}\n":           "\n}\n{}",
		`"logs": [`:       `"logs": [null,`,
		`"created_at": "`: `"created_at": {}, "x": "`,
	} {
		t.Run(to, func(t *testing.T) {
			forged := map[string][]byte{}
			for name, text := range files {
				forged[name] = text
			}
			forged["bundle.json"] = bytes.Replace(files["bundle.json"], []byte(from), []byte(to), 1)
			require.NotEqual(t, string(files["bundle.json"]), string(forged["bundle.json"]))
			require.NotEqual(t, ledger.Confirmed, check(rezip(t, forged), trust(s.key)).Verdict)
		})
	}
	for _, more := range []string{"bundle.json", "BUNDLE.json", "../x", "/x", `a\b`, "x/", "c:x"} {
		t.Run(more, func(t *testing.T) {
			var out bytes.Buffer
			z := zip.NewWriter(&out)
			for name, text := range files {
				w, err := z.Create(name)
				require.NoError(t, err)
				_, err = w.Write(text)
				require.NoError(t, err)
			}
			_, err := z.Create(more)
			require.NoError(t, err)
			require.NoError(t, z.Close())
			requireVerdict(t, ledger.NoVerdict, check(out.Bytes(), trust(s.key)), "")
		})
	}
}
