package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/stream"
)

// standing is what the pointer says, with the courses of the generations that it
// names.
type standing struct {
	replay.State
	active  query.Active
	before  *query.Active              // answers requests until State.Since; nil: there is none
	courses map[uint32]*project.Course // of each generation that is written, by its derived number
	changed chan struct{}              // closed when the pointer says something else
}

// generations knows which generations there are and follows the pointer. Only
// processes that project make the first one; the others take what is active.
type generations struct {
	app     *App
	pointer pointer
	last    *stream.Pointer[uint32] // the highest number ever given to a generation
	found   *catalog.Catalog        // at catalog.path, or the built-in guide
	now     atomic.Pointer[standing]
	courses recentCourses         // of the past
	failure atomic.Pointer[error] // why the pointer isn't followed now; nil while it is
}

// pointer keeps the state of the generations in the broker.
type pointer struct {
	*stream.Pointer[replay.State]
}

func (p pointer) CompareAndSet(ctx context.Context, revision uint64, s replay.State) (uint64, error) {
	next, err := p.Pointer.CompareAndSet(ctx, revision, s)
	if errors.Is(err, stream.ErrChanged) {
		return 0, replay.ErrChanged
	}
	return next, err
}

const (
	activeWithin = time.Minute            // that a first generation is waited for
	activePoll   = 200 * time.Millisecond // between looks for it
	followPause  = time.Second            // before the pointer is watched again
)

func newGenerations(a *App, found *catalog.Catalog) *generations {
	return &generations{
		app:     a,
		pointer: pointer{stream.NewPointer[replay.State](a.bucket, "active")},
		last:    stream.NewPointer[uint32](a.bucket, "generations"),
		found:   found,
	}
}

// openGenerations loads the active generation. A process that projects makes the
// first one in a fresh deployment; there a catalog that differs from the active
// one is a proposal, unless nothing was answered yet: then it is simply taken.
func openGenerations(ctx context.Context, a *App) (*generations, error) {
	found, err := loadCatalog(a.Config.Catalog.Path)
	if err != nil {
		return nil, err
	}
	g := newGenerations(a, found)
	open := g.await
	if a.Roles.Projector {
		open = g.settle
	}
	if err := open(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// await waits until a generation is active, and loads it.
func (g *generations) await(ctx context.Context) error {
	again := time.NewTicker(activePoll)
	defer again.Stop()
	deadline := time.After(activeWithin)
	for told := false; ; told = true {
		s, revision, err := g.pointer.Get(ctx)
		if err != nil {
			return fmt.Errorf("read which generation is active: %w", err)
		}
		if revision > 0 {
			return g.load(ctx, s)
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

// load follows the pointer to a state.
func (g *generations) load(ctx context.Context, s replay.State) error {
	next := standing{State: s, courses: map[uint32]*project.Course{}, changed: make(chan struct{})}
	was := g.now.Load()
	for _, one := range s.Written() {
		// What was checked isn't again: a switch is to be followed without delay.
		if was == nil || !was.Uses(one.Facts) {
			if err := g.checkOrigin(ctx, one.Facts); err != nil {
				return err
			}
		}
		if was != nil && was.courses[one.Derived] != nil {
			next.courses[one.Derived] = was.courses[one.Derived] // it never changes
			continue
		}
		course, err := g.course(ctx, one)
		if err != nil {
			return err
		}
		next.courses[one.Derived] = course
	}
	next.active = query.Active{Facts: s.Active.Facts, Derived: s.Active.Derived, Course: next.courses[s.Active.Derived]}
	if n := len(s.History); n > 1 { // also where this process has seen nothing of the switch
		before := s.History[n-2].Generation
		if course := next.courses[before.Derived]; course != nil {
			next.before = &query.Active{Facts: before.Facts, Derived: before.Derived, Course: course}
		}
	}
	g.now.Store(&next)
	if was != nil {
		close(was.changed)
	}
	if was == nil || was.Active.Derived != s.Active.Derived {
		g.app.Log.InfoContext(ctx, "generation active", "facts", s.Active.Facts, "derived", s.Active.Derived,
			"catalog", s.Active.Catalog, "model", s.Active.Model, "since", s.Since)
		if late := time.Since(s.Since); was != nil && late > 0 {
			g.app.Log.WarnContext(ctx, "this process heard of the switch late: reports that it gave meanwhile were of the generation before, "+
				"and asked for again by as_of they are of the new one", "late", late)
		}
		if p := g.foundProposal(&s); p != "" {
			g.app.Log.WarnContext(ctx, "the catalog found differs from the active one and is only proposed",
				"active", s.Active.Catalog, "proposed", p)
		}
	}
	return nil
}

// foundProposal is the version of the catalog found at start, if it is proposed: it
// is no proposal any more once it was active.
func (g *generations) foundProposal(s *replay.State) string {
	if s.Knew(g.found.Version) {
		return ""
	}
	return g.found.Version
}

// follow loads what the pointer says whenever it changes. It goes on until the context
// ends: a watch that breaks is begun again.
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
	seen := uint64(0)
	err := g.pointer.Watch(ctx, func(s replay.State, revision uint64) {
		if revision <= seen {
			return
		}
		seen = revision
		if err := g.load(ctx, s); err != nil {
			stop(fmt.Errorf("load generation %s: %w", s.Active.Name(), err))
			return
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

// Active returns the generation that answers requests now.
func (g *generations) Active() query.Active { return g.ActiveAt(time.Now()) }

// ActiveAt returns the generation that answers a request of a moment, which is now: a
// switch is agreed on a little ahead, and all that is asked from its moment on is
// answered by the new one.
func (g *generations) ActiveAt(now time.Time) query.Active {
	s := g.now.Load()
	if s.before != nil && now.Before(s.Since) {
		return *s.before
	}
	return s.active
}

// reachWithin bounds how long this process may take to follow the pointer.
const reachWithin = 30 * time.Second

// reached waits until this process answers with a generation.
func (g *generations) reached(ctx context.Context, derived uint32) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	for {
		s := g.now.Load()
		if s.Active.Derived == derived {
			break
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			return fmt.Errorf("generation %d is active, but this process answers with %d still: /readyz tells why", derived, s.Active.Derived)
		}
	}
	if wait := time.Until(g.now.Load().Since); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Catalogs lists the catalogs whose items are taken: those of the generations that are
// written, and the one found at start where that is proposed.
func (g *generations) Catalogs() []*catalog.Catalog {
	s := g.now.Load()
	list := []*catalog.Catalog{s.active.Course.Catalog}
	add := func(c *catalog.Catalog) {
		for _, known := range list {
			if known.Version == c.Version {
				return
			}
		}
		list = append(list, c)
	}
	for _, one := range s.Written() {
		add(s.courses[one.Derived].Catalog)
	}
	if g.foundProposal(&s.State) != "" {
		add(g.found)
	}
	return list
}
