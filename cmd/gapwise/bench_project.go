package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/simulate"
	"github.com/gapwise/gapwise/internal/stream"
)

// benchAnswersEach is how many events a learner has where the speed is measured:
// enough for snapshots.
const benchAnswersEach = 200

// project measures a projector that starts on a full log, until facts are
// projected and snapshots complete up to its end: with learners of many events
// each, and with many learners.
func (b *benchRun) project(ctx context.Context) ([]benchRow, error) {
	few, err := b.catchUp(ctx, "few", max(1, b.events/benchAnswersEach))
	if err != nil {
		return nil, err
	}
	many, err := b.catchUp(ctx, "many", max(1, min(b.learners, b.events/2)))
	if err != nil {
		return nil, err
	}
	return append(append(few.rows(), many.rows()...),
		atMost(fmt.Sprintf("projector's memory, highest, %d learners", few.learners), "MB", 300, few.peak),
		atMost(fmt.Sprintf("projector's memory, highest, %d learners", many.learners), "MB", 300, many.peak)), nil
}

// caughtUp is what one catch-up showed.
type caughtUp struct {
	learners  int
	limits    projectionLimits
	rate      float64 // events a second
	peak      float64 // MB
	snapshots uint64
	work      [3]float64 // µs of processor time an event
	rebuild   [2]float64 // events a second: with one worker, and with one a processor
}

// workers are whose processor time is told.
var workers = [3]string{"projector", "database", "broker"}

func (c caughtUp) rows() []benchRow {
	name := fmt.Sprintf("catch-up, %d learners, of ", c.learners)
	rows := []benchRow{
		against(name+"reading alone", c.limits.read, c.rate),
		against(name+"decoding alone", c.limits.decode, c.rate),
		against(name+"inserting alone", c.limits.write, c.rate),
		{Name: fmt.Sprintf("snapshots written, %d learners", c.learners), Unit: "rows", Ours: float64(c.snapshots)},
		against(fmt.Sprintf("rebuild of all snapshots, %d learners, of one worker", c.learners), c.rebuild[0], c.rebuild[1]),
	}
	all := 0.0
	for i, worker := range workers {
		rows = append(rows, benchRow{
			Name: fmt.Sprintf("processor time of the %s, %d learners", worker, c.learners), Unit: "µs/event", Ours: c.work[i]})
		all += c.work[i]
	}
	return append(rows, atMost(fmt.Sprintf("processor time of all, against reading alone, %d learners", c.learners), "µs/event", c.limits.readWork, all))
}

