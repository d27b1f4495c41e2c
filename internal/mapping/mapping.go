// Package mapping runs the processor over recorded telemetry, outside a collector.
package mapping

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/coverage"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// maxLine bounds one export request, in bytes.
const maxLine = 256 << 20

// Mapper maps OTLP JSON as the file exporter writes it: one export request a line,
// of traces or of logs.
type Mapper struct {
	traces processor.Traces
	logs   processor.Logs
	sink   *sink

	// What was read and not mapped yet.
	spans   ptrace.Traces
	records plog.Logs
	size    int // bytes of the lines it came in
}

// maxHeld bounds what is read before it is mapped, in bytes of OTLP JSON.
const maxHeld = 256 << 20

// New makes a mapper that writes each audit event as a line to out.
func New(ctx context.Context, cfg *agentauditprocessor.Config, out io.Writer) (*Mapper, error) {
	f := agentauditprocessor.NewFactory()
	m := &Mapper{spans: ptrace.NewTraces(), records: plog.NewLogs(), sink: &sink{out: out, card: coverage.NewCard(), types: map[semconv.EventType]int{}}}
	set := processor.Settings{ID: component.NewID(f.Type()), TelemetrySettings: silent()}
	var err error
	if m.traces, err = f.CreateTraces(ctx, set, cfg, m.sink); err != nil {
		return nil, err
	}
	if m.logs, err = f.CreateLogs(ctx, set, cfg, m.sink); err != nil {
		return nil, err
	}
	return m, errors.Join(m.traces.Start(ctx, noHost{}), m.logs.Start(ctx, noHost{}))
}

// silent is the telemetry of a component that nobody watches.
func silent() component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger:         zap.NewNop(),
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  metricnoop.NewMeterProvider(),
		Resource:       pcommon.NewResource(),
	}
}

// noHost is no Collector, and has no extensions.
type noHost struct{}

func (noHost) GetExtensions() map[component.ID]component.Component { return nil }

// Close maps what was read and ends the mapper.
func (m *Mapper) Close(ctx context.Context) error {
	return errors.Join(m.flush(ctx), m.traces.Shutdown(ctx), m.logs.Shutdown(ctx))
}

// Read takes in every request of r. They are mapped together, as with the
// groupbytrace processor in front, so that what a root says of its run reaches spans
// that came before it. The error names the line that is no request.
func (m *Mapper) Read(ctx context.Context, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := m.take(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if m.size > maxHeld {
			if err := m.flush(ctx); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// Request maps one export request alone, as a collector does when it arrives.
func (m *Mapper) Request(ctx context.Context, line []byte) error {
	if err := m.take(line); err != nil {
		return err
	}
	return m.flush(ctx)
}

func (m *Mapper) take(line []byte) error {
	td, ld, err := requests(line)
	if err != nil {
		return err
	}
	td.ResourceSpans().MoveAndAppendTo(m.spans.ResourceSpans())
	ld.ResourceLogs().MoveAndAppendTo(m.records.ResourceLogs())
	m.size += len(line)
	return nil
}

// requests are the requests of spans and of log records that a line holds.
func requests(line []byte) (td ptrace.Traces, ld plog.Logs, err error) {
	td, ld = ptrace.NewTraces(), plog.NewLogs()
	var kind struct {
		ResourceSpans json.RawMessage `json:"resourceSpans"`
		ResourceLogs  json.RawMessage `json:"resourceLogs"`
	}
	err = json.Unmarshal(line, &kind)
	if err == nil && kind.ResourceSpans == nil && kind.ResourceLogs == nil {
		return td, ld, errors.New("no OTLP JSON: neither `resourceSpans` nor `resourceLogs`")
	}
	if err == nil && kind.ResourceSpans != nil {
		td, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
	}
	if err == nil && kind.ResourceLogs != nil {
		ld, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
	}
	if err != nil {
		return td, ld, fmt.Errorf("no OTLP JSON: %w", err)
	}
	return td, ld, nil
}

// flush maps what was read: log records first, for they complete spans.
func (m *Mapper) flush(ctx context.Context) error {
	td, ld := m.spans, m.records
	m.spans, m.records, m.size = ptrace.NewTraces(), plog.NewLogs(), 0
	if ld.LogRecordCount() > 0 {
		if err := m.logs.ConsumeLogs(ctx, ld); err != nil {
			return err
		}
	}
	if td.SpanCount() > 0 {
		return m.traces.ConsumeTraces(ctx, td)
	}
	return nil
}

// sink writes audit records as lines, with the exporter's own encoder.
type sink struct {
	out   io.Writer
	line  []byte
	card  *coverage.Card
	types map[semconv.EventType]int
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				line, _, err := semconv.AppendSpan(s.line[:0], span)
				if err := s.write(line, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *sink) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				line, _, err := semconv.AppendLog(s.line[:0], rec)
				if err := s.write(line, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *sink) write(line []byte, err error) error {
	if err != nil {
		return err
	}
	s.line = append(line, '\n')
	if err := s.count(line); err != nil {
		return err
	}
	_, err = s.out.Write(s.line)
	return err
}

func (s *sink) count(line []byte) error {
	e, err := semconv.ParseLine(line)
	if err != nil {
		return fmt.Errorf("bad line from the encoder: %w", err)
	}
	var source struct{ Dialect string }
	_ = json.Unmarshal(e.Source, &source)
	s.card.Add(source.Dialect, e)
	if e.LayerOf == "" {
		s.types[e.EventType]++
	}
	return nil
}

// Scorecard is the coverage of what was mapped, as JSON.
func (m *Mapper) Scorecard() []byte { return m.sink.card.JSON(agentauditprocessor.Setting) }

// Summary writes how many events of each type there are, and for each agent the
// fields that its telemetry did not always hold, with the setting that changes it.
func (m *Mapper) Summary(w io.Writer) {
	var counts []string
	for _, t := range semconv.EventTypes() {
		if n := m.sink.types[t]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, t))
		}
	}
	fmt.Fprintf(w, "events: %s\n", strings.Join(counts, ", "))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AGENT\tDIALECT\tEVENT\tFIELD\tPRESENT\tDERIVED\tMISSING\tWITHHELD\tCUT\tSETTING")
	for _, r := range m.sink.card.Rows(agentauditprocessor.Setting) {
		if r.Gap() {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", termsafe.Short(r.Agent, 40), r.Dialect, r.EventType, r.Field, r.Present, r.Derived, r.Missing, r.Withheld, r.Cut, r.Setting)
		}
	}
	_ = t.Flush()
	m.sink.card.NoTable(func(s coverage.Scope, n int64) {
		events := "events are"
		if n == 1 {
			events = "event is"
		}
		fmt.Fprintf(w, "no table for scope %s version %s: its %d %s read by the words of its keys; say so in an issue, with a recording\n", termsafe.Short(s.Name, 80), termsafe.Short(cmp.Or(s.Version, "unknown"), 40), n, events)
	})
}
