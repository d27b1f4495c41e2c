package agentauditprocessor

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/coverage"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// auditor maps telemetry to audit events and applies the policies to them. It is
// safe for concurrent use.
type auditor struct {
	cfg     *Config
	prompts prompts
	mapper  *runs.Mapper
	card    *scorecard
	tb      *metadata.TelemetryBuilder
	attrs   attrSets
	now     func() time.Time
	// working holds a value for each request that is being mapped. More than there are
	// cores would be done no sooner, and each holds several times its size until it is.
	working chan struct{}

	once    sync.Once // of start
	running sync.WaitGroup
	stop    chan struct{}
}

func newAuditor(set component.TelemetrySettings, cfg *Config) (*auditor, error) {
	tb, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	return &auditor{
		cfg:     cfg,
		prompts: prompts{mode: cfg.SystemPrompt.Mode, key: []byte(cfg.SystemPrompt.HMACKey)},
		mapper:  runs.NewMapper(cfg.RunCache.MaxRuns, cfg.RunCache.TTL, cfg.Steps == stepsKeep),
		card:    newScorecard(cfg.Coverage.Interval),
		tb:      tb,
		now:     time.Now,
		working: make(chan struct{}, runtime.GOMAXPROCS(0)),
		stop:    make(chan struct{}),
	}, nil
}

// start has runs be forgotten in their time, whether or not requests come.
func (a *auditor) start() {
	a.once.Do(func() {
		every := min(max(a.cfg.RunCache.TTL/10, time.Second), time.Minute)
		a.running.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					a.mapper.Forget(a.now().UTC())
				case <-a.stop:
					return
				}
			}
		})
	})
}

func (a *auditor) shutdown() {
	close(a.stop)
	a.running.Wait()
	a.tb.Shutdown()
}

// work waits for its turn to map a request; the error is that the sender went away before.
func (a *auditor) work(ctx context.Context) (done func(), err error) {
	select {
	case a.working <- struct{}{}:
		return func() { <-a.working }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// processTraces replaces the spans of a request by its audit events, one span each.
func (a *auditor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	done, err := a.work(ctx)
	if err != nil {
		return td, err
	}
	defer done()
	req := request{distrust: !a.cfg.Trust.AuditAttributes}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			scope := record.NewScope(rs.Resource(), ss.Scope())
			for _, span := range ss.Spans().All() {
				if !req.add(scope.Span(span)) {
					req.others = append(req.others, runs.Span{Trace: span.TraceID(), ID: span.SpanID(), Parent: span.ParentSpanID(), Resource: runs.NewResource(scope.Service, scope.Instance)})
				}
			}
		}
	}
	events, err := a.events(ctx, &req)
	if err != nil {
		return td, err
	}
	// The events take the place of what they tell of, which need not wait in memory
	// until they are sealed.
	td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	spans.Scope().SetName(metadata.ScopeName)
	spans.Spans().EnsureCapacity(len(events))
	var w semconv.Writer
	for _, e := range events {
		span := spans.Spans().AppendEmpty()
		w.WriteSpan(e.Event, span)
		a.control(e, span.Attributes())
	}
	return td, nil
}

// processLogs replaces the log records of a request by its audit events, one record each.
func (a *auditor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	done, err := a.work(ctx)
	if err != nil {
		return ld, err
	}
	defer done()
	req := request{distrust: !a.cfg.Trust.AuditAttributes}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			scope := record.NewScope(rl.Resource(), sl.Scope())
			for _, rec := range sl.LogRecords().All() {
				req.add(scope.LogRecord(rec))
			}
		}
	}
	events, err := a.events(ctx, &req)
	if err != nil {
		return ld, err
	}
	ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	recs.Scope().SetName(metadata.ScopeName)
	recs.LogRecords().EnsureCapacity(len(events))
	var w semconv.Writer
	for _, e := range events {
		rec := recs.LogRecords().AppendEmpty()
		w.WriteLog(e.Event, rec)
		a.control(e, rec.Attributes())
	}
	return ld, nil
}

// control adds the attributes that tell the exporter what to do with an event.
func (a *auditor) control(e *runs.Event, attrs pcommon.Map) {
	if a.cfg.OnMissing == onMissingQuarantine && len(e.MissingFields) > 0 {
		attrs.PutBool(semconv.AttrQuarantine, true)
	}
	if a.cfg.SystemPrompt.Mode == promptStore && e.Prompt != "" {
		attrs.PutStr(semconv.AttrSystemPrompt, e.Prompt)
	}
	if len(e.OversizeText) > 0 {
		whole := attrs.PutEmptyMap(semconv.AttrOversizeText)
		for _, name := range slices.Sorted(maps.Keys(e.OversizeText)) {
			whole.PutStr(name, e.OversizeText[name])
		}
	}
}

// request gathers what one export request holds.
type request struct {
	drafts  []*dialect.Draft
	others  []runs.Span
	unknown int
	// distrust keeps audit.* attributes from deciding anything.
	distrust bool
}

