package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// project carries the log into the tables of all generations whenever this process
// holds the lease.
func (a *App) project(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := a.bucket.Acquire(ctx, "projector", a.holder(), a.Config.Projector.Lease)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // being told to stop is no failure
			}
			return fmt.Errorf("wait for the projector's lease: %w", err)
		}
		a.Log.InfoContext(ctx, "this process projects", "holder", a.holder())
		if err := a.store.SharpenLookUps(lease.Context()); err != nil && lease.Context().Err() == nil {
			a.Log.WarnContext(ctx, "look-ups of repeats stay slow in a large log", "error", err)
		}
		w := &writing{app: a, ctx: lease.Context(), parts: map[string]*part{}, projectors: map[uint32]*projecting{}}
		a.writing.Store(w)
		w.run()
		a.writing.Store(nil)
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		if err := lease.Release(release); err != nil {
			a.Log.WarnContext(ctx, "lease not released, it will expire", "error", err)
		}
		cancel()
	}
	return nil
}

// writing keeps what writes every generation that the pointer names running, and
// deletes those that leave. Parts that go on from one state of the pointer to the next
// aren't disturbed. Each part tells its errors itself and goes on.
type writing struct {
	app   *App
	ctx   context.Context // of the lease
	parts map[string]*part

	mu         sync.Mutex
	projectors map[uint32]*projecting // by generation of facts
	eraser     *erasure.Eraser        // of the active generation
}

// part is what runs for one generation.
type part struct {
	stop context.CancelFunc
	done chan struct{}
}

// projecting is a projector with those who wait for its news.
type projecting struct {
	*project.Projector
	mu   sync.Mutex
	news map[chan uint64]bool
}

func (w *writing) run() {
	for w.ctx.Err() == nil {
		s := w.app.active.now.Load()
		w.follow(s)
		select {
		case <-w.ctx.Done():
		case <-s.changed:
		}
	}
	for _, p := range w.parts {
		<-p.done
	}
}

// follow starts what a state calls for, and stops the rest.
func (w *writing) follow(s *standing) {
	wanted := map[string]func(context.Context){}
	for _, g := range s.Written() {
		wanted[fmt.Sprintf("facts %d", g.Facts)] = func(ctx context.Context) { w.facts(ctx, g) }
		if s.Candidate == nil || s.Candidate.Derived != g.Derived || s.Candidate.Built != nil {
			wanted[fmt.Sprintf("derived %d", g.Derived)] = func(ctx context.Context) { w.derived(ctx, g, s.courses[g.Derived]) }
		}
	}
	wanted["active "+s.Active.Name()] = func(ctx context.Context) { w.active(ctx, s) }
	if c := s.Candidate; c != nil && c.Built == nil {
		wanted["build "+c.ID] = func(ctx context.Context) { w.build(ctx, *c, s.courses[c.Derived]) }
	}
	var stopped []*part
	for name, p := range w.parts {
		if wanted[name] == nil {
			p.stop()
			stopped = append(stopped, p)
			delete(w.parts, name)
		}
	}
	for _, p := range stopped {
		<-p.done
	}
	for _, g := range s.Leaving { // once nothing writes them
		wanted["leave "+g.Name()] = func(ctx context.Context) { w.leave(ctx, g) }
	}
	for name, run := range wanted {
		if w.parts[name] != nil {
			continue
		}
		ctx, stop := context.WithCancel(w.ctx)
		p := &part{stop: stop, done: make(chan struct{})}
		w.parts[name] = p
		go func() {
			defer close(p.done)
			defer stop()
			run(ctx)
		}()
	}
}

// isActive reports whether requests are answered from a generation of facts, or soon.
func (w *writing) isActive(facts uint32) bool { return w.app.active.now.Load().Active.Facts == facts }

