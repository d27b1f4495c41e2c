package agentauditexporter

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/zap"
)

// retrier does things over and over, at the pace of `retry_on_failure`.
type retrier struct {
	pace   *configretry.BackOffConfig
	logger *zap.Logger
}

// do calls f until it succeeds. The error is the last one of f, when ctx has ended.
func (r retrier) do(ctx context.Context, f func() error) error {
	pace := backoff.ExponentialBackOff{
		InitialInterval: r.pace.InitialInterval, MaxInterval: r.pace.MaxInterval,
		Multiplier: r.pace.Multiplier, RandomizationFactor: r.pace.RandomizationFactor,
	}
	for {
		err := f()
		if err == nil {
			return nil
		}
		wait := pace.NextBackOff()
		if ctx.Err() == nil {
			r.logger.Warn("sealing failed and will be tried again", zap.Error(err), zap.Duration("after", wait))
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
