package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/nats-io/nats.go"

	"github.com/gapwise/gapwise/internal/embedded"
)

// DB is a fresh database of one test.
type DB struct {
	Addr     string // host:port of the native protocol
	Database string
	User     string
	Password string
}

// Options are for clickhouse.Open.
func (d DB) Options() *clickhouse.Options {
	return &clickhouse.Options{
		Addr: []string{d.Addr},
		Auth: clickhouse.Auth{Database: d.Database, Username: d.User, Password: d.Password},
	}
}

// shared holds what one test binary starts once, at first use. Tests have no other place for it: TestMain and they share
// nothing but the package.
var shared struct {
	sync.Mutex
	dir        string
	clickHouse *embedded.ClickHouse
	clickErr   error
	nats       *embedded.NATS
	natsErr    error
}

// Main runs the tests of a package and stops what they started. It returns the exit code. In the engine's child, which
// is this same test binary, it does not return.
func Main(m *testing.M) int {
	embedded.ChildMain()
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		code = max(code, 1)
	}
	return code
}

// Database makes a database for this test alone. It is dropped when the test passes and kept while the engine runs when
// the test fails; an outside server keeps it until someone drops it.
func Database(t testing.TB) DB {
	t.Helper()
	db := server(t)
	db.Database = databaseName(t)
	conn := open(t, db.Options(), "default")
	exec(t, conn, "CREATE DATABASE "+db.Database)
	t.Cleanup(func() {
		defer func() { _ = conn.Close() }()
		if t.Failed() {
			t.Logf("database %s is kept on %s", db.Database, db.Addr)
			return
		}
		exec(t, conn, "DROP DATABASE "+db.Database+" SYNC")
	})
	return db
}

// Conn makes a database for this test and connects to it.
func Conn(t testing.TB) driver.Conn {
	t.Helper()
	db := Database(t)
	conn := open(t, db.Options(), db.Database)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Folder is a temporary folder for the files of a broker. A broker that was stopped may write its index once more, a moment
// after it said that it was done; [testing.T.TempDir] takes that for a failure.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gapwise-broker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for deadline := time.Now().Add(10 * time.Second); ; <-again.C {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("remove the broker's folder: %v", err)
				return
			}
		}
	})
	return dir
}

// NewNATS starts a NATS server with JetStream that this test has for itself, with its files in the test's temporary
// folder.
func NewNATS(t testing.TB) *embedded.NATS {
	t.Helper()
	n, err := startNATS(Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// NATS starts a server as [NewNATS] does and connects to it with all rights.
func NATS(t testing.TB) *nats.Conn {
	t.Helper()
	conn, err := NewNATS(t).Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// NATSURL is a broker for tests that mind no other tests on it: GAPWISE_NATS_URL, or one that the test binary starts
// once. The options log in.
func NATSURL(t testing.TB) (string, []nats.Option) {
	t.Helper()
	if url := os.Getenv("GAPWISE_NATS_URL"); url != "" {
		return url, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.nats == nil && shared.natsErr == nil {
		var dir string
		if dir, shared.natsErr = sharedDir(); shared.natsErr == nil {
			shared.nats, shared.natsErr = startNATS(filepath.Join(dir, "nats"))
		}
	}
	if shared.natsErr != nil {
		t.Fatal(shared.natsErr)
	}
	return shared.nats.URL(), []nats.Option{shared.nats.UserInfo()}
}

func startNATS(dir string) (*embedded.NATS, error) {
	return embedded.StartNATS(context.Background(), embedded.NATSConfig{Dir: dir, Listen: "127.0.0.1:0", Logger: logger()})
}

// server is the ClickHouse of this test binary, started at first use.
func server(t testing.TB) DB {
	t.Helper()
	if addr := os.Getenv("GAPWISE_CLICKHOUSE_ADDR"); addr != "" {
		user := os.Getenv("GAPWISE_CLICKHOUSE_USER")
		if user == "" {
			user = "default"
		}
		return DB{Addr: addr, User: user, Password: os.Getenv("GAPWISE_CLICKHOUSE_PASSWORD")}
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.clickHouse == nil && shared.clickErr == nil {
		var dir string
		if dir, shared.clickErr = sharedDir(); shared.clickErr == nil {
			shared.clickHouse, shared.clickErr = embedded.StartClickHouse(context.Background(),
				embedded.ClickHouseConfig{Dir: filepath.Join(dir, "clickhouse"), Logger: logger()})
		}
	}
	if shared.clickErr != nil {
		t.Fatalf("%v\n(tests can use an outside server: GAPWISE_CLICKHOUSE_ADDR=host:port)", shared.clickErr)
	}
	login := shared.clickHouse.Login()
	return DB{Addr: shared.clickHouse.Addr(), User: login.User, Password: login.Password}
}

// sharedDir is called with the lock held.
func sharedDir() (string, error) {
	if shared.dir != "" {
		return shared.dir, nil
	}
	dir, err := os.MkdirTemp("", "gapwise-test-")
	if err != nil {
		return "", err
	}
	shared.dir = dir
	return dir, nil
}

func closeShared() (err error) {
	ctx := context.Background()
	shared.Lock()
	defer shared.Unlock()
	if shared.clickHouse != nil {
		// What the tests wrote is thrown away: don't wait for it.
		killNow, cancel := context.WithCancel(ctx)
		cancel()
		_ = shared.clickHouse.Close(killNow)
	}
	if shared.nats != nil {
		err = shared.nats.Close(ctx)
	}
	if shared.dir != "" {
		if rmErr := os.RemoveAll(shared.dir); err == nil {
			err = rmErr
		}
	}
	return err
}

func open(t testing.TB, opts *clickhouse.Options, database string) driver.Conn {
	t.Helper()
	opts.Auth.Database = database
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t testing.TB, conn driver.Conn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := conn.Exec(ctx, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// databaseName tells which test a kept database is from.
func databaseName(t testing.TB) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name())
	return "t_" + name[:min(len(name), 60)] + "_" + hex.EncodeToString(random)
}

// logger shows what a person must know; the rest would drown the tests' own output.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
