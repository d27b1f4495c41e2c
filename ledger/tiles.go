package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// The hashes of a log's tree as C2SP tlog-tiles lays them out (c2sp.org/tlog-tiles), under
// the log's own prefix. They are derived and removable: whatever they say is folded up to a
// root that was signed, and where they are missing or wrong the manifests are read.

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// TileKey is the key of a tile: its level, its index, and how many hashes it holds, 256
// of a whole one.
func TileKey(log string, level, index uint64, width int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	key := fmt.Sprintf("%s%s/tile/%d/%s", TilePrefix, log, level, path)
	if width < tileWidth {
		key += fmt.Sprintf(".p/%d", width)
	}
	return key
}

// TileCheckpointKey is the key of the newest checkpoint that the tiles go up to.
func TileCheckpointKey(log string) string { return TilePrefix + log + "/checkpoint" }

var errTile = errors.New("no such tile")

// Tiles reads the hashes of the tree of a log at a size. Nothing that it gives is to be
// believed before it was folded up to a signed root. It is not safe for concurrent use.
type Tiles struct {
	r    Reader
	log  string
	size uint64
	read map[string][]byte // nil for what is not there
}

// NewTiles reads the tiles of the tree of that size.
func NewTiles(r Reader, log string, size uint64) *Tiles {
	return &Tiles{r: r, log: log, size: size, read: map[string][]byte{}}
}

// hash is the hash of a complete subtree.
func (t *Tiles) hash(ctx context.Context, id compact.NodeID) ([]byte, error) {
	level, height := uint64(id.Level/tileHeight), id.Level%tileHeight
	first := id.Index << height // of the hashes at that level which it covers
	tile, err := t.tile(ctx, level, first/tileWidth)
	if err != nil {
		return nil, err
	}
	from, to := first%tileWidth*sha256.Size, (first%tileWidth+1<<height)*sha256.Size
	if to > uint64(len(tile)) {
		return nil, errTile
	}
	return fold(tile[from:to]), nil
}

// fold is the root over hashes, whose number is a power of two.
func fold(hashes []byte) []byte {
	if len(hashes) == sha256.Size {
		return hashes
	}
	half := len(hashes) / 2
	return hashChildren(fold(hashes[:half]), fold(hashes[half:]))
}

// tile reads a tile: as many hashes of it as the tree has.
func (t *Tiles) tile(ctx context.Context, level, index uint64) ([]byte, error) {
	have := t.size >> (tileHeight * level)
	width := tileWidth
	if index == have/tileWidth {
		width = int(have % tileWidth)
	}
	if width == 0 || index > have/tileWidth {
		return nil, errTile
	}
	key := TileKey(t.log, level, index, width)
	body, ok := t.read[key]
	if !ok {
		var err error
		body, err = t.r.Get(ctx, key, "")
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
			return nil, err
		}
		if len(body) != width*sha256.Size {
			body = nil
		}
		t.read[key] = body
	}
	if body == nil {
		return nil, errTile
	}
	return body, nil
}

// Inclusion proves a leaf in the tree, as ProofTree.Inclusion does.
func (t *Tiles) Inclusion(ctx context.Context, index uint64) ([][]byte, error) {
	n, err := proof.Inclusion(index, t.size)
	if err != nil {
		return nil, err
	}
	return t.path(ctx, n)
}

// Consistency proves that the tree of a smaller size is the beginning of this one.
func (t *Tiles) Consistency(ctx context.Context, size uint64) ([][]byte, error) {
	n, err := proof.Consistency(size, t.size)
	if err != nil {
		return nil, err
	}
	return t.path(ctx, n)
}

// Proof is Consistency, checked: that the tree of a smaller size is the beginning of the one
// with that root, in hex, which is the root of this one.
func (t *Tiles) Proof(ctx context.Context, size uint64, root string) ([][]byte, error) {
	path, err := t.Consistency(ctx, size)
	if err != nil {
		return nil, err
	}
	var roots []byte // of the complete subtrees of the smaller tree
	for _, id := range compact.RangeNodes(0, size, nil) {
		hash, err := t.hash(ctx, id)
		if err != nil {
			return nil, err
		}
		roots = append(roots, hash...)
	}
	r, err := hex.DecodeString(root)
	if err != nil {
		return nil, err
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, size, t.size, path, bag(roots), r); err != nil {
		return nil, fmt.Errorf("the tiles of log %s are wrong (agentaudit tiles rebuild): %w", t.log, err)
	}
	return path, nil
}

func (t *Tiles) path(ctx context.Context, n proof.Nodes) ([][]byte, error) {
	hashes := make([][]byte, len(n.IDs))
	for i, id := range n.IDs {
		var err error
		if hashes[i], err = t.hash(ctx, id); err != nil {
			return nil, err
		}
	}
	return n.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}
