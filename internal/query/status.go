package query

import (
	"context"
)

// Counts tells what became of the log's messages in one generation of facts.
type Counts struct {
	Messages   uint64 `json:"messages"`
	Facts      uint64 `json:"facts"`
	Duplicates uint64 `json:"duplicates"`
	Conflicts  uint64 `json:"conflicts"`
	Dead       uint64 `json:"dead_letters"` // conflicts not among them
	Answers    uint64 `json:"answers"`
	Learners   uint64 `json:"learners"`
}

// Projections says how far the projection is and what reports rest on.
type Projections struct {
	Basis
	Floor  uint64 `json:"floor"` // the last projected sequence
	Last   uint64 `json:"last"`  // the last sequence of the log
	Counts Counts `json:"counts"`
	// Proposed is the catalog that waits for a replay: published, or found at start.
	Proposed string `json:"proposed_catalog,omitempty"`
	// ProposedModel is the newest model fitted here since the active one was activated.
	ProposedModel string `json:"proposed_model,omitempty"`
	// Rebuild is the generation that is built beside the active one; null: there is none.
	Rebuild *Rebuild `json:"rebuild"`
}

// plus adds what came of further messages; learners aside.
func (c Counts) plus(d Counts) Counts {
	c.Messages += d.Messages
	c.Facts += d.Facts
	c.Duplicates += d.Duplicates
	c.Conflicts += d.Conflicts
	c.Dead += d.Dead
	c.Answers += d.Answers
	return c
}

// minus takes away what plus added.
func (c Counts) minus(d Counts) Counts {
	c.Messages -= d.Messages
	c.Facts -= d.Facts
	c.Duplicates -= d.Duplicates
	c.Conflicts -= d.Conflicts
	c.Dead -= d.Dead
	c.Answers -= d.Answers
	return c
}

// Projections reports how far the projection is.
func (s *Service) Projections(ctx context.Context) (*Projections, error) {
	p, v, err := s.progressOfLog(ctx)
	if err != nil {
		return nil, err
	}
	if p.Rebuild, err = s.Rebuild(ctx); err != nil {
		return nil, err
	}
	p.Counts.Learners, err = s.Store.NewLearners(ctx, v.Facts, 0, p.Floor)
	return p, err
}

// progressOfLog is Projections without the learners, which take longest to count.
func (s *Service) progressOfLog(ctx context.Context) (*Projections, *view, error) {
	v, err := s.view(ctx, Moment{})
	if err != nil {
		return nil, nil, err
	}
	p := &Projections{Basis: v.basis, Floor: v.at.Seq}
	if p.Counts, err = s.Store.Counts(ctx, v.Facts, 0, p.Floor); err != nil {
		return nil, nil, err
	}
	if p.Last, err = s.Last(ctx); err != nil {
		return nil, nil, err
	}
	if p.Proposed, err = s.ProposedCatalog(ctx); err != nil {
		return nil, nil, err
	}
	p.ProposedModel, err = s.Store.Proposal(ctx, v.Course.Catalog.Course, v.Derived)
	return p, v, err
}

// Basis tells what an answer of now rests on.
func (s *Service) Basis(ctx context.Context) (Basis, error) {
	v, err := s.view(ctx, Moment{})
	if err != nil {
		return Basis{}, err
	}
	return v.basis, nil
}
