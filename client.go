package gapwise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/semaphore"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/outbox"
	"github.com/gapwise/gapwise/internal/stream"
)

var (
	// ErrFull says that the event was not taken, since too many others are not
	// confirmed yet. Emit it again later. With an outbox the error tells how many
	// wait, where, and for how long.
	ErrFull = errors.New("there is no room for another unconfirmed event")

	// ErrClosed says that the client was closed: the event was not taken, or its
	// confirmation did not come before Close gave up.
	ErrClosed = errors.New("the client is closed")

	// ErrKept says that the log has not confirmed some events before Close gave up.
	// They are in the outbox, and sent when it is opened again: nothing is lost.
	ErrKept = errors.New("events are kept in the outbox")

	// ErrTooLarge says that the event was not stored and never will be.
	ErrTooLarge = stream.ErrTooLarge
)

// Result is what became of one emitted event.
type Result struct {
	ID      string // the event's
	Learner string

	Seq       uint64 // its sequence in the log; of a duplicate, that of the first one
	Duplicate bool   // the log had it already, so it was not stored again
	Err       error  // nil: stored
}

const (
	// lanes send batches independently of each other. A learner belongs to one, so
	// that their events keep their order.
	lanes = 2

	// eventWeight is what a small event counts in the buffer: more than it costs.
	eventWeight = 512
)

// Client emits events to the log. It is safe for concurrent use; the order of
// one learner's events is that of the calls when these follow each other.
type Client struct {
	config    Config
	conn      *nats.Conn
	publisher *stream.Publisher
	outbox    *outbox.Outbox // nil: unconfirmed events are in memory only
	buffer    *semaphore.Weighted
	lanes     [lanes]lane
	running   sync.WaitGroup // the lanes, and who feeds them

	unconfirmed atomic.Int64

	closing context.Context // ended: Emit takes nothing any more
	close   context.CancelFunc
	sending context.Context // ended: the lanes give up
	abandon context.CancelFunc

	marks   chan mark     // of Flush, for who feeds from the outbox
	emitted chan struct{} // closed when nothing more comes into the outbox

	mu     sync.RWMutex // held by those who put into a lane; whoever closes the lanes holds it alone
	closed bool
}

// Dial connects to the broker and returns a client, which is to be closed. With an
// outbox the broker may be away: what is emitted waits on disk, and is sent after
// what an earlier client left there. A broker that refuses the credentials is then
// no error either; Logger is told.
func Dial(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		config:  config,
		buffer:  semaphore.NewWeighted(config.BufferBytes),
		marks:   make(chan mark),
		emitted: make(chan struct{}),
	}
	if err := c.open(); err != nil {
		return nil, err
	}
	c.closing, c.close = context.WithCancel(context.Background())
	c.sending, c.abandon = context.WithCancel(context.Background())
	for i := range c.lanes {
		// The buffer admits no more events than fit here, so putting never blocks.
		c.lanes[i].queue = make(chan item, config.BufferBytes/eventWeight)
		c.running.Go(func() { c.lanes[i].run(c) })
	}
	if c.outbox != nil {
		c.running.Go(c.feed)
	}
	return c, nil
}

// open opens the outbox, if there is to be one, and connects.
func (c *Client) open() error {
	config := c.config
	var options []nats.Option
	if config.Outbox != "" {
		var err error
		c.outbox, err = outbox.Open(outbox.Config{
			Dir: config.Outbox, MaxBytes: config.OutboxBytes, Logger: config.Logger, Now: config.Now,
		})
		if err != nil {
			return err
		}
		// Nothing is lost by waiting, so the client never gives the broker up.
		options = append(options, nats.RetryOnFailedConnect(true), nats.IgnoreAuthErrorAbort())
	}
	var err error
	c.conn, err = stream.Connect(config.URL, stream.Credentials(config.Credentials), config.Name, config.Logger, options...)
	if err == nil {
		if c.publisher, err = stream.NewPublisher(c.conn, stream.Config{}); err != nil {
			c.conn.Close()
		}
	}
	if err != nil && c.outbox != nil {
		err = errors.Join(err, c.outbox.Close())
	}
	return err
}

