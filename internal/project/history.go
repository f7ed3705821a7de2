package project

import (
	"bytes"
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
)

// SnapshotEvery is how many facts of a learner lie between two snapshots. It
// bounds how much a report reads for each learner.
const SnapshotEvery = 128

// Given is an answer as the fold needs it.
type Given struct {
	Seq      uint64
	Key      event.Key
	Time     int64 // µs since the Unix epoch
	Item     string
	Score    float64
	GradedBy event.Grader
}

// answer is the answer as the model takes it, to one of its items.
func (g *Given) answer(item int) mastery.Answer {
	return mastery.Answer{Item: item, Score: g.Score, Time: g.Time, SelfGraded: g.GradedBy == event.GradedBySelf}
}

// Taken is an answer taken back.
type Taken struct {
	Seq    uint64 // of the void
	Target event.Key
}

// Snapshot is the state of one learner in one lens after a number of facts.
type Snapshot struct {
	Learner  string
	HMAC     HMAC
	Lens     Lens
	Seq      uint64 // of the last of the facts, in the log's order
	Facts    uint32 // answers up to Seq, voided and unmapped ones too
	Unmapped uint32 // answers to items without a topic in this lens
	LastTime int64  // the last of them in the order of the fold
	LastKey  event.Key
	State    mastery.Snapshot
}

// History is what one learner's state is computed from: the facts after a
// snapshot, or all of them.
type History struct {
	Learner string
	HMAC    HMAC
	Base    *Snapshot // nil: Given holds all
	Given   []Given   // ascending by Seq, each sequence once
	Taken   []Taken   // all of the learner, ascending by Seq
}

// HistoryQuery says whose facts to read.
type HistoryQuery struct {
	Facts    uint32 // generation of facts
	Derived  uint32 // generation of snapshots
	Lens     Lens
	Seq      uint64   // facts and snapshots up to here
	Learners []string // sorted
	Whole    bool     // leave snapshots aside
}

// HistoryReader reads facts back, learner by learner.
type HistoryReader interface {
	// Histories calls yield once for every learner asked for that has facts,
	// ascending by id. What yield gets is its own.
	Histories(ctx context.Context, q HistoryQuery, yield func(*History) error) error
}

// Known is a learner's state at a sequence.
type Known struct {
	Learner  string
	State    *mastery.State
	Unmapped int // answers that no topic of the lens counts
}

// newKnown is what is known of a learner without facts.
func (l *LensModel) newKnown(learner string) Known {
	return Known{Learner: learner, State: l.NewState()}
}

// States computes the state of every learner asked for from the facts up to a
// sequence, and calls yield in ascending order of ids. Learners without facts
// get a new state.
func States(ctx context.Context, reader HistoryReader, lens *LensModel, q HistoryQuery, yield func(Known) error) error {
	for some := range slices.Chunk(q.Learners, statesAtOnce) {
		part := q
		part.Learners = some
		if err := states(ctx, reader, lens, part, yield); err != nil {
			return err
		}
	}
	return nil
}

// statesAtOnce is how many learners' states are held in memory.
const statesAtOnce = 500

