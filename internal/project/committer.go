package project

import (
	"context"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// committer writes batches in order, one at a time, while the next one is decided.
type committer struct {
	projector *Projector
	free      chan *pending // batches to be filled
	decided   chan *pending // batches to be written
	recent    map[event.Key]Seen
}

// pending is a batch on its way to the store.
type pending struct {
	Batch
	started time.Time // when its look-up was
	stored  time.Time // when the log stored its last message
}

// pendings is how many batches there are: one is decided, one is written.
const pendings = 2

func (p *Projector) newCommitter() *committer {
	c := &committer{projector: p, free: make(chan *pending, pendings), decided: make(chan *pending)}
	for range pendings {
		c.free <- new(pending)
	}
	return c
}

// run writes what is decided until there is no more, or an error.
func (c *committer) run(ctx context.Context) error {
	for b := range c.decided {
		if err := c.projector.write(ctx, b); err != nil {
			return err
		}
		c.free <- b
	}
	return nil
}

// end says that nothing more will be decided.
func (c *committer) end() { close(c.decided) }

// batch returns a batch to be filled.
func (c *committer) batch(ctx context.Context) (*pending, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case b := <-c.free:
		b.reset()
		return b, nil
	}
}

// commit hands a batch over. It returns when the one before is committed.
func (c *committer) commit(ctx context.Context, b *pending, seen map[event.Key]Seen) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case c.decided <- b:
		c.recent = seen
		return nil
	}
}

// settle returns when all that was handed over is committed, and forgets it: the
// store knows.
func (c *committer) settle(ctx context.Context) error {
	var all [pendings]*pending
	for i := range all {
		var err error
		if all[i], err = c.batch(ctx); err != nil {
			return err
		}
	}
	for _, b := range all {
		c.free <- b
	}
	c.recent = nil
	return nil
}

// recall adds to what the store knows of keys what is known of them from the batch
// that was handed over last, which may not be stored yet.
func (c *committer) recall(keys []event.Key, seen map[event.Key]Seen) {
	if len(c.recent) == 0 {
		return
	}
	for _, key := range keys {
		if first, known := c.recent[key]; known {
			seen[key] = first
		}
	}
}

// write stores a batch and tells how far the projector is.
func (p *Projector) write(ctx context.Context, b *pending) error {
	if err := p.Writer.Write(ctx, p.Generation, &b.Batch); err != nil {
		return fmt.Errorf("write sequences %d to %d: %w", b.First, b.Last, err)
	}
	p.update(func(now *Progress) {
		now.Floor, now.Stored, now.Err = b.Last, b.stored, nil
		now.Batches++
		now.Events += uint64(len(b.Sequences))
	})
	if p.Observe != nil {
		p.Observe(&b.Batch, time.Since(b.started))
	}
	return nil
}
