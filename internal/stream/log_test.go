package stream_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
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

func TestSequenceAt(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	if seq, err := log.SequenceAt(t.Context(), time.Now()); err != nil || seq != 0 {
		t.Fatalf("an empty log gave %d, %v", seq, err)
	}
	for _, m := range messages("m", 20) {
		if _, err := log.Publish(t.Context(), []stream.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	entries := readAll(t, log, 1)
	for _, deleted := range []uint64{1, 7, 8, 20} {
		if err := log.SecureDelete(t.Context(), deleted); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range entries {
		if i > 0 && e.Stored.Equal(entries[i-1].Stored) {
			t.Fatalf("messages %d and %d were stored at the same nanosecond", i, i+1)
		}
		check := func(at time.Time, want ...uint64) {
			t.Helper()
			seq, err := log.SequenceAt(t.Context(), at)
			if err != nil || !slices.Contains(want, seq) {
				t.Errorf("at %v, when message %d was stored: sequence %d, %v, want one of %v", at, e.Seq, seq, err, want)
			}
		}
		// Of neighbours that are gone nobody can say when they were stored.
		switch e.Seq {
		case 1:
			check(e.Stored, 1)
		case 6, 7:
			check(e.Stored, 6, 7, 8)
		case 19:
			check(e.Stored, 19, 20)
		default:
			check(e.Stored, e.Seq)
		}
	}
	if seq, err := log.SequenceAt(t.Context(), entries[0].Stored.Add(-time.Hour)); err != nil || seq > 1 {
		t.Errorf("before the first: %d, %v", seq, err)
	}
	if seq, err := log.SequenceAt(t.Context(), time.Now().Add(time.Hour)); err != nil || seq != 20 {
		t.Errorf("in the future: %d, %v", seq, err)
	}
}

func TestSecureDeleteLeavesNoByte(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	ms := messages("m", 5)
	secret := []byte("the-secret-of-learner-three")
	ms[2].Payload = secret
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	if !onDisk(t, b, secret) {
		t.Fatal("the test looks in the wrong place")
	}
	if err := log.SecureDelete(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := log.SecureDelete(t.Context(), 3); !errors.Is(err, stream.ErrNotFound) {
		t.Fatalf("deleting it again gave %v", err)
	}
	if _, err := log.Get(t.Context(), 3); !errors.Is(err, stream.ErrNotFound) {
		t.Fatalf("reading it gave %v", err)
	}
	checkLog(t, log, slices.Delete(ms, 2, 3))
	b.stop()
	if onDisk(t, b, secret) {
		t.Fatal("its bytes are still on disk")
	}
	b.start()
}

func onDisk(t *testing.T, b *broker, text []byte) bool {
	t.Helper()
	found := false
	store := os.DirFS(b.options.StoreDir)
	err := fs.WalkDir(store, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(store, path)
		found = found || bytes.Contains(data, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
