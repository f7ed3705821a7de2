package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gapwise/gapwise/internal/event"
)

// ErrNoMessage says that the log holds no message with a sequence any more.
var ErrNoMessage = errors.New("the log holds no such message")

// Amendment replaces what became of some sequences.
type Amendment struct {
	Batch            // all rows of the sequences, as they are to be
	Was   []Sequence // the sequences whose outcome changes, as they were
}

// retries tells which dead letter a message has decoded again, if that is what it
// asks for.
func (d decoded) retries() (target uint64, ok bool) {
	if d.err != nil || d.event.Type != event.DeadLetterRetried {
		return 0, false
	}
	action, ok := d.event.Data.(*event.DeadLetter)
	return action.Target, ok
}

// retry decodes a dead letter again, with the present code. If it is valid now,
// the tables become what a rebuild with this code gives: the message is judged at
// its own sequence, and so are those with its key that came later. Doing it twice
// changes nothing more, so a retry that was interrupted is done again whole.
func (p *Projector) retry(ctx context.Context, target uint64) error {
	was, found, err := p.Writer.Sequence(ctx, p.Generation, target)
	if err != nil {
		return fmt.Errorf("look up sequence %d: %w", target, err)
	}
	if !found || was.Outcome != Dead && was.Outcome != Conflict {
		return nil
	}
	message, err := p.Source.Get(ctx, target)
	if errors.Is(err, ErrNoMessage) {
		return nil // erased
	}
	if err != nil {
		return fmt.Errorf("read sequence %d: %w", target, err)
	}
	d := decodeOne(message, p.HMAC)
	if d.err != nil {
		return nil //nolint:nilerr // it stays what it is: a dead letter
	}
	if p.known != nil {
		p.known.add(d.event.Key)
	}
	a, err := p.amendment(ctx, was, d.event.Key)
	if err != nil || len(a.Was) == 0 {
		return err
	}
	if err := p.Writer.Amend(ctx, p.Generation, a); err != nil {
		return fmt.Errorf("retry sequence %d: %w", target, err)
	}
	p.Log.InfoContext(ctx, "dead letter retried", "seq", target, "changed", len(a.Was))
	return nil
}

// amendment judges all messages with the key of a dead letter, which was is about,
// anew and in their order, and tells which of them become something else.
func (p *Projector) amendment(ctx context.Context, was Sequence, key event.Key) (*Amendment, error) {
	stored, err := p.Writer.Keyed(ctx, p.Generation, key)
	if err != nil {
		return nil, fmt.Errorf("look up the events with the key of sequence %d: %w", was.Seq, err)
	}
	stored = append(stored, was)
	slices.SortFunc(stored, func(a, b Sequence) int { return cmp.Compare(a.Seq, b.Seq) })
	var messages []Message
	var judged []decoded
	for _, s := range stored {
		if n := len(messages); n > 0 && messages[n-1].Seq == s.Seq {
			continue // an amendment was interrupted
		}
		m, err := p.Source.Get(ctx, s.Seq)
		if errors.Is(err, ErrNoMessage) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read sequence %d: %w", s.Seq, err)
		}
		messages, judged = append(messages, m), append(judged, decodeOne(m, p.HMAC))
	}
	a := new(Amendment)
	decide(messages, judged, map[event.Key]Seen{}, p.erased, &a.Batch)
	for _, s := range stored {
		for _, now := range a.Sequences {
			if now.Seq == s.Seq && now.Outcome != s.Outcome {
				a.Was = append(a.Was, s)
			}
		}
	}
	return a, nil
}
