package main

import (
	"context"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// sight is a generation as reports see it.
func (g *generations) sight(ctx context.Context, one replay.Generation) (query.Active, error) {
	course := g.now.Load().courses[one.Derived]
	if course == nil {
		var err error
		if course, err = g.course(ctx, one); err != nil {
			return query.Active{}, err
		}
	}
	return query.Active{Facts: one.Facts, Derived: one.Derived, Course: course}, nil
}

// compareGeneration compares a generation with the active one.
func (a *App) compareGeneration(ctx context.Context, s replay.State, to replay.Generation, tell func(done, of uint64)) (*query.Comparison, error) {
	from, err := a.active.sight(ctx, s.Active)
	if err != nil {
		return nil, err
	}
	candidate, err := a.active.sight(ctx, to)
	if err != nil {
		return nil, err
	}
	return a.service.Compare(ctx, from, candidate, tell)
}

// changes tells what another course would change of the states that reports give now.
func (a *App) changes(ctx context.Context, to *project.Course, tell func(done, of uint64)) (*query.StateChanges, error) {
	return a.service.Changes(ctx, to, tell)
}
