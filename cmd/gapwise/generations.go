package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

// pointed is the value of the pointer: which generation answers requests, and
// the catalog and the model that it keeps for as long as it lives. The database can
// be filled again from this and the log.
type pointed struct {
	Facts     uint32 `json:"facts"`
	Derived   uint32 `json:"derived"`
	Catalog   string `json:"catalog"`   // version
	Published uint64 `json:"published"` // the catalog's publication in the log

	Model          string `json:"model,omitempty"`           // version; empty: the starting model
	ModelPublished uint64 `json:"model_published,omitempty"` // the model's publication; 0 for the starting model
	Before         uint32 `json:"before,omitempty"`          // the derived generation until then, whose snapshots are kept
}

// model is the version of the generation's model.
func (p pointed) model() string {
	if p.Model == "" {
		return project.StartingModel
	}
	return p.Model
}

// activation is the active generation until another one takes its place.
type activation struct {
	query.Active
	moved chan struct{} // closed then
}

// generations knows the active generation and follows the pointer to it. Only
// processes that project make generations; the others take what is active.
type generations struct {
	app     *App
	pointer *stream.Pointer[pointed]
	last    *stream.Pointer[uint32] // the highest number ever given to a generation
	found   *catalog.Catalog        // at catalog.path, or the built-in guide
	active  atomic.Pointer[activation]
	failure atomic.Pointer[error] // why the pointer isn't followed now; nil while it is
}

const (
	activeWithin = time.Minute            // that a first generation is waited for
	activePoll   = 200 * time.Millisecond // between looks for it
	followPause  = time.Second            // before the pointer is watched again
)

