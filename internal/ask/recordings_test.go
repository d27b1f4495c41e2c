package ask

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

var update = flag.Bool("update", false, "write the golden files anew")

const captures = "../../testdata/captures"

// recordings are the files of each recording, by its name.
func recordings(t *testing.T) map[string][]string {
	files, err := filepath.Glob(captures + "/*/*.otlp.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	by := map[string][]string{}
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.Base(f), ".")
		name = filepath.Base(filepath.Dir(f)) + "/" + name
		by[name] = append(by[name], f)
	}
	return by
}

// asked are the answers about every session of a recording.
func asked(t *testing.T, files []string) (list []*Answers) {
	store, keys, sessions := trailtest.Recording(t, files...)
	a := Asker{Setting: agentauditprocessor.Setting, Prompt: func(string) (string, bool, error) { return "", false, nil }}
	for _, s := range sessions {
		tr, err := trail.Read(context.Background(), store, keys, nil, s)
		require.NoError(t, err)
		require.Empty(t, tr.Problems)
		answers, err := a.Ask(tr)
		require.NoError(t, err)
		list = append(list, answers)
	}
	return list
}

// TestRecordings: what is answered about each recording, in a table.
func TestRecordings(t *testing.T) {
	golden := filepath.Join("testdata", "answers.txt")
	want, err := os.ReadFile(golden)
	if !*update {
		require.NoError(t, err)
	}
	var out bytes.Buffer
	by := recordings(t)
	var names []string
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !*update && !strings.Contains("\n"+string(want), "\n"+name+" ") {
			continue // TestTruth is about every one
		}
		for i, a := range asked(t, by[name]) {
			if len(a.Actions) == 0 {
				continue
			}
			fmt.Fprintf(&out, "%s %d\n", name, i+1)
			for n, x := range a.Actions {
				for _, s := range x.Statements {
					write(&out, fmt.Sprintf("%d %s", n+1, x.Tool), s)
				}
			}
			for _, s := range a.Whole {
				write(&out, "session", s)
			}
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
		return
	}
	require.Equal(t, string(want), out.String(), "read what changed by eye, then run with -update")
}

func write(out *bytes.Buffer, of string, s Statement) {
	var missing []string
	for _, m := range s.Missing {
		text := m.Field
		if m.Setting != "" {
			text += "*" // a setting is known
		}
		if !slices.Contains(missing, text) {
			missing = append(missing, text)
		}
	}
	quote := s.Quote
	if strings.Contains(s.Asks, "prompt") {
		quote = "" // the hash is the mapping's matter
	}
	if len(quote) > 60 {
		quote = quote[:60]
	}
	fmt.Fprintf(out, "  %-18s %-12s %-15s %s %q %s\n", of, s.Asks, s.Answer, s.Says, quote, strings.Join(missing, ","))
}
