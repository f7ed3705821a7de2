package enginetest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestDatabase(t *testing.T) {
	var kept enginetest.DB
	t.Run("one test", func(t *testing.T) {
		kept = enginetest.Database(t)
		if other := enginetest.Database(t); other.Addr != kept.Addr || other.Database == kept.Database {
			t.Errorf("databases %v and %v, want two on one server", kept, other)
		}
	})
	var n uint64
	row := enginetest.Conn(t).QueryRow(t.Context(), "SELECT count() FROM system.databases WHERE name = ?", kept.Database)
	if err := row.Scan(&n); err != nil || n != 0 {
		t.Errorf("%d databases, %v; want a passed test's dropped", n, err)
	}
	if !strings.Contains(kept.Database, "one_test") {
		t.Errorf("database %s does not tell its test", kept.Database)
	}
}

func TestNATS(t *testing.T) {
	if conn := enginetest.NATS(t); !conn.IsConnected() {
		t.Error("not connected")
	}
	url, opts := enginetest.NATSURL(t)
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
