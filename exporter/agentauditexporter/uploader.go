package agentauditexporter

import (
	"context"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// taker takes an object whose bytes are in the bucket, and sees to it that a manifest
// names it and that it is finished.
type taker interface {
	take(o *object)
}

// uploader puts objects into the bucket, each in the goroutine of its caller.
type uploader struct {
	put   putter
	retry retrier
	next  taker

	compression string // of the objects
}

// send uploads an object and passes it on, or finishes it where that cannot be done.
func (u *uploader) send(ctx context.Context, o *object) {
	if err := u.upload(ctx, o); err != nil {
		o.finish(err)
		return
	}
	u.next.take(o)
}

// upload writes the object, after the texts that its lines rely on, over and over until
// the bucket has them.
func (u *uploader) upload(ctx context.Context, o *object) error {
	if err := o.build(); err != nil {
		return err
	}
	for _, text := range o.attached {
		if err := u.write(ctx, text, textTypes[text.Kind]); err != nil {
			return err
		}
	}
	return u.write(ctx, o.sealed, contentTypes[u.compression])
}

func (u *uploader) write(ctx context.Context, o *ledger.SealedObject, contentType string) error {
	opts := ledger.PutOptions{
		SHA256:      o.Digest,
		Retention:   ledger.Retention{Mode: o.Retention.Mode, Until: o.Retention.Until},
		ContentType: contentType,
	}
	return u.retry.do(ctx, func() error { return u.put.put(ctx, o.Key, o.Body, opts) })
}

var (
	contentTypes = map[string]string{ledger.Gzip: "application/gzip", ledger.Zstd: "application/zstd", ledger.None: "application/x-ndjson"}
	textTypes    = map[string]string{ledger.ObjectBlob: contentTypes[ledger.Gzip], ledger.ObjectPrompt: "text/plain; charset=utf-8"}
)
