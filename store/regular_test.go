package store_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// soon fails where f waits: a reader of a pipe waits for ever.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits")
	}
}

// TestDirReadsRegularFilesOnly: who made a copy may have laid anything in the place of a
// file; nothing of it is waited for, or read.
func TestDirReadsRegularFilesOnly(t *testing.T) {
	const key = "data/v1/a"
	for name, c := range map[string]struct {
		lay  func(t *testing.T, path string)
		kind string
	}{
		"pipe":   {mkfifo, "a named pipe"},
		"folder": {func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "a folder"},
		"socket": {func(t *testing.T, path string) {
			t.Chdir(filepath.Dir(path)) // the path of a socket is short
			l, err := net.Listen("unix", filepath.Base(path))
			if err != nil {
				t.Skipf("needs Unix sockets: %v", err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "a socket"},
		"link to a device": {func(t *testing.T, path string) {
			require.NoError(t, os.Symlink("/dev/zero", path))
		}, "escapes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, store.Pull(t.Context(), bucketOf{key: "one"}, dir, nil))
			require.NoError(t, os.Remove(filepath.Join(dir, key)))
			c.lay(t, filepath.Join(dir, key))
			d := openDir(t, dir)
			soon(t, func() {
				_, err := d.Get(t.Context(), key, "")
				require.ErrorContains(t, err, c.kind)
				if c.kind == "escapes" {
					return
				}
				require.ErrorIs(t, err, ledger.ErrNotFound)
				var changes []ledger.Change
				for change, err := range d.Changes(t.Context()) {
					require.NoError(t, err)
					changes = append(changes, change)
				}
				require.Len(t, changes, 1)
				require.Equal(t, "not a regular file", changes[0].Found)
			})
		})
	}
}

func TestOpenDirOfWhatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy")
	mkfifo(t, path)
	soon(t, func() {
		_, err := store.OpenDir(path)
		require.ErrorContains(t, err, "is no folder")
	})

	dir := t.TempDir()
	require.NoError(t, store.Pull(t.Context(), bucketOf{"data/v1/a": "one"}, dir, nil))
	index := filepath.Join(dir, ".agentaudit/versions.jsonl")
	require.NoError(t, os.Remove(index))
	mkfifo(t, index)
	soon(t, func() {
		_, err := store.OpenDir(dir)
		require.ErrorContains(t, err, ".agentaudit/versions.jsonl is a named pipe, not a regular file")
	})
}

// A sparse file is as large as its maker likes.
func TestDirBoundsWhatItReads(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, store.Pull(t.Context(), bucketOf{"data/v1/a": "one"}, dir, nil))
	require.NoError(t, os.Truncate(filepath.Join(dir, "data/v1/a"), 65<<20))
	_, err := openDir(t, dir).Get(t.Context(), "data/v1/a", "")
	require.ErrorContains(t, err, "data/v1/a has more than 67108864 bytes")

	require.NoError(t, os.Truncate(filepath.Join(dir, ".agentaudit/versions.jsonl"), 1<<40))
	_, err = store.OpenDir(dir)
	require.ErrorContains(t, err, "versions.jsonl has more than 1073741824 bytes")
}
