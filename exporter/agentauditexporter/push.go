package agentauditexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func (s *sealer) pushTraces(ctx context.Context, td ptrace.Traces) error {
	r := request{sealer: s}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				line, m, err := r.encoder.AppendSpan(r.line[:0], span)
				r.add(ctx, line, m, err)
			}
		}
	}
	// Nothing need wait in memory beside its line until that is sealed.
	td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	return r.wait(ctx)
}

func (s *sealer) pushLogs(ctx context.Context, ld plog.Logs) error {
	r := request{sealer: s}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				line, m, err := r.encoder.AppendLog(r.line[:0], rec)
				r.add(ctx, line, m, err)
			}
		}
	}
	ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return r.wait(ctx)
}

// request is one call of push: the objects its events went to, and what it refused.
type request struct {
	sealer  *sealer
	encoder semconv.Encoder
	line    []byte
	objects []*object
	records [][]byte // for the spool
	events  int
	err     error // what kept the rest of the events from being taken in

	refused int
	reason  error // of the first refusal
}

// add takes in an encoded event, or counts a record that is none. After an error
// it does nothing: the sender will come again with all of them.
func (r *request) add(ctx context.Context, line []byte, m semconv.Meta, err error) {
	r.line = line
	if r.err == nil {
		r.err = ctx.Err()
	}
	switch {
	case r.err != nil:
		return
	case err != nil:
		r.refused++
		if r.reason == nil {
			r.reason = err
		}
		return
	}
	if r.sealer.cfg.spooled() {
		r.records = append(r.records, spoolRecord(line, m))
		r.events++
		return
	}
	o, err := r.sealer.add(ctx, line, m)
	if err != nil {
		r.err = err
		return
	}
	r.events++
	for _, have := range r.objects {
		if have == o {
			return
		}
	}
	r.objects = append(r.objects, o)
}

// wait returns nil when every event of the request is sealed, or spooled where that is
// what an OK means. It does not wait longer than ctx, which is the sender's; the objects are sealed all the same,
// and readers drop the doubles that the sender will make.
func (r *request) wait(ctx context.Context) error {
	s := r.sealer
	if s.cfg.spooled() && r.err == nil {
		r.err = s.append(ctx, r.records)
	}
	if r.err != nil && consumererror.IsPermanent(r.err) {
		return r.err
	}
	if r.err != nil {
		return fmt.Errorf("not all events of the request are %s yet: %w", s.cfg.Durability, r.err)
	}
	for _, o := range r.objects {
		select {
		case <-o.done:
			if o.err != nil {
				return o.err
			}
		case <-ctx.Done():
			return fmt.Errorf("not all events of the request are sealed yet: %w", ctx.Err())
		}
	}
	if r.refused == 0 {
		return nil
	}
	s.telemetry.AgentauditExporterRefusedRecords.Add(context.Background(), int64(r.refused))
	err := fmt.Errorf("refused %d of %d records, the others are %s: put the agentaudit processor in front of this exporter: %w",
		r.refused, r.refused+r.events, s.cfg.Durability, r.reason)
	return consumererror.NewPermanent(err)
}

var errStopped = errors.New("the exporter is stopping")
