//go:build !unix

package store_test

import "testing"

func mkfifo(t *testing.T, _ string) {
	t.Helper()
	t.Skip("needs named pipes")
}
