package spool

import (
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/types"
)

// disk is the file system below a spool.
type disk interface {
	types.VFS
	ReadFile(dir, name string) ([]byte, error)
	// Head is the first n bytes of a file, or what there is, and its size.
	Head(dir, name string, n int64) ([]byte, int64, error)
	Rename(dir, from, to string) error
}

// osDisk is the real one. What it makes only its owner can read.
type osDisk struct{}

func (osDisk) ListDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// Create makes a file. It reserves no space: a disk that is full refuses the write.
func (osDisk) Create(dir, name string, _ uint64) (types.WritableFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, err
	}
	return &newFile{File: f, dir: dir}, nil
}

// newFile is a file whose directory is synced with its first sync: before that, no
// record in it was acknowledged.
type newFile struct {
	*os.File
	dir   string
	known bool
}

func (f *newFile) Sync() error {
	if err := f.File.Sync(); err != nil || f.known {
		return err
	}
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // read only
	if err = d.Sync(); err == nil {
		f.known = true
	}
	return err
}

func (osDisk) OpenReader(dir, name string) (types.ReadableFile, error) {
	return os.Open(filepath.Join(dir, name)) //nolint:gosec // the operator names the directory
}

func (osDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0) //nolint:gosec // the operator names the directory
}

// Delete does not wait for the directory: a file that comes back is done again.
func (osDisk) Delete(dir, name string) error { return os.Remove(filepath.Join(dir, name)) }

func (osDisk) ReadFile(dir, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the operator names the directory
}

func (osDisk) Head(dir, name string, n int64) ([]byte, int64, error) {
	f, err := os.Open(filepath.Join(dir, name)) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	head, err := io.ReadAll(io.LimitReader(f, n))
	return head, info.Size(), err
}

func (osDisk) Rename(dir, from, to string) error {
	return os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
}
