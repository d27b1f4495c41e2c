package table

import (
	"bytes"
	"cmp"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Merge writes the rows of several files of one table as few, in order, of at most limit rows
// each; keep says which rows stay, nil all. Each file is handed to out when it is whole.
func Merge(t *Table, files []*File, limit int, keep func(parquet.Row) bool, out func(body []byte, rows int) error) (err error) {
	defer recovered(&err)
	var readers []parquet.RowReader
	for _, f := range files {
		r := parquet.MultiRowGroup(f.f.RowGroups()...).Rows()
		defer func() { _ = r.Close() }()
		readers = append(readers, r)
	}
	s := &splitter{t: t, limit: limit, out: out}
	merged := parquet.MergeRowReaders(readers, t.compare)
	rows := make([]parquet.Row, chunk)
	for {
		n, err := merged.ReadRows(rows)
		for _, row := range rows[:n] {
			if keep != nil && !keep(row) {
				continue
			}
			if err := s.add(row); err != nil {
				return err
			}
		}
		if n > 0 {
			if err := s.hand(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return s.end()
		}
		if err != nil {
			return err
		}
	}
}

// compare is the order of rows in a file.
func (t *Table) compare(a, b parquet.Row) int {
	for _, column := range t.sort {
		x, y := a[t.leaf[column]], b[t.leaf[column]] // columns of one value each stand before lists
		if x.IsNull() || y.IsNull() {
			if c := cmp.Compare(truth(!x.IsNull()), truth(!y.IsNull())); c != 0 {
				return c
			}
			continue
		}
		c := cmp.Compare(x.Int64(), y.Int64())
		if t.Columns[column].Type == Text {
			c = bytes.Compare(x.ByteArray(), y.ByteArray())
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func truth(v bool) int {
	if v {
		return 1
	}
	return 0
}

// splitter writes rows that come in order.
type splitter struct {
	t     *Table
	limit int
	out   func([]byte, int) error

	w    *writer
	body bytes.Buffer
	all  int // rows in the file
	// waiting are values that were not handed on, by column of values.
	waiting [][]parquet.Value
}

func (s *splitter) add(row parquet.Row) error {
	if s.w == nil {
		s.body.Reset()
		s.w, s.all = newWriter(s.t, &s.body), 0
		s.waiting = make([][]parquet.Value, len(s.t.leaves))
	}
	for _, v := range row {
		s.waiting[v.Column()] = append(s.waiting[v.Column()], v)
	}
	s.all++
	if s.w.rows++; s.w.rows == RowGroup {
		if err := s.hand(); err != nil {
			return err
		}
		if err := s.w.w.Flush(); err != nil {
			return err
		}
		s.w.rows = 0
	}
	if s.all == s.limit {
		return s.end()
	}
	return nil
}

// hand hands on the values that wait.
func (s *splitter) hand() error {
	if s.w == nil {
		return nil
	}
	for leaf, values := range s.waiting {
		if len(values) == 0 {
			continue
		}
		if _, err := s.w.columns[leaf].WriteRowValues(values); err != nil {
			return err
		}
		s.waiting[leaf] = values[:0]
	}
	return nil
}

// end ends the file that was begun.
func (s *splitter) end() error {
	if s.w == nil {
		return nil
	}
	if err := s.hand(); err != nil {
		return err
	}
	if err := s.w.w.Close(); err != nil {
		return err
	}
	s.w = nil
	return s.out(bytes.Clone(s.body.Bytes()), s.all)
}
