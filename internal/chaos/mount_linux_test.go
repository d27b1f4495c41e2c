package chaos

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// smallDisk is a file system of its own, of so many KiB; "" where that is not allowed.
func smallDisk(t *testing.T, kib string) string {
	dir := t.TempDir()
	if os.Geteuid() != 0 || syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+kib+"k") != nil {
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// readOnly makes it so, or writable again, as soon as no file is being written.
func readOnly(t *testing.T, dir string, on bool) {
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "")
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
