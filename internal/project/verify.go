package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// VerifySource reads the log for a verification.
type VerifySource interface {
	Source
	// Next returns the first sequence at or after one that the log holds a message
	// with; false when there is none.
	Next(ctx context.Context, from uint64) (uint64, bool, error)
	// Last returns the last sequence that the log ever stored.
	Last(ctx context.Context) (uint64, error)
}

// Erasing is what erasures are deleting, whose receipts are not there yet.
type Erasing struct {
	Sequences event.Ranges
	Learners  map[HMAC]bool
}

// RowHash is the hash of one row of a table, its table and all its columns included.
type RowHash struct {
	Table string
	Seq   uint64
	Hash  uint64
}

// VerifyStore reads what the tables hold, and compares it with what they should.
type VerifyStore interface {
	HistoryReader
	// Floor returns the last committed sequence of a generation of facts.
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// SnapshotFloor returns up to which sequence snapshots are complete.
	SnapshotFloor(ctx context.Context, derived uint32) (uint64, error)
	// Seen returns the first valid event of every key that the generation holds.
	Seen(ctx context.Context, facts uint32, keys []event.Key) (map[event.Key]Seen, error)
	// Erased returns the learners to be forgotten, with the sequence of the first
	// request.
	Erased(ctx context.Context, facts uint32) (map[HMAC]uint64, error)
	// Forgotten returns the sequences whose messages erasures deleted, as their
	// receipts say.
	Forgotten(ctx context.Context, facts uint32) (event.Ranges, error)
	// Amended returns the learners of whom earlier facts were amended by events
	// after one sequence and up to another.
	Amended(ctx context.Context, facts uint32, after, upTo uint64) (map[string]uint64, error)
	// Reasons returns why those of the sequences are dead letters that could not be
	// decoded.
	Reasons(ctx context.Context, facts uint32, seqs []uint64) (map[uint64]string, error)

	// Hash hashes the rows of a batch as Stored hashes those of the tables.
	Hash(b *Batch, yield func(RowHash))
	// Stored hashes the rows of a range of sequences, those written twice as often
	// as they are there, in no order.
	Stored(ctx context.Context, facts uint32, from, to uint64, yield func(RowHash)) error
	// Compare compares the rows of some sequences with those of a batch, column by
	// column, and returns what differs, ascending by sequence.
	Compare(ctx context.Context, facts uint32, seqs []uint64, want *Batch) ([]Mismatch, error)

	// CountLearners returns about how many learners have answers in a range of
	// sequences.
	CountLearners(ctx context.Context, facts uint32, from, upTo uint64) (uint64, error)
	// LearnersFrom lists learners with answers in a range of sequences, sorted,
	// after one of them: so many that they have about the given number of answers
	// in all. Fewer than there are: more is true.
	LearnersFrom(ctx context.Context, facts uint32, after string, from, upTo, answers uint64) (learners []string, more bool, err error)
	// CompareStates compares the snapshots of a span of learners with those that
	// should be there, sorted by learner and sequence, bit by bit.
	CompareStates(ctx context.Context, q StateSpan, want []Snapshot) (mismatches []Mismatch, doubles uint64, err error)
}

// StateSpan says which snapshots to compare.
type StateSpan struct {
	Derived     uint32
	Lens        Lens
	After, Last string // learners after the one and up to the other; Last empty: all that follow
	From, UpTo  uint64 // sequences
	Except      func(learner string) bool
}

// Verifier recomputes what the tables should hold from the log, and learner
// states from the facts, and compares.
type Verifier struct {
	Source  VerifySource
	Store   VerifyStore
	Facts   uint32 // generation
	Derived uint32 // generation
	Course  *Course
	HMAC    func(learner string) HMAC
	// Erasing tells what erasures are under way. Nil: none.
	Erasing func(ctx context.Context) (Erasing, error)

	Window uint64        // sequences at a time; 0: 1,048,576
	Pause  time.Duration // before what differs is looked at again; 0: 1 s
}

// VerifyScope says what to verify. The zero value is everything.
type VerifyScope struct {
	From   uint64 `json:"from,omitempty"`   // the first sequence; 0: 1
	Newest uint64 `json:"newest,omitempty"` // that many sequences up to the floor; 0: all
}

