// Package tooltest finds the pinned tools that tests run.
package tooltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Path is that of a tool that `make tools` built. The test fails where it is missing.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
	tool := filepath.Join(dir, ".bin", name)
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("no %s to test against: run make tools (%v)", name, err)
	}
	return tool
}
