package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	confinedEnv = "AGENTAUDIT_TEST_CONFINED" // the directory that stays writable, where this process is to confine itself
	nobody      = 65534
)

// TestMain runs the tests or, where the test started itself as a collector, confines
// the process and becomes the collector.
func TestMain(m *testing.M) {
	if dir := os.Getenv(confinedEnv); dir != "" {
		err := confine(dir)
		if err == nil {
			err = syscall.Exec(collectorBinary, append([]string{collectorBinary}, os.Args[1:]...), os.Environ())
		}
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// confine makes every file system read-only but for one directory, and the process
// that of an unprivileged user, as a container's or systemd's settings do.
func confine(writable string) error {
	runtime.LockOSThread()
	for _, step := range []func() error{
		func() error { return os.Chown(os.Args[len(os.Args)-1], nobody, nobody) }, // the configuration
		func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return unix.Mount(writable, writable, "", unix.MS_BIND, "") },
		func() error {
			return unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		},
		func() error {
			return unix.MountSetattr(unix.AT_FDCWD, writable, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
		},
		func() error { return syscall.Setgroups(nil) },
		func() error { return syscall.Setgid(nobody) },
		func() error { return syscall.Setuid(nobody) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// The collector needs no privilege, and writes nowhere but into its spool.
func TestUnprivilegedAndReadOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file system read-only for a process")
	}
	if smallDisk(t, "64") == "" {
		t.Skip("this root may not mount")
	}
	w := newWorld(t, 1, spooled)
	require.NoError(t, os.Chown(w.path("audit.key"), nobody, nobody))
	spool := filepath.Join(w.dir, "spool")
	require.NoError(t, os.Mkdir(spool, 0o700))
	require.NoError(t, os.Chown(spool, nobody, nobody))
	require.NoError(t, os.Chmod(filepath.Dir(w.dir), 0o711))
	self, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(confinedEnv, spool)
	n := w.node(settings{spool: spool, binary: self})
	n.ready()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.running().PID))
	require.NoError(t, err)
	require.Contains(t, string(status), "\nUid:\t65534\t65534\t65534\t65534\n")
	require.Contains(t, string(status), "\nCapEff:\t0000000000000000\n")
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", n.running().PID))
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); !strings.HasPrefix(f[5]+",", "ro,") {
			require.Equal(t, spool, f[4], "is all that can be written")
		}
	}

	w.load.start(2)
	w.load.await(50)
	w.settle()
	r := &row{}
	w.judge(r)
	require.True(t, r.holds(), "%+v", *r)
}
