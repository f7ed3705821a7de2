package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// logSource lets the projector read the log.
type logSource struct {
	log *stream.Log
	key dataKey // of seals
}

// message is an entry of the log as projectors take it.
func (s logSource) message(e stream.Entry) project.Message {
	return project.Message{Seq: e.Seq, Subject: e.Subject, Stored: s.key.stored(e), Sealed: s.key.sealed(e), Payload: e.Payload}
}

func (s logSource) Open(ctx context.Context, from uint64) (project.Reader, error) {
	r, err := s.log.Consume(ctx, from)
	if err != nil {
		return nil, err
	}
	return logReader{r, s}, nil
}

func (s logSource) Get(ctx context.Context, seq uint64) (project.Message, error) {
	e, err := s.log.Get(ctx, seq)
	if errors.Is(err, stream.ErrNotFound) {
		return project.Message{}, fmt.Errorf("%w: %w", project.ErrNoMessage, err)
	}
	return s.message(e), err
}

func (s logSource) Next(ctx context.Context, from uint64) (uint64, bool, error) {
	return s.log.Next(ctx, from)
}

func (s logSource) Last(ctx context.Context) (uint64, error) {
	info, err := s.log.Info(ctx)
	return info.Last, err
}

type logReader struct {
	r      *stream.Reader
	source logSource
}

// readBytes bounds the payload of what is read at a time.
const readBytes = 4 << 20

func (r logReader) Next(ctx context.Context, limit int, linger time.Duration) ([]project.Message, error) {
	for {
		entries, err := r.r.Next(ctx, limit, readBytes, linger)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			continue
		}
		messages := make([]project.Message, len(entries))
		for i, e := range entries {
			messages[i] = r.source.message(e)
		}
		return messages, nil
	}
}

func (r logReader) Close() { r.r.Close() }

// publisher lets the door store events in the log.
type publisher struct {
	log *stream.Log
	key dataKey
}

func (p publisher) Publish(ctx context.Context, messages []ingest.Message) ([]ingest.Ack, error) {
	out := make([]stream.Message, len(messages))
	for i, m := range messages {
		out[i] = stream.Message{Learner: m.Learner, ID: m.ID, Payload: m.Payload}
		out[i].Headers = map[string]string{}
		if m.Trace != "" {
			out[i].Headers["traceparent"] = m.Trace
		}
		if m.Sealed {
			out[i].Headers[stream.SealHeader] = p.key.seal(m.Payload)
		}
	}
	stored, err := p.log.Publish(ctx, out)
	if errors.Is(err, stream.ErrLogFull) {
		return nil, fmt.Errorf("%w: %w", ingest.ErrFull, err)
	}
	acks := make([]ingest.Ack, len(stored))
	for i, ack := range stored {
		acks[i] = ingest.Ack{Duplicate: ack.Duplicate}
		switch {
		case errors.Is(ack.Err, stream.ErrTooLarge):
			acks[i].Err = ack.Err // its own fault: the others are stored
		case ack.Err != nil:
			return nil, ack.Err
		}
	}
	return acks, nil
}

// members lets the door ask who belongs to a cohort now.
type members struct{ app *App }

func (m members) IsMember(ctx context.Context, learner string, cohorts []string) (bool, error) {
	return m.app.store.IsMember(ctx, m.app.active.Active().Facts, learner, cohorts, time.Now())
}