// Emit checks an event and takes it for sending; its id is returned, also when
// the event had none. An event that is not valid is refused with an error that
// says what to mend. When the buffer or the outbox is full, Emit waits until ctx
// ends, or returns ErrFull if so configured.
//
// An event that was taken is sent until the log has it; with an outbox it is on
// disk when Emit returns. What became of it is told to OnResult, Flush and Close.
func (c *Client) Emit(ctx context.Context, e Event) (id string, err error) {
	if e.ID == "" {
		e.ID = event.NewID()
	}
	message, err := e.encode(c.config.Source, c.config.Now())
	if err != nil {
		return e.ID, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return e.ID, ErrClosed
	}
	if c.outbox != nil {
		if err := c.keep(ctx, message); err != nil {
			return e.ID, fmt.Errorf("event %s: %w", e.ID, err)
		}
		return e.ID, nil
	}
	weight := c.weight(message.Payload)
	if err := c.reserve(ctx, weight); err != nil {
		return e.ID, fmt.Errorf("event %s: %w", e.ID, err)
	}
	c.unconfirmed.Add(1)
	c.lane(e.Learner).queue <- item{id: e.ID, message: message, weight: weight}
	return e.ID, nil
}

// weight is what an event counts in the buffer.
func (c *Client) weight(payload []byte) int64 {
	return min(max(int64(len(payload)), eventWeight), c.config.BufferBytes)
}

// reserve waits for room in the buffer.
func (c *Client) reserve(ctx context.Context, weight int64) error {
	if c.buffer.TryAcquire(weight) {
		return nil
	}
	if c.config.FailWhenFull {
		return ErrFull
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()
	err := c.buffer.Acquire(ctx, weight)
	if err != nil && c.closing.Err() != nil {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return nil
}

func (c *Client) lane(learner string) *lane {
	return &c.lanes[event.Shard(learner)%lanes]
}

// Flush waits until every event that was emitted before is stored or failed for
// good. Its error joins the first failures since the last Flush; OnResult learns
// of each.
func (c *Client) Flush(ctx context.Context) error {
	flushed := make(chan error, lanes)
	if err := c.mark(ctx, flushed); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	var failed error
	for range lanes {
		select {
		case err := <-flushed:
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			left := c.unconfirmed.Load()
			if c.outbox != nil {
				left = int64(c.outbox.State().Events)
			}
			return fmt.Errorf("flush: %w; %d events are not confirmed yet", ctx.Err(), left)
		}
	}
	return failed
}

// mark puts a mark into each lane, behind what was emitted before.
func (c *Client) mark(ctx context.Context, flushed chan<- error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	if c.outbox != nil {
		select {
		case c.marks <- mark{upTo: c.outbox.Last(), flushed: flushed}:
			return nil
		case <-c.closing.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i := range c.lanes {
		select {
		case c.lanes[i].queue <- item{flushed: flushed}:
		case <-c.closing.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close takes no more events, sends those it has, and disconnects. When ctx ends
// before, it gives up: events that are not confirmed then fail with ErrClosed,
// though the log may have them; or stay in the outbox, and Close says with ErrKept
// how many. Otherwise its error is as that of Flush. Closing again does nothing.
func (c *Client) Close(ctx context.Context) error {
	c.close() // whoever waits in Emit goes away, so that the lock is free soon
	c.mu.Lock()
	again := c.closed
	c.closed = true
	switch {
	case again:
	case c.outbox != nil:
		close(c.emitted) // who feeds the lanes closes them
	default:
		c.closeLanes()
	}
	c.mu.Unlock()
	if again {
		return nil
	}

	stop := context.AfterFunc(ctx, c.abandon)
	c.running.Wait()
	stop()
	c.abandon()
	c.conn.Close()

	var failed error
	for i := range c.lanes {
		failed = errors.Join(failed, c.lanes[i].failed)
	}
	if c.outbox != nil {
		failed = errors.Join(failed, c.closeOutbox())
	}
	return failed
}

func (c *Client) closeLanes() {
	for i := range c.lanes {
		close(c.lanes[i].queue)
	}
}
