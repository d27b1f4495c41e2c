package agentauditexporter

import (
	"sync"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// feedBytes is how many bytes of lines the builder is given at once.
const feedBytes = 128 << 10

// feed holds lines until an object's builder takes them. Hashing and compressing is most
// of the work, and whoever puts lines does not wait for that.
type feed struct {
	builder *ledger.ObjectBuilder // of the goroutine that drains

	mu      sync.Mutex
	waiting []*ledger.Lines // whose memory is the feed's
	bytes   int             // of these
}

// put takes ownership of the lines, and reports whether the builder should be given what
// waits.
func (f *feed) put(l *ledger.Lines) (enough bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, l)
	f.bytes += len(l.Text)
	return f.bytes >= feedBytes
}

// putLine is put for a copy of one line.
func (f *feed) putLine(line []byte, m semconv.Meta) (enough bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		f.waiting = append(f.waiting, newLines())
	}
	l := f.waiting[0]
	l.Text = append(l.Text, line...)
	l.End(m)
	f.bytes += len(line) + 1
	return f.bytes >= feedBytes
}

// drain gives the builder what waits for it. One goroutine at a time calls it.
func (f *feed) drain() {
	f.mu.Lock()
	waiting := f.waiting
	f.waiting, f.bytes = nil, 0
	f.mu.Unlock()
	for _, l := range waiting {
		f.builder.AddLines(l)
		freeLines(l)
	}
}

// linesPool has the memory of lines that a builder has got.
var linesPool = sync.Pool{New: func() any { return new(ledger.Lines) }}

// maxKept bounds what is kept of one request for another, in bytes of lines.
const maxKept = 4 << 20

func newLines() *ledger.Lines { return linesPool.Get().(*ledger.Lines) }

func freeLines(l *ledger.Lines) {
	if cap(l.Text) <= maxKept {
		l.Reset()
		linesPool.Put(l)
	}
}
