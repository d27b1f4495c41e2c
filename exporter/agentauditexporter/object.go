package agentauditexporter

import (
	"context"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// object is a data object on its way from the first event to the manifest that names it.
// Who made it adds to it and then passes it on: one at a time has it, but for its feed,
// which may be drained meanwhile.
type object struct {
	kind   kind
	limits *BatchConfig
	feed   feed
	events int
	size   int // bytes of their lines
	texts  texts
	// shared is how long texts are locked that objects of other classes may rely on, too.
	shared ledger.ObjectRetention

	// What is uploaded, the same bytes at every try. It is there when the object is built.
	sealed   *ledger.SealedObject
	attached []*ledger.SealedObject // the texts

	slot    slots                // of which it holds one; nil where it holds none
	settled func(*object, error) // is told of the end before anyone who waits for done
	done    chan struct{}        // closed when the object is sealed, or given up with err
	err     error
}

// maker makes the objects of a log.
type maker struct {
	cfg     *Config
	log     string // its name, once it is known
	prompts *prompts
}

// object makes one whose key carries the time at, and is a function of the source where
// there is one.
func (m *maker) object(k kind, at time.Time, source string, settled func(*object, error)) *object {
	lock, now := &m.cfg.ObjectLock, time.Now()
	retention := lock.of(k)
	until := lock.after(now, max(lock.longest(), retention)).Until
	return &object{
		kind: k, limits: &m.cfg.Batch, shared: ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: lock.Mode, Until: until},
		feed: feed{builder: ledger.NewObjectBuilder(ledger.ObjectOptions{
			Log: m.log, Quarantine: k.quarantine, Source: source,
			Compression: m.cfg.Compression, Level: m.cfg.CompressionParams.Level,
			Retention: lock.after(now, retention), RetentionClass: k.class,
		}, at)},
		texts:   texts{known: m.prompts},
		settled: settled,
		done:    make(chan struct{}),
	}
}

// fits reports whether the object takes another line of that size; an empty one takes any.
func (o *object) fits(size int) bool {
	if o.events == 0 {
		return true
	}
	return o.events < o.limits.MaxEvents && int64(o.size+o.texts.bytes+size) < int64(o.limits.MaxBytes)
}

// take takes lines from number from on into the object: those of its class, as far as they
// fit. It returns how many, and whether its feed should be drained. It has the memory of
// the lines where it took them all.
func (o *object) take(l *ledger.Lines, from int) (n int, enough bool) {
	for from+n < len(l.Metas) && o.admit(len(l.Line(from+n)), &l.Metas[from+n]) {
		n++
	}
	switch {
	case n == 0:
		return 0, false
	case n == len(l.Metas): // mostly
		return n, o.feed.put(l)
	}
	part := newLines()
	for i := from; i < from+n; i++ {
		part.Text = append(part.Text, l.Line(i)...)
		part.End(l.Metas[i])
	}
	return n, o.feed.put(part)
}

// takeLine is take for a copy of one line. It drains the feed where that is due.
func (o *object) takeLine(line []byte, m semconv.Meta) bool {
	if !o.admit(len(line), &m) {
		return false
	}
	if o.feed.putLine(line, m) {
		o.feed.drain()
	}
	return true
}

// admit counts a line into the object, if it fits, and keeps the texts that it relies on.
func (o *object) admit(size int, m *semconv.Meta) bool {
	if kindOf(m) != o.kind || !o.fits(size) {
		return false
	}
	o.events++
	o.size += size + 1
	o.texts.take(m)
	return true
}

// build ends the object, once.
func (o *object) build() (err error) {
	if o.sealed != nil {
		return nil
	}
	o.feed.drain()
	if o.sealed, err = o.feed.builder.Finish(); err != nil {
		return fmt.Errorf("cannot build an object: %w", err)
	}
	o.attached, err = o.texts.build(o.shared)
	return err
}

// finish ends the object's way, sealed or given up with err, and tells everyone who waits
// for it.
func (o *object) finish(err error) {
	if err == nil {
		o.texts.named(o.attached)
	}
	if o.slot != nil {
		<-o.slot
	}
	o.err = err
	o.settled(o, err)
	close(o.done)
}

// slots bound the objects that are closed and not sealed yet: each holds one.
type slots chan struct{}

// take waits for a slot, and reports whether there was one before ctx ended.
func (s slots) take(ctx context.Context) bool {
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
