//go:build unix && !linux

package embedded

import (
	"os"
	"syscall"
)

// thisProgram is the name that the program was called by.
var thisProgram = os.Args[0]

func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for the parent
}
