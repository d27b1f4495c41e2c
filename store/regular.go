package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errNotRegular is the error of something in the place of a file of a copy that is none: a
// pipe that never ends, a device, a folder.
var errNotRegular = errors.New("not a regular file")

// openRegular opens a file of a copy to read it. It does not wait for the other end of a
// pipe, nor does it touch a device: who made the copy may have laid anything there.
func openRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if err := regular(name, info); err != nil {
		return nil, nil, err
	}
	// It may have been replaced since.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(name, info)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func regular(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	kind := "something else"
	switch mode := info.Mode(); {
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("%s is %s, %w", name, kind, errNotRegular)
}

// readBounded reads a file of a copy of at most limit bytes.
func readBounded(root *os.Root, name string, limit int64) ([]byte, error) {
	f, info, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var body bytes.Buffer
	if info.Size() <= limit {
		body.Grow(int(info.Size()) + bytes.MinRead)
		_, err = body.ReadFrom(io.LimitReader(f, limit+1)) // it may have grown since
	}
	if err == nil && (info.Size() > limit || int64(body.Len()) > limit) {
		err = fmt.Errorf("%w: %s has more than %d bytes", errTooLarge, name, limit)
	}
	return body.Bytes(), err
}
