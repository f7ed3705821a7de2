package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// Then is how reports of a moment were given: with the catalog of then, with the model
// of then, or both. Facts are those of the active generation. Where a generation that
// is written has the same course its snapshots serve; else all of history is folded.
func (g *generations) Then(ctx context.Context, active query.Active, at time.Time, catalog, model bool) (query.Active, error) {
	s := g.now.Load()
	was := g.then(s, at)
	want := was
	if !catalog {
		want.Catalog, want.Published = active.Course.Catalog.Version, publishedAt(s.State, active.Course.Catalog.Version)
	}
	if !model {
		want.Model, want.ModelPublished = active.Course.Model, modelPublishedAt(s.State, active.Course.Model)
	}
	if want.Catalog == active.Course.Catalog.Version && want.Model == active.Course.Model {
		return active, nil
	}
	for _, one := range s.Written() {
		if one.Facts == active.Facts && one.Catalog == want.Catalog && one.Model == want.Model {
			return query.Active{Facts: active.Facts, Derived: one.Derived, Course: s.courses[one.Derived]}, nil
		}
	}
	course, err := g.courses.get(want.Catalog+" "+want.Model, func() (*project.Course, error) { return g.courseThen(ctx, want) })
	if err != nil {
		return active, err
	}
	name := fmt.Sprintf("%d.%d", active.Facts, 0)
	if catalog && model {
		name = was.Name()
	}
	return query.Active{Facts: active.Facts, Course: course, Name: name}, nil
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
