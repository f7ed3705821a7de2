package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/outbox"
)

// sender carries many events to the door: in batches, some at a time, the events
// of one learner in their order. When the door has no room or is away it waits
// and sends the same again; the ids of the events make that safe. With an outbox
// events are on disk before they are sent, and leave it when the door has answered
// for them.
type sender struct {
	client   *client
	patience time.Duration // without any progress; then it gives up
	progress *progress
	place    func() int // of the event that came last: a line, a row; nil: its number, from 1
	box      *box       // nil: none

	mu       sync.Mutex
	total    ingest.Result // counts of all, and the first rejections
	rejected int
	earlier  counts // of events that an earlier run left in the outbox
}

// counts says what became of events.
type counts struct {
	Events     int `json:"events"`
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
}

func (c counts) String() string {
	return fmt.Sprintf("%d accepted, %d duplicates, %d rejected", c.Accepted, c.Duplicates, c.Rejected)
}

// sent is what became of many events.
type sent struct {
	counts
	Seconds float64 `json:"seconds"`
	// Rejections are the first of the rejected; their index is the place of the
	// event in the input, from 1.
	Rejections []ingest.Rejection `json:"rejections,omitempty"`
	// Earlier are events that an earlier run had left in the outbox.
	Earlier *counts `json:"earlier,omitempty"`
}

// sum returns what became of the events so far.
func (s *sender) sum() sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sent{
		counts: counts{
			Events:   s.total.Accepted + s.total.Duplicates + s.rejected,
			Accepted: s.total.Accepted, Duplicates: s.total.Duplicates, Rejected: s.rejected,
		},
		Seconds: s.progress.seconds(), Rejections: s.total.Rejected,
	}
	if s.earlier.Events > 0 {
		earlier := s.earlier
		all.Earlier = &earlier
	}
	return all
}

// tellSent prints what became of events. It fails when some were rejected.
func (t *terminal) tellSent(s sent, place string, asJSON bool) error {
	if asJSON {
		if err := t.printJSON(s); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "%d events: %s\n", s.Events, s.counts)
	}
	failed := t.tellEarlier(s.Earlier)
	for _, r := range s.Rejections {
		fmt.Fprintf(t.err, "rejected: %s %d: %s\n", place, r.Index, r.Error)
	}
	if more := s.Rejected - len(s.Rejections); more > 0 {
		fmt.Fprintf(t.err, "and %d more\n", more)
	}
	if s.Rejected > 0 {
		return errSilent
	}
	return failed
}

// tellEarlier says what became of events that an earlier run left. It fails when
// some were rejected.
func (t *terminal) tellEarlier(c *counts) error {
	if c == nil {
		return nil
	}
	fmt.Fprintf(t.err, "%d events of an earlier run: %s\n", c.Events, c)
	if c.Rejected > 0 {
		fmt.Fprintf(t.err, "the rejected ones are in %s in the outbox, with the reasons\n", outbox.Refused)
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
	at      int
	number  uint64 // in the outbox
	earlier bool   // an earlier run had left it there
}

// batch is what one request carries: events of this run, or of earlier ones.
type batch struct {
	events []placed
	bytes  int
}

func (b *batch) add(e placed) {
	b.events = append(b.events, e)
	b.bytes += len(e.payload) + 1
}

// takes says whether the event may come into the same request.
func (b *batch) takes(e placed) bool {
	return len(b.events) == 0 ||
		len(b.events) < senderEvents && b.bytes+len(e.payload) < senderBytes && b.events[0].earlier == e.earlier
}

func (b *batch) full() bool { return len(b.events) == senderEvents || b.bytes >= senderBytes }

func (b *batch) reset() {
	clear(b.events)
	b.events, b.bytes = b.events[:0], 0
}

// body is one event a line.
func body(events []placed) []byte {
	var lines bytes.Buffer
	for _, e := range events {
		lines.Write(e.payload)
		lines.WriteByte('\n')
	}
	return lines.Bytes()
}

// send takes events until next returns io.EOF and returns when all are sent.
func (s *sender) send(ctx context.Context, next func() (encoded, error)) error {
	n := 0
	read := func(context.Context) (placed, error) {
		e, err := next()
		n++
		if s.place != nil {
			return placed{encoded: e, at: s.place()}, err
		}
		return placed{encoded: e, at: n}, err
	}
	if s.box == nil {
		return s.carry(ctx, read)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.keep(ctx, read) })
	group.Go(func() error { return s.carry(ctx, s.box.next) })
	return group.Wait()
}