// catchUp fills a log, measures the machine's limits on it and then a projector.
func (b *benchRun) catchUp(ctx context.Context, name string, learners int) (c caughtUp, err error) {
	c.learners = learners
	s, err := b.servers(ctx, name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	course, err := loadCatalog(b.config.Catalog.Path)
	if err != nil {
		return c, err
	}
	next, stop, err := simulated(course, simulate.Config{Seed: 1, Learners: learners, Events: b.events, Late: benchLate, Cohort: "bench"})
	if err != nil {
		return c, err
	}
	defer stop()
	p := newProgress(b.terminal.err, "events put into the log", nil)
	events, err := s.fill(ctx, next, p)
	p.end()
	if err != nil {
		return c, err
	}
	if c.limits, err = s.projectionLimits(ctx, events); err != nil {
		return c, err
	}
	if err := s.measureProjector(ctx, events, &c); err != nil {
		return c, err
	}
	err = s.measureRebuild(ctx, course, events, &c)
	return c, err
}

// measureRebuild writes all snapshots anew, with nothing else going on.
func (s *benchServers) measureRebuild(ctx context.Context, course *catalog.Catalog, events int, c *caughtUp) error {
	active, err := s.generation(ctx)
	if err != nil {
		return err
	}
	compiled, err := project.NewCourse(course, nil)
	if err != nil {
		return err
	}
	for i, workers := range []int{1, 0} {
		d := &project.Deriver{
			Store: s.store, Facts: active.Facts, Derived: active.Derived + uint32(i) + 1, Course: compiled, Log: s.quiet, Workers: workers,
		}
		started := time.Now()
		if err := d.Rebuild(ctx, project.Folded{}, func(project.Folded) {}); err != nil {
			return err
		}
		c.rebuild[i] = perSecond(events, time.Since(started))
	}
	return nil
}

// measureProjector starts a projector and takes the time from then until all is
// projected, snapshots included.
func (s *benchServers) measureProjector(ctx context.Context, events int, c *caughtUp) (err error) {
	started := time.Now()
	process, err := s.launch("projector")
	if err != nil {
		return err
	}
	pids := s.pids(process)
	before, err := worked(pids)
	if err != nil {
		return errors.Join(err, process.stop())
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	if _, err := process.ready(ctx); err != nil {
		return err
	}
	generation, err := s.generation(ctx)
	if err != nil {
		return err
	}
	if err := s.projected(ctx, process, generation, uint64(events)); err != nil {
		return err
	}
	c.rate = perSecond(events, time.Since(started))
	after, err := worked(pids)
	if err != nil {
		return err
	}
	for i := range c.work {
		c.work[i] = float64((after[i] - before[i]).Microseconds()) / float64(events)
	}
	if c.peak, err = process.memory("VmHWM"); err != nil {
		return err
	}
	counts, err := s.store.Counts(ctx, generation.Facts, 0, uint64(events))
	if err != nil {
		return err
	}
	if counts.Facts != uint64(events) {
		return fmt.Errorf("%d of %d events became facts", counts.Facts, events)
	}
	c.snapshots, err = s.store.SnapshotCount(ctx, generation.Derived)
	return err
}

// pids are those of projector, database and broker, which is in this process.
func (s *benchServers) pids(process *benchProcess) [3]int {
	return [3]int{process.process.Process.Pid, s.engines.ClickHouse.PID(), os.Getpid()}
}

// worked returns how long processes have worked so far.
func worked(pids [3]int) (times [3]time.Duration, err error) {
	for i, pid := range pids {
		if times[i], err = processorTime(pid); err != nil {
			return times, err
		}
	}
	return times, nil
}

// settled waits until the servers did nearly nothing for a while: what a day's events leave
// to be merged and derived is done soon after, and here all of them came within a minute.
func (s *benchServers) settled(ctx context.Context, process *benchProcess, quiet time.Duration) error {
	pids := s.pids(process)
	var sum time.Duration
	for since := time.Now(); time.Since(since) < quiet; {
		work, err := worked(pids)
		if err != nil {
			return err
		}
		before := sum
		sum = work[0] + work[1] + work[2]
		if sum-before > quietPoll/5 {
			since = time.Now()
		}
		if err := pauseFor(ctx, quietPoll); err != nil {
			return err
		}
	}
	return nil
}

const (
	quietPoll  = time.Second
	benchQuiet = 3 * quietPoll
	// Within that a model is fitted by itself to what came: each minute it is looked for.
	benchFitted = 70 * time.Second
)

// benchPoll is how often the database is asked how far the projector is. Asking is
// work for it, too.
const benchPoll = 150 * time.Millisecond

// generation returns the generation that the projector made.
func (s *benchServers) generation(ctx context.Context) (replay.Generation, error) {
	bucket, err := stream.OpenBucket(ctx, s.nats, 1, s.quiet)
	if err != nil {
		return replay.Generation{}, err
	}
	state, _, err := stream.NewPointer[replay.State](bucket, "active").Get(ctx)
	return state.Active, err
}

// projected waits until facts and snapshots are complete up to a sequence.
func (s *benchServers) projected(ctx context.Context, process *benchProcess, generation replay.Generation, last uint64) error {
	again := time.NewTicker(benchPoll)
	defer again.Stop()
	facts := false
	for {
		ask, of := s.store.Floor, generation.Facts
		if facts {
			ask, of = s.store.SnapshotFloor, generation.Derived
		}
		floor, err := ask(ctx, of)
		switch {
		case err != nil:
			return err
		case floor >= last && facts:
			return nil
		case floor >= last:
			facts = true
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-process.ended:
			return process.failed("ended")
		case <-again.C:
		}
	}
}
