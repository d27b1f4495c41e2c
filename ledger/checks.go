package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checks holds the checkpoints of a log against it as a walk comes to them: those
// that the caller has, and those in the store.
type checks struct {
	r      Reader
	w      *walker
	sum    *LogReport
	stamps func(response, note []byte) (time.Time, string, error)
	given  []*Checkpoint // by size
	next   func() (Version, error, bool)
	stop   func()
	ahead  *Version // the first in the store that the walk has not come to
	size   int64    // of it
	began  bool
	missed bool // a checkpoint speaks of more than is there
}

func newChecks(ctx context.Context, r Reader, w *walker, sum *LogReport, o VerifyOptions) *checks {
	c := &checks{r: r, w: w, sum: sum, stamps: o.Timestamps}
	for _, g := range slices.Concat(o.Checkpoints, o.From) {
		if g.Log == w.log {
			c.given = append(c.given, g)
		}
	}
	slices.SortFunc(c.given, func(a, b *Checkpoint) int { return int(a.Size - b.Size) })
	c.next, c.stop = iter.Pull2(r.List(ctx, CheckpointPrefix+w.log+"/", ""))
	return c
}

// pull goes on to the next checkpoint in the store.
func (c *checks) pull() error {
	c.ahead = nil
	for {
		at, err, ok := c.next()
		if !ok || err != nil {
			return err
		}
		digits, ok := strings.CutSuffix(strings.TrimPrefix(at.Key, CheckpointPrefix+c.w.log+"/"), ".txt")
		size, err := strconv.ParseInt(digits, 10, 64)
		if at.DeleteMarker || !ok || err != nil || CheckpointKey(c.w.log, size) != at.Key {
			continue
		}
		c.ahead, c.size = &at, size
		return nil
	}
}

// passed judges the checkpoints that the walk has come to.
func (c *checks) passed(ctx context.Context) error {
	if !c.began {
		c.began = true
		if err := c.pull(); err != nil {
			return err
		}
	}
	here := c.w.at.seq + 1
	for len(c.given) > 0 && c.given[0].Size <= here {
		if c.given[0].Size == here {
			c.judge(c.given[0], "")
		}
		c.given = c.given[1:]
	}
	for c.ahead != nil && c.size <= here {
		if c.size == here {
			if err := c.stored(ctx); err != nil {
				return err
			}
		}
		if err := c.pull(); err != nil {
			return err
		}
	}
	return nil
}

// rest judges the checkpoints of more manifests than there are.
func (c *checks) rest(ctx context.Context) error {
	if c.w.cut() {
		return nil
	}
	for _, g := range c.given {
		c.judge(g, "")
	}
	if !c.began {
		if err := c.pull(); err != nil {
			return err
		}
	}
	for c.ahead != nil {
		if err := c.stored(ctx); err != nil {
			return err
		}
		if err := c.pull(); err != nil {
			return err
		}
	}
	return nil
}

// stored reads the checkpoint ahead and judges it.
func (c *checks) stored(ctx context.Context) error {
	foreign := func(reason string) {
		c.w.note(Finding{Severity: SeverityWarning, Code: CodeForeignCheckpoint, Log: c.w.log, Object: c.ahead.Key, Version: c.ahead.ID, Expected: "a checkpoint signed by a key of the log", Found: reason, Message: "something else stands at the key of a checkpoint; it is not believed"})
	}
	if c.ahead.Size > maxCheckpoint {
		foreign("larger than any checkpoint")
		return nil
	}
	text, err := c.r.Get(ctx, c.ahead.Key, c.ahead.ID)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
		foreign(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	cp, err := ParseCheckpoint(text, c.w.keys, nil)
	switch {
	case err != nil:
		foreign(err.Error())
	case cp.Log != c.w.log || cp.Size != c.size:
		foreign("a checkpoint of log " + cp.Log + ", size " + strconv.FormatInt(cp.Size, 10))
	case !c.w.maySignCheckpoint(cp):
		foreign("signed by key " + cp.KeyID + " outside its time")
	default:
		if c.stamps != nil {
			cp.Timestamp, err = c.r.Get(ctx, TimestampKey(cp.Log, cp.Size), "")
			if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
				return err
			}
		}
		c.judge(cp, c.ahead.Key)
	}
	return nil
}

// judge compares a checkpoint with the chain; object is its key, "" where the caller
// has it.
func (c *checks) judge(cp *Checkpoint, object string) {
	f := Finding{Severity: SeverityError, Log: c.w.log, Seq: cp.Size - 1, Object: object, Expected: "a tree of " + strconv.FormatInt(cp.Size, 10) + " manifests with the root " + cp.Root}
	switch {
	case c.w.at == nil || cp.Size > c.w.at.seq+1:
		c.missed = true
		f.Code, f.Found, f.Message = CodeLogRewound, "no manifest", "a checkpoint was made of manifests that are not there: the tail was cut off"
		if c.w.at != nil {
			f.Found = "manifests up to " + strconv.FormatInt(c.w.at.seq, 10)
		}
	case hex.EncodeToString(c.w.at.tree.Root()) != cp.Root:
		f.Code, f.Found, f.Message = CodeCheckpointMismatch, "the root "+hex.EncodeToString(c.w.at.tree.Root()), "the log is not the one that the checkpoint was made of: it was rewritten"
	default:
		c.sum.Checkpoints++
		c.sum.Cosignatures = append(c.sum.Cosignatures, cp.Cosigs...)
		c.timestamp(cp)
		return
	}
	c.w.note(f)
}

// timestamp notes the time by which a checkpoint that holds existed.
func (c *checks) timestamp(cp *Checkpoint) {
	if c.stamps == nil || cp.Timestamp == nil {
		return
	}
	at, by, err := c.stamps(cp.Timestamp, cp.Note)
	if err != nil {
		c.w.note(Finding{Severity: SeverityWarning, Code: CodeTimestampInvalid, Log: c.w.log, Seq: cp.Size - 1, Object: TimestampKey(cp.Log, cp.Size), Expected: "a timestamp over the checkpoint by a trusted authority", Found: err.Error(), Message: "the time of the checkpoint is not proven"})
		return
	}
	if c.sum.Timestamp == nil || c.sum.Timestamp.Size <= cp.Size {
		c.sum.Timestamp = &Timestamp{Size: cp.Size, At: at, By: by}
	}
}
