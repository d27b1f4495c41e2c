package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"
)

// A local copy of a trail: a version of each key stands at that key as its path. What has
// no path of its own (other versions, keys that are no safe path) stands in copyContents.
// copyIndex has a line that describes the copy, one line of JSON for each version and
// delete marker, by key, then oldest first, and its seal.
const (
	copyFolder   = ".agentaudit"
	copyContents = copyFolder + "/contents"
	copyIndex    = copyFolder + "/versions.jsonl"
)

// What a pull keeps while it is under way, so that the next goes on where it was
// interrupted: journals in the form of the index, and what earlier ones knew.
const (
	copyLock  = copyFolder + "/lock" // where folders cannot be locked
	copyKnown = copyFolder + "/pulled.jsonl"
	copyTemp  = copyFolder + "/temporary"

	journalCheckpoints = copyFolder + "/pulling-checkpoints.jsonl"
	journalManifests   = copyFolder + "/pulling-manifests.jsonl"
	journalRest        = copyFolder + "/pulling-rest.jsonl"
)

// journalLater are of manifests that others name, and that were sealed meanwhile.
var journalLater = []string{copyFolder + "/pulling-later-1.jsonl", copyFolder + "/pulling-later-2.jsonl", copyFolder + "/pulling-later-3.jsonl"}

var journals = append([]string{journalCheckpoints, journalManifests, journalRest}, journalLater...)

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
	// LockRead is when the store said so of the lock.
	LockRead *time.Time `json:"lock_read,omitempty"`
	// Gone is when a pull first found that the store does not list the version any more.
	Gone *time.Time `json:"gone,omitempty"`
	// NotPulled: the content was outside of what was asked for.
	NotPulled bool `json:"not_pulled,omitempty"`
	// File holds the content, relative to the copy; none for a delete marker.
	File string `json:"file,omitempty"`
	// SHA256 is the digest of the content, hex.
	SHA256 string `json:"sha256,omitempty"`
	// Unreadable is why the store did not give the content.
	Unreadable string `json:"unreadable,omitempty"`
}

// about is what the first line of an index says of the copy.
type about struct {
	From     string     `json:"from,omitempty"`
	PulledAt time.Time  `json:"pulled_at"`
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Session  string     `json:"session,omitempty"`
}

// line is any line of an index but its seal.
type line struct {
	copied
	Copy *about `json:"copy,omitempty"`
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // nothing in it can fail
	return b.Bytes()
}

var sealBegin = []byte(`{"index_sha256"`)

// sealed is the last line of an index: it shows whether the lines before it are those
// that pull wrote.
func sealed(lines hash.Hash) []byte {
	return []byte(`{"index_sha256":"` + hex.EncodeToString(lines.Sum(nil)) + "\"}\n")
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var errIndexChanged = errors.New("was changed since it was pulled")

// maxIndexLine bounds a line of an index: keys have at most 1024 bytes.
const maxIndexLine = 1 << 20

// readLines reads the lines of an index, or of a journal, with what the first says of the
// copy; a seal ends it. The last line of a journal may be cut.
func readLines(root *os.Root, name string, journal bool) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		f, _, err := openRegular(root, name)
		if err != nil {
			yield(line{}, err)
			return
		}
		defer func() { _ = f.Close() }()
		fail := func(n int, err error) { yield(line{}, fmt.Errorf("%s: entry %d: %w", name, n, err)) }
		lines := bufio.NewScanner(f)
		lines.Buffer(make([]byte, 0, 64<<10), maxIndexLine)
		sum, sealedBy := sha256.New(), []byte(nil)
		n, described := 0, false
		for lines.Scan() {
			text := lines.Bytes()
			if len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			if sealedBy != nil {
				fail(n, errIndexChanged)
				return
			}
			if !journal && bytes.HasPrefix(text, sealBegin) {
				sealedBy = append(bytes.Clone(text), '\n')
				continue
			}
			n++
			sum.Write(text)
			sum.Write([]byte{'\n'})
			var l line
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			err := d.Decode(&l)
			if err == nil && d.More() {
				err = errors.New("more than one in a line")
			}
			if err != nil {
				if !journal {
					fail(n, err)
				}
				return // where it was interrupted
			}
			described = described || l.Copy != nil
			if !yield(l, nil) {
				return
			}
		}
		switch {
		case journal:
		case lines.Err() != nil:
			fail(n+1, lines.Err())
		case name == copyIndex && described && sealedBy == nil || sealedBy != nil && !bytes.Equal(sealedBy, sealed(sum)):
			yield(line{}, fmt.Errorf("%s %w: pull again into a new directory", name, errIndexChanged))
		}
	}
}

