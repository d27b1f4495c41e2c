package table

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/bits"

	"github.com/parquet-go/parquet-go"
)

// Sum is a digest of rows in any order: the sum of keyed digests of each. Who does not know the
// key, which is drawn for one comparison, cannot make other rows that have the same.
type Sum struct {
	N      int64
	hi, lo uint64
}

// Add adds another's rows.
func (s *Sum) Add(o Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi, _ = bits.Add64(s.hi, o.hi, carry)
	s.N += o.N
}

// Summer makes digests of rows of one part of the index.
type Summer struct {
	t      *Table
	h      hash.Hash
	head   []byte
	buf    []byte
	object int // the columns that say what a row is of; -1 for none
	line   int
	log    int
	seq    int
	leave  int // the column that is left out; -1 for none
}

// NewSummer makes digests under a key; what tells parts apart is part of them.
func NewSummer(t *Table, key []byte, part string) *Summer {
	at := func(name string) int {
		if i, ok := t.byName[name]; ok {
			return t.leaf[i]
		}
		return -1
	}
	s := &Summer{t: t, h: hmac.New(sha256.New, key), head: []byte(part), object: at("object"), line: at("line"), log: at("log"), seq: at("seq"), leave: -1}
	if t == Days {
		s.leave = at("resolved_at")
	}
	return s
}

// begin, add and end make the digest of a row.
func (s *Summer) begin() { s.buf = append(s.buf[:0], s.head...) }

func (s *Summer) add(leaf int, n int64, text []byte) {
	if leaf == s.leave {
		return
	}
	s.buf = binary.BigEndian.AppendUint16(s.buf, uint16(leaf))
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(n))
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(len(text)))
	s.buf = append(s.buf, text...)
}

func (s *Summer) end() Sum {
	s.h.Reset()
	s.h.Write(s.buf)
	sum := s.h.Sum(nil)
	return Sum{1, binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
}

// RowSum is the digest of a row and what it is of.
type RowSum struct {
	Sum
	Of   string // the object; of a manifest its log and number; "" for what is of none
	Line int64
}

func manifestOf(log string, seq int64) string { return fmt.Sprintf("manifest %d of log %s", seq, log) }

// Batch gives the digests of the rows of a batch.
func (s *Summer) Batch(b *Batch, f func(RowSum)) {
	for i := range b.rows {
		s.begin()
		var r RowSum
		var log string
		var seq int64
		for _, c := range b.row(i) {
			s.add(int(c.leaf), c.n, bytesOf(c.s))
			switch int(c.leaf) {
			case s.object:
				r.Of = c.s
			case s.line:
				r.Line = c.n
			case s.log:
				log = c.s
			case s.seq:
				seq = c.n
			}
		}
		if r.Of == "" && s.object >= 0 {
			r.Of = manifestOf(log, seq)
		}
		r.Sum = s.end()
		f(r)
	}
}

// File gives the digests of the rows of a file.
func (s *Summer) File(file *File, f func(RowSum)) error {
	return file.each(func(rows []parquet.Row) error {
		for _, row := range rows {
			f(s.row(row))
		}
		return nil
	})
}

func (s *Summer) row(row parquet.Row) (r RowSum) {
	s.begin()
	var log string
	var seq int64
	for _, v := range row {
		if v.IsNull() {
			continue
		}
		var n int64
		var text []byte
		switch v.Kind() {
		case parquet.ByteArray:
			text = v.ByteArray()
		case parquet.Boolean:
			if v.Boolean() {
				n = 1
			}
		case parquet.Int32:
			n = int64(v.Int32())
		case parquet.Double:
			n = int64(v.Uint64())
		default:
			n = v.Int64()
		}
		s.add(v.Column(), n, text)
		switch v.Column() {
		case s.object:
			r.Of = string(text)
		case s.line:
			r.Line = n
		case s.log:
			log = string(text)
		case s.seq:
			seq = n
		}
	}
	if r.Of == "" && s.object >= 0 {
		r.Of = manifestOf(log, seq)
	}
	r.Sum = s.end()
	return r
}

// MadeAgain reports whether a file is byte for byte what this program writes for its rows: then
// nothing in it, neither bounds nor filters, keeps an engine from a row.
func MadeAgain(t *Table, body []byte) (bool, error) {
	f, err := Open(t, body)
	if err != nil {
		return false, err
	}
	same := f.Len() == 0
	err = Merge(t, []*File{f}, int(f.Len()), nil, func(again []byte, _ int) error {
		same = bytes.Equal(body, again)
		return nil
	})
	return same, err
}
