package agentauditexporter

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// commitLoop names the uploads that have finished in one manifest after the
// other, and writes a heartbeat when there are none.
func (s *sealer) commitLoop() {
	idle := time.NewTimer(s.cfg.Heartbeat)
	defer idle.Stop()
	checkpointed := time.Now()
	for {
		select {
		case o, ok := <-s.uploaded:
			if !ok {
				return
			}
			s.commitAll(s.gather(o))
		case <-idle.C:
			// The error is the end of s.ctx, which the next object or shutdown tells of.
			_ = s.commit(ledger.KindHeartbeat, nil)
		}
		s.refreshKey()
		if s.cfg.Checkpoint > 0 && time.Since(checkpointed) >= s.cfg.Checkpoint {
			s.checkpoint()
			checkpointed = time.Now()
		}
		idle.Reset(s.cfg.Heartbeat)
	}
}

// gather takes along the uploads that have finished by now.
func (s *sealer) gather(first *object) []*object {
	list := []*object{first}
	for {
		select {
		case o, ok := <-s.uploaded:
			if !ok {
				return list
			}
			list = append(list, o)
		default:
			return list
		}
	}
}

func (s *sealer) commitAll(list []*object) {
	var described []ledger.Object
	place := map[string]int{} // of texts in it
	for _, o := range list {
		for _, text := range o.texts { // two objects may need the same
			i, ok := place[text.Key]
			switch {
			case !ok:
				place[text.Key] = len(described)
				described = append(described, text.Object)
			case text.Retention.Until.After(described[i].Retention.Until):
				described[i] = text.Object
			}
		}
		described = append(described, o.sealed.Object)
	}
	err := s.commit(ledger.KindBatch, described)
	for _, o := range list {
		if err == nil {
			s.namedPrompts(o)
		}
		<-s.slots
		s.finish(o, err)
	}
}

// commit writes a manifest, over and over until it is there or s.ctx ends.
func (s *sealer) commit(kind ledger.Kind, objects []ledger.Object) error {
	began := time.Now()
	if err := s.retry(s.ctx, func() error {
		err := s.chain.Commit(s.ctx, kind, objects)
		if s.ctx.Err() == nil {
			s.status.report("the log", refusal(err))
		}
		return err
	}); err != nil {
		return err
	}
	s.telemetry.AgentauditExporterCommitDuration.Record(context.Background(), time.Since(began).Seconds())
	s.committed(kind, objects)
	return nil
}

// refusal is an error that stays until someone acts, though the bucket answers: it does not
// give the log to these credentials any more, or another key signs it.
func refusal(err error) error {
	if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, ledger.ErrRotated) {
		return err
	}
	return nil
}

// committed counts a manifest and what it names.
func (s *sealer) committed(kind ledger.Kind, objects []ledger.Object) {
	s.lastCommit.Store(time.Now().UnixNano())
	s.heads.CompareAndSwap(s.told, nil)
	t := s.telemetry
	t.AgentauditExporterCommits.Add(context.Background(), 1, metric.WithAttributes(attribute.String("kind", string(kind))))
	for i := range objects {
		o := &objects[i]
		t.AgentauditExporterObjects.Add(context.Background(), 1)
		t.AgentauditExporterObjectBytes.Add(context.Background(), o.Bytes)
		t.AgentauditExporterObjectUncompressedBytes.Add(context.Background(), o.UncompressedBytes)
		for typ, n := range o.EventTypes {
			t.AgentauditExporterEventsSealed.Add(context.Background(), n, metric.WithAttributes(attribute.String("event_type", typ)))
		}
	}
}

// refreshKey keeps the public key locked as long as the data it speaks for.
func (s *sealer) refreshKey() {
	if time.Since(s.publicKey.at) < keepInterval {
		return
	}
	if err := s.keep(s.ctx, s.publicKey); err != nil {
		s.set.Logger.Warn("the lock of the public key was not extended and will be after the next manifest", zap.Error(err))
		return
	}
	s.publicKey.at = time.Now()
}

// retry calls f until it succeeds, at the pace of `retry_on_failure`. The error
// is the last one of f, when ctx has ended.
func (s *sealer) retry(ctx context.Context, f func() error) error {
	c := &s.cfg.BackOffConfig
	pace := backoff.ExponentialBackOff{
		InitialInterval: c.InitialInterval, MaxInterval: c.MaxInterval,
		Multiplier: c.Multiplier, RandomizationFactor: c.RandomizationFactor,
	}
	for {
		err := f()
		if err == nil {
			return nil
		}
		wait := pace.NextBackOff()
		if ctx.Err() == nil {
			s.set.Logger.Warn("sealing failed and will be tried again", zap.Error(err), zap.Duration("after", wait))
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
