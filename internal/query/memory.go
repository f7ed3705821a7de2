package query

import (
	"context"
	"sync"
	"time"
)

// memory is a store that isn't asked twice for what didn't change: facts up to
// the floor stay as they are but for erasures and retries, which rewrite tables; so
// the counts of one sequence are those of another and what lies between. It knows
// one generation of facts, the one asked about last.
type memory struct {
	Store

	stored  remembered[time.Time]
	counts  remembered[Counts]
	joiners remembered[uint64] // learners with an answer
}

// Remember lets a service ask the store only for what is new.
func Remember(store Store) Store { return &memory{Store: store} }

// remembered is what was found for a generation and a sequence.
type remembered[T any] struct {
	sync.Mutex // held while asking: those who wait want the same
	facts      uint32
	rewritten  string
	seq        uint64
	value      T
}

// StoredAt remembers the highest sequence asked for: each report of now asks for
// the floor's.
func (m *memory) StoredAt(ctx context.Context, facts uint32, seq uint64) (time.Time, error) {
	r := &m.stored
	r.Lock()
	defer r.Unlock()
	if r.facts == facts && r.seq == seq {
		return r.value, nil
	}
	at, err := m.Store.StoredAt(ctx, facts, seq)
	if err == nil && (r.facts != facts || seq > r.seq) {
		r.facts, r.seq, r.value = facts, seq, at
	}
	return at, err
}

// Counts asks for what came since it was asked last.
func (m *memory) Counts(ctx context.Context, facts uint32, after, upTo uint64) (Counts, error) {
	between := func(after, upTo uint64) (Counts, error) { return m.Store.Counts(ctx, facts, after, upTo) }
	if after > 0 {
		return between(after, upTo)
	}
	rewritten, err := m.Rewritten(ctx)
	if err != nil {
		return Counts{}, err
	}
	return m.counts.at(facts, upTo, rewritten, between, Counts.plus, Counts.minus)
}

// NewLearners asks for what came since it was asked last.
func (m *memory) NewLearners(ctx context.Context, facts uint32, after, upTo uint64) (uint64, error) {
	between := func(after, upTo uint64) (uint64, error) { return m.Store.NewLearners(ctx, facts, after, upTo) }
	if after > 0 {
		return between(after, upTo)
	}
	rewritten, err := m.Rewritten(ctx)
	if err != nil {
		return 0, err
	}
	return m.joiners.at(facts, upTo, rewritten, between,
		func(a, b uint64) uint64 { return a + b }, func(a, b uint64) uint64 { return a - b })
}

// at returns the sum from the log's beginning up to a sequence, and remembers the
// furthest one.
func (r *remembered[T]) at(facts uint32, upTo uint64, rewritten string,
	between func(after, upTo uint64) (T, error), plus, minus func(a, b T) T,
) (T, error) {
	r.Lock()
	defer r.Unlock()
	if r.facts != facts || r.rewritten != rewritten {
		var none T
		r.facts, r.rewritten, r.seq, r.value = facts, rewritten, 0, none
	}
	if upTo == r.seq {
		return r.value, nil
	}
	if upTo < r.seq { // someone was faster with a newer floor
		newer, err := between(upTo, r.seq)
		return minus(r.value, newer), err
	}
	newer, err := between(r.seq, upTo)
	if err != nil {
		return newer, err
	}
	r.seq, r.value = upTo, plus(r.value, newer)
	return r.value, nil
}
