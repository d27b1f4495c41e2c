package store_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func openDir(t *testing.T, path string) *store.Dir {
	t.Helper()
	d, err := store.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// requireSame holds two readers against each other in everything they can be asked.
func requireSame(t *testing.T, want, got ledger.Reader) {
	t.Helper()
	versions := list(t, want, "", "")
	require.NotEmpty(t, versions)
	for _, q := range [][2]string{{"", ""}, {"manifests/v1/", ""}, {"manifests/v1/gw/", "manifests/v1/gw/0.json"}, {"zzz", ""}, {"", "zzz"}} {
		require.Equal(t, list(t, want, q[0], q[1]), list(t, got, q[0], q[1]), q)
	}
	type result struct {
		body      string
		retention ledger.Retention
		missing   bool
	}
	ask := func(r ledger.Reader, key, id string) result {
		body, err := r.Get(t.Context(), key, id)
		if errors.Is(err, ledger.ErrNotFound) {
			_, err = r.Retention(t.Context(), key, id)
			require.ErrorIs(t, err, ledger.ErrNotFound)
			return result{missing: true}
		}
		require.NoError(t, err)
		lock, err := r.Retention(t.Context(), key, id)
		require.NoError(t, err)
		return result{string(body), lock, false}
	}
	for _, v := range append(versions, ledger.Version{Key: "never"}, ledger.Version{Key: versions[0].Key, ID: "never"}) {
		if v.ID != "never" {
			a, err := want.Versions(t.Context(), v.Key)
			require.NoError(t, err)
			b, err := got.Versions(t.Context(), v.Key)
			require.NoError(t, err)
			require.Equal(t, a, b)
			require.Equal(t, ask(want, v.Key, ""), ask(got, v.Key, ""), v.Key)
			require.Equal(t, ask(want, v.Key, v.ID), ask(got, v.Key, v.ID), v.Key)
			continue
		}
		_, err := got.Get(t.Context(), v.Key, v.ID)
		require.ErrorIs(t, err, ledger.ErrNotFound)
	}
}

func TestPullIsTheLiveTrail(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	tr.put(t, "data/v1/date=2026-11-23/gw/20261123T101500.123Z-6f1c2a90.jsonl.gz", "events")
	tr.put(t, "manifests/v1/gw/0.json", "first")
	tr.foreign(t, "manifests/v1/gw/0.json", "over it")
	tr.put(t, "manifests/v1/gw/1.json", "second")
	tr.hide(t, "manifests/v1/gw/1.json")
	tr.foreign(t, "keys/v1/squatted", "squatted")
	tr.hide(t, "keys/v1/squatted")
	tr.foreign(t, "keys/v1/squatted", "squatted again")
	tr.foreign(t, "foreign/a b+ü", "strange key")
	tr.foreign(t, ".agentaudit/versions.jsonl", "{}")

	dir := filepath.Join(t.TempDir(), "copy")
	var last store.PullProgress
	require.NoError(t, store.Pull(t.Context(), tr, dir, func(p store.PullProgress) {
		require.Equal(t, last.Versions+1, p.Versions)
		last = p
	}))
	require.Equal(t, 10, last.Total)
	require.Equal(t, last.Total, last.Versions)
	d := openDir(t, dir)
	requireSame(t, tr, d)

	// Keys are paths, so that other tools find them too.
	for path, want := range map[string]string{
		"data/v1/date=2026-11-23/gw/20261123T101500.123Z-6f1c2a90.jsonl.gz": "events",
		"manifests/v1/gw/0.json": "over it",
		"manifests/v1/gw/1.json": "second",
	} {
		body, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, string(body))
	}

	// Again, with nothing new, and with something.
	require.NoError(t, store.Pull(t.Context(), tr, dir, nil))
	requireSame(t, tr, openDir(t, dir))
	tr.put(t, "manifests/v1/gw/2.json", "third")
	tr.foreign(t, "manifests/v1/gw/0.json", "over it again")
	tr.hide(t, "foreign/a b+ü")
	require.NoError(t, store.Pull(t.Context(), tr, dir, nil))
	requireSame(t, tr, openDir(t, dir))
}

func TestDirReadsTheFilesAsTheyAre(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	tr.put(t, "data/v1/a", "one")
	tr.put(t, "data/v1/b", "two")
	dir := t.TempDir()
	require.NoError(t, store.Pull(t.Context(), tr, dir, nil))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data/v1/a"), []byte("onf"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "data/v1/b")))
	d := openDir(t, dir)
	body, err := d.Get(t.Context(), "data/v1/a", "")
	require.NoError(t, err)
	require.Equal(t, "onf", string(body))
	_, err = d.Get(t.Context(), "data/v1/b", "")
	require.ErrorIs(t, err, ledger.ErrNotFound)

	_, err = store.OpenDir(t.TempDir())
	require.ErrorContains(t, err, "is no copy of a trail: make one with `agentaudit pull`")
}

