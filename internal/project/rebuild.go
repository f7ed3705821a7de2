package project

import (
	"context"
	"sync"
)

// RebuildProgress tells how far a rebuild is.
type RebuildProgress struct {
	Learners   uint64 `json:"learners"`    // whose snapshots are written
	OfLearners uint64 `json:"of_learners"` // who have enough answers for any, about
}

// Rebuild writes all snapshots of a generation that has none yet: each learner is
// folded once, through all of history. It ends where the facts end by then; the
// deriver that runs while the generation is active goes on from there.
//
// Nothing reads the generation meanwhile, and reports are right without its
// snapshots. So a rebuild that was interrupted leaves nothing that matters.
func (d *Deriver) Rebuild(ctx context.Context, tell func(RebuildProgress)) error {
	head, err := d.Store.Floor(ctx, d.Facts)
	if err != nil {
		return err
	}
	var p RebuildProgress
	if p.OfLearners, err = d.Store.CountDue(ctx, d.Facts, head, SnapshotEvery); err != nil {
		return err
	}
	tell(p)
	var mu sync.Mutex
	d.told = func(learners int) {
		mu.Lock()
		defer mu.Unlock()
		p.Learners += uint64(learners)
		p.OfLearners = max(p.OfLearners, p.Learners)
		tell(p)
	}
	if err := d.derive(ctx, 0, head); err != nil {
		return err
	}
	d.told = nil
	if err := d.Store.SetSnapshotFloor(ctx, d.Derived, head); err != nil {
		return err
	}
	return d.CatchUp(ctx)
}
