package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/simulate"
	"github.com/gapwise/gapwise/internal/stream"
)

// How the door is measured. Of both as many are on their way at a time as serve them
// best: more raw batches gain nothing, fewer requests leave the log waiting.
const (
	ingestRequest = 500     // events a request
	ingestLanes   = 8       // requests at a time
	ingestRaw     = 1000    // messages an atomic batch: the broker's limit
	ingestRawAt   = 2       // raw batches at a time
	ingestRound   = 100_000 // events between two changes from one to the other
)

// ingest measures events taken over HTTP against the same number of messages of
// the same kind published to the same log in atomic batches, by turns: what
// disturbs the machine disturbs both.
func (b *benchRun) ingest(ctx context.Context) (rows []benchRow, err error) {
	s, err := b.servers(ctx, "door")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	door, err := s.door(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, door.stop()) }()
	if b.client, err = door.ready(ctx); err != nil {
		return nil, err
	}
	course, err := loadCatalog(b.config.Catalog.Path)
	if err != nil {
		return nil, err
	}
	next, stop, err := simulated(course, simulate.Config{Seed: 1, Learners: max(1, min(5000, b.events/100)), Events: 2 * b.events})
	if err != nil {
		return nil, err
	}
	defer stop()
	p := newProgress(b.terminal.err, "events", nil)
	defer p.end()
	var raw, taken time.Duration
	for done := 0; done < b.events; done += ingestRound {
		n := min(ingestRound, b.events-done)
		messages, err := published(next, n)
		if err != nil {
			return nil, err
		}
		took, err := s.publishRaw(ctx, messages)
		if err != nil {
			return nil, err
		}
		raw += took
		bodies, err := requests(next, n)
		if err != nil {
			return nil, err
		}
		if took, err = b.post(ctx, bodies, n); err != nil {
			return nil, err
		}
		taken += took
		p.add(2 * n)
	}
	memory, err := door.memory("VmHWM")
	if err != nil {
		return nil, err
	}
	return []benchRow{
		against(fmt.Sprintf("events over HTTP, %d a request, of raw batches", ingestRequest),
			perSecond(b.events, raw), perSecond(b.events, taken)),
		{Name: "door's memory, highest", Unit: "MB", Ours: memory},
	}, nil
}

// door starts a door on the servers, once a projector has made a generation.
func (s *benchServers) door(ctx context.Context) (*benchProcess, error) {
	projector, err := s.launch("projector")
	if err != nil {
		return nil, err
	}
	_, err = projector.ready(ctx)
	if err := errors.Join(err, projector.stop()); err != nil {
		return nil, err
	}
	return s.launch("ingest")
}

// published returns events as they are published raw.
func published(next func() (encoded, error), n int) ([]*nats.Msg, error) {
	messages := make([]*nats.Msg, n)
	for i := range messages {
		m, err := publishable(next)
		if err != nil {
			return nil, err
		}
		messages[i] = nats.NewMsg(stream.Subject(m.Learner))
		messages[i].Data = m.Payload
		messages[i].Header[jetstream.MsgIDHeader] = []string{m.ID}
	}
	return messages, nil
}

// publishRaw publishes messages with the client library's atomic batches.
func (s *benchServers) publishRaw(ctx context.Context, messages []*nats.Msg) (time.Duration, error) {
	js, err := jetstream.New(s.nats)
	if err != nil {
		return 0, err
	}
	lanes, ctx := errgroup.WithContext(ctx)
	lanes.SetLimit(ingestRawAt)
	started := time.Now()
	for len(messages) > 0 {
		batch := messages[:min(ingestRaw, len(messages))]
		messages = messages[len(batch):]
		lanes.Go(func() error {
			_, err := jetstreamext.PublishMsgBatch(ctx, js, batch, jetstreamext.BatchFlowControl{AckFirst: false})
			return err
		})
	}
	err = lanes.Wait()
	return time.Since(started), err
}

// requests returns events as the bodies of requests.
func requests(next func() (encoded, error), n int) ([][]byte, error) {
	var bodies [][]byte
	for n > 0 {
		var body bytes.Buffer
		for range min(n, ingestRequest) {
			e, err := next()
			if err != nil {
				return nil, err
			}
			body.Write(e.payload)
			body.WriteByte('\n')
		}
		bodies = append(bodies, body.Bytes())
		n -= ingestRequest
	}
	return bodies, nil
}

// post sends requests to the door, some at a time.
func (b *benchRun) post(ctx context.Context, bodies [][]byte, events int) (time.Duration, error) {
	var accepted atomic.Int64
	lanes, ctx := errgroup.WithContext(ctx)
	lanes.SetLimit(ingestLanes)
	started := time.Now()
	for _, body := range bodies {
		lanes.Go(func() error {
			var result ingest.Result
			if err := b.client.post(ctx, "/v1/events", "application/x-ndjson", body, &result); err != nil {
				return err
			}
			accepted.Add(int64(result.Accepted))
			return nil
		})
	}
	err := lanes.Wait()
	took := time.Since(started)
	if err == nil && accepted.Load() != int64(events) {
		err = fmt.Errorf("%d of %d events were accepted", accepted.Load(), events)
	}
	return took, err
}
