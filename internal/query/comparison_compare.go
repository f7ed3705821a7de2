package query

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TableStore compares the tables of generations. What reads much calls step with the
// rows that it has read, which may wait; its error ends the reading.
type TableStore interface {
	// SnapshotFloor returns up to which sequence snapshots are complete.
	SnapshotFloor(ctx context.Context, derived uint32) (uint64, error)
	// LastAmendment returns the sequence of the last event that changed rows before
	// it: a dead letter retried, or a learner erased; 0 for none.
	LastAmendment(ctx context.Context, facts uint32) (uint64, error)
	// Rewriting tells apart the times before and after each change of rows that were
	// there, and whether one is under way.
	Rewriting(ctx context.Context) (mark string, busy bool, err error)
	// RowsToCompare returns about how many rows comparing two generations of facts reads.
	RowsToCompare(ctx context.Context, from, to uint32) (uint64, error)
	// SnapshotsToCompare is RowsToCompare for two derived generations; a snapshot counts
	// as so many rows as take as long.
	SnapshotsToCompare(ctx context.Context, from, to uint32, places bool) (uint64, error)
	// ComparedLedger tells what became of the log's messages in a generation of facts.
	ComparedLedger(ctx context.Context, facts uint32, upTo uint64, step func(rows uint64) error) (ComparedLedger, error)
	// CompareFacts compares all tables of two generations of facts.
	CompareFacts(ctx context.Context, from, to uint32, upTo uint64, step func(rows uint64) error) ([]TableComparison, error)
	// CompareSnapshots compares the snapshots of two derived generations: whole, or
	// only where they lie.
	CompareSnapshots(ctx context.Context, from, to uint32, upTo uint64, places bool, step func(rows uint64) error) (TableComparison, error)
}

// How often tables are compared that were rewritten meanwhile, how long what is to be
// the same on both sides is waited for, and how often it is looked for.
const (
	comparisons   = 3
	settledWithin = 10 * time.Second
	settledPoll   = 100 * time.Millisecond
)

// errRewritten says that erasures or retries rewrote rows while they were compared.
var errRewritten = errors.New("query: rows were erased or retried again and again while they were compared: compare again later")

// Compare compares a candidate generation with the active one, up to the last sequence
// that both have. Traffic may go on meanwhile. Other processes may not drop either.
//
// tell is called by several goroutines, one at a time, with what is done of about how
// much, in rows.
func (s *Service) Compare(ctx context.Context, from, to Active, tell func(done, of uint64)) (*Comparison, error) {
	c := &comparing{Service: s, from: from, to: to, strides: &strides{pace: s.Pace, tell: tell}}
	for range comparisons {
		result, err := c.run(ctx)
		if !errors.Is(err, errRewritten) {
			return result, err
		}
	}
	return nil, errRewritten
}

// comparing is one run of Compare.
type comparing struct {
	*Service
	*strides
	from, to Active
}

// limits are up to where two generations can be compared.
type limits struct {
	seq       uint64 // facts
	snapshots uint64
	mark      string // of the rows' changes
}

// run compares once.
func (c *comparing) run(ctx context.Context) (*Comparison, error) {
	upTo, err := c.settle(ctx)
	if err != nil {
		return nil, err
	}
	r := &Comparison{AsOf: AsOf{Seq: upTo.seq}, From: compared(c.from), To: compared(c.to)}
	if r.AsOf.Time, err = c.moment(ctx, upTo.seq); err != nil {
		return nil, err
	}
	if err := c.rows(ctx, r, upTo); err != nil {
		return nil, err
	}
	r.Changed = r.rowDifferences()
	if len(r.Changed) > 0 {
		people := newChanging(c.Service, r.AsOf, [2]Active{c.from, c.to})
		people.snapshots, people.inRows = c.snapshotsAlone(r), true
		if r.People, err = people.run(ctx, c.strides); err != nil {
			return nil, err
		}
		r.Changed = append(r.Changed, r.People.differences()...)
	}
	r.Identical = len(r.Changed) == 0
	return r, c.unchanged(ctx, upTo)
}

func compared(a Active) ComparedGeneration {
	return ComparedGeneration{Generation: generationName(a), Catalog: a.Course.Catalog.Version, Model: a.Course.Model}
}

// sameCourse reports whether both sides see facts the same way.
func (c *comparing) sameCourse() bool {
	return c.from.Course.Catalog.Version == c.to.Course.Catalog.Version && c.from.Course.Model == c.to.Course.Model
}

