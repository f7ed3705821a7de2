package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// benchProcess is a gapwise of some role that is measured: this same program, in a
// process of its own.
type benchProcess struct {
	process *exec.Cmd
	log     string        // file of what it says
	data    string        // folder
	ended   chan struct{} // closed when the process ended
	exit    error         // how; to be read after that
}

const (
	benchStart = time.Minute      // for a gapwise to start
	benchStop  = 45 * time.Second // for it to stop
)

// launch starts a gapwise of a role on a data folder. Its environment is this
// one's and more.
func launch(role, data, log string, environment ...string) (*benchProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	p := &benchProcess{log: log, data: data, ended: make(chan struct{})}
	p.process = exec.Command(self, role, "--data-dir", data, "--listen", "127.0.0.1:0", "--log-level", "warn") //nolint:noctx,gosec // stopped softly; it is this program
	p.process.Env = append(os.Environ(), environment...)
	p.process.Stdout, p.process.Stderr = out, out
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.exit = p.process.Wait()
		close(p.ended)
	}()
	return p, nil
}

// announced finds the address in what a gapwise says when it takes requests.
var announced = regexp.MustCompile(`pages and API +(\S+)`)

// ready waits until the gapwise takes requests and returns an operator's client.
func (p *benchProcess) ready(ctx context.Context) (*client, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(benchStart)
	for {
		if text, err := os.ReadFile(p.log); err == nil {
			if address := announced.FindSubmatch(text); address != nil {
				return p.client(string(address[1]))
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.ended:
			return nil, p.failed("ended")
		case <-deadline:
			return nil, p.failed("was not ready after " + benchStart.String())
		case <-again.C:
		}
	}
}

func (p *benchProcess) client(url string) (*client, error) {
	c := &Config{}
	c.Data.Dir = p.data
	token, err := mint(c, httpserver.Claims{Role: httpserver.RoleOperator, Life: 12 * time.Hour})
	if err != nil {
		return nil, err
	}
	return newHTTPClient(url, token), nil
}

// failed tells what went wrong with the process, and what it said.
func (p *benchProcess) failed(what string) error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("the gapwise to measure %s: %s", what, strings.TrimSpace(string(text)))
}

// stop stops the gapwise softly, and by force when that takes too long.
func (p *benchProcess) stop() error {
	_ = p.process.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return p.exit
	case <-time.After(benchStop):
		_ = p.process.Process.Kill()
		<-p.ended
		return fmt.Errorf("the gapwise to measure did not stop within %s", benchStop)
	}
}

// memory reads a figure of the process from the kernel, in MB.
func (p *benchProcess) memory(name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("the kernel tells no " + name)
}

// processorTime reads how long a process has worked on all cores together.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// After the name, which may hold anything: 11 others, then user and system time.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / kernelTicks, nil
}

// kernelTicks is how many of its ticks the kernel shows programs as a second.
const kernelTicks = 100