// openGenerations loads the active generation. A process that projects makes the
// first one in a fresh deployment; there a catalog that differs from the active
// one is a proposal, unless nothing was answered yet: then it is simply taken.
func openGenerations(ctx context.Context, a *App) (*generations, error) {
	g := &generations{
		app:     a,
		pointer: stream.NewPointer[pointed](a.bucket, "active"),
		last:    stream.NewPointer[uint32](a.bucket, "generations"),
	}
	var err error
	if g.found, err = loadCatalog(a.Config.Catalog.Path); err != nil {
		return nil, err
	}
	open := g.await
	if a.Roles.Projector {
		open = g.settle
	}
	if err := open(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// settle decides which generation shall be active, and loads it.
func (g *generations) settle(ctx context.Context) error {
	for {
		p, revision, err := g.pointer.Get(ctx)
		if err != nil {
			return fmt.Errorf("read which generation is active: %w", err)
		}
		next, err := g.wanted(ctx, p, revision)
		if err != nil {
			return err
		}
		if next == p {
			return g.load(ctx, p)
		}
		// Of those who start at the same time one succeeds. A generation that did
		// not stays unused.
		_, err = g.pointer.CompareAndSet(ctx, revision, next)
		if err != nil && !errors.Is(err, stream.ErrChanged) {
			return fmt.Errorf("activate generation %d: %w", next.Derived, err)
		}
	}
}

// wanted returns the generation that shall be active, which it makes when it is
// new.
func (g *generations) wanted(ctx context.Context, p pointed, revision uint64) (pointed, error) {
	if revision == 0 {
		return g.make(ctx, p)
	}
	p, err := g.restore(ctx, p)
	if err != nil || p.Catalog == g.found.Version {
		return p, err
	}
	unanswered, err := g.unanswered(ctx, p.Facts)
	if err != nil || !unanswered {
		return p, err
	}
	return g.make(ctx, p)
}

// restore writes the active generation again into a database that was lost or is
// new. The catalog stays the one that the pointer names.
func (g *generations) restore(ctx context.Context, p pointed) (pointed, error) {
	generation, known, err := g.app.store.Generation(ctx, p.Derived)
	if err != nil {
		return p, err
	}
	if known {
		p.Catalog = generation.Catalog
		return p, nil
	}
	course, err := g.course(ctx, p)
	if err != nil {
		return p, err
	}
	return p, g.save(ctx, p, course)
}

// unanswered reports whether the log surely holds no answer. What isn't projected
// yet may be one.
func (g *generations) unanswered(ctx context.Context, facts uint32) (bool, error) {
	last, err := g.app.last(ctx)
	if err != nil {
		return false, err
	}
	floor, err := g.app.store.Floor(ctx, facts)
	if err != nil || floor != last {
		return false, err
	}
	answered, err := g.app.store.Answered(ctx, facts)
	return !answered, err
}

// make stores a new generation with the catalog found at start, and publishes the
// catalog to the log, so that the log tells what it was seen through. The first
// one has facts of its own: tables left from another log hold none of this one. A
// model stays if it is of the same course.
func (g *generations) make(ctx context.Context, before pointed) (pointed, error) {
	number, err := g.reserve(ctx, before.Derived)
	if err != nil {
		return before, fmt.Errorf("number a new generation: %w", err)
	}
	p := pointed{Facts: before.Facts, Derived: number, Catalog: g.found.Version}
	if p.Facts == 0 {
		p.Facts = number
	}
	if p.Published, err = g.publish(ctx); err != nil {
		return before, fmt.Errorf("publish catalog %s: %w", g.found.Version, err)
	}
	m, err := g.model(ctx, before)
	if err != nil {
		return before, err
	}
	if m != nil && m.Course != g.found.Course {
		m = nil
	}
	if m != nil {
		p.Model, p.ModelPublished = before.Model, before.ModelPublished
	}
	course, err := project.NewCourse(g.found, m)
	if err != nil {
		return before, err
	}
	return p, g.save(ctx, p, course)
}

// reserve returns a number that no generation has and none will get again, so
// that what is written under it has one writer.
func (g *generations) reserve(ctx context.Context, after uint32) (uint32, error) {
	for {
		last, revision, err := g.last.Get(ctx)
		if err != nil {
			return 0, err
		}
		stored, err := g.app.store.LastGeneration(ctx)
		if err != nil {
			return 0, err
		}
		next := max(last, stored, after) + 1
		_, err = g.last.CompareAndSet(ctx, revision, next)
		if err == nil || !errors.Is(err, stream.ErrChanged) {
			return next, err
		}
	}
}

// publish stores the catalog found at start in the log and returns its sequence.
func (g *generations) publish(ctx context.Context) (uint64, error) {
	content, err := g.found.Encode()
	if err != nil {
		return 0, err
	}
	e, err := event.NewTyped(event.CatalogPublished, "gapwise", event.NewID(), g.found.Course,
		time.Now(), &event.Publication{Version: g.found.Version, Content: string(content)})
	if err != nil {
		return 0, err
	}
	return g.app.publishEvents(ctx, []*event.Event{e})
}

func (g *generations) save(ctx context.Context, p pointed, course *project.Course) error {
	if m := course.Describe(); m.Fitted != nil {
		if err := g.app.store.SaveModel(ctx, models.Record{Model: m, Made: models.Log, Created: time.Now()}); err != nil {
			return err
		}
	}
	return g.app.store.SaveGeneration(ctx, project.Generation{
		Facts: p.Facts, Derived: p.Derived, Catalog: p.Catalog, Model: p.model(),
	}, course.Catalog, time.Now())
}

// await waits until a generation is active, and loads it.
func (g *generations) await(ctx context.Context) error {
	again := time.NewTicker(activePoll)
	defer again.Stop()
	deadline := time.After(activeWithin)
	for told := false; ; told = true {
		p, revision, err := g.pointer.Get(ctx)
		if err != nil {
			return fmt.Errorf("read which generation is active: %w", err)
		}
		if revision > 0 {
			return g.load(ctx, p)
		}
		if !told {
			g.app.Log.WarnContext(ctx, "waiting for the first generation, which a process with the projector role makes")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("no generation is active after %s: start gapwise projector on the same servers, it makes the first one", activeWithin)
		case <-again.C:
		}
	}
}

// load makes a generation the one that requests are answered with.
func (g *generations) load(ctx context.Context, p pointed) error {
	if err := g.checkOrigin(ctx, p.Facts); err != nil {
		return err
	}
	course, err := g.course(ctx, p)
	if err != nil {
		return err
	}
	c := course.Catalog
	next := activation{Active: query.Active{Facts: p.Facts, Derived: p.Derived, Course: course}, moved: make(chan struct{})}
	if c.Version != g.found.Version {
		next.Proposed = g.found.Version
		g.app.Log.WarnContext(ctx, "the catalog found differs from the active one and is only proposed",
			"active", c.Version, "proposed", next.Proposed)
	}
	if before := g.active.Swap(&next); before != nil {
		close(before.moved)
	}
	g.app.Log.InfoContext(ctx, "generation active", "facts", p.Facts, "derived", p.Derived, "catalog", c.Version, "model", next.Course.Model)
	return nil
}

// follow loads another generation when the pointer moves to it. It goes on until
// the context ends: a watch that breaks is begun again.
func (g *generations) follow(ctx context.Context) {
	for {
		err := g.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		g.failure.Store(&err)
		g.app.Log.ErrorContext(ctx, "can't follow which generation is active, the one before stays for now", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

// watch loads what the pointer shows until that fails.
func (g *generations) watch(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := g.pointer.Watch(ctx, func(p pointed, _ uint64) {
		if now := g.Active(); p.Facts != now.Facts || p.Derived != now.Derived {
			if err := g.load(ctx, p); err != nil {
				stop(fmt.Errorf("load generation %d: %w", p.Derived, err))
				return
			}
		}
		g.failure.Store(nil)
	})
	return errors.Join(err, context.Cause(ctx))
}

// Check tells /readyz why another generation would go unnoticed.
func (g *generations) Check(context.Context) error {
	if err := g.failure.Load(); err != nil {
		return fmt.Errorf("the active generation isn't followed: %w", *err)
	}
	return nil
}

// Active returns the active generation.
func (g *generations) Active() query.Active { return g.active.Load().Active }

// Catalogs lists the catalogs whose items are taken: the active one, and the one
// found at start where that is proposed.
func (g *generations) Catalogs() []*catalog.Catalog {
	active := g.Active().Course.Catalog
	if active.Version == g.found.Version {
		return []*catalog.Catalog{active}
	}
	return []*catalog.Catalog{active, g.found}
}
