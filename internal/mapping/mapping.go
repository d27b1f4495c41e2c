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
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
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
	m := &Mapper{spans: ptrace.NewTraces(), records: plog.NewLogs(), sink: &sink{out: out, scores: map[score]*tally{}}}
	set := processor.Settings{ID: component.NewID(f.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	var err error
	if m.traces, err = f.CreateTraces(ctx, set, cfg, m.sink); err != nil {
		return nil, err
	}
	if m.logs, err = f.CreateLogs(ctx, set, cfg, m.sink); err != nil {
		return nil, err
	}
	return m, errors.Join(m.traces.Start(ctx, componenttest.NewNopHost()), m.logs.Start(ctx, componenttest.NewNopHost()))
}

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
	var kind struct {
		ResourceSpans json.RawMessage `json:"resourceSpans"`
		ResourceLogs  json.RawMessage `json:"resourceLogs"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("no OTLP JSON: %w", err)
	}
	if kind.ResourceSpans == nil && kind.ResourceLogs == nil {
		return errors.New("no OTLP JSON: neither `resourceSpans` nor `resourceLogs`")
	}
	if kind.ResourceSpans != nil {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			return fmt.Errorf("no OTLP JSON: %w", err)
		}
		td.ResourceSpans().MoveAndAppendTo(m.spans.ResourceSpans())
	}
	if kind.ResourceLogs != nil {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			return fmt.Errorf("no OTLP JSON: %w", err)
		}
		ld.ResourceLogs().MoveAndAppendTo(m.records.ResourceLogs())
	}
	m.size += len(line)
	return nil
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
	out    io.Writer
	line   []byte
	scores map[score]*tally
}

// score is what the summary counts apart.
type score struct{ dialect, agent, typ string }

type tally struct {
	events  int
	missing map[string]int
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
	key := score{source.Dialect, e.AgentID, string(e.EventType)}
	t := s.scores[key]
	if t == nil {
		t = &tally{missing: map[string]int{}}
		s.scores[key] = t
	}
	t.events++
	for _, f := range e.MissingFields {
		t.missing[f]++
	}
	return nil
}

// Summary writes how many events of each type each agent's telemetry gave, and which
// required fields it did not hold.
func (m *Mapper) Summary(w io.Writer) {
	keys := slices.SortedFunc(maps.Keys(m.sink.scores), func(a, b score) int {
		return cmp.Or(cmp.Compare(a.dialect, b.dialect), cmp.Compare(a.agent, b.agent), cmp.Compare(a.typ, b.typ))
	})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DIALECT\tAGENT\tEVENT\tNUMBER\tMISSING")
	for _, k := range keys {
		var missing []string
		for _, f := range slices.Sorted(maps.Keys(m.sink.scores[k].missing)) {
			missing = append(missing, fmt.Sprintf("%s (%d)", f, m.sink.scores[k].missing[f]))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", termsafe.Short(k.dialect, 40), termsafe.Short(k.agent, 40), k.typ, m.sink.scores[k].events, strings.Join(missing, ", "))
	}
	_ = t.Flush()
}
