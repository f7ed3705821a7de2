package project

import (
	"cmp"
	"context"
	"sync"
)

// Folded is how far a rebuild of snapshots is, and where to go on from.
type Folded struct {
	Head       uint64 // snapshots up to this sequence
	After      string // learners up to this one are done, in the order of their ids; empty: none is known to be
	Learners   uint64 // so many
	Told       uint64 // and of those after, in any order
	OfLearners uint64 // who have enough answers for any snapshot, about
}

// Rebuild writes all snapshots of a generation that has none yet, or goes on with
// that: each learner is folded once, through all of history. It ends where the facts
// end by then; the deriver that runs while the generation is written goes on from
// there. It tells every page of learners that is done, and how far it is meanwhile.
//
// Nothing reads the generation meanwhile, and reports are right without its
// snapshots. So a rebuild that was interrupted leaves nothing that matters.
func (d *Deriver) Rebuild(ctx context.Context, from Folded, tell func(Folded)) error {
	done, err := d.Store.SnapshotFloor(ctx, d.Derived)
	if err != nil {
		return err
	}
	if done > 0 { // only what came since
		return d.CatchUp(ctx)
	}
	f := from
	if f.Head == 0 {
		f = Folded{}
		if f.Head, err = d.Store.Floor(ctx, d.Facts); err != nil {
			return err
		}
	}
	if f.OfLearners, err = d.Store.CountDue(ctx, d.Facts, f.Head, SnapshotEvery); err != nil {
		return err
	}
	f.Told = f.Learners
	var mu sync.Mutex
	say := func(change func()) {
		mu.Lock()
		defer mu.Unlock()
		change()
		f.OfLearners = max(f.OfLearners, f.Told)
		tell(f)
	}
	say(func() {})
	d.told = func(learners int) { say(func() { f.Told += uint64(learners) }) }
	defer func() { d.told = nil }()
	q := DueQuery{Facts: d.Facts, UpTo: f.Head, Every: SnapshotEvery, From: f.After, Limit: cmp.Or(d.Page, 4000)}
	page := func(due []Due) {
		say(func() { f.After, f.Learners = due[len(due)-1].Learner, f.Learners+uint64(len(due)) })
	}
	if err := d.deriveAll(ctx, q, page); err != nil {
		return err
	}
	if err := d.Store.SetSnapshotFloor(ctx, d.Derived, f.Head); err != nil {
		return err
	}
	return d.CatchUp(ctx)
}
