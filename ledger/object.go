package ledger

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Compressions of data objects.
const (
	Gzip = "gzip"
	Zstd = "zstd"
	None = "none"
)

var suffixes = map[string]string{Gzip: ".jsonl.gz", Zstd: ".jsonl.zst", None: ".jsonl"}

// Kinds of objects that a manifest names.
const (
	ObjectEvents  = "events"  // lines of events
	ObjectBlob    = "blob"    // the full text of a field that was too long for its line
	ObjectPrompt  = "prompt"  // a system prompt
	ObjectContent = "content" // content that is kept apart from its lines
)

// Object is what a manifest says of a data object: one entry of its `objects`.
type Object struct {
	Key  string `json:"key"`
	Kind string `json:"kind,omitempty"` // in version 1 the key tells it
	// Of and Frames are of content kept apart: the object with its lines, and the frames in
	// it with the RFC 6962 root over their heads.
	Of     string `json:"of,omitempty"`
	Frames *struct {
		Count int64  `json:"count"`
		Root  string `json:"root"`
	} `json:"frames,omitempty"`
	SHA256            string           `json:"sha256"` // of the object as stored
	Bytes             int64            `json:"bytes"`  // as stored
	Events            int64            `json:"events"`
	UncompressedBytes int64            `json:"uncompressed_bytes"`
	MerkleRoot        string           `json:"merkle_root"` // RFC 6962, over the lines without their newlines
	MinTimestamp      Instant          `json:"min_timestamp"`
	MaxTimestamp      Instant          `json:"max_timestamp"`
	EventTypes        map[string]int64 `json:"event_types"`
	MissingFields     map[string]int64 `json:"missing_fields"`
	Retention         ObjectRetention  `json:"retention"`
	Sessions          Sessions         `json:"sessions"`
}

// kind is what the object is, "" where that is not known.
func (o *Object) kind() string {
	if _, of := ParseObjectKey(o.Key); o.Kind == of || o.Kind == "" {
		return of
	}
	return ""
}

// Instant is a time that is written as events write it, with nine digits of the
// nanoseconds, so that the text can be compared.
type Instant struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (i Instant) MarshalJSON() ([]byte, error) {
	return []byte(i.UTC().Format(`"2006-01-02T15:04:05.000000000Z07:00"`)), nil
}

// ObjectRetention is the lock that an object was promised.
type ObjectRetention struct {
	Class string    `json:"class"`
	Mode  string    `json:"mode"`
	Until time.Time `json:"until"`
}

// ObjectOptions say how an object is built.
type ObjectOptions struct {
	Log            string
	Quarantine     bool   // under quarantine/ instead of data/
	Compression    string // Gzip, Zstd or None
	Level          int    // of the compression; 0 is its default, for Zstd one by the lines
	Retention      Retention
	RetentionClass string // "" is "default"
	// Source, if any, names what the lines are read from: an object that is built again
	// of the same lines, for the same time, then gets the same key.
	Source string
}

// SealedObject is an object that is ready to be stored.
type SealedObject struct {
	Object
	Body   []byte
	Digest [32]byte // SHA-256 of Body
}

// ObjectBuilder gathers lines into one data object, compressing as they come. It is
// not safe for concurrent use.
type ObjectBuilder struct {
	obj      Object
	source   string
	key      func(random string) string
	body     bytes.Buffer
	digest   hash.Hash    // of the body as it grows
	begin    func() error // begins the compression, and sets comp
	comp     io.WriteCloser
	release  func()
	sample   sample
	tree     *Tree
	sessions sessionSet
	seen     summary
	err      error // the first, for Finish
}

// NewObjectBuilder begins an object whose key carries the time now. Options that
// are wrong are an error of Finish.
func NewObjectBuilder(o ObjectOptions, now time.Time) *ObjectBuilder {
	prefix := DataPrefix
	if o.Quarantine {
		prefix = QuarantinePrefix
	}
	class := o.RetentionClass
	if class == "" {
		class = DefaultClass
	}
	b := &ObjectBuilder{source: o.Source, digest: sha256.New(), tree: NewTree(), seen: newSummary()}
	b.key = func(random string) string {
		return objectKey(prefix, class, o.Log, now, random, suffixes[o.Compression])
	}
	b.obj.Kind = ObjectEvents
	b.obj.Retention = ObjectRetention{Class: class, Mode: o.Retention.Mode, Until: o.Retention.Until.UTC()}
	b.begin = func() error { return b.compressor(o.Compression, o.Level) }
	if o.Compression != Zstd || o.Level != 0 {
		b.err = b.begin()
	}
	if !ValidLog(o.Log) {
		b.err = fmt.Errorf("log id %q must match %s", o.Log, logID)
	}
	if !ValidClass(class) {
		b.err = fmt.Errorf("retention class %q must match %s", class, className)
	}
	return b
}

// Pools of compressors by level; one is some hundred kilobytes.
var gzipPools, zstdPools sync.Map

