package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// TestTogether maps all recordings in one processor, their requests interleaved as those of
// many senders are, and each alone: every event is the same, whatever ids of calls and answers
// they share. Each has a session of its own.
func TestTogether(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	sort.Strings(files)
	requests := map[string][][]byte{}
	var names []string
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.ToSlash(f[len(captures)+1:]), ".")
		if requests[name] == nil {
			names = append(names, name)
		}
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for line := range bytes.Lines(bytes.ReplaceAll(text, []byte("sess-42"), []byte("sess-"+name))) {
			requests[name] = append(requests[name], line)
		}
	}
	sort.Strings(names)
	run := func(list [][]byte) map[string]*semconv.Event {
		cfg := agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config)
		cfg.Coverage.Interval = 0
		var out bytes.Buffer
		m, err := New(context.Background(), cfg, &out)
		require.NoError(t, err)
		for _, r := range list {
			require.NoError(t, m.Request(context.Background(), r))
		}
		require.NoError(t, m.Close(context.Background()))
		events := map[string]*semconv.Event{}
		for line := range bytes.Lines(out.Bytes()) {
			e, err := semconv.ParseLine(bytes.TrimSpace(line))
			require.NoError(t, err)
			e.RecordedAt = e.Timestamp
			events[e.EventID] = e
		}
		return events
	}
	alone := map[string]*semconv.Event{}
	var mixed [][]byte
	for i, more := 0, true; more; i++ {
		more = false
		for _, name := range names {
			if i < len(requests[name]) {
				mixed, more = append(mixed, requests[name][i]), true
			}
		}
	}
	of := map[string]map[string]*semconv.Event{}
	for _, name := range names {
		of[name] = run(requests[name])
		for id, e := range of[name] {
			require.Nil(t, alone[id], "two recordings have one event")
			alone[id] = e
		}
	}
	same := func(t require.TestingT, want, have map[string]*semconv.Event) {
		require.Len(t, have, len(want))
		for id := range want {
			a, err := json.Marshal(want[id])
			require.NoError(t, err)
			b, err := json.Marshal(have[id])
			require.NoError(t, err)
			require.JSONEq(t, string(a), string(b))
		}
	}
	same(t, alone, run(mixed))

	// Some of them, in any order that keeps each one's own.
	rapid.Check(t, func(rt *rapid.T) {
		var mixed [][]byte
		var turns []string
		want := map[string]*semconv.Event{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 2, 5, rapid.ID[string]).Draw(rt, "recordings") {
			for range requests[name] {
				turns = append(turns, name)
			}
			maps.Copy(want, of[name])
		}
		next := map[string]int{}
		for _, name := range rapid.Permutation(turns).Draw(rt, "turns") {
			mixed = append(mixed, requests[name][next[name]])
			next[name]++
		}
		same(rt, want, run(mixed))
	})
}
