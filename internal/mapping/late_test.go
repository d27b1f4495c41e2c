package mapping

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/otlptest"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

// shownEvent is an event as export --resolved writes it.
type shownEvent map[string]json.RawMessage

// has reports whether one of its lists has a text.
func (e shownEvent) has(list, text string) bool {
	var texts []string
	_ = json.Unmarshal(e[list], &texts)
	return slices.Contains(texts, text)
}

// asShown seals lines, reads all of them and gives the events, those that layers are of too, by
// their ids.
func asShown(t *testing.T, lines []byte) map[string]shownEvent {
	t.Helper()
	s, key, _ := sealed(t, lines)
	w, err := trail.ReadWhole(context.Background(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{key}}, func(f *ledger.Finding) { t.Log(f) })
	require.NoError(t, err)
	defer w.Close()
	events := map[string]shownEvent{}
	for e, err := range w.All() {
		require.NoError(t, err)
		var f shownEvent
		require.NoError(t, json.Unmarshal(e.View().AppendResolved(nil), &f))
		events[e.EventID] = f
		for _, l := range e.Layers {
			events[l.EventID] = f
		}
	}
	return events
}

// ended is when a record was sent at the earliest.
func ended(r otlptest.Record) uint64 {
	if r.Log {
		return uint64(cmp.Or(r.LogRecord().Timestamp(), r.LogRecord().ObservedTimestamp()))
	}
	return uint64(r.Span().EndTimestamp())
}

// lateFacts are what must not be another because of when a record came.
var lateFacts = []string{
	"event_type", "session_id", "user_id", "agent_id", "agent_name", "agent_version", "model_id", "system_prompt_hash", "tool_name",
	"tool_input", "tool_output", "outcome", "approval_status", "approver_id", "error", "input_tokens", "output_tokens", "final_output",
}

// unsaid reports whether an event says nothing of a fact: it has none, or a stand-in, that is
// marked as derived and is from no other event.
func unsaid(e shownEvent, fact string) bool {
	return e[fact] == nil || e.has("derived_fields", fact) && !e.has("resolved_fields", fact)
}

// otherwise are the facts that are another, or not there, when records come one by one, and why
// no reader can mend that.
var otherwise = map[string]map[string]string{
	"google-adk/confirmed": {
		"approval": "no record tells the decision: it is known from a call that waited, in a session that the second run names at its end only",
	},
	"openinference-openai-agents/approved": {
		"session_start agent_name": "the span of the workflow says so itself, and is an event by itself: at once it is the agent's",
		"session_end agent_name":   "the same",
	},
}

// TestOneByOne sends each record of each recording in a request of its own, in the order in
// which they ended: the root of a run last, when all below it is sealed. As readers show the
// events they have the facts that they have when all is mapped at once. Where the records
// between an event and its root give none themselves, it may be less, and never another.
func TestOneByOne(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	recordings := map[string][]string{}
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.ToSlash(f[len(captures)+1:]), ".")
		recordings[name] = append(recordings[name], f)
	}
	facts, held, unknown := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(recordings)) {
		t.Run(name, func(t *testing.T) {
			var whole [][]byte
			for _, f := range slices.Sorted(slices.Values(recordings[name])) {
				text, err := os.ReadFile(f)
				require.NoError(t, err)
				whole = append(whole, bytes.TrimSpace(text))
			}
			records := otlptest.Records(t, recordings[name]...)
			slices.SortStableFunc(records, func(a, b otlptest.Record) int { return cmp.Compare(ended(a), ended(b)) })
			lines := func(read func(m *Mapper) error) []byte {
				var out bytes.Buffer
				m, err := New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
				require.NoError(t, err)
				require.NoError(t, read(m))
				require.NoError(t, m.Close(context.Background()))
				return out.Bytes()
			}
			atOnce := asShown(t, lines(func(m *Mapper) error {
				return m.Read(context.Background(), bytes.NewReader(bytes.Join(whole, []byte("\n"))))
			}))
			oneByOne := asShown(t, lines(func(m *Mapper) error {
				for _, r := range records {
					if err := m.Request(context.Background(), r.JSON(t)); err != nil {
						return err
					}
				}
				return nil
			}))
			for id, want := range atOnce {
				have, there := oneByOne[id]
				typ := strings.Trim(string(want["event_type"]), `"`)
				if !there {
					if otherwise[name][typ] == "" {
						t.Errorf("%s %s is not there", typ, id)
					}
					continue
				}
				for _, fact := range lateFacts {
					if unsaid(want, fact) && unsaid(have, fact) {
						continue
					}
					facts++
					switch {
					case string(want[fact]) == string(have[fact]):
						held++
					case unsaid(have, fact):
						unknown++
						t.Logf("%s of %s %s is not known, at once %s", fact, typ, id, want[fact])
					case otherwise[name][typ+" "+fact] == "":
						t.Errorf("%s of %s %s is %s, at once %s", fact, typ, id, have[fact], want[fact])
					}
				}
			}
		})
	}
	t.Logf("%d of %d facts are held, %d are not known", held, facts, unknown)
	require.Greater(t, held, facts*98/100)
}