// carry sends what next returns until it returns io.EOF.
func (s *sender) carry(ctx context.Context, next func(context.Context) (placed, error)) error {
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
		for {
			e, err := next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			select {
			case lanes[event.Shard(e.learner)%senderLanes] <- e:
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
	return s.send(ctx, encodedEvents(next))
}

// encodedEvents encodes what next yields.
func encodedEvents(next func() (*event.Event, bool)) func() (encoded, error) {
	n := 0
	return func() (encoded, error) {
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
	}
}

// lane sends one batch at a time: when it is full, and when no more come for a
// while.
func (s *sender) lane(ctx context.Context, events <-chan placed) error {
	var b batch
	flush := func() error {
		defer b.reset()
		return s.post(ctx, b.events)
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
			if !b.takes(e) {
				if err := flush(); err != nil {
					return err
				}
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

// post sends events in one request until the door has answered for them.
func (s *sender) post(ctx context.Context, events []placed) error {
	if len(events) == 0 {
		return nil
	}
	to := s.client
	if events[0].earlier {
		to = s.box.client
	}
	pause := 100 * time.Millisecond
	deadline := time.Now().Add(s.patience)
	for {
		var result ingest.Result
		err := to.post(ctx, "/v1/events", "application/x-ndjson", body(events), &result)
		var answer *answerError
		switch {
		case err == nil && result.Accepted+result.Duplicates+len(result.Rejected) != len(events):
			return fmt.Errorf("%s answered for %d events of %d: this is no gapwise, or something between changes what it says (see --url)",
				to.base, result.Accepted+result.Duplicates+len(result.Rejected), len(events))
		case err == nil:
			return s.settle(result, events)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &answer) && answer.status == http.StatusRequestEntityTooLarge:
			return s.postInParts(ctx, events, err)
		case !temporary(err):
			return err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter needs no secret
		if answer != nil && answer.retry > 0 {
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

// postInParts sends in two requests what is too much for one, as for a proxy with
// bounds of its own. A single event that is too much is rejected.
func (s *sender) postInParts(ctx context.Context, events []placed, tooLarge error) error {
	if len(events) == 1 {
		return s.settle(ingest.Result{Rejected: []ingest.Rejection{{Error: tooLarge.Error()}}}, events)
	}
	half := len(events) / 2
	if err := s.post(ctx, events[:half]); err != nil {
		return err
	}
	return s.post(ctx, events[half:])
}

// settle adds up what became of the events of one request, which then leave the
// outbox.
func (s *sender) settle(r ingest.Result, events []placed) error {
	if s.box != nil {
		if err := s.box.settle(r, events); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.progress.add(len(events))
	if events[0].earlier {
		s.earlier.Events += len(events)
		s.earlier.Accepted += r.Accepted
		s.earlier.Duplicates += r.Duplicates
		s.earlier.Rejected += len(r.Rejected)
		return nil
	}
	s.total.Accepted += r.Accepted
	s.total.Duplicates += r.Duplicates
	for _, rejection := range r.Rejected {
		if rejection.Index < len(events) {
			rejection.Index = events[rejection.Index].at
		}
		s.addRejection(rejection)
	}
	return nil
}

// reject is for an event that is not even sent.
func (s *sender) reject(e placed, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addRejection(ingest.Rejection{Index: e.at, Error: reason})
	s.progress.add(1)
}

// addRejection needs the lock.
func (s *sender) addRejection(r ingest.Rejection) {
	s.rejected++
	if len(s.total.Rejected) < senderRejections {
		s.total.Rejected = append(s.total.Rejected, r)
	}
}
