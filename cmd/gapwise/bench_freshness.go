package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/query"
)

// How freshness is sampled: requests of some events at a steady pace, some of
// which carry one answer of a learner of their own, who is then asked for.
const (
	freshnessTick = 50 * time.Millisecond // between requests, or longer for a low rate
	freshnessEach = 4                     // every so many requests carry a probe
	freshnessPoll = 10 * time.Millisecond // at least between looks at a probe's report, and a tenth of its age
	freshnessLate = time.Minute           // then a probe is lost
)

// freshness measures the time from the door's 200 to the answer's count in the
// learner's weak-topics report, while events come at a steady rate.
func (b *benchRun) freshness(ctx context.Context) (rows []benchRow, err error) {
	process, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	tick, perRequest := b.pace()
	requests := int(b.duration / tick)
	events, stop, err := b.simulated(ctx, perRequest*requests)
	if err != nil {
		return nil, err
	}
	defer stop()
	started := time.Now()
	fresh, err := b.probes(ctx, events, freshnessEach, func(n int) bool { return n < requests })
	if err != nil {
		return nil, err
	}
	rate := float64(perRequest*requests) / time.Since(started).Seconds()
	millis := sortedMillis(fresh)
	return []benchRow{
		{Name: "events sent", Unit: "1/s", Ours: rate},
		{Name: "freshness p50", Unit: "ms", Ours: percentile(millis, 0.5)},
		atMost(fmt.Sprintf("freshness p99 of %d probes", len(millis)), "ms", 1000, percentile(millis, 0.99)),
		{Name: "freshness worst", Unit: "ms", Ours: millis[len(millis)-1]},
	}, nil
}

// pace is how often requests are sent at the rate asked for, and of how many events.
func (b *benchRun) pace() (tick time.Duration, perRequest int) {
	tick = max(freshnessTick, time.Second/time.Duration(b.rate))
	return tick, max(1, b.rate*int(tick)/int(time.Second))
}

// probes sends events at the rate asked for while there shall be more requests, and
// returns how long those took that carried a probe: one of each so many.
func (b *benchRun) probes(ctx context.Context, events func() (encoded, error), each int, more func(n int) bool) (fresh []time.Duration, err error) {
	course, err := b.client.catalog(ctx)
	if err != nil {
		return nil, err
	}
	item := course.Answerable()[0].ID
	tick, perRequest := b.pace()
	var mu sync.Mutex
	progress := newProgress(b.terminal.err, "events", nil)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	group, sending := errgroup.WithContext(ctx)
	for n := 0; more(n) && sending.Err() == nil; n++ {
		probe := ""
		if n%each == 0 {
			probe = fmt.Sprintf("probe-%d", n)
		}
		body, err := freshnessBody(perRequest, probe, item, events)
		if err != nil {
			return nil, err
		}
		group.Go(func() error {
			took, err := b.probe(sending, body, probe)
			if err != nil || probe == "" {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			fresh = append(fresh, took)
			return nil
		})
		progress.add(perRequest)
		select {
		case <-sending.Done():
		case <-ticker.C:
		}
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	progress.end()
	return fresh, nil
}

// freshnessBody is one request's events, one of which is the probe's if it has one.
func freshnessBody(n int, probe, item string, events func() (encoded, error)) ([]byte, error) {
	var body bytes.Buffer
	if probe != "" {
		n--
		e, err := event.New("bench", event.NewID(), probe, time.Now(), &event.Answer{Item: item, Score: 1})
		if err != nil {
			return nil, err
		}
		payload, err := event.Encode(e)
		if err != nil {
			return nil, err
		}
		body.Write(append(payload, '\n'))
	}
	for range n {
		e, err := events()
		if err != nil {
			return nil, fmt.Errorf("simulate events: %w", err)
		}
		body.Write(e.payload)
		body.WriteByte('\n')
	}
	return body.Bytes(), nil
}

// probe sends a request and, if it carries a probe, asks for the learner's
// report until the answer is counted. It returns how long that took.
func (b *benchRun) probe(ctx context.Context, body []byte, learner string) (time.Duration, error) {
	var result ingest.Result
	if err := b.client.post(ctx, "/v1/events", "application/x-ndjson", body, &result); err != nil {
		return 0, err
	}
	accepted := time.Now()
	if len(result.Rejected) > 0 {
		return 0, fmt.Errorf("%d events were rejected, the first one since: %s", len(result.Rejected), result.Rejected[0].Error)
	}
	if learner == "" {
		return 0, nil
	}
	for {
		var report query.LearnerWeakTopics
		if err := b.client.get(ctx, "/v1/learners/"+learner+"/weak-topics", nil, &report); err != nil {
			return 0, err
		}
		took := time.Since(accepted)
		if report.Answers == 1 {
			return took, nil
		}
		if took > freshnessLate {
			return 0, fmt.Errorf("the answer of %s is in no report after %s", learner, freshnessLate)
		}
		if err := pauseFor(ctx, max(freshnessPoll, took/10)); err != nil {
			return 0, err
		}
	}
}
