package agentauditexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/spool"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// openSpool opens the spool and counts what an earlier process left in it.
func (s *sealer) openSpool() error {
	var err error
	s.spool, err = spool.Open(spool.Options{
		Directory:     s.cfg.Spool.Directory,
		MaxBytes:      int64(s.cfg.Spool.MaxBytes),
		SegmentEvents: int64(s.cfg.Batch.MaxEvents),
		SegmentBytes:  int64(s.cfg.Batch.MaxBytes),
		SegmentAge:    s.cfg.Batch.MaxAge,
	})
	if err != nil {
		return fmt.Errorf("`spool::directory`: %w", err)
	}
	for _, name := range s.spool.CutOff() {
		s.set.Logger.Info("the last write to the spool was cut off: its senders were not told OK", zap.String("file", name))
	}
	if left := s.spool.Stats(); left.Events > 0 {
		s.set.Logger.Info("events of an earlier run are in the spool and will be sealed",
			zap.Int64("events", left.Events), zap.Int64("bytes", left.Bytes), zap.Duration("oldest", left.Age))
	}
	return nil
}

// append returns nil when the events are synced to disk. It has the memory of the lines.
func (s *sealer) append(ctx context.Context, l *ledger.Lines) error {
	records := spoolRecords(l)
	freeLines(l) // which need not wait for the disk
	if len(records) == 0 {
		return nil
	}
	err := s.spool.Append(ctx, records)
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		return consumererror.NewPermanent(err)
	case errors.Is(err, spool.ErrFull):
		s.set.Logger.Warn("senders are held back until the bucket takes more", zap.Error(err))
	case err != nil:
		s.telemetry.AgentauditExporterSpoolFailures.Add(context.Background(), 1)
		s.set.Logger.Error("writing to the spool failed: senders are told to come again", zap.Error(err))
	}
	return err
}

// taken is a segment of the spool that is being sealed.
type taken struct {
	*spool.Segment
	left   int // objects of it that are not sealed
	failed bool
}

// spoolLoop makes objects of the segments, in their order, while as few are pending as
// may be: in an outage the segments are few and full.
func (s *sealer) spoolLoop() {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.taking.Done():
			return
		}
		g, err := s.spool.Next(s.taking)
		if err != nil {
			<-s.slots
			return
		}
		var objects []*object
		if err := s.retry(s.taking, func() error { objects, err = s.objectsOf(g); return err }); err != nil {
			<-s.slots
			return
		}
		t := &taken{Segment: g, left: len(objects)}
		if t.left == 0 {
			<-s.slots
			s.removeSegment(t)
		}
		for i, o := range objects {
			if i > 0 {
				select {
				case s.slots <- struct{}{}:
				case <-s.ctx.Done():
					return // the segment stays in the spool
				}
			}
			o.segment = t
			s.sealing.Go(func() { s.send(o) })
		}
	}
}

// objectsOf builds the objects of a segment: the same of the same segment, so that one
// that was being sealed when the process ended is not sealed again under another key.
// It leaves out those that were sealed before that.
func (s *sealer) objectsOf(g *spool.Segment) ([]*object, error) {
	source := fmt.Sprintf("spool %016x", g.ID)
	open := map[bool]*object{}
	var all []*object
	add := func(line []byte, m semconv.Meta) {
		o := open[m.Quarantine]
		if o == nil || !s.admit(o, len(line), &m) {
			o = s.newObject(m.Quarantine, g.Began, source)
			open[m.Quarantine] = o
			all = append(all, o)
			s.admit(o, len(line), &m) // an empty one takes any
		}
		if len(o.waiting) == 0 {
			o.waiting = append(o.waiting, newLines())
		}
		l := o.waiting[0]
		l.Text = append(l.Text, line...)
		l.End(m)
		if o.gathered >= gatherBytes {
			s.drain(o)
		}
	}
	recovered, unread := 0, uint64(0)
	damage, err := g.Read(func(r spool.Record) {
		line, m, err := parseSpoolRecord(r.Data)
		if err != nil { // of another program
			unread++
			return
		}
		recovered++
		add(line, m)
	})
	if err != nil {
		return nil, err
	}
	damage.Missing += unread
	if damage.Torn {
		s.set.Logger.Info("the last write to the spool was cut off: its senders were not told OK",
			zap.String("file", g.Name()), zap.Int64("bytes", damage.Bytes))
	}
	if damage.Any() {
		s.telemetry.AgentauditExporterSpoolLostEvents.Add(context.Background(), int64(damage.Missing))
		s.set.Logger.Error("a file of the spool is damaged: acknowledged events are lost; the others of it are sealed, the file is kept",
			zap.String("file", g.Name()), zap.Uint64("lost", damage.Missing), zap.Int("recovered", recovered))
		line, m, err := damageEvent(s.cfg.Log, g, damage, recovered)
		if err != nil {
			return nil, err
		}
		add(line, m)
	}
	var left []*object
	for _, o := range all {
		if err := s.build(o); err != nil {
			return nil, err
		}
		if !s.named[o.sealed.Key] {
			left = append(left, o)
		}
	}
	return left, nil
}

