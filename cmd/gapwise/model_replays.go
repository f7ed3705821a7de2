package main

import (
	"context"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/replay"
)

// modelReplays lets models be published by replays.
type modelReplays struct{ *replay.Replays }

var _ models.Replays = modelReplays{}

// Make builds a generation with a model, and waits until it is ready. One that a
// publication before began is waited for.
func (m modelReplays) Make(ctx context.Context, model string, tell func(models.Progress)) (*models.Built, error) {
	s, _, err := m.Pointer.Get(ctx)
	if err != nil {
		return nil, err
	}
	c := s.Candidate
	if c == nil || c.Model != model || c.Catalog != s.Active.Catalog || c.Facts != s.Active.Facts {
		order := replay.Order{Action: replay.ActionStart, From: replay.FromFacts, Catalog: s.Active.Catalog, Model: model}
		if c, err = m.Start(ctx, order); err != nil {
			return nil, err
		}
	}
	compared, err := m.Await(ctx, c.ID, func(p *replay.Progress) {
		tell(models.Progress{Step: p.Step, Done: p.Done, Of: p.Of, Unit: p.Unit})
	})
	if err != nil {
		return nil, err
	}
	return &models.Built{Derived: c.Derived, Published: c.ModelPublished, Changes: compared.People}, nil
}

// Activate moves the pointer: what it changes was agreed to before.
func (m modelReplays) Activate(ctx context.Context) error {
	all := 1.0
	return m.Replays.Activate(ctx, &all)
}
