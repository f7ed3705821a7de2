package main

import (
	"context"
	"time"

	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/stream"
)

// How long after the last request that a generation answers may have begun its rows
// are deleted. Reports are right without snapshots; without facts they are not.
const (
	derivedReadFor = 5 * time.Second
	factsReadFor   = time.Minute
)

// leave deletes the rows of a generation that nothing writes any more. It tries again
// until they are gone.
func (w *writing) leave(ctx context.Context, g replay.Generation) {
	for ctx.Err() == nil {
		err := w.delete(ctx, g)
		if err == nil || ctx.Err() != nil {
			return
		}
		w.app.Log.WarnContext(ctx, "rows of a generation are not deleted, will try again", "generation", g.Name(), "error", err)
		sleep(ctx, followPause)
	}
}

func (w *writing) delete(ctx context.Context, g replay.Generation) error {
	s := w.app.active.now.Load()
	facts := !s.Uses(g.Facts)
	if unread := s.UnreadSince(g.Derived); !unread.IsZero() {
		read := derivedReadFor
		if facts {
			read = factsReadFor
		}
		sleep(ctx, time.Until(unread.Add(read)))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.app.store.DropDerived(ctx, g.Derived); err != nil {
		return err
	}
	if facts {
		if err := w.app.store.DropFacts(ctx, g.Facts); err != nil {
			return err
		}
	}
	if err := w.app.kept().forget(ctx, g); err != nil {
		return err
	}
	if _, err := w.app.replays.Left(ctx, g.Derived); err != nil {
		return err
	}
	w.app.Log.InfoContext(ctx, "a generation has left", "generation", g.Name(), "facts", facts)
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// kept keeps how far replays are, and their comparisons, in the broker.
type kept struct {
	progress    *stream.Set[replay.Progress]
	comparisons *stream.Set[replay.Compared]
}

func (a *App) kept() kept {
	return kept{stream.NewSet[replay.Progress](a.bucket, "replay"), stream.NewSet[replay.Compared](a.bucket, "comparison")}
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

func (k kept) Comparison(ctx context.Context, of string) (*replay.Compared, error) {
	c, known, err := k.comparisons.Get(ctx, of)
	if err != nil || !known {
		return nil, err
	}
	return &c, nil
}

func (k kept) SaveComparison(ctx context.Context, c replay.Compared) error {
	return k.comparisons.Put(ctx, c.Of, c)
}

func (k kept) forget(ctx context.Context, g replay.Generation) error {
	return k.comparisons.Remove(ctx, g.Name())
}
