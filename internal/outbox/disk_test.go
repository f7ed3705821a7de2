package outbox_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gapwise/gapwise/internal/outbox"
)

// TestDiskFull appends in a process whose files may not grow beyond a few
// kilobytes: a write that the disk cut short is undone, and what Append returned
// for is there. The limit is the process's, so it is one of its own.
func TestDiskFull(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestDiskFullChild$", "-test.v") //nolint:gosec // the test runs itself
	child.Env = append(os.Environ(), "OUTBOX_DISK_DIR="+t.TempDir())
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestDiskFullChild") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestDiskFullChild is the process of TestDiskFull; by itself it has no limit and
// finds the disk large enough.
func TestDiskFullChild(t *testing.T) {
	dir, limited := os.Getenv("OUTBOX_DISK_DIR"), true
	if dir == "" {
		dir, limited = t.TempDir(), false
	}
	o := open(t, outbox.Config{Dir: dir})
	limit := func(size uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}); err != nil {
			t.Fatal(err)
		}
	}
	event := func(n int) string { return fmt.Sprint(n, " ", strings.Repeat("x", 300)) }
	if limited {
		limit(5000)
	}
	n := 0
	for ; n < 100; n++ {
		if _, err := o.Append(t.Context(), false, []byte(event(n))); err != nil {
			if !limited || !errors.Is(err, syscall.EFBIG) {
				t.Fatalf("event %d: %v", n, err)
			}
			break
		}
	}
	if limited && (n == 0 || n == 100) {
		t.Fatalf("the limit came after %d events", n)
	}
	if s := o.State(); s.Events != n {
		t.Fatalf("after %d events the state is %+v", n, s)
	}
	limit(unix.RLIM_INFINITY)
	add(t, o, event(n)) // there is room again
	if got := rest(t, o); len(got) != n+1 || string(got[n].Payload) != event(n) {
		t.Fatalf("%d events are read, want %d", len(got), n+1)
	}
	closeBox(t, o)
	if got := rest(t, open(t, outbox.Config{Dir: dir})); len(got) != n+1 || string(got[n].Payload) != event(n) {
		t.Fatalf("%d events are there, want %d", len(got), n+1)
	}
}
