package ledger

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Tree is an RFC 6962 Merkle tree that grows, kept as its frontier: the roots of
// its complete subtrees, from the largest to the smallest.
type Tree struct{ r *compact.Range }

var ranges = &compact.RangeFactory{Hash: hashChildren}

// hashLeaf and hashChildren are rfc6962.DefaultHasher's, with one allocation each: a
// trail has a leaf a line.
func hashLeaf(data []byte) []byte {
	h := hashers.Get().(hash.Hash)
	h.Reset()
	h.Write(leafPrefix)
	h.Write(data)
	sum := h.Sum(make([]byte, 0, sha256.Size))
	hashers.Put(h)
	return sum
}

func hashChildren(left, right []byte) []byte {
	var node [1 + 2*sha256.Size]byte
	node[0] = rfc6962.RFC6962NodeHashPrefix
	copy(node[1:], left)
	copy(node[1+sha256.Size:], right)
	sum := sha256.Sum256(node[:])
	return sum[:]
}

var (
	hashers    = sync.Pool{New: func() any { return sha256.New() }}
	leafPrefix = []byte{rfc6962.RFC6962LeafHashPrefix}
)

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
	_ = t.r.Append(hashLeaf(data), nil)
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
