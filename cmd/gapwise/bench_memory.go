package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// memory measures resident memory when idle and the highest while events pass.
func (b *benchRun) memory(ctx context.Context) (rows []benchRow, err error) {
	process, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Second):
	}
	idle, err := process.memory("VmRSS")
	if err != nil {
		return nil, err
	}
	p := newProgress(b.terminal.err, "events", nil)
	events, stop, err := b.simulated(ctx, b.events)
	if err != nil {
		return nil, err
	}
	defer stop()
	s := &sender{client: b.client, patience: time.Minute, progress: p}
	started := time.Now()
	err = s.send(ctx, events)
	p.end()
	if err != nil {
		return nil, err
	}
	if s.rejected > 0 {
		return nil, fmt.Errorf("%d of %d events were rejected, the first one since: %s", s.rejected, b.events, s.total.Rejected[0].Error)
	}
	sent := time.Since(started)
	if _, err := b.client.waitProjected(ctx); err != nil {
		return nil, err
	}
	projected := time.Since(started)
	peak, err := process.memory("VmHWM")
	if err != nil {
		return nil, err
	}
	return []benchRow{
		atMost("memory idle", "MB", 150, idle),
		atMost(fmt.Sprintf("memory peak while %d events pass", b.events), "MB", 400, peak),
		{Name: "events taken at the door", Unit: "1/s", Ours: float64(b.events) / sent.Seconds()},
		{Name: "events taken and projected", Unit: "1/s", Ours: float64(b.events) / projected.Seconds()},
	}, nil
}