// snapshotsAlone reports whether nothing but the snapshots of states differs, though
// they rest on the same facts and the same course: then what people read differs by
// them, if at all.
func (c *comparing) snapshotsAlone(r *Comparison) bool {
	return c.sameCourse() && len(r.Changed) == 1 && r.Changed[0].What == TableDiffers && r.Changed[0].Name == statesTable
}

// settle returns up to where both sides can be compared. What an event amended before
// its own sequence differs until both sides know the event: that is waited for, but not
// for ever, as a side may have been left behind.
func (c *comparing) settle(ctx context.Context) (limits, error) {
	again := time.NewTicker(settledPoll)
	defer again.Stop()
	for deadline := time.Now().Add(settledWithin); ; {
		l, amended, err := c.limits(ctx)
		if err != nil || !amended || time.Now().After(deadline) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, ctx.Err()
		case <-again.C:
			c.step(0) // still there
		}
	}
}

// limits reads up to where both sides are now, and whether anything was amended that
// one of them doesn't know.
func (c *comparing) limits(ctx context.Context) (l limits, amended bool, err error) {
	var busy bool
	if l.mark, busy, err = c.Store.Rewriting(ctx); err != nil {
		return l, false, err
	}
	var floors, snapshots, amendments [2]uint64
	for side, a := range []Active{c.from, c.to} {
		if floors[side], err = c.Store.Floor(ctx, a.Facts); err != nil {
			return l, false, err
		}
		if amendments[side], err = c.Store.LastAmendment(ctx, a.Facts); err != nil {
			return l, false, err
		}
		if snapshots[side], err = c.Store.SnapshotFloor(ctx, a.Derived); err != nil {
			return l, false, err
		}
	}
	l.seq = min(floors[0], floors[1])
	l.snapshots = min(l.seq, snapshots[0], snapshots[1])
	last := max(amendments[0], amendments[1])
	return l, busy || last > l.seq || c.derived() && last > l.snapshots, nil
}

// derived reports whether both sides have snapshots.
func (c *comparing) derived() bool { return c.from.Derived > 0 && c.to.Derived > 0 }

// unchanged fails when rows were changed or dropped since.
func (c *comparing) unchanged(ctx context.Context, before limits) error {
	now, _, err := c.limits(ctx)
	switch {
	case err != nil:
		return err
	case now.seq < before.seq || now.snapshots < before.snapshots:
		return fmt.Errorf("query: generation %s or %s was dropped while they were compared", generationName(c.from), generationName(c.to))
	case now.mark != before.mark:
		return errRewritten
	}
	return nil
}

// moment is the time of the words: now, but not before the last fact compared was stored.
func (c *comparing) moment(ctx context.Context, seq uint64) (time.Time, error) {
	now := c.Now().UTC().Truncate(time.Microsecond)
	for _, a := range []Active{c.from, c.to} {
		stored, err := c.Store.StoredAt(ctx, a.Facts, seq)
		if err != nil {
			return now, err
		}
		if stored.After(now) {
			now = stored
		}
	}
	return now, nil
}

// rows compares ledgers and tables.
func (c *comparing) rows(ctx context.Context, r *Comparison, upTo limits) error {
	rows, err := c.Store.RowsToCompare(ctx, c.from.Facts, c.to.Facts)
	if err != nil {
		return err
	}
	snapshots := uint64(0)
	if c.derived() {
		if snapshots, err = c.Store.SnapshotsToCompare(ctx, c.from.Derived, c.to.Derived, !c.sameCourse()); err != nil {
			return err
		}
	}
	c.expect(rows + snapshots)
	read := c.read(ctx)
	if r.Ledger.From, err = c.Store.ComparedLedger(ctx, c.from.Facts, upTo.seq, read); err != nil {
		return err
	}
	r.Ledger.To = r.Ledger.From
	r.Tables = []TableComparison{}
	if c.from.Facts != c.to.Facts {
		if r.Ledger.To, err = c.Store.ComparedLedger(ctx, c.to.Facts, upTo.seq, read); err != nil {
			return err
		}
		if r.Tables, err = c.Store.CompareFacts(ctx, c.from.Facts, c.to.Facts, upTo.seq, read); err != nil {
			return err
		}
	}
	r.Ledger.Equal = r.Ledger.From == r.Ledger.To
	if c.derived() {
		states, err := c.Store.CompareSnapshots(ctx, c.from.Derived, c.to.Derived, upTo.snapshots, !c.sameCourse(), read)
		if err != nil {
			return err
		}
		r.Tables = append(r.Tables, states)
	}
	return nil
}
