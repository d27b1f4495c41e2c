package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// ReadOptions say which events to read.
type ReadOptions struct {
	Keys    []PublicKey
	Logs    []string // nil: all
	Session string   // only objects that may hold events of this session; "" for all
	// Sessions, if any, is asked instead of Session for each object.
	Sessions func(*Sessions) bool
	// Since and Until bound what is read by the time of its manifest; zero bounds nothing.
	Since, Until time.Time
}

// EventLine is a line of a sealed object whose content was checked.
type EventLine struct {
	Line   []byte // valid until the next step of the iteration
	Log    string
	Seq    int64
	Object string
	N      int // the line's number, from 1
}

// Events reads the lines of a trail, in the order in which each log sealed them,
// verified as they are read: the chain, the digest and the Merkle root of an object
// before any of its lines. What does not hold comes as an error that is a *Finding,
// and the reading goes on; any other error ends it.
func Events(ctx context.Context, r Reader, o ReadOptions) iter.Seq2[EventLine, error] {
	return func(yield func(EventLine, error) bool) {
		if err := readEvents(ctx, r, o, yield); err != nil && !errors.Is(err, errStopped) {
			yield(EventLine{}, err)
		}
	}
}

var errStopped = errors.New("stopped")

func readEvents(ctx context.Context, r Reader, o ReadOptions, yield func(EventLine, error) bool) error {
	if len(o.Keys) == 0 {
		return errors.New("no public key to verify with")
	}
	logs, found, known := o.Logs, o.Logs == nil, false
	if found {
		var err error
		if logs, err = Logs(ctx, r); err != nil {
			return err
		}
	}
	if len(logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	stopped := false
	note := func(f Finding) {
		if f.Severity != SeverityInfo && !stopped {
			stopped = !yield(EventLine{}, &f)
		}
	}
	for _, log := range logs {
		w := &walker{r: r, keys: o.Keys, log: log, now: time.Now(), note: note}
		err := w.walk(ctx, func(m *Manifest, _ Version) error {
			if at := m.Predicate.WrittenAt; at.Before(o.Since) || !o.Until.IsZero() && at.After(o.Until) {
				return nil
			}
			for i := range m.Predicate.Objects {
				obj := &m.Predicate.Objects[i]
				if o.Sessions != nil && !o.Sessions(&obj.Sessions) || o.Sessions == nil && o.Session != "" && !obj.Sessions.Has(o.Session) {
					continue
				}
				if err := readObject(ctx, r, job{log: log, seq: m.Predicate.Seq, obj: obj}, note, func(l EventLine) {
					if !stopped {
						stopped = !yield(l, nil)
					}
				}); err != nil {
					return err
				}
				if stopped {
					return errStopped
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if w.at != nil {
			known = true
		} else if err := w.unknown(found); err != nil {
			return err
		}
		if stopped {
			return errStopped
		}
	}
	if !known {
		return errUnknown(logs...)
	}
	return nil
}

func readObject(ctx context.Context, r Reader, j job, note func(Finding), each func(EventLine)) error {
	if blobDigest(j.obj.Key) != "" {
		return nil // it has no lines; ReadBlob reads it
	}
	body, _, findings, err := findVersion(ctx, r, j, time.Now())
	if err != nil {
		return err
	}
	for _, f := range findings {
		note(f)
	}
	if body == nil {
		return nil
	}
	tree := NewTree()
	if err := eachLine(j.obj.Key, body, func(line []byte) error { tree.Append(line); return nil }); err != nil {
		note(j.finding(CodeEncodingInvalid, err.Error()))
		return nil
	}
	if root := fmt.Sprintf("%x", tree.Root()); root != j.obj.MerkleRoot {
		f := j.finding(CodeMerkleMismatch, "the Merkle root of the lines is not what was signed")
		f.Expected, f.Found = j.obj.MerkleRoot, root
		note(f)
		return nil
	}
	n := 0
	return eachLine(j.obj.Key, body, func(line []byte) error {
		n++
		each(EventLine{Line: line, Log: j.log, Seq: j.seq, Object: j.obj.Key, N: n})
		return nil
	})
}

// ReadLog calls visit with every manifest of a log that verifies and continues the
// chain, in order; tree is the tree before it and must not be kept. What does not hold
// is the error, a *Finding; warnings are passed over.
func ReadLog(ctx context.Context, r Reader, keys []PublicKey, log string, visit func(m *Manifest, tree *Tree) error) error {
	var broken *Finding
	before := NewTree()
	w := &walker{r: r, keys: keys, log: log, now: time.Now(), note: func(f Finding) {
		if f.Severity == SeverityError && broken == nil {
			broken = &f
		}
	}}
	err := w.walk(ctx, func(m *Manifest, _ Version) error {
		if broken != nil {
			return broken
		}
		if m.Predicate.Seq == w.first {
			var err error
			if before, err = m.tree(); err != nil {
				return err
			}
		}
		if err := visit(m, before); err != nil {
			return err
		}
		before = w.at.tree
		return nil
	})
	switch {
	case err != nil:
		return err
	case broken != nil:
		return broken
	case w.at == nil:
		return errUnknown(log)
	}
	return nil
}

// ReadObject reads the lines of a sealed object that a manifest names, once its
// digest and its Merkle root were checked.
func ReadObject(ctx context.Context, r Reader, m *Manifest, o *Object, each func(EventLine)) error {
	var broken *Finding
	err := readObject(ctx, r, job{log: m.Predicate.Log, seq: m.Predicate.Seq, obj: o}, func(f Finding) {
		if f.Severity == SeverityError || f.Code == CodeExpired {
			broken = &f
		}
	}, each)
	if err == nil && broken != nil {
		return broken
	}
	return err
}

// NewestCheckpoint is the newest checkpoint of a log in the store that one of the
// keys signed, with what stands beside it as its timestamp, unchecked; nil for none.
func NewestCheckpoint(ctx context.Context, r Reader, keys []PublicKey, log string) (*Checkpoint, error) {
	var list []Version // by size
	for v, err := range r.List(ctx, CheckpointPrefix+log+"/", "") {
		if err != nil {
			return nil, err
		}
		if !v.DeleteMarker && v.Size <= maxCheckpoint && strings.HasSuffix(v.Key, ".txt") {
			list = append(list, v)
		}
	}
	for _, v := range slices.Backward(list) {
		text, err := r.Get(ctx, v.Key, v.ID)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := ParseCheckpoint(text, keys, nil)
		if err != nil || CheckpointKey(log, c.Size) != v.Key {
			continue
		}
		c.Timestamp, err = r.Get(ctx, TimestampKey(log, c.Size), "")
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
			return nil, err
		}
		return c, nil
	}
	return nil, nil
}
