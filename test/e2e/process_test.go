package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/embedded"
)

// patience is how long tests ask for what must come.
const patience = time.Minute

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ask(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// environment is what the program under test sees: nothing of the caller's
// configuration but where the engines are.
func environment(dataDir string, more ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		outside := strings.HasPrefix(name, "GAPWISE_CLICKHOUSE_") || name == embedded.EngineDirEnv
		if !strings.HasPrefix(name, "GAPWISE_") || outside {
			env = append(env, entry)
		}
	}
	database := sha256.Sum256([]byte(dataDir)) // of its own on an outside server
	env = append(env,
		"GAPWISE_CLICKHOUSE_DATABASE=gapwise_"+hex.EncodeToString(database[:8]),
		"GAPWISE_NATS_LISTEN=127.0.0.1:0", "GAPWISE_DATA_DIR="+dataDir)
	return append(env, more...)
}

// process is one running gapwise.
type process struct {
	cmd    *exec.Cmd
	name   string
	stdout string // files
	stderr string
	gone   chan struct{} // closed when it has ended
	err    error         // how it ended; read after gone
}

// launch starts the program in the background. What is left of it, and of the
// processes that it started, is killed when the test ends.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return launchOther(t, program, env, args...)
}

// launchOther is launch for another program than the one under test.
func launchOther(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{
		name: args[0], stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"), gone: make(chan struct{}),
		cmd: exec.Command(program, args...),
	}
	p.cmd.Env = env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, stderr := create(t, p.stdout), create(t, p.stderr)
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := errors.Join(p.cmd.Start(), stdout.Close(), stderr.Close()); err != nil { // the process has its own
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		children := p.children(t)
		p.signal(syscall.SIGKILL, children...)
		<-p.gone
		if t.Failed() {
			t.Logf("gapwise %s (process %d) wrote:\n%s", p.name, p.cmd.Process.Pid, tail(t, p.stderr, 4000))
		}
	})
	return p
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// signal sends a signal to the process's group and to others.
func (p *process) signal(s syscall.Signal, others ...int) {
	for _, pid := range append([]int{-p.cmd.Process.Pid}, others...) {
		_ = syscall.Kill(pid, s) // whoever is gone already needs none
	}
}

// children lists the processes that this one has started: the database engine.
func (p *process) children(t *testing.T) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
		fields := strings.Fields(rest) // state, parent, …
		if len(fields) > 1 && fields[1] == strconv.Itoa(p.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, pid)
		}
	}
	return found
}

// alive reports whether a process runs; one that waits for its parent to read its
// exit status doesn't.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// kill ends the process at once, and its children too unless they are to find out
// by themselves; either way none of them may stay.
func (p *process) kill(t *testing.T, childrenToo bool) {
	t.Helper()
	children := p.children(t)
	if childrenToo {
		p.signal(syscall.SIGKILL, children...)
	} else {
		p.signal(syscall.SIGKILL)
	}
	<-p.gone
	for _, pid := range children {
		eventually(t, "the killed process's child is gone", func() bool { return !alive(pid) })
	}
}

// stop asks the process to end, and waits until it has and nothing of it is left.
func (p *process) stop(t *testing.T) {
	t.Helper()
	children := p.children(t)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("gapwise %s did not stop within %s of SIGTERM", p.name, patience)
	}
	if p.err != nil {
		t.Errorf("gapwise %s ended by %v", p.name, p.err)
	}
	for _, pid := range children {
		if alive(pid) {
			t.Errorf("process %d outlived gapwise %s", pid, p.name)
		}
	}
}

// instance is a whole Gapwise on a data folder.
type instance struct {
	*process
	dir string
	url string
}

// run starts a whole Gapwise and waits until it is ready.
func run(t *testing.T, dir string, args ...string) *instance {
	t.Helper()
	return runOther(t, program, dir, args...)
}

// runOther is run for another program than the one under test.
func runOther(t *testing.T, program, dir string, args ...string) *instance {
	t.Helper()
	return runIn(t, program, environment(dir), dir, args...)
}

// runIn is runOther with an environment of its own.
func runIn(t *testing.T, program string, env []string, dir string, args ...string) *instance {
	t.Helper()
	p := launchOther(t, program, env, append([]string{"run", "--listen", "127.0.0.1:0"}, args...)...)
	s := &instance{process: p, dir: dir}
	eventually(t, "gapwise is ready", func() bool {
		p.mustRun(t)
		info, err := embedded.ReadRunInfo(dir)
		if err != nil || info.PID != p.cmd.Process.Pid {
			return false
		}
		s.url = info.HTTPURL
		return s.url != "" && ready(s.url)
	})
	return s
}

// mustRun fails the test when the process has ended.
func (p *process) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-p.gone:
		t.Fatalf("gapwise %s ended by %v:\n%s", p.name, p.err, tail(t, p.stderr, 4000))
	default:
	}
}

func ready(url string) bool {
	response, err := http.Get(url + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// outcome is what a verb printed and how it ended.
type outcome struct {
	stdout, stderr string
	code           int
}

// gapwise runs a verb to its end.
func gapwise(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return runProgram(t, env, program, args...)
}

// runProgram runs a program to its end.
func runProgram(t *testing.T, env []string, program string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("gapwise %s: %v", args[0], err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a verb that has to succeed and returns what it printed.
func must(t *testing.T, env []string, args ...string) string {
	t.Helper()
	o := gapwise(t, env, args...)
	if o.code != 0 {
		t.Fatalf("gapwise %s ended with %d:\n%s%s", strings.Join(args, " "), o.code, o.stdout, o.stderr)
	}
	return o.stdout
}

// freeAddress is an address on loopback where nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func tail(t *testing.T, path string, most int) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[max(0, len(b)-most):])
}
