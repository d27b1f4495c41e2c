package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
)

// cosignedSuffix ends the key of what stands beside a checkpoint: the same note, with the
// cosignatures of witnesses (c2sp.org/tlog-cosignature). Anyone may put anything there.
const cosignedSuffix = ".cosigned"

// CosignedKey is the key of the cosigned checkpoint of a log at a size.
func CosignedKey(log string, size int64) string {
	return strings.TrimSuffix(CheckpointKey(log, size), ".txt") + cosignedSuffix
}

// PutCosigned stores a checkpoint with cosignatures beside the one that the log wrote. lock is
// what it is locked with: it must be removable.
func PutCosigned(ctx context.Context, s Store, c *Checkpoint, lock Retention) error {
	return putOver(ctx, s, CosignedKey(c.Log, c.Size), c.Note, PutOptions{Retention: lock, ContentType: "text/plain; charset=utf-8"})
}

// Witnessed is what a quorum of witnesses confirms of a log: that each, as of its time, had
// seen its first Size manifests, and no other history of the log of that genesis.
type Witnessed struct {
	Size int64         `json:"size"`
	By   []Cosignature `json:"by"`
}

const (
	// maxCosigned bounds how many cosigned checkpoints of a log are read in search of one
	// that has a quorum: any number can be planted.
	maxCosigned = 64
	// lately is how many manifests back they are looked for first.
	lately = 10_000
)

// NewestCosigned finds the newest cosigned checkpoint of a log in the store; with a policy,
// the newest that a quorum cosigned. Who signed it as the log was not checked. Of several logs
// of that name, it is one of the log whose manifest 0 is there, where there is any. It is nil
// for none, and without a policy where only older ones are left.
func NewestCosigned(ctx context.Context, r Reader, p *Policy, log string) (*Checkpoint, error) {
	genesis, err := begins(ctx, r, log)
	if err != nil {
		return nil, err
	}
	after := ""
	text, err := r.Get(ctx, TileCheckpointKey(log), "")
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
		return nil, err
	}
	if of, size, ok := noteOf(string(text)); ok && of == log && size > lately { // a hint
		after = CheckpointKey(log, size-lately)
	}
	found, err := cosignedAfter(ctx, r, p, log, genesis, after)
	if p != nil && after != "" && (found == nil || found.Genesis != genesis) && err == nil {
		return cosignedAfter(ctx, r, p, log, genesis, "")
	}
	return found, err
}

// begins is the genesis of the log whose manifest 0 is there, as a hint; "" for none.
func begins(ctx context.Context, r Reader, log string) (string, error) {
	body, err := r.Get(ctx, ManifestKey(log, 0), "")
	if err != nil {
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			err = nil
		}
		return "", err
	}
	m, _, err := parseEnvelope(body)
	if err != nil {
		return "", nil //nolint:nilerr // what is no manifest hints at nothing
	}
	return hexDigest(m.Digest), nil
}

func cosignedAfter(ctx context.Context, r Reader, p *Policy, log, genesis, after string) (other *Checkpoint, err error) {
	var list []Version // by size
	for v, err := range r.List(ctx, CheckpointPrefix+log+"/", after) {
		if err != nil {
			return nil, err
		}
		if !v.DeleteMarker && v.Size <= maxCheckpoint && strings.HasSuffix(v.Key, cosignedSuffix) {
			list = append(list, v)
		}
	}
	for _, v := range slices.Backward(list[max(0, len(list)-maxCosigned):]) {
		text, err := r.Get(ctx, v.Key, v.ID)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c := unsigned(text)
		if c == nil || CosignedKey(c.Log, c.Size) != v.Key || !p.Satisfied(c) {
			continue
		}
		c.object = v.Key
		if genesis == "" || c.Genesis == genesis || c.Genesis == "" {
			return c, nil
		}
		if other == nil {
			other = c
		}
	}
	return other, nil
}

