package dialect_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestSeeds maps the records that fuzzing begins with, of every dialect: each becomes a draft
// whose fields are what the schema says.
func TestSeeds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "fuzz", "*", "seed-*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		seed, ok := dialecttest.Seed(text)
		require.True(t, ok, f)
		var r *record.Record
		if td := dialecttest.SpanOf(seed); td.SpanCount() > 0 {
			rs := td.ResourceSpans().At(0)
			r = record.NewScope(rs.Resource(), rs.ScopeSpans().At(0).Scope()).Span(rs.ScopeSpans().At(0).Spans().At(0))
		} else {
			rl := dialecttest.LogOf(seed).ResourceLogs().At(0)
			r = record.NewScope(rl.Resource(), rl.ScopeLogs().At(0).Scope()).LogRecord(rl.ScopeLogs().At(0).LogRecords().At(0))
		}
		d := dialect.Detect(r)
		if d == nil {
			continue
		}
		draft := d.Map(r)
		for _, e := range append(draft.Told(), draft) {
			if e.Frame != nil {
				e.Frame()
			}
			seen[e.Dialect.Name] = true
			check(t, e, f)
		}
	}
	for _, d := range dialect.All() {
		require.True(t, seen[d.Name] || d.Name == "crewai" || d.Name == "untabled", "%s has no seed", d.Name)
	}
}

func check(t *testing.T, e *dialect.Draft, file string) {
	t.Helper()
	require.True(t, e.Kind == dialect.Copy || e.EventType.Valid(), file)
	require.NotEqual(t, dialect.Other, e.Kind, file)
	for _, f := range semconv.Fields() {
		if f.Kind == semconv.KindAny || f.Kind == semconv.KindArray || f.Kind == semconv.KindObject {
			if text, isJSON := e.Text(f.Name); isJSON && text != "" {
				require.True(t, json.Valid([]byte(text)), "%s: %s: %s", file, f.Name, text)
			}
		}
	}
	for _, c := range e.Requested {
		require.True(t, len(c.Arguments) == 0 || json.Valid(c.Arguments), file)
	}
	state := e.State(&e.Event)
	require.Contains(t, []string{"", semconv.ContentPresent, semconv.ContentWithheld, semconv.ContentTruncatedAtSource, semconv.ContentNotCaptured}, state, file)
	require.NotContains(t, []string{semconv.ContentPresent}, map[bool]string{true: state}[e.EventType == semconv.TypeLLMCall && len(e.InputMessages) == 0 && len(e.OutputMessages) == 0 && e.OutputText == ""], file)
}
