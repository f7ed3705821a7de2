package deploy

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/gapwise/gapwise/internal/stream"
)

// broker starts the broker from its configuration, on a free port and in a
// folder of this test.
func broker(t *testing.T) *server.Server {
	t.Helper()
	for name, value := range secrets(t)["nats.env"] {
		t.Setenv(name, value)
	}
	options, err := server.ProcessConfigFile("nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !options.JetStream || !options.SyncAlways {
		t.Errorf("JetStream %t, sync_interval always %t, want both: an acknowledged event survives a crash",
			options.JetStream, options.SyncAlways)
	}
	if options.MaxPayload != stream.MaxMessageBytes {
		t.Errorf("max_payload is %d, the stream takes %d", options.MaxPayload, stream.MaxMessageBytes)
	}
	options.Host, options.Port, options.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	options.StoreDir, options.NoSigs, options.NoLog = t.TempDir(), true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the broker is not ready")
	}
	return s
}

func connect(t *testing.T, s *server.Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestBrokerLetsProducersWriteAndNotRead(t *testing.T) {
	s := broker(t)
	ctx := t.Context()

	if _, err := nats.Connect(s.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a password: %v, want %v", err, nats.ErrAuthorization)
	}

	options, err := server.ProcessConfigFile("nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	password := map[string]string{}
	for _, user := range options.Users {
		password[user.Username] = user.Password
	}

	nc := connect(t, s, nats.UserInfo("gapwise", password["gapwise"]))
	if _, err := stream.Open(ctx, nc, stream.Config{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("gapwise opens the stream: %v", err)
	}

	refused := make(chan error, 8)
	nc = connect(t, s, nats.UserInfo("producer", password["producer"]), nats.CustomInboxPrefix("_INBOX.producer"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	publisher, err := stream.NewPublisher(nc, stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	messages := make([]stream.Message, 3) // more than one: an atomic batch
	for i := range messages {
		messages[i] = stream.Message{Learner: "ada", ID: strconv.Itoa(i), Payload: []byte("{}")}
	}
	if _, err := publisher.Publish(ctx, messages); err != nil {
		t.Fatalf("a producer publishes: %v", err)
	}
	for _, subject := range []string{"DIRECT.GET.STUDY", "STREAM.MSG.GET.STUDY", "STREAM.PURGE.STUDY", "STREAM.DELETE.STUDY"} {
		if err := nc.Publish("$JS.API."+subject, nil); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, nc, refused, subject)
	}
	for _, subject := range []string{"study.events.*", "_INBOX.*.*", ">"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, nc, refused, "subscribing to "+subject)
	}
}

// expectRefusal waits for the broker's word that it refused what was just sent.
func expectRefusal(t *testing.T, nc *nats.Conn, refused <-chan error, what string) {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v, want %v", what, err, nats.ErrPermissionViolation)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("%s: not refused", what)
	}
}
