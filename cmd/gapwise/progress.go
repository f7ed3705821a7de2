package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells how far something long is, with rate and time left: on one line
// that is written over on a terminal, in plain lines every few seconds elsewhere.
type progress struct {
	out   io.Writer
	what  string         // what is counted: events
	share func() float64 // how much of all is done, 0 to 1; nil: not known

	mu       sync.Mutex
	done     int
	started  time.Time
	told     time.Time
	terminal bool
	width    int // of the line on the terminal
}

// How often progress is told.
const (
	tellTerminal = 200 * time.Millisecond
	tellPlain    = 5 * time.Second
)

func newProgress(out io.Writer, what string, share func() float64) *progress {
	p := &progress{out: out, what: what, share: share, started: time.Now()}
	p.told = p.started
	p.terminal = isTerminal(out)
	return p
}

// isTerminal reports whether a person looks at what is written.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// add counts n more.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	every := tellPlain
	if p.terminal {
		every = tellTerminal
	}
	if time.Since(p.told) >= every {
		p.told = time.Now()
		p.print(p.line(), false)
	}
}

// note says something in between.
func (p *progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(fmt.Sprintf(format, args...), true)
}

// end tells the final state.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(p.line(), true)
}

// count tells how many there were so far.
func (p *progress) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// seconds tells how long it takes so far.
func (p *progress) seconds() float64 { return time.Since(p.started).Seconds() }

func (p *progress) line() string {
	took := time.Since(p.started)
	rate := float64(p.done) / max(took.Seconds(), 1e-3)
	line := fmt.Sprintf("%d %s, %.0f/s", p.done, p.what, rate)
	if p.share != nil {
		if share := p.share(); share > 0 && share < 1 {
			left := time.Duration(float64(took) * (1 - share) / share).Round(time.Second)
			line += fmt.Sprintf(", %.0f%%, %s left", 100*share, left)
		}
	}
	return line
}

func (p *progress) print(line string, final bool) {
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	fmt.Fprint(p.out, "\r"+line+strings.Repeat(" ", max(0, p.width-len(line))))
	p.width = len(line)
	if final {
		fmt.Fprintln(p.out)
		p.width = 0
	}
}
