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
// that the auditor holds, and those in the store.
type checks struct {
	r      Reader
	w      *walker
	sum    *LogReport
	stamps func(response, note []byte) (time.Time, string, error)
	policy *Policy       // whose quorum is asked for; nil: nobody's
	maxAge time.Duration // the longest that this may be ago; 0: any
	held   []*Checkpoint // by size
	judged int           // how many of them were compared, or cannot be
	agreed bool          // one of them is of a tree that the walk came to
	missed bool          // a checkpoint speaks of more than is there
	// refuted: what a quorum cosigned is not what is there, or cannot be compared.
	refuted bool

	later map[int64]string // what the log has sealed since it was walked: its roots by place

	next  func() (Version, error, bool)
	stop  func()
	ahead *Version // the first in the store that the walk has not come to
	size  int64    // of it
	here  int64    // the size that the walk came to last
}

func newChecks(w *walker, sum *LogReport, o VerifyOptions) *checks {
	c := &checks{r: w.r, w: w, sum: sum, stamps: o.Timestamps, policy: o.Witnesses, maxAge: o.MaxAge, stop: func() {}}
	for _, g := range slices.Concat(o.Checkpoints, o.From) {
		if g.Log == w.log {
			c.held = append(c.held, g)
			w.held = append(w.held, g.Genesis)
		}
	}
	c.sort()
	return c
}

func (c *checks) sort() {
	slices.SortStableFunc(c.held, func(a, b *Checkpoint) int { return int(a.Size - b.Size) })
}

// proven judges those that the auditor holds by the tiles, as far as these go.
func (c *checks) proven(ctx context.Context, s *shortcut) error {
	list := make([]*Checkpoint, 0, len(c.held))
	for _, g := range c.held {
		g, err := c.identify(g, false)
		if err != nil {
			return errNoShortcut
		}
		list = append(list, g)
	}
	agreed, others, err := s.held(ctx, list)
	if err != nil {
		return err
	}
	for _, g := range agreed {
		c.agree(g, g.object)
	}
	c.held = others
	return nil
}

