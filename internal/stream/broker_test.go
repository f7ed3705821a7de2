package stream_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/stream"
)

// broker is a NATS server with JetStream on a file store that syncs every write,
// as Gapwise runs it. It can be stopped and started on its folder and port.
type broker struct {
	t       testing.TB
	options server.Options
	server  *server.Server
}

func startBroker(t testing.TB) *broker {
	t.Helper()
	return startBrokerIn(t, enginetest.Folder(t), 0)
}

// startBrokerIn starts a broker on a folder that stores so many bytes at most;
// 0: as much as it likes.
func startBrokerIn(t testing.TB, dir string, maxStore int64) *broker {
	t.Helper()
	b := &broker{t: t, options: server.Options{
		Host:              "127.0.0.1",
		Port:              server.RANDOM_PORT,
		NoLog:             true,
		NoSigs:            true,
		JetStream:         true,
		StoreDir:          dir,
		JetStreamMaxStore: maxStore,
		SyncAlways:        true,
		MaxPayload:        stream.MaxMessageBytes,
	}}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	options := b.options
	s, err := server.NewServer(&options)
	if err != nil {
		b.t.Fatalf("make the broker: %v", err)
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		b.t.Fatal("the broker takes no connections")
	}
	b.server, b.options.Port = s, options.Port
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *broker) connect() *nats.Conn {
	b.t.Helper()
	nc, err := stream.Connect(b.server.ClientURL(), stream.Credentials{}, "test", quiet())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	return nc
}

func (b *broker) open(config stream.Config) *stream.Log {
	b.t.Helper()
	log, err := stream.Open(b.t.Context(), b.connect(), config, quiet())
	if err != nil {
		b.t.Fatal(err)
	}
	return log
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// readAll reads the log from sequence from to its present end.
func readAll(t testing.TB, log *stream.Log, from uint64) []stream.Entry {
	t.Helper()
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := log.Consume(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	return readTo(t, reader, info.Last)
}

// readTo reads until sequence last was delivered.
func readTo(t testing.TB, reader *stream.Reader, last uint64) []stream.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []stream.Entry
	missing := 1
	for missing > 0 {
		entries, err := reader.Next(ctx, missing, 1<<20, 50*time.Millisecond)
		if err != nil {
			t.Fatalf("read after %d entries: %v", len(all), err)
		}
		if len(entries) > 0 {
			all = append(all, entries...)
			missing = int(last) - int(all[len(all)-1].Seq)
		}
	}
	return all
}
