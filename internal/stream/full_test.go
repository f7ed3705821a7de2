package stream_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

// fill publishes batches until one isn't confirmed, and then that one some more
// times. Every refusal says that nothing or what unknown is stored, so that it is
// sent again.
func fill(t *testing.T, log *stream.Log) (stored, refused []stream.Message) {
	t.Helper()
	for i := 0; refused == nil; i++ {
		ms := messages(fmt.Sprint("m", i), 500)
		if _, err := log.Publish(t.Context(), ms); err != nil {
			checkSendAgain(t, err)
			refused = ms
			break
		}
		stored = append(stored, ms...)
	}
	for range 3 {
		_, err := log.Publish(t.Context(), refused)
		checkSendAgain(t, err)
	}
	return stored, refused
}

func checkSendAgain(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, stream.ErrLogFull) && !errors.Is(err, stream.ErrUnavailable) && !errors.Is(err, stream.ErrUnknown) {
		t.Fatalf("without room: %v", err)
	}
}

// checkTakenOnce sends the refused messages again, now that there is room, and
// looks for each message once.
func checkTakenOnce(t *testing.T, log *stream.Log, stored, refused []stream.Message) {
	t.Helper()
	if _, err := log.Publish(t.Context(), refused); err != nil {
		t.Fatalf("with room: %v", err)
	}
	found := map[string]int{}
	for _, e := range readAll(t, log, 1) {
		found[e.ID]++
	}
	for _, m := range append(stored, refused...) {
		if found[m.ID] != 1 {
			t.Errorf("%s is there %d times", m.ID, found[m.ID])
		}
	}
	if len(found) != len(stored)+len(refused) {
		t.Errorf("the log holds %d messages, %d were sent", len(found), len(stored)+len(refused))
	}
}

func TestLogAtItsLimit(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{MaxBytes: 1 << 20})
	stored, refused := fill(t, log)
	if _, err := log.Publish(t.Context(), refused); !errors.Is(err, stream.ErrLogFull) {
		t.Errorf("it is full, and says %v", err)
	}
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	study, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	larger := study.CachedInfo().Config
	larger.MaxBytes = 4 << 20
	if _, err := js.UpdateStream(t.Context(), larger); err != nil {
		t.Fatal(err)
	}
	checkTakenOnce(t, log, stored, refused)
}

func TestBrokerAtItsLimit(t *testing.T) {
	b := startBrokerIn(t, t.TempDir(), 4<<20)
	log := b.open(stream.Config{PublishTimeout: time.Second})
	stored, refused := fill(t, log)
	if _, err := log.Publish(t.Context(), refused); !errors.Is(err, stream.ErrLogFull) {
		t.Errorf("it is full, and says %v", err)
	}
	b.stop()
	b.options.JetStreamMaxStore = 64 << 20
	b.start()
	checkTakenOnce(t, b.open(stream.Config{}), stored, refused)
}
