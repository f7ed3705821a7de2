package main

import (
	"context"
	"time"
)

// paceWithin bounds how long a rebuild lets a projection that is behind go first.
const paceWithin = 400 * time.Millisecond

// pace lets what is live go first: while events wait to be projected, a rebuild waits a
// moment before each step.
func (a *App) pace(ctx context.Context) error {
	for deadline := time.Now().Add(paceWithin); time.Now().Before(deadline); {
		behind, err := a.behind(ctx)
		if err != nil || !behind {
			return err
		}
		if err := pauseFor(ctx, paceWithin/8); err != nil {
			return err
		}
	}
	return nil
}

// lagging is how long an event may wait before a rebuild lets the projection go first.
const lagging = 700 * time.Millisecond

// behind reports whether events wait to be projected.
func (a *App) behind(ctx context.Context) (bool, error) {
	floor := a.progress().Floor
	if floor == 0 { // another process projects, or this one begins to
		var err error
		if floor, err = a.store.Floor(ctx, a.active.Active().Facts); err != nil {
			return false, err
		}
	}
	lag, err := a.lag(ctx, floor)
	return lag > lagging, err
}

// lingerBeside is how long a batch of live events waits for company while a generation
// is built: fewer batches a second leave it more of the machine.
const lingerBeside = 250 * time.Millisecond

// pauseFor waits, or tells that the context has ended.
func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
