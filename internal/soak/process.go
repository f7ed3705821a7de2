package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one role, broker or engine: a child that is started again whenever it
// ends, as a supervisor of services would.
type process struct {
	name     string
	program  string
	env      []string
	logFile  string
	announce func(line []byte) // gets the first line of each life; nil: not wanted

	mu     sync.Mutex
	args   []string
	cmd    *exec.Cmd
	gone   chan struct{} // closed when this life has ended
	wanted bool          // to run: it is started again when it ends
	ends   int           // that nobody asked for
	loops  sync.WaitGroup

	fault sync.Mutex // held by the fault that has this process now
}

// againAfter is how long a supervisor waits before it starts a process again.
const againAfter = 200 * time.Millisecond

// start runs the process until stop or kill.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.launch()
}

// launch begins a life; the lock is held.
func (p *process) launch() error {
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.program, p.args...) //nolint:gosec,noctx // this program; ended by stop and kill
	cmd.Env, cmd.Stderr, cmd.SysProcAttr = p.env, log, childAttributes()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	gone, started := make(chan struct{}), make(chan error, 1)
	p.loops.Go(func() { p.live(cmd, stdout, started, gone) })
	if err := <-started; err != nil {
		return fmt.Errorf("soak: start %s: %w", p.name, err)
	}
	p.cmd, p.gone = cmd, gone
	return nil
}

// live starts a life and sees it to its end, on one operating system thread: the
// signal of the parent's death comes when the thread that started the child ends.
func (p *process) live(cmd *exec.Cmd, stdout io.Reader, started chan<- error, gone chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	go func() {
		lines := bufio.NewReader(stdout)
		if line, err := lines.ReadBytes('\n'); err == nil && p.announce != nil {
			p.announce(line)
		}
		_, _ = io.Copy(io.Discard, lines)
	}()
	_ = cmd.Wait()
	close(gone)
	<-time.After(againAfter)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted && p.gone == gone {
		p.ends++
		_ = p.launch() // fails only where no process can be started at all; then nothing ever gets ready
	}
}

// again changes the arguments for the lives to come.
func (p *process) again(args ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.args = args
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	p.wanted = false
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // fails only if it is gone already
	<-gone
}

// close kills the process and waits for what watched it.
func (p *process) close() {
	p.kill()
	p.loops.Wait()
}

// stop asks the process to end, which has to go well.
func (p *process) stop(ctx context.Context) error {
	p.mu.Lock()
	p.wanted = false
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone already
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case <-gone:
	case <-ctx.Done():
		return fmt.Errorf("soak: %s did not stop: %w", p.name, ctx.Err())
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("soak: %s ended with %d when it was asked to stop", p.name, code)
	}
	return nil
}

// signal sends a signal to the process, or to its children (the engine is one).
func (p *process) signal(s syscall.Signal, children bool) error {
	p.mu.Lock()
	cmd := p.cmd
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	pids := []int{cmd.Process.Pid}
	if children {
		var err error
		if pids, err = childrenOf(pids[0]); err != nil {
			return err
		}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // whoever is gone needs none
	}
	return nil
}

// unasked is how often the process ended by itself.
func (p *process) unasked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ends
}

// childrenOf lists the processes that one has started.
func childrenOf(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if errors.Is(err, os.ErrNotExist) {
			continue // that thread ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}

// crashes returns the lines of a process's log that tell of a crash.
func (p *process) crashes() ([]string, error) {
	file, err := os.Open(p.logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var found []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if line := lines.Text(); slices.ContainsFunc([]string{"panic: ", "fatal error: "}, func(sign string) bool { return strings.HasPrefix(line, sign) }) {
			found = append(found, p.name+": "+line)
		}
	}
	return found, lines.Err()
}

// announced decodes the first line of a life into v, each time one comes.
func announced[T any](took func(T)) func([]byte) {
	return func(line []byte) {
		var v T
		if err := json.Unmarshal(line, &v); err == nil { // anything else is a half-written line of a process that was killed
			took(v)
		}
	}
}