func states(ctx context.Context, reader HistoryReader, lens *LensModel, q HistoryQuery, yield func(Known) error) error {
	shares := slices.Collect(slices.Chunk(q.Learners, max(leastShare, 1+len(q.Learners)/runtime.GOMAXPROCS(0))))
	known := make([]map[string]Known, len(shares))
	group, computing := errgroup.WithContext(ctx)
	for i, share := range shares {
		group.Go(func() (err error) {
			part := q
			part.Learners = share
			known[i], err = computeStates(computing, reader, lens, part)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, share := range shares {
		for _, learner := range share {
			k, ok := known[i][learner]
			if !ok {
				k = lens.newKnown(learner)
			}
			if err := yield(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// leastShare is of how many learners at least a core computes the states: reading them
// is a few questions to the database, however few they are.
const leastShare = 100

// computeStates computes the states of learners who have facts.
func computeStates(ctx context.Context, reader HistoryReader, lens *LensModel, q HistoryQuery) (map[string]Known, error) {
	known := make(map[string]Known, len(q.Learners))
	var again []string
	compute := func(h *History) error {
		k, ok, err := lens.compute(h, q.Seq, nil)
		if err != nil {
			return err
		}
		if !ok {
			again = append(again, h.Learner)
			return nil
		}
		known[h.Learner] = k
		return nil
	}
	if err := reader.Histories(ctx, q, compute); err != nil {
		return nil, err
	}
	if len(again) > 0 {
		whole := q
		whole.Learners, whole.Whole = again, true
		if err := reader.Histories(ctx, whole, compute); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// Visit is called for each answer of a replay, in the order of the fold, with the
// state before it. It calls fold once, which folds the answer into that state and
// returns what the model made of it.
type Visit func(g Given, item int, state *mastery.State, fold func() mastery.Step)

// Replay folds a whole history and calls visit with every answer that a topic of the
// lens counts. It is how evidence is explained.
func (l *LensModel) Replay(h *History, seq uint64, visit Visit) (Known, error) {
	k, _, err := l.compute(h, seq, visit)
	return k, err
}

// compute folds a history up to a sequence. It returns false when the facts
// after the snapshot reach behind it, so that all facts are needed.
func (l *LensModel) compute(h *History, seq uint64, visit Visit) (Known, bool, error) {
	k := l.newKnown(h.Learner)
	if h.Base != nil {
		var err error
		if k.State, err = mastery.Import(h.Base.State); err != nil {
			return k, false, err
		}
		k.Unmapped = int(h.Base.Unmapped)
	}
	given, ok := h.upTo(seq)
	if !ok {
		return k, false, nil
	}
	l.fold(&k, given, visit)
	return k, true, nil
}

// fold updates what is known with answers in the order of the fold.
func (l *LensModel) fold(k *Known, given []Given, visit Visit) {
	for _, g := range given {
		item, mapped := l.Item(g.Item)
		if !mapped {
			k.Unmapped++
			continue
		}
		answer := g.answer(item)
		if visit == nil {
			l.Update(k.State, answer)
		} else {
			visit(g, item, k.State, func() mastery.Step { return l.Update(k.State, answer) })
		}
	}
}

// upTo returns the answers up to a sequence without those taken back by then,
// in the order of the fold; false when they can't simply follow the snapshot.
func (h *History) upTo(seq uint64) ([]Given, bool) {
	var base uint64
	if h.Base != nil {
		base = h.Base.Seq
	}
	end, _ := slices.BinarySearchFunc(h.Given, seq+1, func(g Given, seq uint64) int { return cmp.Compare(g.Seq, seq) })
	given := slices.Clone(h.Given[:end])
	if len(h.Taken) > 0 {
		taken := make(map[event.Key]uint64, len(h.Taken))
		for _, t := range h.Taken {
			if t.Seq <= seq {
				taken[t.Target] = t.Seq
			}
		}
		kept := given[:0]
		for _, g := range given {
			if _, gone := taken[g.Key]; gone {
				delete(taken, g.Key)
				continue
			}
			kept = append(kept, g)
		}
		given = kept
		for _, at := range taken {
			if h.Base != nil && at > base {
				return nil, false // may take back what the snapshot has counted
			}
		}
	}
	slices.SortFunc(given, func(a, b Given) int { return compareMoments(a.Time, a.Key, b.Time, b.Key) })
	if h.Base != nil && len(given) > 0 &&
		compareMoments(given[0].Time, given[0].Key, h.Base.LastTime, h.Base.LastKey) < 0 {
		return nil, false
	}
	return given, true
}

// compareMoments orders answers for the fold: by event time, then by key.
func compareMoments(t1 int64, k1 event.Key, t2 int64, k2 event.Key) int {
	return cmp.Or(cmp.Compare(t1, t2), bytes.Compare(k1[:], k2[:]))
}
