package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
)

// program is the path of the binary under test, built by TestMain.
var program string

func TestMain(m *testing.M) {
	embedded.ChildMain() // the test of roles starts its own engines
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gapwise-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "gapwise")
	build := exec.Command("go", "build", "-o", program, "github.com/gapwise/gapwise/cmd/gapwise")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build gapwise:", err)
		return 1
	}
	return enginetest.Main(m)
}
