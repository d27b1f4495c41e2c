package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// PullProgress is how far Pull is.
type PullProgress struct {
	Versions, Total int // copied, and in all
	Refused         int // of those copied, without their content: the store does not give it
	Bytes           int64
}

const pullConcurrency = 8

// Pull copies a trail with all versions, delete markers and locks into dir, which
// must be empty or missing; OpenDir reads the copy. progress may be nil; it is
// called after each version, never twice at a time. What the store lists and
// refuses to give is kept as such: a foreign object must not stop the copy.
func Pull(ctx context.Context, from ledger.Reader, dir string, progress func(PullProgress)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil {
		return err
	} else if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name a new directory for the copy", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(copyContents, 0o700); err != nil {
		return err
	}

	var index []copied
	for v, err := range from.List(ctx, "", "") {
		if err != nil {
			return err
		}
		index = append(index, copied{
			Key: v.Key, VersionID: v.ID, ETag: v.ETag, Size: v.Size,
			LastModified: v.LastModified, Latest: v.Latest, DeleteMarker: v.DeleteMarker,
		})
	}
	assignFiles(index)

	p := &pull{from: from, root: root, progress: progress, done: PullProgress{Total: len(index)}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pullConcurrency)
	gone := make([]bool, len(index))
	for i := range index {
		group.Go(func() error {
			err := p.copy(ctx, &index[i])
			if errors.Is(err, ledger.ErrNotFound) {
				// Its retention ended between the listing and now.
				gone[i], err = true, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return writeIndex(root, index, gone)
}

// What a key must look like to be a path on any system. All keys of the trail do.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9=_-][A-Za-z0-9.=_-]*(/[A-Za-z0-9=_-][A-Za-z0-9.=_-]*)*$`)

const maxNameBytes = 255

func plain(key string) bool {
	if !plainKey.MatchString(key) {
		return false
	}
	for name := range strings.SplitSeq(key, "/") {
		if len(name) > maxNameBytes {
			return false
		}
	}
	return true
}

// assignFiles gives the newest version of each key its own path, unless it is not
// a safe one or other keys need it as a folder, and all else a file by its hash.
func assignFiles(index []copied) {
	folders := map[string]bool{}
	for _, c := range index {
		if plain(c.Key) {
			for d := path.Dir(c.Key); d != "." && !folders[strings.ToLower(d)]; d = path.Dir(d) {
				folders[strings.ToLower(d)] = true
			}
		}
	}
	taken := map[string]bool{}
	for i := len(index) - 1; i >= 0; i-- { // newest first
		c := &index[i]
		// Some file systems know no upper case.
		name := strings.ToLower(c.Key)
		switch {
		case c.DeleteMarker:
		case plain(c.Key) && !folders[name] && !taken[name]:
			taken[name] = true
			c.File = c.Key
		default:
			digest := sha256.Sum256([]byte(c.Key + "\x00" + c.VersionID))
			c.File = copyContents + "/" + hex.EncodeToString(digest[:])
		}
	}
}

type pull struct {
	from     ledger.Reader
	root     *os.Root
	progress func(PullProgress)

	mu   sync.Mutex
	done PullProgress
}

func (p *pull) copy(ctx context.Context, c *copied) error {
	if !c.DeleteMarker {
		if err := p.content(ctx, c); err != nil {
			return err
		}
		r, err := p.from.Retention(ctx, c.Key, c.VersionID)
		if err != nil {
			return fmt.Errorf("retention of %s: %w", c.Key, err)
		}
		if r != (ledger.Retention{}) {
			c.Mode, c.Until = r.Mode, &r.Until
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Versions++
	p.done.Bytes += c.Size
	if c.Unreadable != "" {
		p.done.Refused++
	}
	if p.progress != nil {
		p.progress(p.done)
	}
	return nil
}

func (p *pull) content(ctx context.Context, c *copied) error {
	body, err := p.from.Get(ctx, c.Key, c.VersionID)
	if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, errTooLarge) {
		c.File, c.Unreadable = "", err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.root.MkdirAll(path.Dir(c.File), 0o700); err != nil {
		return err
	}
	c.SHA256 = hexSHA256(body)
	return writeNew(p.root, c.File, body)
}

func writeNew(root *os.Root, name string, body []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}

// writeIndex comes last: a copy without it is not taken for a whole one.
func writeIndex(root *os.Root, index []copied, gone []bool) error {
	var lines bytes.Buffer
	out := json.NewEncoder(&lines)
	out.SetEscapeHTML(false)
	for i, c := range index {
		if gone[i] {
			continue
		}
		if err := out.Encode(c); err != nil {
			return err
		}
	}
	lines.Write(seal(lines.Bytes()))
	return writeNew(root, copyIndex, lines.Bytes())
}

// seal is the last line of an index: it shows whether the lines before it are those
// that pull wrote.
func seal(lines []byte) []byte {
	return []byte(`{"index_sha256":"` + hexSHA256(lines) + "\"}\n")
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
