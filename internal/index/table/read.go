package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"
)

// File is a file of a table, in memory. Whoever wrote it is not trusted: what is wrong with it
// is an error.
type File struct {
	t *Table
	f *parquet.File
}

// Open opens a file of a table. Its columns must be those of this version.
func Open(t *Table, body []byte) (file *File, err error) {
	defer recovered(&err)
	if !whole(body) {
		return nil, errors.New("no Parquet file: its end is not that of one")
	}
	f, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("no Parquet file: %w", err)
	}
	if !parquet.SameNodes(f.Schema(), t.schema) {
		return nil, fmt.Errorf("the columns are not those of table %s", t.Name)
	}
	return &File{t, f}, nil
}

// whole reports whether the length that a file says its footer has fits into it: the library
// would make room for whatever is said.
func whole(body []byte) bool {
	const tail = 8 // the length, and PAR1
	n := len(body)
	return n > 4+tail && string(body[n-4:]) == "PAR1" && int64(binary.LittleEndian.Uint32(body[n-tail:])) <= int64(n-4-tail)
}

// recovered makes an error of a panic: the library that reads files trusts them.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not to be read: %v", p)
	}
}

// Len is the number of rows.
func (f *File) Len() int64 { return f.f.NumRows() }

// Rows gives the rows of a type that names some of the columns, a batch at a time, valid until
// the next one.
func Rows[T any](f *File) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		r := parquet.NewGenericReader[T](f.f)
		defer func() { _ = r.Close() }()
		rows := make([]T, chunk)
		for {
			n, err := read(r, rows)
			if n > 0 && !yield(rows[:n], nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func read[T any](r *parquet.GenericReader[T], rows []T) (n int, err error) {
	defer recovered(&err)
	clear(rows)
	return r.Read(rows)
}

// each calls do with the rows of a file, a batch at a time, whose values are valid until the
// next one.
func (f *File) each(do func(rows []parquet.Row) error) (err error) {
	defer recovered(&err)
	rows := make([]parquet.Row, chunk)
	for _, g := range f.f.RowGroups() {
		r := g.Rows()
		for {
			n, err := r.ReadRows(rows)
			if n > 0 {
				if err := do(rows[:n]); err != nil {
					return errors.Join(err, r.Close())
				}
			}
			if errors.Is(err, io.EOF) || err == nil && n == 0 {
				break
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}
