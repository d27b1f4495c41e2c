package agentauditexporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keepInterval is how often it is made sure that a kept object is locked as long
// as the data that refers to it.
const keepInterval = day

// kept is an object that is seen to over and over and that no manifest names: a public key,
// which is there for convenience only.
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

// put writes an object under its key, and succeeds where an earlier try, or another
// writer, has already done so. It writes over what anyone else put there, who can neither
// take a key from the exporter nor have it believe that something is locked.
func (s *sealer) put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) error {
	written, err := s.bucket.Put(ctx, key, body, opts)
	if err != nil && !errors.Is(err, ledger.ErrExists) || err == nil && !sharedKey(key) {
		return err
	}
	// The oldest version that has the content is the one that verification finds, also where
	// a delete marker hid it from the write.
	versions, listErr := s.bucket.Versions(ctx, key)
	if listErr != nil {
		return listErr
	}
	var newest ledger.Version
	for _, v := range versions {
		if newest = v; v.ID == written && written != "" {
			return nil
		}
		if v.DeleteMarker || v.Size != int64(len(body)) {
			continue
		}
		have, err := s.bucket.Get(ctx, key, v.ID)
		if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, ledger.ErrNotFound) {
			continue // not to be read: to be written over
		}
		if err != nil {
			return err
		}
		if bytes.Equal(have, body) {
			return s.lock(ctx, key, v.ID, opts.Retention)
		}
	}
	if err == nil {
		return nil
	}
	s.warn(ledger.CodeForeignObject, fmt.Sprintf("%s held something else and is written over", key))
	opts.IfMatch = newest.ETag // none, where it was deleted meanwhile
	_, err = s.bucket.Put(ctx, key, body, opts)
	return err
}

// sharedKey reports whether the objects at a key are the same whoever writes them, over and
// over.
func sharedKey(key string) bool {
	return slices.ContainsFunc([]string{ledger.BlobPrefix, ledger.PromptPrefix, ledger.KeyPrefix}, func(p string) bool { return strings.HasPrefix(key, p) })
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
