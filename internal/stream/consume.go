package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Entry is one stored message.
type Entry struct {
	Seq     uint64    // its place in the one order there is
	Subject string    // study.events.NN
	ID      string    // Nats-Msg-Id; empty when the producer gave none
	Stored  time.Time // when the broker stored it, UTC
	Seal    string    // what SealHeader holds; empty for nearly all
	Origin  string    // what OriginHeader holds; empty for all that no archive put back
	Payload []byte    // owned by the receiver
}

func (e Entry) size() int { return len(e.Payload) + messageOverhead }

const (
	// pullBytes is what a reader asks of the broker ahead of what it was read.
	pullBytes = 8 << 20

	reopenWait    = 100 * time.Millisecond
	maxReopenWait = 5 * time.Second
)

// Reader delivers the log from one sequence on.
//
// Ordering: sequences strictly ascend; a sequence that is left out was deleted
// from the log. Redelivery: none; nothing is acknowledged, and who wants to read
// again opens another reader. Concurrency: one caller of Next at a time; Close
// may be called from anywhere, more than once.
//
// A reader carries on by itself, after the last message it received, when the
// connection or the broker comes back. Only ErrLogBehind and ErrReplaced end it.
type Reader struct {
	log    *Log
	logger *slog.Logger
	cancel context.CancelFunc
	ended  chan struct{}
	buffer *buffer

	consumer atomic.Pointer[string] // of the last message received
}

// Consume reads the log from sequence from on (0 and 1: all of it). It fails
// with ErrLogBehind when from lies beyond the next sequence to be stored.
func (l *Log) Consume(ctx context.Context, from uint64) (*Reader, error) {
	last := max(from, 1) - 1
	if err := l.checkReaches(ctx, last); err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithCancel(context.Background())
	r := &Reader{
		log:    l,
		logger: l.logger,
		cancel: cancel,
		ended:  make(chan struct{}),
		buffer: newBuffer(last),
	}
	go r.run(runCtx)
	return r, nil
}

// Next returns the messages that follow, as soon as there are maxMessages or
// maxBytes of payload (one message at least), or those that came until maxWait
// has passed; none is no error. An error of ctx loses nothing: the messages stay
// for the next call.
func (r *Reader) Next(ctx context.Context, maxMessages, maxBytes int, maxWait time.Duration) ([]Entry, error) {
	return r.buffer.take(ctx, max(maxMessages, 1), max(maxBytes, 1), maxWait)
}

// Close ends the reader. Next then returns ErrClosed.
func (r *Reader) Close() {
	r.buffer.close(ErrClosed)
	r.cancel()
	<-r.ended
}

// run keeps a consumer open until the reader is closed.
func (r *Reader) run(ctx context.Context) {
	defer close(r.ended)
	wait := reopenWait
	for ctx.Err() == nil {
		received, err := r.follow(ctx)
		if errors.Is(err, ErrLogBehind) || errors.Is(err, ErrReplaced) {
			r.logger.Error("reader stopped", "error", err)
			r.buffer.close(err)
			return
		}
		if received {
			wait = reopenWait
		}
		if ctx.Err() == nil {
			r.logger.Warn("reader reopens its consumer", "after_seq", r.buffer.last(), "wait", wait, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, maxReopenWait)
	}
}

// follow reads with one consumer until it breaks or ctx ends. The consumer's
// library orders it: a gap in the delivery makes it start anew after the last
// message it handed over. Whatever else it reports is checked against the log.
func (r *Reader) follow(ctx context.Context) (received bool, err error) {
	start := r.buffer.last()
	if err := r.log.checkReaches(ctx, start); err != nil {
		return false, err
	}
	consumer, err := r.log.js.OrderedConsumer(ctx, Name, jetstream.OrderedConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       start + 1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return false, fmt.Errorf("create consumer after sequence %d: %w", start, err)
	}

	disturbed := make(chan error, 1)
	consumption, err := consumer.Consume(
		func(msg jetstream.Msg) {
			if err := r.receive(ctx, msg); err != nil {
				report(disturbed, err)
			}
		},
		jetstream.PullMaxBytes(pullBytes),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { report(disturbed, err) }),
	)
	if err != nil {
		return false, fmt.Errorf("start consumer after sequence %d: %w", start, err)
	}
	defer consumption.Stop()

	closed := consumption.Closed()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-closed:
			return r.buffer.last() > start, errors.New("consumer closed")
		case cause := <-disturbed:
			r.logger.Info("reader disturbed", "after_seq", r.buffer.last(), "error", cause)
			if err := r.log.checkReaches(ctx, r.buffer.last()); err != nil {
				return r.buffer.last() > start, err
			}
		}
	}
}

// receive waits for room, so a slow reader slows the consumer down and not the
// process.
//
// A stream that is deleted takes its consumers with it, so a message of another
// stream comes from another consumer: the stream is looked at once for each.
func (r *Reader) receive(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("message without metadata: %w", err)
	}
	for known := r.consumer.Load(); known == nil || *known != meta.Consumer; known = r.consumer.Load() {
		_, err := r.log.Info(ctx)
		switch {
		case err == nil:
			r.consumer.Store(&meta.Consumer)
		case errors.Is(err, ErrReplaced):
			r.buffer.close(err)
			return err
		default: // no message may be passed over, so those after it wait too
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(reopenWait):
			}
		}
	}
	r.buffer.put(Entry{
		Seq:     meta.Sequence.Stream,
		Subject: msg.Subject(),
		ID:      msg.Headers().Get(jetstream.MsgIDHeader),
		Seal:    msg.Headers().Get(SealHeader),
		Origin:  msg.Headers().Get(OriginHeader),
		Stored:  meta.Timestamp.UTC(),
		Payload: msg.Data(),
	})
	return nil
}

// checkReaches tells whether the log still holds what was read up to last.
func (l *Log) checkReaches(ctx context.Context, last uint64) error {
	info, err := l.Info(ctx)
	if err != nil {
		return err
	}
	if info.Last < last {
		return fmt.Errorf("%w: it ends at sequence %d, %d was read (restore the log, or rebuild the tables from it)",
			ErrLogBehind, info.Last, last)
	}
	return nil
}

func report(disturbed chan<- error, err error) {
	select {
	case disturbed <- err:
	default:
	}
}
