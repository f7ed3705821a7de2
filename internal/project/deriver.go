package project

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
)

// SnapshotStore keeps snapshots and knows who is due for one.
type SnapshotStore interface {
	HistoryReader
	// Snapshots returns the latest snapshot of every learner asked for that has one,
	// in the query's lens at or before its sequence.
	Snapshots(ctx context.Context, q HistoryQuery) (map[string]*Snapshot, error)
	// Floor returns the last committed sequence of a generation of facts.
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// SnapshotFloor returns up to which sequence snapshots are complete.
	SnapshotFloor(ctx context.Context, derived uint32) (uint64, error)
	// LearnersDue returns the learners whose number of answers reached a multiple
	// of every after one sequence and up to another, sorted.
	LearnersDue(ctx context.Context, facts uint32, after, upTo, every uint64) ([]string, error)
	// WriteSnapshots stores snapshots. Storing them again is harmless.
	WriteSnapshots(ctx context.Context, derived uint32, snapshots []Snapshot) error
	// SetSnapshotFloor stores that snapshots are complete up to a sequence.
	SetSnapshotFloor(ctx context.Context, derived uint32, floor uint64) error
	// Amended returns the learners of whom earlier facts were amended by events
	// after one sequence and up to another, with the first sequence amended.
	Amended(ctx context.Context, facts uint32, after, upTo uint64) (map[string]uint64, error)
	// DropSnapshots deletes a learner's snapshots from a sequence on.
	DropSnapshots(ctx context.Context, derived uint32, learner string, from uint64) error
}

// Deriver writes snapshots of one derived generation behind the facts. Reports
// are right without it, only slower: it is a shortcut that follows from the
// facts alone, so it may stop anywhere and go on.
type Deriver struct {
	Store   SnapshotStore
	Facts   uint32 // generation
	Derived uint32 // generation
	Course  *Course
	Log     *slog.Logger

	// News tells the last sequence of each batch that is committed, or of the last
	// one when some were missed. Nil: only Every matters.
	News <-chan uint64

	Every  time.Duration // at the latest between two looks at the facts; 0: 10 s
	Chunk  int           // learners at a time; 0: 500
	Window uint64        // sequences at a time; 0: 400,000

	floor uint64 // snapshots are complete up to here
}

// settled is how long there is no news before the deriver looks at the facts.
const settled = 500 * time.Millisecond

// Run derives until the context ends. Errors are told to the log and tried
// again: reports do not wait for it.
func (d *Deriver) Run(ctx context.Context) error {
	for rest := false; ctx.Err() == nil; rest = d.await(ctx) {
		if err := d.catchUp(ctx, rest); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "snapshots interrupted, will go on", "error", err)
		}
	}
	return nil
}

// await waits until it is worth looking at the facts again, or the context ends: a
// window ahead, or for the rest when there is no more news, and now and then.
func (d *Deriver) await(ctx context.Context) (rest bool) {
	every := d.Every
	if every == 0 {
		every = 10 * time.Second
	}
	late := time.NewTimer(every)
	defer late.Stop()
	quiet := time.NewTimer(every)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-late.C:
			return true
		case <-quiet.C:
			return true
		case head := <-d.News:
			if head >= d.floor+d.window() {
				return false
			}
			quiet.Reset(settled)
		}
	}
}

func (d *Deriver) window() uint64 {
	if d.Window > 0 {
		return d.Window
	}
	return 400_000
}

// CatchUp writes the snapshots that facts up to now call for.
func (d *Deriver) CatchUp(ctx context.Context) error { return d.catchUp(ctx, true) }

// catchUp derives whole windows, and the rest if it is asked for: that costs as
// much as a whole one where many learners answer.
func (d *Deriver) catchUp(ctx context.Context, rest bool) error {
	head, err := d.Store.Floor(ctx, d.Facts)
	if err != nil {
		return err
	}
	if d.floor, err = d.Store.SnapshotFloor(ctx, d.Derived); err != nil {
		return err
	}
	for d.floor < head && (rest || head >= d.floor+d.window()) {
		upTo := min(head, d.floor+d.window())
		if err := d.derive(ctx, d.floor, upTo); err != nil {
			return fmt.Errorf("derive sequences %d to %d: %w", d.floor+1, upTo, err)
		}
		if err := d.Store.SetSnapshotFloor(ctx, d.Derived, upTo); err != nil {
			return err
		}
		d.floor = upTo
	}
	return nil
}

func (d *Deriver) derive(ctx context.Context, after, upTo uint64) error {
	if err := d.amend(ctx, after, upTo); err != nil {
		return err
	}
	learners, err := d.Store.LearnersDue(ctx, d.Facts, after, upTo, SnapshotEvery)
	if err != nil {
		return err
	}
	chunk := d.Chunk
	if chunk == 0 {
		chunk = 500
	}
	for some := range slices.Chunk(learners, chunk) {
		if err := d.deriveSome(ctx, some, after, upTo); err != nil {
			return err
		}
	}
	return nil
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
	return d.Store.WriteSnapshots(ctx, d.Derived, made)
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
