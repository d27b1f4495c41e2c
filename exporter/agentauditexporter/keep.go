package agentauditexporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keepInterval is how often it is made sure that a kept object is locked as long
// as the data that refers to it.
const keepInterval = day

// kept is an object that data refers to over and over: a public key, a system prompt.
type kept struct {
	key, contentType string
	body             []byte
	at               time.Time // when it was last seen to
}

// keep makes sure that the object is there, and locked at least as long as data
// that is sealed before it is seen to again.
func (s *sealer) keep(ctx context.Context, k kept) error {
	return s.put(ctx, k.key, k.body, ledger.PutOptions{
		SHA256:      sha256.Sum256(k.body),
		Retention:   s.retention(time.Now().Add(2 * keepInterval)),
		ContentType: k.contentType,
	})
}

// put writes an object under its key, and succeeds where an earlier try has
// already done so. It writes over what anyone else put there, who can neither
// take a key from the exporter nor have it believe that something is locked.
func (s *sealer) put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) error {
	_, err := s.bucket.Put(ctx, key, body, opts)
	if !errors.Is(err, ledger.ErrExists) {
		return err
	}
	versions, err := s.bucket.Versions(ctx, key)
	if err != nil {
		return err
	}
	var newest ledger.Version
	for _, v := range versions {
		newest = v
		if v.DeleteMarker || v.Size != int64(len(body)) {
			continue
		}
		have, err := s.bucket.Get(ctx, key, v.ID)
		if err != nil {
			return err
		}
		if bytes.Equal(have, body) {
			return s.lock(ctx, key, v.ID, opts.Retention)
		}
	}
	s.warn(ledger.CodeForeignObject, fmt.Sprintf("%s held something else and is written over", key))
	opts.IfMatch = newest.ETag // none, where it was deleted meanwhile
	_, err = s.bucket.Put(ctx, key, body, opts)
	return err
}

// lock extends the lock of a version where it falls short.
func (s *sealer) lock(ctx context.Context, key, version string, want ledger.Retention) error {
	have, err := s.bucket.Retention(ctx, key, version)
	if err != nil {
		return err
	}
	if have.Mode == ledger.Compliance {
		want.Mode = have.Mode // which cannot be left
	}
	if have.Mode == want.Mode && !have.Until.Before(want.Until) {
		return nil
	}
	if have.Until.After(want.Until) {
		want.Until = have.Until
	}
	return s.bucket.ExtendRetention(ctx, key, version, want)
}
