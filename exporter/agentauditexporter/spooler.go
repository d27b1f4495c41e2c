package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/spool"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// spooler takes requests, with durability spooled: it answers when their events are synced
// to disk, and makes objects of what is there, also of what an earlier process left.
type spooler struct {
	spool  *spool.Spool
	maker  *maker
	slots  slots
	retry  retrier
	report *reporter

	taking     context.Context // ends when nothing more is to be taken from the spool
	stopTaking context.CancelFunc
	reading    sync.WaitGroup // what reads the spool
	sending    sync.WaitGroup // one an object
}

// openSpooler opens the spool and counts what an earlier process left in it.
func openSpooler(life context.Context, m *maker, free slots, retry retrier, report *reporter) (*spooler, error) {
	c := m.cfg
	disk, err := spool.Open(spool.Options{
		Directory:     c.Spool.Directory,
		MaxBytes:      int64(c.Spool.MaxBytes),
		SegmentEvents: int64(c.Batch.MaxEvents),
		SegmentBytes:  int64(c.Batch.MaxBytes),
		SegmentAge:    c.Batch.MaxAge,
	})
	if err != nil {
		return nil, fmt.Errorf("`spool::directory`: %w", err)
	}
	for _, name := range disk.CutOff() {
		report.logger.Info("the last write to the spool was cut off: its senders were not told OK", zap.String("file", name))
	}
	if left := disk.Stats(); left.Events > 0 {
		report.logger.Info("events of an earlier run are in the spool and will be sealed",
			zap.Int64("events", left.Events), zap.Int64("bytes", left.Bytes), zap.Duration("oldest", left.Age))
	}
	s := &spooler{spool: disk, maker: m, slots: free, retry: retry, report: report}
	s.taking, s.stopTaking = context.WithCancel(life)
	return s, nil
}

// push returns nil when the events are synced to disk. It has the memory of the lines.
func (s *spooler) push(ctx context.Context, l *ledger.Lines) error {
	records := spoolRecords(l)
	freeLines(l) // which need not wait for the disk
	if len(records) == 0 {
		return nil
	}
	err := s.spool.Append(ctx, records)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, spool.ErrTooLarge):
		return consumererror.NewPermanent(err)
	case errors.Is(err, spool.ErrFull):
		s.report.logger.Warn("senders are held back until the bucket takes more", zap.Error(err))
	default:
		s.report.AgentauditExporterSpoolFailures.Add(context.Background(), 1)
		s.report.logger.Error("writing to the spool failed: senders are told to come again", zap.Error(err))
	}
	return notYet(durabilitySpooled, err)
}

// start has what is in the spool passed on from when ready gives what takes it, with the
// objects that a manifest names already; ready gives nil where that will not be. What is
// passed on is tried until life ends.
func (s *spooler) start(life context.Context, ready func(taking context.Context) (next sender, named map[string]bool)) {
	s.reading.Go(func() {
		if next, named := ready(s.taking); next != nil {
			s.run(life, next, named)
		}
	})
}

// run makes objects of the segments, in their order, while as few are pending as may be:
// in an outage the segments are few and full.
func (s *spooler) run(life context.Context, next sender, named map[string]bool) {
	for s.slots.take(s.taking) {
		g, err := s.spool.Next(s.taking)
		if err != nil {
			<-s.slots
			return
		}
		t := &segment{Segment: g, remove: s.remove}
		var objects []*object
		if err := s.retry.do(s.taking, func() error { objects, err = t.objects(s.maker, s.report, named); return err }); err != nil {
			<-s.slots
			return
		}
		if t.left = len(objects); t.left == 0 {
			<-s.slots
			s.remove(g)
		}
		for i, o := range objects {
			if i > 0 && !s.slots.take(life) {
				return // the segment stays in the spool
			}
			o.slot = s.slots
			s.sending.Go(func() { next.send(life, o) })
		}
	}
}

func (s *spooler) remove(g *spool.Segment) {
	if err := s.spool.Remove(g); err != nil {
		s.report.logger.Warn("a file of the spool stays: its events will be sealed twice, and readers drop the doubles", zap.Error(err))
	}
}

// observe has the gauges of the spool read from now on.
func (s *spooler) observe() error {
	return errors.Join(
		s.report.RegisterAgentauditExporterSpoolEventsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.spool.Stats().Events)
			return nil
		}),
		s.report.RegisterAgentauditExporterSpoolBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.spool.Stats().Bytes)
			return nil
		}),
		s.report.RegisterAgentauditExporterSpoolOldestAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(s.spool.Stats().Age.Seconds())
			return nil
		}))
}

// flush closes the segment that is written, and those to come, at once.
func (s *spooler) flush() { s.spool.Flush() }

// drain passes on what is in the spool, for two thirds of the time that there is, so that
// the closing manifest can follow. What is left stays in the spool.
func (s *spooler) drain(ctx context.Context) {
	s.spool.Finish()
	if deadline, ok := ctx.Deadline(); ok {
		stop := time.AfterFunc(time.Until(deadline)*2/3, s.stopTaking)
		defer stop.Stop()
	}
	s.reading.Wait()
	s.stopTaking()
	s.sending.Wait()
}

// close closes the spool. What is in it stays.
func (s *spooler) close() {
	s.spool.Close()
	if left := s.spool.Stats(); left.Events > 0 {
		s.report.logger.Warn("events stay in the spool and are sealed after the next start",
			zap.Int64("events", left.Events), zap.Int64("bytes", left.Bytes))
	}
}
