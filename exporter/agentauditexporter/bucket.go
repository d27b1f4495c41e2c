package agentauditexporter

import (
	"context"
	"errors"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// bucket is what the exporter needs of package store.
type bucket interface {
	ledger.Store
	// Check reports what keeps the bucket from holding a trail that is locked so.
	Check(ctx context.Context, mode string, retention time.Duration) error
	// CheckLifecycle tells what its lifecycle rules leave undone, or do too early.
	CheckLifecycle(ctx context.Context, retention time.Duration, classes ...store.Class) ([]string, error)
	Close()
}

type openBucket func(ctx context.Context, c store.Config) (bucket, error)

// watch bounds each request by timeout, and has an eye on whether it is answered.
type watch struct {
	timeout time.Duration // 0 is none
	result  func(error)   // is told of every request that was not broken off here; nil for an answer
}

func (w *watch) request(ctx context.Context, f func(context.Context) error) error {
	return w.do(ctx, false, f)
}

// do makes a request; reads is true where it is for an object's content.
func (w *watch) do(ctx context.Context, reads bool, f func(context.Context) error) error {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if w.timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, w.timeout)
	}
	defer cancel()
	err := f(bounded)
	switch {
	case err == nil, errors.Is(err, ledger.ErrExists), errors.Is(err, ledger.ErrNotFound):
		w.result(nil)
	case reads && errors.Is(err, ledger.ErrForbidden):
		// Anyone can put something unreadable there. Whether that matters, who asked knows.
	case ctx.Err() == nil:
		w.result(err)
	}
	return err
}

// watched is the bucket with each of its requests watched.
type watched struct {
	bucket
	watch
}

// quiet is the bucket for what may fail and stops nothing: what others put there, or do not
// let these credentials do, is no failure of the bucket's.
func (w *watched) quiet() *watched {
	return &watched{bucket: w.bucket, watch: watch{timeout: w.timeout, result: func(error) {}}}
}

func (w *watched) Put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) (version string, err error) {
	err = w.request(ctx, func(ctx context.Context) error {
		version, err = w.bucket.Put(ctx, key, body, opts)
		return err
	})
	return version, err
}

func (w *watched) Get(ctx context.Context, key, version string) (body []byte, err error) {
	err = w.do(ctx, true, func(ctx context.Context) error {
		body, err = w.bucket.Get(ctx, key, version)
		return err
	})
	return body, err
}

func (w *watched) Versions(ctx context.Context, key string) (list []ledger.Version, err error) {
	err = w.request(ctx, func(ctx context.Context) error {
		list, err = w.bucket.Versions(ctx, key)
		return err
	})
	return list, err
}

func (w *watched) Retention(ctx context.Context, key, version string) (r ledger.Retention, err error) {
	err = w.request(ctx, func(ctx context.Context) error {
		r, err = w.bucket.Retention(ctx, key, version)
		return err
	})
	return r, err
}

func (w *watched) ExtendRetention(ctx context.Context, key, version string, r ledger.Retention) error {
	return w.request(ctx, func(ctx context.Context) error {
		return w.bucket.ExtendRetention(ctx, key, version, r)
	})
}
