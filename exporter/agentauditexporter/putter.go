package agentauditexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// putter writes objects that no manifest orders: data, texts, the public key.
type putter struct {
	store ledger.Store
	warn  func(code, message string) // of what others did
}

// put writes an object under its key, and succeeds where an earlier try, or another
// writer, has already done so. It writes over what anyone else put there, who can neither
// take a key from the exporter nor have it believe that something is locked.
func (p putter) put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) error {
	written, err := p.store.Put(ctx, key, body, opts)
	if err != nil && !errors.Is(err, ledger.ErrExists) || err == nil && !sharedKey(key) {
		return err
	}
	// The oldest version that has the content is the one that verification finds, also where
	// a delete marker hid it from the write.
	versions, listErr := p.store.Versions(ctx, key)
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
		have, err := p.store.Get(ctx, key, v.ID)
		if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, ledger.ErrNotFound) {
			continue // not to be read: to be written over
		}
		if err != nil {
			return err
		}
		if bytes.Equal(have, body) {
			return p.lock(ctx, key, v.ID, opts.Retention)
		}
	}
	if err == nil {
		return nil
	}
	p.warn(ledger.CodeForeignObject, fmt.Sprintf("%s held something else and is written over", key))
	opts.IfMatch = newest.ETag // none, where it was deleted meanwhile
	_, err = p.store.Put(ctx, key, body, opts)
	return err
}

// sharedKey reports whether the objects at a key are the same whoever writes them, over and
// over.
func sharedKey(key string) bool {
	return slices.ContainsFunc([]string{ledger.BlobPrefix, ledger.PromptPrefix, ledger.KeyPrefix}, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// lock extends the lock of a version where it falls short.
func (p putter) lock(ctx context.Context, key, version string, want ledger.Retention) error {
	have, err := p.store.Retention(ctx, key, version)
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
	return p.store.ExtendRetention(ctx, key, version, want)
}
