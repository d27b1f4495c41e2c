package evidence

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A bundle comes from a stranger: no part is unpacked before it is needed, each kind has
// its own bound, and all that is unpacked is counted.
const (
	maxDirectory  = 8 << 20  // of the ZIP file, in bytes
	maxTotal      = 2 << 30  // all that is unpacked
	maxBundleJSON = 32 << 20 // bundle.json
	maxManifest   = 64 << 20 // a manifest, as for a reader of trails
	maxCheckpoint = 1 << 20
	maxLine       = 32 << 20  // a line, whether by itself or in an object
	maxText       = 256 << 20 // a text, or a whole object: neither is ever held
	// A manifest holds digests, which do not compress: one that does is padding. Small ones
	// do no harm.
	maxRatio   = 16
	smallRatio = 1 << 20
)

// archive is the files of a bundle that is read.
type archive struct {
	files map[string]*zip.File
	left  int64 // of maxTotal
}

// budget is what may be read of a file before it is refused.
type budget struct {
	r    io.ReaderAt
	left int64 // -1: all
}

var errDirectory = errors.New("no evidence bundle: its directory is larger than any")

func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if b.left -= int64(len(p)); b.left < 0 {
			b.left = 0
			return 0, errDirectory
		}
	}
	return b.r.ReadAt(p, off)
}

func openArchive(r io.ReaderAt, size int64) (*archive, error) {
	in := &budget{r: r, left: maxDirectory}
	z, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("no evidence bundle: %w", err)
	}
	in.left = -1
	a := &archive{files: make(map[string]*zip.File, len(z.File)), left: maxTotal}
	folded := make(map[string]bool, len(z.File))
	for _, f := range z.File {
		// Names that differ by case alone are one file on some systems.
		name := strings.ToLower(f.Name)
		if folded[name] {
			return nil, fmt.Errorf("%q is in the bundle twice", f.Name)
		}
		if !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, `\:`) {
			return nil, fmt.Errorf("%q is no name of a part of a bundle", f.Name)
		}
		folded[name] = true
		a.files[f.Name] = f
	}
	return a, nil
}

var errTotal = errors.New("larger than any bundle")

// part is a file of a bundle as it is unpacked.
type part struct {
	a    *archive
	name string
	in   io.ReadCloser
	left int64
}

// open unpacks a file, up to a number of bytes.
func (a *archive) open(name string, limit int64) (*part, error) {
	f := a.files[name]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%d bytes, a part of its kind has at most %d", f.UncompressedSize64, limit)
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	return &part{a: a, name: name, in: in, left: limit}, nil
}

// Read implements io.Reader: what the directory says of the size is not relied on.
func (p *part) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.left -= int64(n)
	p.a.left -= int64(n)
	switch {
	case p.a.left < 0:
		return 0, errTotal
	case p.left < 0:
		return 0, errors.New("larger than any part of its kind")
	}
	return n, err
}

func (p *part) Close() { _ = p.in.Close() } // read only

// read unpacks a file whole.
func (a *archive) read(name string, limit int64) ([]byte, error) {
	p, err := a.open(name, limit)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return io.ReadAll(p)
}

// manifest unpacks a manifest, which is read whole and at some cost.
func (a *archive) manifest(name string) ([]byte, error) {
	f := a.files[name]
	if f != nil && f.UncompressedSize64 > smallRatio && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
		return nil, errors.New("a manifest that is mostly padding")
	}
	return a.read(name, maxManifest)
}

// lines calls each with the lines of a file, without their newlines; a line is valid until
// the next call.
func (a *archive) lines(name string, each func(line []byte) error) error {
	p, err := a.open(name, maxText)
	if err != nil {
		return err
	}
	defer p.Close()
	in := bufio.NewReaderSize(p, 64<<10)
	var long []byte
	for {
		text, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if long = append(long, text...); len(long) > maxLine {
				return errors.New("a line that is larger than any")
			}
			continue
		case errors.Is(err, io.EOF):
			if len(long)+len(text) > 0 {
				return errors.New("the last line has no newline")
			}
			return nil
		case err != nil:
			return err
		}
		line := text[:len(text)-1]
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if err := each(line); err != nil {
			return err
		}
		long = long[:0]
	}
}

// packer writes the files of a bundle as they come.
type packer struct {
	z         *zip.Writer
	have      map[string]bool
	directory int // about how many bytes the directory of the ZIP file has
}

func newPacker(w io.Writer) *packer { return &packer{z: zip.NewWriter(w), have: map[string]bool{}} }

// add writes a file, once: parts that are named by what is in them may come again.
func (p *packer) add(name string, text []byte) error {
	f, err := p.create(name)
	if err != nil || f == nil {
		return err
	}
	_, err = f.Write(text)
	return err
}

// create begins a file; nil where it is there already.
func (p *packer) create(name string) (io.Writer, error) {
	if p.have[name] {
		return nil, nil
	}
	p.have[name] = true
	p.directory += 64 + len(name)
	return p.z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
}
