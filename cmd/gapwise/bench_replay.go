package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/simulate"
)

// replayProbes is how many requests go to one that carries a probe: asking for the
// reports of more of them is work that bounds the replay.
const replayProbes = 20

// replay measures how fast a full log is rebuilt, and learners from their facts, beside
// events that come at a steady rate, and how fresh reports are meanwhile.
func (b *benchRun) replay(ctx context.Context) (rows []benchRow, err error) {
	s, err := b.servers(ctx, "replay")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	course, err := loadCatalog(b.config.Catalog.Path)
	if err != nil {
		return nil, err
	}
	learners := max(1, b.events/benchAnswersEach)
	next, stop, err := simulated(course, simulate.Config{Seed: 1, Learners: learners, Events: b.events, Late: benchLate, Cohort: "bench"})
	if err != nil {
		return nil, err
	}
	defer stop()
	p := newProgress(b.terminal.err, "events put into the log", nil)
	events, err := s.fill(ctx, next, p)
	p.end()
	if err != nil {
		return nil, err
	}
	limits, err := s.projectionLimits(ctx, events)
	if err != nil {
		return nil, err
	}
	process, err := s.launch("run")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	if b.client, err = process.ready(ctx); err != nil {
		return nil, err
	}
	generation, err := s.generation(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.projected(ctx, process, generation, uint64(events)); err != nil {
		return nil, err
	}
	if err := s.settled(ctx, process, benchFitted); err != nil {
		return nil, err
	}
	beside := fmt.Sprintf(" beside %d live events/s", b.rate)
	for i, from := range []replay.From{replay.FromLog, replay.FromFacts} {
		r, err := b.replayBeside(ctx, course, from, uint64(2+i))
		if err != nil {
			return nil, err
		}
		if from == replay.FromLog {
			rows = append(rows, against("rebuild of facts from the log"+beside+", of reading alone", limits.read, r.decoding))
		} else {
			rows = append(rows, benchRow{Name: "rebuild of states from facts" + beside, Unit: "1/s", Ours: r.folding})
		}
		rows = append(rows,
			benchRow{Name: "the whole replay from the " + string(from) + ", compared too", Unit: "s", Ours: r.seconds},
			benchRow{Name: "freshness p50 meanwhile", Unit: "ms", Ours: percentile(r.fresh, 0.5)},
			atMost(fmt.Sprintf("freshness p99 of %d probes meanwhile", len(r.fresh)), "ms", 2000, percentile(r.fresh, 0.99)))
	}
	peak, err := process.memory("VmHWM")
	if err != nil {
		return nil, err
	}
	var c caughtUp
	if err := s.measureRebuild(ctx, course, events, &c); err != nil {
		return nil, err
	}
	return append(rows,
		against("rebuild of states from facts, one worker, nothing else", 250_000, c.rebuild[0]),
		benchRow{Name: "memory of the gapwise, highest", Unit: "MB", Ours: peak}), nil
}

// besideLive is what one replay beside live events showed.
type besideLive struct {
	decoding, folding float64   // events of the log a second, answers or not
	seconds           float64   // of work, until it was ready
	fresh             []float64 // sorted milliseconds
}

// replayBeside makes a generation while events come, requires that it is identical, and
// gives it up.
func (b *benchRun) replayBeside(ctx context.Context, course *catalog.Catalog, from replay.From, seed uint64) (r besideLive, err error) {
	const hour = 3600
	live, stop, err := simulated(course, simulate.Config{Seed: seed, Learners: 10_000, Events: b.rate * hour, Cohort: "live"})
	if err != nil {
		return r, err
	}
	defer stop()
	var over atomic.Bool
	var fresh []time.Duration
	sent := make(chan error, 1)
	go func() {
		var err error
		fresh, err = b.probes(ctx, live, replayProbes, func(int) bool { return !over.Load() })
		sent <- err
	}()
	err = b.followBeside(ctx, from, &r)
	over.Store(true)
	if err := errors.Join(err, <-sent); err != nil {
		return r, err
	}
	r.fresh = sortedMillis(fresh)
	_, err = b.client.orderReplay(ctx, replay.Order{Action: replay.ActionCancel})
	return r, err
}

// followBeside starts a replay and takes the time of its steps.
func (b *benchRun) followBeside(ctx context.Context, from replay.From, r *besideLive) error {
	s, err := b.client.orderReplay(ctx, replay.Order{Action: replay.ActionStart, From: from})
	if err != nil {
		return err
	}
	began := time.Now()
	steps := map[string]time.Time{}
	for s.Replay.State != replay.IsReady {
		if p := s.Replay.Progress; p != nil {
			if _, known := steps[p.Step]; !known {
				steps[p.Step] = time.Now()
			}
		}
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
	head := float64(s.Replay.Head)
	if folding, known := steps[replay.Folding]; known {
		r.decoding = head / folding.Sub(began).Seconds()
		if comparing, known := steps[replay.Comparing]; known {
			r.folding = head / comparing.Sub(folding).Seconds()
		}
	}
	if from == replay.FromLog && r.decoding == 0 || from == replay.FromFacts && r.folding == 0 {
		return errors.New("the replay was over before its steps could be told apart: measure with more --events")
	}
	r.seconds = s.Replay.Built.Seconds
	if s.Replay.Identical == nil || !*s.Replay.Identical {
		return errors.New("what was rebuilt differs from what was there")
	}
	return nil
}
