package ledger_test

import (
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TestProofs: every leaf of every tree is proven, also where the tree's beginning is
// known by its frontier alone; nothing else is.
func TestProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, 70).Draw(t, "size")
		known := rapid.Uint64Range(0, size-1).Draw(t, "known from")
		before := ledger.NewTree()
		roots := []string{hex.EncodeToString(before.Root())}
		leaf := func(n uint64) []byte { return []byte(strconv.FormatUint(n, 10)) }
		for n := range known {
			before.Append(leaf(n))
			roots = append(roots, hex.EncodeToString(before.Root()))
		}
		tree := ledger.NewProofTree(before)
		for n := known; n < size; n++ {
			tree.Append(leaf(n))
			roots = append(roots, hex.EncodeToString(tree.Root()))
		}
		index := rapid.Uint64Range(known, size-1).Draw(t, "index")
		at := rapid.Uint64Range(index+1, size).Draw(t, "at")
		path, err := tree.Inclusion(index, at)
		require.NoError(t, err)
		require.NoError(t, ledger.CheckInclusion(leaf(index), index, at, path, roots[at]))
		require.Error(t, ledger.CheckInclusion(leaf(index+1), index, at, path, roots[at]))
		if index > 0 {
			require.Error(t, ledger.CheckInclusion(leaf(index), index-1, at, path, roots[at]))
		}

		first := rapid.Uint64Range(max(known, 1), size).Draw(t, "first")
		second := rapid.Uint64Range(first, size).Draw(t, "second")
		path, err = tree.Consistency(first, second)
		require.NoError(t, err)
		require.NoError(t, ledger.CheckConsistency(first, second, path, roots[first], roots[second]))
		if first != second {
			require.Error(t, ledger.CheckConsistency(first, second, path, roots[first-1], roots[second]))
		}
	})
}

// FuzzProof: proofs come from strangers.
func FuzzProof(f *testing.F) {
	f.Add([]byte("x"), uint64(0), uint64(2), "00", "00")
	f.Fuzz(func(t *testing.T, data []byte, index, size uint64, node, root string) {
		if ledger.CheckInclusion(data, index, size, []string{node}, root) == nil && size != 2 {
			t.Fatal("one node proves a leaf of a tree of two only")
		}
		_ = ledger.CheckConsistency(index, size, []string{node}, root, root)
	})
}
