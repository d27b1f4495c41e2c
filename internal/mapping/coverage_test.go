package mapping

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/coverage"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

//go:generate go test . -run TestCoverageDocument -update

const coveragePage = "../../docs/coverage.md"

// TestCoverageDocument holds docs/coverage.md against the recordings.
func TestCoverageDocument(t *testing.T) {
	got := coverageDocument(t)
	if *update {
		require.NoError(t, os.WriteFile(coveragePage, []byte(got), 0o644))
	}
	want, err := os.ReadFile(coveragePage)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run go generate ./internal/mapping")
}

// coverageDocument says of each framework which of the fields that an audit asks for its
// recordings give.
func coverageDocument(t *testing.T) string {
	byFramework := map[string]map[string]*coverage.Row{}
	files, err := filepath.Glob(filepath.Join(captures, "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	slices.Sort(files)
	recordings := map[string][]string{}
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.Base(f), ".")
		key := filepath.Base(filepath.Dir(f)) + "/" + name
		recordings[key] = append(recordings[key], f)
	}
	for key, files := range recordings {
		m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), io.Discard)
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			require.NoError(t, m.Read(context.Background(), bytes.NewReader(text)))
		}
		require.NoError(t, m.Close(context.Background()))
		framework, _, _ := strings.Cut(key, "/")
		if byFramework[framework] == nil {
			byFramework[framework] = map[string]*coverage.Row{}
		}
		for _, r := range m.sink.card.Rows(nil) {
			of := string(r.EventType) + "/" + r.Field
			if slices.Contains(coverage.Wanted[""], r.Field) {
				of = "/" + r.Field
			}
			sum := byFramework[framework][of]
			if sum == nil {
				sum = &coverage.Row{}
				byFramework[framework][of] = sum
			}
			sum.Present += r.Present
			sum.Derived += r.Derived
			sum.Missing += r.Missing
			sum.Withheld += r.Withheld
			sum.Cut += r.Cut
		}
	}
	var b strings.Builder
	b.WriteString(`# What each framework's telemetry holds

Written from the recordings in ` + "`testdata/captures`" + ` by ` + "`go generate ./internal/mapping`" + `: do not edit. Each recording is
a real run of a small agent; what a framework gives with other settings, and which settings those are, is in
[dialects.md](dialects.md). ` + "`agentaudit map`" + ` says the same of your own telemetry.

**yes**: each event of the type states the field. **part**: some do. **derived**: no record states it for all of the events,
and it follows from others (such events list it in ` + "`derived_fields`" + `). **no**: nothing in the telemetry holds it.
**withheld**: the library was told not to record it. **·**: the recordings have no event of the type.
`)
	titles := []struct {
		typ   semconv.EventType
		title string
	}{
		{"", "Every event"},
		{semconv.TypeSessionStart, "Runs begin (`session_start`)"},
		{semconv.TypeSessionEnd, "Runs end (`session_end`)"},
		{semconv.TypeLLMCall, "Model calls (`llm_call`)"},
		{semconv.TypeToolCall, "Tool calls (`tool_call`)"},
		{semconv.TypeApproval, "Approvals (`approval`)"},
	}
	for _, s := range titles {
		fields := coverage.Wanted[s.typ]
		fmt.Fprintf(&b, "\n## %s\n\n| recordings of | `%s` |\n| ---%s |\n", s.title, strings.Join(fields, "` | `"), strings.Repeat(" | ---", len(fields)))
		for _, framework := range slices.Sorted(maps.Keys(byFramework)) {
			cells := make([]string, len(fields))
			any := false
			for i, f := range fields {
				cells[i] = cell(byFramework[framework][string(s.typ)+"/"+f])
				any = any || cells[i] != "·"
			}
			if any {
				fmt.Fprintf(&b, "| %s | %s |\n", framework, strings.Join(cells, " | "))
			}
		}
	}
	return b.String()
}

func cell(r *coverage.Row) string {
	switch {
	case r == nil:
		return "·"
	case r.Missing+r.Derived+r.Withheld == 0:
		return "yes"
	case r.Missing+r.Withheld == 0:
		return "derived"
	case r.Present+r.Derived+r.Cut > 0:
		return "part"
	case r.Withheld > 0:
		return "withheld"
	}
	return "no"
}
