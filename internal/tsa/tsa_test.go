package tsa_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/internal/tsa/tsatest"
)

// TestStamp: an authority that is openssl stamps a text; openssl and we verify it, and
// nothing else.
func TestStamp(t *testing.T) {
	authority := tsatest.Start(t)
	text := []byte("agentaudit.dev/gw-0\n2\nroot\n")
	response, err := tsa.Stamp(t.Context(), http.DefaultClient, authority.URL, text)
	require.NoError(t, err)

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tsr"), response, 0o600))
	out, err := exec.CommandContext(t.Context(), "openssl", "ts", "-verify", "-in", filepath.Join(dir, "tsr"), "-data", filepath.Join(dir, "text"), "-CAfile", authority.CAFile).CombinedOutput()
	require.NoError(t, err, "%s", out)

	root, err := os.ReadFile(authority.CAFile)
	require.NoError(t, err)
	v, err := tsa.NewVerifier(root)
	require.NoError(t, err)
	at, by, err := v.Verify(response, text)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Hour)
	require.Contains(t, by, "Test TSA")

	_, _, err = v.Verify(response, append(text, 'x'))
	require.ErrorContains(t, err, "another text")
	for i := range response {
		changed := append([]byte(nil), response...)
		changed[i] ^= 1
		if at2, _, err := v.Verify(changed, text); err == nil {
			require.Equal(t, at, at2, "byte %d", i) // of what is not signed, such as an accompanying certificate
		}
	}
	other, err := os.ReadFile(tsatest.Start(t).CAFile)
	require.NoError(t, err)
	v, err = tsa.NewVerifier(other)
	require.NoError(t, err)
	_, _, err = v.Verify(response, text)
	require.Error(t, err, "another authority's root")
	_, err = tsa.NewVerifier([]byte("none"))
	require.Error(t, err)
}

func TestStampRefuses(t *testing.T) {
	authority := tsatest.Start(t)
	old, err := tsa.Stamp(t.Context(), http.DefaultClient, authority.URL, []byte("x"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		error  string
	}{
		"an error":           {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, "502"},
		"garbage":            {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "hello") }, "no timestamp"},
		"an old answer":      {func(w http.ResponseWriter) { _, _ = w.Write(old) }, "another question"},
		"more than any size": {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 2<<20)) }, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
			defer s.Close()
			_, err := tsa.Stamp(t.Context(), http.DefaultClient, s.URL, []byte("x"))
			require.ErrorContains(t, err, c.error)
		})
	}
}
