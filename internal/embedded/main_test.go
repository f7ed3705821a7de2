package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/embedded"
)

// parentEnv makes this test binary a parent of engines on the data folder it names: what the tests kill. The other names
// the command of the engines' child, if it is not the usual one.
const (
	parentEnv        = "GAPWISE_TEST_PARENT"
	parentCommandEnv = "GAPWISE_TEST_PARENT_COMMAND"
)

// thiefEnv makes this test binary listen on an address, then write its process id to a file: "ADDRESS FILE".
const thiefEnv = "GAPWISE_TEST_THIEF"

func TestMain(m *testing.M) {
	embedded.ChildMain()
	if dir := os.Getenv(parentEnv); dir != "" {
		os.Exit(parentMain(dir))
	}
	if job := os.Getenv(thiefEnv); job != "" {
		os.Exit(thiefMain(job))
	}
	os.Exit(m.Run())
}

// parentMain runs the engines until SIGTERM. It says so on its standard output when they are ready.
func parentMain(dir string) int {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	cfg := embedded.Config{DataDir: dir, NATSListen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if command := os.Getenv(parentCommandEnv); command != "" {
		cfg.Command = []string{command}
	}
	engines, err := embedded.Start(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready", engines.ClickHouse.PID())
	<-stop.Done()
	if err := engines.Close(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// thiefMain holds the address until it is killed.
func thiefMain(job string) int {
	addr, file, _ := strings.Cut(job, " ")
	if _, err := net.Listen("tcp", addr); err != nil {
		fmt.Println(err)
		return 1
	}
	written := file + ".new"
	err := os.WriteFile(written, []byte(strconv.Itoa(os.Getpid())), 0o600)
	if err = errors.Join(err, os.Rename(written, file)); err != nil {
		fmt.Println(err)
		return 1
	}
	select {}
}

func startClickHouse(t *testing.T, cfg embedded.ClickHouseConfig) *embedded.ClickHouse {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet()
	}
	c, err := embedded.StartClickHouse(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func connect(t *testing.T, addr string, login embedded.Login) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{addr}, Auth: clickhouse.Auth{Username: login.User, Password: login.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func mustExec(t *testing.T, conn driver.Conn, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if err := conn.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func queryUint(t *testing.T, conn driver.Conn, query string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func checkCode(t *testing.T, err error, code int32) {
	t.Helper()
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != code {
		t.Errorf("got error %v, want ClickHouse error %d", err, code)
	}
}

// eventually waits for something that another process does in its own time.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// gone counts a zombie as gone: a killed parent's child is reaped by whoever inherits it.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(state, "Z")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// recorder keeps the messages of a log in order.
type recorder struct {
	slog.Handler
	mu    sync.Mutex
	lines strings.Builder
}

func newRecorder() *recorder {
	r := &recorder{}
	r.Handler = slog.NewTextHandler(writer(func(b []byte) (int, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.lines.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug})
	return r
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines.String()
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func library(t *testing.T) string {
	t.Helper()
	path, err := embedded.FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
