package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/stream"
)

func TestSubject(t *testing.T) {
	// The first byte of what sha256sum prints, mod 64.
	for learner, want := range map[string]string{
		"":      "study.events.35", // 0xe3
		"ada":   "study.events.61", // 0xfd
		"ünïcö": "study.events.55", // 0x77
	} {
		if got := stream.Subject(learner); got != want {
			t.Errorf("Subject(%q) = %s, want %s", learner, got, want)
		}
	}
}

func TestPublishStoresInOrder(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	sent := messages("m", 2500) // three batches
	sent[7].Headers = map[string]string{"traceparent": "00-1-2-01"}
	acks, err := log.Publish(t.Context(), sent)
	if err != nil {
		t.Fatal(err)
	}
	for i, ack := range acks {
		if ack.Seq != uint64(i)+1 || ack.Duplicate || ack.Err != nil {
			t.Fatalf("ack %d is %+v", i, ack)
		}
	}
	checkLog(t, log, sent)
}

// checkLog holds the log to be exactly the messages, in order.
func checkLog(t testing.TB, log *stream.Log, want []stream.Message) {
	t.Helper()
	entries := readAll(t, log, 1)
	if len(entries) != len(want) {
		t.Fatalf("the log has %d messages, want %d", len(entries), len(want))
	}
	for i, e := range entries {
		if e.ID != want[i].ID || !bytes.Equal(e.Payload, want[i].Payload) || e.Subject != stream.Subject(want[i].Learner) {
			t.Fatalf("message %d is %s on %s, want %s on %s", i, e.ID, e.Subject, want[i].ID, stream.Subject(want[i].Learner))
		}
		if e.Stored.IsZero() || e.Stored.Location() != time.UTC {
			t.Fatalf("message %d was stored %v", i, e.Stored)
		}
	}
}

func TestPublishNothing(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	acks, err := log.Publish(t.Context(), nil)
	if err != nil || len(acks) != 0 {
		t.Fatalf("got %v, %v", acks, err)
	}
}

func TestRepeatInsideOneCall(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 3)
	acks, err := log.Publish(t.Context(), []stream.Message{ms[0], ms[1], ms[0], ms[2], ms[0]})
	if err != nil {
		t.Fatal(err)
	}
	want := []stream.Ack{{Seq: 1}, {Seq: 2}, {Seq: 1, Duplicate: true}, {Seq: 3}, {Seq: 1, Duplicate: true}}
	if !slices.Equal(acks, want) {
		t.Fatalf("got %+v, want %+v", acks, want)
	}
	checkLog(t, log, ms)
}

func TestRepeatAcrossCalls(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 6)
	if _, err := log.Publish(t.Context(), ms[:3]); err != nil {
		t.Fatal(err)
	}
	acks, err := log.Publish(t.Context(), []stream.Message{ms[3], ms[1], ms[4], ms[0], ms[5]})
	if err != nil {
		t.Fatal(err)
	}
	want := []stream.Ack{{Seq: 4}, {Seq: 2, Duplicate: true}, {Seq: 5}, {Seq: 1, Duplicate: true}, {Seq: 6}}
	if !slices.Equal(acks, want) {
		t.Fatalf("got %+v, want %+v", acks, want)
	}
	acks, err = log.Publish(t.Context(), ms[:1])
	if err != nil || !acks[0].Duplicate || acks[0].Seq != 1 {
		t.Fatalf("a single repeat gave %+v, %v", acks, err)
	}
	checkLog(t, log, ms)
}

func TestRepeatInAnAtomicBatch(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 200)
	if _, err := log.Publish(t.Context(), ms[:50]); err != nil {
		t.Fatal(err)
	}
	acks, err := log.Publish(t.Context(), ms[10:])
	if err != nil {
		t.Fatal(err)
	}
	for i, ack := range acks {
		if want := (stream.Ack{Seq: uint64(i) + 11, Duplicate: i < 40}); ack != want {
			t.Fatalf("ack %d is %+v, want %+v", i, ack, want)
		}
	}
	checkLog(t, log, ms)
}

func TestTooLargeMessageLeavesItsNeighbours(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	ms := messages("m", 3)
	ms[1].Payload = []byte(strings.Repeat("x", stream.MaxMessageBytes))
	acks, err := log.Publish(t.Context(), ms)
	if !errors.Is(err, stream.ErrTooLarge) || !errors.Is(acks[1].Err, stream.ErrTooLarge) {
		t.Fatalf("got %v, %+v", err, acks)
	}
	if acks[0].Seq != 1 || acks[2].Seq != 2 {
		t.Fatalf("the neighbours got %+v", acks)
	}
	checkLog(t, log, []stream.Message{ms[0], ms[2]})
}

