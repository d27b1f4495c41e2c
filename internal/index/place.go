package index

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Entry is an object in a place.
type Entry struct {
	Key      string
	Modified time.Time
}

// Place is where an index is kept. It is safe for concurrent use.
type Place interface {
	// Get reads an object; ledger.ErrNotFound where there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put writes an object, whole or not at all, where none is; ledger.ErrExists where one is.
	// After another error the write may have taken effect.
	Put(ctx context.Context, key string, body []byte) error
	// List lists the objects under a prefix, by key.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]
	// Remove removes an object, or leaves it where its lock still runs.
	Remove(ctx context.Context, key string) error
}

// Removing is a store from which versions can be removed.
type Removing interface {
	ledger.Store
	// Remove removes a version for good; ledger.ErrForbidden where it is locked.
	Remove(ctx context.Context, key, versionID string) error
}

// bucket is a place in a bucket.
type bucket struct {
	s    Removing
	lock bool // the bucket locks what has no lock of its own
}

// InBucket keeps an index in a bucket. Where the bucket has Object Lock, each object gets a lock
// of a minute, so that a default lock does not keep what is derived as long as evidence.
func InBucket(s Removing, lock bool) Place { return &bucket{s, lock} }

func (b *bucket) Get(ctx context.Context, key string) ([]byte, error) { return b.s.Get(ctx, key, "") }

func (b *bucket) Put(ctx context.Context, key string, body []byte) error {
	o := ledger.PutOptions{SHA256: sha256.Sum256(body), ContentType: "application/octet-stream"}
	if b.lock {
		o.Retention = ledger.Removable()
	}
	_, err := b.s.Put(ctx, key, body, o)
	return err
}

func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for v, err := range b.s.List(ctx, prefix, "") {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if v.Latest && !v.DeleteMarker && !yield(Entry{v.Key, v.LastModified}, nil) {
				return
			}
		}
	}
}

func (b *bucket) Remove(ctx context.Context, key string) error {
	versions, err := b.s.Versions(ctx, key)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if err := b.s.Remove(ctx, key, v.ID); err != nil && !errors.Is(err, ledger.ErrForbidden) && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	return nil
}

// folder is a place in a folder.
type folder struct{ root *os.Root }

// InFolder keeps an index in a folder; create makes it where it is not there.
func InFolder(path string, create bool) (Place, error) {
	if create {
		if err := os.MkdirAll(path, 0o750); err != nil { //nolint:gosec // the user names the folder
			return nil, err
		}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{root}, nil
}

func (f *folder) Get(_ context.Context, key string) ([]byte, error) {
	body, err := f.root.ReadFile(filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ledger.ErrNotFound, err)
	}
	return body, err
}

// unfinished begins the names of files that are not whole; engines pass over such names.
const unfinished = ".unfinished-"

// Put writes a file under another name and links it to its own, which fails where one is.
func (f *folder) Put(ctx context.Context, key string, body []byte) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := filepath.FromSlash(key)
	dir := filepath.Dir(name)
	if err := f.root.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	part := filepath.Join(dir, unfinished+rand.Text())
	out, err := f.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	defer func() { _ = f.root.Remove(part) }()
	_, err = out.Write(body)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := f.root.Link(part, name); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", ledger.ErrExists, err)
	} else if err != nil {
		return err
	}
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *folder) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := fs.WalkDir(f.root.FS(), strings.TrimSuffix(prefix, "/"), func(name string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone since
			}
			if err == nil && !yield(Entry{name, info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

func (f *folder) Remove(_ context.Context, key string) error {
	err := f.root.Remove(filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
