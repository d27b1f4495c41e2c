package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLine bounds a line, in bytes.
const maxLine = 256 << 20

// lineReaders are used again: to make room of that size takes longer than to read an object of
// some hundred lines.
var lineReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1<<20) }}

// frameReaders are used again, too: each has a window of megabytes.
var frameReaders = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		panic("zstd: " + err.Error()) // of its options
	}
	return z
}}

// encodingError is what is wrong with an object below the level of lines.
type encodingError struct {
	line int // which the reader had reached, from 1; 0 before the first
	error
}

func broken(line int, format string, args ...any) error {
	return &encodingError{line, fmt.Errorf(format, args...)}
}

// eachLine calls f with each line of an object, without its newline. It is strict:
// one gzip member or zstd frame and nothing after it, a newline after every line.
// The suffix of the key names the compression.
func eachLine(key string, body []byte, f func(line []byte) error) error {
	in := bytes.NewReader(body)
	var r io.Reader = in
	switch {
	case strings.HasSuffix(key, ".gz"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return broken(0, "gzip: %w", err)
		}
		z.Multistream(false)
		r = z
	case strings.HasSuffix(key, ".zst"):
		if err := oneFrame(body); err != nil {
			return err
		}
		z := frameReaders.Get().(*zstd.Decoder)
		defer func() {
			if z.Reset(nil) == nil {
				frameReaders.Put(z)
			}
		}()
		if err := z.Reset(in); err != nil {
			return broken(0, "zstd: %w", err)
		}
		r = z
	}
	lines := lineReaders.Get().(*bufio.Reader)
	lines.Reset(r)
	defer func() {
		lines.Reset(nil)
		lineReaders.Put(lines)
	}()
	var long []byte
	n := 0 // whole lines
	for {
		part, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if long = append(long, part...); len(long) > maxLine {
				return broken(n+1, "a line of more than %d bytes", maxLine)
			}
			continue
		case errors.Is(err, io.EOF):
			if len(long)+len(part) > 0 {
				return broken(n+1, "the last line has no newline")
			}
			if strings.HasSuffix(key, ".gz") && in.Len() > 0 {
				return broken(n, "%d bytes after the end of the gzip member", in.Len())
			}
			return nil
		case err != nil:
			if len(long)+len(part) > 0 {
				return broken(n+1, "%w", err)
			}
			return broken(max(n, 1), "%w", err) // a checksum at the end, or nothing could be read
		}
		n++
		line := part[:len(part)-1]
		if len(long) > 0 {
			line = append(long, line...)
		}
		if err := f(line); err != nil {
			return err
		}
		long = long[:0]
	}
}

// oneFrame checks that a body is one zstd frame: its blocks are followed to the end
// (RFC 8878, section 3.1.1).
func oneFrame(body []byte) error {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return broken(0, "zstd: %w", err)
	}
	if h.Skippable {
		return broken(0, "zstd: a skippable frame, which holds no data")
	}
	at := h.HeaderSize
	for {
		if at+3 > len(body) {
			return broken(0, "zstd: cut off")
		}
		block := int(body[at]) | int(body[at+1])<<8 | int(body[at+2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		if kind == 1 { // a run: one byte stands for size bytes
			size = 1
		}
		at += 3 + size
		if last {
			break
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	if at != len(body) {
		return broken(0, "zstd: %d bytes, the frame has %d", len(body), at)
	}
	return nil
}
