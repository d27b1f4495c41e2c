// Package evidence makes bundles that prove what a trail says of one session or one
// event, or that it says nothing, and checks them offline.
//
// A bundle is a ZIP file: bundle.json says what is claimed and how each part hangs
// together, the other files are the parts, byte for byte as sealed, and VERIFY.md
// tells how to check them with common tools.
package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"time"
)

// Format names the version of the bundle's format.
const Format = "https://agentaudit.dev/evidence/v1"

// Kinds of claims.
const (
	Presence = "presence" // these events are in the trail
	Absence  = "absence"  // no event of this session is
)

// Names of files in a bundle.
const (
	bundleFile = "bundle.json"
	verifyFile = "VERIFY.md"
)

// Bundle is what bundle.json holds. Names of files are within the bundle; hashes are
// SHA-256, in hex.
type Bundle struct {
	Format    string    `json:"format"`
	CreatedAt time.Time `json:"created_at"` // by the maker's clock
	MadeBy    string    `json:"made_by"`
	Claim     Claim     `json:"claim"`
	Logs      []Log     `json:"logs"`
}

// Claim is what a bundle is to prove.
type Claim struct {
	Kind    string     `json:"kind"`
	Session string     `json:"session,omitempty"`
	Event   string     `json:"event,omitempty"`
	Since   *time.Time `json:"since,omitempty"` // of the sealing
	Until   *time.Time `json:"until,omitempty"`
}

// Log is the part of a bundle that is about one log.
type Log struct {
	Log         string        `json:"log"`
	Tree        Tree          `json:"tree"`
	Consistency []Consistency `json:"consistency,omitempty"`
	Manifests   []Manifest    `json:"manifests"`
	Lines       []Line        `json:"lines,omitempty"`
	Objects     []Object      `json:"objects,omitempty"`
}

// Tree is the head of the log's tree that the manifests are proven to be in.
type Tree struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	// File holds it, signed: a checkpoint, or the manifest of number Size.
	File string `json:"file"`
}

// Consistency proves that a checkpoint and the tree are of one log: the smaller is
// the beginning of the larger.
type Consistency struct {
	File string   `json:"file"`
	Size int64    `json:"size"`
	Root string   `json:"root"`
	Path []string `json:"path"`
}

// Manifest is a signed manifest; Path proves it in the tree. The manifest that holds
// the tree itself, and those behind it, have none.
type Manifest struct {
	Seq    int64    `json:"seq"`
	File   string   `json:"file"`
	SHA256 string   `json:"sha256"` // of the payload
	Path   []string `json:"path"`
}

// Line is an event as sealed; Path proves it in the Merkle root of its object.
type Line struct {
	File   string   `json:"file"`
	Seq    int64    `json:"seq"` // of the manifest that names the object
	Object string   `json:"object"`
	Line   int      `json:"line"` // from 1
	Of     int64    `json:"of"`
	Path   []string `json:"path"`
	// Texts are the full texts of fields that were too long for the line, which has their
	// SHA-256 under `oversize`: texts/<sha256>.
	Texts []string `json:"texts,omitempty"`
}

// Object is a whole data object, where the set of its sessions cannot exclude one.
type Object struct {
	File   string `json:"file"`
	Seq    int64  `json:"seq"`
	Object string `json:"object"`
}

const (
	// maxFile bounds a file of a bundle, and maxBundle all of them, in bytes: a bundle
	// comes from a stranger.
	maxFile   = 256 << 20
	maxBundle = 2 << 30
	maxFiles  = 1_000_000
)

// textPrefix and the SHA-256 of a text are its name in a bundle.
const textPrefix = "texts/"

// oversize are the digests of the full texts that a line names.
func oversize(line []byte) (digests []string) {
	var e struct {
		Oversize map[string]struct {
			SHA256 string `json:"sha256"`
		} `json:"oversize"`
	}
	if json.Unmarshal(line, &e) != nil {
		return nil // a sender's own, of another shape
	}
	for _, field := range slices.Sorted(maps.Keys(e.Oversize)) {
		digests = append(digests, e.Oversize[field].SHA256)
	}
	return digests
}

// archive is the files of a bundle.
type archive map[string][]byte

func (a archive) write(w io.Writer) error {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	sort.Strings(names)
	z := zip.NewWriter(w)
	for _, name := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if _, err := f.Write(a[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

func readArchive(r io.ReaderAt, size int64) (archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("no evidence bundle: %w", err)
	}
	if len(z.File) > maxFiles {
		return nil, errors.New("more files than any bundle has")
	}
	a := archive{}
	total := int64(0)
	for _, f := range z.File {
		if _, twice := a[f.Name]; twice {
			return nil, fmt.Errorf("%s is in the bundle twice", f.Name)
		}
		in, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		text, err := io.ReadAll(io.LimitReader(in, min(maxFile, maxBundle-total)+1))
		_ = in.Close() // read only
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if total += int64(len(text)); len(text) > maxFile || total > maxBundle {
			return nil, errors.New("larger than any bundle")
		}
		a[f.Name] = text
	}
	return a, nil
}

func (a archive) bundle() (*Bundle, error) {
	text, ok := a[bundleFile]
	if !ok {
		return nil, errors.New("no evidence bundle: it has no " + bundleFile)
	}
	b := &Bundle{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("%s: %w", bundleFile, err)
	}
	if b.Format != Format {
		return nil, fmt.Errorf("a bundle of format %q, this reader knows %s", b.Format, Format)
	}
	return b, nil
}
