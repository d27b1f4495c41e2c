package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

func minute() ledger.Retention {
	return ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(time.Minute)}
}

// otherTiles reads our tiles for another implementation of them.
type otherTiles struct{ s ledger.Reader }

func (o otherTiles) Height() int { return 8 }

func (o otherTiles) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		path := strings.Replace(t.Path(), "tile/8/", "tlog/v1/gw-0/tile/", 1)
		body, err := o.s.Get(ctx, path, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		data = append(data, body)
	}
	return data, nil
}

func (o otherTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// TestTiles: the Go checksum database's own code proves what is in our tiles, and ours too.
func TestTiles(t *testing.T) {
	for _, sizes := range [][]int{{1}, {2}, {255, 256, 257}, {5, 300, 700}, {65535, 65536, 65537, 70000}} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			s := ledgertest.New()
			w := ledger.NewTileWriter(s, "gw-0", minute)
			tree := ledger.NewTree()
			var roots []string
			for _, size := range sizes {
				for int(w.Size()) < size {
					leaf := []byte(fmt.Sprint("manifest ", w.Size()))
					h := tlog.RecordHash(leaf)
					w.Append(h[:])
					tree.Append(leaf)
				}
				root := fmt.Sprintf("%x", tree.Root())
				roots = append(roots, root)
				require.NoError(t, w.Write(ctx, []byte("checkpoint "+root)))
				require.NoError(t, w.Write(ctx, nil), "nothing is new")
				var err error
				w, err = ledger.ResumeTiles(ctx, s, "gw-0", minute, uint64(size), root)
				require.NoError(t, err)
				_, err = ledger.ResumeTiles(ctx, s, "gw-0", minute, uint64(size), strings.Repeat("0", 64))
				require.ErrorContains(t, err, "root")
			}
			last := int64(sizes[len(sizes)-1])
			var root tlog.Hash
			copy(root[:], tree.Root())
			theirs := tlog.TileHashReader(tlog.Tree{N: last, Hash: root}, otherTiles{s})
			ours := ledger.NewTiles(s, "gw-0", uint64(last))
			for _, n := range []int64{0, last / 3, last / 2, last - 1} {
				p, err := tlog.ProveRecord(last, n, theirs)
				require.NoError(t, err)
				require.NoError(t, tlog.CheckRecord(p, last, root, n, tlog.RecordHash([]byte(fmt.Sprint("manifest ", n)))))
				path, err := ours.Inclusion(ctx, uint64(n))
				require.NoError(t, err)
				require.Len(t, path, len(p))
				for i := range p {
					require.Equal(t, p[i][:], path[i])
				}
			}
			for i, size := range sizes {
				path, err := ours.Consistency(ctx, uint64(size))
				require.NoError(t, err)
				hexes := make([]string, len(path))
				for i := range path {
					hexes[i] = fmt.Sprintf("%x", path[i])
				}
				require.NoError(t, ledger.CheckConsistency(uint64(size), uint64(last), hexes, roots[i], roots[len(roots)-1]))
			}
		})
	}
}

// TestTileKey is by the examples of c2sp.org/tlog-tiles.
func TestTileKey(t *testing.T) {
	require.Equal(t, "tlog/v1/a/tile/0/x001/x234/067", ledger.TileKey("a", 0, 1234067, 256))
	require.Equal(t, "tlog/v1/a/tile/1/000.p/1", ledger.TileKey("a", 1, 0, 1))
	rapid.Check(t, func(rt *rapid.T) {
		level, n, w := rapid.IntRange(0, 7).Draw(rt, "level"), rapid.Int64Range(0, 1<<40).Draw(rt, "n"), rapid.IntRange(1, 256).Draw(rt, "w")
		theirs := tlog.Tile{H: 8, L: level, N: n, W: w}.Path()
		require.Equal(rt, "tlog/v1/a/"+strings.Replace(theirs, "tile/8/", "tile/", 1), ledger.TileKey("a", uint64(level), uint64(n), w))
	})
}

// TestTilesWriteOverOthers: what others lay at the key of a tile is written over.
func TestTilesWriteOverOthers(t *testing.T) {
	s := ledgertest.New()
	s.Overwrite(ledger.TileKey("gw-0", 0, 0, 3), []byte("x"))
	s.Overwrite(ledger.TileCheckpointKey("gw-0"), []byte("x"))
	w := ledger.NewTileWriter(s, "gw-0", minute)
	for range 3 {
		h := tlog.RecordHash([]byte("m"))
		w.Append(h[:])
	}
	require.NoError(t, w.Write(ctx, []byte("note")))
	body, err := s.Get(ctx, ledger.TileKey("gw-0", 0, 0, 3), "")
	require.NoError(t, err)
	require.Len(t, body, 96)
}
