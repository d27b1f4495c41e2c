package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func (c *copied) version() ledger.Version {
	return ledger.Version{
		Key: c.Key, ID: c.VersionID, ETag: c.ETag, Size: c.Size,
		LastModified: c.LastModified, Latest: c.Latest, DeleteMarker: c.DeleteMarker,
	}
}

// Dir is a local copy of a trail that Pull made. It says of versions and locks
// what the store said then; the contents are those of the files as they are now.
// It is safe for concurrent use.
type Dir struct {
	root  *os.Root // no path, and no symbolic link, leads out of it
	index []copied // by key, then oldest first
	about *about   // nil for copies of older versions
}

var _ ledger.Copy = (*Dir)(nil)

// OpenDir opens a local copy that Pull made.
func OpenDir(path string) (*Dir, error) {
	// Opening a pipe would wait for its other end.
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder, so no copy of a trail", path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	about, index, err := readIndex(root)
	if err != nil {
		defer func() { _ = root.Close() }()
		if errors.Is(err, fs.ErrNotExist) && unfinished(root) {
			return nil, fmt.Errorf("the copy in %s is not whole: `agentaudit pull` into it was interrupted, and goes on when it is run again", path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no copy of a trail: make one with `agentaudit pull`: %w", path, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Dir{root: root, index: index, about: about}, nil
}

// The index of a copy is held in memory: some millions of versions.
const (
	maxIndexBytes   = 1 << 30
	maxIndexEntries = 4 << 20
)

// maxChanged bounds what is read of a file that has not the size that was pulled, in bytes.
const maxChanged = 64 << 20

// Close ends the use of the copy.
func (d *Dir) Close() error { return d.root.Close() }

// Get reads the content of a version from its file; "" is the newest one.
func (d *Dir) Get(_ context.Context, key, versionID string) ([]byte, error) {
	c, err := d.find(key, versionID)
	if err != nil {
		return nil, err
	}
	switch {
	case c.DeleteMarker:
		return nil, fmt.Errorf("%w: %s is a delete marker", ledger.ErrNotFound, key)
	case c.Unreadable != "":
		return nil, fmt.Errorf("%w: %s was not copied: %s", ledger.ErrForbidden, key, c.Unreadable)
	case c.NotPulled:
		return nil, fmt.Errorf("%w: %w: %s", ledger.ErrForbidden, ledger.ErrNotCopied, key)
	}
	body, err := readBounded(d.root, c.File, min(max(c.Size, maxChanged), MaxObjectBytes))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) {
		return nil, fmt.Errorf("%w: %w", ledger.ErrNotFound, err)
	}
	return body, err
}

// Changes tells what is not as it was pulled: files whose content is another, and
// files that were added.
func (d *Dir) Changes(ctx context.Context) iter.Seq2[ledger.Change, error] {
	return func(yield func(ledger.Change, error) bool) {
		known := map[string]bool{copyIndex: true, copyKnown: true, copyLock: true}
		for _, name := range journals {
			known[name] = true
		}
		for i := range d.index {
			c := &d.index[i]
			known[c.File] = true
			if c.SHA256 == "" {
				continue
			}
			body, err := d.Get(ctx, c.Key, c.VersionID)
			found := hexSHA256(body)
			switch {
			case errors.Is(err, errNotRegular):
				found = errNotRegular.Error()
			case errors.Is(err, ledger.ErrNotFound):
				found = "no file"
			case errors.Is(err, errTooLarge):
				found = err.Error()
			case err != nil:
				yield(ledger.Change{}, err)
				return
			}
			if found != c.SHA256 && !yield(ledger.Change{Version: c.version(), Expected: c.SHA256, Found: found}, ctx.Err()) {
				return
			}
		}
		err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && !known[name] && !yield(ledger.Change{Version: ledger.Version{Key: name}}, ctx.Err()) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(ledger.Change{}, err)
		}
	}
}

// Limits say in words what the copy does not hold, and as of when it speaks of locks.
func (d *Dir) Limits() (limits []string) {
	var first, last time.Time
	told := true
	notPulled, gone := 0, 0
	for i := range d.index {
		c := &d.index[i]
		switch {
		case c.DeleteMarker:
			continue
		case c.NotPulled:
			notPulled++
			continue
		case c.Gone != nil:
			gone++
		}
		if c.LockRead == nil {
			told = told && c.Unreadable != ""
			continue
		}
		if first.IsZero() || c.LockRead.Before(first) {
			first = *c.LockRead
		}
		if c.LockRead.After(last) {
			last = *c.LockRead
		}
	}
	if told && !first.IsZero() {
		text := "Locks after " + first.Format(time.RFC3339) + ": what the store said then is what the copy holds."
		if last.Sub(first) >= time.Second {
			text = "Locks after " + first.Format(time.RFC3339) + " to " + last.Format(time.RFC3339) + ": what the store said then, for one object after the other, is what the copy holds."
		}
		limits = append(limits, text)
	}
	if gone > 0 {
		limits = append(limits, fmt.Sprintf("Why the store does not have %d versions of this copy any more: it did when they were pulled.", gone))
	}
	if notPulled > 0 {
		limits = append(limits, fmt.Sprintf("What is in %d versions that were not pulled: the copy was bounded%s.", notPulled, d.about.bound()))
	}
	return limits
}

// bound says in words what a pull was bounded to.
func (a *about) bound() string {
	if a == nil {
		return ""
	}
	text := ""
	if a.Session != "" {
		text += " to session " + a.Session
	}
	if a.Since != nil || a.Until != nil {
		text += " to what was sealed"
	}
	if a.Since != nil {
		text += " from " + a.Since.Format(time.RFC3339)
	}
	if a.Until != nil {
		text += " to " + a.Until.Format(time.RFC3339)
	}
	return text
}

// Retention is the lock that the version had when it was copied: none where the store did
// not have it any more when it was looked for again.
func (d *Dir) Retention(_ context.Context, key, versionID string) (ledger.Retention, error) {
	c, err := d.find(key, versionID)
	if err != nil {
		return ledger.Retention{}, err
	}
	if c.DeleteMarker {
		return ledger.Retention{}, fmt.Errorf("%w: %s is a delete marker", ledger.ErrNotFound, key)
	}
	if c.Gone != nil {
		return ledger.Retention{}, fmt.Errorf("%w: %s was gone from the store at %s", ledger.ErrNotFound, key, c.Gone.Format(time.RFC3339))
	}
	if c.Until == nil {
		return ledger.Retention{}, nil
	}
	return ledger.Retention{Mode: c.Mode, Until: *c.Until}, nil
}

// Versions are the versions and delete markers of one key, oldest first.
func (d *Dir) Versions(_ context.Context, key string) ([]ledger.Version, error) {
	var found []ledger.Version
	for _, c := range d.versions(key) {
		found = append(found, c.version())
	}
	return found, nil
}

// List walks through all versions and delete markers under the prefix, by key,
// then oldest first; startAfter is a key, exclusive.
func (d *Dir) List(ctx context.Context, prefix, startAfter string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		from, _ := d.search(prefix)
		for _, c := range d.index[from:] {
			if !strings.HasPrefix(c.Key, prefix) {
				return
			}
			if startAfter != "" && c.Key <= startAfter {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(ledger.Version{}, err)
				return
			}
			if !yield(c.version(), nil) {
				return
			}
		}
	}
}

func (d *Dir) search(key string) (int, bool) {
	return slices.BinarySearchFunc(d.index, key, func(c copied, key string) int { return strings.Compare(c.Key, key) })
}

func (d *Dir) versions(key string) []copied {
	from, _ := d.search(key)
	to := from
	for to < len(d.index) && d.index[to].Key == key {
		to++
	}
	return d.index[from:to]
}

func (d *Dir) find(key, versionID string) (*copied, error) {
	versions := d.versions(key)
	var newest *copied
	for i := range slices.Backward(versions) {
		c := &versions[i]
		switch {
		case versionID != "" && c.VersionID == versionID || versionID == "" && c.Gone == nil:
			return c, nil
		case versionID == "" && newest == nil:
			newest = c
		}
	}
	if newest != nil { // all that there was is gone from the store
		return newest, nil
	}
	return nil, fmt.Errorf("%w: %s %s", ledger.ErrNotFound, key, versionID)
}
