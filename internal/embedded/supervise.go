package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	firstPause = time.Second
	longPause  = 30 * time.Second

	// roomToStart is the free space that an engine is started again with.
	roomToStart = 16 << 20
	roomPause   = 500 * time.Millisecond

	// soundAfter is how long an engine must have run for its end to count as a first failure, not as one in a row.
	soundAfter = time.Minute
)

// supervise owns the child: it restarts one that ended unasked, and stops it at Close.
func (c *ClickHouse) supervise(p *process) {
	defer close(c.finished)
	defer close(c.exited)
	failures, since := 0, c.cfg.Now()
	for {
		select {
		case <-c.stopping:
			c.finish(c.stopSoftly(p))
			return
		case <-p.done:
		}
		if c.cfg.Now().Sub(since) > soundAfter || p.diskFailed() {
			failures = 0
		}
		cause := p.cause()
		c.setCurrent(nil, fmt.Errorf("clickhouse engine is being restarted: %w", cause))
		c.cfg.Logger.Error("clickhouse engine ended unexpectedly", "error", cause)
		if p = c.restart(&failures, cause); p == nil {
			c.finish(nil)
			return
		}
		since = c.cfg.Now()
	}
}

// restart starts children until one answers. failures counts the ends and failed starts in a row. It returns nil when the
// engine was given up, or is to be stopped while none runs.
func (c *ClickHouse) restart(failures *int, cause error) *process {
	ctx, cancel := c.untilStopping()
	defer cancel()
	for {
		*failures++
		if *failures > c.cfg.MaxRestarts {
			err := fmt.Errorf("clickhouse engine given up after %d failures in a row: %w", *failures, cause)
			c.setCurrent(nil, err)
			c.cfg.Logger.Error("clickhouse engine given up", "failures", *failures, "error", cause)
			c.exited <- err
			return nil
		}
		pause := min(firstPause<<(*failures-1), longPause)
		c.cfg.Logger.Info("clickhouse engine will be restarted", "pause", pause, "failures", *failures)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		c.waitForRoom(ctx)
		p, err := c.startReady(ctx)
		switch {
		case ctx.Err() != nil:
			if p != nil {
				p.kill()
			}
			return nil
		case err == nil:
			c.setCurrent(p, nil)
			c.cfg.Logger.Info("clickhouse engine restarted", "addr", c.tcp, "pid", p.cmd.Process.Pid)
			return p
		}
		cause = err
		c.cfg.Logger.Error("clickhouse engine could not be restarted", "error", err)
	}
}

// waitForRoom waits until an engine has room to start in: it writes a little when it does. A full disk is no reason to give
// it up.
func (c *ClickHouse) waitForRoom(ctx context.Context) {
	again := time.NewTicker(roomPause)
	defer again.Stop()
	for told := false; ; told = true {
		err := checkFree(c.cfg.Dir, roomToStart)
		if err == nil {
			return
		}
		c.setCurrent(nil, fmt.Errorf("clickhouse engine waits for room: %w", err))
		if !told {
			c.cfg.Logger.Error("clickhouse engine waits for room on its disk", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// untilStopping is a context that ends when Close is called.
func (c *ClickHouse) untilStopping() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-c.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// stopSoftly ends the serving query, after which the engine shuts down in order, and kills it if that takes too long.
func (c *ClickHouse) stopSoftly(p *process) error {
	c.mu.Lock()
	ctx, cancel := context.WithTimeout(c.stopCtx, engineStopTimeout)
	c.mu.Unlock()
	defer cancel()
	c.cfg.Logger.Info("clickhouse stopping", "pid", p.cmd.Process.Pid)
	if err := c.conn.Exec(ctx, killServingQuery); err != nil {
		p.kill()
		return fmt.Errorf("clickhouse: stop softly: %w; killed it instead", err)
	}
	_ = c.conn.Close() // the engine waits for its clients; closed again by finish, which does no harm
	select {
	case <-p.done:
		c.cfg.Logger.Info("clickhouse stopped")
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("clickhouse: stop softly: %w; killed it instead", ctx.Err())
	}
}

// finish records how it all ended.
func (c *ClickHouse) finish(err error) {
	err = errors.Join(err, c.conn.Close())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.stopErr = nil, err
	if c.down == nil {
		c.down = errors.New("clickhouse engine is stopped")
	}
}
