package embedded_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/gapwise/gapwise/internal/embedded"
)

func TestNATSKeepsMessages(t *testing.T) {
	dir := t.TempDir()
	first := startNATS(t, dir, "127.0.0.1:0", nil)
	js := newStream(t, first)
	if _, err := js.Publish(t.Context(), "study.events.07", []byte("one")); err != nil {
		t.Fatal(err)
	}
	password := first.Login().Password
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first.Health(t.Context()) == nil {
		t.Error("healthy after the stop")
	}

	log := newRecorder()
	second := startNATS(t, dir, "127.0.0.1:0", log)
	if second.Login().Password != password {
		t.Error("the folder's password changed")
	}
	conn, err := nats.Connect(second.URL(), second.UserInfo()) // over a socket this time
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.MaxPayload() != 8<<20 {
		t.Errorf("max payload %d, want 8 MiB", conn.MaxPayload())
	}
	js, err = jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "STUDY")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(msg.Data) != "one" {
		t.Errorf("got %v, %v; want the message back", msg, err)
	}
	if text := log.text(); strings.Contains(text, password) || strings.Contains(text, "level=WARN") {
		t.Errorf("log holds the password or a warning:\n%s", text)
	}
}

func TestNATSProducerRights(t *testing.T) {
	n := startNATS(t, t.TempDir(), "127.0.0.1:0", nil)
	newStream(t, n)

	denied := make(chan error, 10)
	conn, err := nats.Connect(n.URL(), nats.UserInfo(n.Producer().User, n.Producer().Password),
		nats.CustomInboxPrefix(embedded.ProducerInbox),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("publishes", func(t *testing.T) {
		ack, err := js.Publish(t.Context(), "study.events.07", []byte("one"))
		if err != nil || ack.Sequence != 1 {
			t.Errorf("acknowledgement %v, %v; want sequence 1", ack, err)
		}
	})
	t.Run("publishes a batch", func(t *testing.T) {
		ack, err := jetstreamext.PublishMsgBatch(t.Context(), js, []*nats.Msg{
			{Subject: "study.events.07", Data: []byte("two"), Header: nats.Header{}},
			{Subject: "study.events.08", Data: []byte("three"), Header: nats.Header{}},
		})
		if err != nil || ack.Sequence != 3 {
			t.Errorf("acknowledgement %v, %v; want sequence 3", ack, err)
		}
	})
	for name, attempt := range map[string]func() error{
		"publishes elsewhere": func() error { return conn.Publish("other", nil) },
		"asks JetStream":      func() error { return conn.Publish("$JS.API.STREAM.DELETE.STUDY", nil) },
		"reads a key-value":   func() error { return conn.Publish("$JS.API.DIRECT.GET.KV_x.$KV.x.y", nil) },
		"writes a key-value":  func() error { return conn.Publish("$KV.x.y", nil) },
		"subscribes":          func() error { _, err := conn.SubscribeSync("study.events.>"); return err },
		"hears others":        func() error { _, err := conn.SubscribeSync("_INBOX.>"); return err },
		"hears everything":    func() error { _, err := conn.SubscribeSync(">"); return err },
	} {
		t.Run("denied/"+name, func(t *testing.T) {
			if err := errors.Join(attempt(), conn.Flush()); err != nil {
				t.Fatal(err)
			}
			if err := <-denied; !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("got %v, want a permissions violation", err)
			}
		})
	}
	t.Run("denied/nobody", func(t *testing.T) {
		for _, opts := range [][]nats.Option{nil, {nats.UserInfo(n.Login().User, "guess")}} {
			if stranger, err := nats.Connect(n.URL(), opts...); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("connected %v, %v; want an authorization violation", stranger, err)
			}
		}
	})
}

func TestNATSPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, tc := range []struct {
		name, listen, says string
		want               error
	}{
		{"taken", l.Addr().String(), "stop it, or choose another address", embedded.ErrPortTaken},
		{"no port", "127.0.0.1", "127.0.0.1:4222", nil},
		{"no number", "127.0.0.1:nats", "127.0.0.1:4222", nil},
		{"elsewhere", "192.0.2.1:4222", "address of this machine", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := embedded.StartNATS(t.Context(), embedded.NATSConfig{Dir: t.TempDir(), Listen: tc.listen, Logger: quiet()})
			checkError(t, err, tc.want, tc.says)
		})
	}
	t.Run("default", func(t *testing.T) {
		// Whether or not 4222 is free on this machine, two servers without a set address get along.
		a, b := startNATS(t, t.TempDir(), "", nil), startNATS(t, t.TempDir(), "", nil)
		if a.URL() == b.URL() {
			t.Errorf("both listen on %s", a.URL())
		}
	})
}

func startNATS(t *testing.T, dir, listen string, log *recorder) *embedded.NATS {
	t.Helper()
	cfg := embedded.NATSConfig{Dir: dir, Listen: listen, Logger: quiet()}
	if log != nil {
		cfg.Logger = slogOf(log)
	}
	n, err := embedded.StartNATS(t.Context(), cfg)
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

func newStream(t *testing.T, n *embedded.NATS) jetstream.JetStream {
	t.Helper()
	conn, err := n.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "STUDY", Subjects: []string{"study.events.*"}, Storage: jetstream.FileStorage,
		AllowAtomicPublish: true, Duplicates: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return js
}
