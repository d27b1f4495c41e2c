package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatTheCommandLinks: the command reads trails and seals nothing, so the exporter is
// not in it, nor is what is made for tests, nor through a third package.
func TestWhatTheCommandLinks(t *testing.T) {
	list, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "processor/agentauditprocessor", "it does map")
	for pkg := range strings.Lines(string(list)) {
		for _, not := range []string{"/exporter/agentauditexporter", "collector/exporter", "/componenttest", "/s3test", "/ledgertest", "stretchr/testify"} {
			require.NotContains(t, pkg, not)
		}
	}
}
