package project

import (
	"context"
	"fmt"
	"log/slog"
	"time"
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
	// after one sequence and up to another, sorted.
	LearnersDue(ctx context.Context, q DueQuery) ([]Due, error)
	// CountDue returns about how many learners have at least so many answers up to a
	// sequence.
	CountDue(ctx context.Context, facts uint32, upTo, least uint64) (uint64, error)
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

// DueQuery asks who is due for a snapshot.
type DueQuery struct {
	Facts       uint32 // generation
	After, UpTo uint64 // sequences: after the one, up to the other
	Every       uint64 // answers between two snapshots
	From        string // learners after this one
	Limit       int    // of learners
}

// Due is a learner who is due for so many snapshots in each lens.
type Due struct {
	Learner   string
	Snapshots uint64
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

	Every   time.Duration // at the latest between two looks at the facts; 0: 10 s
	Window  uint64        // sequences at a time; 0: 400,000
	Chunk   int           // learners that one worker takes at a time; 0: 500
	Workers int           // that derive at the same time; 0: one a processor
	Page    int           // learners that a rebuild does again at most after it was killed; 0: 4,000

	// Pace, if any, is asked before each chunk and may wait, so that others get on.
	Pace func(ctx context.Context) error

	floor uint64             // snapshots are complete up to here
	told  func(learners int) // of a chunk that is done; nil: nobody asks
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

func (d *Deriver) pace(ctx context.Context) error {
	if d.Pace == nil {
		return nil
	}
	return d.Pace(ctx)
}
