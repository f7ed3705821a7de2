package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// rebuilt is a derived generation that is complete and not active yet.
type rebuilt struct {
	g        *generations
	p        pointed
	course   *project.Course
	revision uint64 // of the pointer that it is to replace
	lease    *stream.Lease
	deriver  *project.Deriver
}

var _ models.Generations = (*generations)(nil)

// Rebuild makes a derived generation of the active facts, seen through another
// course, beside the live one: it is numbered, its model is in the log, and all of
// its snapshots are written. Of two rebuilds at a time in a deployment the second is
// refused. One that ends in the middle leaves a number that stays unused and
// snapshots that the next one drops.
func (g *generations) Rebuild(ctx context.Context, course *project.Course, tell func(project.RebuildProgress)) (models.Rebuilt, error) {
	lease, err := g.app.bucket.AcquireNow(ctx, "rebuild", g.app.holder(), g.app.Config.Projector.Lease)
	if errors.Is(err, stream.ErrHeld) {
		return nil, errors.New("another process makes a generation: wait for it to end")
	}
	if err != nil {
		return nil, err
	}
	r := &rebuilt{g: g, course: course, lease: lease}
	if err := r.make(lease.Context(), tell); err != nil {
		r.Abandon()
		return nil, err
	}
	return r, nil
}

func (r *rebuilt) make(ctx context.Context, tell func(project.RebuildProgress)) error {
	g := r.g
	now, revision, err := g.pointer.Get(ctx)
	if err != nil {
		return fmt.Errorf("read which generation is active: %w", err)
	}
	if now.Catalog != r.course.Catalog.Version {
		return fmt.Errorf("catalog %s became active meanwhile, in place of %s: ask again", now.Catalog, r.course.Catalog.Version)
	}
	r.revision = revision
	if err := g.app.store.DropDerived(ctx, now.Derived, now.Before); err != nil {
		return err
	}
	number, err := g.reserve(ctx, now.Derived)
	if err != nil {
		return fmt.Errorf("number a new generation: %w", err)
	}
	r.p = pointed{
		Facts: now.Facts, Derived: number, Catalog: now.Catalog, Published: now.Published, Model: r.course.Model, Before: now.Derived,
	}
	if m := r.course.Describe(); m.Fitted != nil {
		if r.p.ModelPublished, err = g.publishModel(ctx, now.Facts, m); err != nil {
			return fmt.Errorf("publish model %s: %w", m.Version, err)
		}
	}
	if err := g.save(ctx, r.p, r.course); err != nil {
		return err
	}
	r.deriver = &project.Deriver{
		Store: g.app.store, Facts: r.p.Facts, Derived: number, Course: r.course, Log: g.app.Log, Pace: g.app.pace,
	}
	return r.deriver.Rebuild(ctx, tell)
}

// publishModel stores a model in the log, unless it is there, and returns its
// sequence. The event is the same every time: it says when the model was fitted.
func (g *generations) publishModel(ctx context.Context, facts uint32, m *project.Model) (uint64, error) {
	if seq, err := g.app.store.Publication(ctx, facts, m.Version); err != nil || seq > 0 {
		return seq, err
	}
	content, err := m.Encode()
	if err != nil {
		return 0, err
	}
	e, err := event.NewTyped(event.ModelPublished, "gapwise", "model-"+m.Version, m.Course,
		m.Fitted.Time, &event.Publication{Version: m.Version, Content: string(content)})
	if err != nil {
		return 0, err
	}
	return g.app.publishEvents(ctx, []*event.Event{e})
}

func (r *rebuilt) Generation() project.Generation {
	return project.Generation{Facts: r.p.Facts, Derived: r.p.Derived, Catalog: r.p.Catalog, Model: r.p.model()}
}

func (r *rebuilt) Published() uint64 { return r.p.ModelPublished }

// followWithin bounds how long this process may take to follow the pointer.
const followWithin = 30 * time.Second

// Activate writes the snapshots of what came meanwhile and moves the pointer. The
// generation before keeps its snapshots for whoever reads it still; older ones are
// dropped.
func (r *rebuilt) Activate(ctx context.Context) error {
	defer r.Abandon()
	if err := r.deriver.CatchUp(r.lease.Context()); err != nil {
		return err
	}
	_, err := r.g.pointer.CompareAndSet(r.lease.Context(), r.revision, r.p)
	if errors.Is(err, stream.ErrChanged) {
		return errors.New("another generation became active meanwhile: ask again")
	}
	if err != nil {
		return err
	}
	r.g.app.Log.InfoContext(ctx, "generation activated", "generation", r.p.Derived, "model", r.p.model(), "before", r.p.Before)
	if err := r.g.reached(ctx, r.p.Derived); err != nil {
		return err
	}
	if err := r.g.app.store.DropDerived(ctx, r.p.Derived, r.p.Before); err != nil {
		r.g.app.Log.WarnContext(ctx, "old generations are not dropped, the next rebuild will do so", "error", err)
	}
	return nil
}

// reached waits until this process answers with a generation.
func (g *generations) reached(ctx context.Context, derived uint32) error {
	ctx, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	for now := g.active.Load(); now.Derived != derived; now = g.active.Load() {
		select {
		case <-now.moved:
		case <-ctx.Done():
			return fmt.Errorf("generation %d is active, but this process answers with %d still: /readyz tells why", derived, now.Derived)
		}
	}
	return nil
}

// Abandon lets others rebuild.
func (r *rebuilt) Abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		r.g.app.Log.WarnContext(ctx, "the claim to rebuild is not released, it will expire", "error", err)
	}
}

// paceWithin bounds how long a rebuild lets a projection that is behind go first.
const paceWithin = time.Second

// pace lets what is live go first: while events wait to be projected, a rebuild works
// at half its speed at most.
func (a *App) pace(ctx context.Context) error {
	look := time.NewTicker(paceWithin / 10)
	defer look.Stop()
	for deadline := time.Now().Add(paceWithin); time.Now().Before(deadline); {
		behind, err := a.behind(ctx)
		if err != nil || !behind {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}

// lagging is how long an event may wait before a rebuild lets the projection go first.
const lagging = 500 * time.Millisecond

// behind reports whether events wait to be projected.
func (a *App) behind(ctx context.Context) (bool, error) {
	floor, err := a.store.Floor(ctx, a.active.Active().Facts)
	if err != nil {
		return false, err
	}
	lag, err := a.lag(ctx, floor)
	return lag > lagging, err
}
