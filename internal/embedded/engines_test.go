package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gapwise/gapwise/internal/embedded"
)

func TestStartAndClose(t *testing.T) {
	log := newRecorder()
	cfg := embedded.Config{DataDir: filepath.Join(t.TempDir(), "new", "data"), NATSListen: "127.0.0.1:0", Logger: slogOf(log)}
	e, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	info, err := embedded.ReadRunInfo(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if info != e.RunInfo() || info.PID != os.Getpid() || info.NATSURL != e.NATS.URL() || info.ClickHouseAddr != e.ClickHouse.Addr() {
		t.Errorf("run.json says %+v", info)
	}
	logins, err := embedded.ReadLogins(cfg.DataDir)
	want := embedded.Logins{NATS: e.NATS.Login(), Producer: e.NATS.Producer(), ClickHouse: e.ClickHouse.Login()}
	if err != nil || logins != want {
		t.Errorf("logins %v, %v; want %v", logins, err, want)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", logins, logins, logins, logins); strings.Contains(text, logins.NATS.Password) {
		t.Errorf("a printed login shows its password: %s", text)
	}

	_, err = embedded.Start(t.Context(), cfg)
	checkError(t, err, embedded.ErrInUse, fmt.Sprintf("process %d", os.Getpid()), "stop it first")

	pid := e.ClickHouse.PID()
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Errorf("engine process %d is left", pid)
	}
	if _, err := embedded.ReadRunInfo(cfg.DataDir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("after the stop run.json says %v, want ErrNotRunning", err)
	}
	checkOrder(t, log.text(), "data folder opened", "nats started", "clickhouse started",
		"clickhouse stopping", "clickhouse stopped", "nats stopping", "nats stopped", "data folder closed")
}

func TestStartOnlyWhatIsEmbedded(t *testing.T) {
	e, err := embedded.Start(t.Context(), embedded.Config{
		DataDir: t.TempDir(), NATSListen: "127.0.0.1:0", OutsideClickHouse: true, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if e.ClickHouse != nil || e.NATS == nil || e.RunInfo().ClickHouseAddr != "" {
		t.Errorf("started %+v", e)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// What was started is stopped again when a later part fails.
func TestStartUndoesItself(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "clickhouse"), "a file in the folder's place", 0o600)
	log := newRecorder()
	_, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir, NATSListen: "127.0.0.1:0", Logger: slogOf(log)})
	checkError(t, err, embedded.ErrUnusable, "clickhouse")
	checkOrder(t, log.text(), "nats started", "nats stopped", "data folder closed")
}

func TestKilledParentLeavesNoChildAndNoLoss(t *testing.T) {
	dir := t.TempDir()
	parent, child := startParent(t, dir, "")
	info, err := embedded.ReadRunInfo(dir)
	if err != nil {
		t.Fatal(err)
	}
	logins, err := embedded.ReadLogins(dir)
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, info.ClickHouseAddr, logins.ClickHouse)
	mustExec(t, conn,
		"CREATE DATABASE d",
		"CREATE TABLE d.t (x UInt64) ENGINE = MergeTree ORDER BY x",
		"INSERT INTO d.t SELECT number FROM numbers(1000)")

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if _, err := embedded.ReadRunInfo(dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("the stale run.json says %v, want ErrNotRunning", err)
	}
	// At once, while the old child may still be ending.
	e, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir, NATSListen: "127.0.0.1:0", Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if !gone(child) {
		t.Errorf("orphan %d runs beside its successor", child)
	}
	if got := queryUint(t, connect(t, e.ClickHouse.Addr(), e.ClickHouse.Login()), "SELECT count() FROM d.t"); got != 1000 {
		t.Errorf("%d rows after the kill, want 1000", got)
	}
}

// Not every system has a parent-death signal. Here it reaches only the script in between, not the engine below it: the
// pipe alone must do.
func TestKilledParentLeavesNoGrandchild(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pidFile, script := filepath.Join(dir, "pid"), filepath.Join(dir, "child.sh")
	write(t, script, "#!/bin/sh\n\""+exe+"\" \"$@\" &\necho $! > "+pidFile+"\nwait\n", 0o700)
	parent, _ := startParent(t, filepath.Join(dir, "data"), script)
	engine, err := strconv.Atoi(strings.TrimSpace(readFile(t, pidFile)))
	if err != nil || gone(engine) {
		t.Fatalf("engine %d, %v: want it running", engine, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, "the engine to end itself", func() bool { return gone(engine) })
}

func TestTerminatedParentStopsSoftly(t *testing.T) {
	dir := t.TempDir()
	parent, child := startParent(t, dir, "")
	// A terminal sends its interrupt to a whole process group: the child must be in another.
	group, err := syscall.Getpgid(child)
	if err != nil || group == parent.Process.Pid {
		t.Errorf("the child is in process group %d, %v; want one of its own", group, err)
	}
	if err := parent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err != nil {
		t.Error(err)
	}
	if !gone(child) {
		t.Errorf("process %d is left", child)
	}
}

// startParent runs the engines on dir in a process of its own, with another command for their child unless it is empty.
func startParent(t *testing.T, dir, command string) (parent *exec.Cmd, child int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), parentEnv+"="+dir, parentCommandEnv+"="+command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "ready %d", &child); err != nil {
		t.Fatalf("the parent said %q", line)
	}
	return cmd, child
}

func slogOf(r *recorder) *slog.Logger { return slog.New(r) }

func checkOrder(t *testing.T, text string, messages ...string) {
	t.Helper()
	rest := text
	for _, m := range messages {
		_, after, found := strings.Cut(rest, m)
		if !found {
			t.Errorf("log lacks %q in its place:\n%s", m, text)
			return
		}
		rest = after
	}
}

func checkError(t *testing.T, err, want error, says ...string) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
