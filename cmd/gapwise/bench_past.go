package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/simulate"
)

// What reports of the past are measured with.
const (
	pastMembers = 500 // of the cohort; the other learners only fill the log
	pastMoments = 50  // anywhere between a quarter and three quarters of the log
	pastLimit   = 300 // milliseconds that 95 of 100 reports shall take at most
)

// past measures how long reports of a cohort take while the servers do nothing else: of
// now; of the past, through the course of today; and after the course was tagged anew through
// the one of then, as long as its generation is kept and once that is dropped.
func (b *benchRun) past(ctx context.Context) (rows []benchRow, err error) {
	s, err := b.servers(ctx, "past")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	course, err := loadCatalog(b.config.Catalog.Path)
	if err != nil {
		return nil, err
	}
	process, events, err := b.fillPast(ctx, s, course)
	if process != nil {
		defer func() { err = errors.Join(err, process.stop()) }()
	}
	if err != nil {
		return nil, err
	}
	if err := s.settled(ctx, process, benchFitted); err != nil {
		return nil, err
	}
	now, err := b.reportsOf(ctx, 0)
	if err != nil {
		return nil, err
	}
	rows = append(rows, now.rows("now", nil)...)
	steps := []struct {
		name string
		do   func() error
	}{
		{"then, the catalog as today", func() error { return nil }},
		{"then, another catalog that is kept", func() error { return b.tagAnew(ctx, course) }},
		{"then, another catalog that is dropped", func() error { return b.dropKept(ctx) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return nil, err
		}
		if err := s.settled(ctx, process, benchQuiet); err != nil {
			return nil, err
		}
		then, err := b.reportsOf(ctx, events)
		if err != nil {
			return nil, err
		}
		rows = append(rows, then.rows(step.name, now)...)
	}
	return rows, nil
}

// fillPast fills a log, and starts a gapwise that has it in its tables.
func (b *benchRun) fillPast(ctx context.Context, s *benchServers, course *catalog.Catalog) (*benchProcess, int, error) {
	config := simulate.Config{Seed: 1, Learners: b.learners, Events: b.events, Late: benchLate}
	study, stop, err := simulated(course, config)
	if err != nil {
		return nil, 0, err
	}
	defer stop()
	joined := 0
	next := func() (encoded, error) {
		if joined == min(pastMembers, b.learners) {
			return study()
		}
		joined++
		learner := fmt.Sprintf("%s%03d", benchPrefix, joined) // as the simulation calls its learners
		e, err := event.New("gapwise/bench", fmt.Sprint("join-", joined), learner, time.Now().AddDate(0, -3, 0), &event.Membership{Cohort: "bench", Joined: true})
		if err != nil {
			return encoded{}, err
		}
		payload, err := event.Encode(e)
		return encoded{learner, payload}, err
	}
	p := newProgress(b.terminal.err, "events put into the log", nil)
	events, err := s.fill(ctx, next, p)
	p.end()
	if err != nil {
		return nil, 0, err
	}
	process, err := s.launch("run")
	if err != nil {
		return nil, 0, err
	}
	if b.client, err = process.ready(ctx); err != nil {
		return process, 0, err
	}
	generation, err := s.generation(ctx)
	if err != nil {
		return process, 0, err
	}
	return process, events, s.projected(ctx, process, generation, uint64(events))
}

// pastTimes are sorted milliseconds of each report.
type pastTimes struct{ heatmap, weakTopics []float64 }

// rows tells the times; those of now are the peer of others.
func (t *pastTimes) rows(name string, now *pastTimes) []benchRow {
	var rows []benchRow
	add := func(report string, times []float64, peer func() float64) {
		p95 := atMost(report+" "+name+", p95", "ms", pastLimit, percentile(times, 0.95))
		if now != nil {
			than := peer()
			p95.Peer = &than
		}
		rows = append(rows, benchRow{Name: report + " " + name + ", p50", Unit: "ms", Ours: percentile(times, 0.5)}, p95)
	}
	add("heatmap", t.heatmap, func() float64 { return percentile(now.heatmap, 0.95) })
	add("weak topics", t.weakTopics, func() float64 { return percentile(now.weakTopics, 0.95) })
	return rows
}

// reportsOf asks for both reports at random moments of a log, one after the other; of an
// empty one for those of now.
func (b *benchRun) reportsOf(ctx context.Context, events int) (*pastTimes, error) {
	dice := rand.New(rand.NewPCG(1, uint64(events))) //nolint:gosec // moments, not secrets
	var heatmap, weakTopics []time.Duration
	for range pastMoments {
		values := url.Values{}
		if events > 0 {
			values.Set("as_of", strconv.Itoa(events/4+dice.IntN(1+events/2)))
		}
		took, err := b.timed(ctx, "/v1/cohorts/bench/weak-topics", values)
		if err != nil {
			return nil, err
		}
		weakTopics = append(weakTopics, took)
		values.Set("limit", strconv.Itoa(pastMembers))
		if took, err = b.timed(ctx, "/v1/cohorts/bench/heatmap", values); err != nil {
			return nil, err
		}
		heatmap = append(heatmap, took)
	}
	return &pastTimes{sortedMillis(heatmap), sortedMillis(weakTopics)}, nil
}

// timed tells how long an answer takes until it is read.
func (b *benchRun) timed(ctx context.Context, path string, values url.Values) (time.Duration, error) {
	started := time.Now()
	_, err := b.client.getRaw(ctx, path, values)
	return time.Since(started), err
}

// tagAnew activates a course in which each third item counts towards the concerns of the
// one before.
func (b *benchRun) tagAnew(ctx context.Context, course *catalog.Catalog) error {
	other := *course
	other.Version, other.Items = "", append([]catalog.Item(nil), course.Items...)
	for i := 2; i < len(other.Items); i += 3 {
		other.Items[i].Concerns = other.Items[i-1].Concerns
	}
	text, err := other.Encode()
	if err != nil {
		return err
	}
	tagged, err := catalog.Decode(text)
	if err != nil {
		return err
	}
	if _, err := b.client.publishCatalog(ctx, tagged, false); err != nil {
		return err
	}
	s, err := b.client.orderReplay(ctx, replay.Order{Action: replay.ActionStart, Catalog: tagged.Version})
	if err != nil {
		return err
	}
	for s.Replay.State != replay.IsReady {
		if err := pauseFor(ctx, benchPoll); err != nil {
			return err
		}
		s = new(replay.Status)
		if err := b.client.get(ctx, replaysPath, nil, s); err != nil {
			return err
		}
		if s.Replay == nil {
			return errors.New("the replay is gone")
		}
	}
	whatever := 1.0
	_, err = b.client.orderReplay(ctx, replay.Order{Action: replay.ActionActivate, MostAffected: &whatever})
	return err
}

// dropKept gives up the way back, and waits until its snapshots are gone.
func (b *benchRun) dropKept(ctx context.Context) error {
	s, err := b.client.orderReplay(ctx, replay.Order{Action: replay.ActionDrop})
	for err == nil && len(s.Leaving) > 0 {
		if err = pauseFor(ctx, benchPoll); err == nil {
			s = new(replay.Status)
			err = b.client.get(ctx, replaysPath, nil, s)
		}
	}
	return err
}