// entries are the versions in several indexes by key; what is said of one version by
// several counts as the first says it. Each index must be in order.
func entries(root *os.Root, names []string, journal func(string) bool) iter.Seq2[[]copied, error] {
	return func(yield func([]copied, error) bool) {
		var sources []*source
		defer func() {
			for _, s := range sources {
				s.stop()
			}
		}()
		for _, name := range names {
			s := &source{name: name}
			s.next, s.stop = iter.Pull2(readLines(root, name, journal(name)))
			sources = append(sources, s)
			if err := s.step(); err != nil {
				yield(nil, err)
				return
			}
		}
		for {
			key, any := "", false
			for _, s := range sources {
				if s.ok && (!any || s.at.Key < key) {
					key, any = s.at.Key, true
				}
			}
			if !any {
				return
			}
			var group []copied
			for _, s := range slices.Backward(sources) {
				for s.ok && s.at.Key == key {
					if i := slices.IndexFunc(group, func(c copied) bool { return c.VersionID == s.at.VersionID }); i >= 0 {
						group[i] = s.at
					} else {
						group = append(group, s.at)
					}
					if err := s.step(); err != nil {
						yield(nil, err)
						return
					}
				}
			}
			if !yield(group, nil) {
				return
			}
		}
	}
}

// source is an index that is read with others.
type source struct {
	name string
	next func() (line, error, bool)
	stop func()
	at   copied
	ok   bool
}

// step goes on to the next version.
func (s *source) step() error {
	before, began := s.at.Key, s.ok
	for {
		l, err, ok := s.next()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.ok = false
			return err
		}
		if s.ok = ok && err == nil; !s.ok {
			return nil
		}
		if l.Copy != nil {
			continue
		}
		if began && l.Key < before {
			return fmt.Errorf("%s is not in order: pull again into a new directory", s.name)
		}
		s.at = l.copied
		return nil
	}
}

// describes is what the first line of an index says of the copy; nil where it has none.
func describes(root *os.Root, name string) (*about, error) {
	for l, err := range readLines(root, name, true) {
		return l.Copy, err
	}
	return nil, nil
}

// indexWriter writes an index, or a journal.
type indexWriter struct {
	f      *os.File
	w      *bufio.Writer
	sum    hash.Hash
	synced time.Time
}

func newIndexWriter(root *os.Root, name string) (*indexWriter, error) {
	// What lies there is not written through: it may be a link.
	if err := root.RemoveAll(name); err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &indexWriter{f: f, sum: sha256.New(), synced: time.Now()}
	w.w = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 64<<10)
	return w, nil
}

func (w *indexWriter) write(v any) error {
	_, err := w.w.Write(encode(v))
	return err
}

// journalEvery is how much work a crash of the machine may cost.
const journalEvery = 5 * time.Second

// settle writes out what was written, now and then.
func (w *indexWriter) settle() error {
	if time.Since(w.synced) < journalEvery {
		return nil
	}
	w.synced = time.Now()
	return errors.Join(w.w.Flush(), w.f.Sync())
}

func (w *indexWriter) close() error {
	return errors.Join(w.w.Flush(), w.f.Sync(), w.f.Close())
}

// seal ends an index.
func (w *indexWriter) seal() error {
	if err := w.w.Flush(); err != nil {
		return err
	}
	_, err := w.f.Write(sealed(w.sum))
	return err
}

// readIndex reads an index whole.
func readIndex(root *os.Root) (*about, []copied, error) {
	info, err := root.Stat(copyIndex)
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > maxIndexBytes {
		return nil, nil, fmt.Errorf("%w: %s has more than %d bytes", errTooLarge, copyIndex, maxIndexBytes)
	}
	var of *about
	var index []copied
	for l, err := range readLines(root, copyIndex, false) {
		if err != nil {
			return nil, nil, err
		}
		if l.Copy != nil {
			of = l.Copy
			continue
		}
		if l.DeleteMarker && l.Gone != nil {
			continue
		}
		if index = append(index, l.copied); len(index) > maxIndexEntries {
			return nil, nil, fmt.Errorf("%s has more than %d entries: verify the bucket itself", copyIndex, maxIndexEntries)
		}
	}
	slices.SortStableFunc(index, func(a, b copied) int { return strings.Compare(a.Key, b.Key) })
	return of, index, nil
}