// damageEvent tells in the trail what is missing from it.
func damageEvent(log string, g *spool.Segment, d spool.Damage, recovered int) ([]byte, semconv.Meta, error) {
	at := g.Began
	if at.IsZero() {
		at = time.Now()
	}
	content, err := json.Marshal(map[string]any{"file": g.Name(), "lost": d.Missing, "recovered": recovered})
	if err != nil {
		return nil, semconv.Meta{}, err
	}
	rec := plog.NewLogRecord()
	semconv.WriteLog(&semconv.Event{
		EventID: semconv.RecordEventID("spool_damage", log, g.Name()), EventType: semconv.TypeFinding,
		Timestamp: at, RecordedAt: time.Now(), SessionID: "agentaudit", AgentID: "agentaudit", StepNumber: semconv.Some(int64(1)),
		Rule: "spool_damage", Severity: "error",
		Message: fmt.Sprintf("a file of the spool of log %s was damaged: %d or more acknowledged events are lost, %d were recovered", log, d.Missing, recovered),
		Content: content, Source: []byte(`{"dialect":"agentaudit","signal":"internal"}`),
	}, rec)
	return semconv.AppendLog(nil, rec)
}

// took is told of an object of a segment that is sealed, or given up with err. The
// segment is removed when all of them are sealed.
func (s *sealer) took(t *taken, err error) {
	s.mu.Lock()
	t.left--
	t.failed = t.failed || err != nil
	whole := t.left == 0 && !t.failed
	s.mu.Unlock()
	if whole {
		s.removeSegment(t)
	}
}

func (s *sealer) removeSegment(t *taken) {
	if err := s.spool.Remove(t.Segment); err != nil {
		s.set.Logger.Warn("a file of the spool stays: its events will be sealed twice, and readers drop the doubles", zap.Error(err))
	}
}

// observeSpool has the gauges of the spool read from now on.
func (s *sealer) observeSpool() error {
	return errors.Join(
		s.telemetry.RegisterAgentauditExporterSpoolEventsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.spool.Stats().Events)
			return nil
		}),
		s.telemetry.RegisterAgentauditExporterSpoolBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.spool.Stats().Bytes)
			return nil
		}),
		s.telemetry.RegisterAgentauditExporterSpoolOldestAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(s.spool.Stats().Age.Seconds())
			return nil
		}))
}

// emptySpool seals what is in the spool, for two thirds of the time that there is, so
// that the closing manifest can follow. What is left stays in the spool.
func (s *sealer) emptySpool(ctx context.Context) {
	s.spool.Finish()
	if deadline, ok := ctx.Deadline(); ok {
		stop := time.AfterFunc(time.Until(deadline)*2/3, s.stopTaking)
		defer stop.Stop()
	}
	s.reading.Wait()
	s.stopTaking()
}

func (s *sealer) closeSpool() {
	s.spool.Close()
	if left := s.spool.Stats(); left.Events > 0 {
		s.set.Logger.Warn("events stay in the spool and are sealed after the next start",
			zap.Int64("events", left.Events), zap.Int64("bytes", left.Bytes))
	}
}
