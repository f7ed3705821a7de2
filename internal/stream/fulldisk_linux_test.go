package stream_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/stream"
)

// smallDisk names the folder on which a child of this test mounts a small disk.
const smallDisk = "GAPWISE_TEST_SMALL_DISK"

// onASmallDisk runs the calling test again in a process that may mount, and
// returns true in that process, where dir is a file system of size bytes. Who isn't
// root becomes root of a user namespace for that.
func onASmallDisk(t *testing.T, size int) (dir string, inside bool) {
	t.Helper()
	if dir := os.Getenv(smallDisk); dir != "" {
		err := errors.Join(
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("gapwise-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)))
		if err != nil {
			t.Fatalf("mount a small file system: %v", err)
		}
		return dir, true
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v") //nolint:gosec // this test binary itself
	child.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Fatalf("this test mounts a small file system, for which it needs CAP_SYS_ADMIN or unprivileged user namespaces "+
			"(sysctl user.max_user_namespaces above 0; kernel.apparmor_restrict_unprivileged_userns=0 where there is one): %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return "", false
}

// A disk that is really full stops the broker's stream until it is started again.
// Until then nothing more is confirmed; what was is there, and the rest is taken
// when it is sent again, each message once.
func TestFullDisk(t *testing.T) {
	const size = 24 << 20
	dir, inside := onASmallDisk(t, size)
	if !inside {
		return
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, size/2), 0o600); err != nil {
		t.Fatal(err)
	}
	b := startBrokerIn(t, filepath.Join(dir, "nats"), size) // as Gapwise runs it: the disk is the limit
	stored, refused := fill(t, b.open(stream.Config{PublishTimeout: time.Second}))
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	checkTakenOnce(t, b.open(stream.Config{}), stored, refused)
}
