package query

import (
	"context"
	"sync"
)

// strides count what a comparison has done, in whatever takes about as long: rows
// that are read, or learners. It may be used by several goroutines.
type strides struct {
	pace func(ctx context.Context) error // nil: nobody is let first
	tell func(done, of uint64)

	mu       sync.Mutex
	done, of uint64
}

// expect adds what is to be done, about.
func (p *strides) expect(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of += n
	p.tell(p.done, p.of)
}

// step adds what was done.
func (p *strides) step(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.of = max(p.of, p.done)
	p.tell(p.done, p.of)
}

// wait lets others go first.
func (p *strides) wait(ctx context.Context) error {
	if p.pace == nil {
		return ctx.Err()
	}
	return p.pace(ctx)
}

// read is a step that was read in one query; others may go before the next.
func (p *strides) read(ctx context.Context) func(rows uint64) error {
	return func(rows uint64) error {
		p.step(rows)
		return p.wait(ctx)
	}
}
