package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/gapwise/gapwise"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/stream"
)

// producers send what a plan says, each message until it was acknowledged.
type producers struct {
	cluster *cluster
	plan    *Plan
	clock   *atomic.Int64 // messages acknowledged
	pace    *rate.Limiter
	log     *slog.Logger
}

// largestBatch is how many messages a producer sends at once.
const largestBatch = 300

// run returns when all is acknowledged, or something was refused that must not be.
func (p *producers) run(ctx context.Context) error {
	p.pace = rate.NewLimiter(rate.Limit(p.plan.rate), largestBatch)
	group, ctx := errgroup.WithContext(ctx)
	for i, lane := range p.plan.Lanes {
		dice := rand.New(rand.NewPCG(p.plan.Seed, uint64(i))) //nolint:gosec // drawn again from a seed
		send := map[Route]func(context.Context, Lane, *rand.Rand) error{
			ByHTTP: p.overHTTP, ByClient: p.withClient, ByNATS: p.overNATS,
		}[lane.Route]
		group.Go(func() error {
			if err := send(ctx, lane, dice); err != nil {
				return fmt.Errorf("soak: producer %s: %w", lane.Source, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// overHTTP sends batches to the door.
func (p *producers) overHTTP(ctx context.Context, lane Lane, dice *rand.Rand) error {
	token, err := p.cluster.keys.Mint(httpserver.Claims{
		Role: httpserver.RoleProducer, Source: lane.Source, Cohorts: []string{Cohort}, Life: time.Hour})
	if err != nil {
		return err
	}
	// Connections of its own, so that what one producer meets is its own.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
	defer client.CloseIdleConnections()
	for batch := range batches(lane.Sends, dice, largestBatch) {
		if err := p.pace.WaitN(ctx, len(batch)); err != nil {
			return err
		}
		body, kind := bodyOf(batch, dice)
		err := retry(ctx, dice, func() error {
			return p.post(ctx, client, token, kind, body, batch)
		})
		if err != nil {
			return err
		}
		p.clock.Add(int64(len(batch)))
	}
	return nil
}

// batches cuts messages into parts of random size.
func batches(list []Message, dice *rand.Rand, most int) func(func([]Message) bool) {
	return func(yield func([]Message) bool) {
		for len(list) > 0 {
			n := min(len(list), 1+dice.IntN(1+dice.IntN(most)))
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// bodyOf writes a batch in one of the formats that the door takes. What isn't even
// JSON can only be a line.
func bodyOf(batch []Message, dice *rand.Rand) (body []byte, kind string) {
	payloads := make([][]byte, len(batch))
	lines := dice.IntN(2) == 0
	for i, m := range batch {
		payloads[i] = m.Payload
		lines = lines || m.Bad && !json.Valid(m.Payload)
	}
	if lines {
		return bytes.Join(payloads, []byte("\n")), "application/x-ndjson"
	}
	return slices.Concat([]byte("["), bytes.Join(payloads, []byte(",")), []byte("]")), "application/cloudevents-batch+json"
}

// errAgain says that a message has to be sent again.
var errAgain = errors.New("send again")

// post sends one batch and holds the answer against it.
func (p *producers) post(ctx context.Context, client *http.Client, token, kind string, body []byte, batch []Message) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.cluster.links[clients+">"+ingest].Addr()+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", kind)
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errAgain, err)
	case response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests:
		if response.Header.Get("Retry-After") == "" {
			return fmt.Errorf("the door answers %s without Retry-After: %s", response.Status, answer)
		}
		return fmt.Errorf("%w: %s", errAgain, response.Status)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the door answers %s: %s", response.Status, answer)
	}
	return settled(answer, batch)
}

// settled holds the door's answer against what was sent: everything but what is no
// valid event was taken.
func settled(answer []byte, batch []Message) error {
	var result struct {
		Accepted, Duplicates int
		Rejected             []struct {
			Index int
			Error string
		}
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("the door's answer: %w", err)
	}
	bad := 0
	for _, m := range batch {
		if m.Bad {
			bad++
		}
	}
	for _, r := range result.Rejected {
		if r.Index < 0 || r.Index >= len(batch) || !batch[r.Index].Bad {
			return fmt.Errorf("the door refuses message %d of %d: %s", r.Index, len(batch), r.Error)
		}
	}
	if len(result.Rejected) != bad || result.Accepted+result.Duplicates+bad != len(batch) {
		return fmt.Errorf("of %d messages, %d of them bad, the door took %d, knew %d and refused %d",
			len(batch), bad, result.Accepted, result.Duplicates, len(result.Rejected))
	}
	return nil
}

// retry asks until the answer is something else than errAgain. How long the door asks
// to wait is for strangers; here the fault is over soon.
func retry(ctx context.Context, dice *rand.Rand, ask func() error) error {
	limit := 20 * time.Millisecond
	for {
		err := ask()
		if err == nil || !errors.Is(err, errAgain) || ctx.Err() != nil {
			return err
		}
		wait(ctx, time.Duration(dice.Int64N(int64(limit))))
		limit = min(2*limit, 400*time.Millisecond)
	}
}

// withClient sends through the Go client, which sends again by itself.
func (p *producers) withClient(ctx context.Context, lane Lane, _ *rand.Rand) error {
	b, _ := p.cluster.login()
	client, err := gapwise.Dial(gapwise.Config{
		URL: "nats://" + p.cluster.links[clients+">"+broker].Addr(), Source: lane.Source,
		Credentials:  gapwise.Credentials{User: b.Producer, Password: b.ProducerPassword, InboxPrefix: b.InboxPrefix},
		MaxRetryWait: 400 * time.Millisecond, Logger: p.log,
		OnResult: func(r gapwise.Result) {
			if r.Err == nil {
				p.clock.Add(1)
			}
		},
	})
	if err != nil {
		return err
	}
	for _, m := range lane.Sends {
		if err = p.pace.Wait(ctx); err != nil {
			break
		}
		e := m.Event
		if _, err = client.Emit(ctx, gapwise.Event{ID: e.ID, Learner: e.Subject, Time: e.Time, Data: e.Data}); err != nil {
			break
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return errors.Join(err, client.Close(ctx))
}

// overNATS publishes as anyone could: what is no event, and what gives no id.
func (p *producers) overNATS(ctx context.Context, lane Lane, dice *rand.Rand) error {
	b, _ := p.cluster.login()
	conn, err := stream.Connect("nats://"+p.cluster.links[clients+">"+broker].Addr(),
		stream.Credentials{User: b.Producer, Password: b.ProducerPassword, InboxPrefix: b.InboxPrefix}, lane.Source, p.log)
	if err != nil {
		return err
	}
	defer conn.Close()
	publisher, err := stream.NewPublisher(conn, stream.Config{})
	if err != nil {
		return err
	}
	for batch := range batches(lane.Sends, dice, 20) {
		if err := p.pace.WaitN(ctx, len(batch)); err != nil {
			return err
		}
		messages := make([]stream.Message, len(batch))
		for i, m := range batch {
			messages[i] = stream.Message{Learner: m.Shard, ID: m.ID, Payload: m.Payload}
		}
		err := retry(ctx, dice, func() error {
			acks, err := publisher.Publish(ctx, messages)
			if err == nil {
				return nil
			}
			var again []stream.Message
			for i := range acks {
				if acks[i].Err != nil {
					again = append(again, messages[i])
				}
			}
			messages = again
			return fmt.Errorf("%w: %w", errAgain, err)
		})
		if err != nil {
			return err
		}
		p.clock.Add(int64(len(batch)))
	}
	return nil
}
