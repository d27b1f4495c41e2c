package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func classed(c *Config) {
	c.ObjectLock.Retention = Duration(3 * day)
	c.ObjectLock.Classes = []ClassConfig{
		{Name: "claims", Retention: Duration(30 * day), When: `agent_id == "claims"`},
		{Name: "brief", Retention: Duration(day), When: `agent_id.startsWith("c") || tool_name == "weather"`},
		{Name: "costly", Retention: Duration(9 * day), When: `tool_input.amount > 100`},
	}
}

// TestClasses: each event is in an object of the class of the first rule that is true of it,
// whose key lifecycle rules can tell, locked for its time; the trail is as whole as any.
func TestClasses(t *testing.T) {
	for _, durability := range []string{durabilitySealed, durabilitySpooled} {
		t.Run(durability, func(t *testing.T) {
			tr := newTrail(t)
			c := tr.config()
			if c.Durability = durability; durability == durabilitySpooled {
				c.Spool.Directory = t.TempDir()
			}
			classed(c)
			r := start(t, c)
			events := []*semconv.Event{event(0), event(1), event(2), event(3), event(4), event(5)}
			events[1].AgentID = "claims" // which the second rule is true of, too
			events[2].ToolName = "weather"
			events[3].ToolInput = []byte(`{"amount":120}`)
			events[4].ToolInput = []byte(`{"amount":{"usd":120}}`) // cannot be compared: the longer time
			events[5].ToolInput = []byte(`{"amount":7}`)
			require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(events[:3]...)))
			require.NoError(t, r.logs.ConsumeLogs(context.Background(), records(events[3:]...)))
			r.stop()
			require.Equal(t, once(6), tr.requireConfirmed())

			class := map[string]string{} // of each event
			for l, err := range ledger.Events(context.Background(), tr.open(), ledger.ReadOptions{Keys: []ledger.PublicKey{tr.public}}) {
				require.NoError(t, err)
				e, err := semconv.ParseLine(l.Line)
				require.NoError(t, err)
				_, class[e.EventID], _ = strings.Cut(path.Dir(path.Dir(path.Dir(l.Object))), "class=")
			}
			require.Equal(t, map[string]string{
				"event-0": "", "event-1": "claims", "event-2": "brief", "event-3": "costly", "event-4": "costly", "event-5": "",
			}, class)
			for _, key := range tr.keys(ledger.DataPrefix) {
				want := 3 * day
				for _, class := range c.ObjectLock.Classes {
					if strings.Contains(key, "/class="+class.Name+"/") {
						want = time.Duration(class.Retention)
					}
				}
				for v, err := range tr.open().List(context.Background(), key, "") {
					require.NoError(t, err)
					lock, err := tr.open().Retention(context.Background(), v.Key, v.ID)
					require.NoError(t, err)
					require.WithinRange(t, lock.Until, time.Now().Add(want), time.Now().Add(want+day+time.Minute), key)
				}
			}
		})
	}
}

// What objects of several classes may rely on is locked as long as the longest.
func TestClassesShareTexts(t *testing.T) {
	tr := newTrail(t)
	c := tr.config()
	classed(c)
	r := start(t, c)
	e := event(0)
	whole := strings.Repeat("all of it ", 1000)
	sum := sha256.Sum256([]byte(whole))
	e.ToolName, e.OutputText = "weather", whole[:10]
	e.Oversize = fmt.Appendf(nil, `{"output_text":{"sha256":%q,"bytes":%d}}`, hex.EncodeToString(sum[:]), len(whole))
	td := spans(e)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyMap(semconv.AttrOversizeText).PutStr("output_text", whole)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), td))
	r.stop()
	tr.requireConfirmed()
	keys := tr.keys(ledger.BlobPrefix)
	require.Len(t, keys, 1)
	for v, err := range tr.open().List(context.Background(), keys[0], "") {
		require.NoError(t, err)
		lock, err := tr.open().Retention(context.Background(), v.Key, v.ID)
		require.NoError(t, err)
		require.Greater(t, time.Until(lock.Until), 30*day)
	}
}

func TestClassesThatCannotBe(t *testing.T) {
	lock := LockConfig{Mode: ledger.Compliance, Retention: Duration(day)}
	for range 17 {
		lock.Classes = append(lock.Classes, ClassConfig{Name: fmt.Sprint("c", len(lock.Classes)), Retention: Duration(day), When: "true"})
	}
	lock.Classes[0].Name, lock.Classes[1].Name, lock.Classes[2].Name = "default", "c3", "No"
	lock.Classes[4].Retention, lock.Classes[5].When, lock.Classes[6].When = 0, "agent == 'x'", "tool_name"
	err := lock.Validate()
	for _, want := range []string{
		"`classes` (17) must be at most 16", "`classes[0]::name` (\"default\") must be no other class's", "`classes[3]::name` (\"c3\") must be no other class's",
		"`classes[2]::name` (\"No\") must be of lower case letters, digits and hyphens", "`classes[4]::retention` (0s) must be at least 1d",
		"`classes[5]::when`: ERROR", "undeclared reference to 'agent'", "`classes[6]::when`: it is of type string",
	} {
		require.ErrorContains(t, err, want)
	}
}

// Events of a class that is gone from the configuration, and that are in the spool, are kept
// for as long as the class was.
func TestClassThatIsGone(t *testing.T) {
	m := semconv.Meta{EventType: string(semconv.TypeToolCall), EventID: "e", Timestamp: time.Unix(1, 2).UTC(), Class: "claims", Kept: 30 * day}
	line, have, err := parseSpoolRecord(appendSpoolRecord(nil, []byte("{}"), &m))
	require.NoError(t, err)
	require.Equal(t, m, have)
	p := newParts(t)
	o := p.maker().object(kindOf(&have), time.Now(), "", nil)
	require.False(t, o.takeLine(line, semconv.Meta{EventType: m.EventType}), "of another kind")
	require.True(t, o.takeLine(line, have))
	require.NoError(t, o.build())
	require.Contains(t, o.sealed.Key, "/class=claims/")
	require.Greater(t, time.Until(o.sealed.Retention.Until), 30*day)
	require.Greater(t, time.Until(o.shared.Until), 30*day)
}
