package gapwise_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise"
	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/stream"
)

// broker is the embedded NATS server, which can be stopped and started again on
// its folder and port.
type broker struct {
	t    testing.TB
	nats *embedded.NATS
	dir  string
}

func startBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, dir: enginetest.Folder(t)}
	b.start("127.0.0.1:0")
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start(listen string) {
	b.t.Helper()
	started, err := embedded.StartNATS(context.Background(), embedded.NATSConfig{Dir: b.dir, Listen: listen, Logger: quiet()})
	if err != nil {
		b.t.Fatal(err)
	}
	b.nats = started
}

func (b *broker) stop() {
	b.t.Helper()
	if err := b.nats.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
}

func (b *broker) address() string { return strings.TrimPrefix(b.nats.URL(), "nats://") }

// log opens the log as the projector does; it is there for producers from then.
func (b *broker) log() *stream.Log {
	b.t.Helper()
	conn, err := b.nats.Connect()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(conn.Close)
	log, err := stream.Open(b.t.Context(), conn, stream.Config{}, quiet())
	if err != nil {
		b.t.Fatal(err)
	}
	return log
}

// config is that of a producer with no right but to publish.
func (b *broker) config() gapwise.Config {
	login := b.nats.Producer()
	return gapwise.Config{
		URL: b.nats.URL(),
		Credentials: gapwise.Credentials{
			User:        login.User,
			Password:    login.Password,
			InboxPrefix: embedded.ProducerInbox,
		},
		Source: "test.example.org/quiz",
	}
}

func dial(t testing.TB, config gapwise.Config) *gapwise.Client {
	t.Helper()
	client, err := gapwise.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

// stored is what the tests look at in a stored event.
type stored struct {
	ID      string
	Source  string
	Subject string
	Type    string
	Time    time.Time
	Data    struct {
		Item  string
		Score float64
	}
}

// readLog reads the log from its start to its present end.
func readLog(t testing.TB, log *stream.Log) []stored {
	t.Helper()
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := log.Consume(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var events []stored
	for len(events) < int(info.Messages) {
		entries, err := reader.Next(t.Context(), int(info.Messages)-len(events), 1<<30, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			var event stored
			if err := json.Unmarshal(entry.Payload, &event); err != nil {
				t.Fatal(err)
			}
			events = append(events, event)
		}
	}
	return events
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
