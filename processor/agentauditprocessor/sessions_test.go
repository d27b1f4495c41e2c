package agentauditprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A session that only log records tell of, and none of its end, ends when nothing was
// heard of it for as long as runs are remembered.
func TestSessionsEndByIdleness(t *testing.T) {
	const claude = "com.anthropic.claude_code.events"
	say := func(session, event string, at time.Duration) func(*plog.Logs, *ptrace.Traces) {
		return func(ld *plog.Logs, _ *ptrace.Traces) {
			rec := log(*ld, claude, "claude_code."+event, attrs{"event.name": event, "session.id": session, "model": "m", "user.email": "ann@example.com"})
			rec.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(at)))
		}
	}
	other := func(_ *plog.Logs, td *ptrace.Traces) {
		span(*td, "x", "chat m", 77, 0, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}).SetTraceID(pcommon.TraceID{9})
	}
	for name, c := range map[string]struct {
		first []func(*plog.Logs, *ptrace.Traces)
		idle  []string // sessions told idle by a later request of another
	}{
		"silent":           {[]func(*plog.Logs, *ptrace.Traces){say("s1", "user_prompt", 0), say("s1", "api_request", 2*time.Second), say("s1", "tool_result", time.Second)}, []string{"s1"}},
		"two":              {[]func(*plog.Logs, *ptrace.Traces){say("s1", "user_prompt", 0), say("s2", "user_prompt", time.Second)}, []string{"s1", "s2"}},
		"without a name":   {[]func(*plog.Logs, *ptrace.Traces){say("", "api_request", 0)}, nil},
		"told by its span": {[]func(*plog.Logs, *ptrace.Traces){other}, nil},
		"said to have ended": {[]func(*plog.Logs, *ptrace.Traces){func(ld *plog.Logs, _ *ptrace.Traces) {
			log(*ld, "qwen-code", nil, attrs{"event.name": "session.end", "session.id": "s1"})
		}}, nil},
		"with frames": {[]func(*plog.Logs, *ptrace.Traces){say("s1", "user_prompt", 0), func(_ *plog.Logs, td *ptrace.Traces) {
			span(*td, "com.anthropic.claude_code.tracing", "claude_code.interaction", 1, 0, attrs{"session.id": "s1"})
		}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			a, err := newAuditor(componenttest.NewNopTelemetrySettings(), cfg)
			require.NoError(t, err)
			defer a.shutdown()
			now := start
			a.now = func() time.Time { return now }
			consume := func(list ...func(*plog.Logs, *ptrace.Traces)) []*runs.Event {
				ld, td := plog.NewLogs(), ptrace.NewTraces()
				for _, f := range list {
					f(&ld, &td)
				}
				var req request
				for _, rl := range ld.ResourceLogs().All() {
					scope := record.NewScope(rl.Resource(), rl.ScopeLogs().At(0).Scope())
					req.add(scope.LogRecord(rl.ScopeLogs().At(0).LogRecords().At(0)))
				}
				for _, rs := range td.ResourceSpans().All() {
					scope := record.NewScope(rs.Resource(), rs.ScopeSpans().At(0).Scope())
					req.add(scope.Span(rs.ScopeSpans().At(0).Spans().At(0)))
				}
				events, err := a.events(context.Background(), &req)
				require.NoError(t, err)
				return events
			}
			consume(c.first...)
			now = now.Add(cfg.RunCache.TTL)
			for _, e := range consume(other) {
				require.NotEqual(t, semconv.TypeSessionTimeout, e.EventType, "not before its time")
			}
			now = now.Add(time.Second)
			var idle []string
			for _, e := range consume(other) {
				if e.EventType != semconv.TypeSessionTimeout {
					continue
				}
				require.Equal(t, "idle", e.Reason)
				require.Equal(t, "claude-code", e.Dialect)
				require.Equal(t, "ann@example.com", e.UserID)
				require.Empty(t, e.MissingFields)
				idle = append(idle, e.SessionID)
				if e.SessionID == "s1" && name == "silent" {
					require.Equal(t, start.Add(2*time.Second), e.Timestamp, "the last that was heard")
				}
			}
			require.ElementsMatch(t, c.idle, idle)
			now = now.Add(time.Second)
			require.Len(t, consume(other), 1, "told once")
		})
	}
}
