package locals3_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agentaudit/otelcol-agentaudit/internal/locals3"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func answers(endpoint string) bool {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(endpoint)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

func TestStopAndRestart(t *testing.T) {
	s, err := locals3.Start(t.Context(), locals3.Options{Binary: s3test.Binary(t), Dir: filepath.Join(t.TempDir(), "new")})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	require.True(t, answers(s.Endpoint))
	require.ErrorContains(t, s.Restart(t.Context()), "runs already")

	s.Stop()
	require.False(t, answers(s.Endpoint))
	s.Stop()
	require.NoError(t, s.Restart(t.Context()))
	require.True(t, answers(s.Endpoint))
}

// One test run starts many servers at once.
func TestServersKeepApart(t *testing.T) {
	seen := map[string]bool{}
	for range 5 {
		s, err := locals3.Start(t.Context(), locals3.Options{Binary: s3test.Binary(t), Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(s.Stop)
		require.False(t, seen[s.Endpoint] || seen[s.AccessKey])
		seen[s.Endpoint], seen[s.AccessKey] = true, true
	}
}

func TestStartSaysWhyNot(t *testing.T) {
	_, err := locals3.Start(t.Context(), locals3.Options{Binary: "no-such-binary", Dir: t.TempDir()})
	require.ErrorIs(t, err, os.ErrNotExist)

	script := filepath.Join(t.TempDir(), "server")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho cannot do that >&2\nexit 1\n"), 0o700))
	_, err = locals3.Start(t.Context(), locals3.Options{Binary: script, Dir: t.TempDir()})
	require.ErrorContains(t, err, "the local S3 server ended: cannot do that")
}

// A file system without extended attributes is played by a server that says so.
func TestStartWithoutExtendedAttributes(t *testing.T) {
	script := filepath.Join(t.TempDir(), "server")
	require.NoError(t, os.WriteFile(script, []byte(`#!/bin/sh
case "$*" in
*--sidecar*) exec "`+s3test.Binary(t)+`" "$@" ;;
*) echo "xattrs are not supported on this filesystem" >&2; exit 1 ;;
esac
`), 0o700))
	s, err := locals3.Start(t.Context(), locals3.Options{Binary: script, Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	require.True(t, answers(s.Endpoint))
}