// add drafts the event of a record; it reports false where no dialect knows it.
func (q *request) add(r *record.Record) bool {
	if q.distrust {
		r.Distrust()
	}
	d := dialect.Detect(r)
	if d == nil {
		q.unknown++
		return false
	}
	draft := d.Map(r)
	q.drafts = append(append(q.drafts, draft), draft.Told()...)
	return true
}

// events makes the events of a request and applies the policies. The error is for
// the sender: with on_missing reject, nothing of a request is taken that holds an
// event without its required fields.
func (a *auditor) events(ctx context.Context, req *request) ([]*runs.Event, error) {
	now := a.now().UTC()
	from := authenticated(ctx)
	events, evicted := a.mapper.Map(a.rememberedAs(ctx, from), req.drafts, req.others, now)
	sentBy := from.JSON()
	known := &hashes{prompts: &a.prompts}
	absent := map[kind]int64{}
	var refused []string
	for _, e := range events {
		if e.Sent {
			e.Sender, e.From = sentBy, from.Name
		}
		a.pin(e)
		known.apply(e)
		if a.prompts.mode == promptKeep && e.Prompt != "" && e.EventType == semconv.TypeLLMCall {
			keepPrompt(e.Event, e.Prompt)
		}
		withhold(e.Event, a.cfg.Content)
		e.OversizeText = shorten(e.Event, a.cfg.MaxFieldBytes)
		for f := range e.OversizeText {
			a.tb.AgentauditProcessorOversize.Add(ctx, 1, a.attrs.of("field", f))
		}
		e.MissingFields = missing(e.Event, a.cfg.Required)
		if len(e.MissingFields) == 0 {
			continue
		}
		for _, f := range e.MissingFields {
			absent[kind{string(e.EventType), e.Dialect, f}]++
		}
		of := a.attrs.of("event_type", string(e.EventType), "dialect", e.Dialect)
		switch a.cfg.OnMissing {
		case onMissingQuarantine:
			a.tb.AgentauditProcessorQuarantined.Add(ctx, 1, of)
		case onMissingReject:
			a.tb.AgentauditProcessorRejected.Add(ctx, 1, of)
			if len(refused) < 5 {
				refused = append(refused, fmt.Sprintf("%s (span %s): %s", e.EventType, e.SpanID, strings.Join(e.MissingFields, ", ")))
			}
		}
	}
	for k, n := range absent {
		a.tb.AgentauditProcessorMissingFields.Add(ctx, n, a.attrs.of("event_type", k.typ, "dialect", k.dialect, "field", k.field))
	}
	a.count(ctx, req, evicted)
	if len(refused) > 0 {
		return nil, consumererror.NewPermanent(fmt.Errorf("refused: required fields are missing: %s", strings.Join(refused, "; ")))
	}
	card := coverage.NewCard()
	for _, e := range events {
		card.Add(e.Dialect, e.Event)
	}
	a.countCoverage(ctx, card)
	if e := a.card.add(card, now); e != nil {
		events = append(events, e)
	}
	a.countEvents(ctx, events)
	if len(events) == 0 {
		return nil, processorhelper.ErrSkipProcessingData
	}
	return events, nil
}

// kind is what events, and fields that they miss, are counted by.
type kind struct{ typ, dialect, field string }

// countEvents reports the events as metrics.
func (a *auditor) countEvents(ctx context.Context, events []*runs.Event) {
	counts := map[kind]int64{}
	for _, e := range events {
		counts[kind{typ: string(e.EventType), dialect: e.Dialect}]++
	}
	for k, n := range counts {
		a.tb.AgentauditProcessorEvents.Add(ctx, n, a.attrs.of("event_type", k.typ, "dialect", k.dialect))
	}
}

// count reports what gave no event.
func (a *auditor) count(ctx context.Context, req *request, evicted int) {
	dropped := func(reason, of string, n int64) {
		a.tb.AgentauditProcessorDropped.Add(ctx, n, a.attrs.of("reason", reason, "dialect", of))
	}
	if req.unknown > 0 {
		dropped("not_genai", "", int64(req.unknown))
	}
	for _, d := range req.drafts {
		switch {
		case d.Kind == dialect.Copy:
			dropped("copy", d.Dialect.Name, 1)
		case d.Glue:
			dropped("glue", d.Dialect.Name, 1)
		case d.Skip:
			dropped("no_event", d.Dialect.Name, 1)
		}
	}
	if evicted > 0 {
		a.tb.AgentauditProcessorRunCacheEvictions.Add(ctx, int64(evicted))
	}
}

// keepPrompt puts the text of a prompt that stands in no message into content.
func keepPrompt(e *semconv.Event, text string) {
	inner := jsontext.AppendString(nil, text)
	inner = inner[1 : len(inner)-1]
	if strings.Contains(string(e.InputMessages), string(inner)) {
		return
	}
	e.Content = addMember(e.Content, "system_prompt", text)
}
