package embedded

import "syscall"

// thisProgram stays the running program when its file is replaced by an upgrade.
const thisProgram = "/proc/self/exe"

func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:   true, // a terminal's Ctrl-C is for the parent
		Pdeathsig: syscall.SIGKILL,
	}
}
