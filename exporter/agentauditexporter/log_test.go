package agentauditexporter

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestDefaultLog(t *testing.T) {
	env := func(pod string) func(string) string {
		return func(name string) string {
			require.Equal(t, "POD_NAME", name)
			return pod
		}
	}
	host := func(name string, err error) func() (string, error) {
		return func() (string, error) { return name, err }
	}
	for name, want := range map[string]string{
		"gw-0":                     "gw-0",
		"GW_0.Example.org":         "gw-0.example.org",
		"büro":                     "b-ro",
		strings.Repeat("a", 80):    strings.Repeat("a", 63),
		"":                         "",
		"a/../b":                   "a-..-b",
		"node\x00with\nnewlines\t": "node-with-newlines-",
	} {
		require.Equal(t, want, defaultLog(env(""), host(name, nil)))
	}
	require.Empty(t, defaultLog(env(""), host("gw-0", errors.New("no host name"))))
	require.Equal(t, "gw-3", defaultLog(env("gw-3"), host("node-7", nil)), "on the host's network the host has another name")
	require.True(t, ledger.ValidLog(createDefaultConfig().(*Config).Log.Name), "the default is the name of this host")
}

// A pod that is not of a StatefulSet is told that its log has no future.
func TestPassingLog(t *testing.T) {
	for pod, want := range map[string]bool{
		"gw-0": false, "gw-17": false, "gw-6d4cf56db6-x2x4k": true, "gw-5qk2z": true, "gw": true, "gw-01": true,
	} {
		t.Setenv("POD_NAME", pod)
		c := LogConfig{Name: defaultLog(os.Getenv, os.Hostname)}
		require.False(t, c.passing(), "not on Kubernetes")
		t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
		require.Equal(t, want, c.passing(), pod)
		named, pool := LogConfig{Name: "audit"}, LogConfig{Pool: "gw"}
		require.False(t, named.passing(), "somebody chose it")
		require.False(t, pool.passing())
		require.NoError(t, os.Unsetenv("KUBERNETES_SERVICE_HOST"))
	}
}
