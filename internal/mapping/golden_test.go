package mapping

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

var update = flag.Bool("update", false, "write the golden files anew")

var recordedAt = regexp.MustCompile(`"recorded_at":"[^"]*",`)

// TestGolden holds every recording's events, byte for byte but for recorded_at,
// against files that were read by eye against what the libraries' documents say.
func TestGolden(t *testing.T) {
	all, err := filepath.Glob(filepath.Join(captures, "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	byName := map[string][]string{}
	for _, f := range all {
		rel, err := filepath.Rel(captures, f)
		require.NoError(t, err)
		name, _, _ := strings.Cut(rel, ".")
		byName[name] = append(byName[name], f)
	}
	require.NotEmpty(t, byName)
	for name, files := range byName {
		t.Run(name, func(t *testing.T) {
			sort.Strings(files)
			var out bytes.Buffer
			m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
			require.NoError(t, err)
			for _, f := range files {
				in, err := os.ReadFile(f)
				require.NoError(t, err)
				require.NoError(t, m.Read(context.Background(), bytes.NewReader(in)))
			}
			require.NoError(t, m.Close(context.Background()))
			got := recordedAt.ReplaceAll(out.Bytes(), nil)
			golden := filepath.Join("testdata", "golden", strings.ReplaceAll(name, string(filepath.Separator), "-")+".jsonl")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run the test with -update once")
			require.Equal(t, string(want), string(got))
		})
	}
}
