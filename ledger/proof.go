package ledger

import (
	"encoding/hex"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ProofTree is an RFC 6962 tree that keeps its nodes, to prove what is in it: 64 bytes
// and a map's entry a leaf.
type ProofTree struct {
	*Tree
	nodes map[compact.NodeID][]byte
	// rest, if any, gives nodes that are not kept. What it gives is not checked.
	rest func(compact.NodeID) ([]byte, error)
}

// NewProofTree is a tree that goes on from another, of whose leaves it can prove none.
func NewProofTree(from *Tree) *ProofTree {
	t := &ProofTree{Tree: from.clone(), nodes: map[compact.NodeID][]byte{}}
	for i, id := range compact.RangeNodes(0, from.Size(), nil) {
		t.nodes[id] = from.Frontier()[i]
	}
	return t
}

// Append adds the leaf SHA-256(0x00 ‖ data).
func (t *ProofTree) Append(data []byte) {
	hash := rfc6962.DefaultHasher.HashLeaf(data)
	t.nodes[compact.NewNodeID(0, t.Size())] = hash
	_ = t.r.Append(hash, func(id compact.NodeID, hash []byte) { t.nodes[id] = hash })
}

// Inclusion proves that the leaf is in the tree of that size: the audit path of RFC
// 6962, section 2.1.1, in hex.
func (t *ProofTree) Inclusion(index, size uint64) ([]string, error) {
	if size > t.Size() {
		return nil, fmt.Errorf("no tree of %d leaves yet", size)
	}
	n, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, err
	}
	return t.path(n)
}

// Consistency proves that the tree of the first size is the beginning of that of the
// second: RFC 6962, section 2.1.2, in hex.
func (t *ProofTree) Consistency(first, second uint64) ([]string, error) {
	if second > t.Size() {
		return nil, fmt.Errorf("no tree of %d leaves yet", second)
	}
	n, err := proof.Consistency(first, second)
	if err != nil {
		return nil, err
	}
	return t.path(n)
}

func (t *ProofTree) path(n proof.Nodes) ([]string, error) {
	hashes := make([][]byte, len(n.IDs))
	for i, id := range n.IDs {
		if hashes[i] = t.nodes[id]; hashes[i] == nil && t.rest != nil {
			var err error
			if hashes[i], err = t.rest(id); err != nil {
				return nil, err
			}
		}
		if hashes[i] == nil {
			return nil, fmt.Errorf("the leaves before number %d are not known", id.Index<<id.Level)
		}
	}
	hashes, err := n.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, err
	}
	path := make([]string, len(hashes))
	for i, h := range hashes {
		path[i] = hex.EncodeToString(h)
	}
	return path, nil
}

// CheckInclusion checks that data is the leaf at an index of a tree.
func CheckInclusion(data []byte, index, size uint64, path []string, root string) error {
	hashes, r, err := decodePath(path, root)
	if err != nil {
		return err
	}
	return proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, rfc6962.DefaultHasher.HashLeaf(data), hashes, r)
}

// CheckConsistency checks that one tree is the beginning of another.
func CheckConsistency(first, second uint64, path []string, root1, root2 string) error {
	hashes, r2, err := decodePath(path, root2)
	if err != nil {
		return err
	}
	r1, err := hex.DecodeString(root1)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, first, second, hashes, r1, r2)
}

func decodePath(path []string, root string) ([][]byte, []byte, error) {
	hashes := make([][]byte, len(path))
	for i, p := range path {
		h, err := hex.DecodeString(p)
		if err != nil || len(h) != rfc6962.DefaultHasher.Size() {
			return nil, nil, fmt.Errorf("%q is no SHA-256", p)
		}
		hashes[i] = h
	}
	r, err := hex.DecodeString(root)
	return hashes, r, err
}