// VerifyProgress tells how far a verification is.
type VerifyProgress struct {
	Sequences   uint64 `json:"sequences"`    // verified
	OfSequences uint64 `json:"of_sequences"` // to verify
	Learners    uint64 `json:"learners"`     // whose states are verified, in both lenses
	OfLearners  uint64 `json:"of_learners"`  // to verify, about
	Mismatches  uint64 `json:"mismatches"`   // found so far
}

// The sizes of a verification's steps, which bound its memory.
const (
	verifyWindow  = 1 << 20
	verifyBatch   = 10_000
	verifyAgain   = 500     // sequences looked at again at a time
	verifyAnswers = 100_000 // of learners whose states are verified at a time
	verifyStall   = 5 * time.Second
)

// verification is one run of a Verifier.
type verification struct {
	*Verifier
	Ledger
	tell      func(VerifyProgress)
	progress  VerifyProgress
	snapshots uint64 // were complete up to here when it began
	erased    map[HMAC]uint64
	deleted   event.Ranges // by erasures, as their receipts say
	erasing   Erasing      // those under way now and before: a receipt may not be projected yet
}

// Run verifies up to the floor of now. By induction over the windows, repeats are
// recognised by what was verified before.
func (v *Verifier) Run(ctx context.Context, scope VerifyScope, tell func(VerifyProgress)) (*Ledger, error) {
	floor, err := v.Store.Floor(ctx, v.Facts)
	if err != nil {
		return nil, err
	}
	r := &verification{Verifier: v, tell: tell, erasing: Erasing{Learners: map[HMAC]bool{}}, Ledger: Ledger{From: max(1, scope.From), To: floor}}
	if scope.Newest > 0 && floor > scope.Newest {
		r.From = max(r.From, floor-scope.Newest+1)
	}
	window := v.Window
	if window == 0 {
		window = verifyWindow
	}
	if r.From <= floor {
		r.progress.OfSequences = floor - r.From + 1
	}
	if r.snapshots, err = r.Store.SnapshotFloor(ctx, r.Derived); err != nil {
		return nil, err
	}
	if r.progress.OfLearners, err = r.Store.CountLearners(ctx, r.Facts, r.From, floor); err != nil {
		return nil, err
	}
	for from := r.From; from <= floor; from += window {
		if err := r.refresh(ctx); err != nil {
			return nil, err
		}
		if err := r.window(ctx, from, min(floor, from+window-1)); err != nil {
			return nil, fmt.Errorf("verify sequences from %d on: %w", from, err)
		}
	}
	if err := r.states(ctx); err != nil {
		return nil, fmt.Errorf("verify learner states: %w", err)
	}
	r.close()
	return &r.Ledger, nil
}

// refresh reads anew what erasures did, which may go on meanwhile. Those under way
// are read first: when one ends in between, its receipt is read.
func (r *verification) refresh(ctx context.Context) (err error) {
	if r.Erasing != nil {
		now, err := r.Erasing(ctx)
		if err != nil {
			return err
		}
		r.erasing.Sequences = event.Union(r.erasing.Sequences, now.Sequences)
		maps.Copy(r.erasing.Learners, now.Learners)
	}
	if r.erased, err = r.Store.Erased(ctx, r.Facts); err != nil {
		return err
	}
	r.deleted, err = r.Store.Forgotten(ctx, r.Facts)
	return err
}

// window verifies sequences, both included.
func (r *verification) window(ctx context.Context, from, to uint64) error {
	n := to - from + 1
	w := &window{from: from, log: make([]uint64, n), row: make([]uint64, n), marks: make([]mark, n)}
	var batch Batch
	err := r.read(ctx, from, to, func(messages []Message) error {
		if err := r.expect(ctx, messages, &batch); err != nil {
			return err
		}
		r.count(&batch)
		for _, m := range messages {
			w.marks[m.Seq-from] |= hasMessage
		}
		r.Store.Hash(&batch, w.expect)
		r.advance(uint64(len(messages)))
		return nil
	})
	if err != nil {
		return err
	}
	err = r.Store.Stored(ctx, r.Facts, from, to, func(h RowHash) { r.found(w, h) })
	if err != nil {
		return err
	}
	r.Messages += n
	var suspects []uint64
	for i, m := range w.marks {
		seq := from + uint64(i)
		deleted, erasing := r.deleted.Has(seq), r.erasing.Sequences.Has(seq)
		if m&hasMessage == 0 {
			r.advance(1)
			if deleted || erasing {
				r.Erased++
			}
		}
		if erasing && !deleted {
			continue // the next verification will know
		}
		if deleted == (m&hasMessage != 0) {
			m |= suspect // missing without a receipt, or there in spite of one
		}
		if m&suspect != 0 || w.log[i] != 0 && m&foundLog == 0 || w.row[i] != 0 && m&foundRow == 0 {
			suspects = append(suspects, seq)
		}
	}
	return r.again(ctx, suspects)
}

