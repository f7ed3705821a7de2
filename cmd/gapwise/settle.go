package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/stream"
)

// settle decides which generation shall be active at start, and loads it.
func (g *generations) settle(ctx context.Context) error {
	for {
		s, revision, err := g.pointer.Get(ctx)
		if err != nil {
			return fmt.Errorf("read which generation is active: %w", err)
		}
		next, changed, err := g.wanted(ctx, s, revision)
		if err != nil {
			return err
		}
		if !changed {
			return g.load(ctx, s)
		}
		// Of those who start at the same time one succeeds. A generation that did
		// not stays unused.
		if err := g.settleOn(ctx, s, revision, next); err != nil {
			return fmt.Errorf("activate generation %d: %w", next.Active.Derived, err)
		}
	}
}

// settleOn writes what the pointer shall say, unless another generation became active
// meanwhile. What else changed, such as generations that have left, stays.
func (g *generations) settleOn(ctx context.Context, s replay.State, revision uint64, next replay.State) error {
	for {
		_, err := g.pointer.CompareAndSet(ctx, revision, next)
		if !errors.Is(err, replay.ErrChanged) {
			return err
		}
		now, at, err := g.pointer.Get(ctx)
		if err != nil || now.Active.Derived != s.Active.Derived || now.Format < replay.StateFormat {
			return err
		}
		if next.Active.Derived != now.Active.Derived {
			next = now.Replace(next.Active, next.Since)
		}
		revision = at
	}
}

// wanted returns what the pointer shall say.
func (g *generations) wanted(ctx context.Context, s replay.State, revision uint64) (next replay.State, changed bool, err error) {
	if revision == 0 {
		first, err := g.make(ctx, replay.Generation{})
		return replay.First(first, time.Now().UTC().Truncate(time.Microsecond)), true, err
	}
	if s.Format < replay.StateFormat {
		next, err = g.upgrade(ctx, s)
		return next, true, err
	}
	for _, one := range s.Written() {
		if err := g.restore(ctx, one); err != nil {
			return s, false, err
		}
	}
	if s.Active.Catalog == g.found.Version || s.Kept != nil || s.Candidate != nil {
		return s, false, nil
	}
	unanswered, err := g.unanswered(ctx, s.Active.Facts)
	if err != nil || !unanswered {
		return s, false, err
	}
	made, err := g.make(ctx, s.Active)
	return s.Replace(made, time.Now().UTC().Truncate(time.Microsecond)), true, err
}

// upgrade completes a pointer that a version before wrote: what its reports were given
// with before its last publication of a model, the database tells.
func (g *generations) upgrade(ctx context.Context, s replay.State) (replay.State, error) {
	s.Format = replay.StateFormat
	if len(s.Leaving) == 0 {
		return s, nil
	}
	before := &s.Leaving[0]
	row, known, err := g.app.store.Generation(ctx, before.Derived)
	if err != nil || !known {
		return s, err
	}
	before.Catalog, before.Model = row.Catalog, row.Model
	if before.Catalog == s.Active.Catalog { // a database that is lost after this is filled again from there
		before.Published = s.Active.Published
	}
	if before.Model != project.StartingModel {
		if before.ModelPublished, err = g.app.store.Publication(ctx, before.Facts, before.Model); err != nil {
			return s, err
		}
	}
	if s.Since, err = g.app.store.GenerationMade(ctx, s.Active.Derived); err != nil {
		return s, err
	}
	s.History = []replay.Activation{{Generation: *before}, {Since: s.Since, Generation: s.Active}}
	return s, nil
}

// restore writes a generation again into a database that was lost or is new.
func (g *generations) restore(ctx context.Context, one replay.Generation) error {
	_, known, err := g.app.store.Generation(ctx, one.Derived)
	if err != nil || known {
		return err
	}
	course, err := g.course(ctx, one)
	if err != nil {
		return err
	}
	return g.save(ctx, one, course)
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
func (g *generations) make(ctx context.Context, before replay.Generation) (replay.Generation, error) {
	number, err := g.reserve(ctx, before.Derived)
	if err != nil {
		return before, fmt.Errorf("number a new generation: %w", err)
	}
	made := replay.Generation{
		Facts: before.Facts, Decoding: before.Decoding, Derived: number, Catalog: g.found.Version, Model: project.StartingModel,
	}
	if made.Facts == 0 {
		made.Facts, made.Decoding = number, project.Decoding
	}
	if made.Published, err = g.publishCatalog(ctx, g.found); err != nil {
		return before, fmt.Errorf("publish catalog %s: %w", g.found.Version, err)
	}
	var m *project.Model
	if before.Model != "" {
		if m, err = g.model(ctx, before); err != nil {
			return before, err
		}
	}
	if m != nil && m.Course == g.found.Course {
		made.Model, made.ModelPublished = before.Model, before.ModelPublished
	} else {
		m = nil
	}
	course, err := project.NewCourse(g.found, m)
	if err != nil {
		return before, err
	}
	return made, g.save(ctx, made, course)
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

// publishCatalog stores a catalog in the log and returns its sequence.
func (g *generations) publishCatalog(ctx context.Context, c *catalog.Catalog) (uint64, error) {
	content, err := c.Encode()
	if err != nil {
		return 0, err
	}
	e, err := event.NewTyped(event.CatalogPublished, "gapwise", event.NewID(), c.Course,
		time.Now(), &event.Publication{Version: c.Version, Content: string(content)})
	if err != nil {
		return 0, err
	}
	return g.app.publishEvents(ctx, []*event.Event{e})
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

// save stores a generation in the database, with what it is seen through.
func (g *generations) save(ctx context.Context, one replay.Generation, course *project.Course) error {
	if m := course.Describe(); m.Fitted != nil {
		if err := g.app.store.SaveModel(ctx, models.Record{Model: m, Made: models.Log, Created: time.Now()}); err != nil {
			return err
		}
	}
	return g.app.store.SaveGeneration(ctx, one.Row(), course.Catalog, time.Now())
}
