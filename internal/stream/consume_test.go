package stream_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

func consume(t testing.TB, log *stream.Log, from uint64) *stream.Reader {
	t.Helper()
	reader, err := log.Consume(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	return reader
}

func TestReaderStartsWhereToldAndFollows(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	if _, err := log.Publish(t.Context(), messages("a", 10)); err != nil {
		t.Fatal(err)
	}
	reader := consume(t, log, 8)
	ms := messages("b", 5)
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	entries := readTo(t, reader, 15)
	if len(entries) != 8 || entries[0].Seq != 8 || entries[7].ID != ms[4].ID {
		t.Fatalf("got %d entries from %d", len(entries), entries[0].Seq)
	}
}

func TestNextHoldsItsLimits(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 50)
	ms[20].Payload = []byte(strings.Repeat("x", 100_000)) // more than a batch may have
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	reader := consume(t, log, 1)
	var seq uint64
	for seq < 49 { // the last one is less than asked for
		entries, err := reader.Next(t.Context(), 4, 10_000, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, e := range entries {
			seq++
			if e.Seq != seq {
				t.Fatalf("sequence %d after %d", e.Seq, seq-1)
			}
			bytes += len(e.Payload)
		}
		if len(entries) == 0 || len(entries) > 4 || bytes > 10_000 && len(entries) > 1 {
			t.Fatalf("got %d entries of %d bytes", len(entries), bytes)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reader.Next(ctx, 1000, 1<<20, time.Minute); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled call gave %v", err)
	}
	if entries := readTo(t, reader, 50); len(entries) == 0 {
		t.Fatal("the cancelled call lost entries")
	}
	if entries, err := reader.Next(t.Context(), 1, 1, time.Millisecond); err != nil || len(entries) != 0 {
		t.Fatalf("at the end of the log: %v, %v", entries, err)
	}
}

func TestReaderSkipsDeletedMessages(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	if _, err := log.Publish(t.Context(), messages("m", 6)); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 4} {
		if err := raw.SecureDeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	for _, e := range readTo(t, consume(t, log, 0), 6) {
		got = append(got, e.Seq)
	}
	if fmt.Sprint(got) != "[2 3 5 6]" {
		t.Fatalf("got %v", got)
	}
}

// A reader that is not read holds a bounded part of the log, and delivers the
// rest later.
func TestSlowReader(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 100)
	for i := range ms {
		ms[i].Payload = []byte(strings.Repeat("x", 1<<20))
	}
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	reader := consume(t, log, 1)
	var seq uint64
	for seq < 100 {
		entries, err := reader.Next(t.Context(), 1, 1<<30, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			seq++
			if e.Seq != seq || len(e.Payload) != 1<<20 {
				t.Fatalf("sequence %d with %d bytes after %d", e.Seq, len(e.Payload), seq-1)
			}
		}
	}
}

func TestClosedReader(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	reader := consume(t, log, 1)
	waiting := make(chan error)
	go func() {
		_, err := reader.Next(t.Context(), 1, 1, time.Hour)
		waiting <- err
	}()
	reader.Close()
	reader.Close()
	if err := <-waiting; !errors.Is(err, stream.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestReaderAheadOfTheLog(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	if _, err := log.Publish(t.Context(), messages("m", 5)); err != nil {
		t.Fatal(err)
	}
	consume(t, log, 6).Close() // the next one to come
	if _, err := log.Consume(t.Context(), 7); !errors.Is(err, stream.ErrLogBehind) {
		t.Fatalf("got %v", err)
	}

	// An older copy of the log comes back under a reader.
	b.stop()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(b.options.StoreDir)); err != nil {
		t.Fatal(err)
	}
	b.start()
	eventually(t, func() bool { _, err := log.Publish(t.Context(), messages("n", 5)); return err == nil })
	reader := consume(t, log, 1)
	readTo(t, reader, 10)
	b.stop()
	b.options.StoreDir = old
	b.start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	for err == nil {
		_, err = reader.Next(ctx, 1, 1, time.Second)
	}
	if !errors.Is(err, stream.ErrLogBehind) {
		t.Fatalf("got %v", err)
	}
}

// The broker is stopped and started while events are written and read. Whoever
// sends again what was not confirmed finds everything in the log once, and the
// reader delivers it once.
func TestRestartsOfTheBroker(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{PublishTimeout: 2 * time.Second})
	reader := consume(t, log, 1)

	const calls, size, restarts = 90, 40, 3
	published := make(chan struct{})
	restartAt := make(chan struct{})
	go func() {
		defer close(published)
		for c := range calls {
			if c%(calls/restarts) == calls/restarts/2 {
				restartAt <- struct{}{}
			}
			ms := messages(fmt.Sprintf("c%03d", c), size)
			for {
				acks, err := log.Publish(t.Context(), ms)
				if err == nil {
					break
				}
				if len(acks) != size || !errors.Is(err, stream.ErrUnavailable) && !errors.Is(err, stream.ErrUnknown) {
					t.Errorf("during a restart: %v", err)
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		}
	}()
	go func() {
		for range restarts {
			select {
			case <-restartAt:
			case <-published:
				return
			}
			b.stop()
			b.start()
		}
	}()

	entries := readTo(t, reader, calls*size)
	<-published
	if len(entries) != calls*size {
		t.Fatalf("read %d entries, want %d", len(entries), calls*size)
	}
	for i, e := range entries {
		want := fmt.Sprintf("c%03d-%040d", i/size, i%size)
		if e.Seq != uint64(i)+1 || e.ID != want {
			t.Fatalf("entry %d is sequence %d with id %s, want %s", i, e.Seq, e.ID, want)
		}
	}
}
