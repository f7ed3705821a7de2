package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/ingest"
)

// sender carries many events to the door: in batches, some at a time, the events
// of one learner in their order. When the door has no room or is away it waits
// and sends the same again; the ids of the events make that safe.
type sender struct {
	client   *client
	patience time.Duration // without any progress; then it gives up
	progress *progress
	place    func() int // of the event that came last: a line, a row; nil: its number, from 1

	mu       sync.Mutex
	total    ingest.Result // counts of all, and the first rejections
	rejected int
}

// sent is what became of many events.
type sent struct {
	Events     int     `json:"events"`
	Accepted   int     `json:"accepted"`
	Duplicates int     `json:"duplicates"`
	Rejected   int     `json:"rejected"`
	Seconds    float64 `json:"seconds"`
	// Rejections are the first of the rejected; their index is the place of the
	// event in the input, from 1.
	Rejections []ingest.Rejection `json:"rejections,omitempty"`
}

// sum returns what became of the events so far.
func (s *sender) sum() sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sent{
		Events:   s.total.Accepted + s.total.Duplicates + s.rejected,
		Accepted: s.total.Accepted, Duplicates: s.total.Duplicates, Rejected: s.rejected,
		Seconds: s.progress.seconds(), Rejections: s.total.Rejected,
	}
}

// tellSent prints what became of events. It fails when some were rejected.
func (t *terminal) tellSent(s sent, place string, asJSON bool) error {
	if asJSON {
		if err := t.printJSON(s); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "%d events: %d accepted, %d duplicates, %d rejected\n", s.Events, s.Accepted, s.Duplicates, s.Rejected)
	}
	for _, r := range s.Rejections {
		fmt.Fprintf(t.err, "rejected: %s %d: %s\n", place, r.Index, r.Error)
	}
	if more := s.Rejected - len(s.Rejections); more > 0 {
		fmt.Fprintf(t.err, "and %d more\n", more)
	}
	if s.Rejected > 0 {
		return errSilent
	}
	return nil
}

// The sizes of sending.
const (
	senderLanes      = 4
	senderEvents     = 1000
	senderBytes      = 4 << 20
	senderLinger     = 200 * time.Millisecond // that an event waits for others
	senderRejections = 20                     // kept for the report
)

// encoded is one event ready to be sent.
type encoded struct {
	learner string
	payload []byte
}

// placed is an event with its place in the input, for whoever has to mend it.
type placed struct {
	encoded
	at int
}

// batch is what one request carries.
type batch struct {
	body bytes.Buffer
	at   []int
}

func (b *batch) add(e placed) {
	b.body.Write(e.payload)
	b.body.WriteByte('\n')
	b.at = append(b.at, e.at)
}

func (b *batch) full() bool { return len(b.at) == senderEvents || b.body.Len() >= senderBytes }

func (b *batch) reset() {
	b.body.Reset()
	b.at = b.at[:0]
}

// send takes events until next returns io.EOF and returns when all are sent.
func (s *sender) send(ctx context.Context, next func() (encoded, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan placed, senderLanes)
	for i := range lanes {
		lanes[i] = make(chan placed, senderEvents)
		group.Go(func() error { return s.lane(ctx, lanes[i]) })
	}
	group.Go(func() error {
		defer func() {
			for _, lane := range lanes {
				close(lane)
			}
		}()
		for n := 1; ; n++ {
			e, err := next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			at := n
			if s.place != nil {
				at = s.place()
			}
			select {
			case lanes[event.Shard(e.learner)%senderLanes] <- placed{e, at}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return group.Wait()
}

// sendEvents encodes and sends events.
func (s *sender) sendEvents(ctx context.Context, events iter.Seq[*event.Event]) error {
	next, stop := iter.Pull(events)
	defer stop()
	n := 0
	return s.send(ctx, func() (encoded, error) {
		e, ok := next()
		if !ok {
			return encoded{}, io.EOF
		}
		n++
		payload, err := event.Encode(e)
		if err != nil {
			return encoded{}, fmt.Errorf("event %d: %w", n, err)
		}
		return encoded{e.Subject, payload}, nil
	})
}

// lane sends one batch at a time: when it is full, and when no more come for a
// while.
func (s *sender) lane(ctx context.Context, events <-chan placed) error {
	var b batch
	flush := func() error {
		if len(b.at) == 0 {
			return nil
		}
		defer b.reset()
		return s.post(ctx, &b)
	}
	idle := time.NewTicker(senderLinger)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle.C:
			if err := flush(); err != nil {
				return err
			}
		case e, open := <-events:
			if !open {
				return flush()
			}
			b.add(e)
			if !b.full() {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// post sends one batch until the door has answered for it.
func (s *sender) post(ctx context.Context, b *batch) error {
	pause := 100 * time.Millisecond
	deadline := time.Now().Add(s.patience)
	for {
		var result ingest.Result
		err := s.client.post(ctx, "/v1/events", "application/x-ndjson", b.body.Bytes(), &result)
		if err == nil {
			s.count(result, b.at)
			return nil
		}
		if !temporary(err) || ctx.Err() != nil {
			return err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter needs no secret
		var answer *answerError
		if errors.As(err, &answer) && answer.retry > 0 {
			wait = answer.retry
		}
		if time.Now().Add(wait).After(deadline) {
			return fmt.Errorf("gave up after %s; what was not confirmed can be sent again, repeats count once: %w", s.patience, err)
		}
		s.progress.note("waiting: %v", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// count adds up what became of a batch.
func (s *sender) count(r ingest.Result, at []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Accepted += r.Accepted
	s.total.Duplicates += r.Duplicates
	for _, rejection := range r.Rejected {
		if rejection.Index < len(at) {
			rejection.Index = at[rejection.Index]
		}
		if len(s.total.Rejected) < senderRejections {
			s.total.Rejected = append(s.total.Rejected, rejection)
		}
	}
	s.rejected += len(r.Rejected)
	s.progress.add(len(at))
}
