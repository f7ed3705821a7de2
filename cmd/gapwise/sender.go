package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

	mu       sync.Mutex
	total    ingest.Result // counts of all, and the first rejections
	rejected int
}

// The sizes of sending.
const (
	senderLanes      = 4
	senderEvents     = 1000
	senderBytes      = 4 << 20
	senderRejections = 20 // kept for the report
)

// encoded is one event ready to be sent.
type encoded struct {
	learner string
	payload []byte
}

// send takes events until next returns io.EOF and returns when all are sent.
func (s *sender) send(ctx context.Context, next func() (encoded, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan encoded, senderLanes)
	for i := range lanes {
		lanes[i] = make(chan encoded, senderEvents)
		group.Go(func() error { return s.lane(ctx, lanes[i]) })
	}
	group.Go(func() error {
		defer func() {
			for _, lane := range lanes {
				close(lane)
			}
		}()
		for {
			e, err := next()
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

// lane sends one batch at a time.
func (s *sender) lane(ctx context.Context, events <-chan encoded) error {
	var body bytes.Buffer
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := s.post(ctx, body.Bytes(), n)
		body.Reset()
		n = 0
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-events:
			if !open {
				return flush()
			}
			body.Write(e.payload)
			body.WriteByte('\n')
			if n++; n == senderEvents || body.Len() >= senderBytes || len(events) == 0 && n >= senderEvents/4 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
}

// post sends one batch until the door has answered for it.
func (s *sender) post(ctx context.Context, body []byte, n int) error {
	pause := 100 * time.Millisecond
	deadline := time.Now().Add(s.patience)
	for {
		var result ingest.Result
		err := s.client.post(ctx, "/v1/events", "application/x-ndjson", body, &result)
		if err == nil {
			s.count(result, n)
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

func (s *sender) count(r ingest.Result, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Accepted += r.Accepted
	s.total.Duplicates += r.Duplicates
	for _, rejection := range r.Rejected {
		if len(s.total.Rejected) < senderRejections {
			s.total.Rejected = append(s.total.Rejected, rejection)
		}
	}
	s.rejected += len(r.Rejected)
	s.progress.add(n)
}
