package project

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/mastery"
)

// The sizes that bound a deriver's memory.
const (
	dueAtOnce       = 20_000 // learners that are listed
	snapshotsAtOnce = 400    // due snapshots that one worker takes, in each lens
	mostWorkers     = 8      // each uses a connection to the database
)

// derive writes the snapshots that fall on sequences after one and up to another. A
// learner's depend on nobody else, so workers take chunks of learners in any order
// and at the same time.
func (d *Deriver) derive(ctx context.Context, after, upTo uint64) error {
	if err := d.amend(ctx, after, upTo); err != nil {
		return err
	}
	return d.deriveAll(ctx, DueQuery{Facts: d.Facts, After: after, UpTo: upTo, Every: SnapshotEvery, Limit: dueAtOnce}, func([]Due) {})
}

// deriveAll derives whom a query finds, page by page, and tells each page that is done.
func (d *Deriver) deriveAll(ctx context.Context, q DueQuery, done func([]Due)) error {
	for {
		due, err := d.Store.LearnersDue(ctx, q)
		if err != nil {
			return err
		}
		if err := d.share(ctx, due, q.After, q.UpTo); err != nil {
			return err
		}
		if len(due) > 0 {
			done(due)
		}
		if len(due) < q.Limit {
			return nil
		}
		q.From = due[len(due)-1].Learner
	}
}

// share lets the workers derive learners, chunk by chunk.
func (d *Deriver) share(ctx context.Context, due []Due, after, upTo uint64) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(d.workers())
	for len(due) > 0 && within.Err() == nil {
		if err := d.pace(within); err != nil {
			group.Go(func() error { return err })
			break
		}
		n := d.chunk(due)
		learners := make([]string, n)
		for i := range learners {
			learners[i] = due[i].Learner
		}
		due = due[n:]
		group.Go(func() error { return d.deriveSome(within, learners, after, upTo) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (d *Deriver) workers() int {
	if d.Workers > 0 {
		return d.Workers
	}
	return min(runtime.GOMAXPROCS(0), mostWorkers)
}

// chunk returns how many of the learners one worker takes at a time.
func (d *Deriver) chunk(due []Due) int {
	most := d.Chunk
	if most == 0 {
		most = 500
	}
	snapshots := uint64(0)
	for n, one := range due[:min(most, len(due))] {
		if snapshots += one.Snapshots; n > 0 && snapshots > snapshotsAtOnce {
			return n
		}
	}
	return min(most, len(due))
}

// amend makes the snapshots anew in which a fact is missing that a retried dead
// letter became since.
func (d *Deriver) amend(ctx context.Context, after, upTo uint64) error {
	amended, err := d.Store.Amended(ctx, d.Facts, after, upTo)
	if err != nil {
		return err
	}
	for learner, first := range amended {
		if err := d.Store.DropSnapshots(ctx, d.Derived, learner, first); err != nil {
			return err
		}
		if err := d.deriveSome(ctx, []string{learner}, first-1, upTo); err != nil {
			return err
		}
	}
	return nil
}

// deriveSome writes the snapshots of some learners. Both lenses count the same
// facts and have their snapshots at the same sequences, so the facts are read once.
// A learner whose latest snapshots differ, or are too late, is folded from the
// first fact.
func (d *Deriver) deriveSome(ctx context.Context, learners []string, after, upTo uint64) error {
	q := HistoryQuery{Facts: d.Facts, Derived: d.Derived, Seq: upTo, Learners: learners}
	var (
		bases [NumLenses]map[string]*Snapshot
		again [NumLenses][]string
		made  []Snapshot
		err   error
	)
	for lens := ByConcern + 1; lens < NumLenses; lens++ {
		other := q
		other.Lens = lens
		if bases[lens], err = d.Store.Snapshots(ctx, other); err != nil {
			return err
		}
	}
	collect := func(h *History, lens Lens) error {
		some, ok, err := d.Course.Lenses[lens].snapshots(h, lens, after, upTo)
		if !ok {
			again[lens] = append(again[lens], h.Learner)
		}
		made = append(made, some...)
		return err
	}
	err = d.Store.Histories(ctx, q, func(h *History) error {
		for lens := ByConcern + 1; lens < NumLenses; lens++ {
			other := *h
			other.Base = bases[lens][h.Learner]
			if !other.follows(h) {
				again[lens] = append(again[lens], h.Learner)
				continue
			}
			if err := collect(&other, lens); err != nil {
				return err
			}
		}
		return collect(h, q.Lens)
	})
	if err != nil {
		return err
	}
	for lens, learners := range again {
		if len(learners) == 0 {
			continue
		}
		q.Lens, q.Learners, q.Whole = Lens(lens), learners, true
		if err := d.Store.Histories(ctx, q, func(h *History) error { return collect(h, q.Lens) }); err != nil {
			return err
		}
	}
	if err := d.Store.WriteSnapshots(ctx, d.Derived, made); err != nil {
		return err
	}
	if d.told != nil {
		d.told(len(learners))
	}
	return nil
}

// follows reports whether a history goes on from where another one does.
func (h *History) follows(o *History) bool {
	if h.Base == nil || o.Base == nil {
		return h.Base == o.Base
	}
	return h.Base.Seq == o.Base.Seq
}

// snapshots returns the snapshots that fall on sequences after one and up to
// another; false when they need the whole history. Each goes on from the one
// before, unless something reaches behind that.
func (l *LensModel) snapshots(h *History, lens Lens, after, upTo uint64) ([]Snapshot, bool, error) {
	facts := uint32(0)
	if h.Base != nil {
		facts = h.Base.Facts
	}
	var made []Snapshot
	from := h
	for i, g := range h.Given {
		facts++
		if facts%SnapshotEvery != 0 || g.Seq <= after || g.Seq > upTo {
			continue
		}
		s, ok, err := l.snapshot(from, lens, g.Seq, facts)
		if err == nil && !ok && from != h {
			s, ok, err = l.snapshot(h, lens, g.Seq, facts)
		}
		if err != nil || !ok {
			return nil, ok, err
		}
		made = append(made, s)
		from = &History{Learner: h.Learner, HMAC: h.HMAC, Base: &s, Given: h.Given[i+1:], Taken: h.Taken}
	}
	return made, true, nil
}

// snapshot computes the snapshot at the sequence of a learner's nth fact.
func (l *LensModel) snapshot(h *History, lens Lens, seq uint64, facts uint32) (Snapshot, bool, error) {
	s := Snapshot{Learner: h.Learner, HMAC: h.HMAC, Lens: lens, Seq: seq, Facts: facts, LastTime: mastery.NoTime}
	if h.Base != nil {
		s.LastTime, s.LastKey = h.Base.LastTime, h.Base.LastKey
	}
	k, ok, err := l.compute(h, seq, nil)
	if err != nil || !ok {
		return s, ok, err
	}
	if given, _ := h.upTo(seq); len(given) > 0 {
		last := given[len(given)-1]
		s.LastTime, s.LastKey = last.Time, last.Key
	}
	s.Unmapped, s.State = uint32(k.Unmapped), k.State.Export()
	return s, true, nil
}