// facts projects the log into one generation.
func (w *writing) facts(ctx context.Context, g replay.Generation) {
	a := w.app
	writer := a.store.Writer()
	p := &projecting{news: map[chan uint64]bool{}}
	p.Projector = &project.Projector{
		Source: logSource{a.log, a.key}, Writer: writer, Generation: g.Facts, HMAC: a.key.learner, Log: a.Log,
		Observe: func(b *project.Batch, took time.Duration) {
			if w.isActive(g.Facts) {
				a.metrics.projected(b, took)
			}
			p.tell(b.Last)
			// Of any generation: one that lags has rows of learners who are forgotten already.
			if e := w.erasing(); e != nil {
				e.Projected(b)
			}
		},
		Linger: func() time.Duration {
			if a.active.building() {
				return lingerBeside
			}
			return project.Linger
		},
		Whole: func() bool { return !w.isActive(g.Facts) },
		Pace: func(ctx context.Context) error {
			if w.isActive(g.Facts) {
				return nil
			}
			return a.pace(ctx)
		},
	}
	w.set(func() { w.projectors[g.Facts] = p })
	defer w.set(func() { delete(w.projectors, g.Facts) })
	_ = p.Run(ctx) // nil: the context ended
	if err := writer.Close(); err != nil {
		a.Log.WarnContext(ctx, "a projector's connection did not close well", "error", err)
	}
}

// derived writes the snapshots of one generation behind its facts.
func (w *writing) derived(ctx context.Context, g replay.Generation, course *project.Course) {
	news, end := w.listen(ctx, g.Facts)
	defer end()
	d := w.deriver(g, course)
	d.News = news
	_ = d.Run(ctx)
}

func (w *writing) deriver(g replay.Generation, course *project.Course) *project.Deriver {
	return &project.Deriver{Store: w.app.store, Facts: g.Facts, Derived: g.Derived, Course: course, Log: w.app.Log}
}

// build makes a candidate ready, behind what is live.
func (w *writing) build(ctx context.Context, c replay.Candidate, course *project.Course) {
	softLimit(rebuildMemory)
	defer softLimit(softMemory)
	a := w.app
	d := w.deriver(c.Generation, course)
	d.Pace = a.pace
	b := &replay.Builder{
		Candidate: c, Store: a.store, Deriver: d, Keeper: a.kept(), HMAC: a.key.learner, Now: time.Now, Log: a.Log,
		Compare: func(ctx context.Context, tell func(done, of uint64)) (*query.Comparison, error) {
			return a.compareGeneration(ctx, a.active.now.Load().State, c.Generation, tell)
		},
		Ready: func(ctx context.Context, built replay.Built) error { return a.replays.Ready(ctx, c.ID, built) },
	}
	_ = b.Run(ctx)
}

// active does what only the active generation needs: weeks for dashboards, erasures,
// proposals of models.
func (w *writing) active(ctx context.Context, s *standing) {
	a := w.app
	eraser := a.newEraser(s.Active.Facts)
	w.set(func() { w.eraser = eraser })
	defer w.set(func() { w.eraser = nil })
	weeks := &query.Weeks{Store: a.store, Active: func() query.Active { return s.active }, Zone: a.Config.location, Log: a.Log}
	proposer := &models.Proposer{Workshop: a.workshop, Rule: a.Config.proposals(), Busy: w.busy}
	var work sync.WaitGroup
	for _, run := range []func(context.Context) error{weeks.Run, eraser.Run, proposer.Run} {
		work.Go(func() { _ = run(ctx) }) // nil: the context ended
	}
	work.Wait()
}

// busy reports whether events wait to be projected, or a generation is being built.
func (w *writing) busy(ctx context.Context) (bool, error) {
	if w.app.active.building() {
		return true, nil
	}
	return w.app.behind(ctx)
}

func (w *writing) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *writing) erasing() *erasure.Eraser {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eraser
}

// progress tells how far the projector of the active generation is.
func (w *writing) progress() project.Progress {
	w.mu.Lock()
	p := w.projectors[w.app.active.now.Load().Active.Facts]
	w.mu.Unlock()
	if p == nil {
		return project.Progress{}
	}
	return p.Progress()
}

// listen hears of what is projected into a generation of facts.
func (w *writing) listen(ctx context.Context, facts uint32) (news chan uint64, end func()) {
	news = make(chan uint64, 1)
	for ctx.Err() == nil {
		w.mu.Lock()
		p := w.projectors[facts]
		w.mu.Unlock()
		if p != nil {
			p.listeners(func(all map[chan uint64]bool) { all[news] = true })
			return news, func() { p.listeners(func(all map[chan uint64]bool) { delete(all, news) }) }
		}
		sleep(ctx, time.Millisecond) // it is being started
	}
	return news, func() {}
}

func (p *projecting) listeners(change func(map[chan uint64]bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.news)
}

// tell replaces what wasn't heard yet by what is newer. One goroutine tells.
func (p *projecting) tell(last uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for news := range maps.Keys(p.news) {
		select {
		case <-news:
		default:
		}
		news <- last
	}
}
