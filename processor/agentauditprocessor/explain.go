package agentauditprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// Explanation says how one record of telemetry is read, before it is joined with others.
type Explanation struct {
	Signal  string // span or log
	Name    string // of the span, or of the log event
	SpanID  string // in hexadecimal digits; "" where a log record has none
	Scope   string
	Version string // of the scope
	dialect.Explanation
}

// ExplainTraces explains the spans of a request whose ids begin so.
func ExplainTraces(td ptrace.Traces, id string) (list []Explanation) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if !strings.HasPrefix(span.SpanID().String(), id) {
					continue
				}
				list = append(list, Explanation{
					Signal: "span", Name: span.Name(), SpanID: span.SpanID().String(), Scope: ss.Scope().Name(), Version: ss.Scope().Version(),
					Explanation: dialect.Explain(func(without string) *record.Record {
						s := ptrace.NewSpan()
						span.CopyTo(s)
						s.Attributes().Remove(without)
						if name, ok := strings.CutPrefix(without, "event "); ok {
							s.Events().RemoveIf(func(e ptrace.SpanEvent) bool { return e.Name() == name })
						}
						return record.NewScope(rs.Resource(), ss.Scope()).Span(s)
					}),
				})
			}
		}
	}
	return list
}

// ExplainLogs explains the log records of a request whose span's ids begin so.
func ExplainLogs(ld plog.Logs, id string) (list []Explanation) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				if !strings.HasPrefix(rec.SpanID().String(), id) {
					continue
				}
				list = append(list, Explanation{
					Signal: "log", Name: record.NewScope(rl.Resource(), sl.Scope()).LogRecord(rec).Name, SpanID: rec.SpanID().String(), Scope: sl.Scope().Name(), Version: sl.Scope().Version(),
					Explanation: dialect.Explain(func(without string) *record.Record {
						r := plog.NewLogRecord()
						rec.CopyTo(r)
						r.Attributes().Remove(without)
						if without == "body" {
							pcommon.NewValueEmpty().CopyTo(r.Body())
						}
						return record.NewScope(rl.Resource(), sl.Scope()).LogRecord(r)
					}),
				})
			}
		}
	}
	return list
}
