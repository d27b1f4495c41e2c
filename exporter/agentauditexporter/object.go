package agentauditexporter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// object is a data object on its way from the first event to the manifest that names it.
type object struct {
	quarantine bool
	segment    *taken // of the spool that its events are from, if any

	// Guarded by sealer.mu until closed.
	events   int
	size     int                  // bytes of their lines
	waiting  []*ledger.Lines      // those that the builder has not got
	gathered int                  // bytes of these
	prompts  map[string]time.Time // system prompts and the times of their events, to be stored and named along with the events
	blobs    map[string]time.Time // full texts of fields, likewise
	extra    int                  // bytes of both

	// Of the goroutine that seals it: hashing and compressing is most of the work, and no
	// event waits for that of others.
	builder *ledger.ObjectBuilder
	more    chan struct{} // there is something for the builder

	fullOnce sync.Once
	full     chan struct{} // closed when a bound is reached
	closed   chan struct{} // closed when it takes no more events

	// what is uploaded, the same bytes at every try
	sealed *ledger.SealedObject
	texts  []*ledger.SealedObject // prompts and blobs
	built  time.Time

	done chan struct{} // closed when it is sealed, or given up with err
	err  error
}

// add puts events into the objects that are open for their classes, and returns these.
// While as many objects are pending as may be, it waits for one of them, or for ctx. It
// has the memory of the lines from then on.
func (s *sealer) add(ctx context.Context, l *ledger.Lines) (objects []*object, err error) {
	total := len(l.Metas) // once an object has the lines, they are not ours to look at
	for i := 0; i < total; {
		s.mu.Lock()
		if s.stopped || s.ctx.Err() != nil {
			s.mu.Unlock()
			return objects, errStopped
		}
		o := s.openObject(l.Metas[i].Quarantine)
		took := s.take(o, l, i)
		if i+took < total && l.Metas[i+took].Quarantine == o.quarantine || !o.fits(0, &s.cfg.Batch) {
			o.setFull()
		}
		if o.gathered >= gatherBytes {
			select {
			case o.more <- struct{}{}:
			default:
			}
		}
		s.unsealed.Add(int64(took))
		s.mu.Unlock()
		if took > 0 && !slices.Contains(objects, o) {
			objects = append(objects, o)
		}
		if i += took; took > 0 {
			continue
		}
		select {
		case <-o.closed:
		case <-ctx.Done():
			return objects, ctx.Err()
		}
	}
	return objects, nil
}

// gatherBytes is how many bytes of lines the builder is given at once.
const gatherBytes = 128 << 10

// take takes lines from number from on into an object: those of its class, as far as they
// fit. It returns how many. s.mu is held where others see the object.
func (s *sealer) take(o *object, l *ledger.Lines, from int) (n int) {
	for from+n < len(l.Metas) && s.admit(o, len(l.Line(from+n)), &l.Metas[from+n]) {
		n++
	}
	switch {
	case n == 0:
	case n == len(l.Metas): // mostly
		o.waiting = append(o.waiting, l)
	default:
		part := newLines()
		for i := from; i < from+n; i++ {
			part.Text = append(part.Text, l.Line(i)...)
			part.End(l.Metas[i])
		}
		o.waiting = append(o.waiting, part)
	}
	return n
}

// admit counts a line into an object, if it fits. s.mu is held where others see the object.
func (s *sealer) admit(o *object, size int, m *semconv.Meta) bool {
	if m.Quarantine != o.quarantine || !o.fits(size, &s.cfg.Batch) {
		return false
	}
	o.events++
	o.size += size + 1
	o.gathered += size + 1
	s.takePrompt(o, m)
	o.takeBlobs(m)
	m.SystemPrompt, m.OversizeText = "", nil // taken
	return true
}

// drain gives the builder what waits for it.
func (s *sealer) drain(o *object) {
	s.mu.Lock()
	waiting := o.waiting
	o.waiting, o.gathered = nil, 0
	s.mu.Unlock()
	for _, l := range waiting {
		o.builder.AddLines(l)
		freeLines(l)
	}
}

// linesPool has the memory of lines that the builder has got.
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

// openObject is the object of a class that takes events. s.mu is held.
func (s *sealer) openObject(quarantine bool) *object {
	if o := s.objects[quarantine]; o != nil {
		return o
	}
	o := s.newObject(quarantine, time.Now(), "")
	s.objects[quarantine] = o
	s.sealing.Go(func() { s.seal(o) })
	return o
}

