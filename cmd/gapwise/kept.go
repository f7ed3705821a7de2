package main

import (
	"context"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// kept keeps how far replays are, and their comparisons, in the broker. An erasure
// doesn't look for learners there, so comparisons name them by their hashes, which the
// facts turn into ids again.
type kept struct {
	progress    *stream.Set[replay.Progress]
	comparisons *stream.Set[replay.Compared]
	store       *store.Store
	hash        func(learner string) project.HMAC
}

func (a *App) kept() kept {
	return kept{
		progress:    stream.NewSet[replay.Progress](a.bucket, "replay"),
		comparisons: stream.NewSet[replay.Compared](a.bucket, "comparison"),
		store:       a.store, hash: a.key.learner,
	}
}

func (k kept) Progress(ctx context.Context, id string) (*replay.Progress, error) {
	p, known, err := k.progress.Get(ctx, "progress")
	if err != nil || !known || p.Replay != id {
		return nil, err
	}
	return &p, nil
}

func (k kept) SaveProgress(ctx context.Context, p replay.Progress) error {
	return k.progress.Put(ctx, "progress", p)
}

// Comparison returns what is kept of a comparison; learners who were erased since are
// left out of its lists.
func (k kept) Comparison(ctx context.Context, of string) (*replay.Compared, error) {
	c, known, err := k.comparisons.Get(ctx, of)
	if err != nil || !known {
		return nil, err
	}
	if c.Result == nil || c.Result.People == nil {
		return &c, nil
	}
	var hashes []project.HMAC
	c.Result.People.WithLearners(func(hash string) (string, bool) {
		h, ok := project.ParseHMAC(hash)
		hashes = append(hashes, h)
		return hash, ok
	})
	ids, err := k.store.LearnersOf(ctx, hashes)
	if err != nil {
		return nil, err
	}
	c.Result.People = c.Result.People.WithLearners(func(hash string) (string, bool) {
		h, _ := project.ParseHMAC(hash)
		id, there := ids[h]
		return id, there
	})
	return &c, nil
}

func (k kept) SaveComparison(ctx context.Context, c replay.Compared) error {
	if c.Result != nil {
		result := *c.Result
		result.People = result.People.WithLearners(func(id string) (string, bool) { return k.hash(id).String(), true })
		c.Result = &result
	}
	return k.comparisons.Put(ctx, c.Of, c)
}

func (k kept) forget(ctx context.Context, g replay.Generation) error {
	return k.comparisons.Remove(ctx, g.Name())
}
