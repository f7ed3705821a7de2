package main

import (
	"context"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// Then is how reports of a moment were given: with the catalog of then, with the model
// of then, or both. Facts are those of the active generation, whichever then's were: the
// same log gives the same ones. With both it has the name of the generation that gave the
// reports, though the rows of that may be gone.
func (g *generations) Then(ctx context.Context, active query.Active, at time.Time, catalog, model bool) (query.Active, error) {
	s := g.now.Load()
	want := g.then(s, at)
	name := want.Name()
	if !catalog {
		want.Catalog, want.Published = active.Course.Catalog.Version, publishedAt(s.State, active.Course.Catalog.Version)
	}
	if !model {
		want.Model, want.ModelPublished = active.Course.Model, modelPublishedAt(s.State, active.Course.Model)
	}
	want.Facts = active.Facts
	seen, err := g.through(ctx, s, active, want)
	if err == nil && catalog && model {
		seen.Name = name
	}
	return seen, err
}

// through sees the active facts through a catalog and a model. Where a generation that is
// written has the same course its snapshots serve; else all of history is folded.
func (g *generations) through(ctx context.Context, s *standing, active query.Active, want replay.Generation) (query.Active, error) {
	if want.Catalog == active.Course.Catalog.Version && want.Model == active.Course.Model {
		return active, nil
	}
	for _, one := range s.Written() {
		if one.Facts == want.Facts && one.Catalog == want.Catalog && one.Model == want.Model {
			return query.Active{Facts: one.Facts, Derived: one.Derived, Course: s.courses[one.Derived]}, nil
		}
	}
	course, err := g.courses.get(want.Catalog+" "+want.Model, func() (*project.Course, error) { return g.courseThen(ctx, want) })
	return query.Active{Facts: want.Facts, Course: course}, err
}

// InUse tells the versions of catalog and model that reports of a moment were given with.
func (g *generations) InUse(at time.Time) (catalog, model string) {
	was := g.then(g.now.Load(), at)
	return was.Catalog, was.Model
}

// then is the generation that answered requests at a moment; before any did, the first.
func (g *generations) then(s *standing, at time.Time) replay.Generation {
	for _, a := range slices.Backward(s.History) {
		if !at.Before(a.Since) {
			return a.Generation
		}
	}
	return s.History[0].Generation
}

// courseThen compiles a catalog of one time with a model of another, if they are of the
// same course.
func (g *generations) courseThen(ctx context.Context, want replay.Generation) (*project.Course, error) {
	c, err := g.catalog(ctx, want)
	if err != nil {
		return nil, err
	}
	m, err := g.model(ctx, want)
	if err != nil {
		return nil, err
	}
	if m != nil && m.Course != c.Course {
		return nil, httpserver.BadRequest("model %s is of course %s, and catalog %s of course %s: ask for both of then, or for both of now",
			m.Version, m.Course, c.Version, c.Course)
	}
	return project.NewCourse(c, m)
}

// modelPublishedAt is where the log holds a model that was active.
func modelPublishedAt(s replay.State, version string) uint64 {
	for _, a := range slices.Backward(s.History) {
		if a.Model == version {
			return a.ModelPublished
		}
	}
	return 0
}
