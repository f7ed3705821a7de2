package embedded

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

const (
	// childEnv makes a process the engine's child; its value is the path of the engine library.
	childEnv = "GAPWISE_ENGINE_CHILD"

	// lifelineFD is the child's end of a pipe whose other end only the parent holds.
	lifelineFD = 3

	// entryPoint takes the arguments of clickhouse-local and returns when its last query has ended.
	entryPoint = "chdb_query_cmdline"

	// engineLock, in the child's working folder, keeps two engines apart: a killed parent's child needs a moment to go.
	engineLock = "engine.lock"
)

// Exit codes of the child.
const (
	exitEngineEnded  = 1 // the engine returned: killed softly, or an error that it printed
	exitCannotLoad   = 2
	exitParentIsGone = 3
)

// ChildMain turns this process into the ClickHouse engine if it was started as such by [StartClickHouse]; then it never
// returns. Otherwise it does nothing. A program that embeds the engine calls it before anything else.
func ChildMain() {
	library := os.Getenv(childEnv)
	if library == "" {
		return
	}
	if err := serveEngine(library, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitCannotLoad)
	}
	os.Exit(exitEngineEnded)
}

// serveEngine runs the engine as clickhouse-local would with these arguments, until its last query ends.
func serveEngine(library string, args []string) error {
	go dieWithParent()
	// A client that hangs up must not end the engine, and a file that may not grow is a failed write like any other.
	signal.Ignore(unix.SIGPIPE, unix.SIGXFSZ)
	// When memory runs out the kernel should take this process, which can be started again, not the parent.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)

	lock, err := os.OpenFile(engineLock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("engine lock: %w", err)
	}
	if err := flock(lock, unix.LOCK_EX); err != nil { // waits; held until the process ends
		return fmt.Errorf("engine lock: %w", err)
	}
	runtime.LockOSThread() // the engine keeps state with its main thread
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load engine: %w", err)
	}
	symbol, err := purego.Dlsym(handle, entryPoint)
	if err != nil {
		return fmt.Errorf("load engine: %w", err)
	}
	if err := tameErrorHandler(library, entryPoint, symbol); err != nil {
		// The engine works without, but ends when a client fails to log in; then it is started again.
		fmt.Fprintln(os.Stderr, err)
	}
	if err := failStopOnDiskErrors(library, entryPoint, symbol); err != nil {
		fmt.Fprintln(os.Stderr, err) // the engine works without as long as its disk has room
	}
	var queryCmdline func(argc int32, argv unsafe.Pointer) uintptr
	purego.RegisterFunc(&queryCmdline, symbol)
	argv, pinner := cStrings(args)
	defer pinner.Unpin()
	queryCmdline(int32(len(args)), argv)
	runtime.KeepAlive(lock)
	return nil
}

// dieWithParent blocks until the parent's end of the pipe is closed, which the kernel does however the parent ends.
func dieWithParent() {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	_, _ = lifeline.Read(make([]byte, 1))
	os.Exit(exitParentIsGone)
}

// cStrings lays out a C argv: pointers to zero-terminated strings, and a null pointer.
func cStrings(args []string) (unsafe.Pointer, *runtime.Pinner) {
	var pinner runtime.Pinner
	argv := make([]*byte, len(args)+1)
	for i, arg := range args {
		b := append([]byte(arg), 0)
		argv[i] = &b[0]
		pinner.Pin(argv[i])
	}
	pinner.Pin(&argv[0])
	return unsafe.Pointer(&argv[0]), &pinner
}
