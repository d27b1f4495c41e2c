package agentauditexporter

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// bounded is a bucket that answers so many requests and no more: what others plant there
// costs no more than that.
type bounded struct {
	ledger.Reader
	left   int
	failed error // of a store that is away
}

// errBound is the error of a bucket that was asked often enough.
var errBound = errors.New("too many requests for one look at other logs")

// pageSize is how many entries a store lists at a request.
const pageSize = 1000

func (b *bounded) over() bool { return b.left <= 0 || b.failed != nil }

func (b *bounded) ask() error {
	if b.failed != nil {
		return b.failed
	}
	if b.left <= 0 {
		return errBound
	}
	b.left--
	return nil
}

// answered notes an error of the store, which what lies in it cannot cause.
func (b *bounded) answered(err error) error {
	if b.failed == nil && store.Unavailable(err) {
		b.failed = err
	}
	return err
}

func (b *bounded) Get(ctx context.Context, key, version string) ([]byte, error) {
	if strings.HasSuffix(key, ".tsr") {
		return nil, ledger.ErrNotFound // a head needs no timestamp, and anything may stand there
	}
	if err := b.ask(); err != nil {
		return nil, err
	}
	body, err := b.Reader.Get(ctx, key, version)
	return body, b.answered(err)
}

func (b *bounded) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	if err := b.ask(); err != nil {
		return nil, err
	}
	list, err := b.Reader.Versions(ctx, key)
	return list, b.answered(err)
}

func (b *bounded) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		err := b.ask()
		if err != nil {
			yield(ledger.Version{}, err)
			return
		}
		n := 0
		for v, err := range b.Reader.List(ctx, prefix, after) {
			if n++; err == nil && n%pageSize == 0 {
				err = b.ask()
			}
			if !yield(v, b.answered(err)) {
				return
			}
		}
	}
}