// list goes through the checkpoints in the store from a size on.
func (c *checks) list(ctx context.Context, size int64) {
	after := ""
	if size > 1 {
		after = CheckpointKey(c.w.log, size-1)
	}
	c.stop()
	c.next, c.stop = iter.Pull2(c.r.List(ctx, CheckpointPrefix+c.w.log+"/", after))
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

// began judges what the auditor holds of manifests that are not there any more: all of
// them again, where the walk began anew.
func (c *checks) began(before *link) error {
	c.judged, c.agreed, c.refuted, c.sum.Witnessed = 0, false, false, nil
	for c.judged < len(c.held) && c.held[c.judged].Size <= before.seq+1 {
		g := c.identified(c.held[c.judged], false)
		c.judged++
		if g == nil {
			continue
		}
		if g.Size == before.seq+1 {
			c.judge(g, g.object, before)
			continue
		}
		c.refuted = true
		c.w.doubt(CodeNotCompared, g.Size-1, Version{Key: ManifestKey(c.w.log, g.Size-1)}, "the first "+strconv.FormatInt(g.Size, 10)+" manifests", "manifests from "+strconv.FormatInt(before.seq+1, 10)+" on", "a checkpoint that you hold is of manifests that are not there any more: give one of a later state")
	}
	return nil
}

// passed judges the checkpoints that the walk has come to.
func (c *checks) passed(ctx context.Context, at *link) error {
	here := at.seq + 1
	if c.next == nil || here != c.here+1 { // the first, or behind what was not walked
		c.list(ctx, here)
		if err := c.pull(); err != nil {
			return err
		}
	}
	c.here = here
	for c.judged < len(c.held) && c.held[c.judged].Size <= here {
		g := c.held[c.judged]
		c.judged++
		if g.Size != here { // of a place in a gap, which is told
			c.missed = true
		} else if g = c.identified(g, true); g != nil {
			c.judge(g, g.object, at)
		}
	}
	for c.ahead != nil && c.size <= here {
		if c.size == here {
			if err := c.stored(ctx, at); err != nil {
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
	if c.judged < len(c.held) || c.ahead != nil {
		var err error
		if c.later, err = c.w.later(ctx); err != nil {
			return err
		}
	}
	for ; c.judged < len(c.held); c.judged++ {
		if g := c.identified(c.held[c.judged], c.w.at != nil); g != nil {
			c.judge(g, g.object, nil)
		}
	}
	if c.w.at == nil || c.w.stuck {
		return nil // nothing is known of what follows
	}
	for c.ahead != nil {
		if err := c.stored(ctx, nil); err != nil {
			return err
		}
		if err := c.pull(); err != nil {
			return err
		}
	}
	return nil
}

// stored reads the checkpoint ahead and judges it; at is the place of its size, nil where
// the log does not come to it.
func (c *checks) stored(ctx context.Context, at *link) error {
	foreign := func(reason string) {
		c.w.warn(CodeForeignCheckpoint, c.size-1, *c.ahead, "a checkpoint signed by the log's key", reason, "something else stands at the key of a checkpoint; it is not believed")
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
	cp, err := ParseCheckpoint(text, c.w.ring.all, nil)
	switch {
	case err != nil:
		foreign(err.Error())
	case cp.Log != c.w.log || cp.Size != c.size || cp.Genesis != "" && c.w.genesis != "" && cp.Genesis != c.w.genesis:
		foreign("a checkpoint of " + cp.Origin() + ", size " + strconv.FormatInt(cp.Size, 10))
	case at == nil && !c.w.signs(cp.KeyID, cp.Size-1) && c.w.mayFollow(cp):
		c.missed = true
		c.w.doubt(CodeLogRewound, cp.Size-1, *c.ahead, cp.signed(), c.w.treeAt(c.w.at), "a key that you named for this log signed a checkpoint of manifests that are not there, and no rotation to it is")
	case !c.w.signs(cp.KeyID, cp.Size-1):
		foreign("signed by key " + cp.KeyID + ", which does not sign here")
	default:
		if c.stamps != nil {
			cp.Timestamp, err = c.r.Get(ctx, TimestampKey(cp.Log, cp.Size), "")
			if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
				return err
			}
		}
		c.judge(cp, c.ahead.Key, at)
	}
	return nil
}

// judge compares a checkpoint with the chain at its size, nil where the log does not come
// to it. object is its key, "" where the auditor holds it: what he holds is never dropped.
func (c *checks) judge(cp *Checkpoint, object string, at *link) {
	have := "no manifest"
	if at != nil {
		have = c.w.treeAt(at)
	} else if c.w.at != nil {
		have = "manifests up to " + strconv.FormatInt(c.w.at.seq, 10) + ": " + c.w.treeAt(c.w.at)
	}
	note := func(severity Severity, code, message string) {
		if severity == SeverityUnknown {
			c.w.doubted = true
		}
		c.refuted = c.refuted || cp.object != ""
		c.w.note(Finding{Severity: severity, Code: code, Log: c.w.log, Seq: cp.Size - 1, Object: object, Expected: cp.signed(), Found: have, Message: message})
	}
	severity := SeverityError
	switch {
	case object == "" && (c.w.at == nil && at == nil || cp.Genesis != "" && cp.Genesis != c.w.genesis && c.w.genesis != ""):
		// Of a log that is gone whole, or whose name another key has taken, nobody knows
		// whether its time had come.
		severity = SeverityUnknown
	case object == "" && !c.w.signs(cp.KeyID, cp.Size-1):
		severity = SeverityUnknown
	case object != "" && (cp.Genesis == "" || c.w.genesis == ""):
		severity = SeverityUnknown // version 1 does not say of which log of this name it is
	case at == nil && !c.w.locked():
		severity = SeverityUnknown // what followed may have expired
	}
	late := c.later[cp.Size-1]
	switch {
	case at == nil && late == cp.Root:
		c.agree(cp, object) // it goes on while it is verified
	case at == nil && late != "":
		note(severity, CodeCheckpointMismatch, "the log is not the one that the checkpoint was made of: it was rewritten")
	case at == nil:
		c.missed = true
		if c.w.stuck {
			severity = SeverityUnknown
		}
		note(severity, CodeLogRewound, "a checkpoint was made of manifests that are not there")
	case hex.EncodeToString(at.tree.Root()) != cp.Root:
		note(severity, CodeCheckpointMismatch, "the log is not the one that the checkpoint was made of: it was rewritten")
	default:
		c.agree(cp, object)
	}
}

// agree counts a checkpoint that the log goes on from.
func (c *checks) agree(cp *Checkpoint, object string) {
	c.agreed = c.agreed || object == "" || object == cp.object
	c.quorum(cp)
	c.sum.Checkpoints++
	c.sum.Cosignatures = append(c.sum.Cosignatures, cp.Cosigs...)
	c.timestamp(cp)
}

// signed is what a checkpoint says, with its signature.
func (c *Checkpoint) signed() string {
	lines := strings.Split(strings.TrimSpace(string(c.Note)), "\n")
	return "a tree of " + strconv.FormatInt(c.Size, 10) + " manifests with the root " + c.Root + ", signed by key " + c.KeyID + ": " + lines[min(4, len(lines)-1)]
}

// treeAt is what the log gives for a place, with the signature of its newest manifest.
func (w *walker) treeAt(l *link) string {
	return "a tree of " + strconv.FormatInt(l.seq+1, 10) + " manifests with the root " + hex.EncodeToString(l.tree.Root()) + ", of the manifest " + l.digest + ", signed by key " + w.keyAt(l.seq)
}

// timestamp notes the time by which a checkpoint that holds existed.
func (c *checks) timestamp(cp *Checkpoint) {
	if c.stamps == nil || cp.Timestamp == nil {
		return
	}
	at, by, err := c.stamps(cp.Timestamp, cp.Note)
	if err != nil {
		c.w.warn(CodeTimestampInvalid, cp.Size-1, Version{Key: TimestampKey(cp.Log, cp.Size)}, "a timestamp over the checkpoint by a trusted authority", err.Error(), "the time of the checkpoint is not proven")
		return
	}
	if c.sum.Timestamp == nil || c.sum.Timestamp.Size <= cp.Size {
		c.sum.Timestamp = &Timestamp{Size: cp.Size, At: at, By: by}
	}
}
