package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

// pointed is the value of the pointer: which generation answers requests.
type pointed struct {
	Facts   uint32 `json:"facts"`
	Derived uint32 `json:"derived"`
}

// generations knows the active generation and follows the pointer to it.
type generations struct {
	app     *App
	pointer *stream.Pointer[pointed]
	found   *catalog.Catalog // at catalog.path, or the built-in guide
	active  atomic.Pointer[query.Active]
}

// openGenerations loads the active generation, and makes the first one in a
// fresh deployment. A catalog that differs from the active one is a proposal,
// unless nothing was answered yet: then it is simply taken.
func openGenerations(ctx context.Context, a *App) (*generations, error) {
	g := &generations{app: a, pointer: stream.NewPointer[pointed](a.bucket, "active")}
	var err error
	if g.found, err = loadCatalog(a.Config.Catalog.Path); err != nil {
		return nil, err
	}
	for {
		p, revision, err := g.pointer.Get(ctx)
		if err != nil {
			return nil, fmt.Errorf("read which generation is active: %w", err)
		}
		next, err := g.wanted(ctx, p, revision)
		if err != nil {
			return nil, err
		}
		if next == p {
			err := g.load(ctx, p)
			return g, err
		}
		_, err = g.pointer.CompareAndSet(ctx, revision, next)
		if err != nil && !errors.Is(err, stream.ErrChanged) {
			return nil, fmt.Errorf("activate generation %d: %w", next.Derived, err)
		}
	}
}

// wanted returns the generation that shall be active, which it makes when it is
// new.
func (g *generations) wanted(ctx context.Context, p pointed, revision uint64) (pointed, error) {
	if revision == 0 {
		p = pointed{Facts: 1, Derived: 1}
		return p, g.make(ctx, p)
	}
	generation, known, err := g.app.store.Generation(ctx, p.Derived)
	if err != nil {
		return p, err
	}
	if !known { // the database was lost or is new: the log fills it again
		return p, g.make(ctx, p)
	}
	if generation.Catalog == g.found.Version {
		return p, nil
	}
	answered, err := g.app.store.Answered(ctx, p.Facts)
	if err != nil || answered {
		return p, err
	}
	p.Derived++
	return p, g.make(ctx, p)
}

// make stores a generation with the catalog found at start, and publishes the
// catalog to the log, so that the log tells what it was seen through.
func (g *generations) make(ctx context.Context, p pointed) error {
	content, err := g.found.Encode()
	if err != nil {
		return err
	}
	e, err := event.NewTyped(event.CatalogPublished, "gapwise", event.NewID(), g.found.Course,
		time.Now(), &event.Publication{Version: g.found.Version, Content: string(content)})
	if err != nil {
		return fmt.Errorf("publish catalog %s: %w", g.found.Version, err)
	}
	payload, err := event.Encode(e)
	if err != nil {
		return fmt.Errorf("publish catalog %s: %w", g.found.Version, err)
	}
	if _, err := g.app.log.Publish(ctx, []stream.Message{{Learner: e.Subject, ID: e.MsgID(), Payload: payload}}); err != nil {
		return fmt.Errorf("publish catalog %s: %w", g.found.Version, err)
	}
	return g.app.store.SaveGeneration(ctx, project.Generation{
		Facts: p.Facts, Derived: p.Derived, Catalog: g.found.Version, Model: project.StartingModel,
	}, g.found, time.Now())
}

// load makes a generation the one that requests are answered with.
func (g *generations) load(ctx context.Context, p pointed) error {
	generation, known, err := g.app.store.Generation(ctx, p.Derived)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("generation %d is active but not in the database", p.Derived)
	}
	c := g.found
	active := query.Active{Facts: p.Facts, Derived: p.Derived}
	if generation.Catalog != c.Version {
		active.Proposed = c.Version
		if c, err = g.app.store.Catalog(ctx, generation.Catalog); err != nil {
			return err
		}
		if c == nil {
			return fmt.Errorf("catalog %s of generation %d is not in the database", generation.Catalog, p.Derived)
		}
		g.app.Log.WarnContext(ctx, "the catalog found differs from the active one and is only proposed",
			"active", generation.Catalog, "proposed", active.Proposed)
	}
	if active.Course, err = project.NewCourse(c); err != nil {
		return err
	}
	g.active.Store(&active)
	g.app.Log.InfoContext(ctx, "generation active", "facts", p.Facts, "derived", p.Derived, "catalog", c.Version, "model", active.Course.Model)
	return nil
}

// follow reloads when another process moves the pointer.
func (g *generations) follow(ctx context.Context) {
	err := g.pointer.Watch(ctx, func(p pointed, _ uint64) {
		if now := g.Active(); p.Facts == now.Facts && p.Derived == now.Derived {
			return
		}
		if err := g.load(ctx, p); err != nil {
			g.app.Log.ErrorContext(ctx, "can't load the active generation, the one before stays", "error", err)
		}
	})
	if err != nil {
		g.app.Log.ErrorContext(ctx, "can't follow which generation is active", "error", err)
	}
}

// Active returns the active generation.
func (g *generations) Active() query.Active { return *g.active.Load() }

// Catalogs lists the catalogs whose items are taken: the active one, and the one
// found at start where that is proposed.
func (g *generations) Catalogs() []*catalog.Catalog {
	active := g.Active().Course.Catalog
	if active.Version == g.found.Version {
		return []*catalog.Catalog{active}
	}
	return []*catalog.Catalog{active, g.found}
}

func loadCatalog(path string) (*catalog.Catalog, error) {
	if path == "" {
		return catalog.Builtin()
	}
	return catalog.Load(path)
}
