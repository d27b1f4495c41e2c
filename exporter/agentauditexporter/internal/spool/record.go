package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Record is something that was appended.
type Record struct {
	Time time.Time // when
	Data []byte
}

// Damage is what a segment lacks. The zero value is none.
type Damage struct {
	// Missing is how many acknowledged records cannot be read, at least.
	Missing uint64
	// Bytes is how many bytes behind the last whole record are of none.
	Bytes int64
	// Torn: they are a group that was not written to its end when the process or the
	// machine stopped, so that no sender was told OK. A group whose end is there and
	// whose beginning is not counts as damaged: a power failure may leave that too, but
	// it cannot be told from a loss.
	Torn bool
}

// Any reports whether acknowledged records are lost.
func (d Damage) Any() bool { return d.Missing > 0 }

// A record on disk, integers in little endian:
//
//	 0  id of the segment, 8 bytes
//	 8  CRC-32C of all that follows, 4 bytes
//	12  length of the data, 4 bytes
//	16  number of the record, 8 bytes
//	24  Unix time in nanoseconds, 8 bytes
//	32  data
//
// The id is random and in no sender's hands, so that what a sender writes into its
// data is not taken for a record where the one around it is damaged.
const (
	// HeaderBytes are those before the data.
	HeaderBytes = 32
	maxData     = 1 << 30 // offsets in a segment have 32 bits
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// putHeader writes the header of a record.
func putHeader(r []byte, id, number uint64, at time.Time) {
	binary.LittleEndian.PutUint64(r, id)
	binary.LittleEndian.PutUint32(r[12:], uint32(len(r)-HeaderBytes))
	binary.LittleEndian.PutUint64(r[16:], number)
	binary.LittleEndian.PutUint64(r[24:], uint64(at.UnixNano()))
	binary.LittleEndian.PutUint32(r[8:], crc32.Checksum(r[12:], castagnoli))
}

// parseRecord takes the record at the beginning of b apart; size is 0 where there is
// no whole one.
func parseRecord(b []byte, id uint64) (number uint64, r Record, size int) {
	if len(b) < HeaderBytes || binary.LittleEndian.Uint64(b) != id {
		return 0, Record{}, 0
	}
	n := uint64(binary.LittleEndian.Uint32(b[12:]))
	if n > uint64(len(b)-HeaderBytes) {
		return 0, Record{}, 0
	}
	size = HeaderBytes + int(n)
	if crc32.Checksum(b[12:size], castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, Record{}, 0
	}
	at := time.Unix(0, int64(binary.LittleEndian.Uint64(b[24:])))
	return binary.LittleEndian.Uint64(b[16:]), Record{Time: at, Data: b[HeaderBytes:size]}, size
}

// recordTime is when the record was appended whose header b holds; the zero time where
// it is no record. What is behind the header is not looked at.
func recordTime(b []byte, id uint64) time.Time {
	if len(b) < HeaderBytes || binary.LittleEndian.Uint64(b) != id {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.LittleEndian.Uint64(b[24:])))
}

// The parts of raft-wal's file format that stand around records.
const (
	fileHeader  = 32
	frameBytes  = 8
	commitFrame = 3 // the first byte of the frame that ends a group
)

// scan calls each with the records of a segment in their order. first is the number of
// the first one, and end that of the first one of the next segment, 0 where it is not
// known. It looks for records wherever they are, so that it goes on behind damage.
// next is the number after those of the segment, the missing ones included.
func scan(file []byte, id, first, end uint64, each func(Record)) (next uint64, d Damage) {
	mark := binary.LittleEndian.AppendUint64(nil, id)
	next = first
	rest := file
	for {
		i := bytes.Index(rest, mark)
		if i < 0 {
			break
		}
		number, r, size := parseRecord(rest[i:], id)
		if size == 0 || number < next {
			rest = rest[i+1:]
			continue
		}
		if end > 0 && number >= end {
			// Of a group whose write failed: its senders were told so, and its numbers went
			// to the next segment. To keep it costs nothing.
			d.Missing += end - next
			next = end
		} else {
			d.Missing += number - next
			next = number + 1
		}
		rest = rest[i+size:]
		file = rest
		each(r)
	}
	if end > next {
		d.Missing += end - next
		next = end
	}
	lost := d.tail(file, next == first, end > 0)
	d.Missing += lost
	return next + lost, d
}

// tail judges what follows the last whole record: nothing but padding and the end of
// its group, or what is left of others. It returns how many acknowledged ones those
// were, at least.
func (d *Damage) tail(rest []byte, none, counted bool) uint64 {
	whole := frameBytes - 1 + frameBytes // padding, and the frame that ends a group
	if none {
		whole = 0
	}
	if len(rest) <= whole || len(bytes.Trim(rest, "\x00")) == 0 {
		return 0
	}
	d.Bytes = int64(len(rest))
	if counted {
		d.Torn = d.Missing == 0
		return 0
	}
	last := rest[len(rest)-min(frameBytes, len(rest)):]
	d.Torn = !bytes.HasPrefix(last, []byte{commitFrame, 0, 0, 0})
	if d.Torn {
		return 0
	}
	return 1
}
