package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

// A batch is bounded by what the broker takes in one atomic batch, and by bytes,
// so that it never waits long for the network.
const (
	maxBatch      = 1000
	maxBatchBytes = 4 << 20
)

// Message is one event to publish.
type Message struct {
	Learner string            // the event's subject: decides the stream's subject, and whose order holds
	Subject string            // in NATS, for a message that had one before; empty: the learner's
	ID      string            // Nats-Msg-Id; a repeat within DuplicateWindow is not stored again
	Payload []byte            // the CloudEvents JSON
	Headers map[string]string // more headers, such as traceparent; may be nil
}

// HeaderRoom is enough for what Gapwise writes into a message's headers.
const HeaderRoom = 1 << 10

func (m Message) size() int {
	n := len(m.ID) + len(m.Payload) + messageOverhead
	for k, v := range m.Headers {
		n += len(k) + len(v) + len(": \r\n")
	}
	return n
}

// messageOverhead is the subject and the headers of batch and id, generously.
const messageOverhead = 160

// Ack is what became of one message.
type Ack struct {
	Seq       uint64 // where it is stored; of a duplicate, where the first one is
	Duplicate bool   // the broker knew its id, so nothing new was stored
	Err       error  // nil: stored, and on disk as durably as the broker is set to
}

// Publisher writes to the stream, wherever and however that is stored. It is safe
// for concurrent use and holds nothing that must be closed.
type Publisher struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	config Config

	inFlight *semaphore.Weighted

	mu         sync.Mutex
	waiting    []*call // in order of arrival
	committers int
}

// NewPublisher returns a publisher without asking the broker anything: producers
// need no right but to publish. Of config only PublishTimeout and MaxInFlight
// matter.
func NewPublisher(nc *nats.Conn, config Config) (*Publisher, error) {
	config = config.withDefaults()
	js, err := jetstream.New(nc,
		jetstream.WithDefaultTimeout(config.PublishTimeout),
		jetstream.WithPublishAsyncTimeout(config.PublishTimeout))
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &Publisher{nc: nc, js: js, config: config, inFlight: semaphore.NewWeighted(config.MaxInFlight)}, nil
}

// Publish stores messages and returns one Ack each, in order. The error is the
// first of the acks' errors, so nil means that all are stored.
//
// Ordering: the messages of one learner are stored in their order, within a call and
// in calls that follow each other, and none is stored while an earlier one of its
// call failed; one that is too large doesn't count. A learner's messages that
// failed, sent again before any later one, are therefore in order still. Messages of
// different learners may be stored in another order than they were given.
//
// Atomicity: none is promised.
//
// Concurrency: calls made at the same time share atomic batches, one fsync each.
// Few messages at a time are sent one by one, which is sooner. Beyond MaxInFlight
// bytes without an answer Publish waits.
//
// Cancellation: when ctx ends before a message was sent, its error matches
// ErrUnavailable; after that ErrUnknown, since it may yet be stored. Payloads
// must not be changed after Publish was called.
func (p *Publisher) Publish(ctx context.Context, messages []Message) ([]Ack, error) {
	acks := make([]Ack, len(messages))
	limit := MaxMessageBytes
	if told := int(p.nc.MaxPayload()); told > 0 { // by a broker that was there once
		limit = min(limit, told)
	}
	for i, m := range messages {
		if size := m.size(); size > limit {
			acks[i].Err = fmt.Errorf("%w: it has %d bytes with its headers, the limit is %d", ErrTooLarge, size, limit)
		}
	}

	var failed error
	for start := 0; start < len(messages); {
		end, size := part(messages, acks, start)
		if failed == nil {
			failed = p.publishPart(ctx, messages[start:end], acks[start:end], size)
		} else {
			fail(acks[start:end], fmt.Errorf("%w: not sent, since an earlier message failed: %w", ErrUnavailable, failed))
		}
		start = end
	}
	for i := range acks {
		if acks[i].Err != nil {
			return acks, fmt.Errorf("publish message %d of %d: %w", i+1, len(acks), acks[i].Err)
		}
	}
	return acks, nil
}

// part returns the end of the longest run from start that fits one batch, and
// its bytes. Messages that failed already weigh nothing.
func part(messages []Message, acks []Ack, start int) (end int, size int64) {
	for end = start; end < len(messages) && end-start < maxBatch; end++ {
		if acks[end].Err != nil {
			continue
		}
		next := int64(messages[end].size())
		if size > 0 && size+next > maxBatchBytes {
			break
		}
		size += next
	}
	return end, size
}

// call is one part of a Publish that waits for its turn in a batch.
type call struct {
	messages []Message
	acks     []Ack // written by the committer that claimed the call
	size     int64
	weight   int64 // of size, what counts as in flight
	state    atomic.Int32
	done     chan struct{}
}

const (
	callWaiting = iota
	callClaimed // a committer sends it
	callLeft    // its caller went away before
)

// publishPart hands one part to the committers and waits for its outcome. The
// error, if any, is that of its first failed message that was sent.
func (p *Publisher) publishPart(ctx context.Context, messages []Message, acks []Ack, size int64) error {
	weight := min(size, p.config.MaxInFlight)
	if err := p.inFlight.Acquire(ctx, weight); err != nil {
		err = fmt.Errorf("%w: not sent: %w", ErrUnavailable, err)
		fail(acks, err)
		return err
	}
	c := &call{messages: messages, acks: slices.Clone(acks), size: size, weight: weight, done: make(chan struct{})}
	p.enqueue(c)

	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(callWaiting, callLeft) {
			err := fmt.Errorf("%w: not sent: %w", ErrUnavailable, ctx.Err())
			fail(acks, err)
			return err
		}
		err := fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		fail(acks, err)
		return err
	}
	copy(acks, c.acks)
	for i := range acks {
		if err := acks[i].Err; err != nil && !errors.Is(err, ErrTooLarge) {
			return err
		}
	}
	return nil
}

// fail gives err to the messages that have no error of their own.
func fail(acks []Ack, err error) {
	for i := range acks {
		if acks[i].Err == nil {
			acks[i].Err = err
		}
	}
}
