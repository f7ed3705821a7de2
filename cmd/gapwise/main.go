package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gapwise/gapwise/internal/embedded"
)

// version is stamped by the build.
var version = "dev"

func main() {
	embedded.ChildMain() // returns unless this process is the engine's child
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried and failed, or a check says no
	exitUsage  = 2 // the command line or the configuration is wrong
)

// run is main with everything injected: tests call it in their own process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := newRoot(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "gapwise: %v\n", err)
		return exitUsage
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "gapwise: %v\n", err)
	}
	return exitFailed
}

// usageError says that the command line or the configuration is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errSilent ends with exitFailed without a word: the output said it all.
var errSilent = errors.New("failed")
