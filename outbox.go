package gapwise

import (
	"context"
	"errors"
	"fmt"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/outbox"
	"github.com/gapwise/gapwise/internal/stream"
)

// mark is what a Flush waits for: that the lanes are done with all up to a record.
type mark struct {
	upTo    uint64
	flushed chan<- error // with room for all lanes
}

// keep puts a checked event into the outbox. Its order there is the order in
// which it is sent.
func (c *Client) keep(ctx context.Context, message stream.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()
	_, err := c.outbox.Append(ctx, !c.config.FailWhenFull, message.Payload)
	var full *outbox.FullError
	switch {
	case errors.As(err, &full) && c.closing.Err() != nil:
		return ErrClosed
	case errors.As(err, &full):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// feed hands what is in the outbox to the lanes, in order, as far ahead as the
// buffer allows: first what an earlier run left, then what is emitted. It ends
// when the client is closed and nothing is left to hand over, or when the lanes
// give up.
func (c *Client) feed() {
	defer c.closeLanes()
	var marks []mark
	defer func() { c.answer(marks, ErrKept) }() // empty unless the lanes gave up
	var fed uint64
	for {
		marks = c.passMarks(marks, fed)
		record, more, err := c.outbox.Next()
		if err == nil && more == nil {
			if !c.hand(record) {
				return
			}
			fed = record.Number
			select {
			case m := <-c.marks:
				marks = append(marks, m)
			default:
			}
			continue
		}
		if err != nil { // Emit fails with the same from now on
			c.config.Logger.Error("the outbox can't be read; its events wait there", "folder", c.config.Outbox, "error", err)
			c.answer(marks, err)
			marks = nil
		}
		select {
		case <-more:
		case m := <-c.marks:
			marks = append(marks, m)
		case <-c.emitted:
			return
		case <-c.sending.Done():
			return
		}
	}
}

// hand gives one record to its lane, and is false when the lanes gave up.
func (c *Client) hand(record outbox.Record) bool {
	e, err := event.Decode(record.Payload)
	if err != nil { // another version wrote it, with other rules
		c.refuse(item{id: "unreadable", number: record.Number, message: stream.Message{Payload: record.Payload}}, err)
		return true
	}
	weight := c.weight(record.Payload)
	if c.buffer.Acquire(c.sending, weight) != nil {
		return false
	}
	c.unconfirmed.Add(1)
	c.lane(e.Subject).queue <- item{
		id: e.ID, number: record.Number, weight: weight,
		message: stream.Message{Learner: e.Subject, ID: e.MsgID(), Payload: record.Payload},
	}
	return true
}

// passMarks puts the marks into the lanes that have been given all that came
// before them, and returns the others.
func (c *Client) passMarks(marks []mark, fed uint64) (waiting []mark) {
	for _, m := range marks {
		if m.upTo > fed {
			waiting = append(waiting, m)
			continue
		}
		for i := range c.lanes {
			c.lanes[i].queue <- item{flushed: m.flushed}
		}
	}
	return waiting
}

// answer ends the waiting for marks that no lane will reach.
func (c *Client) answer(marks []mark, err error) {
	for _, m := range marks {
		for range c.lanes {
			m.flushed <- err
		}
	}
}

// refuse moves an event that the log will never take out of the way of the others.
func (c *Client) refuse(it item, reason error) {
	c.config.Logger.Error("event refused for good", "event_id", it.id, "folder", c.config.Outbox, "file", outbox.Refused, "error", reason)
	err := c.outbox.Refuse(outbox.Record{Number: it.number, Payload: it.message.Payload}, reason.Error())
	if err != nil {
		c.config.Logger.Error("the refused event stays in the outbox", "event_id", it.id, "error", err)
	}
}

// closeOutbox says how many events stay in it.
func (c *Client) closeOutbox() error {
	left := c.outbox.State().Events
	err := c.outbox.Close()
	if left > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %d events wait in %s and are sent when it is opened again", ErrKept, left, c.config.Outbox))
	}
	return err
}
