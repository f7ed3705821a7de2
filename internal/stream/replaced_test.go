package stream_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

// replace deletes the stream and makes it anew, with more messages than before.
func (b *broker) replace(n int) *stream.Log {
	b.t.Helper()
	js, err := jetstream.New(b.connect())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := js.DeleteStream(b.t.Context(), stream.Name); err != nil {
		b.t.Fatal(err)
	}
	var log *stream.Log
	eventually(b.t, func() bool { // the broker removes the files of the old one meanwhile
		log, err = stream.Open(b.t.Context(), b.connect(), stream.Config{}, quiet())
		return err == nil
	})
	if _, err := log.Publish(b.t.Context(), messages("new", n)); err != nil {
		b.t.Fatal(err)
	}
	return log
}

// Whoever reads a log gets no message of another stream that took its place, and
// is told so.
func TestAReplacedLogIsNotRead(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	if _, err := log.Publish(t.Context(), messages("old", 5)); err != nil {
		t.Fatal(err)
	}
	reader := consume(t, log, 1)
	if n := len(readTo(t, reader, 5)); n != 5 {
		t.Fatalf("read %d messages", n)
	}
	b.replace(50)

	var entries []stream.Entry
	var err error
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); {
		entries, err = reader.Next(t.Context(), 1, 1, time.Second)
		if len(entries) > 0 {
			t.Fatalf("got message %d of the other stream", entries[0].Seq)
		}
	}
	if !errors.Is(err, stream.ErrReplaced) {
		t.Fatalf("the reader says %v", err)
	}
	if _, err := log.Consume(t.Context(), 6); !errors.Is(err, stream.ErrReplaced) {
		t.Errorf("another reader: %v", err)
	}
	if _, err := log.Info(t.Context()); !errors.Is(err, stream.ErrReplaced) {
		t.Errorf("the log's extent: %v", err)
	}
}

// A restart and a restored copy of the broker's files keep what tells the log from
// others; a stream that is made anew does not.
func TestWhatTellsALogFromOthers(t *testing.T) {
	b := startBroker(t)
	before := b.open(stream.Config{}).Created()
	b.stop()
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(b.options.StoreDir)); err != nil {
		t.Fatal(err)
	}
	b.start()
	if after := b.open(stream.Config{}).Created(); !after.Equal(before) {
		t.Errorf("created at %s before a restart, at %s after it", before, after)
	}
	if anew := b.replace(1).Created(); anew.Equal(before) {
		t.Errorf("both were created at %s", anew)
	}
	b.stop()
	b.options.StoreDir = backup
	b.start()
	if restored := b.open(stream.Config{}).Created(); !restored.Equal(before) {
		t.Errorf("created at %s, restored as of %s", before, restored)
	}
}
