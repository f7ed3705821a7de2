package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/simulate"
)

// How freshness is sampled: requests of some events at a steady pace, some of
// which carry one answer of a learner of their own, who is then asked for.
const (
	freshnessTick = 50 * time.Millisecond // between requests
	freshnessEach = 4                     // every so many requests carry a probe
	freshnessPoll = 10 * time.Millisecond // between looks at a probe's report
)

// freshness measures the time from the door's 200 to the answer's count in the
// learner's weak-topics report, while events come at a steady rate.
func (b *benchRun) freshness(ctx context.Context) ([]benchRow, error) {
	perRequest := max(1, b.rate*int(freshnessTick)/int(time.Second))
	requests := int(b.duration / freshnessTick)
	events, stop, err := b.simulated(ctx, perRequest*requests+1000)
	if err != nil {
		return nil, err
	}
	defer stop()
	guide, err := catalog.Builtin()
	if err != nil {
		return nil, err
	}
	item := guide.Answerable()[0].ID
	var (
		mu      sync.Mutex
		fresh   []time.Duration
		failed  error
		waiting sync.WaitGroup
	)
	progress := newProgress(b.terminal.err, "events", nil)
	ticker := time.NewTicker(freshnessTick)
	defer ticker.Stop()
	started := time.Now()
	for n := range requests {
		var body bytes.Buffer
		for range perRequest - 1 {
			if e, ok := events(); ok {
				body.Write(e.payload)
				body.WriteByte('\n')
			}
		}
		probe := ""
		if n%freshnessEach == 0 {
			probe = fmt.Sprintf("probe-%d", n)
			e, err := event.New("bench", event.NewID(), probe, time.Now(), &event.Answer{Item: item, Score: 1})
			if err != nil {
				return nil, err
			}
			payload, err := event.Encode(e)
			if err != nil {
				return nil, err
			}
			body.Write(payload)
		}
		waiting.Go(func() {
			took, err := b.probe(ctx, body.Bytes(), probe)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			if probe != "" {
				fresh = append(fresh, took)
			}
		})
		progress.add(perRequest)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
	rate := float64(perRequest*requests) / time.Since(started).Seconds()
	waiting.Wait()
	if failed != nil {
		return nil, failed
	}
	progress.end()
	millis := sortedMillis(fresh)
	return []benchRow{
		{Name: "events sent", Unit: "1/s", Ours: rate},
		{Name: "freshness p50", Unit: "ms", Ours: percentile(millis, 0.5)},
		atMost(fmt.Sprintf("freshness p99 of %d probes", len(millis)), "ms", 1000, percentile(millis, 0.99)),
		{Name: "freshness worst", Unit: "ms", Ours: millis[len(millis)-1]},
	}, nil
}

// probe sends a request and, if it carries a probe, asks for the learner's
// report until the answer is counted. It returns how long that took.
func (b *benchRun) probe(ctx context.Context, body []byte, learner string) (time.Duration, error) {
	var result ingest.Result
	if err := b.client.post(ctx, "/v1/events", "application/x-ndjson", body, &result); err != nil {
		return 0, err
	}
	accepted := time.Now()
	again := time.NewTicker(freshnessPoll)
	defer again.Stop()
	for ; learner != ""; <-again.C {
		var report query.LearnerWeakTopics
		if err := b.client.get(ctx, "/v1/learners/"+learner+"/weak-topics", nil, &report); err != nil {
			return 0, err
		}
		if report.Answers == 1 {
			break
		}
	}
	return time.Since(accepted), nil
}

// simulated returns the events of a simulated cohort, one a call, encoded.
func (b *benchRun) simulated(ctx context.Context, n int) (next func() (encoded, bool), stop func(), err error) {
	var content []byte
	if content, err = b.client.getRaw(ctx, "/v1/catalog", nil); err != nil {
		return nil, nil, err
	}
	course, err := catalog.Decode(content)
	if err != nil {
		return nil, nil, err
	}
	learners := max(10, min(10_000, n/100))
	to := time.Now().Add(-time.Hour)
	simulation, err := simulate.New(simulate.Config{
		Seed: 1, Learners: learners, Prefix: "bench-", Cohort: "bench", Source: "gapwise/bench",
		From: to.AddDate(0, -2, 0), To: to, Events: n,
	}, course)
	if err != nil {
		return nil, nil, err
	}
	pull, stop := iter.Pull(simulation.Events())
	return func() (encoded, bool) {
		e, ok := pull()
		if !ok {
			return encoded{}, false
		}
		payload, err := event.Encode(e)
		return encoded{e.Subject, payload}, err == nil
	}, stop, nil
}
