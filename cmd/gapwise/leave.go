package main

import (
	"context"
	"time"

	"github.com/gapwise/gapwise/internal/replay"
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