func (b *ObjectBuilder) compressor(name string, level int) error {
	out := io.MultiWriter(&b.body, b.digest)
	switch name {
	case Gzip:
		if level == 0 {
			level = gzip.DefaultCompression
		}
		p, _ := gzipPools.LoadOrStore(level, &sync.Pool{})
		pool := p.(*sync.Pool)
		w, _ := pool.Get().(*gzip.Writer)
		if w == nil {
			var err error
			if w, err = gzip.NewWriterLevel(nil, level); err != nil {
				return err
			}
		}
		w.Reset(out)
		b.comp, b.release = w, func() { pool.Put(w) }
	case Zstd:
		if level == 0 {
			level = b.sample.level()
		}
		p, _ := zstdPools.LoadOrStore(level, &sync.Pool{})
		pool := p.(*sync.Pool)
		w, _ := pool.Get().(*zstd.Encoder)
		if w == nil {
			var err error
			// One goroutine: objects are built in parallel as it is.
			if w, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1)); err != nil {
				return err
			}
		}
		w.Reset(out)
		b.comp, b.release = w, func() { pool.Put(w) }
	case None:
		b.comp, b.release = nopCloser{out}, func() {}
	default:
		return fmt.Errorf("compression %q must be gzip, zstd or none", name)
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// Lines are the lines of events, one after the other, with what their object's
// description needs to know of them.
type Lines struct {
	Text  []byte // each line with its newline
	Ends  []int  // where each line ends in Text, after its newline
	Metas []semconv.Meta
}

// End ends a line that was appended to Text, without its newline.
func (l *Lines) End(m semconv.Meta) {
	l.Text = append(l.Text, '\n')
	l.Ends = append(l.Ends, len(l.Text))
	l.Metas = append(l.Metas, m)
}

// Line is line i, without its newline.
func (l *Lines) Line(i int) []byte {
	from := 0
	if i > 0 {
		from = l.Ends[i-1]
	}
	return l.Text[from : l.Ends[i]-1]
}

// Reset empties l and keeps its memory.
func (l *Lines) Reset() {
	clear(l.Metas) // and what they point at
	l.Text, l.Ends, l.Metas = l.Text[:0], l.Ends[:0], l.Metas[:0]
}

// Add puts a line, without its newline, into the object.
func (b *ObjectBuilder) Add(line []byte, m semconv.Meta) {
	l := Lines{Text: bytes.Clone(line)}
	l.End(m)
	b.AddLines(&l)
}

// AddLines puts lines into the object.
func (b *ObjectBuilder) AddLines(l *Lines) {
	if b.err != nil {
		return
	}
	for i := range l.Metas {
		m := &l.Metas[i]
		b.tree.Append(l.Line(i))
		b.seen.add(m.EventType, m.Timestamp, m.Missing)
		b.sessions.add(m.SessionID)
	}
	b.obj.Events += int64(len(l.Metas))
	b.obj.UncompressedBytes += int64(len(l.Text))
	if b.comp == nil {
		if b.sample.add(l); !b.sample.enough() {
			return
		}
		b.err = b.compress()
		return
	}
	_, b.err = b.comp.Write(l.Text)
}

// compress begins the compression with what was sampled.
func (b *ObjectBuilder) compress() error {
	if err := b.begin(); err != nil {
		return err
	}
	_, err := b.comp.Write(b.sample.text)
	b.sample.text = nil
	return err
}

// Events is how many lines the object holds.
func (b *ObjectBuilder) Events() int { return int(b.obj.Events) }

// Size is how many bytes they are, uncompressed.
func (b *ObjectBuilder) Size() int { return int(b.obj.UncompressedBytes) }

// Finish ends the object; the builder is of no more use.
func (b *ObjectBuilder) Finish() (*SealedObject, error) {
	if b.err != nil {
		return nil, b.err
	}
	if b.comp == nil {
		if err := b.compress(); err != nil {
			return nil, err
		}
	}
	if err := b.comp.Close(); err != nil {
		return nil, err
	}
	b.release()
	root := b.tree.Root()
	s := &SealedObject{Object: b.obj, Body: b.body.Bytes()}
	s.Key = b.key(b.random(root))
	b.digest.Sum(s.Digest[:0])
	s.SHA256 = hex.EncodeToString(s.Digest[:])
	s.Bytes = int64(len(s.Body))
	s.MerkleRoot = hex.EncodeToString(root)
	s.MinTimestamp, s.MaxTimestamp = Instant{b.seen.min}, Instant{b.seen.max}
	s.EventTypes, s.MissingFields = b.seen.types, b.seen.missing
	s.Sessions = b.sessions.summary()
	return s, nil
}

// random is the part of the key that tells the object from others of its time.
func (b *ObjectBuilder) random(root []byte) string {
	if b.source == "" {
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails: crypto/rand
		return hex.EncodeToString(random[:])
	}
	h := sha256.New()
	h.Write([]byte(b.source))
	h.Write([]byte{0})
	h.Write(root)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// summary is what an object's description counts over its lines; the verifier
// counts it again.
type summary struct {
	min, max time.Time
	types    map[string]int64
	missing  map[string]int64
}

func newSummary() summary { return summary{types: map[string]int64{}, missing: map[string]int64{}} }

func (s *summary) add(typ string, at time.Time, missing []string) {
	at = at.UTC()
	if len(s.types) == 0 || at.Before(s.min) {
		s.min = at
	}
	if len(s.types) == 0 || at.After(s.max) {
		s.max = at
	}
	s.types[typ]++
	for _, f := range missing {
		s.missing[f]++
	}
}
