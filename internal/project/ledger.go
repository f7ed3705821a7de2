package project

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// Ledger is what a verification found. Messages are Rows, Duplicates, DeadLetters
// and Erased, each once, unless something is wrong.
type Ledger struct {
	OK                 bool       `json:"ok"`
	From               uint64     `json:"from"`     // the first sequence verified
	To                 uint64     `json:"to"`       // the last
	Messages           uint64     `json:"messages"` // stored in the log so far, those erased since included
	Rows               uint64     `json:"rows"`     // of facts, one a sequence
	Duplicates         uint64     `json:"duplicates"`
	DeadLetters        uint64     `json:"dead_letters"` // conflicts included
	Erased             uint64     `json:"erased"`       // deleted with a receipt, or waiting for it
	PhysicalDuplicates uint64     `json:"physical_duplicates"`
	Retryable          uint64     `json:"retryable"` // dead letters that the present code takes
	Learners           uint64     `json:"learners"`  // whose states were recomputed
	Snapshots          uint64     `json:"snapshots"` // of them, compared
	Differences        uint64     `json:"differences"`
	Mismatches         []Mismatch `json:"mismatches"` // the first of the differences
}

// Mismatch is one difference between what a table holds and what it should hold.
// It shows no learner's id and nothing that a learner wrote.
type Mismatch struct {
	Seq      uint64 `json:"seq"`
	Table    string `json:"table"` // or log
	HMAC     string `json:"learner_hmac,omitempty"`
	What     string `json:"what"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// mostMismatches bounds how many mismatches a ledger lists.
const mostMismatches = 100

// add counts differences, and keeps those with the lowest sequences.
func (l *Ledger) add(mismatches []Mismatch) {
	l.Differences += uint64(len(mismatches))
	l.Mismatches = append(l.Mismatches, mismatches...)
	slices.SortStableFunc(l.Mismatches, func(a, b Mismatch) int { return cmp.Compare(a.Seq, b.Seq) })
	l.Mismatches = l.Mismatches[:min(len(l.Mismatches), mostMismatches)]
}

func (l *Ledger) close() {
	l.OK = l.Differences == 0
	if l.Mismatches == nil {
		l.Mismatches = []Mismatch{}
	}
}

// looks is how often what differs is looked at again: retries and erasures change
// rows while a verification reads them, and what they do passes.
const looks = 2

// again looks again at sequences whose rows seem wrong, and adds what still is.
func (r *verification) again(ctx context.Context, suspects []uint64) error {
	for some := range slices.Chunk(suspects, verifyAgain) {
		mismatches, err := r.persistent(ctx, func() ([]Mismatch, error) { return r.compare(ctx, some) })
		if err != nil {
			return err
		}
		r.add(mismatches)
		r.report()
	}
	return nil
}

// persistent returns the differences that don't pass.
func (r *verification) persistent(ctx context.Context, compare func() ([]Mismatch, error)) (found []Mismatch, err error) {
	pause := r.Pause
	if pause == 0 {
		pause = time.Second
	}
	for look := range looks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(pause):
			}
			if err := errors.Join(r.settle(ctx), r.refresh(ctx)); err != nil {
				return nil, err
			}
		}
		if found, err = compare(); err != nil || len(found) == 0 {
			return nil, err
		}
	}
	return found, nil
}

// settleWithin bounds how long what happened to the log is waited for.
const settleWithin = 10 * time.Second

// settle waits until what the log holds now is projected: retries, and receipts of
// what is gone.
func (r *verification) settle(ctx context.Context) error {
	last, err := r.Source.Last(ctx)
	if err != nil {
		return err
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(settleWithin); time.Now().Before(deadline); {
		floor, err := r.Store.Floor(ctx, r.Facts)
		if err != nil || floor >= last {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
	return nil
}

// compare reads messages and rows of some sequences anew and compares them column
// by column.
func (r *verification) compare(ctx context.Context, seqs []uint64) ([]Mismatch, error) {
	var messages []Message
	var found []Mismatch
	missing := map[uint64]bool{} // whether a receipt is missing, too
	seqs = slices.DeleteFunc(slices.Clone(seqs), func(seq uint64) bool {
		return r.erasing.Sequences.Has(seq) && !r.deleted.Has(seq)
	})
	if len(seqs) == 0 {
		return nil, nil
	}
	for _, seq := range seqs {
		m, err := r.Source.Get(ctx, seq)
		if errors.Is(err, ErrNoMessage) {
			missing[seq] = !r.deleted.Has(seq)
			continue
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
		if r.deleted.Has(seq) {
			found = append(found, Mismatch{
				Seq: seq, Table: "log", What: "the message of an erased learner is still in the log",
				Expected: "no message, as a receipt says", Found: "a message",
			})
		}
	}
	decoded, _, err := r.decode(ctx, messages)
	if err != nil {
		return nil, err
	}
	seen, err := r.Store.Seen(ctx, r.Facts, keysOf(decoded))
	if err != nil {
		return nil, err
	}
	var want Batch
	for i, m := range messages {
		first := map[event.Key]Seen{}
		if e := decoded[i].event; e != nil {
			if s, ok := seen[e.Key]; ok && s.Seq < m.Seq {
				first[e.Key] = s
			}
		}
		decide(messages[i:i+1], decoded[i:i+1], first, r.erased, &want)
	}
	rows, err := r.Store.Compare(ctx, r.Facts, seqs, &want)
	return explain(append(found, rows...), missing), err
}

// explain says of missing messages that they are missing, instead of what rows they
// have.
func explain(found []Mismatch, missing map[uint64]bool) (list []Mismatch) {
	owner := map[uint64]string{}
	for _, m := range found {
		unreceipted, gone := missing[m.Seq]
		switch {
		case unreceipted:
			owner[m.Seq] = m.HMAC
			continue
		case gone:
			m.What = "a row of an erased message: " + m.What
		}
		list = append(list, m)
	}
	for seq, unreceipted := range missing {
		if unreceipted {
			list = append(list, Mismatch{
				Seq: seq, Table: "log", HMAC: owner[seq], What: "the message is missing from the log",
				Expected: "the message, or the receipt of an erasure that names it", Found: "neither",
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Mismatch) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}

// ErrDropped is returned when another generation became active so long ago that the
// one that is verified is dropped: what is missing from it then is no mistake.
var ErrDropped = errors.New("another generation took the place of the one that was verified: verify again")

// states recomputes the learners' states from all of their facts, in both lenses.
func (r *verification) states(ctx context.Context) error {
	upTo, err := r.snapshotFloor(ctx, r.snapshots)
	if err != nil {
		return err
	}
	if err := r.statesUpTo(ctx, min(upTo, r.To)); err != nil {
		return err
	}
	_, err = r.snapshotFloor(ctx, upTo)
	return err
}

// snapshotFloor returns up to where snapshots are complete, which is as far as before
// unless they were dropped.
func (r *verification) snapshotFloor(ctx context.Context, before uint64) (uint64, error) {
	floor, err := r.Store.SnapshotFloor(ctx, r.Derived)
	if err == nil && floor < before {
		err = ErrDropped
	}
	return floor, err
}

func (r *verification) statesUpTo(ctx context.Context, upTo uint64) (err error) {
	for after, more := "", r.From <= upTo; more; {
		var learners []string
		if learners, more, err = r.Store.LearnersFrom(ctx, r.Facts, after, r.From, upTo, verifyAnswers); err != nil {
			return err
		}
		last := ""
		if more {
			last = learners[len(learners)-1]
		}
		var snapshots, doubles uint64
		mismatches, err := r.persistent(ctx, func() (found []Mismatch, err error) {
			found, snapshots, doubles, err = r.compareStates(ctx, learners, after, last, upTo)
			return found, err
		})
		if err != nil {
			return err
		}
		r.add(mismatches)
		r.Snapshots += snapshots
		r.PhysicalDuplicates += doubles
		after = last
		r.Learners += uint64(len(learners))
		r.progress.Learners = r.Learners
		r.report()
	}
	return nil
}

// compareStates compares the snapshots of learners, and tells how many there should
// be and how many are there twice. Those that a retry makes anew, or an
// erasure deletes, are left out until that is done.
func (r *verification) compareStates(ctx context.Context, learners []string, after, last string, upTo uint64) (
	found []Mismatch, snapshots, doubles uint64, err error,
) {
	amended, err := r.amended(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	except := func(learner string) bool {
		_, pending := amended[learner]
		return pending || len(r.erasing.Learners) > 0 && r.erasing.Learners[r.HMAC(learner)]
	}
	var want [NumLenses][]Snapshot
	q := HistoryQuery{Facts: r.Facts, Derived: r.Derived, Seq: upTo, Learners: learners, Whole: true}
	err = r.Store.Histories(ctx, q, func(h *History) error {
		if except(h.Learner) {
			return nil
		}
		for lens := range Lens(NumLenses) {
			made, _, err := r.Course.Lenses[lens].snapshots(h, lens, r.From-1, upTo)
			if err != nil {
				return err
			}
			want[lens] = append(want[lens], made...)
		}
		return nil
	})
	if err != nil {
		return nil, 0, 0, err
	}
	for lens := range Lens(NumLenses) {
		span := StateSpan{Derived: r.Derived, Lens: lens, After: after, Last: last, From: r.From, UpTo: upTo, Except: except}
		differing, twice, err := r.Store.CompareStates(ctx, span, want[lens])
		if err != nil {
			return nil, 0, 0, err
		}
		found, snapshots, doubles = append(found, differing...), snapshots+uint64(len(want[lens])), doubles+twice
	}
	return found, snapshots, doubles, nil
}

// amended returns the learners whose snapshots a retry is making anew.
func (r *verification) amended(ctx context.Context) (map[string]uint64, error) {
	floor, err := r.Store.SnapshotFloor(ctx, r.Derived)
	if err != nil {
		return nil, err
	}
	head, err := r.Store.Floor(ctx, r.Facts)
	if err != nil {
		return nil, err
	}
	return r.Store.Amended(ctx, r.Facts, floor, head)
}
