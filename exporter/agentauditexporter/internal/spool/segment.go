package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// Segment is a file of records, and how much of it is there.
type Segment struct {
	// ID is random, so that it tells this segment from all others.
	ID uint64
	// Began is when its first record was appended, or after Read its first whole one.
	Began time.Time
	// Recovered: an earlier process wrote it, and may have been at work on it.
	Recovered bool

	first  uint64 // the number of its first record
	end    uint64 // the number after its last one; 0 where that is not known
	events int64
	bytes  int64 // that its records take of the room
	name   string
	spool  *Spool

	opened  time.Time // by the monotonic clock, for its age
	damaged bool
	done    bool
}

const (
	fileNamePattern = "%020d-%016x.wal"
	damagedSuffix   = ".damaged"
)

func newSegment(first uint64) *Segment {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	g := &Segment{ID: binary.LittleEndian.Uint64(random[:]), first: first, opened: time.Now()}
	g.name = segment.FileName(g.info())
	return g
}

// parseName is the segment of a file of that name.
func parseName(name string) (*Segment, bool) {
	var first, id uint64
	if n, err := fmt.Sscanf(name, fileNamePattern, &first, &id); n != 2 || err != nil || name != fmt.Sprintf(fileNamePattern, first, id) {
		return nil, false
	}
	return &Segment{ID: id, first: first, name: name, Recovered: true}, true
}

func (g *Segment) info() types.SegmentInfo {
	return types.SegmentInfo{
		ID: g.ID, BaseIndex: g.first, MinIndex: g.first,
		Codec:     1 << 16,    // the first that does not stand for a log of raft
		SizeLimit: ^uint32(0), // it is cut by the spool
	}
}

// Name is the name of the file.
func (g *Segment) Name() string { return g.name }

// Read calls each with the records, whose data is valid after it returns. The error is
// one of reading the file, after which it can be read again; a file that someone took
// away is a damaged one.
func (g *Segment) Read(each func(Record)) (Damage, error) {
	file, err := g.spool.disk.ReadFile(g.spool.o.Directory, g.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Damage{}, fmt.Errorf("cannot read a file of the spool: %w", err)
	}
	first := true
	_, d := scan(file, g.ID, g.first, g.end, func(r Record) {
		if first { // what Open found was not checked
			g.spool.mu.Lock()
			g.Began, first = r.Time, false
			g.spool.mu.Unlock()
		}
		each(r)
	})
	g.damaged = d.Any()
	return d, nil
}
