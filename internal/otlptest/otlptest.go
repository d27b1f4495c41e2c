// Package otlptest reads recordings of telemetry in tests, whole or record by record.
package otlptest

import (
	"bytes"
	"os"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Record is one span or one log record of a recording, as an export request of its own.
type Record struct {
	Name   string        // the file, and the name of the span or event
	Traces ptrace.Traces // of a span
	Logs   plog.Logs     // of a log record
	Log    bool
}

// Resource is what the record comes from.
func (r Record) Resource() pcommon.Resource {
	if r.Log {
		return r.Logs.ResourceLogs().At(0).Resource()
	}
	return r.Traces.ResourceSpans().At(0).Resource()
}

// Span is the span of a record that is one.
func (r Record) Span() ptrace.Span {
	return r.Traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

// LogRecord is the log record of a record that is one.
func (r Record) LogRecord() plog.LogRecord {
	return r.Logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

// Attributes are those of the span or the log record.
func (r Record) Attributes() pcommon.Map {
	if r.Log {
		return r.LogRecord().Attributes()
	}
	return r.Span().Attributes()
}

// Clone is a copy, which may be changed or consumed.
func (r Record) Clone() Record {
	c := Record{Name: r.Name, Log: r.Log, Traces: ptrace.NewTraces(), Logs: plog.NewLogs()}
	r.Traces.CopyTo(c.Traces)
	r.Logs.CopyTo(c.Logs)
	return c
}

// JSON is the record as a line of the Collector's file exporter.
func (r Record) JSON(t require.TestingT) []byte {
	var line []byte
	var err error
	if r.Log {
		line, err = (&plog.JSONMarshaler{}).MarshalLogs(r.Logs)
	} else {
		line, err = (&ptrace.JSONMarshaler{}).MarshalTraces(r.Traces)
	}
	require.NoError(t, err)
	return line
}

// Records are the records of recordings, in their order.
func Records(t require.TestingT, files ...string) (all []Record) {
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // a test names its recordings
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			require.NoError(t, err)
			all = append(all, Spans(f, td)...)
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
			require.NoError(t, err)
			all = append(all, logs(f, ld)...)
		}
	}
	return all
}

// Spans are the spans of a request, each as one of its own.
func Spans(file string, td ptrace.Traces) (list []Record) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				r := Record{Name: file + " " + s.Name(), Traces: ptrace.NewTraces(), Logs: plog.NewLogs()}
				one := r.Traces.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(one.Resource())
				scope := one.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(scope.Scope())
				s.CopyTo(scope.Spans().AppendEmpty())
				list = append(list, r)
			}
		}
	}
	return list
}

func logs(file string, ld plog.Logs) (list []Record) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				r := Record{Name: file + " " + rec.EventName(), Log: true, Traces: ptrace.NewTraces(), Logs: plog.NewLogs()}
				one := r.Logs.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(one.Resource())
				scope := one.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(scope.Scope())
				rec.CopyTo(scope.LogRecords().AppendEmpty())
				list = append(list, r)
			}
		}
	}
	return list
}