func TestLargeMessagesAreSplitByBytes(t *testing.T) {
	log := startBroker(t).open(stream.Config{MaxInFlight: 1 << 20})
	ms := messages("m", 9)
	for i := range ms {
		ms[i].Payload = []byte(strings.Repeat("x", 1<<20))
	}
	if _, err := log.Publish(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	checkLog(t, log, ms)
}

func TestFullLog(t *testing.T) {
	log := startBroker(t).open(stream.Config{MaxBytes: 1 << 20})
	var stored []stream.Message
	for i := 0; ; i++ {
		ms := messages(fmt.Sprint("m", i), 500)
		acks, err := log.Publish(t.Context(), ms)
		if err == nil {
			stored = append(stored, ms...)
			continue
		}
		if !errors.Is(err, stream.ErrLogFull) || !errors.Is(acks[0].Err, stream.ErrLogFull) {
			t.Fatalf("a full log gave %v", err)
		}
		break
	}
	for i := 0; ; i++ { // one by one there is some room left
		ms := messages(fmt.Sprint("n", i), 1)
		if _, err := log.Publish(t.Context(), ms); err != nil {
			if !errors.Is(err, stream.ErrLogFull) {
				t.Fatalf("a full log gave %v", err)
			}
			break
		}
		stored = append(stored, ms...)
	}
	checkLog(t, log, stored)
}

// A small message would still fit behind a large one that doesn't: it isn't stored
// before it.
func TestALaterMessageDoesNotOvertake(t *testing.T) {
	log := startBroker(t).open(stream.Config{MaxBytes: 64 << 10})
	ms := messages("m", 4)
	for i := range ms[:3] {
		ms[i].Learner = "ada"
	}
	ms[1].Payload = bytes.Repeat([]byte("x"), 80<<10)
	acks, err := log.Publish(t.Context(), ms)
	if !errors.Is(err, stream.ErrLogFull) || !errors.Is(acks[1].Err, stream.ErrLogFull) {
		t.Fatalf("got %v, %+v", err, acks)
	}
	if acks[0].Err != nil || acks[3].Err != nil || !errors.Is(acks[2].Err, stream.ErrUnavailable) {
		t.Fatalf("the others got %+v", acks)
	}
	checkLog(t, log, []stream.Message{ms[0], ms[3]})
}

func TestPublishWithoutBroker(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	b.stop()
	for _, n := range []int{1, 2, 100} {
		_, err := log.Publish(t.Context(), messages("m", n))
		if !errors.Is(err, stream.ErrUnavailable) && !errors.Is(err, stream.ErrUnknown) {
			t.Fatalf("got %v", err)
		}
	}
	b.start()
}

func TestPublishWithoutStream(t *testing.T) {
	b := startBroker(t)
	log := b.open(stream.Config{})
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), stream.Name); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 10, 100} {
		_, err = log.Publish(t.Context(), messages("m", n))
		if !errors.Is(err, stream.ErrUnavailable) {
			t.Fatalf("%d messages without a stream gave %v", n, err)
		}
	}
}

func TestConcurrentPublishers(t *testing.T) {
	log := startBroker(t).open(stream.Config{})
	const publishers, calls, size = 20, 15, 7
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for c := range calls {
				ms := messages(fmt.Sprintf("p%d-c%d", p, c), size)
				for i := range ms {
					ms[i].Learner = fmt.Sprint("p", p)
					ms[i].Payload = fmt.Appendf(nil, "%d", c*size+i)
				}
				if _, err := log.Publish(t.Context(), ms); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	next := map[string]int{}
	for _, e := range readAll(t, log, 1) {
		publisher, _, _ := strings.Cut(e.ID, "-")
		if got := string(e.Payload); got != strconv.Itoa(next[publisher]) {
			t.Fatalf("publisher %s: message %s came as number %d", publisher, got, next[publisher])
		}
		next[publisher]++
	}
	for p := range publishers {
		if got := next[fmt.Sprint("p", p)]; got != calls*size {
			t.Errorf("publisher %d has %d messages, want %d", p, got, calls*size)
		}
	}
}

// Any mix of call sizes, repeats among them, gives every id once, in the order of
// its first sending.
func TestAnyMixIsTheOrderedUnion(t *testing.T) {
	b := startBroker(t)
	run := 0
	log := b.open(stream.Config{})
	rapid.Check(t, func(t *rapid.T) {
		run++
		info, err := log.Info(b.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		known := map[string]uint64{}
		for range rapid.IntRange(1, 6).Draw(t, "calls") {
			var ms []stream.Message
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 300), 1, 80).Draw(t, "ids") {
				ms = append(ms, stream.Message{Learner: "l", ID: fmt.Sprintf("run-%d-%d", run, n), Payload: payload})
			}
			acks, err := log.Publish(b.t.Context(), ms)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range ms {
				seq, repeat := known[m.ID]
				if !repeat {
					want = append(want, m.ID)
					seq = info.Last + uint64(len(want))
					known[m.ID] = seq
				}
				if acks[i] != (stream.Ack{Seq: seq, Duplicate: repeat}) {
					t.Fatalf("%s: got %+v, want sequence %d, repeat %v", m.ID, acks[i], seq, repeat)
				}
			}
		}
		var got []string
		for _, e := range readAll(b.t, log, info.Last+1) {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the log has %v, want %v", got, want)
		}
	})
}
