//go:build !linux

package chaos

import "testing"

func smallDisk(*testing.T, string) string { return "" }

func readOnly(*testing.T, string, bool) {}