// unsigned reads what a checkpoint says, whoever signed it; nil for what is none.
func unsigned(text []byte) *Checkpoint {
	var head log.Checkpoint
	rest, err := head.Unmarshal(text)
	if err != nil || len(rest) == 0 || rest[0] != '\n' || len(head.Hash) != 32 || head.Size == 0 || head.Size > 1<<53 {
		return nil
	}
	name, genesis, ok := parseOrigin(head.Origin)
	if !ok {
		return nil
	}
	return &Checkpoint{Log: name, Genesis: genesis, Size: int64(head.Size), Root: hex.EncodeToString(head.Hash), Note: text}
}

// hold adds the cosigned checkpoint of the log, where the auditor asks for a quorum and one
// is there: it counts as one that he holds himself.
func (c *checks) hold(cp *Checkpoint) {
	if cp == nil {
		return
	}
	c.held = append(c.held, cp)
	c.sort()
}

// identified is a held checkpoint as a key of the log signed it. One that was found in the
// store and is not of this log is told of, and is nil.
func (c *checks) identified(g *Checkpoint, reached bool) *Checkpoint {
	cp, err := c.identify(g, reached)
	if err != nil {
		c.w.warn(CodeForeignCheckpoint, g.Size-1, Version{Key: g.object}, "a cosigned checkpoint signed by the log's key", err.Error(), "a quorum of witnesses cosigned a checkpoint that is not of this log; it is not believed")
	}
	return cp
}

// identify finds who signed a held checkpoint as the log; reached: the log comes to it.
func (c *checks) identify(g *Checkpoint, reached bool) (*Checkpoint, error) {
	if g.object == "" {
		return g, nil
	}
	cp, err := ParseCheckpoint(g.Note, c.w.ring.all, c.policy.Known())
	switch {
	case err != nil:
		return nil, err
	case cp.Genesis != "" && c.w.genesis != "" && cp.Genesis != c.w.genesis:
		return nil, fmt.Errorf("a checkpoint of %s", cp.Origin())
	case reached && !c.w.signs(cp.KeyID, cp.Size-1):
		return nil, fmt.Errorf("signed by key %s, which does not sign here", cp.KeyID)
	}
	cp.object = g.object
	return cp, nil
}

// quorum notes what a checkpoint that the log goes on from shows of witnesses.
func (c *checks) quorum(cp *Checkpoint) {
	if !c.policy.Asks(cp.Log) || !c.policy.Satisfied(cp) {
		return
	}
	if c.sum.Witnessed == nil || c.sum.Witnessed.Size < cp.Size {
		c.sum.Witnessed = &Witnessed{Size: cp.Size, By: cp.Cosigs}
	}
}

// unwitnessed tells where the quorum that the auditor asks for is missing, or old.
func (c *checks) unwitnessed(silent time.Time) {
	if !c.policy.Asks(c.w.log) || c.w.at == nil {
		return
	}
	at := Version{Key: ManifestKey(c.w.log, c.w.at.seq)}
	s := c.sum.Witnessed
	if s == nil {
		if !c.refuted {
			c.w.doubt(CodeNotWitnessed, c.w.at.seq, at, "a checkpoint of the log that a quorum of the witnesses cosigned", "none in the store, and none that you gave", "no quorum of the witnesses that you ask for vouches for the log")
		}
		return
	}
	var newest time.Time
	for _, by := range s.By {
		newest = latest(newest, by.At)
	}
	if age := silent.Sub(newest); c.maxAge > 0 && age > c.maxAge && (!c.w.at.kind.Ends() || s.Size <= c.w.at.seq) {
		c.w.warn(CodeNotWitnessed, c.w.at.seq, at, "a cosignature of the last "+c.maxAge.String(), "the newest is "+age.Truncate(time.Second).String()+" old", fmt.Sprintf("a quorum of the witnesses vouches for the first %d manifests alone, and has done nothing since", s.Size))
	}
}
