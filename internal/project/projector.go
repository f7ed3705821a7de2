package project

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// Source reads the log in sequence order.
type Source interface {
	// Open returns a reader whose first message is the first one at or after
	// the sequence from.
	Open(ctx context.Context, from uint64) (Reader, error)
	// Get returns one message, or [ErrNoMessage].
	Get(ctx context.Context, seq uint64) (Message, error)
}

// Reader delivers messages in strictly ascending sequence, each once; sequences
// are missing only where the log has deleted them. It is used by one goroutine.
type Reader interface {
	// Next waits for at least one message and returns at most limit of them,
	// gathered for no longer than linger after the first. What it returns
	// belongs to the caller.
	Next(ctx context.Context, limit int, linger time.Duration) ([]Message, error)
	Close()
}

// Writer keeps the rows. Its methods are called by one goroutine at a time, but
// Seen is also called while Write runs: it then knows of that batch all or some or
// nothing.
type Writer interface {
	// Floor returns the last sequence of the generation that is committed, 0 for
	// none. Batches are written in order, so all before it are committed too.
	Floor(ctx context.Context, generation uint32) (uint64, error)
	// Seen returns the first valid event of every key that the generation holds.
	Seen(ctx context.Context, generation uint32, keys []event.Key) (map[event.Key]Seen, error)
	// Keys yields the keys of all sequences of the generation, in any order.
	Keys(ctx context.Context, generation uint32, yield func(event.Key)) error
	// Write stores a batch: facts first, sequences last and in order. Writing a
	// batch again is harmless. After an error any part of it may be stored.
	Write(ctx context.Context, generation uint32, b *Batch) error

	// Erased returns the learners to be forgotten, with the sequence of the first
	// request.
	Erased(ctx context.Context, generation uint32) (map[HMAC]uint64, error)
	// Sequence returns what became of a sequence; false when that isn't known.
	// While an amendment is under way that is what it is to replace.
	Sequence(ctx context.Context, generation uint32, seq uint64) (Sequence, bool, error)
	// Keyed returns what became of the sequences with a key, ascending. While an
	// amendment is under way a sequence may be there twice.
	Keyed(ctx context.Context, generation uint32, key event.Key) ([]Sequence, error)
	// Amend replaces what became of some sequences. Doing it again is harmless,
	// and needed after an error: any part of it may be stored.
	Amend(ctx context.Context, generation uint32, a *Amendment) error
}

// Progress is how far a projector is, for health, metrics and reports.
type Progress struct {
	Floor   uint64    // the last sequence that is projected, with all before it
	Stored  time.Time // when the log stored it
	Batches uint64
	Events  uint64 // since the start
	Err     error  // why it isn't getting on, nil while it is
}

// Projector carries the log into one generation of facts.
type Projector struct {
	Source     Source
	Writer     Writer
	Generation uint32
	HMAC       func(learner string) HMAC
	Log        *slog.Logger

	MaxBatch int                  // messages a batch; 0: 50,000
	Linger   func() time.Duration // how long a batch waits for company; nil: 50 ms
	Observe  func(b *Batch, took time.Duration)

	// Whole, if any, reports whether batches shall be whole while the log has more: of
	// fewer and larger parts the database makes its tables with less work, but an event
	// waits longer for its company.
	Whole func() bool

	// Pace, if any, is asked before every so many messages are read and may wait, so that
	// others get on.
	Pace func(ctx context.Context) error

	progress atomic.Pointer[Progress]
	erased   map[HMAC]uint64 // up to the batch that is being written
	known    *keySet         // what the store knows, and what was decided since; nil: to be read
}

// The pauses between attempts when the store or the log is away.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Progress returns how far the projector is. It may be called at any time.
func (p *Projector) Progress() Progress {
	if now := p.progress.Load(); now != nil {
		return *now
	}
	return Progress{}
}

// Run projects until the context ends. It never gives up on an error: it tells
// it through Progress and the log, pauses and starts again from what the store
// holds. It returns nil when the context ends.
func (p *Projector) Run(ctx context.Context) error {
	pause := firstPause
	for {
		before := p.Progress().Batches
		err := p.run(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // being told to stop is no failure
		}
		if p.Progress().Batches > before {
			pause = firstPause
		}
		p.update(func(now *Progress) { now.Err = err })
		p.Log.WarnContext(ctx, "projection interrupted, will go on from what is stored",
			"error", err, "floor", p.Progress().Floor, "pause_ms", pause.Milliseconds())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// run projects from the first sequence that the store lacks until an error.
func (p *Projector) run(ctx context.Context) error {
	floor, err := p.Writer.Floor(ctx, p.Generation)
	if err != nil {
		return fmt.Errorf("read what is stored: %w", err)
	}
	if p.erased, err = p.Writer.Erased(ctx, p.Generation); err != nil {
		return fmt.Errorf("read who is to be forgotten: %w", err)
	}
	p.known = nil
	p.update(func(now *Progress) { now.Floor = floor })
	p.Log.InfoContext(ctx, "projecting", "generation", p.Generation, "floor", floor)
	reader, err := p.Source.Open(ctx, floor+1)
	if err != nil {
		return fmt.Errorf("open the log at sequence %d: %w", floor+1, err)
	}
	defer reader.Close()

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	chunks, fetches := make(chan fetch), make(chan fetch)
	go p.read(ctx, reader, chunks)
	go p.gather(ctx, chunks, fetches)
	c := p.newCommitter()
	var committing sync.WaitGroup
	committing.Go(func() { stop(c.run(ctx)) })
	defer committing.Wait()
	defer c.end()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case f := <-fetches:
			if f.err != nil {
				return f.err
			}
			if err := p.project(ctx, f, c); err != nil {
				return err
			}
		}
	}
}

// project decides one batch and has it written. A retry of a dead letter changes
// what was decided before, so all before it is committed first, and it is committed
// itself only after that is done.
func (p *Projector) project(ctx context.Context, f fetch, c *committer) error {
	start := 0
	for i, d := range f.decoded {
		target, isRetry := d.retries()
		if !isRetry {
			continue
		}
		if i > start {
			if err := p.decide(ctx, fetch{messages: f.messages[start:i], decoded: f.decoded[start:i]}, c); err != nil {
				return err
			}
			start = i
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
		if err := p.retry(ctx, target); err != nil {
			return err
		}
	}
	return p.decide(ctx, fetch{messages: f.messages[start:], decoded: f.decoded[start:]}, c)
}

// decide decides messages and hands their rows over to be committed. While one
// batch is being committed the store may not know its keys yet: they are those
// that the decision before left.
func (p *Projector) decide(ctx context.Context, f fetch, c *committer) error {
	started := time.Now()
	keys := make([]event.Key, 0, len(f.messages))
	for _, d := range f.decoded {
		if d.event != nil {
			keys = append(keys, d.event.Key)
		}
	}
	seen, err := p.lookUp(ctx, keys)
	if err != nil {
		return err
	}
	c.recall(keys, seen)
	batch, err := c.batch(ctx)
	if err != nil {
		return err
	}
	decide(f.messages, f.decoded, seen, p.erased, &batch.Batch)
	if err := p.reread(ctx, batch.DeadLetters); err != nil {
		return err
	}
	batch.started, batch.stored = started, f.messages[len(f.messages)-1].Stored
	return c.commit(ctx, batch, seen)
}

func (p *Projector) update(change func(*Progress)) {
	now := p.Progress()
	change(&now)
	p.progress.Store(&now)
}
