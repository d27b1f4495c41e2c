package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
)

// Removable is the lock of what is derived: in a bucket with a default lock, an object
// without a lock of its own would be kept as long as evidence.
func Removable() Retention {
	return Retention{Mode: Governance, Until: time.Now().Add(time.Minute).UTC()}
}

// TileWriter writes the tiles of a log's tree as it grows.
type TileWriter struct {
	store Store
	log   string
	lock  func() Retention

	size  uint64   // of the tree that was given
	tails [][]byte // by level, the hashes of the tile that is not whole yet
	whole []tile   // tiles that are whole and not written
	shown uint64   // of the tree that was written
}

type tile struct {
	key  string
	body []byte
}

// NewTileWriter writes tiles from the first manifest on. lock is what each object is
// locked with: tiles must be removable.
func NewTileWriter(s Store, log string, lock func() Retention) *TileWriter {
	return &TileWriter{store: s, log: log, lock: lock}
}

// ResumeTiles goes on behind the tiles of a tree of that size and root, which must be there.
func ResumeTiles(ctx context.Context, s Store, log string, lock func() Retention, size uint64, root string) (*TileWriter, error) {
	w := NewTileWriter(s, log, lock)
	t := NewTiles(s, log, size)
	var left []byte
	for level := uint64(0); size>>(tileHeight*level) > 0; level++ {
		have := size >> (tileHeight * level)
		var tail []byte
		if have%tileWidth > 0 {
			var err error
			if tail, err = t.tile(ctx, level, have/tileWidth); err != nil {
				return nil, err
			}
		}
		w.tails = append(w.tails, tail)
	}
	for level := len(w.tails) - 1; level >= 0; level-- {
		left = append(left, subtrees(w.tails[level])...)
	}
	if have := hex.EncodeToString(bag(left)); have != root {
		return nil, fmt.Errorf("the tiles of log %s give the root %s, its manifests %s", log, have, root)
	}
	w.size, w.shown = size, size
	return w, nil
}

// subtrees are the roots of the complete subtrees over the hashes of a tile that is not
// whole, from the largest to the smallest.
func subtrees(tail []byte) (roots []byte) {
	for n := tileWidth / 2; n > 0; n /= 2 {
		if len(tail) >= n*sha256.Size {
			roots = append(roots, fold(tail[:n*sha256.Size])...)
			tail = tail[n*sha256.Size:]
		}
	}
	return roots
}

// bag is the root of a tree by those of its complete subtrees, from the largest on.
func bag(roots []byte) []byte {
	if len(roots) == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	at := len(roots) - sha256.Size
	node := roots[at:]
	for at > 0 {
		at -= sha256.Size
		node = hashChildren(roots[at:at+sha256.Size], node)
	}
	return node
}

// Append adds the hash of a manifest: SHA-256(0x00 ‖ payload).
func (w *TileWriter) Append(leaf []byte) {
	w.size++
	hash := leaf
	for level := 0; ; level++ {
		if level == len(w.tails) {
			w.tails = append(w.tails, nil)
		}
		tail := append(w.tails[level], hash...)
		if len(tail) < tileWidth*sha256.Size {
			w.tails[level] = tail
			return
		}
		index := w.size>>(tileHeight*(level+1)) - 1
		w.whole = append(w.whole, tile{TileKey(w.log, uint64(level), index, tileWidth), tail})
		w.tails[level] = nil
		hash = fold(tail)
	}
}

// Size is that of the tree that was given.
func (w *TileWriter) Size() uint64 { return w.size }

// Write stores the tiles up to here, and then the checkpoint of that size over the one
// before. After an error it can be called again.
func (w *TileWriter) Write(ctx context.Context, checkpoint []byte) error {
	if w.size == w.shown {
		return nil
	}
	for len(w.whole) > 0 {
		if err := w.put(ctx, w.whole[0].key, w.whole[0].body); err != nil {
			return err
		}
		w.whole = w.whole[1:]
	}
	for level, tail := range w.tails {
		if n := len(tail) / sha256.Size; n > 0 {
			key := TileKey(w.log, uint64(level), w.size>>(tileHeight*(level+1)), n)
			if err := w.put(ctx, key, tail); err != nil {
				return err
			}
		}
	}
	if err := w.put(ctx, TileCheckpointKey(w.log), checkpoint); err != nil {
		return err
	}
	w.shown = w.size
	return nil
}

func (w *TileWriter) put(ctx context.Context, key string, body []byte) error {
	return putOver(ctx, w.store, key, body, PutOptions{Retention: w.lock(), ContentType: "application/octet-stream"})
}

// putOver writes an object, over what is there: nothing of it is evidence.
func putOver(ctx context.Context, s Store, key string, body []byte, o PutOptions) error {
	o.SHA256 = sha256.Sum256(body)
	for range maxRivals {
		_, err := s.Put(ctx, key, body, o)
		if !errors.Is(err, ErrExists) {
			return err
		}
		versions, err := s.Versions(ctx, key)
		if err != nil {
			return err
		}
		o.IfMatch = ""
		for _, v := range versions {
			if v.Latest && !v.DeleteMarker {
				o.IfMatch = v.ETag
				if have, err := s.Get(ctx, key, v.ID); err == nil && string(have) == string(body) {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("%w: %s is written by others all the time", ErrExists, key)
}

// maxRivals bounds how often something that others write at the same time is written anew.
const maxRivals = 4
