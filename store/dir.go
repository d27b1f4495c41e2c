package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// A local copy of a trail: the newest version of each key stands at that key as
// its path. What has no path of its own (older versions, keys that are no safe
// path) stands in copyFolder, and copyIndex there has one line of JSON for each
// version and delete marker, by key, then oldest first.
const (
	copyFolder   = ".agentaudit"
	copyContents = copyFolder + "/contents"
	copyIndex    = copyFolder + "/versions.jsonl"
)

// copied is one line of copyIndex.
type copied struct {
	Key          string     `json:"key"`
	VersionID    string     `json:"version_id"`
	ETag         string     `json:"etag,omitempty"`
	Size         int64      `json:"size"`
	LastModified time.Time  `json:"last_modified"`
	Latest       bool       `json:"latest,omitempty"`
	DeleteMarker bool       `json:"delete_marker,omitempty"`
	Mode         string     `json:"mode,omitempty"`
	Until        *time.Time `json:"until,omitempty"`
	// File holds the content, relative to the copy; none for a delete marker.
	File string `json:"file,omitempty"`
	// SHA256 is the digest of the content, hex.
	SHA256 string `json:"sha256,omitempty"`
	// Unreadable is why the store did not give the content.
	Unreadable string `json:"unreadable,omitempty"`
}

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
	index, err := readIndex(root)
	if err != nil {
		_ = root.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no copy of a trail: make one with `agentaudit pull`: %w", path, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Dir{root: root, index: index}, nil
}

// The index of a copy is held in memory: some millions of versions.
const (
	maxIndexBytes   = 1 << 30
	maxIndexEntries = 4 << 20
)

// maxChanged bounds what is read of a file that has not the size that was pulled, in bytes.
const maxChanged = 64 << 20

func readIndex(root *os.Root) ([]copied, error) {
	text, err := readBounded(root, copyIndex, maxIndexBytes)
	if err != nil {
		return nil, err
	}
	// Copies of older versions have no seal.
	last := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte{'\n'}), '\n') + 1
	if bytes.HasPrefix(text[last:], []byte(`{"index_sha256"`)) {
		if !bytes.Equal(text[last:], seal(text[:last])) {
			return nil, fmt.Errorf("%s was changed since it was pulled: pull again", copyIndex)
		}
		text = text[:last]
	}
	var index []copied
	lines := json.NewDecoder(bytes.NewReader(text))
	lines.DisallowUnknownFields()
	for {
		var line copied
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", copyIndex, len(index)+1, err)
		}
		if index = append(index, line); len(index) > maxIndexEntries {
			return nil, fmt.Errorf("%s has more than %d entries: verify the bucket itself", copyIndex, maxIndexEntries)
		}
	}
	slices.SortStableFunc(index, func(a, b copied) int { return strings.Compare(a.Key, b.Key) })
	return index, nil
}

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
		known := map[string]bool{copyIndex: true}
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

// Retention is the lock that the version had when it was copied.
func (d *Dir) Retention(_ context.Context, key, versionID string) (ledger.Retention, error) {
	c, err := d.find(key, versionID)
	if err != nil {
		return ledger.Retention{}, err
	}
	if c.DeleteMarker {
		return ledger.Retention{}, fmt.Errorf("%w: %s is a delete marker", ledger.ErrNotFound, key)
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
	for i := range slices.Backward(versions) {
		if versionID == "" || versions[i].VersionID == versionID {
			return &versions[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s %s", ledger.ErrNotFound, key, versionID)
}
