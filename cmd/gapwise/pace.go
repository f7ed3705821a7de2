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
	var look *time.Ticker
	for deadline := time.Now().Add(paceWithin); time.Now().Before(deadline); {
		behind, err := a.behind(ctx)
		if err != nil || !behind {
			return err
		}
		if look == nil {
			look = time.NewTicker(paceWithin / 8)
			defer look.Stop()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}

// lagging is how long an event may wait before a rebuild lets the projection go first.
const lagging = 500 * time.Millisecond

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
