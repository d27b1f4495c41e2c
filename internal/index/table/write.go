package table

import (
	"bytes"
	"io"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// RowGroup is how many rows a row group has: what a look at one session costs.
const RowGroup = 122_880

// Writer is what made the files, in their metadata. What a file holds follows from its rows and
// from this alone: a file can be made again, and compared byte for byte.
const Writer = "agentaudit-index"

// bitsPerValue is how large blooms are: about one look in a hundred is in vain.
const bitsPerValue = 10

// chunk is how many rows are handed on at once.
const chunk = 1024

// writer writes a file column by column, a row group at a time.
type writer struct {
	t       *Table
	w       *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter
	values  []parquet.Value
	rows    int // in the row group that was begun
}

func newWriter(t *Table, out io.Writer) *writer {
	options := []parquet.WriterOption{
		t.schema, parquet.Compression(&codec), parquet.DataPageVersion(2), parquet.DataPageStatistics(true),
		parquet.CreatedBy(Writer, Version, ""), parquet.MaxRowsPerRowGroup(RowGroup), parquet.PageBufferSize(256 << 10),
		parquet.DictionaryMaxBytes(4 << 20),
	}
	var blooms []parquet.BloomFilterColumn
	var sorting []parquet.SortingColumn
	for i := range t.Columns {
		if t.Columns[i].Bloom {
			blooms = append(blooms, parquet.SplitBlockFilter(bitsPerValue, t.Columns[i].Name))
		}
	}
	for _, name := range t.Sort {
		sorting = append(sorting, parquet.NullsFirst(parquet.Ascending(name)))
	}
	options = append(options, parquet.BloomFilters(blooms...), parquet.SortingWriterConfig(parquet.SortingColumns(sorting...)))
	w := parquet.NewGenericWriter[any](out, options...)
	return &writer{t: t, w: w, columns: w.ColumnWriters()}
}

// Write writes the rows as a file, sorted, and empties the batch.
func (b *Batch) Write() ([]byte, error) {
	var out bytes.Buffer
	w := newWriter(b.t, &out)
	order := b.sorted()
	at := make([]int, len(b.rows)) // how far each row was written
	for len(order) > 0 {
		n := min(len(order), RowGroup)
		for leaf := range b.t.leaves {
			if err := w.column(b, leaf, order[:n], at); err != nil {
				return nil, err
			}
		}
		if err := w.w.Flush(); err != nil {
			return nil, err
		}
		order = order[n:]
	}
	if err := w.w.Close(); err != nil {
		return nil, err
	}
	*b = *NewBatch(b.t)
	return out.Bytes(), nil
}

// column writes a column of values of some rows. Rows are read once, from left to right.
func (w *writer) column(b *Batch, leaf int, order, at []int) error {
	null := parquet.NullValue().Level(0, 0, leaf)
	if !b.has[leaf] {
		w.values = w.values[:0]
		for range min(len(order), chunk) {
			w.values = append(w.values, null)
		}
		for left := len(order); left > 0; left -= chunk {
			if _, err := w.columns[leaf].WriteRowValues(w.values[:min(left, chunk)]); err != nil {
				return err
			}
		}
		return nil
	}
	for len(order) > 0 {
		n := min(len(order), chunk)
		w.values = w.values[:0]
		for _, i := range order[:n] {
			row, first := b.row(i), true
			for at[i] < len(row) && int(row[at[i]].leaf) == leaf {
				w.values = append(w.values, b.t.value(&row[at[i]], first))
				first = false
				at[i]++
			}
			if first {
				w.values = append(w.values, null)
			}
		}
		if _, err := w.columns[leaf].WriteRowValues(w.values); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// stringOf is bytes as a text; they must not be changed.
func stringOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // only read
}

// bytesOf is a text as bytes, which must not be changed.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // only read
}
