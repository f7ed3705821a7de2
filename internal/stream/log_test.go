package stream_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

func TestOpenTwiceIsTheSameLog(t *testing.T) {
	b := startBroker(t)
	ms := messages("m", 2)
	if _, err := b.open(stream.Config{}).Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	checkLog(t, b.open(stream.Config{}), ms)
}

func TestOpenTellsEveryDifference(t *testing.T) {
	b := startBroker(t)
	b.open(stream.Config{})
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.CachedInfo().Config
	changed.MaxAge = time.Hour
	changed.Duplicates = time.Minute
	changed.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}

	_, err = stream.Open(t.Context(), b.connect(), stream.Config{MaxBytes: 1 << 30}, quiet())
	var mismatch *stream.MismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v", err)
	}
	want := []stream.Difference{
		{Setting: "max_bytes", Want: "1073741824", Have: "-1"},
		{Setting: "max_age", Want: "0s", Have: "1h0m0s"},
		{Setting: "duplicate_window", Want: "30s", Have: "1m0s"},
		{Setting: "allow_atomic", Want: "true", Have: "false"},
	}
	if !slices.Equal(mismatch.Differences, want) {
		t.Fatalf("got %+v, want %+v", mismatch.Differences, want)
	}
	if after, err := s.Info(t.Context()); err != nil || after.Config.MaxAge != time.Hour {
		t.Fatalf("the stream was changed: %+v, %v", after, err)
	}
}

func TestInfoAndGet(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	info, err := log.Info(t.Context())
	if err != nil || info.Last != 0 || info.Messages != 0 || !info.LastStored.IsZero() {
		t.Fatalf("an empty log is %+v, %v", info, err)
	}
	if _, err := log.Get(t.Context(), 1); !errors.Is(err, stream.ErrNotFound) {
		t.Fatalf("a message of an empty log: %v", err)
	}
	ms := messages("m", 3)
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	info, err = log.Info(t.Context())
	if err != nil || info.First != 1 || info.Last != 3 || info.Messages != 3 || info.Bytes == 0 {
		t.Fatalf("the log is %+v, %v", info, err)
	}
	entry, err := log.Get(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if entry.Seq != 3 || entry.ID != ms[2].ID || !bytes.Equal(entry.Payload, ms[2].Payload) || !entry.Stored.Equal(info.LastStored) {
		t.Fatalf("got %+v, last stored %v", entry, info.LastStored)
	}
}
