package agentauditexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func (e *auditExporter) pushTraces(ctx context.Context, td ptrace.Traces) error {
	r := request{lines: newLines()}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				line, m, err := r.encoder.AppendSpan(r.lines.Text, span)
				r.add(line, m, err)
			}
		}
	}
	// Nothing need wait in memory beside its line until that is sealed.
	td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	return e.push(ctx, r.lines, r.refused)
}

func (e *auditExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	r := request{lines: newLines()}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				line, m, err := r.encoder.AppendLog(r.lines.Text, rec)
				r.add(line, m, err)
			}
		}
	}
	ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return e.push(ctx, r.lines, r.refused)
}

// request is what one call of push brings: its events as lines, and what it refuses.
type request struct {
	encoder semconv.Encoder
	lines   *ledger.Lines
	refused refused
}

type refused struct {
	n      int
	reason error // of the first
}

// add takes in an encoded event, or counts a record that is none.
func (r *request) add(line []byte, m semconv.Meta, err error) {
	if err != nil {
		if r.refused.n++; r.refused.reason == nil {
			r.refused.reason = err
		}
		return
	}
	r.lines.Text = line
	r.lines.End(m)
}

// push returns nil when every event of the request is sealed, or spooled where that is
// what an OK means. It does not wait longer than ctx, which is the sender's; the objects
// are sealed all the same, and readers drop the doubles that the sender will make. After
// an error the sender will come again with all of them. It has the memory of the lines.
func (e *auditExporter) push(ctx context.Context, l *ledger.Lines, no refused) error {
	events := len(l.Metas)
	if err := ctx.Err(); err != nil {
		return notYet(e.cfg.Durability, err)
	}
	e.classes.classify(l)
	if err := e.intake.push(ctx, l); err != nil {
		return err
	}
	if no.n == 0 {
		return nil
	}
	e.report.AgentauditExporterRefusedRecords.Add(context.Background(), int64(no.n))
	return consumererror.NewPermanent(fmt.Errorf("refused %d of %d records, the others are %s: put the agentaudit processor in front of this exporter: %w",
		no.n, no.n+events, e.cfg.Durability, no.reason))
}
