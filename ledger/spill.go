package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"sync"
)

const (
	// spillParts is into how many parts records are divided; one part at a time is
	// in memory when they are compared.
	spillParts = 128
	// spillMemory is how many bytes of records are kept in memory before they go to
	// temporary files.
	spillMemory = 32 << 20
)

// spill gathers records to be compared by their keys once all are there: a trail has
// more events than memory. Records of one key come back together. Past spillMemory
// they are in temporary files, which have no name and so go with the process.
type spill struct {
	mu    sync.Mutex
	seed  maphash.Seed // secret: nobody can choose keys that all fall into one part
	parts [spillParts]spillPart
	held  int
	err   error // the first, for each
}

type spillPart struct {
	memory []byte
	file   *os.File
}

func newSpill() *spill { return &spill{seed: maphash.MakeSeed()} }

// add puts a record; key and value are copied.
func (s *spill) add(key, value []byte) {
	p := &s.parts[maphash.Bytes(s.seed, key)%spillParts]
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(p.memory)
	p.memory = binary.AppendUvarint(p.memory, uint64(len(key)))
	p.memory = append(p.memory, key...)
	p.memory = binary.AppendUvarint(p.memory, uint64(len(value)))
	p.memory = append(p.memory, value...)
	if s.held += len(p.memory) - before; s.held > spillMemory && s.err == nil {
		s.err = s.flush()
	}
}

func (s *spill) flush() error {
	for i := range s.parts {
		p := &s.parts[i]
		if p.file == nil {
			f, err := os.CreateTemp("", "agentaudit-verify-*")
			if err != nil {
				return fmt.Errorf("no room to compare events: %w", err)
			}
			p.file = f
			_ = os.Remove(f.Name()) // where it cannot be removed while open, close removes it
		}
		if _, err := p.file.Write(p.memory); err != nil {
			return fmt.Errorf("no room to compare events: %w", err)
		}
		p.memory = p.memory[:0]
	}
	s.held = 0
	return nil
}

// each gives the records, those of one part between two calls of end. It may be
// called once.
func (s *spill) each(record func(key, value []byte), end func()) error {
	if s.err != nil {
		return s.err
	}
	for i := range s.parts {
		p := &s.parts[i]
		if p.file != nil {
			if _, err := p.file.Seek(0, io.SeekStart); err != nil {
				return err
			}
			if err := records(bufio.NewReaderSize(p.file, 1<<20), record); err != nil {
				return err
			}
		}
		if err := memoryRecords(p.memory, record); err != nil {
			return err
		}
		p.memory = nil
		end()
	}
	return nil
}

var errSpill = errors.New("bad math in spill")

func memoryRecords(b []byte, record func(key, value []byte)) error {
	for len(b) > 0 {
		var kv [2][]byte
		for i := range kv {
			n, w := binary.Uvarint(b)
			if w <= 0 || uint64(len(b)-w) < n {
				return errSpill
			}
			kv[i], b = b[w:w+int(n)], b[w+int(n):]
		}
		record(kv[0], kv[1])
	}
	return nil
}

func records(r *bufio.Reader, record func(key, value []byte)) error {
	var kv [2][]byte
	for {
		for i := range kv {
			n, err := binary.ReadUvarint(r)
			if errors.Is(err, io.EOF) && i == 0 {
				return nil
			}
			if err != nil {
				return err
			}
			if uint64(cap(kv[i])) < n {
				kv[i] = make([]byte, n)
			}
			kv[i] = kv[i][:n]
			if _, err := io.ReadFull(r, kv[i]); err != nil {
				return err
			}
		}
		record(kv[0], kv[1])
	}
}

// close gives the temporary files back.
func (s *spill) close() {
	for i := range s.parts {
		if f := s.parts[i].file; f != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}
}
