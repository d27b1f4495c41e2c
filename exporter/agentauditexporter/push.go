package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func (s *sealer) pushTraces(ctx context.Context, td ptrace.Traces) error {
	r := newRequest()
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
	return s.push(ctx, r)
}

func (s *sealer) pushLogs(ctx context.Context, ld plog.Logs) error {
	r := newRequest()
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				line, m, err := r.encoder.AppendLog(r.lines.Text, rec)
				r.add(line, m, err)
			}
		}
	}
	ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return s.push(ctx, r)
}

// request is what one call of push brings: its events as lines, and what it refuses.
type request struct {
	encoder semconv.Encoder
	lines   ledger.Lines
	refused int
	reason  error // of the first refusal
}

var requests = sync.Pool{New: func() any { return new(request) }}

// maxKept bounds the memory of a request that waits for another.
const maxKept = 4 << 20

func newRequest() *request { return requests.Get().(*request) }

// free lets another request have the memory.
func (r *request) free() {
	if cap(r.lines.Text) > maxKept {
		return
	}
	r.lines.Reset()
	*r = request{lines: r.lines}
	requests.Put(r)
}

// add takes in an encoded event, or counts a record that is none.
func (r *request) add(line []byte, m semconv.Meta, err error) {
	if err != nil {
		r.refused++
		if r.reason == nil {
			r.reason = err
		}
		return
	}
	r.lines.Text = line
	r.lines.End(m)
}

// push returns nil when every event of the request is sealed, or spooled where that is
// what an OK means. It does not wait longer than ctx, which is the sender's; the objects
// are sealed all the same, and readers drop the doubles that the sender will make. After
// an error the sender will come again with all of them.
func (s *sealer) push(ctx context.Context, r *request) error {
	refused, events, reason := r.refused, len(r.lines.Metas), r.reason
	var objects []*object
	err := ctx.Err()
	switch {
	case err != nil:
	case s.cfg.spooled():
		err = s.append(ctx, &r.lines)
	default:
		objects, err = s.add(ctx, &r.lines)
	}
	r.free() // nothing of it is needed while its objects are sealed
	if err != nil && consumererror.IsPermanent(err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("not all events of the request are %s yet: %w", s.cfg.Durability, err)
	}
	for _, o := range objects {
		select {
		case <-o.done:
			if o.err != nil {
				return o.err
			}
		case <-ctx.Done():
			return fmt.Errorf("not all events of the request are sealed yet: %w", ctx.Err())
		}
	}
	if refused == 0 {
		return nil
	}
	s.telemetry.AgentauditExporterRefusedRecords.Add(context.Background(), int64(refused))
	return consumererror.NewPermanent(fmt.Errorf("refused %d of %d records, the others are %s: put the agentaudit processor in front of this exporter: %w",
		refused, refused+events, s.cfg.Durability, reason))
}

var errStopped = errors.New("the exporter is stopping")
