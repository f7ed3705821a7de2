package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// outputFile, in the engine's folder, has what the last child printed: why it could not start, or how it crashed.
const outputFile = "engine.out"

// A process is one life of the engine's child.
type process struct {
	cmd      *exec.Cmd
	dir      string
	lifeline *os.File      // closing it ends the child
	done     chan struct{} // closed when the child is reaped
	err      error         // how it ended; read after done
}

// startProcess starts the child in dir. command is the program and its first arguments; args follow.
func startProcess(dir, library string, command, args []string) (*process, error) {
	output, err := os.OpenFile(filepath.Join(dir, outputFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	defer func() { _ = output.Close() }()
	childEnd, lifeline, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	defer func() { _ = childEnd.Close() }()

	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], args...)...) //nolint:gosec,noctx // this program; ended by stop
	cmd.Args[0] = "gapwise-clickhouse"                                                        // for ps
	cmd.Dir = dir
	cmd.Env = childEnviron(library)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{childEnd} // becomes lifelineFD
	cmd.SysProcAttr = childAttributes()

	p := &process{cmd: cmd, dir: dir, lifeline: lifeline, done: make(chan struct{})}
	if err := p.start(); err != nil {
		_ = lifeline.Close()
		return nil, fmt.Errorf("start engine: %w", err)
	}
	return p, nil
}

// start starts and later reaps the child on one operating system thread that lives as long as the child: the
// parent-death signal is sent when the thread that started the child ends, not when the process does.
func (p *process) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		_ = p.lifeline.Close()
		close(p.done)
	}()
	return <-started
}

// kill ends the child at once and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it is gone already
	<-p.done
}

// diskFailed tells whether the child ended because its disk took no more.
func (p *process) diskFailed() bool { return p.cmd.ProcessState.ExitCode() == exitDiskFailed }

// cause tells how the child ended, with the last lines that it printed.
func (p *process) cause() error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("clickhouse engine ended: %w: %s (log: %s)", err, p.lastLines(), p.dir)
}

func (p *process) lastLines() string {
	b, err := os.ReadFile(filepath.Join(p.dir, outputFile))
	if err != nil {
		return err.Error()
	}
	const most = 1000
	b = bytes.TrimSpace(b)
	if len(b) > most {
		b = b[len(b)-most:]
	}
	if len(b) == 0 {
		return "it printed nothing"
	}
	return strings.ToValidUTF8(string(b), "?")
}

// childEnviron leaves out CLICKHOUSE_… variables, which the engine would take as its user, password or host.
func childEnviron(library string) []string {
	env := []string{childEnv + "=" + library, "TZ=UTC"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