// bucketOf is a bucket with any keys, also those that the local S3 server refuses.
type bucketOf map[string]string

func (b bucketOf) Get(_ context.Context, key, _ string) ([]byte, error) {
	switch body := b[key]; body {
	case "forbidden":
		return nil, ledger.ErrForbidden
	case "gone":
		return nil, ledger.ErrNotFound
	default:
		return []byte(body), nil
	}
}

func (b bucketOf) List(context.Context, string, string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		var names []string
		for key := range b {
			names = append(names, key)
		}
		slices.Sort(names)
		for _, key := range names {
			if !yield(ledger.Version{Key: key, ID: "v1", Size: int64(len(b[key])), LastModified: time.Unix(1, 0).UTC(), Latest: true}, nil) {
				return
			}
		}
	}
}

func (b bucketOf) Versions(context.Context, string) ([]ledger.Version, error) { return nil, nil }

func (b bucketOf) Retention(context.Context, string, string) (ledger.Retention, error) {
	return ledger.Retention{}, nil
}

// Who may write to the bucket must neither reach outside of the copy, nor keep it
// from being made, nor push the trail's own files from their places.
func TestPullOfHostileKeys(t *testing.T) {
	long := string(slices.Repeat([]byte("n"), 300))
	bucket := bucketOf{
		"../escaped": "1", "/etc/escaped": "2", "a/../../escaped": "3", "a//b": "4", "a/./b": "5", "a/": "6", "": "7",
		".agentaudit/versions.jsonl": "8", "nul\x00": "9", `..\escaped`: "10", long: "11", "data/" + long: "12",
		"data": "file and folder", "data/v1/x": "sealed", "DATA/V1/X": "only another case", "manifests/v1": "13", "manifests/v1/gw/0.json": "sealed too",
		"secret": "forbidden",
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "copy")
	var last store.PullProgress
	require.NoError(t, store.Pull(t.Context(), bucket, dir, func(p store.PullProgress) { last = p }))
	require.Equal(t, 1, last.Refused)
	outside, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Len(t, outside, 1)

	d := openDir(t, dir)
	require.Len(t, list(t, d, "", ""), len(bucket))
	for key, want := range bucket {
		body, err := d.Get(t.Context(), key, "v1")
		if key == "secret" {
			require.ErrorIs(t, err, ledger.ErrForbidden)
			continue
		}
		require.NoError(t, err, key)
		require.Equal(t, want, string(body), key)
	}
	for path, want := range map[string]string{"data/v1/x": "sealed", "manifests/v1/gw/0.json": "sealed too"} {
		body, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, string(body))
	}
}

func TestPullPassesOverWhatExpiredMeanwhile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, store.Pull(t.Context(), bucketOf{"a": "1", "b": "gone"}, dir, nil))
	require.Equal(t, []string{"a"}, keys(list(t, openDir(t, dir), "", "")))
}

// The side file may name any path; what is outside stays unread.
func TestDirStaysInside(t *testing.T) {
	parent := t.TempDir()
	secret := filepath.Join(parent, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	dir := filepath.Join(parent, "copy")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".agentaudit"), 0o700))
	require.NoError(t, os.Symlink(secret, filepath.Join(dir, "link")))
	index := `{"key":"a","version_id":"1","size":6,"last_modified":"2026-11-23T00:00:00Z","file":"../secret"}
{"key":"b","version_id":"1","size":6,"last_modified":"2026-11-23T00:00:00Z","file":"link"}
{"key":"c","version_id":"1","size":6,"last_modified":"2026-11-23T00:00:00Z","file":"` + secret + `"}
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".agentaudit/versions.jsonl"), []byte(index), 0o600))
	d := openDir(t, dir)
	for _, key := range []string{"a", "b", "c"} {
		body, err := d.Get(t.Context(), key, "")
		require.Error(t, err)
		require.Empty(t, body)
	}
}

func FuzzOpenDir(f *testing.F) {
	f.Add([]byte(`{"key":"a","version_id":"1","size":6,"last_modified":"2026-11-23T00:00:00Z","file":"a"}`))
	f.Add([]byte(`{"key":"a","version_id":"1","size":0,"last_modified":"2026-11-23T00:00:00Z","delete_marker":true}`))
	f.Add([]byte(`{"key":"a"}{"key":`))
	f.Fuzz(func(t *testing.T, index []byte) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, ".agentaudit"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".agentaudit/versions.jsonl"), index, 0o600))
		d, err := store.OpenDir(dir)
		if err != nil {
			return
		}
		defer func() { require.NoError(t, d.Close()) }()
		all := list(t, d, "", "")
		require.True(t, slices.IsSorted(keys(all)))
		for _, v := range all {
			versions, err := d.Versions(t.Context(), v.Key)
			require.NoError(t, err)
			require.Contains(t, versions, v)
			_, _ = d.Get(t.Context(), v.Key, v.ID)
			_, _ = d.Retention(t.Context(), v.Key, v.ID)
		}
	})
}