// read reads the messages of a range, in batches.
func (r *verification) read(ctx context.Context, from, to uint64, each func([]Message) error) error {
	var reader Reader
	defer func() {
		if reader != nil {
			reader.Close()
		}
	}()
	for from <= to {
		next, ok, err := r.Source.Next(ctx, from)
		if err != nil {
			return err
		}
		if !ok || next > to {
			return nil
		}
		if reader == nil {
			if reader, err = r.Source.Open(ctx, next); err != nil {
				return err
			}
		}
		messages, err := nextWithin(ctx, reader)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			continue // the message was deleted before it was delivered
		}
		from = messages[len(messages)-1].Seq + 1
		end, _ := slices.BinarySearchFunc(messages, to+1, func(m Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
		if end == 0 {
			return nil
		}
		if err := each(messages[:end]); err != nil {
			return err
		}
	}
	return nil
}

// nextWithin returns no messages when none comes for a while.
func nextWithin(ctx context.Context, reader Reader) ([]Message, error) {
	bounded, cancel := context.WithTimeout(ctx, verifyStall)
	defer cancel()
	messages, err := reader.Next(bounded, verifyBatch, 50*time.Millisecond)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return messages, err
}

// expect fills a batch with what the tables should hold of consecutive messages.
func (r *verification) expect(ctx context.Context, messages []Message, b *Batch) error {
	decoded, retryable, err := r.decode(ctx, messages)
	if err != nil {
		return err
	}
	r.Retryable += retryable
	seen, err := r.Store.Seen(ctx, r.Facts, keysOf(decoded))
	if err != nil {
		return err
	}
	for key, first := range seen {
		if first.Seq >= messages[0].Seq {
			delete(seen, key) // not verified yet
		}
	}
	b.reset()
	decide(messages, decoded, seen, r.erased, b)
	return nil
}

// decode decodes messages, but lets verdicts stand that the present code would not
// give: what an older version could not decode is a dead letter until it is retried.
// It returns how many of these there are.
func (r *verification) decode(ctx context.Context, messages []Message) ([]decoded, uint64, error) {
	decoded := decode(messages, r.HMAC)
	var valid []uint64
	for i, m := range messages {
		if decoded[i].err == nil {
			valid = append(valid, m.Seq)
		}
	}
	reasons, err := r.Store.Reasons(ctx, r.Facts, valid)
	if err != nil {
		return nil, 0, err
	}
	retryable := uint64(0)
	for i, m := range messages {
		reason, dead := reasons[m.Seq]
		if !dead {
			continue
		}
		retryable++
		if code := event.Code(reason); code != event.CodeFutureTime && code != CodeUnsealed { // of those the event is known
			decoded[i] = undecoded(m, r.HMAC)
		}
		decoded[i].err = &event.Error{Code: event.Code(reason)}
	}
	return decoded, retryable, nil
}

func keysOf(decoded []decoded) []event.Key {
	keys := make([]event.Key, 0, len(decoded))
	for _, d := range decoded {
		if d.event != nil {
			keys = append(keys, d.event.Key)
		}
	}
	return keys
}

func (r *verification) count(b *Batch) {
	for _, s := range b.Sequences {
		switch s.Outcome {
		case Duplicate:
			r.Duplicates++
		case Dead, Conflict:
			r.DeadLetters++
		case Erased:
			r.Erased++
		}
	}
}

// The tables that are no facts.
const (
	sequencesTable   = "sequences"
	deadLettersTable = "dead_letters"
)

func (r *verification) advance(n uint64) {
	r.progress.Sequences += n
	r.report()
}

func (r *verification) report() {
	r.progress.Mismatches = r.Differences
	if r.tell != nil {
		r.tell(r.progress)
	}
}
