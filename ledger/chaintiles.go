package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// maxCatchUp bounds how many manifests a writer reads again to go on with tiles.
const maxCatchUp = 10_000

// WriteTiles brings the tiles of the log up to its head. They are derived: an error costs
// nothing but time when the log is verified, and the next call writes what is missing.
// Where the tiles that are there are too old to go on from, RebuildTiles makes them anew.
func (c *Chain) WriteTiles(ctx context.Context, lock func() Retention) error {
	if c.head.seq < 0 {
		return nil
	}
	if c.tiles == nil {
		w, err := c.findTiles(ctx, lock)
		if err != nil {
			return err
		}
		c.tiles = w
	}
	note, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	return c.tiles.Write(ctx, note)
}

// findTiles goes on from the tiles that are there, by the manifests since.
func (c *Chain) findTiles(ctx context.Context, lock func() Retention) (*TileWriter, error) {
	size := int64(0)
	text, err := c.store.Get(ctx, TileCheckpointKey(c.o.Log), "")
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrForbidden):
	case err != nil:
		return nil, err
	default:
		// What it says is held against the manifests.
		if log, n, ok := noteOf(string(text)); ok && log == c.o.Log && n <= c.head.seq+1 {
			size = n
		}
	}
	if c.head.seq+1-size > maxCatchUp {
		return nil, fmt.Errorf("the tiles of log %s go up to %d of %d manifests: make them anew (agentaudit tiles rebuild)", c.o.Log, size, c.head.seq+1)
	}
	payloads, err := c.since(ctx, size)
	if err != nil {
		return nil, err
	}
	w := NewTileWriter(c.store, c.o.Log, lock)
	if size > 0 {
		root := hex.EncodeToString(c.head.tree.Root())
		if len(payloads) > 0 {
			root = payloads[0].Predicate.Tree.Root
		}
		if w, err = ResumeTiles(ctx, c.store, c.o.Log, lock, uint64(size), root); err != nil {
			return nil, fmt.Errorf("%w: make them anew (agentaudit tiles rebuild)", err)
		}
	}
	for _, m := range payloads {
		w.Append(hashLeaf(m.Payload))
	}
	return w, nil
}

// since reads the manifests of the chain from a place on, back from the head.
func (c *Chain) since(ctx context.Context, size int64) ([]*Manifest, error) {
	list := make([]*Manifest, c.head.seq+1-size)
	f := &finder{r: c.store, log: c.o.Log, key: c.key, keys: append([]PublicKey{c.key}, c.o.Earlier...), denied: -1}
	digest := c.head.digest
	for i := len(list) - 1; i >= 0; i-- {
		seq := size + int64(i)
		versions, err := f.at(ctx, seq)
		if err != nil {
			return nil, err
		}
		for _, m := range versions {
			if hexDigest(m.Digest) == digest {
				list[i] = m
				break
			}
		}
		if list[i] == nil {
			return nil, fmt.Errorf("manifest %d of log %s is not there: its tiles cannot be written", seq, c.o.Log)
		}
		digest = list[i].Predicate.Previous
	}
	return list, nil
}

// RebuildTiles writes the tiles of a log anew, up to its newest checkpoint, from the
// manifests that count. It returns how many manifests they speak of.
func RebuildTiles(ctx context.Context, s Store, keys []PublicKey, log string, lock func() Retention) (int64, error) {
	w := NewTileWriter(s, log, lock)
	note, err := eachLeaf(ctx, s, keys, log, func(leaf []byte) { w.Append(leaf) })
	if err != nil {
		return 0, err
	}
	return int64(w.Size()), w.Write(ctx, note)
}

// CheckTiles compares the tiles of a log with its manifests: the keys of those that are
// missing or wrong, and how many there should be.
func CheckTiles(ctx context.Context, r Reader, keys []PublicKey, log string) (wrong []string, all int, err error) {
	want := &tileStore{Reader: r}
	w := NewTileWriter(want, log, func() Retention { return Retention{} })
	note, err := eachLeaf(ctx, r, keys, log, func(leaf []byte) { w.Append(leaf) })
	if err != nil {
		return nil, 0, err
	}
	err = w.Write(ctx, note)
	return want.wrong, want.all, err
}

// eachLeaf gives the leaf hashes of the tree of the newest checkpoint, and that.
func eachLeaf(ctx context.Context, r Reader, keys []PublicKey, log string, f func([]byte)) ([]byte, error) {
	var leaves [][]byte // behind the newest checkpoint so far
	facts, err := ReadLog(ctx, r, keys, nil, time.Time{}, log, func(m *Manifest, _ *Tree) error {
		if m.Predicate.Seq != int64(len(leaves)) {
			return fmt.Errorf("the first manifests of log %s are gone: there can be no tiles", log)
		}
		leaves = append(leaves, hashLeaf(m.Payload))
		return nil
	})
	if err != nil {
		return nil, err
	}
	c, err := NewestCheckpoint(ctx, r, facts.Keys, log)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Size > int64(len(leaves)) {
		return nil, fmt.Errorf("log %s has no checkpoint that its key signed", log)
	}
	for _, leaf := range leaves[:c.Size] {
		f(leaf)
	}
	return c.Note, nil
}

// tileStore compares what would be written with what is there.
type tileStore struct {
	Reader
	wrong []string
	all   int
}

func (t *tileStore) Put(ctx context.Context, key string, body []byte, _ PutOptions) (string, error) {
	t.all++
	have, err := t.Get(ctx, key, "")
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
		return "", err
	}
	if string(have) != string(body) {
		t.wrong = append(t.wrong, key)
	}
	return "", nil
}

func (t *tileStore) ExtendRetention(context.Context, string, string, Retention) error { return nil }
