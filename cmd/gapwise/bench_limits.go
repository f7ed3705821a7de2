package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// projectionLimits are what this machine gives for the parts of a projection when
// it does nothing else, in events a second.
type projectionLimits struct {
	read   float64 // the broker's own ordered consumer, to nothing
	decode float64 // decoding on all cores
	write  float64 // inserting the same rows through the same columns

	readWork float64 // µs of processor time an event, broker and reader together
}

const (
	benchChunk = 50_000   // messages that are held to be decoded and written
	benchPull  = 16 << 20 // bytes that are asked of the broker ahead
)

func (s *benchServers) projectionLimits(ctx context.Context, events int) (limits projectionLimits, err error) {
	before, err := processorTime(os.Getpid())
	if err != nil {
		return limits, err
	}
	if limits.read, err = s.readLimit(ctx, events); err != nil {
		return limits, err
	}
	after, err := processorTime(os.Getpid())
	if err != nil {
		return limits, err
	}
	limits.readWork = float64((after - before).Microseconds()) / float64(events)
	apart, err := s.open(ctx, "limits")
	if err != nil {
		return limits, err
	}
	defer func() { err = errors.Join(err, apart.Close()) }()
	writer := apart.Writer()
	defer func() { err = errors.Join(err, writer.Close()) }()
	reader, err := logSource{log: s.log}.Open(ctx, 1)
	if err != nil {
		return limits, err
	}
	defer reader.Close()
	var (
		decoding, writing time.Duration
		batch             project.Batch
	)
	for done := 0; done < events; {
		var messages []project.Message
		for len(messages) < min(benchChunk, events-done) {
			more, err := reader.Next(ctx, benchChunk-len(messages), time.Second)
			if err != nil {
				return limits, err
			}
			messages = append(messages, more...)
		}
		started := time.Now()
		if err := decodeAll(messages); err != nil {
			return limits, err
		}
		decoding += time.Since(started)
		project.Rows(messages, benchHash, &batch)
		started = time.Now()
		if err := writer.Write(ctx, 1, &batch); err != nil {
			return limits, err
		}
		writing += time.Since(started)
		done += len(messages)
	}
	limits.decode, limits.write = perSecond(events, decoding), perSecond(events, writing)
	return limits, nil
}

// readLimit reads the log with the client library's ordered consumer alone.
func (s *benchServers) readLimit(ctx context.Context, events int) (float64, error) {
	js, err := jetstream.New(s.nats)
	if err != nil {
		return 0, err
	}
	consumer, err := js.OrderedConsumer(ctx, stream.Name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	read, all := 0, make(chan struct{})
	started := time.Now()
	consumption, err := consumer.Consume(func(jetstream.Msg) {
		read++
		if read == events {
			close(all)
		}
	}, jetstream.PullMaxBytes(benchPull))
	if err != nil {
		return 0, err
	}
	defer consumption.Stop()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-all:
		return perSecond(events, time.Since(started)), nil
	}
}

// decodeAll decodes messages on all cores and keeps nothing.
func decodeAll(messages []project.Message) error {
	var (
		workers = runtime.GOMAXPROCS(0)
		failed  = make([]error, workers)
		wg      sync.WaitGroup
	)
	for w := range workers {
		wg.Go(func() {
			for _, m := range messages[len(messages)*w/workers : len(messages)*(w+1)/workers] {
				if _, err := event.Decode(m.Payload); err != nil {
					failed[w] = err
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// benchHash stands for the keyed hash of learners where rows are written that
// nobody reads.
func benchHash(learner string) (h project.HMAC) {
	sum := sha256.Sum256([]byte(learner))
	copy(h[:], sum[:])
	return h
}
