package ledger

import (
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Tree is an RFC 6962 Merkle tree that grows, kept as its frontier: the roots of
// its complete subtrees, from the largest to the smallest.
type Tree struct{ r *compact.Range }

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// NewTree is the empty tree.
func NewTree() *Tree { return &Tree{ranges.NewEmptyRange(0)} }

// ResumeTree is the tree of that size and frontier.
func ResumeTree(size uint64, frontier [][]byte) (*Tree, error) {
	for _, h := range frontier {
		if len(h) != rfc6962.DefaultHasher.Size() {
			return nil, fmt.Errorf("a hash of the frontier has %d bytes, need %d", len(h), rfc6962.DefaultHasher.Size())
		}
	}
	r, err := ranges.NewRange(0, size, frontier)
	if err != nil {
		return nil, err
	}
	return &Tree{r}, nil
}

// Append adds the leaf SHA-256(0x00 ‖ data).
func (t *Tree) Append(data []byte) {
	// The only error is a range that does not begin at 0.
	_ = t.r.Append(rfc6962.DefaultHasher.HashLeaf(data), nil)
}

// Size is how many leaves the tree has.
func (t *Tree) Size() uint64 { return t.r.End() }

// Root is the root hash; of the empty tree the SHA-256 of nothing.
func (t *Tree) Root() []byte {
	if t.r.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	root, _ := t.r.GetRootHash(nil)
	return root
}

// Frontier is the roots of the complete subtrees, the largest first.
func (t *Tree) Frontier() [][]byte { return t.r.Hashes() }

// clone is a tree that grows on its own.
func (t *Tree) clone() *Tree {
	hashes := append([][]byte(nil), t.r.Hashes()...)
	r, err := ranges.NewRange(0, t.r.End(), hashes)
	if err != nil {
		panic("bad math in Tree.clone: " + err.Error())
	}
	return &Tree{r}
}
