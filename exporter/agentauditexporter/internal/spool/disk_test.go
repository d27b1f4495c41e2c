package spool

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/hashicorp/raft-wal/types"
)

// memDisk is a disk in memory that forgets, when its machine crashes, what was not
// synced: any part of it.
type memDisk struct {
	mu    sync.Mutex
	files map[string]*memFile
	fail  func(op string) error // is asked about each create, write and sync
}

type memFile struct {
	disk    *memDisk
	data    []byte // as a running process sees it
	synced  []byte // as it is after a crash, at least
	known   bool   // its directory entry is synced
	pending [][2]int
}

func newMemDisk() *memDisk { return &memDisk{files: map[string]*memFile{}} }

func (d *memDisk) failed(op string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(op)
}

func (d *memDisk) ListDir(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), nil
}

func (d *memDisk) Create(_, name string, _ uint64) (types.WritableFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failed("create"); err != nil {
		return nil, err
	}
	if d.files[name] != nil {
		return nil, os.ErrExist
	}
	d.files[name] = &memFile{disk: d}
	return d.files[name], nil
}

func (d *memDisk) Delete(_, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failed("delete"); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *memDisk) OpenReader(string, string) (types.ReadableFile, error) {
	return nil, errors.ErrUnsupported
}

func (d *memDisk) OpenWriter(string, string) (types.WritableFile, error) {
	return nil, errors.ErrUnsupported
}

func (d *memDisk) ReadFile(_, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[name]; f != nil {
		return slices.Clone(f.data), nil
	}
	return nil, os.ErrNotExist
}

func (d *memDisk) Head(dir, name string, n int64) ([]byte, int64, error) {
	b, err := d.ReadFile(dir, name)
	return b[:min(n, int64(len(b)))], int64(len(b)), err
}

func (d *memDisk) Rename(_, from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (f *memFile) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (f *memFile) Close() error                      { return nil }

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.disk.failed("write")
	if err != nil {
		b = b[:len(b)/2] // the disk was full in the middle of it
	}
	if need := int(at) + len(b); need > len(f.data) {
		f.data = append(f.data, make([]byte, need-len(f.data))...)
	}
	copy(f.data[at:], b)
	f.pending = append(f.pending, [2]int{int(at), int(at) + len(b)})
	return len(b), err
}

func (f *memFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.failed("sync"); err != nil {
		return err
	}
	f.synced, f.known, f.pending = slices.Clone(f.data), true, nil
	return nil
}

// crash gives the disk that the machine finds when it starts again. keep is asked, for
// each sector that was written and not synced, and for the directory entry of a file
// that was never synced, whether it is there.
func (d *memDisk) crash(keep func() bool) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	for name, f := range d.files {
		if !f.known && !keep() {
			continue
		}
		data := slices.Clone(f.synced)
		for _, p := range f.pending {
			for at := p[0]; at < p[1]; at = (at/512 + 1) * 512 {
				end := min((at/512+1)*512, p[1])
				if !keep() {
					continue
				}
				if end > len(data) {
					data = append(data, make([]byte, end-len(data))...)
				}
				copy(data[at:end], f.data[at:end])
			}
		}
		after.files[name] = &memFile{disk: after, data: data, synced: slices.Clone(data), known: true}
	}
	return after
}