// newObject makes an object whose key carries the time at, and is a function of the
// source where there is one.
func (s *sealer) newObject(quarantine bool, at time.Time, source string) *object {
	return &object{
		quarantine: quarantine,
		builder: ledger.NewObjectBuilder(ledger.ObjectOptions{
			Log: s.cfg.Log, Quarantine: quarantine, Source: source,
			Compression: s.cfg.Compression, Level: s.cfg.CompressionParams.Level,
			Retention: s.retention(time.Now()),
		}, at),
		more: make(chan struct{}, 1), full: make(chan struct{}), closed: make(chan struct{}), done: make(chan struct{}),
	}
}

// fits reports whether the object takes another line of that size; an empty one takes any.
func (o *object) fits(size int, c *BatchConfig) bool {
	if o.events == 0 {
		return true
	}
	return o.events < c.MaxEvents && int64(o.size+o.extra+size) < int64(c.MaxBytes)
}

func (o *object) setFull() { o.fullOnce.Do(func() { close(o.full) }) }

// takeBlobs notes the full texts of fields that were too long for the line.
func (o *object) takeBlobs(m *semconv.Meta) {
	for _, text := range m.OversizeText {
		if _, ok := o.blobs[text]; ok {
			continue
		}
		if o.blobs == nil {
			o.blobs = map[string]time.Time{}
		}
		o.blobs[text] = m.Timestamp
		o.extra += len(text)
	}
}

// seal takes an object through its life. It stays open past its age until it
// may be pending: in an outage there are few, full objects.
func (s *sealer) seal(o *object) {
	age := time.NewTimer(s.cfg.Batch.MaxAge)
	defer age.Stop()
	for open := true; open; {
		select {
		case <-o.more:
			s.drain(o)
		case <-age.C:
			open = false
		case <-o.full:
			open = false
		case <-s.flushing:
			open = false
		case <-s.ctx.Done():
			open = false
		}
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		s.closeObject(o)
		s.finish(o, errStopped)
		return
	}
	s.closeObject(o)
	s.send(o)
}

// send uploads an object, which holds a slot, and hands it to commitLoop, which frees
// the slot.
func (s *sealer) send(o *object) {
	if err := s.upload(o); err != nil {
		<-s.slots
		s.finish(o, err)
		return
	}
	s.uploaded <- o
}

func (s *sealer) closeObject(o *object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, o.quarantine)
	close(o.closed)
}

// build ends the object, once.
func (s *sealer) build(o *object) (err error) {
	if o.sealed != nil {
		return nil
	}
	s.drain(o)
	if o.sealed, err = o.builder.Finish(); err != nil {
		return fmt.Errorf("cannot build an object: %w", err)
	}
	for text, at := range o.blobs {
		b, err := ledger.NewBlob(text, at, o.sealed.Retention)
		if err != nil {
			return fmt.Errorf("cannot build a blob: %w", err)
		}
		o.texts = append(o.texts, b)
	}
	s.buildPrompts(o)
	o.blobs, o.prompts = nil, nil
	return nil
}

// upload writes the object, after the texts that its lines rely on, over and over until
// the bucket has them.
func (s *sealer) upload(o *object) error {
	if err := s.build(o); err != nil {
		return err
	}
	for _, text := range o.texts {
		if err := s.putSealed(text, textTypes[text.Kind]); err != nil {
			return err
		}
	}
	return s.putSealed(o.sealed, contentTypes[s.cfg.Compression])
}

func (s *sealer) putSealed(o *ledger.SealedObject, contentType string) error {
	opts := ledger.PutOptions{
		SHA256:      o.Digest,
		Retention:   ledger.Retention{Mode: o.Retention.Mode, Until: o.Retention.Until},
		ContentType: contentType,
	}
	return s.retry(s.ctx, func() error { return s.put(s.ctx, o.Key, o.Body, opts) })
}

var (
	contentTypes = map[string]string{ledger.Gzip: "application/gzip", ledger.Zstd: "application/zstd", ledger.None: "application/x-ndjson"}
	textTypes    = map[string]string{ledger.ObjectBlob: contentTypes[ledger.Gzip], ledger.ObjectPrompt: "text/plain; charset=utf-8"}
)

// finish tells everyone who waits for the object.
func (s *sealer) finish(o *object, err error) {
	o.err = err
	if o.segment != nil {
		s.took(o.segment, err)
	} else {
		s.unsealed.Add(-int64(o.events))
	}
	close(o.done)
}
