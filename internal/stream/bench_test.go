package stream_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/gapwise/gapwise/internal/stream"
)

// payload is of the size of an ordinary answer event.
var payload = bytes.Repeat([]byte("x"), 300)

func messages(prefix string, n int) []stream.Message {
	ms := make([]stream.Message, n)
	for i := range ms {
		ms[i] = stream.Message{
			Learner: "learner-" + strconv.Itoa(i%500),
			ID:      fmt.Sprintf("%s-%040d", prefix, i),
			Payload: payload,
		}
	}
	return ms
}

func eventsPerSecond(b *testing.B, events int) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublish is what one caller reaches, by the size of its calls.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 10, 50, 500, 1000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			log := startBroker(b).open(stream.Config{})
			n := 0
			for b.Loop() {
				if _, err := log.Publish(b.Context(), messages("b"+strconv.Itoa(n), size)); err != nil {
					b.Fatal(err)
				}
				n++
			}
			eventsPerSecond(b, n*size)
		})
	}
}

// BenchmarkPublishConcurrent is what many callers of small calls reach together.
func BenchmarkPublishConcurrent(b *testing.B) {
	for _, size := range []int{1, 500} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			log := startBroker(b).open(stream.Config{})
			var calls atomic.Int64
			b.SetParallelism(100)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ms := messages("c"+strconv.FormatInt(calls.Add(1), 10), size)
					if _, err := log.Publish(b.Context(), ms); err != nil {
						b.Error(err)
						return
					}
				}
			})
			eventsPerSecond(b, int(calls.Load())*size)
		})
	}
}

// BenchmarkRawBatch is what the batch publisher reaches alone: the ceiling of one
// caller.
func BenchmarkRawBatch(b *testing.B) {
	const size = 500
	br := startBroker(b)
	br.open(stream.Config{})
	js, err := jetstream.New(br.connect())
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		ms := messages("r"+strconv.Itoa(n), size)
		raw := make([]*nats.Msg, size)
		for i, m := range ms {
			raw[i] = &nats.Msg{Subject: stream.Subject(m.Learner), Data: m.Payload, Header: nats.Header{"Nats-Msg-Id": {m.ID}}}
		}
		if _, err := jetstreamext.PublishMsgBatch(b.Context(), js, raw); err != nil {
			b.Fatal(err)
		}
		n++
	}
	eventsPerSecond(b, n*size)
}

// BenchmarkConsume is what one reader reaches.
func BenchmarkConsume(b *testing.B) {
	const size = 100_000
	br := startBroker(b)
	log := br.open(stream.Config{})
	if _, err := log.Publish(b.Context(), messages("d", size)); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		reader, err := log.Consume(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		for read := 0; read < size; {
			entries, err := reader.Next(b.Context(), 50_000, 64<<20, 50*time.Millisecond)
			if err != nil {
				b.Fatal(err)
			}
			read += len(entries)
		}
		reader.Close()
		n += size
	}
	eventsPerSecond(b, n)
}
