package table

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Batch is rows of a table in memory, until they are written. It is not safe for concurrent
// use.
type Batch struct {
	t      *Table
	rows   []span
	chunks [][]cell // cells are never moved but for those of the row that does not fit any more
	has    []bool   // by column of values: a row has one
	texts  map[string]string
	last   []string // by column, the text that was set last
	slab   []byte   // room for texts
	bytes  int
}

// span is where the cells of a row are.
type span struct{ chunk, from, to int32 }

// cell is a value of a row; a row has none for a column that is null, and several for a list.
// Those of a row are in the order of the columns of values.
type cell struct {
	leaf int32
	n    int64 // a number, truth value, time or day
	s    string
}

const (
	cellBytes  = 32
	chunkCells = 1 << 14
	slabBytes  = 1 << 16
	maxShared  = 200 // the longest text, in bytes, that is looked for among those that the batch has
)

// NewBatch is an empty batch.
func NewBatch(t *Table) *Batch {
	return &Batch{t: t, texts: map[string]string{}, has: make([]bool, len(t.leaves)), last: make([]string, len(t.Columns))}
}

// Len is the number of rows.
func (b *Batch) Len() int { return len(b.rows) }

// Bytes is about what the batch takes in memory.
func (b *Batch) Bytes() int { return b.bytes + len(b.chunks)*chunkCells*cellBytes + len(b.rows)*16 }

// Row begins a row. Its columns are set in their order.
func (b *Batch) Row() {
	if len(b.chunks) == 0 {
		b.chunks = append(b.chunks, make([]cell, 0, chunkCells))
	}
	last := len(b.chunks) - 1
	n := int32(len(b.chunks[last]))
	b.rows = append(b.rows, span{int32(last), n, n})
}

// add adds a cell to the row that was begun.
func (b *Batch) add(c cell) {
	row := &b.rows[len(b.rows)-1]
	chunk := b.chunks[row.chunk]
	if len(chunk) == cap(chunk) {
		next := make([]cell, 0, max(chunkCells, 2*int(row.to-row.from)))
		next = append(next, chunk[row.from:]...)
		b.chunks = append(b.chunks, next)
		*row = span{int32(len(b.chunks) - 1), 0, row.to - row.from}
		chunk = next
	}
	b.chunks[row.chunk] = append(chunk, c)
	row.to++
	b.has[c.leaf] = true
}

// Mark is how far a batch was filled.
type Mark int

// Mark is a place to which Rewind goes back.
func (b *Batch) Mark() Mark { return Mark(len(b.rows)) }

// Rewind takes back the rows since a mark.
func (b *Batch) Rewind(m Mark) { b.rows = b.rows[:m] }

// keep copies a text that will change. Texts that many rows have are held once.
func (b *Batch) keep(column int, s string) string {
	if b.last[column] == s {
		return b.last[column]
	}
	shared := !b.t.Columns[column].Unlike && len(s) <= maxShared
	if shared {
		if have, ok := b.texts[s]; ok {
			b.last[column] = have
			return have
		}
		b.bytes += 48
	}
	s = b.copy(s)
	if shared {
		b.texts[s] = s
	}
	b.last[column] = s
	return s
}

// copy copies a text into the slab.
func (b *Batch) copy(s string) string {
	if len(s) > slabBytes/8 {
		b.bytes += len(s)
		return strings.Clone(s)
	}
	if len(b.slab)+len(s) > cap(b.slab) {
		b.slab = make([]byte, 0, slabBytes)
		b.bytes += slabBytes
	}
	from := len(b.slab)
	b.slab = append(b.slab, s...)
	return stringOf(b.slab[from:])
}

// Text sets a column of Text, unless the text is empty.
func (b *Batch) Text(column int, s string) {
	if s != "" || b.t.Columns[column].Required {
		b.add(cell{leaf: int32(b.t.leaf[column]), s: b.keep(column, s)})
	}
}

// Int sets a column of Int.
func (b *Batch) Int(column int, n int64) {
	b.add(cell{leaf: int32(b.t.leaf[column]), n: n})
}

// Float sets a column of Float.
func (b *Batch) Float(column int, x float64) { b.Int(column, int64(math.Float64bits(x))) }

// Bool sets a column of Bool.
func (b *Batch) Bool(column int, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	b.Int(column, n)
}

// Time sets a column of Time, unless the time is zero.
func (b *Batch) Time(column int, t time.Time) {
	if !t.IsZero() {
		b.Int(column, t.UnixMicro())
	}
}

// Instant sets a column of Time and the column of nanoseconds behind it.
func (b *Batch) Instant(column int, t time.Time) {
	if !t.IsZero() {
		b.Int(column, t.UnixMicro())
		b.Int(column+1, int64(t.Nanosecond()%1000))
	}
}

// Day is the number of a day, from a text such as 2026-11-23.
func Day(date string) (int64, bool) {
	t, err := time.Parse(time.DateOnly, date)
	return t.Unix() / (24 * 60 * 60), err == nil
}

// Texts sets a column of Texts, unless the list is empty.
func (b *Batch) Texts(column int, list []string) {
	for _, s := range list {
		b.add(cell{leaf: int32(b.t.leaf[column]), s: b.keep(column, s)})
	}
}

// Map sets a column of TextMap, unless there are no pairs.
func (b *Batch) Map(column int, pairs [][2]string) {
	for i := range 2 {
		for _, p := range pairs {
			b.add(cell{leaf: int32(b.t.leaf[column] + i), s: b.keep(column, p[i])})
		}
	}
}

// row is the cells of a row.
func (b *Batch) row(i int) []cell {
	r := b.rows[i]
	return b.chunks[r.chunk][r.from:r.to]
}

// sorted is the order of the rows in a file.
func (b *Batch) sorted() []int {
	keys := make([]cell, 0, len(b.rows)*len(b.t.sort))
	for i := range b.rows {
		row := b.row(i)
		for _, column := range b.t.sort {
			c := cell{leaf: -1} // null stands first
			if j := slices.IndexFunc(row, func(c cell) bool { return int(c.leaf) == b.t.leaf[column] }); j >= 0 {
				c = row[j]
				c.leaf = 0
			}
			keys = append(keys, c)
		}
	}
	order := make([]int, len(b.rows))
	for i := range order {
		order[i] = i
	}
	n := len(b.t.sort)
	slices.SortFunc(order, func(x, y int) int {
		for k := range n {
			p, q := &keys[x*n+k], &keys[y*n+k]
			if c := cmp.Or(cmp.Compare(p.leaf, q.leaf), strings.Compare(p.s, q.s), cmp.Compare(p.n, q.n)); c != 0 {
				return c
			}
		}
		return cmp.Compare(x, y)
	})
	return order
}

// value is a cell as a value of its column.
func (t *Table) value(c *cell, first bool) parquet.Value {
	column := &t.Columns[t.leaves[c.leaf]]
	var v parquet.Value
	switch column.Type {
	case Int, Time:
		v = parquet.Int64Value(c.n)
	case Float:
		v = parquet.DoubleValue(math.Float64frombits(uint64(c.n)))
	case Bool:
		v = parquet.BooleanValue(c.n != 0)
	case Date:
		v = parquet.Int32Value(int32(c.n))
	default:
		v = parquet.ByteArrayValue(bytesOf(c.s))
	}
	repeated := 0
	if !first {
		repeated = 1
	}
	return v.Level(repeated, column.level(), int(c.leaf))
}
