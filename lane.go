package gapwise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gapwise/gapwise/internal/stream"
)

// lane sends the events of some learners, one batch after the other.
type lane struct {
	queue  chan item
	failed error // the first since the last flush
}

// item is an event on its way, or a mark that Flush waits for.
type item struct {
	id      string
	message stream.Message
	weight  int64
	number  uint64 // in the outbox

	flushed chan<- error // of a mark only
}

// run sends until the queue is closed and empty.
func (l *lane) run(c *Client) {
	for open := true; open; {
		var batch []item
		var mark chan<- error
		batch, mark, open = l.gather(c.config)
		l.send(c, batch)
		if mark != nil {
			if c.outbox != nil && c.sending.Err() != nil {
				l.failed = errors.Join(l.failed, ErrKept) // some before the mark may be
			}
			mark <- l.failed
			l.failed = nil
		}
	}
}

// gather waits for an event and collects a batch. A mark ends it.
func (l *lane) gather(config Config) (batch []item, mark chan<- error, open bool) {
	next, open := <-l.queue
	linger := time.NewTimer(config.Linger)
	defer linger.Stop()
	for size := 0; ; {
		if !open || next.flushed != nil {
			return batch, next.flushed, open
		}
		batch = append(batch, next)
		size += len(next.message.Payload)
		if len(batch) >= config.BatchEvents || size >= config.BatchBytes {
			return batch, nil, true
		}
		select {
		case next, open = <-l.queue:
		case <-linger.C:
			return batch, nil, true
		}
	}
}

// send stores a batch, however often it takes. What the log took of it is not
// sent again; what it may have taken is, under the same ids.
func (l *lane) send(c *Client, batch []item) {
	wait := c.config.RetryWait
	for len(batch) > 0 {
		acks, err := c.publisher.Publish(c.sending, messagesOf(batch))
		batch = l.settle(c, batch, acks)
		if len(batch) == 0 {
			return
		}
		c.config.Logger.Warn("events not stored yet", "events", len(batch), "max_wait", wait, "error", err)
		if !pause(c.sending, rand.N(wait)) { //nolint:gosec // jitter needs no secrecy
			l.giveUp(c, batch, err)
			return
		}
		wait = min(2*wait, c.config.MaxRetryWait)
	}
}

func messagesOf(batch []item) []stream.Message {
	messages := make([]stream.Message, len(batch))
	for i, it := range batch {
		messages[i] = it.message
	}
	return messages
}

// settle reports what is decided, which then leaves the outbox, and returns what is
// to be sent again, before anything later.
func (l *lane) settle(c *Client, batch []item, acks []stream.Ack) (undecided []item) {
	var stored []uint64
	for i, it := range batch {
		err := acks[i].Err
		if err != nil && !errors.Is(err, stream.ErrTooLarge) {
			undecided = append(undecided, it)
			continue
		}
		if err == nil {
			stored = append(stored, it.number)
		} else if c.outbox != nil {
			c.refuse(it, err)
		}
		l.report(c, it, acks[i])
	}
	if c.outbox != nil {
		c.outbox.Ack(stored...)
	}
	return undecided
}

// giveUp fails what is not confirmed when the client is closed. What is in the
// outbox has not failed: it stays there.
func (l *lane) giveUp(c *Client, batch []item, err error) {
	for _, it := range batch {
		if c.outbox != nil {
			c.buffer.Release(it.weight)
			c.unconfirmed.Add(-1)
			continue
		}
		l.report(c, it, stream.Ack{Err: fmt.Errorf("%w: %w", ErrClosed, err)})
	}
}

func (l *lane) report(c *Client, it item, ack stream.Ack) {
	c.buffer.Release(it.weight)
	c.unconfirmed.Add(-1)
	if ack.Err != nil && l.failed == nil {
		l.failed = fmt.Errorf("event %s: %w", it.id, ack.Err)
	}
	if c.config.OnResult != nil {
		c.config.OnResult(Result{ID: it.id, Learner: it.message.Learner, Seq: ack.Seq, Duplicate: ack.Duplicate, Err: ack.Err})
	}
}

// pause waits, and is false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
