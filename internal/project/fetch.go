package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// fetch is a batch of messages on its way from the log, decoded.
type fetch struct {
	messages []Message
	decoded  []decoded
	size     int  // bytes of their payloads
	more     bool // the log has more, and gives it fast
	err      error
}

// Linger is how long a batch waits for company, unless the projector says otherwise.
const Linger = 50 * time.Millisecond

// The bounds of what is read and decoded at a time, and of a batch.
const (
	readAtOnce   = 4096        // messages
	maxBatch     = 50_000      // messages, unless the projector says otherwise
	maxBatchSize = 24 << 20    // bytes of payload
	paceEvery    = 25_000      // messages between two questions whether to wait
	wholeWait    = time.Second // for more of a batch that shall be whole; pauses are shorter
)

// read reads and decodes messages. Those that could be decoded are let go of,
// since they need several times the memory of what they say.
func (p *Projector) read(ctx context.Context, reader Reader, out chan<- fetch) {
	for sincePause := 0; ; {
		var f fetch
		if p.Pace != nil && sincePause >= paceEvery {
			f.err, sincePause = p.Pace(ctx), 0
		}
		if f.err != nil {
			f.err = fmt.Errorf("wait for others: %w", f.err)
		} else if f.messages, f.err = reader.Next(ctx, min(readAtOnce, p.maxBatch()), p.linger()); f.err != nil {
			f.err = fmt.Errorf("read the log: %w", f.err)
		} else {
			f.decoded = decode(f.messages, p.HMAC)
			sincePause += len(f.messages)
			f.more = len(f.messages) > readAtOnce/2
			for i := range f.messages {
				f.size += len(f.messages[i].Payload)
				if f.decoded[i].err == nil {
					f.messages[i].Subject, f.messages[i].Payload = "", nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case out <- f:
		}
		if f.err != nil {
			return
		}
	}
}

// gather puts what was read into batches: as large as may be while the one before
// is being decided, and at once when there is none. So they are small where the
// log ends and large on the way there. With Whole they are as large as may be until
// then, too.
func (p *Projector) gather(ctx context.Context, in <-chan fetch, out chan<- fetch) {
	var f fetch
	for {
		more, ready := in, out
		var waited <-chan time.Time
		switch {
		case len(f.messages) >= p.maxBatch() || f.size >= maxBatchSize || f.err != nil:
			more = nil
		case len(f.messages) == 0:
			ready = nil
		case f.more && p.Whole != nil && p.Whole():
			ready, waited = nil, time.After(wholeWait)
		}
		select {
		case <-ctx.Done():
			return
		case next := <-more:
			f.messages = gathered(f.messages, next.messages)
			f.decoded = gathered(f.decoded, next.decoded)
			f.size += next.size
			f.more, f.err = next.more, next.err
		case <-waited:
			f.more = false // it ended with a large read
		case ready <- f:
			if f.err != nil {
				return
			}
			f = fetch{}
		}
	}
}

// gathered appends to what may become large: with room for as much again, so that
// little is copied.
func gathered[T any](all, more []T) []T {
	if len(all) > 0 && len(all)+len(more) > cap(all) {
		all = slices.Grow(all, max(len(all), len(more)))
	}
	return append(all, more...)
}

// reread reads again what dead letters need and was let go of: an event whose
// conflict showed only in the decision.
func (p *Projector) reread(ctx context.Context, letters []DeadLetter) error {
	for i := range letters {
		if letters[i].Raw != nil {
			continue
		}
		m, err := p.Source.Get(ctx, letters[i].Seq)
		if errors.Is(err, ErrNoMessage) {
			continue // erased since
		}
		if err != nil {
			return fmt.Errorf("read sequence %d: %w", letters[i].Seq, err)
		}
		letters[i].Subject, letters[i].Raw = m.Subject, m.Payload
	}
	return nil
}

// maxBatch bounds memory, and with it what one insert holds.
func (p *Projector) maxBatch() int {
	if p.MaxBatch > 0 {
		return p.MaxBatch
	}
	return maxBatch
}

func (p *Projector) linger() time.Duration {
	if p.Linger != nil {
		return p.Linger()
	}
	return Linger
}
